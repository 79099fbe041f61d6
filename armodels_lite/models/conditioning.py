"""What a convolutional model of images is told beside the pixels: a class, an image, the place of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Conditioning", "halves", "plus"]


class Conditioning(nn.Module):
    """Biases for the layers of a network over (H, W) pixels, from the context and from the place.

    - A class has a bias of its own for every feature of every layer, the same at all pixels.
    - An image (C', H', W') passes through three convolutions of its own, unmasked, for all of it is known beforehand;
      a smaller one is first enlarged by repeating its pixels.
    - `position` gives every pixel biases of its own in the first layer.

    All start at or near zero. Source: A. van den Oord, N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves,
    K. Kavukcuoglu, "Conditional Image Generation with PixelCNN Decoders", 2016; there an image passes through a
    network of the user's.

    Args:
        sizes: features of each layer that gets biases.
        size: (H, W).
        hidden: features of the convolutions over a context image.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        size: tuple[int, int],
        *,
        num_classes: int | None,
        context_shape: tuple[int, ...] | None,
        position: bool,
        hidden: int,
    ) -> None:
        super().__init__()
        self.sizes, self.size = list(sizes), size
        self.classes = self.image = None
        if num_classes is not None:
            self.classes = nn.Embedding(num_classes, sum(sizes))
            nn.init.zeros_(self.classes.weight)
        if context_shape is not None:
            self.image = nn.Sequential(
                nn.Conv2d(context_shape[0], hidden, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(hidden, hidden, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(hidden, sum(sizes), 3, padding=1),
            )
        self.place = nn.Parameter(torch.zeros(sizes[0], *size)) if position else None

    def forward(self, context: Tensor | None) -> list[Tensor | None]:
        """For each layer its biases, (B, features, H, W) or one that broadcasts to it; None where there are none."""
        biases: list[Tensor | None] = [None] * len(self.sizes)
        if self.classes is not None:
            biases = list(self.classes(context)[:, :, None, None].split(self.sizes, 1))
        if self.image is not None:
            enlarge = [
                side // given for side, given in zip(self.size, context.shape[2:], strict=True)
            ]
            context = context.repeat_interleave(enlarge[0], 2).repeat_interleave(enlarge[1], 3)
            context = context.contiguous(memory_format=torch.channels_last)
            biases = list(self.image(context).split(self.sizes, 1))
        if self.place is not None:
            biases[0] = self.place if biases[0] is None else biases[0] + self.place
        return biases


def plus(x: Tensor, bias: Tensor | None) -> Tensor:
    """x + bias, or x where there is no bias."""
    return x if bias is None else x + bias


def halves(bias: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """The first and the second half of the features (..., F, H, W), for two stacks."""
    return (None, None) if bias is None else bias.chunk(2, -3)
