"""PixelRNN: against loops over pixels written from the paper's equations, and what it may see."""

from __future__ import annotations

import contract
import pytest
import torch
from models_under_test import Case
from pixelrnn_paths import pixelrnn_paths
from torch import Tensor

import armodels_lite as ar
from armodels_lite.models.pixelrnn import skew, unskew
from armodels_lite.models.pixelrnn_decoder import DECODERS
from armodels_lite.models.pixelrnn_layers import diagonal_orders

KINDS = ("row", "diagonal")
both_kinds = pytest.mark.parametrize("kind", KINDS)
SHAPES = [(1, 1), (1, 5), (5, 1), (3, 4), (4, 3)]


def random_model(kind: str, event_shape: tuple[int, ...], **arguments) -> ar.PixelRNN:
    given = {"event_shape": event_shape, "kind": kind, "channels": 6, **arguments}
    return Case("", ar.PixelRNN, given).build()


# -- skewing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), SHAPES)
@pytest.mark.parametrize(("shape", "dim"), [("hw", -1), ("bhw", 2), ("hwb", 1), ("bchwf", -2)])
def test_skew_shifts_row_i_by_i_places(height: int, width: int, shape: str, dim: int) -> None:
    sizes = {"h": height, "w": width, "b": 2, "c": 3, "f": 2}
    x = torch.rand([sizes[axis] for axis in shape])
    skewed = skew(x, dim)
    rows = x.movedim((dim % x.dim() - 1, dim), (0, 1))
    expected = x.new_zeros(height, height + width - 1, *rows.shape[2:])
    for i in range(height):
        expected[i, i : i + width] = rows[i]
    assert torch.equal(skewed.movedim((dim % x.dim() - 1, dim), (0, 1)), expected)
    assert torch.equal(unskew(skewed, dim), x)


def test_skew_keeps_the_dtype_and_unskew_drops_what_lies_beside() -> None:
    x = torch.arange(6).view(2, 3)
    assert skew(x).dtype == torch.int64
    assert torch.equal(unskew(torch.where(skew(x + 1) == 0, 99, skew(x))), x)


@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_the_order_of_the_diagonals_is_that_of_the_skewed_columns(height: int, width: int) -> None:
    numbers = torch.arange(1, height * width + 1).view(height, width)
    for order, image in zip(
        diagonal_orders(height, width), (numbers, numbers.flip(1)), strict=True
    ):
        columns = skew(image).T
        assert torch.equal(order + 1, columns[columns > 0])


# -- the equations, pixel by pixel ----------------------------------------------------------------------------------


class Reference:
    """The network as loops over pixels, from the weights of a model; nothing is shared but their layout."""

    def __init__(self, model: ar.PixelRNN, x: Tensor, context: Tensor | None) -> None:
        self.model, self.context = model, context
        self.depth, self.height, self.width = model.event_shape
        features = model.conditional.features(x, model.dtype)  # (B, C, H, W, F)
        self.values = {
            (i, j): features[:, :, i, j].flatten(1)
            for i in range(self.height)
            for j in range(self.width)
        }

    def params(self) -> Tensor:
        known = {at: self.first(at) for at in self.values}
        for layer in self.model.layers:
            states = self.row(layer, known) if self.model.kind == "row" else self.both(layer, known)
            known = {at: known[at] + layer.back(states[at]) for at in known}
        out = {at: self.model.out(self.model.mix(k.relu()).relu()) for at, k in known.items()}
        rows = [torch.stack([out[i, j] for j in range(self.width)], 1) for i in range(self.height)]
        return torch.stack(rows, 1).unflatten(-1, (self.depth, -1)).permute(0, 3, 1, 2, 4)

    def first(self, at: tuple[int, int]) -> Tensor:
        layer, reach = self.model.first, self.model.kernel_size // 2
        total = layer.bias
        for (i, j), values in self.values.items():
            down, right = i - at[0], j - at[1]
            if (
                -reach <= down <= 0 and abs(right) <= reach
            ):  # no kernel has rows below the pixel's own
                weight = layer.masked_weight()[:, :, reach + down, reach + right]
                total = total + values @ weight.T
        return total

    def cell(self, gates: Tensor, c: Tensor | float) -> tuple[Tensor, Tensor]:
        i, f, o, g = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def gates(self, layer, direction: int, inputs: Tensor, neighbours: list[Tensor | None]):
        units = 4 * self.model.channels
        rows = slice(direction * units, (direction + 1) * units)
        gates = inputs @ layer.from_below.masked_weight()[rows].T + layer.from_below.bias[rows]
        if self.context is not None:
            gates = gates + layer.class_bias(self.context)[:, rows]
        for place, state in enumerate(neighbours):
            if state is not None:
                columns = slice(place * self.model.channels, (place + 1) * self.model.channels)
                gates = gates + state @ layer.from_states[direction, columns]
        return gates

    def row(self, layer, known: dict) -> dict:
        h, c = {}, {}
        for i, j in known:  # in raster order
            left = known.get((i, j - 1), torch.zeros_like(known[i, j]))
            above = [h.get((i - 1, j + place)) for place in (-1, 0, 1)]
            gates = self.gates(layer, 0, torch.cat([left, known[i, j]], -1), above)
            h[i, j], c[i, j] = self.cell(gates, c.get((i - 1, j), 0.0))
        return h

    def both(self, layer, known: dict) -> dict:
        wide = layer.from_below.in_features > 2 * self.model.channels
        inputs = {at: torch.cat([k, self.values[at]], -1) if wide else k for at, k in known.items()}
        states = []
        for direction, step in enumerate((1, -1)[: layer.directions]):
            h, c = {}, {}
            for i in range(self.height):
                for j in range(self.width)[::step]:
                    near = [h.get((i - 1, j)), h.get((i, j - step))]
                    gates = self.gates(layer, direction, inputs[i, j], near)
                    h[i, j], c[i, j] = self.cell(gates, c.get((i, j - step), 0.0))
            states.append(h)
        ahead, back = states[0], states[-1]
        return {(i, j): ahead[i, j] + (back[i - 1, j] if i > 0 else 0.0) for i, j in known}


@both_kinds
@pytest.mark.parametrize(
    ("event_shape", "arguments"),
    [
        ((1, 4, 5), {"layers": 3}),
        ((1, 1, 6), {}),
        ((3, 3, 2), {"num_classes": 3, "conditional": ar.Categorical(4), "channels": 7}),
        ((2, 2, 9), {"kernel_size": 5}),
    ],
)
def test_one_pass_is_the_loop_over_pixels(kind: str, event_shape, arguments) -> None:
    model = random_model(kind, event_shape, **arguments)
    x, context = contract.events(model), contract.contexts(model)
    with torch.no_grad():
        expected = Reference(model, x, context).params()
        torch.testing.assert_close(model.params(x, context), expected, atol=1e-12, rtol=1e-12)


# -- what a pixel sees ----------------------------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize(
    ("event_shape", "arguments"),
    [((1, 4, 5), {}), ((3, 2, 3), {}), ((1, 4, 7), {"kernel_size": 3, "layers": 1})],
)
def test_dependencies_are_the_paths(kind: str, event_shape, arguments) -> None:
    model = random_model(kind, event_shape, **arguments)
    contract.check_causality(model, pixelrnn_paths(model))


def test_a_row_lstm_sees_a_triangle_and_a_diagonal_one_everything() -> None:
    seen = {}
    for kind in KINDS:
        model = random_model(kind, (1, 4, 9), kernel_size=3, layers=1)
        seen[kind] = pixelrnn_paths(model)[3 * 9 + 4].view(4, 9).int().tolist()
    # Pixel (3, 4). A state sees one pixel further to each side in each row above; the first convolution widens the
    # triangle by one on both sides, the left neighbour by one more on its side.
    assert seen["row"] == [
        [1, 1, 1, 1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 1, 0, 0, 0],
        [0, 0, 1, 1, 0, 0, 0, 0, 0],
    ]
    assert seen["diagonal"] == [[1] * 9] * 3 + [[1, 1, 1, 1, 0, 0, 0, 0, 0]]


def test_without_the_pixels_own_values_the_diagonal_kind_has_one_blind_spot() -> None:
    """The last pixel of the row above, for a pixel further from it than the first convolution reaches."""
    model = random_model("diagonal", (1, 3, 6), kernel_size=3)
    layer = model.layers[0].from_below
    layer.mask[:, 2 * model.channels :] = 0
    missing = torch.ones(18, 18).tril(-1).bool() & ~ar.dependencies(model, contract.events(model))
    expected = [[6 * i + j, 6 * i - 1] for i in (1, 2) for j in range(4)]
    assert missing.nonzero().tolist() == expected


# -- decoder --------------------------------------------------------------------------------------------------------


@both_kinds
def test_prefill_computes_only_the_pixels_of_its_row(kind: str, monkeypatch) -> None:
    model = random_model(kind, (1, 6, 4))
    decoder, x = model.decoder(2), contract.events(model, 2)
    computed, compute = [], DECODERS[kind]._compute_pixel

    def counted(self, row: int, column: int) -> None:
        computed.append((row, column))
        compute(self, row, column)

    monkeypatch.setattr(DECODERS[kind], "_compute_pixel", counted)
    decoder.prefill(x, 4 * 5 + 2)
    assert computed == [(5, 0), (5, 1), (5, 2)]


# -- beginning and end of training ----------------------------------------------------------------------------------


@both_kinds
@pytest.mark.parametrize("layers", [1, 4, 12])
def test_activations_keep_their_scale_with_depth(kind: str, layers: int) -> None:
    torch.manual_seed(0)
    model = ar.PixelRNN((1, 8, 8), kind=kind, layers=layers)
    values = model.values((torch.rand(32, 1, 8, 8) < 0.5).float())
    known = model.embed(values)
    with torch.no_grad():
        scales = [known.square().mean().sqrt()]
        for layer in model.layers:
            known, _ = layer(known, values, None)
            scales.append(known.square().mean().sqrt())
    assert all(0.5 < scale < 1.5 for scale in scales), scales
    assert scales[-1] > 1.02 * scales[0], "the layers together must have a say"


@both_kinds
def test_exclusive_or(kind: str) -> None:
    """x_3 = x_1 xor x_2 nine times out of ten, and x_4 = x_3: more than a linear model can do."""
    torch.manual_seed(0)
    p = torch.tensor([9, 1, 1, 9, 1, 9, 9, 1]) / 40
    rows = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    x = rows.repeat_interleave((40 * p).round().long(), 0)
    x = torch.cat([x, x[:, 2:]], 1).view(-1, 1, 2, 2)
    entropy = -(p * p.log()).sum().item()
    model = ar.PixelRNN((1, 2, 2), kind=kind, channels=8, layers=1, kernel_size=3)
    contract.check_fit_reaches(model, x, entropy, steps=100)


def test_parameter_counts() -> None:
    """h = 16 features, 2h between the layers, 24 taps of 49 with mask A."""
    model = ar.PixelRNN((1, 28, 28), layers=1)
    ends = (24 * 32 + 32) + (32 * 32 + 32) + (32 + 1)
    assert model.num_parameters() == ends + (64 * 64 + 64) + 48 * 64 + (16 * 32 + 32) == 9665
    model = ar.PixelRNN((1, 28, 28), kind="diagonal", layers=2)
    layer = 2 * (32 * 64 + 64 + 32 * 64) + (16 * 32 + 32)
    assert model.num_parameters() == ends + 2 * layer + 64 == 19_681
    colour = ar.PixelRNN((3, 4, 4), channels=3, layers=1, kernel_size=3)  # 2, 2, 2 and 1, 1, 1
    first = 6 * 3 * 4 + 2 * (0 + 1 + 2) + 6
    layer = 4 * 3 * 6 + 4 * (2 + 4 + 6) + 12 + 9 * 12 + (2 * (1 + 2 + 3) + 6)
    assert colour.num_parameters() == first + layer + (4 * (1 + 2 + 3) + 6) + (2 + 4 + 6 + 3)


# -- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event_shape": (16,)}, r"event shape \(C, H, W\), got \(16,\)"),
        ({"kind": "column"}, r"'row', 'diagonal', got 'column'"),
        ({"channels": 0}, "channels must be an int of at least 1.* got 0"),
        ({"event_shape": (3, 2, 2), "channels": 2}, "channels must be an int of at least 3"),
        ({"layers": 0}, "layers must be a positive int, got 0"),
        ({"kernel_size": 4}, "odd int of at least 3, got 4"),
        ({"kernel_size": 1}, "odd int of at least 3, got 1"),
        ({"ordering": "reverse"}, """takes ordering "raster" only, got 'reverse'"""),
        ({"conditional": ar.GaussianMixture(2)}, "takes Bernoulli, Categorical as conditional"),
    ],
)
def test_errors(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.PixelRNN(**{"event_shape": (1, 2, 2), **arguments})


def test_no_other_ordering_later() -> None:
    with pytest.raises(ValueError, match="raster"):
        ar.PixelRNN((1, 2, 2)).with_ordering("reverse")
