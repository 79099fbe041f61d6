"""How far gradients reach: against closed forms where no inputs come, against plain autograd where they do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from test_widget_foundations import pictures, words
from test_widgets import find, press

from armodels_lite.widgets import GradientReach
from armodels_lite.widgets import gradient_state as state
from armodels_lite.widgets.gradient_state import ReachSettings, reach, recurrent_matrix
from armodels_lite.widgets.gradient_view import factor_chart, sentences, size_chart


def curves(**settings: object) -> dict[str, np.ndarray]:
    return reach(ReachSettings(**{"units": 8, **settings})).norms


def small(*arguments: object, **options: object) -> GradientReach:
    return GradientReach(*arguments, **{"units": 8, **options})


def largest(matrix: np.ndarray) -> float:
    return float(np.linalg.svd(matrix, compute_uv=False)[0])


# -- matrices ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", state.MATRICES)
@pytest.mark.parametrize("radius", [0.5, 1.0, 1.6])
def test_the_spectral_radius_is_the_one_asked_for(kind: str, radius: float) -> None:
    w = recurrent_matrix(kind, 16, radius, seed=3)
    # Four equal eigenvalues of a chain are found to about the fourth root of float64's rounding.
    assert np.abs(np.linalg.eigvals(w)).max() == pytest.approx(radius, rel=1e-3)
    singular = np.linalg.svd(w, compute_uv=False)
    if kind == "orthogonal":
        assert np.allclose(singular, radius)
    else:
        assert singular[0] > 1.2 * radius, "not normal: the radius is no norm"


def test_weights_depend_on_the_seed_alone() -> None:
    a, b = (recurrent_matrix("random", 8, 0.7, seed) for seed in (0, 1))
    assert not np.allclose(a, b) and np.array_equal(a, recurrent_matrix("random", 8, 0.7, 0))
    assert np.allclose(a / 0.7, recurrent_matrix("random", 8, 1.4, 0) / 1.4)


# -- curves ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", state.MATRICES)
@pytest.mark.parametrize("radius", [0.8, 1.3])
def test_without_inputs_the_rnn_is_powers_of_its_matrix(matrix: str, radius: float) -> None:
    w = recurrent_matrix(matrix, 8, radius, seed=0)
    expected = [largest(np.linalg.matrix_power(w, k)) for k in range(61)]
    found = reach(ReachSettings(matrix, radius, inputs=0, units=8))
    assert found.norms["tanh RNN"] == pytest.approx(expected, rel=1e-9)
    assert found.stretch == pytest.approx(expected[1]) and found.slopes == pytest.approx(1.0)
    assert found.linear == pytest.approx(expected[60])
    if matrix == "orthogonal":
        assert expected == pytest.approx([radius**k for k in range(61)], rel=1e-9)


@pytest.mark.parametrize("bias", [-1.0, 0.0, 2.5])
def test_without_inputs_gated_cells_are_linear_too(bias: float) -> None:
    """At the state 0 the other gates are 1/2 and every tanh' is 1."""
    keep, found = 1 / (1 + math.exp(-bias)), curves(inputs=0, gate_bias=bias)
    w = state._cell("GRU", 8, 0).weight_hh.detach().numpy()[16:]
    step = keep * np.eye(8) + (1 - keep) / 2 * w
    gru = [largest(np.linalg.matrix_power(step, k)) for k in range(61)]
    assert found["GRU"] == pytest.approx(gru, rel=1e-9)
    w = state._cell("LSTM", 8, 0).weight_hh.detach().numpy()[16:24]
    cell = np.hstack([w / 2, keep * np.eye(8)])  # of (h, c); then h = c / 2
    step = np.vstack([cell / 2, cell])
    lstm = [largest(np.linalg.matrix_power(step, k)[:8]) for k in range(61)]
    assert found["LSTM"] == pytest.approx(lstm, rel=1e-9)


def test_with_inputs_the_rnn_is_what_autograd_says() -> None:
    settings = ReachSettings("random", 1.2, inputs=0.7, units=8, seed=2)
    found = reach(settings)
    w = torch.from_numpy(recurrent_matrix("random", 8, 1.2, 2))
    u, x = state._cell("tanh RNN", 8, 2).weight_ih.detach(), state._inputs(0.7, 2)

    def last(h: torch.Tensor, first: int) -> torch.Tensor:
        for row in x[first:]:
            h = torch.tanh(w @ h + u @ row)
        return h

    for k in (0, 1, 7, 60):
        h = torch.zeros(8, dtype=torch.float64)
        for row in x[: 60 - k]:
            h = torch.tanh(w @ h + u @ row)
        jacobian = torch.autograd.functional.jacobian(lambda h, k=k: last(h, 60 - k), h)
        assert found.norms["tanh RNN"][k] == pytest.approx(largest(jacobian.numpy()), rel=1e-9)
    assert found.slopes[0] == pytest.approx((1 - last(torch.zeros(8).double(), 0) ** 2).mean())


def test_the_cell_path_is_the_product_of_forget_gates() -> None:
    quiet = reach(ReachSettings(inputs=0, gate_bias=1.0, units=8)).cell_path
    assert quiet == pytest.approx([(1 / (1 + math.exp(-1))) ** k for k in range(61)])
    # c_t = f c_(t-1) + i g and h = o tanh(c): the gates again, from the states alone.
    cell, x = state._gated_cell("LSTM", 2.0, 8, 1), state._inputs(1.0, 1)
    product, h, c = torch.ones(8).double(), torch.zeros(8).double(), torch.zeros(8).double()
    for t, row in enumerate(x):
        gates = torch.nn.functional.linear(row, cell.weight_ih)
        gates = gates + torch.nn.functional.linear(h, cell.weight_hh, cell.bias_hh)
        i, f, g, o = gates.detach().chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        product = product * f.sigmoid() if t >= 48 else product
    found = reach(ReachSettings(inputs=1.0, gate_bias=2.0, units=8, seed=1)).cell_path
    assert found[12] == pytest.approx(product.max().item(), rel=1e-9)


# -- what is taught ----------------------------------------------------------------------------------------------


def test_a_radius_above_1_is_no_rule() -> None:
    for seed in range(2):
        calm, busy = (
            curves(matrix="orthogonal", radius=1.1, inputs=s, seed=seed)["tanh RNN"][60]
            for s in (0.0, 1.0)
        )
        assert calm == pytest.approx(1.1**60) and busy < 1e-6
    told = " ".join(sentences(small("orthogonal", 1.1, 1.0).frame(5)))
    assert "makes gradients explode is no rule" in told
    assert "without inputs 304." in told, "1.1^60"
    told = " ".join(sentences(small("orthogonal", 1.1, 0).frame(5)))
    assert "with a radius above 1 it explodes" in told and "no rule" not in told


def test_a_radius_below_1_may_grow_at_first() -> None:
    widget = small("non-normal", 0.8, 0)
    sizes = widget.frame(0).reach.norms["tanh RNN"]
    peak = int(sizes.argmax())
    assert 5 < peak < 30 and sizes[peak] > 10 and sizes[60] < 1
    assert f"to {sizes[peak]:.2g} at distance {peak}, although the radius is below 1" in words(
        widget
    )
    find(widget, "W_hh").value = "orthogonal"
    assert "At first it grows" not in words(widget)
    find(widget, "radius").value = 1.0
    assert "neither vanishes nor explodes" in words(widget)


def test_gates_keep_and_may_explode() -> None:
    shut, open_ = (curves(gate_bias=b, inputs=0.3) for b in (0.0, 4.0))
    for cell in ("LSTM", "GRU"):
        assert shut[cell][40] < 1e-5 and open_[cell][40] > 0.1
    assert "sigmoid(4) = 0.982" in words(small(gate_bias=4.0))
    assert "Gates are no bound" in words(small(inputs=0, gate_bias=6.0))
    assert "Gates are no bound" not in words(small(inputs=0, gate_bias=1.0))


def test_words_and_labels_of_a_step() -> None:
    widget = small("orthogonal", 0.9, 0, start=20)
    frame = widget.frame(20)
    lstm, gru = frame.reach.norms["LSTM"], frame.reach.norms["GRU"]
    assert "20 steps back, the gradient's size is: tanh RNN 0.12 (this step × 0.90)" in words(
        widget
    )
    assert frame.factor("GRU") == pytest.approx(gru[20] / gru[19])
    assert f"LSTM {lstm[20] / lstm[19]:.2f}" in factor_chart(frame).label
    assert "at distance 20: tanh RNN 0.12" in size_chart(frame).label
    widget.step = 0
    assert "every size is 1" in words(widget) and math.isnan(widget.frame(0).factor("LSTM"))
    assert widget.controls.readouts[:2] == ["0 steps back", "1 step back"]


def test_what_lies_outside_the_chart_is_marked() -> None:
    frame = small("orthogonal", 1.6, 0).frame(60)
    assert "<polygon" in size_chart(frame).svg(), "1.6^60 is above 10^6: an arrowhead"
    assert "1.8×10¹²" in sentences(frame)[0]


# -- controls ----------------------------------------------------------------------------------------------------


def test_controls_set_what_they_say_and_reset_restores() -> None:
    widget = GradientReach(units=8, start=10)
    changes = {"W_hh": "orthogonal", "radius": 1.2, "inputs": 0.5, "gate bias": 3.0, "units": 16}
    for name, value in changes.items():
        before = pictures(widget)
        find(widget, name).value = value
        assert pictures(widget) != before, name
    assert widget.settings == ReachSettings("orthogonal", 1.2, 0.5, 3.0, 16)
    find(widget, "new weights").click()
    assert widget.settings.seed == 1 and widget.step == 10
    press(widget.controls, {"action": "reset"})
    assert widget.settings == ReachSettings(units=8) and widget.step == 0
    for name, value in (("W_hh", "random"), ("radius", 0.9), ("units", 8), ("gate bias", 1.0)):
        assert find(widget, name).value == value


def test_a_browser_that_rounds_to_a_step_changes_nothing() -> None:
    widget = GradientReach(radius=0.913, units=8)
    slider = find(widget, "radius")
    assert slider.value == 0.9
    slider.set_state({"value": 0.9 + 1e-13})
    slider.set_state({"value": 0.9})
    assert widget.settings.radius == 0.913
    slider.set_state({"value": 0.9500000000000001})
    assert widget.settings.radius == 0.95


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matrix": "diagonal"}, "matrix must be one of orthogonal, random, non-normal, got"),
        ({"units": 10}, "units must be one of 8, 16, 32, got 10"),
        ({"radius": 2.0}, "radius must be between 0.5 and 1.6, got 2.0"),
        ({"radius": math.nan}, "radius must be between 0.5 and 1.6, got nan"),
        ({"inputs": -0.1}, "inputs must be between 0 and 3, got -0.1"),
        ({"gate_bias": "1"}, "gate_bias must be between -2 and 6, got '1'"),
        ({"seed": -1}, "seed must be an int of at least 0, got -1"),
    ],
)
def test_other_settings_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GradientReach(**change)
