"""How far back a gradient reaches through a tanh RNN, an LSTM and a GRU with random weights: the numbers.

All weights come from a seed. The tanh RNN is h_(t+1) = tanh(W_hh h_t + W_xh x_t) with a W_hh of a chosen kind and
spectral radius; the LSTM and the GRU have recurrent weights as PyTorch draws them. No cell has biases, except the gate
that keeps the old state: the LSTM's forget gate f and the GRU's update gate z (PyTorch's: z = 1 keeps).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from ..inspection import state_jacobian_norms

__all__ = ["Reach", "ReachFrame", "ReachSettings", "reach", "recurrent_matrix"]

STEPS = 60  # the largest distance
FEATURES = 8  # of an input
CHAIN = 4  # units of a chain in the matrix that is not normal
MATRICES = ("orthogonal", "random", "non-normal")
UNITS = (8, 16, 32)
RADII, INPUTS, BIASES = (0.5, 1.6), (0.0, 3.0), (-2.0, 6.0)
CELLS = {"tanh RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


@dataclass(frozen=True)
class ReachSettings:
    """What is measured.

    Args:
        matrix: the tanh RNN's W_hh: "orthogonal" (radius times an orthogonal matrix), "random" (independent Gaussian
            entries) or "non-normal" (see `recurrent_matrix`).
        radius: its spectral radius, the largest modulus of an eigenvalue, 0.5 to 1.6.
        inputs: what inputs add to each unit and gate has this standard deviation, 0 to 3.
        gate_bias: bias b of the gate that keeps the old state, -2 to 6; alone it makes the gate sigmoid(b).
        units: 8, 16 or 32.
        seed: of weights and inputs, an int of at least 0.

    Raises:
        ValueError: for anything else.
    """

    matrix: str = "random"
    radius: float = 0.9
    inputs: float = 0.3
    gate_bias: float = 1.0
    units: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in (("matrix", MATRICES), ("units", UNITS)):
            if getattr(self, name) not in choices:
                known = ", ".join(map(str, choices))
                raise ValueError(f"{name} must be one of {known}, got {getattr(self, name)!r}")
        for name, (low, high) in (("radius", RADII), ("inputs", INPUTS), ("gate_bias", BIASES)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(f"{name} must be between {low:g} and {high:g}, got {value!r}")
        if type(self.seed) is not int or self.seed < 0:
            raise ValueError(f"seed must be an int of at least 0, got {self.seed!r}")


@dataclass(frozen=True, eq=False)
class Reach:
    """The curves of one choice of settings.

    Attributes:
        settings: what was chosen.
        norms: name of a cell -> float64 (61,): entry k is the largest singular value of d h_T / d s_(T-k), where s is
            the state: h, for the LSTM h and c together.
        stretch: the largest singular value of W_hh.
        linear: that of W_hh^60, the tanh RNN's size at distance 60 without inputs.
        slopes: float64 (60,): entry k - 1 is the mean over units of tanh' = 1 - h^2 at the k-th step back.
        cell_path: float64 (61,): entry k is the largest product, over units, of the LSTM's last k forget gates. Along
            the cell path alone, from c to c, that is the size of d c_T / d c_(T-k).
    """

    settings: ReachSettings
    norms: dict[str, np.ndarray]
    stretch: float
    linear: float
    slopes: np.ndarray
    cell_path: np.ndarray


@dataclass(frozen=True, eq=False)
class ReachFrame:
    """The curves, and the distance k = T - s, in steps, that the gradient has come back: 0 to 60."""

    reach: Reach
    distance: int

    def size(self, cell: str) -> float:
        """The largest singular value of d h_T / d s_(T-k) at this distance k."""
        return float(self.reach.norms[cell][self.distance])

    def factor(self, cell: str) -> float:
        """By how much the last of these steps changed the size; at distance 0 there is none, and it is NaN."""
        if self.distance == 0:
            return math.nan
        before, now = self.reach.norms[cell][self.distance - 1 : self.distance + 1]
        return float(now / before)


def reach(settings: ReachSettings) -> Reach:
    """Measure all three cells at the end of 60 steps that begin with a state of zeros."""
    s = settings
    rnn, slopes = _rnn(s.matrix, s.radius, s.inputs, s.units, s.seed)
    norms = {"tanh RNN": rnn}
    for cell in ("LSTM", "GRU"):
        norms[cell] = _gated(cell, s.gate_bias, s.inputs, s.units, s.seed)
    path = _cell_path(s.gate_bias, s.inputs, s.units, s.seed)
    w = recurrent_matrix(s.matrix, s.units, s.radius, s.seed)
    stretch, linear = (np.linalg.norm(np.linalg.matrix_power(w, k), 2) for k in (1, STEPS))
    return Reach(s, norms, float(stretch), float(linear), slopes, path)


def recurrent_matrix(kind: str, units: int, radius: float, seed: int) -> np.ndarray:
    """A matrix (units, units) with a given spectral radius, float64.

    "orthogonal": every singular value is the radius too. "random": Gaussian entries, scaled. "non-normal": chains of
    four units; each keeps the radius times its own value and hears the next of its chain with weight 1, so that every
    eigenvalue is the radius, and no singular value need be near it.

    >>> recurrent_matrix("non-normal", 8, 0.5, seed=0)[:3, :4]
    array([[0.5, 1. , 0. , 0. ],
           [0. , 0.5, 1. , 0. ],
           [0. , 0. , 0.5, 1. ]])
    """
    if kind == "non-normal":
        links = np.arange(1, units) % CHAIN != 0
        return radius * np.eye(units) + np.diag(links.astype(float), 1)
    entries = _draw(seed, 0, units, units)
    if kind == "random":
        return entries * (radius / np.abs(np.linalg.eigvals(entries)).max())
    q, r = np.linalg.qr(entries)
    return radius * q * np.sign(np.diag(r))  # with these signs every rotation is equally likely


# What one slider changes leaves the other curves as they are: each is remembered by what it depends on.


@lru_cache(maxsize=32)
def _rnn(
    matrix: str, radius: float, inputs: float, units: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Norms, and mean slopes of tanh from the last step back."""
    cell = _cell("tanh RNN", units, seed)
    w = recurrent_matrix(matrix, units, radius, seed)
    with torch.no_grad():
        cell.weight_hh.copy_(torch.from_numpy(w))
        h, slopes = torch.zeros(units, dtype=torch.float64), []
        for x in _inputs(inputs, seed):
            h = cell(x, h)
            slopes.append((1 - h * h).mean().item())
    norms = state_jacobian_norms(cell, _inputs(inputs, seed)).numpy()
    return norms, np.array(slopes[::-1])


@lru_cache(maxsize=32)
def _gated(name: str, bias: float, inputs: float, units: int, seed: int) -> np.ndarray:
    cell = _gated_cell(name, bias, units, seed)
    return state_jacobian_norms(cell, _inputs(inputs, seed)).numpy()


@lru_cache(maxsize=32)
@torch.no_grad()
def _cell_path(bias: float, inputs: float, units: int, seed: int) -> np.ndarray:
    """See `Reach.cell_path`."""
    cell, gates = _gated_cell("LSTM", bias, units, seed), []
    h = c = torch.zeros(units, dtype=torch.float64)
    for x in _inputs(inputs, seed):
        before = cell.weight_ih @ x + cell.weight_hh @ h + cell.bias_hh
        gates.append(before[units : 2 * units].sigmoid())
        h, c = cell(x, (h, c))
    products = torch.stack(gates[::-1]).cumprod(0).amax(1).numpy()
    return np.concatenate([[1.0], products])


def _gated_cell(name: str, bias: float, units: int, seed: int) -> nn.RNNCellBase:
    """An LSTM or a GRU; the gate that keeps the old state is the second one of both."""
    cell = _cell(name, units, seed)
    with torch.no_grad():
        cell.bias_hh[units : 2 * units] = bias
    return cell


def _cell(name: str, units: int, seed: int) -> nn.RNNCellBase:
    """Recurrent weights uniform up to 1 / sqrt(units), as in PyTorch; input weights that keep the inputs' size."""
    purpose = 1 + 2 * list(CELLS).index(name)
    cell = CELLS[name](FEATURES, units).double()
    rows = len(cell.weight_hh)
    uniform = np.random.default_rng([seed, purpose]).uniform(-1, 1, (rows, units))
    with torch.no_grad():
        cell.weight_hh.copy_(torch.from_numpy(uniform / math.sqrt(units)))
        weights = _draw(seed, purpose + 1, rows, FEATURES) / math.sqrt(FEATURES)
        cell.weight_ih.copy_(torch.from_numpy(weights))
        cell.bias_ih.zero_()
        cell.bias_hh.zero_()
    return cell


def _inputs(size: float, seed: int) -> Tensor:
    return size * torch.from_numpy(_draw(seed, 9, STEPS, FEATURES))


def _draw(seed: int, purpose: int, *shape: int) -> np.ndarray:
    """Standard normal numbers, always the same for a seed and a purpose."""
    return np.random.default_rng([seed, purpose]).standard_normal(shape)
