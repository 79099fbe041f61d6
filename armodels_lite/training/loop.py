"""`fit`: minimise a model's loss by gradient steps, on any device, stopped and resumed at will."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..base import Model
from ..progress import Progress
from . import checkpoint as files
from .evaluation import CHECKED_AT_ONCE, check_all, examples, nats_per_example
from .history import History
from .randomness import own_randomness, seed_for
from .settings import Settings, learning_rate_at
from .state import TrainingState, fingerprint
from .workers import Workers

__all__ = ["fit"]

STEPS_BETWEEN_CHECKS = 50  # on a GPU, where looking at a number means waiting for the device
WHOLE_ON_DEVICE = (
    2 << 30
)  # bytes: data up to this size are moved to the GPU once, larger ones batch by batch


def fit(
    model: Model,
    train: object,
    valid: object = None,
    *,
    epochs: int = 100,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    optimizer: str = "adam",
    schedule: str = "constant",
    warmup: int = 0,
    weight_decay: float = 0.0,
    clip: float | None = None,
    ema: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    precision: str = "auto",
    transform: Callable[[Tensor], Tensor] | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 1,
    resume: bool | str = False,
    progress: bool | str = "auto",
) -> History:
    """Train a model in place by minimising `model.loss`: for a density the mean negative log-likelihood in nats.

    With validation data the model ends with the weights of its best epoch on them, else with those of the
    last. A loss that grows but stays finite (a learning rate far too high) stops nothing: look at the
    History. The same seed gives the same weights on the same machine: all randomness (order of the examples,
    dropout, `transform`) follows from `seed` and the epoch. The global random state is left as it was, and so
    are the model's device and its train or eval mode.

    Args:
        model: any model with a loss.
        train, valid: a split with `.x` and `.y`, a tensor of events (N, *event_shape), or a pair (x, y). y is
            fed to conditional models and classifiers only.
        epochs: passes over the training data, at most.
        batch_size: examples per step, over all processes together. The last batch of an epoch may be smaller.
        learning_rate: at its highest.
        optimizer: "adam", or "sgd": stochastic gradient descent with momentum 0.9, which needs a learning rate of its
            own. On binarized MNIST it brought the FVSBN 0.3 nats lower than Adam did on the validation images.
        schedule: "constant", or "cosine" to 0 over all epochs.
        warmup: steps over which the learning rate rises from 0 at the beginning.
        weight_decay: decoupled from the gradient, as in AdamW; with "sgd", an L2 penalty.
        clip: the largest norm of the gradient; longer gradients are shortened to it.
        ema: decay per step of an average of the weights, for instance 0.999; the average is what is validated
            and what the model ends with. It follows faster during the first steps.
        patience: stop after so many epochs without a better validation loss.
        seed: an int of at least 0.
        device: "auto" (where the model is, if that is no CPU; else CUDA if there is one; else CPU), or a
            device. Under torchrun each process has its own.
        precision: "float32" (or what the model's weights are), "bfloat16" (mixed), or "auto": mixed for
            models of ten million weights and more on a CUDA device that knows bfloat16. Validation is never
            mixed.
        transform: applied to each batch of training events, for instance to binarise anew in each epoch; its
            result must be what the model takes. It may use torch's random functions.
        checkpoint: a folder for the state of the training; written every `checkpoint_every` epochs and at the
            end.
        resume: True goes on from the checkpoint in the folder (and starts if there is none): to the last bit
            where an uninterrupted run would be. "previous" uses the checkpoint before it.
        progress: "auto" shows one line on a terminal or in a live notebook, False nothing.

    Returns:
        The History. Interrupting (Ctrl-C, or stop in a notebook) ends training early: fit returns with
        `stopped_because="interrupted"`, and the model holds the weights described above for the epochs
        finished; inside the first epoch, its weights of that moment. With several processes the interrupt is
        raised.

    Raises:
        ValueError, TypeError: an argument or data that do not fit; a damaged checkpoint; a checkpoint of
            another run; a folder that holds a checkpoint already, without `resume`.
        FloatingPointError: loss, gradient or weights stopped being finite; says where. The model is left with
            the weights described above for the epochs before it.

    >>> import armodels_lite as ar
    >>> digits, model = ar.load("digits"), ar.FVSBN((1, 8, 8))
    >>> history = ar.fit(model, digits.train, digits.valid, epochs=2)
    >>> len(history), history.stopped_because
    (2, 'epochs')
    """
    settings = Settings(
        epochs,
        batch_size,
        learning_rate,
        schedule,
        warmup,
        weight_decay,
        clip,
        ema,
        patience,
        seed,
        precision,
        optimizer,
    )
    if resume not in (True, False, "previous"):
        raise ValueError(f"resume is {resume!r}; accepted: True, False, 'previous'")
    if resume and checkpoint is None:
        raise ValueError("resume needs the checkpoint folder to resume from")
    if not isinstance(checkpoint_every, int) or checkpoint_every < 1:
        raise ValueError(
            f"checkpoint_every is {checkpoint_every!r}; accepted: an int of at least 1"
        )
    if patience is not None and valid is None:
        raise ValueError("patience needs validation data")
    train = examples(model, train, "train")
    valid = None if valid is None else examples(model, valid, "valid")
    run = _Run(model, train, valid, settings, device, transform)
    with run.workers:
        run.check_data()
        if checkpoint is not None:
            run.attach(Path(checkpoint), checkpoint_every, resume)
        return run.train(progress)


class _Run:
    """One call of `fit`."""

    def __init__(
        self,
        model: Model,
        train: tuple[Tensor, Tensor | None],
        valid: tuple[Tensor, Tensor | None] | None,
        settings: Settings,
        device: str | torch.device,
        transform: Callable[[Tensor], Tensor] | None,
    ) -> None:
        self.model, self.settings, self.transform = model, settings, transform
        self.workers = Workers(model, device, settings.precision)
        self.device = self.workers.device
        self.train_data, self.valid_data = train, valid
        self.steps_per_epoch = -(-len(train[0]) // settings.batch_size)
        self.folder, self.every = None, 1

    def check_data(self) -> None:
        """Everything once, so that the loop need not look again; then make ready to train."""
        x, context = self.train_data
        with own_randomness(self.device, seed_for(self.settings.seed, 0, "check")):
            for start in range(0, len(x), CHECKED_AT_ONCE):
                part = slice(start, start + CHECKED_AT_ONCE)
                given = None if context is None else context[part]
                check_all(
                    self.model, self._transformed(x[part].to(self.device)), given, self.device
                )
        if self.valid_data is not None:
            check_all(self.model, *self.valid_data, self.device)
        self.objective = self.workers.prepare(self.model)
        self.state = TrainingState(self.model, self.settings, keep_best=self.valid_data is not None)
        self.x, self.context = self._near(x), None if context is None else self._near(context)

    def attach(self, folder: Path, every: int, resume: bool | str) -> None:
        """Use a checkpoint folder, and go on from what it holds if asked to."""
        self.folder, self.every = folder, every
        self.data_mark = fingerprint(*self.train_data)
        if not files.exists(folder):
            return
        if not resume:
            raise ValueError(
                f"{folder} holds a checkpoint already: resume=True goes on from it; for a new training take "
                "an empty folder"
            )
        tensors, stored = files.load(folder, previous=resume == "previous")
        self.state.restore(tensors, stored, self.data_mark, folder)
        if resume == "previous" and self.workers.is_main:
            files.set_latest_aside(folder)

    def train(self, progress: bool | str) -> History:
        """All epochs that remain."""
        state, history = self.state, self.state.history
        total = self.settings.epochs * self.steps_per_epoch
        show = progress if self.workers.is_main else False
        try:
            with Progress(total, "training", unit="step", show=show) as line:
                line.update(len(history) * self.steps_per_epoch)
                while not self._reason_to_stop():
                    self._epoch(line)
            history.stopped_because = self._reason_to_stop()
        except KeyboardInterrupt:
            history.stopped_because = "interrupted"
            state.leave(keep_current=len(history) == 0)
            if self.workers.number > 1:
                raise
        except FloatingPointError:
            state.leave()
            raise
        else:
            state.leave()
        return history

    def _reason_to_stop(self) -> str:
        history, patience = self.state.history, self.settings.patience
        if patience is not None and len(history) - history.best_epoch >= patience:
            return "patience"
        return "epochs" if len(history) >= self.settings.epochs else ""

    def _epoch(self, line: Progress) -> None:
        started, epoch = time.perf_counter(), len(self.state.history) + 1
        seed = seed_for(self.settings.seed, epoch, f"noise of process {self.workers.index}")
        with own_randomness(self.device, seed), torch.enable_grad():
            train_loss = self._pass_over_data(epoch, line)
            self._require_finite_weights(epoch)
            with self.state.result_weights():
                valid_loss = self._validate(epoch)
                rate = self.state.optimizer.param_groups[0]["lr"]
                self.state.record(train_loss, valid_loss, rate, time.perf_counter() - started)
        line.update(0, note=_note(epoch, self.settings.epochs, train_loss, valid_loss))
        if self.folder is not None and (epoch % self.every == 0 or self._reason_to_stop()):
            self._save()

    def _pass_over_data(self, epoch: int, line: Progress) -> float:
        """All steps of an epoch; returns the mean loss in nats per example."""
        settings, state = self.settings, self.state
        n, total_steps = len(self.x), settings.epochs * self.steps_per_epoch
        generator = torch.Generator().manual_seed(seed_for(settings.seed, epoch, "order"))
        order = torch.randperm(n, generator=generator).to(self.x.device)
        watch = _Watch(self.device, epoch, self.steps_per_epoch)
        self.model.train()
        for step in range(self.steps_per_epoch):
            state.set_learning_rate(
                learning_rate_at((epoch - 1) * self.steps_per_epoch + step, total_steps, settings)
            )
            batch = order[step * settings.batch_size : (step + 1) * settings.batch_size]
            mine, weight = self.workers.share(batch)
            x = self._transformed(self.x[mine].to(self.device, non_blocking=True))
            context = (
                None
                if self.context is None
                else self.context[mine].to(self.device, non_blocking=True)
            )
            with self.workers.autocast():
                loss = self.objective(x, context)
            state.optimizer.zero_grad(set_to_none=True)
            (loss if weight == 1 else loss * weight).backward()
            watch.see(step, loss.detach(), weight * len(batch), state.clip_gradient())
            state.step()
            line.update(1)
        return self.workers.mean(watch.total()) / n

    def _validate(self, epoch: int) -> float | None:
        if self.valid_data is None:
            return None
        x, context = self.valid_data
        nats = nats_per_example(self.model, x, context, 2 * self.settings.batch_size, self.device)
        loss = nats.mean().item()
        if math.isnan(loss):
            raise FloatingPointError(f"the validation loss is NaN after epoch {epoch}. {_ADVICE}")
        return loss

    def _require_finite_weights(self, epoch: int) -> None:
        finite = torch.stack([weight.isfinite().all() for weight in self.state.weights]).all()
        if not finite:
            raise FloatingPointError(
                f"weights are no longer finite at the end of epoch {epoch}. {_ADVICE}"
            )

    def _transformed(self, x: Tensor) -> Tensor:
        return x if self.transform is None else self.transform(x)

    def _near(self, x: Tensor) -> Tensor:
        small = x.numel() * x.element_size() <= WHOLE_ON_DEVICE
        return x.to(self.device) if small else x

    def _save(self) -> None:
        """Write the state after a whole epoch; one process writes, the others wait."""
        if self.workers.is_main:
            files.save(self.folder, *self.state.stored(self.data_mark))
        self.workers.wait()


_ADVICE = "The model holds the last good weights. Try a smaller learning_rate, or clip=1.0."


class _Watch:
    """Sums the losses of an epoch and notices the first one that is not finite.

    On a CPU every step is looked at before the weights change. On a GPU the sums stay on the device and are
    looked at now and then; a sum that is not finite stays so.
    """

    def __init__(self, device: torch.device, epoch: int, steps: int) -> None:
        self.device, self.epoch, self.steps = device, epoch, steps
        self.every = 1 if device.type == "cpu" else STEPS_BETWEEN_CHECKS
        self.losses = self.norms = 0.0  # become tensors on a GPU

    def see(self, step: int, loss: Tensor, weight: float, norm: Tensor | None) -> None:
        """Take in the loss of a step, which counts `weight` times, and the norm of its gradient."""
        if self.every == 1:
            self.losses += loss.item() * weight
            self.norms += 0.0 if norm is None else norm.item()
        else:
            self.losses = self.losses + loss.to(_widest(self.device)) * weight
            self.norms = self.norms if norm is None else self.norms + norm
        if step % self.every == 0:
            self._look(step)

    def total(self) -> Tensor:
        """The sum over the epoch's examples, on the device."""
        self._look(self.steps - 1)
        return torch.as_tensor(self.losses, dtype=_widest(self.device), device=self.device)

    def _look(self, step: int) -> None:
        for name, value in (("loss", float(self.losses)), ("gradient", float(self.norms))):
            if not math.isfinite(value):
                place = f"epoch {self.epoch}, step {step + 1} of {self.steps}"
                when = f"in {place}" if self.every == 1 else f"at or before {place}"
                raise FloatingPointError(f"the {name} became {value} {when}. {_ADVICE}")


def _widest(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64


def _note(epoch: int, epochs: int, train: float, valid: float | None) -> str:
    text = f"epoch {epoch}/{epochs}, train {train:.3f}"
    return text + ("" if valid is None else f", valid {valid:.3f}") + " nats"
