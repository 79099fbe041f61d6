"""What the convolutional models of images share: how pixels and context enter the network, and the arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from ..arguments import flag, sizes
from ..chain import AutoregressiveModel
from ..conditionals import Bernoulli, Categorical, Conditional, LogisticMixture
from ..layers import MaskedLinear
from ..masks import channel_groups, degree_mask
from .conditioning import Conditioning

if TYPE_CHECKING:
    from typing import Self  # from Python 3.11 on

__all__ = ["ConvolutionalModel", "Head"]


class ConvolutionalModel(AutoregressiveModel):
    """Base of PixelCNN, GatedPixelCNN and PixelCNNpp. See there for the arguments.

    Values enter as numbers from -1 to 1, level k of K as 2k / (K - 1) - 1, because levels of an image are grey values
    and not names. One more channel, of ones, tells the image from the zeros around it.
    """

    conditionals: ClassVar[tuple[type[Conditional], ...]] = (
        Bernoulli,
        Categorical,
        LogisticMixture,
    )

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        channels: int,
        conditional: Conditional | None,
        ordering: str,
        num_classes: int | None,
        context_shape: Sequence[int] | None,
        position: bool,
    ) -> None:
        name = type(self).__name__
        if not (isinstance(ordering, str) and ordering == "raster"):
            raise ValueError(f'{name} takes ordering "raster" only, got {ordering!r}')
        super().__init__(
            event_shape,
            conditional=conditional,
            num_classes=num_classes,
            context_shape=context_shape,
        )
        if len(self.event_shape) != 3:
            raise ValueError(f"{name} has event shape (C, H, W), got {self.event_shape}")
        self.depth, *size = self.event_shape
        self.size = tuple(size)
        if type(channels) is not int or channels < self.depth:
            raise ValueError(
                f"channels must be an int of at least {self.depth}, one for each channel of the image, "
                f"got {channels!r}"
            )
        self._check_context_image()
        self.channels, self.position = channels, flag("position", position)

    def _check_context_image(self) -> None:
        shape = self.context_shape
        if shape is not None and not (
            len(shape) == 3 and all(a % b == 0 for a, b in zip(self.size, shape[1:], strict=True))
        ):
            height, width = self.size
            raise ValueError(
                f"context_shape must be (C', H', W') with H' dividing {height} and W' dividing {width}, got {shape}"
            )

    def with_event_shape(self, event_shape: Sequence[int]) -> Self:
        """The same weights for images of another size: a new model that shares its Parameters with this one.

        Kernels do not ask how large an image is, so a model that was trained on small pieces of a texture draws large
        ones. It has learnt no more than what its receptive field holds, and what there is near the borders of an image.
        Models may be shared and moved as those of `with_ordering`.

        Args:
            event_shape: (C, H, W) with as many channels.

        Returns:
            A model of the same kind and mode, with the same weights.

        Raises:
            ValueError: another number of channels; a model with biases for every pixel (`position=True`) or with a
                context image, which is of one size; a model whose weights are no longer those that it was built with.

        >>> import armodels_lite as ar
        >>> small = ar.PixelCNN((1, 8, 8), channels=4, layers=2)
        >>> large = small.with_event_shape((1, 32, 48))
        >>> large.sample(1).shape, large.num_parameters() == small.num_parameters()
        (torch.Size([1, 1, 32, 48]), True)
        """
        name, wanted = type(self).__name__, sizes("event_shape", event_shape)
        if self.position or self.context_shape is not None:
            kept = "position=True" if self.position else f"context_shape={self.context_shape}"
            raise ValueError(f"this {name} has {kept}, so it is for {self.event_shape} alone")
        if len(wanted) != 3 or wanted[0] != self.depth:
            raise ValueError(
                f"event_shape must be ({self.depth}, H, W) for this {name}, got {wanted}"
            )
        return self._rebuilt(event_shape=wanted)

    def conditioning(self, sizes: Sequence[int]) -> Conditioning:
        """The part of the network that turns context and place into biases of layers with that many features."""
        return Conditioning(
            sizes,
            self.size,
            num_classes=self.num_classes,
            context_shape=self.context_shape,
            position=self.position,
            hidden=self.channels,
        )

    @property
    def input_groups(self) -> Tensor:
        """The colour channel of each input: int64 (C + 1,). The ones come before every channel: all may see them."""
        return torch.arange(-1, self.depth).roll(-1)

    def image(self, x: Tensor) -> Tensor:
        """The network's input (B, C + 1, H, W): the values and the ones."""
        values = self.scaled(x)
        image = torch.cat([values, torch.ones_like(values[:, :1])], 1)
        return image.contiguous(memory_format=torch.channels_last)

    def scaled(self, x: Tensor) -> Tensor:
        """Values or levels as numbers from -1 to 1, in the model's dtype."""
        return x.to(self.dtype) * (2 / (self.levels - 1)) - 1


class Head(nn.Module):
    """From what a pixel knows, F features, to the parameters of its channels: two linear maps with mask B, each after
    a ReLU. The features are those of C groups (`channel_groups`), one for each channel.
    """

    def __init__(self, features: int, depth: int, conditional: Conditional) -> None:
        super().__init__()
        groups = channel_groups(features, depth)
        colours = torch.arange(depth).repeat_interleave(conditional.num_params)
        self.depth = depth
        self.mix = MaskedLinear(degree_mask(groups, groups, strict=False), gain=2**0.5)
        self.out = MaskedLinear(degree_mask(colours, groups, strict=False))
        with torch.no_grad():
            self.out.bias.copy_(conditional.initial_params().repeat(depth))

    def forward(self, known: Tensor) -> Tensor:
        """(B, F, H, W) to (B, C, H, W, P)."""
        params = self.pixel(known.permute(0, 2, 3, 1))
        return params.unflatten(-1, (self.depth, -1)).permute(0, 3, 1, 2, 4)

    def pixel(self, known: Tensor) -> Tensor:
        """(..., F) to (..., C P)."""
        return self.out(self.mix(known.relu()).relu())
