"""How far a gradient reaches back through a recurrent network: against closed forms and plain autograd."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from armodels_lite.inspection import state_jacobian_norms

CELLS = {
    "rnn": lambda: nn.RNNCell(3, 5),
    "gru": lambda: nn.GRUCell(3, 5),
    "lstm": lambda: nn.LSTMCell(3, 5),
}
LAYERED = {
    "rnn, 1 layer": lambda: nn.RNN(3, 5, batch_first=True),
    "gru, 2 layers": lambda: nn.GRU(3, 5, num_layers=2, dropout=0.5),
    "lstm, 3 layers": lambda: nn.LSTM(3, 5, num_layers=3, batch_first=True),
}


def noise(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


# -- closed forms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("norm", "order"), [("spectral", 2), ("frobenius", "fro")])
def test_a_linear_cell_has_powers_of_its_matrix(norm: str, order: int | str) -> None:
    w, inputs = 0.4 * noise(6, 6), noise(9, 6, seed=1)
    found = state_jacobian_norms(lambda x, h: h @ w.T + x, inputs, noise(6, seed=2), norm=norm)
    powers = [torch.linalg.matrix_norm(torch.linalg.matrix_power(w, k), order) for k in range(10)]
    assert found.dtype == torch.float64 and found.shape == (10,)
    assert torch.allclose(found, torch.stack(powers), rtol=1e-12)


def test_one_tanh_unit_has_a_product_of_slopes() -> None:
    cell = nn.RNNCell(1, 1).double()
    inputs = noise(30, 1)
    w, u = cell.weight_hh.item(), cell.weight_ih.item()
    b = cell.bias_ih.item() + cell.bias_hh.item()
    h, slopes = 0.25, []
    for x in inputs[:, 0].tolist():
        h = math.tanh(w * h + u * x + b)
        slopes.append(abs(w) * (1 - h * h))
    expected = [math.prod(slopes[30 - k :]) for k in range(31)]
    found = state_jacobian_norms(cell, inputs, torch.tensor([0.25]))
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


def test_an_lstm_without_recurrent_weights_has_a_product_of_forget_gates() -> None:
    """Then c_t feels c_s through the forget gates alone, and h_T = o tanh(c_T) reads it."""
    cell = nn.LSTMCell(2, 4).double()
    with torch.no_grad():
        cell.weight_hh.zero_()
    inputs = noise(12, 2)
    with torch.no_grad():
        gates = inputs @ cell.weight_ih.T + cell.bias_ih + cell.bias_hh
        i, f, g, o = gates.view(12, 4, 4).unbind(1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = torch.zeros(4, dtype=torch.float64)
        for t in range(12):
            c = f[t] * c + i[t] * g[t]
        readout = o[-1] * (1 - c.tanh() ** 2)
    expected = [1.0] + [(readout * f[12 - k :].prod(0)).max().item() for k in range(1, 13)]
    assert state_jacobian_norms(cell, inputs).tolist() == pytest.approx(expected, rel=1e-12)


# -- autograd ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CELLS)
def test_cells_agree_with_autograd(kind: str) -> None:
    torch.manual_seed(0)
    cell, inputs = CELLS[kind]().double(), noise(7, 3)
    parts = [noise(5, seed=1)] + ([noise(5, seed=2)] if kind == "lstm" else [])
    state = tuple(parts) if len(parts) > 1 else parts[0]
    found = state_jacobian_norms(cell, inputs, state)
    for k in range(8):
        start = state
        for x in inputs[: 7 - k]:
            start = cell(x, start)
        flat = torch.cat(start) if isinstance(start, tuple) else start

        def last(flat: Tensor, k: int = k) -> Tensor:
            now = tuple(flat.split(5)) if len(parts) > 1 else flat
            for x in inputs[7 - k :]:
                now = cell(x, now)
            return now[0] if isinstance(now, tuple) else now

        jacobian = torch.autograd.functional.jacobian(last, flat.detach())
        assert found[k].item() == pytest.approx(torch.linalg.matrix_norm(jacobian, 2).item())


@pytest.mark.parametrize("kind", LAYERED)
def test_networks_of_several_layers_agree_with_autograd(kind: str) -> None:
    torch.manual_seed(0)
    network, inputs = LAYERED[kind]().double(), noise(6, 3)
    found = state_jacobian_norms(network, inputs, norm="frobenius")
    network.dropout = 0.0
    pair = isinstance(network, nn.LSTM)
    zero = torch.zeros(network.num_layers, 5, dtype=torch.float64)
    for k in range(7):
        state = (zero, zero) if pair else zero
        if k < 6:
            _, state = network(inputs[: 6 - k], state)

        def last(*state: Tensor, k: int = k) -> Tensor:
            if k == 0:
                return state[0][-1]
            return network(inputs[6 - k :], state if pair else state[0])[0][-1]

        given = tuple(s.detach() for s in state) if pair else (state.detach(),)
        parts = torch.autograd.functional.jacobian(last, given)
        expected = sum(part.square().sum() for part in parts).sqrt()
        assert found[k].item() == pytest.approx(expected.item())


def test_the_cell_is_left_alone() -> None:
    cell = nn.LSTM(3, 5, num_layers=2, dropout=0.5).eval()
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    with torch.no_grad():
        norms = state_jacobian_norms(cell, torch.zeros(4, 3))
    assert not norms.requires_grad and torch.equal(
        norms, state_jacobian_norms(cell, torch.zeros(4, 3))
    )
    assert not cell.training and cell.dropout == 0.5
    for name, value in cell.state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, before[name])
    assert all(weight.grad is None for weight in cell.parameters())


# -- errors ------------------------------------------------------------------------------------------------------


def test_no_inputs_are_no_steps() -> None:
    assert state_jacobian_norms(nn.GRUCell(3, 5), torch.zeros(0, 3)).tolist() == [1.0]


def test_an_explosion_beyond_floats_is_no_number() -> None:
    with pytest.raises(OverflowError, match="explodes beyond what float64 holds"):
        state_jacobian_norms(lambda x, h: 1e200 * h, torch.zeros(2, 1), torch.zeros(2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0.0]],), TypeError, "inputs must be a tensor of floats, got list"),
        ((torch.zeros(2, 3).long(),), TypeError, "a tensor of floats, got torch.int64"),
        ((torch.zeros(1, 2, 3),), ValueError, r"shape \(T - 1, F\), got \(1, 2, 3\)"),
    ],
)
def test_bad_inputs_are_refused(
    arguments: tuple[object, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        state_jacobian_norms(nn.RNNCell(3, 5), *arguments)


def test_other_bad_arguments_are_refused() -> None:
    inputs = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="norm must be one of spectral, frobenius, got 'nuclear'"):
        state_jacobian_norms(nn.RNNCell(3, 5), inputs, norm="nuclear")
    with pytest.raises(ValueError, match="state must be given"):
        state_jacobian_norms(lambda x, h: h, inputs)
    for network in (nn.GRU(3, 5, bidirectional=True), nn.LSTM(3, 5, proj_size=2)):
        with pytest.raises(ValueError, match="one direction and no projections"):
            state_jacobian_norms(network, inputs)
