"""PixelCNN: masked convolutions over an image.

Source: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016. Differs from the
paper:

- The layers between are one masked convolution each with a residual connection; there, three (1x1, 3x3, 1x1).
- Kernels hold the rows up to the pixel's own only: the same function, nothing is computed that a mask removes.
- A pixel's features need not divide evenly among the channels of the image.
- Class, image and position as context: as in the Gated PixelCNN of the same authors.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ..arguments import odd_size, positive
from ..conditionals import Conditional
from ..decoder import Decoder
from ..layers import CausalConv2d
from ..masks import channel_groups, convolution_mask
from .conditioning import plus
from .convolutional import ConvolutionalModel, Head
from .pixelcnn_decoder import PixelCNNDecoder

__all__ = ["PixelCNN"]


class PixelCNN(ConvolutionalModel):
    """A convolution with mask A, then convolutions with mask B, then two linear maps at each pixel.

    Mask A hides a pixel's own value from the first layer, mask B lets every later layer see what the layer below knows
    at that pixel (`convolution_mask`). So the output at a pixel depends on values drawn before it. Not on all: with
    kernels k x k, a pixel in the row a above is seen only if it is at most a (k - 1) / 2 columns further right. What
    lies beyond is the blind spot, however many layers there are; GatedPixelCNN has none.

    With L layers 3 x 3 the output sees 1.5 L^2 + 2.5 L pixels, if the image is large enough.

    In colour, the features of a pixel belong to its channels in turn (`channel_groups`): those of group g know the
    channels before g of their own pixel, and all channels of pixels before.

    Args:
        event_shape: (C, H, W). Every pixel's channels are drawn one after the other.
        channels: features of each layer, of all channels together, at least C.
        layers: number of masked convolutions, the one with mask A among them.
        kernel_size: side of the kernels, odd and at least 3.
        first_kernel_size: that of the first layer, where it is to differ.
        conditional: `Bernoulli`, `Categorical` or `LogisticMixture`. Values enter the network as numbers from -1 to 1,
            whichever it is.
        ordering: "raster", the only one: the masks are made for it.
        num_classes, context_shape: see `AutoregressiveModel`. A class, or an image (C', H', W') whose sides divide
            those of the event, adds biases to every layer.
        position: gives each pixel biases of its own in the first layer. For images in which places differ, such as
            centred digits.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    >>> model = PixelCNN((1, 28, 28), channels=16, layers=5, kernel_size=3)
    >>> model.num_parameters()
    5633
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
        self.first = _masked(groups, self.input_groups, self.first_kernel_size, strict=True)
        # The sum over all layers stays of order one.
        gain = (2 / positive("layers", layers)) ** 0.5
        self.layers = nn.ModuleList(
            _masked(groups, groups, kernel_size, strict=False, gain=gain) for _ in range(layers - 1)
        )
        self.given = self.conditioning([channels] * layers)
        self.head = Head(channels, self.depth, self.conditional)

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        known, _ = self.pass_through(self.image(x), self.given(context))
        return self.head(known)

    def pass_through(
        self, image: Tensor, given: list[Tensor | None]
    ) -> tuple[Tensor, list[Tensor]]:
        """What the pixels know at the end, (B, F, H, W), and the input of each layer after the first.

        image: (B, C + 1, H, W); given: biases of each layer, (B, F, H, W) or one that broadcasts to it, or None.
        """
        known, inputs = plus(self.first(image), given[0]), []
        for layer, bias in zip(self.layers, given[1:], strict=True):
            inputs.append(known.relu())
            known = known + plus(layer(inputs[-1]), bias)
        return known, inputs

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return PixelCNNDecoder(self, n, context)


def _masked(
    outputs: Tensor, inputs: Tensor, size: int, *, strict: bool, gain: float = 1.0
) -> CausalConv2d:
    """A convolution size x size from features of these groups to features of those, with mask A if strict, else B."""
    mask = convolution_mask(outputs, inputs, (size, size), strict=strict)
    return CausalConv2d(mask[:, :, : size // 2 + 1], gain=gain)
