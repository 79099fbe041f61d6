"""The contract suite is only worth something if it notices: models with one thing wrong must fail it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import contract
import pytest
import torch
from models_under_test import promised_dependencies
from random_weights import randomised
from torch import Tensor

import armodels_lite as ar
from armodels_lite.masks import convolution_mask, degree_mask
from armodels_lite.models.classical import LinearARDecoder
from armodels_lite.models.fvsbn import FVSBNDecoder
from armodels_lite.models.gated_pixelcnn_decoder import GatedPixelCNNDecoder
from armodels_lite.models.made import MADEDecoder
from armodels_lite.models.nade import NADEDecoder
from armodels_lite.models.pixelcnn_decoder import PixelCNNDecoder
from armodels_lite.models.pixelcnnpp import doubled
from armodels_lite.models.pixelrnn_decoder import DiagonalDecoder, RowDecoder
from armodels_lite.models.wavenet_decoder import WaveNetDecoder

BITS = ar.Categorical(2)
steps_equal_pass = partial(contract.check_steps_equal_pass, atol=1e-10)


def fvsbn_mask_off_by_one() -> ar.FVSBN:
    """The diagonal is let through: every pixel sees itself."""
    model = randomised(ar.FVSBN((1, 2, 3)).double())
    model.linear.mask = (model.rank.unsqueeze(1) >= model.rank).double()
    return model


def made_mask_off_by_one() -> ar.MADE:
    """<= where the output layer needs <."""
    model = randomised(ar.MADE((5,), hidden=(12,)).double())
    output = model.layers[-1]
    output.mask = (model.degrees[0].unsqueeze(1) >= model.degrees[-1]).double()
    return model


def one_wrong_mask_entry() -> ar.MADE:
    model = randomised(ar.MADE((5,), hidden=(12, 11)).double())
    model.layers[-1].mask[0, 3] = 1.0
    return model


def half_another_ordering() -> ar.MADE:
    """The inputs have the degrees of another ordering, the outputs those of its own."""
    model = randomised(ar.MADE((5,), hidden=(12,), order_agnostic=True).double())
    other = model.with_ordering([2, 0, 4, 1, 3])
    for layer, twin in ((model.layers[0], other.layers[0]), (model.seen[0], other.seen[0])):
        layer.mask = twin.mask
    return model


def pixelrnn_mask_b_first() -> ar.PixelRNN:
    """Mask B where the first convolution needs mask A: every pixel sees itself."""
    model = randomised(ar.PixelRNN((1, 2, 3), channels=6, layers=1).double())
    grey = torch.zeros(12)
    mask = convolution_mask(grey, grey[:1], (7, 7), strict=False)
    model.first.mask = mask[:, :, :4].double()
    return model


def pixelrnn_channel_too_far() -> ar.PixelRNN:
    """The parameters of green read the features of blue, which know green."""
    model = randomised(ar.PixelRNN((3, 1, 2), channels=6, layers=1).double())
    colours, groups = torch.arange(3), torch.arange(12) // 4
    model.out.mask = degree_mask(colours + 1, groups, strict=False).double()
    return model


def pixelrnn_not_moved_down() -> ar.PixelRNN:
    """What comes from the right is added in its own row: a pixel sees those to its right."""
    model = randomised(ar.PixelRNN((1, 2, 3), kind="diagonal", channels=6, layers=1).double())
    model.layers[0]._moved_down = lambda states: states
    return model


def pixelcnn_mask_b_first() -> ar.PixelCNN:
    """Mask B where the first convolution needs mask A."""
    model = randomised(ar.PixelCNN((1, 2, 3), channels=4, layers=2, kernel_size=3).double())
    mask = convolution_mask(torch.zeros(4), torch.tensor([0, -1]), (3, 3), strict=False)
    model.first.mask = mask[:, :, :2].double()
    return model


def pixelcnn_one_tap_too_many() -> ar.PixelCNN:
    """A later layer looks at the right neighbour."""
    model = randomised(ar.PixelCNN((1, 2, 3), channels=4, layers=2, kernel_size=3).double())
    model.layers[0].mask[:, :, 1, 2] = 1.0
    return model


def gated_groups_mixed() -> ar.GatedPixelCNN:
    """The linear map behind the gates joins the features of all channels."""
    model = ar.GatedPixelCNN((3, 1, 2), channels=6, layers=2, kernel_size=3)
    model.layers[0].mix.mask.fill_(1.0)
    return randomised(model.double())


def gated_not_moved_down(monkeypatch: pytest.MonkeyPatch) -> ar.GatedPixelCNN:
    """The horizontal stack takes its own row from the vertical one, which has seen that to its end."""
    monkeypatch.setattr("armodels_lite.models.gated_pixelcnn.shift_down", lambda x: x)
    model = ar.GatedPixelCNN((1, 2, 3), channels=4, layers=1, kernel_size=3)
    return randomised(model.double())


def pixelcnnpp_not_moved_down(monkeypatch: pytest.MonkeyPatch) -> ar.PixelCNNpp:
    """The upper stream begins in a pixel's own row."""
    monkeypatch.setattr("armodels_lite.models.pixelcnnpp.shift_down", lambda x: x)
    model = ar.PixelCNNpp((1, 2, 3), channels=4, blocks=1, conditional=BITS)
    return randomised(model.double())


def pixelcnnpp_a_pixel_too_early(monkeypatch: pytest.MonkeyPatch) -> ar.PixelCNNpp:
    """What the lower resolution gives back stands one pixel too far left."""

    def shifted(x: Tensor, size: tuple[int, int]) -> Tensor:
        return doubled(x, size).roll(-1, -1)

    monkeypatch.setattr("armodels_lite.models.pixelcnnpp.doubled", shifted)
    model = ar.PixelCNNpp((1, 3, 4), channels=4, blocks=1, conditional=BITS)
    return randomised(model.double())


class AllChannels(ar.PixelCNNpp):
    """The means of green move with green itself."""

    def _pairs(self) -> list[tuple[int, int]]:
        return [(1, 1)]


def pixelcnnpp_channel_too_far() -> ar.PixelCNNpp:
    mixture = ar.LogisticMixture(2, levels=3)
    return randomised(AllChannels((2, 1, 2), channels=4, blocks=1, conditional=mixture).double())


class Unshifted(ar.WaveNet):
    """The first layer takes x_t at step t, not x_(t-1)."""

    def inputs(self, x: Tensor) -> Tensor:
        return self.embedded(x)


def wavenet_not_shifted() -> ar.WaveNet:
    return randomised(Unshifted((4,), channels=4, layers=2, conditional=BITS).double())


class OverfullDecoder(WaveNetDecoder):
    """The longest queue turns over one step too soon."""

    def _lay_out_queues(self) -> None:
        super()._lay_out_queues()
        self._period -= 1


class StaleDecoder(PixelCNNDecoder):
    """Looks at the rows above for the first row only."""

    def _begin_row(self, row: int) -> None:
        if row == 0:
            super()._begin_row(row)


class TopRowDecoder(GatedPixelCNNDecoder):
    """Every row is told what the first row is told: nothing."""

    def _begin_row(self, row: int) -> None:
        super()._begin_row(0)


class OneWayDecoder(DiagonalDecoder):
    """Never runs the second direction."""

    def _finish_row(self, row: int) -> None:
        pass


class SpentDecoder(RowDecoder):
    """Takes c of the row above from where the pixel's own c goes: wrong from a pixel's second channel on."""

    def _from_above(self, index: int) -> Tensor:
        given = super()._from_above(index)
        self._c_above[index] = self._c[index]
        return given


class LateDecoder(FVSBNDecoder):
    """Adds a value's weights to the variable after next on, not to the next."""

    def _observed(self, x_t: Tensor) -> None:
        kept = self._running[:, self.t : self.t + 1].clone()
        super()._observed(x_t)
        self._running[:, self.t : self.t + 1] = kept


class ForgetfulDecoder(NADEDecoder):
    """Rewinds the position and leaves the running sum as it was."""

    def _restart(self, values: Tensor, t: int) -> None:
        pass


class SharedDecoder(NADEDecoder):
    """Forks without copying the running sum."""

    def fork(self) -> ar.Decoder:
        twin = super().fork()
        twin._a = self._a
        return twin


class AppendOnlyDecoder(MADEDecoder):
    """Forks share the activations, as if only new rows were ever written."""

    state = ("x",)


class LaggingDecoder(LinearARDecoder):
    """Looks back one step too far: x_{t-2} where x_{t-1} belongs."""

    def _params(self) -> Tensor:
        values, self.x = self.x, self.x.roll(1, dims=1)
        params = super()._params()
        self.x = values
        return params


class TwiceSquashed(ar.NADE):
    """Puts a sigmoid on the logits, so the likelihood takes it twice; sampling takes it once."""

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return super().params(x, context).sigmoid()


def decoded_by(decoder: type, model: ar.AutoregressiveModel) -> ar.AutoregressiveModel:
    model.cached_decoder = lambda n, context: decoder(model, n, context)
    return randomised(model.double())


BUGS: dict[str, tuple[Callable[[], ar.AutoregressiveModel], list[Callable]]] = {
    "FVSBN mask": (
        fvsbn_mask_off_by_one,
        [contract.check_normalisation, contract.check_samples_follow],
    ),
    "MADE mask": (made_mask_off_by_one, [contract.check_normalisation]),
    "one mask entry": (one_wrong_mask_entry, [contract.check_normalisation]),
    "half another ordering": (half_another_ordering, [contract.check_normalisation]),
    "PixelRNN, mask B first": (pixelrnn_mask_b_first, [contract.check_normalisation]),
    "PixelRNN, a channel too far": (pixelrnn_channel_too_far, [contract.check_normalisation]),
    "PixelRNN, not moved down": (pixelrnn_not_moved_down, [contract.check_normalisation]),
    "PixelCNN, mask B first": (pixelcnn_mask_b_first, [contract.check_normalisation]),
    "PixelCNN, a tap too many": (pixelcnn_one_tap_too_many, [contract.check_normalisation]),
    "Gated, groups mixed": (gated_groups_mixed, [contract.check_normalisation]),
    "PixelCNN++, a channel too far": (pixelcnnpp_channel_too_far, [contract.check_normalisation]),
    "WaveNet, not shifted": (wavenet_not_shifted, [contract.check_normalisation]),
    "overfull decoder": (
        lambda: decoded_by(
            OverfullDecoder, ar.WaveNet((9,), channels=4, layers=3, conditional=BITS)
        ),
        [steps_equal_pass],
    ),
    "stale decoder": (
        lambda: decoded_by(StaleDecoder, ar.PixelCNN((1, 3, 3), channels=4)),
        [steps_equal_pass],
    ),
    "top-row decoder": (
        lambda: decoded_by(TopRowDecoder, ar.GatedPixelCNN((1, 3, 3), channels=4)),
        [steps_equal_pass],
    ),
    "one-way decoder": (
        lambda: decoded_by(OneWayDecoder, ar.PixelRNN((1, 3, 3), kind="diagonal", channels=6)),
        [contract.check_cached_equals_naive],
    ),
    "spent decoder": (
        lambda: decoded_by(SpentDecoder, ar.PixelRNN((3, 3, 2), channels=6)),
        [steps_equal_pass],
    ),
    "late decoder": (
        lambda: decoded_by(LateDecoder, ar.FVSBN((5,))),
        [contract.check_cached_equals_naive, contract.check_samples_follow],
    ),
    "forgetful decoder": (
        lambda: decoded_by(ForgetfulDecoder, ar.NADE((5,), hidden=6)),
        [contract.check_decoder_moves],
    ),
    "shared decoder": (
        lambda: decoded_by(SharedDecoder, ar.NADE((5,), hidden=6)),
        [contract.check_decoder_moves],
    ),
    "append-only decoder": (
        lambda: decoded_by(AppendOnlyDecoder, ar.MADE((5,), hidden=(9,))),
        [contract.check_decoder_moves],
    ),
    "lagging decoder": (
        lambda: decoded_by(LaggingDecoder, ar.LinearAR((5,), order=2)),
        [contract.check_cached_equals_naive],
    ),
    "sigmoid twice": (
        lambda: randomised(TwiceSquashed((5,), hidden=6).double()),
        [contract.check_cached_equals_naive, contract.check_samples_follow],
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_the_suite_notices(name: str) -> None:
    build, checks = BUGS[name]
    for check in checks:
        with pytest.raises(AssertionError):
            check(build())


@pytest.mark.parametrize(
    "build",
    [
        fvsbn_mask_off_by_one,
        made_mask_off_by_one,
        one_wrong_mask_entry,
        half_another_ordering,
        pixelrnn_mask_b_first,
        pixelrnn_channel_too_far,
        pixelrnn_not_moved_down,
        pixelcnn_mask_b_first,
        pixelcnn_one_tap_too_many,
        gated_groups_mixed,
        pixelcnnpp_channel_too_far,
        wavenet_not_shifted,
    ],
)
def test_causality_names_the_leak(build: Callable[[], ar.AutoregressiveModel]) -> None:
    model = build()
    with pytest.raises(AssertionError, match=r"conditional \d depends on variable \d"):
        contract.check_causality(model, promised_dependencies(model))


@pytest.mark.parametrize(
    "build",
    [gated_not_moved_down, pixelcnnpp_not_moved_down, pixelcnnpp_a_pixel_too_early],
)
def test_the_suite_notices_a_forgotten_shift(
    build: Callable[[pytest.MonkeyPatch], ar.AutoregressiveModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(monkeypatch)
    with pytest.raises(AssertionError, match="the probabilities sum to"):
        contract.check_normalisation(model)
    with pytest.raises(AssertionError, match=r"conditional \d+ depends on variable \d+"):
        contract.check_causality(model, promised_dependencies(model))
