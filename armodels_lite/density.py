"""What every model with a likelihood offers besides: an exact log-probability."""

from __future__ import annotations

from torch import Tensor

from .base import Model

__all__ = ["DensityModel"]


class DensityModel(Model):
    """A normalised distribution over events of one shape, with an exact log-probability.

    A subclass implements `_log_prob` and `event_dtype`, and `sample` where it can. Its loss is the mean negative
    log-likelihood. Arguments: see `Model`.
    """

    def _log_prob(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Log-probability (B,) of checked events."""
        raise NotImplementedError

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Exact log-probability (B,) in nats of events x (B, *event_shape); a log-density if they are continuous.

        Raises ValueError or TypeError for a wrong shape, dtype, device, value or context.
        """
        self.check(x, context)
        return self._log_prob(x, context)

    def _nats(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return -self._log_prob(x, context)
