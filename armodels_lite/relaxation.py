"""log p(x) of images between the levels, so that it has a gradient.

A discrete model gives probabilities to levels, and there is nothing between two of them. Who wants to move an image to
a higher likelihood, or an attack past a detector, needs a slope. So log p is continued: what a pixel says to the
network and the log-probability that it gets are both mixed from the two nearest levels, in proportion to how near they
are.
"""

from __future__ import annotations

from torch import Tensor

from .chain import AutoregressiveModel
from .models.pixelcnnpp import PixelCNNpp
from .shades import check_shades

__all__ = ["relaxed_log_prob"]


def relaxed_log_prob(
    model: AutoregressiveModel, x: Tensor, context: Tensor | None = None
) -> Tensor:
    """log p(x) in nats, (B,), of shades x (B, *event_shape), floats from 0 to 1; differentiable in x.

    At the levels themselves it equals `model.log_prob`. Between two levels k and k + 1 it is no log-probability: a
    pixel at k + s gets (1 - s) log p(k) + s log p(k + 1), and the network reads it as a number (or, where it reads
    levels one-hot, as the mixture of both vectors). At a level the slope is the one towards the next level.

    Args:
        model: of levels or of black and white; not PixelCNNpp with several channels, where a channel's distribution
            depends on the ones before it through their levels, and none where some level has probability 0 (variables
            with fewer levels than others, an `end`): there the slope would be infinite.
        context: for conditional models.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    >>> import torch
    >>> import armodels_lite as ar
    >>> model = ar.FVSBN((2,))                        # all weights are 0: fair coins, anywhere between 0 and 1
    >>> relaxed_log_prob(model, torch.tensor([[0.5, 1.0]]))
    tensor([-1.3863], grad_fn=<SumBackward1>)
    """
    if not isinstance(model, AutoregressiveModel) or not model.conditional.discrete:
        raise ValueError(f"a relaxation needs a model of levels, got {model!r}")
    if isinstance(model, PixelCNNpp) and model.depth > 1:
        raise ValueError(
            f"PixelCNNpp has no relaxation for {model.depth} channels; it has one for a single channel"
        )
    if model.conditional.cardinalities is not None or getattr(model, "end", None) is not None:
        raise ValueError(f"a relaxation needs every level to be possible everywhere, got {model!r}")
    check_shades(x)
    scaled = x.to(model.dtype) * (model.levels - 1)
    lower = scaled.detach().floor().clamp(max=model.levels - 2)
    # Once with levels: what the model itself asks of an x, such as its shape and device.
    model.check(lower.to(model.event_dtype), context)
    dist = model.conditional.distribution(model.params(scaled, context))
    share = scaled - lower
    lower = lower.to(model.event_dtype)
    log_probs = (1 - share) * dist.log_prob(lower) + share * dist.log_prob(lower + 1)
    return log_probs.flatten(1).sum(1)
