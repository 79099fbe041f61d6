"""A classifier: the distribution of a label y given an event x. Discriminative, for contrast with all other models.

Logistic regression: D. R. Cox, "The Regression Analysis of Binary Sequences", 1958. Hidden layers: D. E. Rumelhart,
G. E. Hinton, R. J. Williams, "Learning representations by back-propagating errors", 1986. Convolutions: Y. LeCun,
L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import distributions
from ..base import Model
from ..layers import ACTIVATIONS, layer_sizes

__all__ = ["Classifier"]


class Classifier(Model):
    """p(y | x) for labels y in 0..K-1: logistic regression, a multilayer perceptron or a convolutional network.

    It gives no probability to x, so it is no generative model. Its loss, the cross-entropy, is the mean of
    -log p(y | x) in nats; `fit` and `evaluate` take the labels from the data's `.y`. With two classes the network puts
    out one number z, the log-odds log p(1 | x) / p(0 | x); with K > 2 one logit for each class. The output layer starts
    at zero, so an untrained classifier gives every class 1/K and its loss is ln K. Hidden layers start as PyTorch's do.

    Args:
        event_shape: shape of x; (C, H, W) for a convolutional network.
        num_classes: K, at least 2.
        hidden: units of each fully connected hidden layer; () leaves a linear model.
        channels: channels of each convolutional layer before them, each followed by 2x2 max pooling where a side is
            longer than 1 (an odd side is rounded up); () for none.
        kernel_size: odd side of the convolutions' windows; the image is padded with zeros.
        activation: "relu", "tanh" or "sigmoid", after every hidden layer.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    >>> Classifier((10,), 2, hidden=(5,)).num_parameters()         # 10 * 5 + 5 weights and biases in, 5 + 1 out
    61
    >>> model = Classifier((1, 8, 8), 10, channels=(8, 16))
    >>> x, y = torch.rand(3, 1, 8, 8), torch.tensor([4, 0, 9])
    >>> round(model.loss(x, y).item(), 4)                           # ln 10
    2.3026
    """

    _context_name = "y"

    def __init__(
        self,
        event_shape: Sequence[int],
        num_classes: int,
        *,
        hidden: Sequence[int] = (),
        channels: Sequence[int] = (),
        kernel_size: int = 3,
        activation: str = "relu",
    ) -> None:
        super().__init__(event_shape, num_classes=num_classes)
        if num_classes is None or num_classes < 2:
            raise ValueError(f"num_classes must be an int of at least 2, got {num_classes!r}")
        self.hidden, self.channels = (
            layer_sizes("hidden", hidden),
            layer_sizes("channels", channels),
        )
        if self.channels and len(self.event_shape) != 3:
            raise ValueError(
                f"convolutions need images: event shape (C, H, W), got {self.event_shape}"
            )
        if type(kernel_size) is not int or kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be an odd positive int, got {kernel_size!r}")
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            raise ValueError(
                f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}"
            )
        nonlinearity = ACTIVATIONS[activation]
        layers, width = self._convolutions(kernel_size, nonlinearity)
        if len(self.event_shape) > 1:
            layers.append(nn.Flatten())
        for units in self.hidden:
            layers += [nn.Linear(width, units), nonlinearity()]
            width = units
        output = nn.Linear(width, 1 if num_classes == 2 else num_classes)
        nn.init.zeros_(output.weight)
        nn.init.zeros_(output.bias)
        self.network = nn.Sequential(*layers, output)

    def _convolutions(
        self, kernel_size: int, nonlinearity: type[nn.Module]
    ) -> tuple[list[nn.Module], int]:
        """The convolutional layers, and how many numbers they put out."""
        if not self.channels:
            return [], self.num_variables
        below, *sides = self.event_shape
        layers: list[nn.Module] = []
        for channels in self.channels:
            layers += [nn.Conv2d(below, channels, kernel_size, padding="same"), nonlinearity()]
            if max(sides) > 1:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
                sides = [-(-side // 2) for side in sides]
            below = channels
        return layers, below * sides[0] * sides[1]

    def extra_repr(self) -> str:
        return (
            f"{self.event_shape}, {self.num_classes} classes, {self.num_parameters():,} parameters"
        )

    @property
    def event_dtype(self) -> torch.dtype:
        return self.dtype

    def _check_values(self, x: Tensor) -> None:
        if not torch.isfinite(x).all():
            raise ValueError(f"x must be finite, got {x[~torch.isfinite(x)][0].item()}")

    def logits(self, x: Tensor) -> Tensor:
        """Unnormalised log-probabilities (B, K) of the labels; with two classes (0, z).

        Differentiable in x. Raises ValueError or TypeError for an x that does not fit.
        """
        self.check_events(x)
        return self._logits(x)

    def _logits(self, x: Tensor) -> Tensor:
        out = self.network(x)
        return F.pad(out, (1, 0)) if self.num_classes == 2 else out

    def forward(self, x: Tensor) -> distributions.Categorical:
        """p(y | x): a distribution over labels with batch shape (B,)."""
        return distributions.Categorical(self.logits(x))

    def probs(self, x: Tensor) -> Tensor:
        """p(y | x) of every label, (B, K); in float32 at least."""
        return self(x).probs

    def predict(self, x: Tensor) -> Tensor:
        """The most probable label of each event, int64 (B,); the lower one of two that are equal.

        Raises ValueError or TypeError for an x that does not fit; ValueError where a logit is NaN, as weights that are
        not finite make it.
        """
        logits = self.logits(x)
        if logits.isnan().any():
            raise ValueError(
                f"no label is the most probable one: {int(logits.isnan().any(-1).sum())} of {len(x)} events have "
                "logits that are NaN"
            )
        return logits.argmax(-1)

    def _nats(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return -distributions.Categorical(self._logits(x)).log_prob(context)
