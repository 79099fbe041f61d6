"""Gated PixelCNN: two stacks of convolutions, which together see every pixel drawn before.

Source: A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu, "Conditional Image
Generation with PixelCNN Decoders", 2016. Differs from the paper:

- In the vertical stack a row sees itself, and the step from there to the horizontal one goes down a row. So one
  convolution serves both purposes; the paper describes the same by shifts and crops.
- A context image passes through convolutions of this model (`Conditioning`).
- As in PixelCNN, two linear maps with ReLUs end the network, and features need not divide evenly among channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..arguments import odd_size, positive
from ..conditionals import Conditional
from ..decoder import Decoder
from ..layers import CausalConv2d, gate, shift_down
from ..masks import channel_groups, convolution_mask, degree_mask
from .conditioning import halves, plus
from .convolutional import ConvolutionalModel, Head
from .gated_pixelcnn_decoder import GatedPixelCNNDecoder

__all__ = ["GatedLayer", "GatedPixelCNN"]


# For small a a gated unit puts out about a / 2. No residual connection helps the vertical stack, so its first weights
# have to: with 2.5 the spread between images is the same in every layer, with 1 it halves from one to the next.
GAIN = 2.5


class GatedPixelCNN(ConvolutionalModel):
    """A vertical stack that sees the rows above, a horizontal one that sees the row so far and the vertical one.

    The vertical stack needs no mask: its kernels reach (k - 1) / 2 columns to both sides and only up, so after a few
    layers it sees whole rows, the blind spot of PixelCNN among them. What it knows moves down a row before the
    horizontal stack takes it, so a pixel gets the rows above its own alone. The horizontal stack looks left in the
    pixel's own row, with mask A in the first layer and mask B in the others. Both pass through gated units,
    tanh(a) sigmoid(b); the horizontal one has residual connections.

    Args:
        layers: number of gated layers, the one with mask A among them.
        kernel_size: k, side of the kernels, odd and at least 3.
        first_kernel_size: that of the first layer, where it is to differ.
        event_shape, channels, conditional, ordering, num_classes, context_shape, position: see `PixelCNN`. Classes,
            images and places add biases in front of the gates, of both stacks.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    >>> model = GatedPixelCNN((1, 28, 28), channels=16, layers=5, kernel_size=3)
    >>> model.num_parameters()
    23953
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        channels: int = 32,
        layers: int = 7,
        kernel_size: int = 5,
        first_kernel_size: int | None = None,
        conditional: Conditional | None = None,
        ordering: str = "raster",
        num_classes: int | None = None,
        context_shape: Sequence[int] | None = None,
        position: bool = False,
    ) -> None:
        super().__init__(
            event_shape,
            channels=channels,
            conditional=conditional,
            ordering=ordering,
            num_classes=num_classes,
            context_shape=context_shape,
            position=position,
        )
        self.kernel_size = odd_size("kernel_size", kernel_size)
        self.first_kernel_size = self.kernel_size
        if first_kernel_size is not None:
            self.first_kernel_size = odd_size("first_kernel_size", first_kernel_size)
        groups = channel_groups(channels, self.depth)
        self.layers = nn.ModuleList(
            GatedLayer(
                groups,
                groups if index else self.input_groups,
                kernel_size if index else self.first_kernel_size,
                first=index == 0,
            )
            for index in range(positive("layers", layers))
        )
        self.given = self.conditioning([4 * channels] * layers)
        self.head = Head(channels, self.depth, self.conditional)

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        known, _, _ = self.pass_through(self.image(x), self.given(context))
        return self.head(known)

    def pass_through(
        self, image: Tensor, given: list[Tensor | None]
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """What the pixels know at the end, (B, F, H, W), and each layer's input in the vertical and horizontal stack.

        image: (B, C + 1, H, W); given: biases of each layer, (B, 4F, H, W) or one that broadcasts to it, or None.
        """
        vertical = horizontal = image
        above, left = [], []
        for layer, bias in zip(self.layers, given, strict=True):
            above.append(vertical)
            left.append(horizontal)
            vertical, horizontal = layer(vertical, horizontal, bias)
        return horizontal, above, left

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return GatedPixelCNNDecoder(self, n, context)


class GatedLayer(nn.Module):
    """One layer of both stacks.

    Args:
        outputs, inputs: the group of each feature, (F,) after the layer and (F',) before it.
        size: side of the kernels.
        first: whether it is the first layer: with mask A, and without a residual connection.
    """

    def __init__(self, outputs: Tensor, inputs: Tensor, size: int, *, first: bool) -> None:
        super().__init__()
        features, rows = len(outputs), size // 2 + 1
        doubled = outputs.repeat(2)  # of the signals, then of their gates
        every = torch.ones(2 * features, len(inputs), rows, size, dtype=torch.bool)
        mask = convolution_mask(doubled, inputs, (size, size), strict=first)
        self.vertical = CausalConv2d(every, gain=GAIN)
        self.horizontal = CausalConv2d(mask[:, :, size // 2 : rows, :rows], ahead=0)
        self.link = CausalConv2d(every.new_ones(2 * features, 2 * features, 1, 1), bias=False)
        own = degree_mask(outputs, outputs, strict=False)
        self.mix = CausalConv2d(own[:, :, None, None])
        self.first = first

    def forward(
        self, vertical: Tensor, horizontal: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Both maps (B, F', H, W) to (B, F, H, W); bias (B, 4F, H, W) or one that broadcasts to it."""
        above = self.vertical(vertical)
        left = self.horizontal(horizontal) + self.link(shift_down(above))
        for_above, for_left = halves(bias)
        known = self.mix(gate(plus(left, for_left), 1))
        return gate(plus(above, for_above), 1), known if self.first else horizontal + known
