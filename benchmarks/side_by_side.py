"""All models of the course on the same binary digits: held-out likelihood over several seeds, and what each costs.

    python benchmarks/side_by_side.py train [SEEDS]   # 5 seeds unless given: about twenty minutes on one core
    python benchmarks/side_by_side.py cost            # five minutes, on a machine that does nothing else
    python benchmarks/side_by_side.py mnist           # the checkpoints of binarized MNIST: two minutes

Each part writes its figures where `armodels_lite.stored_results` finds them ("side_by_side", "side_by_side_cost",
"side_by_side_mnist"), with the machine, the date and the seeds under "measured"; notebook 14 reads them. One thread.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from results import write_results
from timing import medians
from torch import Tensor

import armodels_lite as ar
from armodels_lite.card import read_card
from armodels_lite.distributions import uniform_noise
from armodels_lite.inspection import default_context
from armodels_lite.recipes import find_recipe
from armodels_lite.recipes.shared import DIGITS, LEVELS, LEVELS_TRAINING
from armodels_lite.saving import SHIPPED

SAMPLES = 100  # drawn together
DRAWS = 30  # at least, over which predictive sampling is timed


@dataclass(frozen=True)
class Entry:
    """A model of the table.

    Attributes:
        shares: what the conditionals have in common.
        model: builds it untrained.
        training: keyword arguments of `ar.fit`; None where the tables are counted.
        flat: the image as a sequence of 64 values.
        levels: whether it takes int64 levels in place of floats.
    """

    shares: str
    model: Callable[[], ar.AutoregressiveModel]
    training: Mapping[str, object] | None
    flat: bool = False
    levels: bool = False

    def events(self, x: Tensor) -> Tensor:
        """The images (N, 1, 8, 8) as this model takes them."""
        x = x.flatten(1) if self.flat else x
        return x.long() if self.levels else x


def from_recipe(name: str, shares: str) -> Entry:
    recipe = find_recipe(name)
    return Entry(shares, recipe.model, recipe.training, flat=recipe.options.get("flat", False))


def neighbours() -> list[list[int]]:
    """For each pixel the one to its left and the three above, where they exist."""
    parents = []
    for row in range(8):
        for column in range(8):
            near = [(row, column - 1), *((row - 1, column + d) for d in (-1, 0, 1))]
            parents.append([8 * r + c for r, c in near if r >= 0 and 0 <= c < 8])
    return parents


LSTM = find_recipe("digits_lstm")


def recurrent(cell: str) -> ar.RNN:
    return ar.RNN((64,), hidden=128, cell=cell, position=True, dropout=0.2)


def pixel_rnn(kind: str) -> ar.PixelRNN:
    return ar.PixelRNN(DIGITS, kind=kind, channels=24, layers=2, kernel_size=7)


def wavenet() -> ar.WaveNet:
    return ar.WaveNet(
        (64,), channels=32, layers=5, stacks=2, conditional=ar.Categorical(2), position=True
    )


# Settings were chosen on the validation images: those of the recipes each by itself; the others took over what suits
# their nearest neighbour, and two to three learning rates and weight decays were tried.
IMAGES = {"epochs": 30, "schedule": "cosine", "batch_size": 32, "learning_rate": 1e-2}
ENTRIES: dict[str, Entry] = {
    "independent pixels": Entry("nothing", lambda: ar.IndependentBernoulli(DIGITS), None),
    "Bayes net": Entry(
        "nothing: a table each", lambda: ar.BayesNet((64,), parents=neighbours()), None, flat=True
    ),
    "FVSBN": from_recipe("digits_fvsbn", "nothing: a regression each"),
    "NADE": from_recipe("digits_nade", "the input weights"),
    "NADE, any order": from_recipe("digits_nade_orders", "all weights, by all orders"),
    "MADE": from_recipe("digits_made", "the hidden units"),
    "MADE, 8 orders": from_recipe("digits_made_orders", "hidden units, by 8 orders"),
    "RNN (tanh)": Entry(
        "one cell for all steps",
        partial(recurrent, "rnn"),
        {**LSTM.training, "learning_rate": 5e-3},
        flat=True,
    ),
    "GRU": Entry("one cell for all steps", partial(recurrent, "gru"), LSTM.training, flat=True),
    "LSTM": from_recipe("digits_lstm", "one cell for all steps"),
    "PixelRNN, rows": Entry(
        "one cell for all pixels", partial(pixel_rnn, "row"), {**IMAGES, "weight_decay": 1.0}
    ),
    "PixelRNN, diagonals": Entry(
        "one cell for all pixels", partial(pixel_rnn, "diagonal"), {**IMAGES, "weight_decay": 0.3}
    ),
    "Transformer": from_recipe("digits_transformer", "all but the positions"),
    "WaveNet": Entry(
        "the kernels", wavenet, {**IMAGES, "weight_decay": 0.3}, flat=True, levels=True
    ),
    "PixelCNN": from_recipe("digits_pixelcnn", "the kernels"),
    "Gated PixelCNN": from_recipe("digits_gated_pixelcnn", "the kernels"),
    "PixelCNN++": Entry(
        "the kernels",
        lambda: ar.PixelCNNpp(DIGITS, conditional=ar.Categorical(2), **LEVELS),
        LEVELS_TRAINING,
        levels=True,
    ),
}


def trained(entry: Entry, digits: object, seed: int) -> tuple[ar.AutoregressiveModel, float]:
    """A model trained from this seed, and the CPU seconds that it took."""
    torch.manual_seed(seed)
    model, x = entry.model(), entry.events(digits.train.x)
    started = time.process_time()
    if entry.training is None:
        model.count(x)
    else:
        ar.fit(model, x, entry.events(digits.valid.x), seed=seed, progress=False, **entry.training)
    return model, time.process_time() - started


def train(seeds: int) -> None:
    digits, rows = ar.load("digits"), {}
    for name, entry in ENTRIES.items():
        row = {"parameters": 0, "shares": entry.shares, "nats": [], "valid": [], "seconds": []}
        images = None
        for seed in range(seeds if entry.training else 1):
            model, seconds = trained(entry, digits, seed)
            test = ar.evaluate(model, entry.events(digits.test.x))
            images = test.per_example if images is None else images + test.per_example
            row["parameters"] = model.num_parameters()
            row["nats"].append(round(test.nats, 3))
            row["valid"].append(round(ar.evaluate(model, entry.events(digits.valid.x)).nats, 3))
            row["seconds"].append(round(seconds, 1))
        # The mean over the seeds for each image: what paired comparisons of models need.
        row["per image"] = [round(v, 3) for v in (images / len(row["nats"])).tolist()]
        rows[name] = row
        print(name, {k: row[k] for k in ("parameters", "nats", "valid", "seconds")}, flush=True)
        write_results("side_by_side", rows, seeds=list(range(seeds)))


# -- what drawing costs ----------------------------------------------------------------------------------------------


def drawing(model: ar.AutoregressiveModel, n: int) -> dict[str, float]:
    """Seconds a sample when n are drawn together: with a cache, without, and by predictive sampling.

    Without a cache every value takes a pass over all n; one is timed and multiplied by their number. How many passes
    predictive sampling takes is luck, so where few are drawn together it is timed over some thirty draws.
    """
    context = default_context(model, n)
    nothing = torch.zeros(n, *model.event_shape, dtype=model.event_dtype)
    generator = torch.Generator().manual_seed(0)
    noises = [
        uniform_noise(tuple(nothing.shape), generator=generator) for _ in range(-(-DRAWS // n))
    ]

    def predictive() -> list[Tensor]:
        found = [ar.predictive_sample(model, noise=u, context=context) for u in noises]
        return [draws.passes for draws in found]

    times = medians(
        {
            "cached": lambda: model.sample(noise=noises[0], context=context),
            "pass": lambda: one_pass(model, nothing, context),
            "predictive": predictive,
        },
        rounds=3,
    )
    seconds = {name: value / 1000 / n for name, value in times.items()}
    return {
        "cached": seconds["cached"],
        "naive": seconds["pass"] * model.num_variables,
        "predictive": seconds["predictive"] / len(noises),
        "passes": torch.cat(predictive()).double().mean().item(),
    }


@torch.no_grad()
def one_pass(model: ar.AutoregressiveModel, x: Tensor, context: Tensor | None) -> Tensor:
    return model.params(x, context)


def cache_bytes(model: ar.AutoregressiveModel) -> float:
    """Bytes that a decoder keeps for each sample: how much it grows with their number, weights and x left out."""
    return (kept_bytes(model, 32) - kept_bytes(model, 16)) / 16


def kept_bytes(model: ar.AutoregressiveModel, n: int) -> int:
    decoder = model.decoder(n, default_context(model, n))
    kept = [getattr(decoder, name) for name in decoder.state if name != "x"]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors(kept))


def tensors(kept: object) -> Iterator[Tensor]:
    """The tensors in what a decoder keeps."""
    if isinstance(kept, Tensor):
        yield kept
    elif isinstance(kept, list | tuple):
        for part in kept:
            yield from tensors(part)
    elif type(kept).__name__.endswith("Cache"):
        yield from tensors(list(vars(kept).values()))


def cost() -> None:
    digits, rows = ar.load("digits"), {}
    for name, entry in ENTRIES.items():
        model, _ = trained(entry, digits, seed=0)
        model.eval()
        rows[name] = {
            "steps": model.num_variables,
            "cache bytes": cache_bytes(model),
            f"{SAMPLES} together": drawing(model, SAMPLES),
            "one alone": drawing(model, 1),
        }
        print(name, rows[name], flush=True)
    write_results("side_by_side_cost", rows, seeds=[0])


# -- binarized MNIST -------------------------------------------------------------------------------------------------

CHECKPOINTS = ("fvsbn", "nade", "made", "pixelrnn", "pixelcnn", "gated_pixelcnn", "transformer")


def mnist() -> None:
    rows = {}
    for short in CHECKPOINTS:
        name = f"binarized_mnist_{short}"
        model, card = ar.load_pretrained(name), read_card(SHIPPED / name)
        score = card["scores"]["test"]
        rows[name] = {
            "about": card["about"],
            "parameters": model.num_parameters(),
            "nats": score["nats"],
            "standard error": score["standard error"],
            "minutes": card["compute"]["minutes"],
            "steps": model.num_variables,
            "cache bytes": cache_bytes(model),
            "16 together": drawing(model, 16),
        }
        print(name, rows[name], flush=True)
    write_results("side_by_side_mnist", rows, seeds=[0])


if __name__ == "__main__":
    part, *rest = sys.argv[1:] or [""]
    torch.set_num_threads(1)
    parts = {"train": lambda: train(int(rest[0]) if rest else 5), "cost": cost, "mnist": mnist}
    if part not in parts:
        sys.exit(f"name one of {', '.join(parts)}, got {part!r}")
    parts[part]()
