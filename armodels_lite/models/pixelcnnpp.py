"""PixelCNN++: whole pixels at once, a mixture of logistics, several resolutions with short cuts between them.

Source: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic
Mixture Likelihood and Other Modifications", 2017. Differs from the paper:

- p(R, G, B) is written as a product over the channels, which are drawn one after the other with one uniform number
  each; the paper draws a component first, then all three channels from it. The joint distribution is the same.
- ELU in place of concatenated ELU; 5 x 5 kernels in the first layer. On the way to a higher resolution a linear map
  makes four pixels of each; on the way to a lower one both streams use kernels of the same size as elsewhere.
- No weight normalisation; dropout is off unless asked for. Sides need not be even.
- `Categorical` is accepted too. The logits of a channel then add what each earlier channel of the pixel says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..arguments import positive, share
from ..conditionals import Categorical, Conditional, LogisticMixture
from ..decoder import Decoder
from ..distributions import LogisticMixture as Mixture
from ..layers import CausalConv2d, shift_down
from ..masks import convolution_mask
from .conditioning import halves, plus
from .convolutional import ConvolutionalModel
from .pixelcnnpp_decoder import PixelCNNppDecoder

__all__ = ["GatedResidual", "PixelCNNpp", "Resolution"]

FIRST = 5  # side of the kernels that see the image


class PixelCNNpp(ConvolutionalModel):
    """Two streams through a U-shaped network; at each pixel its output describes all channels together.

    The upper stream sees the rows above a pixel, the left stream what was drawn before it; the second takes from the
    first in every block. Blocks work at full resolution, then at half, and so on, and back; on the way back each block
    also takes what its counterpart on the way down put out (short cuts). No stream sees a pixel's own channels. A few
    numbers say how a channel depends on the ones before it in the same pixel. All channels share their components k, so
    p(G | R) = sum_k w_k L_k(G), with w_k proportional to pi_k L_k(R), and the mean of L_k moves linearly with R. Blue
    depends on red and green in the same way.

    Args:
        event_shape: (C, H, W). Every pixel's channels are drawn one after the other.
        channels: features of each stream.
        blocks: blocks of each resolution on the way down, and on the way back (there one more, but at the lowest).
        resolutions: 1 for the full one alone; each further one halves the sides.
        mixtures: components of the default conditional, LogisticMixture(mixtures); not beside `conditional`.
        conditional: `LogisticMixture` or `Categorical`.
        dropout: share of features that are switched off in training, in the middle of each block.
        ordering, num_classes, context_shape, position: see `PixelCNN`.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    >>> model = PixelCNNpp((3, 32, 32), channels=16, blocks=1, mixtures=5)
    >>> model.conditional, model.num_parameters()
    (LogisticMixture(components=5, levels=256), 49218)
    """

    conditionals = (LogisticMixture, Categorical)

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        channels: int = 32,
        blocks: int = 2,
        resolutions: int = 2,
        mixtures: int | None = None,
        conditional: Conditional | None = None,
        dropout: float = 0.0,
        ordering: str = "raster",
        num_classes: int | None = None,
        context_shape: Sequence[int] | None = None,
        position: bool = False,
    ) -> None:
        if conditional is not None and mixtures is not None:
            raise ValueError("give mixtures or conditional, not both")
        if conditional is None:
            mixtures = 10 if mixtures is None else positive("mixtures", mixtures)
            conditional = LogisticMixture(mixtures)
        super().__init__(
            event_shape,
            channels=channels,
            conditional=conditional,
            ordering=ordering,
            num_classes=num_classes,
            context_shape=context_shape,
            position=position,
        )
        share("dropout", dropout)
        every = torch.ones(channels, self.depth + 1, FIRST // 2 + 1, FIRST, dtype=torch.bool)
        self.first_above = CausalConv2d(every)
        # No channel of the pixel itself: all belong to one group, which mask A hides.
        groups = torch.zeros(channels), self.input_groups.clamp(max=0)
        mask = convolution_mask(*groups, (FIRST, FIRST), strict=True)
        self.first_left = CausalConv2d(mask[:, :, : FIRST // 2 + 1])
        self.network = Resolution(
            channels, positive("blocks", blocks), positive("resolutions", resolutions), dropout
        )
        self.given = self.conditioning([2 * channels] * (1 + self.network.count))
        self.channel_links = self._make_channel_links()
        self.out = nn.Linear(channels, self._initial_output().numel())
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(self._initial_output())

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        first, *given = self.given(context)
        _, left = self.network(*self.first(self.image(x), first), iter(given))
        pixels = self.out(F.elu(left).permute(0, 2, 3, 1))
        return self.channel_params(pixels, x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2, 4)

    def first(self, image: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both streams (B, F, H, W) at the beginning."""
        for_above, for_left = halves(bias)
        above = plus(shift_down(self.first_above(image)), for_above)
        return above, plus(self.first_left(image), for_left)

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return PixelCNNppDecoder(self, n, context)

    # -- channels of a pixel -------------------------------------------------------------------------------------

    def channel_params(self, pixels: Tensor, x: Tensor, count: int | None = None) -> Tensor:
        """Outputs (..., R) of the network and values (..., C) to the parameters (..., count, P) of the first channels.

        Of all C unless a count is given. Those of a channel depend on the values of the channels before it.
        """
        count = self.depth if count is None else count
        if isinstance(self.conditional, Categorical):
            logits = list(pixels.chunk(self.depth, -1))
            for (source, target), link in zip(self._pairs(), self.channel_links, strict=True):
                logits[target] = logits[target] + link(x[..., source])
            return torch.stack(logits[:count], -2)
        return self._mixtures(pixels, x, count)

    def _mixtures(self, pixels: Tensor, x: Tensor, count: int) -> Tensor:
        """The outputs of a pixel are M weights, then means and log scales (C, M), then a factor a pair of channels."""
        depth = self.depth
        pixels = pixels.unflatten(-1, (-1, self.conditional.components))
        weights, means, log_scales, slopes = pixels.split([1, depth, depth, len(self._pairs())], -2)
        weights, means, log_scales = weights.squeeze(-2), means.unbind(-2), log_scales.unbind(-2)
        means = list(means)
        values, found = self.scaled(x).unsqueeze(-1), []
        for (source, target), slope in zip(self._pairs(), slopes.tanh().unbind(-2), strict=True):
            means[target] = means[target] + slope * values[..., source, :]
        for channel in range(count):
            params = torch.cat([weights, means[channel], log_scales[channel]], -1)
            found.append(params)
            if channel + 1 < count:
                # The next channel weighs the components by how well they fit this one.
                mixture = Mixture(params, self.levels)
                weights = weights + mixture.component_log_probs(x[..., channel]).to(weights.dtype)
        return torch.stack(found, -2)

    def _pairs(self) -> list[tuple[int, int]]:
        """All pairs of an earlier and a later channel."""
        return list(combinations(range(self.depth), 2))

    def _make_channel_links(self) -> nn.ModuleList:
        """For levels: what each level of an earlier channel adds to the logits of a later one; nothing at first."""
        if not isinstance(self.conditional, Categorical):
            return nn.ModuleList()
        links = nn.ModuleList(nn.Embedding(self.levels, self.levels) for _ in self._pairs())
        for link in links:
            nn.init.zeros_(link.weight)
        return links

    def _initial_output(self) -> Tensor:
        """The outputs of a pixel from which training starts, (R,)."""
        start = self.conditional.initial_params()
        if isinstance(self.conditional, Categorical):
            return start.repeat(self.depth)
        weights, means, log_scales = start.chunk(3)
        slopes = torch.zeros(len(self._pairs()) * self.conditional.components)
        return torch.cat([weights, means.repeat(self.depth), log_scales.repeat(self.depth), slopes])


class Resolution(nn.Module):
    """The blocks of one resolution, and between the ones down and the ones back those of the next lower resolution.

    Args:
        channels, blocks, dropout: see `PixelCNNpp`.
        count: resolutions from this one down.
    """

    def __init__(self, channels: int, blocks: int, count: int, dropout: float) -> None:
        super().__init__()
        lowest = count == 1
        self.down = nn.ModuleList(Block(channels, dropout, short_cut=False) for _ in range(blocks))
        back = blocks if lowest else blocks + 1
        self.back = nn.ModuleList(Block(channels, dropout, short_cut=True) for _ in range(back))
        self.lower = None
        if not lowest:
            self.halve_above = _above(channels, channels, stride=2)
            self.halve_left = _left(channels, channels, stride=2)
            self.lower = Resolution(channels, blocks, count - 1, dropout)
            self.double_above = _at_pixel(channels, 4 * channels)
            self.double_left = _at_pixel(channels, 4 * channels)

    @property
    def count(self) -> int:
        """Number of blocks, those of lower resolutions among them."""
        below = 0 if self.lower is None else self.lower.count
        return len(self.down) + len(self.back) + below

    def forward(
        self, above: Tensor, left: Tensor, given: Iterator[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """Both streams (B, F, H, W) through all blocks; `given` yields the biases of one block after the other."""
        kept = [(above, left)]
        for block in self.down:
            above, left = block(above, left, next(given))
            kept.append((above, left))
        if self.lower is None:
            above, left = kept.pop()
        else:
            size = above.shape[2:]
            above, left = self.lower(
                self.halve_above(above), self.halve_left(left), _every_second(given)
            )
            above = doubled(self.double_above(above), size)
            left = doubled(self.double_left(left), size)
        for block in self.back:
            above, left = block(above, left, next(given), *kept.pop())
        return above, left


class Block(nn.Module):
    """A gated residual block in each stream; the left one takes what the upper one puts out."""

    def __init__(self, channels: int, dropout: float, *, short_cut: bool) -> None:
        super().__init__()
        self.above = GatedResidual(_above, channels, short_cut * channels, dropout)
        self.left = GatedResidual(_left, channels, (1 + short_cut) * channels, dropout)

    def forward(
        self,
        above: Tensor,
        left: Tensor,
        bias: Tensor | None,
        above_before: Tensor | None = None,
        left_before: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Both streams, their biases (B, 2F, H, W), and of a block on the way back its short cuts."""
        for_above, for_left = halves(bias)
        above = self.above(above, for_above, above_before)
        beside = above if left_before is None else torch.cat([above, left_before], 1)
        return above, self.left(left, for_left, beside)


class GatedResidual(nn.Module):
    """x + a sigmoid(b), where a and b come from two convolutions of x with ELUs; what stands beside joins in between.

    Args:
        convolution: makes the kind of convolution that the stream uses.
        channels: F.
        beside: features of what stands beside, 0 for nothing.
    """

    def __init__(
        self,
        convolution: Callable[[int, int], CausalConv2d],
        channels: int,
        beside: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.beside = _at_pixel(beside, channels) if beside else None
        self.dropout = nn.Dropout(dropout)
        self.second = convolution(channels, 2 * channels)

    def forward(self, x: Tensor, bias: Tensor | None, beside: Tensor | None) -> Tensor:
        """(B, F, H, W); the bias goes to the first convolution."""
        mixed = plus(self.first(F.elu(x)), bias)
        if beside is not None:
            mixed = mixed + self.beside(F.elu(beside))
        signal, opening = self.second(self.dropout(F.elu(mixed))).chunk(2, 1)
        return x + signal * opening.sigmoid()


def doubled(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Four features of a pixel (B, 4F, h, w) as one of four pixels, cut to (B, F, H, W)."""
    return F.pixel_shuffle(x, 2)[:, :, : size[0], : size[1]]


def _above(inputs: int, outputs: int, stride: int = 1) -> CausalConv2d:
    """Of the upper stream: two rows of three, the lower of them the pixel's own."""
    return CausalConv2d(torch.ones(outputs, inputs, 2, 3, dtype=torch.bool), stride=stride)


def _left(inputs: int, outputs: int, stride: int = 1) -> CausalConv2d:
    """Of the left stream: a pixel, its left neighbour and the two above them."""
    mask = torch.ones(outputs, inputs, 2, 2, dtype=torch.bool)
    return CausalConv2d(mask, ahead=0, stride=stride)


def _at_pixel(inputs: int, outputs: int) -> CausalConv2d:
    return CausalConv2d(torch.ones(outputs, inputs, 1, 1, dtype=torch.bool))


def _every_second(given: Iterator[Tensor | None]) -> Iterator[Tensor | None]:
    """The biases of the next lower resolution: those of every second pixel."""
    return (bias if bias is None else bias[..., ::2, ::2] for bias in given)
