"""The contract suite is only worth something if it notices: models with one thing wrong must fail it."""

from __future__ import annotations

from collections.abc import Callable

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
from armodels_lite.models.made import MADEDecoder
from armodels_lite.models.nade import NADEDecoder
from armodels_lite.models.pixelrnn_decoder import DiagonalDecoder, RowDecoder


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
    model.first.mask = convolution_mask(grey, grey[:1], (7, 7), strict=False).double()
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
    "one-way decoder": (
        lambda: decoded_by(OneWayDecoder, ar.PixelRNN((1, 3, 3), kind="diagonal", channels=6)),
        [contract.check_cached_equals_naive],
    ),
    "spent decoder": (
        lambda: decoded_by(SpentDecoder, ar.PixelRNN((3, 3, 2), channels=6)),
        [contract.check_cached_equals_naive],
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
    ],
)
def test_causality_names_the_leak(build: Callable[[], ar.AutoregressiveModel]) -> None:
    model = build()
    with pytest.raises(AssertionError, match=r"conditional \d depends on variable \d"):
        contract.check_causality(model, promised_dependencies(model))
