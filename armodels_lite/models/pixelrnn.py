"""PixelRNN: two-dimensional LSTMs that read an image row by row, or diagonal by diagonal.

Source: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016. Differs from the
paper:

- Its masks leave the Diagonal BiLSTM one blind spot. What the network knows at a pixel is what was drawn before it
  (mask A), so the last value of a row is known only at the pixels just below it, and those come late in their row:
  the ones at its beginning never hear of it, however many layers there are. The right-to-left direction is moved down
  by a row, so here it may read, and in the first layer does, the values of the very pixels that it stands on.
- Weights keep the scale of activations from layer to layer, and biases of forget gates start at 1.
- States are zero outside the image, not learnt. In colour, the features need not divide evenly among the channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..arguments import odd_size, positive
from ..chain import AutoregressiveModel
from ..conditionals import Bernoulli, Categorical, Conditional
from ..decoder import Decoder
from ..layers import CausalConv2d, MaskedLinear
from ..masks import channel_groups, convolution_mask, degree_mask
from .pixelrnn_decoder import DECODERS
from .pixelrnn_layers import KINDS, skew, unskew

__all__ = ["PixelRNN", "skew", "unskew"]


class PixelRNN(AutoregressiveModel):
    """Convolution with mask A, recurrent layers with residual connections, two 1x1 convolutions with mask B.

    Row LSTM (kind="row"): a step takes a whole row. The gates of a pixel see its left neighbour and itself through a
    1x3 convolution (mask B), and the states of the three pixels above it through another. So a state looks up into a
    triangle, not at everything before: the corners beside it are a blind spot. H steps a layer.

    Diagonal BiLSTM (kind="diagonal"): a step takes a whole diagonal. A pixel sees the states of its left and upper
    neighbour. A second LSTM goes from right to left, and its result moves down a row before it is added, so that no
    pixel sees the ones to its right. Together they see everything before. H + W - 1 steps a layer.

    In colour, the features of a pixel belong to its channels in turn (`channel_groups`): those of group g know the
    channels before g of their own pixel, and what they take from pixels before knows all channels.

    Args:
        event_shape: (C, H, W). Every pixel's channels are drawn one after the other.
        kind: "row" or "diagonal".
        channels: features h of each LSTM, of all channels together, at least C; the map between layers has 2h.
        layers: number of recurrent layers.
        kernel_size: of the first convolution, odd and at least 3.
        conditional: `Bernoulli` or `Categorical`. Inputs are its `features`: levels one-hot, so that the first
            convolution has C K input channels for K levels.
        ordering: "raster", the only one: the recurrence runs along it.
        num_classes: see `AutoregressiveModel`. A class adds a bias of its own to the gates of every layer.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    >>> model = PixelRNN((1, 28, 28), kind="diagonal", channels=16, layers=1)
    >>> model.num_parameters()
    10817
    """

    conditionals: ClassVar[tuple[type[Conditional], ...]] = (Bernoulli, Categorical)

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        kind: str = "row",
        channels: int = 16,
        layers: int = 2,
        kernel_size: int = 7,
        conditional: Conditional | None = None,
        ordering: str = "raster",
        num_classes: int | None = None,
    ) -> None:
        if not (isinstance(ordering, str) and ordering == "raster"):
            raise ValueError(f'PixelRNN takes ordering "raster" only, got {ordering!r}')
        super().__init__(event_shape, conditional=conditional, num_classes=num_classes)
        if len(self.event_shape) != 3:
            raise ValueError(f"PixelRNN has event shape (C, H, W), got {self.event_shape}")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(map(repr, KINDS))}, got {kind!r}")
        depth = self.event_shape[0]
        if type(channels) is not int or channels < depth:
            raise ValueError(
                f"channels must be an int of at least {depth}, one for each channel of the image, "
                f"got {channels!r}"
            )
        positive("layers", layers)
        self.kind, self.channels = kind, channels
        self.kernel_size = odd_size("kernel_size", kernel_size)
        inputs, outputs = self.conditional.num_features, self.conditional.num_params
        colours, groups = torch.arange(depth), channel_groups(2 * channels, depth)
        mask = convolution_mask(
            groups, colours.repeat_interleave(inputs), (kernel_size, kernel_size), strict=True
        )
        self.first = CausalConv2d(mask[:, :, : kernel_size // 2 + 1])
        self.layers = nn.ModuleList(
            KINDS[kind](
                self.event_shape,
                channels,
                gain=layers**-0.5,  # the sum over all layers then stays of order one
                values=depth * inputs if index == 0 else 0,
                num_classes=num_classes,
            )
            for index in range(layers)
        )
        self.mix = MaskedLinear(degree_mask(groups, groups, strict=False), gain=2**0.5)
        self.out = MaskedLinear(
            degree_mask(colours.repeat_interleave(outputs), groups, strict=False), gain=2**0.5
        )
        with torch.no_grad():
            self.out.bias.copy_(self.conditional.initial_params().repeat(depth))

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        values = self.values(x)
        known = self.embed(values)
        for layer in self.layers:
            known, _ = layer(known, values, context)
        params = self.head(known).unflatten(-1, (self.event_shape[0], -1))  # (H, W, B, C, P)
        return params.permute(2, 3, 0, 1, 4)

    def values(self, x: Tensor) -> Tensor:
        """The network's input (H, W, B, C F): pixels first, so that a row or a shift of it is one piece of memory."""
        return self.conditional.features(x, self.dtype).permute(2, 3, 0, 1, 4).flatten(-2)

    def embed(self, values: Tensor) -> Tensor:
        """What each pixel knows before the first layer, (H, W, B, 2h): the convolution with mask A."""
        return self.first(values.permute(2, 3, 0, 1)).permute(2, 3, 0, 1).contiguous()

    def head(self, known: Tensor) -> Tensor:
        """From what a pixel knows (..., 2h) to the parameters of its channels (..., C P)."""
        return self.out(self.mix(known.relu()).relu())

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return DECODERS[self.kind](self, n, context)
