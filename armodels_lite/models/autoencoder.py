"""An autoencoder: it squeezes an event into a few numbers and rebuilds it. No density, for contrast with all that are.

Autoencoding by back-propagation: D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning Internal Representations by
Error Propagation", 1986. Deep autoencoders: G. E. Hinton, R. R. Salakhutdinov, "Reducing the Dimensionality of Data
with Neural Networks", 2006; differs: no layer is trained beforehand. Noise: P. Vincent, H. Larochelle, Y. Bengio,
P.-A. Manzagol, "Extracting and Composing Robust Features with Denoising Autoencoders", 2008; differs: there a fixed
share of the inputs is set to 0, here each input is replaced independently, a binary one by a fair coin flip.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..base import Model
from ..conditionals import Bernoulli
from ..distributions import uniform_noise
from ..layers import ACTIVATIONS, layer_sizes

__all__ = ["Autoencoder"]


class Autoencoder(Model):
    """An encoder from an event to a code of a few numbers, and a decoder from the code back to the event.

    Its loss is the mean reconstruction error, a sum over the variables in nats. For binary events that is the
    cross-entropy -log p(x | code), with pixels that are independent once the code is known; for real ones half the
    squared error, the same for Gaussians of variance 1 up to the constant T/2 ln 2 pi. The code is made from x and
    costs nothing, so the loss is not -log p(x): do not compare it with the nats of a density. Nothing says how
    probable a code is either, so there is no `log_prob` and no `sample`.

    The output layer starts at zero, so untrained the model rebuilds every binary variable as 1/2, every real one as 0.
    With hidden=() and binary=False the best reconstruction is that of principal component analysis (P. Baldi,
    K. Hornik, "Neural Networks and Principal Component Analysis: Learning from Examples Without Local Minima", 1989).

    Args:
        event_shape: shape of x, any.
        code: how many numbers the code has.
        hidden: units of each hidden layer of the encoder; the decoder has them in reverse. () leaves linear maps.
        activation: "relu", "tanh" or "sigmoid", after every hidden layer.
        binary: True for variables 0 and 1, False for real ones; floats of the model's dtype in both cases.
        noise: in train mode, which a new model is in, the probability in [0, 1) with which the loss hides an input
            from the encoder (see `corrupt`). The target stays the clean x. `encode` and `reconstruct` add no noise,
            nor does validation: `fit` with validation data picks the epoch that rebuilds *clean* events best.

    Raises:
        ValueError: for arguments that are not accepted; the message says what is.

    >>> Autoencoder((784,), code=64, hidden=(256,)).num_parameters()
    435536
    >>> model, x = Autoencoder((1, 2, 2)), torch.ones(3, 1, 2, 2)
    >>> model.encode(x).shape, model.reconstruct(x).shape
    (torch.Size([3, 2]), torch.Size([3, 1, 2, 2]))
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        code: int = 2,
        hidden: Sequence[int] = (),
        activation: str = "relu",
        binary: bool = True,
        noise: float = 0.0,
    ) -> None:
        super().__init__(event_shape)
        if type(code) is not int or code < 1:
            raise ValueError(f"code must be an int of at least 1, got {code!r}")
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}"
            )
        if not isinstance(binary, bool):
            raise ValueError(f"binary must be True or False, got {binary!r}")
        if not isinstance(noise, (int, float)) or isinstance(noise, bool) or not 0 <= noise < 1:
            raise ValueError(f"noise must be a probability in [0, 1), got {noise!r}")
        self.hidden, self.code = layer_sizes("hidden", hidden), code
        self.binary, self.noise = binary, noise
        sizes = (self.num_variables, *self.hidden, code)
        self.encoder = _fully_connected(sizes, ACTIVATIONS[activation])
        self.decoder = _fully_connected(sizes[::-1], ACTIVATIONS[activation])
        nn.init.zeros_(self.decoder[-1].weight)
        nn.init.zeros_(self.decoder[-1].bias)

    def extra_repr(self) -> str:
        return f"{self.event_shape}, code of {self.code}, {self.num_parameters():,} parameters"

    @property
    def event_dtype(self) -> torch.dtype:
        return self.dtype

    def _check_values(self, x: Tensor) -> None:
        if self.binary:
            Bernoulli().check_values(x)
        else:
            _check_finite("x", x)

    def encode(self, x: Tensor) -> Tensor:
        """The codes (B, code) of events. Raises ValueError or TypeError for an x that does not fit."""
        self.check_events(x)
        return self.encoder(x.flatten(1))

    def decode(self, code: Tensor) -> Tensor:
        """The probabilities of 1, or the values of real variables: (B, *event_shape), in float32 at least.

        Raises ValueError or TypeError unless the codes are (B, code), finite and of the model's dtype.
        """
        self._check_tensor("code", code, (self.code,), self.dtype)
        _check_finite("code", code)
        out = self._outputs(code)
        return Bernoulli().distribution(out.unsqueeze(-1)).probs if self.binary else out

    def reconstruct(self, x: Tensor) -> Tensor:
        """decode(encode(x)): (B, *event_shape). Raises as these do."""
        return self.decode(self.encode(x))

    def corrupt(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x with each variable replaced with probability `noise`, whatever the model's mode.

        A binary variable becomes a fair coin flip, so half of those replaced keep their value; a real one becomes 0.
        Without a generator: torch's global one, of the CPU. Raises ValueError or TypeError for what does not fit.
        """
        self.check_events(x)
        if not isinstance(generator, torch.Generator | None):
            raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
        return self._corrupt(x, generator)

    def _corrupt(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        u = uniform_noise(tuple(x.shape), generator=generator).to(x.device)
        # One draw does for both: given u < noise, u < noise / 2 is a fair coin.
        substitute = (u < self.noise / 2).to(x.dtype) if self.binary else torch.zeros_like(x)
        return torch.where(u < self.noise, substitute, x)

    def _outputs(self, code: Tensor) -> Tensor:
        """Logits or values (B, *event_shape). Half precision is for networks, so float32 at least."""
        out = self.decoder(code).view(len(code), *self.event_shape)
        return out.to(torch.promote_types(out.dtype, torch.float32))

    def _nats(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        seen = self._corrupt(x) if self.training and self.noise else x
        out = self._outputs(self.encoder(seen.flatten(1)))
        if self.binary:
            return -Bernoulli().distribution(out.unsqueeze(-1)).log_prob(x).flatten(1).sum(1)
        return (x - out).square().flatten(1).sum(1) / 2


def _fully_connected(sizes: Sequence[int], nonlinearity: type[nn.Module]) -> nn.Sequential:
    """Linear layers from each size to the next, with the nonlinearity after all but the last."""
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nonlinearity())]
    return nn.Sequential(*layers[:-1])


def _check_finite(name: str, x: Tensor) -> None:
    if not torch.isfinite(x).all():
        raise ValueError(f"{name} must be finite, got {x[~torch.isfinite(x)][0].item()}")
