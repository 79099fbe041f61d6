"""Completing an event of which some values are known: draws from p(hole | known), by importance weights.

`model.sample(observed=, mask=)` walks through the ordering and draws what is missing, each value given the values
*before* it. Known values that come later in the ordering have no say. So what it draws from is not p(hole | known), but

    q(hole) = prod over missing t of p(x_t | x_<t).

The whole event has p(x) = q(hole) w(x) with w(x) = prod over known t of p(x_t | x_<t): the weight says how well the
known values follow from what was drawn before them. Hence p(hole | known) is proportional to q(hole) w(x), and the mean
weight estimates p(known) without bias.

Source: importance weights are older than these models; for autoregressive models the weights are a product of
conditionals because the chain rule is one. Resampling by weights: D. B. Rubin, "Using the SIR Algorithm to Simulate
Posterior Distributions", 1988.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .arguments import positive, random_numbers
from .chain import AutoregressiveModel
from .sampling import sampling_mode

__all__ = ["Completions", "complete"]


@dataclass(frozen=True, eq=False)
class Completions:
    """Completions of B events, S of each, with weights.

    Attributes:
        x: (B, S, *event_shape), the known values filled up.
        log_weights: (B, S), log w(x) in nats; a log-density where variables are continuous. It counts every known
            value, also those before the hole, which add the same to all draws. Equal within a row if nothing that is
            known comes after the hole.
    """

    x: Tensor
    log_weights: Tensor

    @property
    def weights(self) -> Tensor:
        """(B, S), each row normalised to sum to 1; NaN where all completions of an event have weight 0."""
        return self.log_weights.softmax(1)

    @property
    def log_evidence(self) -> Tensor:
        """(B,): the logarithm of the mean weight, an estimate of log p(known) in nats.

        The mean weight is unbiased, so its logarithm is too small on average, the more the fewer draws count.
        """
        return self.log_weights.logsumexp(1) - math.log(self.log_weights.shape[1])

    @property
    def effective_draws(self) -> Tensor:
        """(B,): 1 / sum of squared weights, from 1 (one draw has all the weight) to S (all alike); or NaN, as weights.

        Few mean that the draws are not to be trusted. Many prove nothing: fillings that were never drawn do not count.

        Source: A. Kong, "A Note on Importance Sampling using Standardized Weights", 1992.
        """
        return 1 / self.weights.square().sum(1)

    def resample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """(B, n, *event_shape): n of the completions of each event, drawn by their weights, with repetitions.

        As S grows, their distribution becomes p(hole | known). With few effective draws they are copies of a few.

        Raises:
            ValueError: n is no positive int; or all completions of an event have weight 0, so that none is possible.
        """
        positive("n", n)
        random_numbers("generator", generator)
        impossible = self.log_weights.isneginf().all(1).nonzero().flatten().tolist()
        if impossible:
            raise ValueError(
                f"no completion of event {impossible[0]} is possible: the {self.log_weights.shape[1]} that were drawn "
                "have weight 0"
            )
        weights = self.weights if generator is None else self.weights.to(generator.device)
        chosen = torch.multinomial(weights, n, replacement=True, generator=generator)
        rows = torch.arange(len(self.x), device=self.x.device).unsqueeze(1)
        return self.x[rows, chosen.to(self.x.device)]


def complete(
    model: AutoregressiveModel,
    observed: Tensor,
    mask: Tensor,
    draws: int = 100,
    *,
    context: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Completions:
    """Complete each event several times, and weigh the completions by how well the known values follow from them.

    All B S completions are drawn at once.

    Args:
        model: of the events.
        observed: (B, *event_shape); what it holds where values are missing does not matter.
        mask: bool, (B, *event_shape), True where a value is known.
        draws: S, completions of each event.
        context: for conditional models, B entries.
        generator: torch.Generator of the noise.

    Returns:
        Completions. As they stand they are those of `model.sample(observed=, mask=)`, drawn from q; `resample` turns
        them into draws of p(hole | known).

    Raises:
        ValueError, TypeError: for arguments that do not fit together or to the model.

    >>> import armodels_lite as ar
    >>> model = ar.FVSBN((2,))                       # x_2 is 1 with probability sigmoid(3) if x_1 = 1, else 1 / 2
    >>> model.linear.weight.data[1, 0] = 3.0
    >>> known = torch.tensor([[False, True]])        # x_2 = 1 is known, x_1 is not
    >>> done = ar.complete(model, torch.ones(1, 2), known, 1000, generator=torch.Generator().manual_seed(0))
    >>> done.x.shape, done.log_weights.shape
    (torch.Size([1, 1000, 2]), torch.Size([1, 1000]))
    >>> round(done.x[0, :, 0].mean().item(), 1)      # drawn: a fair coin
    0.5
    >>> round((done.weights * done.x[..., 0]).sum().item(), 1)  # 0.95 / (0.95 + 0.5)
    0.7
    """
    positive("draws", draws)
    model._check_tensor("observed", observed, model.event_shape, model.event_dtype)
    model._check_tensor("mask", mask, model.event_shape, torch.bool)
    model.check_context(context, len(observed))
    repeated = None if context is None else context.repeat_interleave(draws, 0)
    x = model.sample(
        len(observed) * draws,
        observed=observed.repeat_interleave(draws, 0),
        mask=mask.repeat_interleave(draws, 0),
        context=repeated,
        generator=generator,
    )
    with sampling_mode(model):
        log_probs = model(x, repeated).log_prob(x)
    log_probs = log_probs.unflatten(0, (len(observed), draws))
    known = torch.where(mask.unsqueeze(1), log_probs, 0)
    return Completions(x.unflatten(0, (len(observed), draws)), known.flatten(2).sum(2))
