"""WaveNet: causal convolutions along time whose taps lie further and further apart.

Source: A. van den Oord, S. Dieleman, H. Zen, K. Simonyan, O. Vinyals, A. Graves, N. Kalchbrenner, A. Senior,
K. Kavukcuoglu, "WaveNet: A Generative Model for Raw Audio", 2016. Differs from the paper:

- The residual connection has no bias: the next layer's does the same.
- The convolution in front of the first layer is a linear map of the sample before.
- `position` tells the network how much time has passed, for recordings that all start when somebody begins to speak.
- Real values and mixtures of logistics are accepted as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..arguments import flag, positive
from ..chain import AutoregressiveModel
from ..conditionals import Categorical, Conditional, GaussianMixture, LogisticMixture
from ..decoder import Decoder
from ..layers import gate
from .transformer import sinusoids
from .wavenet_decoder import WaveNetDecoder

__all__ = ["WaveNet"]


class WaveNet(AutoregressiveModel):
    """Stacks of gated causal convolutions with dilations 1, 2, 4, ..., 2^(layers - 1).

    A layer with kernel size 2 and dilation d sees its input now and d steps ago. With each layer the dilation doubles,
    and with it what one output sees: a stack of L layers reaches 2^L samples back, several stacks as many times 2^L - 1
    and one more (`receptive_field`). What the first layer takes at step t is x_(t-1), so nothing sees its own value.

    The number of weights does not depend on T, so x may be a prefix (B, L) with L at most T.

    Args:
        event_shape: (T,), the longest length.
        channels: features of the residual connection and of each gate.
        layers: number of layers in a stack.
        stacks: how often the dilations begin again at 1.
        kernel_size: taps of each convolution, at least 2.
        skip_channels: features of the sum of all layers, from which the output is made; twice `channels` unless given.
        conditional: `Categorical`, `LogisticMixture` or `GaussianMixture`; Categorical(256) unless given. Levels of a
            Categorical enter by an embedding, other values as numbers.
        ordering: "raster", the only one: forwards in time.
        num_classes: see `AutoregressiveModel`. A class adds a bias of its own in front of the gates of every layer.
        position: sines and cosines of the time join the input.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    >>> model = WaveNet((4000,), channels=16, layers=10, stacks=3)
    >>> model.receptive_field
    3070
    """

    conditionals: ClassVar[tuple[type[Conditional], ...]] = (
        Categorical,
        LogisticMixture,
        GaussianMixture,
    )
    takes_prefixes: ClassVar[bool] = True

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        channels: int = 32,
        layers: int = 10,
        stacks: int = 1,
        kernel_size: int = 2,
        skip_channels: int | None = None,
        conditional: Conditional | None = None,
        ordering: str = "raster",
        num_classes: int | None = None,
        position: bool = False,
    ) -> None:
        if not (isinstance(ordering, str) and ordering == "raster"):
            raise ValueError(f'WaveNet takes ordering "raster" only, got {ordering!r}')
        conditional = Categorical(256) if conditional is None else conditional
        super().__init__(event_shape, conditional=conditional, num_classes=num_classes)
        if len(self.event_shape) != 1:
            raise ValueError(f"WaveNet has event shape (T,), got {self.event_shape}")
        if type(kernel_size) is not int or kernel_size < 2:
            raise ValueError(f"kernel_size must be an int of at least 2, got {kernel_size!r}")
        self.channels, self.kernel_size = positive("channels", channels), kernel_size
        skip = positive("skip_channels", 2 * channels if skip_channels is None else skip_channels)
        self.dilations = [2**level for level in range(positive("layers", layers))]
        self.dilations *= positive("stacks", stacks)
        if isinstance(self.conditional, Categorical):
            self.embed = nn.Embedding(self.conditional.levels, channels)
        else:
            self.embed = nn.Linear(self.conditional.num_features, channels)
        self.layers = nn.ModuleList(
            GatedConvolution(
                channels, skip, kernel_size, dilation, last=number == len(self.dilations)
            )
            for number, dilation in enumerate(self.dilations, start=1)
        )
        self.classes = None
        if num_classes is not None:
            self.classes = nn.Embedding(num_classes, len(self.layers) * 2 * channels)
            nn.init.zeros_(self.classes.weight)
        self.place = None
        if flag("position", position):
            table = sinusoids(self.num_variables, 2 * channels)
            self.register_buffer("times", table, persistent=False)
            self.place = nn.Linear(2 * channels, channels, bias=False)
        self.mix = nn.Linear(skip, skip)
        self.out = nn.Linear(skip, self.conditional.num_params)
        with torch.no_grad():
            self.out.bias.copy_(self.conditional.initial_params())

    @property
    def receptive_field(self) -> int:
        """How many of the values before it a prediction can depend on."""
        return 1 + (self.kernel_size - 1) * sum(self.dilations)

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        total, _ = self.pass_through(self.inputs(x), self.given(context))
        return self.head(total)

    def inputs(self, x: Tensor) -> Tensor:
        """What the first layer takes, (B, L, C): at step t the value x_(t-1), nothing at the first step."""
        known = F.pad(self.embedded(x), (0, 0, 1, 0))[:, :-1]
        return known if self.place is None else known + self.place(self.times[: x.shape[1]])

    def embedded(self, x: Tensor) -> Tensor:
        """Values (...,) as vectors (..., C)."""
        if isinstance(self.conditional, Categorical):
            if x.is_floating_point():  # between two levels, as `relaxed_log_prob` asks
                return self.conditional.features(x, self.dtype) @ self.embed.weight
            return self.embed(x)
        return self.embed(self.conditional.features(x, self.dtype))

    def given(self, context: Tensor | None) -> list[Tensor | None]:
        """What the class adds in front of each layer's gates, (B, 1, 2C)."""
        if self.classes is None:
            return [None] * len(self.layers)
        return list(self.classes(context).unsqueeze(1).chunk(len(self.layers), -1))

    def pass_through(
        self, known: Tensor, given: list[Tensor | None]
    ) -> tuple[Tensor, list[Tensor]]:
        """The sum of all skip connections, (B, L, S), and each layer's input (B, L, C)."""
        total, inputs = 0, []
        for layer, bias in zip(self.layers, given, strict=True):
            inputs.append(known)
            known, skip = layer(known, bias)
            total = total + skip
        return total, inputs

    def head(self, total: Tensor) -> Tensor:
        """(..., S) to the parameters (..., P)."""
        return self.out(self.mix(total.relu()).relu())

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return WaveNetDecoder(self, n, context)


class GatedConvolution(nn.Module):
    """A dilated causal convolution, its gate, and the connections to the next layer and to the output.

    As a matrix product: the taps of a step lie side by side, (B, L, K C), the one furthest back first.

    Args:
        channels, skip_channels: features of the residual connection and of the skip connection.
        kernel_size, dilation: number of taps, and steps between them.
        last: whether no layer follows; then there is no residual connection.
    """

    def __init__(
        self, channels: int, skip_channels: int, kernel_size: int, dilation: int, *, last: bool
    ) -> None:
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.convolution = nn.Linear(kernel_size * channels, 2 * channels)
        self.skip = nn.Linear(channels, skip_channels)
        self.residual = None if last else nn.Linear(channels, channels, bias=False)

    def forward(self, known: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, L, C) to the next layer's input, of the same shape, and to what goes to the output, (B, L, S)."""
        length = known.shape[1]
        back = (self.kernel_size - 1) * self.dilation
        padded = F.pad(known, (0, 0, back, 0))
        taps = [padded[:, k : k + length] for k in range(0, back, self.dilation)]
        mixed = self.convolution(torch.cat([*taps, known], -1))
        gated = gate(mixed if bias is None else mixed + bias, -1)
        if self.residual is not None:
            known = known + self.residual(gated)
        return known, self.skip(gated)
