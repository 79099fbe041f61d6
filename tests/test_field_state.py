"""Fields of convolutional models, followed along their masks: against what is measured, closed forms, hand counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import armodels_lite as ar
from armodels_lite.widgets.field_graph import FieldGraph, fields_by_layer
from armodels_lite.widgets.field_state import (
    FieldFrame,
    Walked,
    checked_place,
    measured_field,
    open_count,
)

GREY = {"channels": 12, "layers": 2, "kernel_size": 3}
MODELS = {
    "pixelcnn": lambda: ar.PixelCNN((1, 4, 5), **GREY),
    "one layer": lambda: ar.PixelCNN((1, 3, 4), channels=12, layers=1, kernel_size=3),
    "wide first": lambda: ar.PixelCNN((1, 4, 5), first_kernel_size=5, **GREY),
    "narrow first": lambda: ar.PixelCNN((1, 4, 6), channels=12, layers=2, first_kernel_size=3),
    "rgb": lambda: ar.PixelCNN((3, 3, 3), channels=20, layers=2, kernel_size=3),
    "two channels": lambda: ar.PixelCNN((2, 1, 5), channels=13, layers=2, kernel_size=3),
    "gated": lambda: ar.GatedPixelCNN((1, 4, 5), **GREY),
    "gated rgb": lambda: ar.GatedPixelCNN((3, 3, 3), channels=18, layers=2, kernel_size=3),
    "gated, one layer": lambda: ar.GatedPixelCNN((2, 4, 3), channels=8, layers=1, kernel_size=3),
    "context": lambda: ar.GatedPixelCNN((1, 3, 3), num_classes=3, position=True, **GREY),
    "pixelcnn++": lambda: ar.PixelCNNpp((1, 5, 5), channels=8, blocks=1, resolutions=1),
    "pixelcnn++ rgb": lambda: ar.PixelCNNpp((3, 3, 3), channels=8, blocks=1, resolutions=2),
}
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def made(make: object, seed: int = 0) -> ar.AutoregressiveModel:
    torch.manual_seed(seed)
    return make()


def frame(model: ar.AutoregressiveModel, step: int, pixel: tuple[int, int] | None = None):
    walked = Walked(model)
    return FieldFrame(walked, checked_place(pixel, None, model.event_shape), step)


def listed(field: np.ndarray) -> list[int]:
    """Numbers, from 1, of the pixels in (C, H, W)."""
    return (np.flatnonzero(field.any(0)) + 1).tolist()


# -- the graph and the model ---------------------------------------------------------------------------------------


@every_model
def test_the_last_field_of_every_output_is_what_the_model_depends_on(make: object) -> None:
    model = made(make)
    measured = ar.dependencies(model)[model.rank][:, model.rank].numpy()
    graph = FieldGraph(model)
    last = len(graph.stages) - 1
    fields = [graph.field(p, last).any(0).ravel() for p in range(model.num_variables)]
    assert np.array_equal(np.stack(fields), measured)


@pytest.mark.parametrize("kind", [ar.PixelCNN, ar.GatedPixelCNN])
def test_the_field_after_a_layer_is_that_of_a_model_with_so_many_layers(kind: type) -> None:
    """A model cut after a layer, measured, is another route to the same field."""
    shape, position = (1, 5, 6), 22
    fields = fields_by_layer(kind(shape, channels=8, layers=3, kernel_size=3), position)
    for layers, field in enumerate(fields, 1):
        torch.manual_seed(layers)
        model = kind(shape, channels=16, layers=layers, kernel_size=3)
        assert np.array_equal(field, measured_field(model, position).numpy())


@every_model
def test_nothing_later_is_ever_seen(make: object) -> None:
    model = made(make)
    graph, rank = FieldGraph(model), model.rank.numpy()
    for position in range(model.num_variables):
        for stage in range(len(graph.stages)):
            assert (rank[graph.field(position, stage).any(0).ravel()] < rank[position]).all()


def test_the_graph_follows_the_masks_of_the_model_itself() -> None:
    """A tap switched off in a mask is missing in the field: no formula stands in for the masks."""
    model = made(MODELS["pixelcnn"])
    model.first.mask[:, :, 0, 1] = 0
    model.layers[0].mask[:] = 0
    field = fields_by_layer(model, 12)
    assert listed(field[0]) == listed(field[1]) == [7, 9, 12]


def test_changes_and_derivatives_measure_the_same() -> None:
    for make in (MODELS["rgb"], MODELS["gated"], MODELS["pixelcnn++ rgb"]):
        model = made(make)
        changed = ar.dependencies(model)[model.rank][:, model.rank]
        for position in (0, model.num_variables // 2, model.num_variables - 1):
            assert torch.equal(measured_field(model, position).flatten(), changed[position])


def test_measuring_leaves_the_model_and_its_generator_alone() -> None:
    model = made(MODELS["gated"]).train()
    state = torch.get_rng_state()
    measured_field(model, 7)
    assert model.training and model.dtype == torch.float32 and "image" not in vars(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())


# -- counts --------------------------------------------------------------------------------------------------------


def test_the_example_of_the_notebook_by_hand() -> None:
    model = ar.PixelCNN((1, 5, 5), channels=4, layers=2, kernel_size=3)
    fields = fields_by_layer(model, 12)
    assert listed(fields[0]) == [7, 8, 9, 12]
    assert listed(fields[1]) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    assert listed(frame(model, 1).blind) == [10]


@pytest.mark.parametrize("kind", [ar.PixelCNN, ar.GatedPixelCNN])
@pytest.mark.parametrize(("first", "other"), [(3, 3), (5, 5), (3, 7), (7, 3), (5, 3), (3, 5)])
def test_counts_without_borders_have_a_closed_form(kind: type, first: int, other: int) -> None:
    model = kind((1, 24, 41), channels=2, layers=4, kernel_size=other, first_kernel_size=first)
    counts = fields_by_layer(model, 23 * 41 + 20)[:, 0].sum((1, 2)).tolist()
    assert counts == [open_count(model, layers) for layers in (1, 2, 3, 4)]
    if kind is ar.PixelCNN and first == other == 3:
        assert counts == [1.5 * layers**2 + 2.5 * layers for layers in (1, 2, 3, 4)]


@pytest.mark.parametrize("size", [3, 5])
def test_the_blind_spot_is_a_wedge_on_the_right(size: int) -> None:
    """A pixel a rows above is out of reach beyond a (k - 1) / 2 columns further right, and nothing else is."""
    model = ar.PixelCNN((1, 8, 9), channels=1, layers=1, kernel_size=size)
    for pixel in [(0, 0), (4, 0), (4, 3), (7, 4), (5, 8)]:
        rows, columns = np.indices((8, 9))
        above, right = pixel[0] - rows, columns - pixel[1]
        expected = (above > 0) & (right > above * (size // 2))
        assert np.array_equal(frame(model, 1, pixel).blind[0], expected)


def test_78_of_406_pixels_are_blind_in_the_middle_of_28_by_28() -> None:
    model = ar.PixelCNN((1, 28, 28), channels=1, layers=2, kernel_size=3)
    shown = frame(model, 1)
    assert (shown.number - 1, shown.count(shown.blind)) == (406, 78)
    gated = frame(ar.GatedPixelCNN((1, 28, 28), channels=1, layers=2, kernel_size=3), 1)
    assert not gated.blind.any()


def test_stacks_share_the_field_between_the_rows_above_and_the_own_row() -> None:
    vertical, horizontal = frame(made(MODELS["gated"]), 2, (3, 3)).parts[:, 0]
    assert horizontal.any(1).tolist() == [False, False, False, True]
    assert vertical.any(1).tolist() == [True, True, True, False]


def test_streams_overlap_and_short_cuts_bring_back_what_a_low_resolution_loses() -> None:
    model = ar.PixelCNNpp((1, 12, 12), channels=4, blocks=1, resolutions=2)
    walked = Walked(model)
    factors = [stage.factor for stage in walked.graph.stages]
    assert factors == [1, 1, 2, 2, 1, 1]
    frames = [FieldFrame(walked, (0, 7, 7), step) for step in range(1, 7)]
    assert not frames[0].parts[0].any(), "in the first layer the left stream is alone"
    assert frames[2].kept[0, 7, 6] and not frames[4].kept.any() and frames[4].seen[0, 7, 6]
    upper, left, _ = frames[-1].parts
    assert (upper & left).any() and (upper & ~left).any() and (left & ~upper).any()


def test_colours_see_the_colours_before_them_at_their_own_pixel() -> None:
    for make in (MODELS["rgb"], MODELS["gated rgb"], MODELS["pixelcnn++ rgb"]):
        walked = Walked(made(make))
        for channel in range(3):
            shown = FieldFrame(walked, (channel, 1, 1), walked.last - 1)
            assert shown.own_channels == list(range(channel))
            partly = shown.seen.any(0) & ~shown.seen.all(0)
            assert not (partly & shown.others).any(), "of other pixels all channels or none"


def test_new_pixels_are_counted_once() -> None:
    walked = Walked(ar.PixelCNN((1, 9, 9), channels=2, layers=4, kernel_size=3))
    frames = [FieldFrame(walked, (0, 8, 4), step) for step in range(1, 5)]
    assert [shown.count(shown.new) for shown in frames] == [4, 7, 10, 13]
    assert sum(shown.new.sum() for shown in frames) == frames[-1].seen.sum()


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [ar.NADE((1, 3, 3)), ar.WaveNet((8,), channels=2)])
def test_other_models_are_refused(model: object) -> None:
    with pytest.raises(TypeError, match="PixelCNN, GatedPixelCNN, PixelCNNpp, got"):
        fields_by_layer(model, 0)


def test_images_too_large_to_draw_are_refused() -> None:
    with pytest.raises(ValueError, match="up to 32 x 32 pixels, got event shape"):
        Walked(ar.PixelCNN((1, 4, 33), channels=1, layers=1))


@pytest.mark.parametrize(
    ("pixel", "channel", "message"),
    [
        ((5, 0), None, r"pixel must be \(row, column\), from 0, inside 5 rows and 4 columns"),
        ((0, -1), None, "pixel must be"),
        ((0,), None, "pixel must be"),
        (3, None, "pixel must be"),
        ((1.0, 1), None, "pixel must be"),
        (None, 3, r"channel must be an int in 0..2, got 3"),
        (None, True, "channel must be an int"),
    ],
)
def test_places_outside_are_refused(pixel: object, channel: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_place(pixel, channel, (3, 5, 4))
