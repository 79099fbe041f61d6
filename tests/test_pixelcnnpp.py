"""PixelCNN++: the channels of a pixel against the paper's joint formula, resolutions, dropout."""

from __future__ import annotations

import contract
import pytest
import torch
from conv_paths import pixelcnnpp_paths
from models_under_test import Case
from torch import Tensor

import armodels_lite as ar


def random_model(event_shape: tuple[int, ...], **arguments) -> ar.PixelCNNpp:
    given = {"channels": 4, "blocks": 1, **arguments}
    return Case("", ar.PixelCNNpp, {"event_shape": event_shape, **given}).build()


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


# -- the channels of a pixel ----------------------------------------------------------------------------------------


def joint(pixels: Tensor, x: Tensor, components: int, levels: int) -> Tensor:
    """log sum_k pi_k prod_c L_k(x_c), (...,), as the paper has it: green's means move with red, blue's with both."""
    weights, *rest = pixels.unflatten(-1, (-1, components)).unbind(-2)
    means, log_scales, slopes = rest[:3], rest[3:6], [slope.tanh() for slope in rest[6:]]
    red, green, _ = (2 * x.double() / (levels - 1) - 1).unsqueeze(-2).unbind(-1)
    means = [
        means[0],
        means[1] + slopes[0] * red,
        means[2] + slopes[1] * red + slopes[2] * green,
    ]
    product = weights.softmax(-1)
    for channel in range(3):
        level = x[..., channel, None].double()
        scale = log_scales[channel].exp()
        upper = torch.sigmoid(((2 * level + 1) / (levels - 1) - 1 - means[channel]) / scale)
        lower = torch.sigmoid(((2 * level - 1) / (levels - 1) - 1 - means[channel]) / scale)
        upper = torch.where(level == levels - 1, 1.0, upper)
        lower = torch.where(level == 0, 0.0, lower)
        product = product * (upper - lower)
    return product.sum(-1).log()


def test_the_product_over_channels_is_the_papers_joint_distribution() -> None:
    model = random_model((3, 1, 1), conditional=ar.LogisticMixture(4, levels=5))
    pixels, x = normal(50, 10 * 4), torch.cartesian_prod(*[torch.arange(5)] * 3)
    pixels, x = pixels.unsqueeze(1), x.expand(50, -1, -1)
    params = model.channel_params(pixels.expand(-1, 125, -1), x)
    found = model.conditional.distribution(params).log_prob(x).sum(-1)
    torch.testing.assert_close(found, joint(pixels, x, 4, 5))
    torch.testing.assert_close(found.exp().sum(1), torch.ones(50, dtype=torch.float64))


def test_with_levels_each_earlier_channel_adds_to_the_logits() -> None:
    model = random_model((3, 1, 1), conditional=ar.Categorical(4))
    pixels, x = normal(6, 12), torch.randint(4, (6, 3))
    red_green, red_blue, green_blue = (link.weight for link in model.channel_links)
    red, green, blue = pixels.unflatten(-1, (3, 4)).unbind(1)
    expected = [
        red,
        green + red_green[x[:, 0]],
        blue + red_blue[x[:, 0]] + green_blue[x[:, 1]],
    ]
    torch.testing.assert_close(model.channel_params(pixels, x), torch.stack(expected, 1))


def test_at_first_no_channel_depends_on_another() -> None:
    """With levels by links of zero, with mixtures by slopes of zero: only the components' weights move."""
    for conditional in (ar.Categorical(3), ar.LogisticMixture(1, levels=3)):
        model = ar.PixelCNNpp((2, 1, 1), channels=4, blocks=1, conditional=conditional)
        model.out.weight.data.zero_()
        x = torch.tensor([[0, 1], [2, 1]]).view(2, 2, 1, 1)
        levels = model(x).level_log_probs()[:, 1]
        torch.testing.assert_close(levels[0], levels[1])


# -- resolutions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolutions", [1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 7), (5, 3), (6, 4), (9, 5)])
def test_any_sides_will_do(height: int, width: int, resolutions: int) -> None:
    model = random_model((1, height, width), resolutions=resolutions, mixtures=2)
    x = torch.randint(256, (2, 1, height, width))
    with torch.no_grad():
        params = model.params(x)
    assert params.shape == (2, 1, height, width, 6) and torch.isfinite(params).all()


def test_the_number_of_blocks() -> None:
    model = ar.PixelCNNpp((1, 8, 8), channels=4, blocks=2, resolutions=3)
    assert model.network.count == 3 * 2 + 3 + 3 + 2  # down, and back one more but at the lowest


def test_a_lower_resolution_sees_further_but_not_in_the_rows_it_leaves_out() -> None:
    """In its own row a pixel sees 10 columns back at full resolution alone; of odd rows a lower one knows nothing."""
    triangle = torch.ones(144, 144, dtype=torch.bool).tril(-1)
    one, two = (
        pixelcnnpp_paths(ar.PixelCNNpp((1, 6, 24), channels=1, blocks=2, resolutions=count))
        for count in (1, 2)
    )
    assert not (two & ~triangle).any() and (one <= two).all()
    assert one.sum() < two.sum() < triangle.sum()
    # An even row has pixels at half the resolution, an odd one has none.
    for row, first in ((2, 0), (3, 12)):
        own = two[row * 24 + 23].view(6, 24)[row]
        assert own.nonzero().flatten().tolist() == list(range(first, 23))


# -- dropout --------------------------------------------------------------------------------------------------------


def test_dropout_works_in_training_only() -> None:
    model = random_model((1, 3, 3), dropout=0.5)
    x = contract.events(model)
    assert torch.equal(model.log_prob(x), model.log_prob(x))
    model.train()
    assert not torch.equal(model.log_prob(x), model.log_prob(x))


@pytest.mark.parametrize("cache", [True, False])
def test_sampling_has_no_dropout_whatever_the_mode(cache: bool) -> None:
    model = random_model((1, 2, 3), dropout=0.5)
    u = contract.noise(model)
    expected = model.sample(noise=u, cache=cache)
    model.train()
    assert torch.equal(model.sample(noise=u, cache=cache), expected)
    assert model.training and all(module.training for module in model.modules())


# -- sizes and errors -----------------------------------------------------------------------------------------------


def block(f: int, short_cut: int) -> int:
    above = (6 * f * f + f) + short_cut * (f * f + f) + (12 * f * f + 2 * f)
    return above + (4 * f * f + f) + ((1 + short_cut) * f * f + f) + (8 * f * f + 2 * f)


@pytest.mark.parametrize(("f", "depth", "blocks"), [(16, 3, 1), (5, 1, 3), (4, 4, 2)])
def test_parameter_counts(f: int, depth: int, blocks: int) -> None:
    """Two resolutions: 6 taps above and 4 to the left; of its own pixel the first layer sees only the ones."""
    model = ar.PixelCNNpp((depth, 8, 8), channels=f, blocks=blocks, mixtures=5)
    first = (15 * (depth + 1) * f + f) + (12 * (depth + 1) * f + f + f)
    lower = (6 * f * f + f) + (4 * f * f + f) + 2 * (4 * f * f + 4 * f)
    outputs = 5 * (1 + 2 * depth + depth * (depth - 1) // 2)
    network = 2 * blocks * block(f, 0) + (2 * blocks + 1) * block(f, 1)
    assert model.num_parameters() == first + lower + network + outputs * (f + 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"conditional": ar.Bernoulli()}, "takes LogisticMixture, Categorical as conditional"),
        ({"conditional": ar.Categorical(3), "mixtures": 2}, "mixtures or conditional, not both"),
        ({"mixtures": 0}, "mixtures must be a positive int, got 0"),
        ({"blocks": 0}, "blocks must be a positive int, got 0"),
        ({"resolutions": True}, "resolutions must be a positive int, got True"),
        ({"dropout": 1.0}, "dropout must be a share of at least 0 and less than 1, got 1.0"),
        ({"dropout": "0.1"}, "dropout must be a share .* got '0.1'"),
        ({"dropout": False}, "dropout must be a share .* got False"),
    ],
)
def test_errors(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.PixelCNNpp((1, 4, 4), **arguments)
