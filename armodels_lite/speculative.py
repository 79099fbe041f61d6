"""Speculative sampling: a quick model drafts several values ahead, the slow one judges all of them in one pass.

Sources: Y. Leviathan, M. Kalman, Y. Matias, "Fast Inference from Transformers via Speculative Decoding", 2023; C. Chen,
S. Borgeaud, G. Irving, J.-B. Lespiau, L. Sifre, J. Jumper, "Accelerating Large Language Model Decoding with Speculative
Sampling", 2023. Differs from them: the sequences of a batch go on each at its own pace, and every pass runs over whole
events, without a cache.

Why it is exact: let q be the draft's conditional and p the model's, both given the same past. A value drawn from q is
kept with probability min(1, p/q); if it is not kept, one is drawn from the rest of p, max(p - q, 0) normalised. A
value v then comes out with probability min(q(v), p(v)) + max(p(v) - q(v), 0) = p(v), whatever q is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .arguments import positive, random_numbers
from .chain import AutoregressiveModel
from .distributions import uniform_noise
from .inspection import check_kind
from .sampling import check_count, check_weights, sampling_mode

__all__ = ["SpeculativeSample", "speculative_sample"]


@dataclass(frozen=True)
class SpeculativeSample:
    """What `speculative_sample` drew.

    Attributes:
        x: (n, *event_shape), the draws.
        passes: int64 (n,), passes of the slow model that each draw needed.
        accepted: of the draft's values that were judged, the share that was kept, over all draws; NaN where none was.
    """

    x: Tensor
    passes: Tensor
    accepted: float


def speculative_sample(
    model: AutoregressiveModel,
    draft: AutoregressiveModel,
    n: int,
    *,
    ahead: int = 4,
    context: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> SpeculativeSample:
    """Draws of `model`, in fewer of its passes, with the help of a quicker one.

    The draws follow p of `model` exactly. They are not those of `model.sample` with the same generator: more random
    numbers are used.

    Args:
        model: of discrete variables.
        draft: another model of the same events: the same shape, values and ordering. The closer its conditionals come
            to those of `model`, the more of its values are kept; the draws follow `model` in any case.
        n: number of draws.
        ahead: values that the draft adds before the model judges them.
        context: for both models, where they are conditional.
        generator: of the random numbers; torch's global one without it.

    Raises:
        TypeError: no autoregressive models.
        ValueError, TypeError: models that do not fit together; other arguments that are not accepted.

    >>> import armodels_lite as ar
    >>> model, draft = ar.NADE((8,), hidden=4), ar.FVSBN((8,))
    >>> speculative_sample(model, model, 1, ahead=4).passes          # a draft that is always right: 5 values a pass
    tensor([2])
    """
    _check_pair(model, draft)
    positive("ahead", ahead)
    random_numbers("generator", generator)
    for each in (model, draft):
        each.check_context(context, check_count(n))
    with sampling_mode(model), sampling_mode(draft):
        return _Run(model, draft, n, ahead, context, generator).result()


class _Run:
    """The draws so far: `x` (n, T) in drawing order, of which the first `known` (n,) are final."""

    def __init__(
        self,
        model: AutoregressiveModel,
        draft: AutoregressiveModel,
        n: int,
        ahead: int,
        context: Tensor | None,
        generator: torch.Generator | None,
    ) -> None:
        self.model, self.draft, self.ahead = model, draft, ahead
        self.context, self.generator = context, generator
        self.size = model.num_variables
        self.x = torch.zeros(n, self.size, dtype=torch.int64, device=model.device)
        self.known = torch.zeros(n, dtype=torch.int64, device=model.device)
        self.passes = torch.zeros_like(self.known)
        self.judged = self.kept = 0

    def result(self) -> SpeculativeSample:
        while bool((self.known < self.size).any()):
            self._round((self.known < self.size).nonzero().squeeze(1))
        share = self.kept / self.judged if self.judged else float("nan")
        return SpeculativeSample(self._events(self.x), self.passes, share)

    def _round(self, rows: Tensor) -> None:
        """Draft, judge, and draw one more value, for the sequences of these rows."""
        places = torch.arange(self.ahead + 1, device=rows.device)  # drafted ones, and the one after
        steps = self.known[rows].unsqueeze(1) + places
        q = self._drafted(rows, steps[:, :-1])
        p = self._probabilities(self.model, rows, steps)
        self.passes[rows] += 1
        values = self.x[rows].gather(1, steps[:, :-1].clamp(max=self.size - 1)).unsqueeze(-1)
        ratio = (p[:, :-1].gather(-1, values) / q.gather(-1, values)).squeeze(-1)
        # A step past the end has nothing to judge: it counts as not kept, and what is drawn for it is not used.
        inside = steps[:, :-1] < self.size
        good = (self._uniform(ratio.shape) < ratio) & inside
        run = good.long().cumprod(1).sum(1)  # values kept before the first that is not
        self.kept += int(run.sum())
        self.judged += int(torch.minimum(run + 1, inside.sum(1)).sum())
        self._draw_after(rows, run, p, q)

    def _drafted(self, rows: Tensor, steps: Tensor) -> Tensor:
        """Let the draft add values; its conditionals (rows, ahead, K), from which they came."""
        found = []
        for step in steps.unbind(1):
            probs = self._probabilities(self.draft, rows, step.unsqueeze(1)).squeeze(1)
            self._write(rows, step, _draw(probs, self._uniform(step.shape)))
            found.append(probs)
        return torch.stack(found, 1)

    def _draw_after(self, rows: Tensor, run: Tensor, p: Tensor, q: Tensor) -> None:
        """The value after those kept: from what p has more than q, or from p itself if all were kept."""
        # After the last drafted value q takes nothing away.
        drafted = torch.cat([q, torch.zeros_like(q[:, :1])], 1)
        at = run.view(-1, 1, 1).expand(-1, 1, p.shape[-1])
        rest = (p.gather(1, at) - drafted.gather(1, at)).squeeze(1).clamp(min=0)
        self._write(rows, self.known[rows] + run, _draw(rest, self._uniform(run.shape)))
        self.known[rows] = (self.known[rows] + run + 1).clamp(max=self.size)

    def _write(self, rows: Tensor, steps: Tensor, values: Tensor) -> None:
        inside = steps < self.size
        self.x[rows[inside], steps[inside]] = values[inside]

    def _probabilities(self, model: AutoregressiveModel, rows: Tensor, steps: Tensor) -> Tensor:
        """Float64 probabilities (rows, L, K) of the levels at these steps (rows, L); past the end those of the last."""
        context = None if self.context is None else self.context[rows]
        params = model.params(self._events(self.x[rows]), context).flatten(1, -2)
        positions = model.ordering[steps.clamp(max=self.size - 1)]
        index = positions.unsqueeze(-1).expand(-1, -1, params.shape[-1])
        dist = model.conditional.distribution(params.gather(1, index))
        # They sum to 1 in float64: where the draft has too much, the model then has more somewhere else.
        return dist.level_log_probs().double().softmax(-1)

    def _events(self, x: Tensor) -> Tensor:
        """Values in drawing order as events of the models."""
        flat = torch.empty_like(x)
        flat[:, self.model.ordering] = x
        return flat.view(len(x), *self.model.event_shape).to(self.model.event_dtype)

    def _uniform(self, shape: tuple[int, ...]) -> Tensor:
        return uniform_noise(tuple(shape), generator=self.generator).double().to(self.x.device)


def _draw(weights: Tensor, u: Tensor) -> Tensor:
    """The smallest level k with u < cdf(k), for weights (n, K) that need not sum to one."""
    cdf = weights.cumsum(-1)
    return (u.unsqueeze(-1) * cdf[:, -1:] >= cdf[:, :-1]).sum(-1)


def _check_pair(model: AutoregressiveModel, draft: AutoregressiveModel) -> None:
    for each in (model, draft):
        check_kind(
            each, AutoregressiveModel, "speculative sampling needs two autoregressive models"
        )
        check_weights(each)
    if not model.conditional.discrete:
        raise ValueError(f"the variables must be discrete, and the model has {model.conditional!r}")
    for what in ("event_shape", "levels", "event_dtype", "device", "num_classes", "context_shape"):
        wanted, given = getattr(model, what), getattr(draft, what)
        if wanted != given:
            raise ValueError(
                f"draft and model must agree in {what}: the model has {wanted}, the draft {given}"
            )
    wanted, given = model.conditional.cardinalities, draft.conditional.cardinalities
    if wanted != given:
        raise ValueError(
            "draft and model must agree in the number of levels of each variable: the model has "
            f"{model.conditional!r}, the draft {draft.conditional!r}"
        )
    if not torch.equal(model.ordering, draft.ordering):
        raise ValueError(
            "draft and model must draw in one ordering: build both with the same ordering="
        )
