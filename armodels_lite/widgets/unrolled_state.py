"""A recurrent cell unrolled over a word: states, predictions and losses forwards, the gradient of a loss backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from ..conditionals import Categorical
from ..models.rnn import RNN

__all__ = ["Cell", "Move", "Unrolled", "UnrolledFrame", "like", "walk"]

MOST_UNITS, MOST_SYMBOLS, MOST_STEPS = 8, 8, 8  # more would be too small to read
LARGEST = 1e6  # of a weight: sums of a few such numbers stay far from what a float cannot hold


class Cell:
    """A tanh RNN of symbols without biases: p(x_t | x_<t) = softmax(W_hy h_t), h_{t+1} = tanh(W_hh h_t + W_xh x_t).

    The state h_t has seen the symbols before x_t; h_1 has seen none. x_t is one-hot: W_xh x_t is a column of W_xh.

    Args:
        W_hh: (d, d), state to state, d of 1 to 8.
        W_xh: (d, k), symbol to state, k of 2 to 8.
        W_hy: (k, d), state to scores of the symbols.
        h_1: (d,), the state before the first symbol.
        symbols: k different characters.

    Attributes:
        W_hh, W_xh, W_hy, h_1: as given, float64.

    Raises:
        TypeError: symbols is no string.
        ValueError: shapes do not fit together, numbers are not finite or beyond 1e6 in size, or symbols repeat.

    Source: J. Elman, Finding structure in time (1990).

    >>> cell = Cell([[0.5]], [[1.0, -1.0]], [[2.0], [0.0]], [0.0], symbols="ab")
    >>> cell.run("ab").probs[0].tolist()
    [0.5, 0.5]
    """

    def __init__(
        self,
        W_hh: ArrayLike | Tensor,
        W_xh: ArrayLike | Tensor,
        W_hy: ArrayLike | Tensor,
        h_1: ArrayLike | Tensor,
        *,
        symbols: str,
    ) -> None:
        self.symbols = _checked_symbols(symbols)
        self.h_1 = _checked_numbers("h_1", h_1)
        if self.h_1.ndim != 1 or not 1 <= len(self.h_1) <= MOST_UNITS:
            raise ValueError(
                f"h_1 must have shape (d,) with d from 1 to {MOST_UNITS}, got shape {self.h_1.shape}"
            )
        d, k = len(self.h_1), len(symbols)
        self.W_hh = _checked_matrix("W_hh", W_hh, (d, d), f"h_1 has {d} numbers")
        both = f"h_1 has {d} numbers and there are {k} symbols"
        self.W_xh = _checked_matrix("W_xh", W_xh, (d, k), both)
        self.W_hy = _checked_matrix("W_hy", W_hy, (k, d), both)

    @property
    def num_parameters(self) -> int:
        """d + d^2 + 2 d k, whatever the length of the word."""
        return sum(w.size for w in (self.h_1, self.W_hh, self.W_xh, self.W_hy))

    @classmethod
    def from_model(cls, model: RNN, symbols: str) -> Cell:
        """The cell of an `armodels_lite.RNN` over sequences (T,) of symbols: one layer of "rnn", no biases.

        Raises:
            TypeError: model is no RNN, or symbols no string.
            ValueError: the model has other parts, or more units or symbols than are drawn.
        """
        _check_model(model, _checked_symbols(symbols))
        weights = (model.cell.weight_hh_l0, model.cell.weight_ih_l0, model.readout.weight)
        return cls(*weights, model.initial_h[0, 0], symbols=symbols)

    def run(self, word: str) -> Unrolled:
        """The cell unrolled over a word of 1 to 8 of its symbols; TypeError or ValueError for another."""
        return Unrolled(self, word)

    def __repr__(self) -> str:
        return f"Cell({len(self.h_1)} units, symbols {self.symbols!r})"


class Unrolled:
    """All that happens when a cell reads a word of T symbols, and when the loss of the last one is walked back.

    Steps count from 0 here, t = 1..T in words: row 0 of `states` is h_1.

    Attributes:
        cell, word: as given.
        indices: int64 (T,), the symbols of the word by number.
        states: float64 (T, d), h_1..h_T.
        from_state, from_input: float64 (T - 1, d), W_hh h_t and W_xh x_t, whose sum goes through tanh to h_{t+1}.
        scores: float64 (T, k), W_hy h_t.
        probs: float64 (T, k), p(x_t | x_<t) of every symbol.
        costs: float64 (T, k), -ln p of every symbol, in nats.
        losses: float64 (T,), those of the symbols of the word.
        gradients: float64 (T, d), the derivative of the last loss with respect to each state.
        norms: float64 (T,), the Euclidean norms of `gradients`.

    Raises:
        TypeError: word is no string.
        ValueError: word is not made of 1 to 8 symbols of the cell.
    """

    def __init__(self, cell: Cell, word: str) -> None:
        self.cell, self.word = cell, word
        self.indices = _checked_word(word, cell.symbols)
        states, from_state = [cell.h_1], []
        self.from_input = cell.W_xh.T[self.indices[:-1]]
        for added in self.from_input:
            from_state.append(cell.W_hh @ states[-1])
            states.append(np.tanh(from_state[-1] + added))
        self.states = np.array(states)
        self.from_state = np.array(from_state).reshape(len(word) - 1, len(cell.h_1))
        self.scores = self.states @ cell.W_hy.T
        # The sum over symbols has the term exp(0) = 1 for the symbol itself: rounding makes no cost negative.
        others = self.scores[:, None, :] - self.scores[:, :, None]
        self.costs = np.logaddexp.reduce(others, axis=2)
        self.probs = np.exp(-self.costs)
        self.losses = self.costs[np.arange(len(word)), self.indices]
        self.gradients = self._walk_back()
        self.norms = np.linalg.norm(self.gradients, axis=1)

    def _walk_back(self) -> np.ndarray:
        """The chain rule from the last loss to each state: float64 (T, d)."""
        gradients = [self.cell.W_hy.T @ self.score_gradient]
        for slope in self.slopes[::-1]:
            gradients.append(self.cell.W_hh.T @ (slope * gradients[-1]))
        return np.array(gradients[::-1])

    @property
    def score_gradient(self) -> np.ndarray:
        """The derivative of the last loss with respect to its scores, p - x_T: float64 (k,)."""
        return self.probs[-1] - np.eye(len(self.cell.symbols))[self.indices[-1]]

    @property
    def slopes(self) -> np.ndarray:
        """1 - h_{t+1}^2, the derivative of the tanh that made h_{t+1}: float64 (T - 1, d)."""
        return 1 - self.states[1:] ** 2

    def __len__(self) -> int:
        return len(self.word)

    def so_far(self, seen: int) -> float:
        """-ln p of the first `seen` symbols, in nats: the sum of their losses."""
        return float(self.losses[:seen].sum())


# -- steps ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """What one step shows.

    Attributes:
        kind: "start"; "predict" x_t from h_t; "see" x_t and pay; "update" h_t to h_{t+1}; "back", the derivative of
            the last loss with respect to h_t.
        t: counts from 0.
    """

    kind: str
    t: int = 0


def walk(length: int) -> list[Move]:
    """All steps for a word of this length; after its last symbol no update, for nothing is left to predict.

    >>> [move.kind for move in walk(2)]
    ['start', 'predict', 'see', 'update', 'predict', 'see', 'back', 'back']
    """
    forwards = [Move(kind, t) for t in range(length) for kind in ("predict", "see", "update")]
    return [Move("start"), *forwards[:-1], *(Move("back", t) for t in reversed(range(length)))]


def like(moves: Sequence[Move], move: Move) -> int:
    """The step of another walk that is most like a move: the nearest of its kind.

    >>> like(walk(2), Move("see", 4))
    5
    """
    kind = [step for step, other in enumerate(moves) if other.kind == move.kind]
    return min(kind, key=lambda step: abs(moves[step].t - move.t), default=0)


@dataclass(frozen=True, eq=False)
class UnrolledFrame:
    """What is known after a step of a walk."""

    run: Unrolled
    moves: Sequence[Move]
    step: int

    @property
    def move(self) -> Move:
        return self.moves[self.step]

    def _count(self, kind: str) -> int:
        return sum(move.kind == kind for move in self.moves[: self.step + 1])

    @cached_property
    def predicted(self) -> int:
        """Of how many symbols there is a prediction."""
        return self._count("predict")

    @cached_property
    def seen(self) -> int:
        """How many symbols have been seen and paid for."""
        return self._count("see")

    @cached_property
    def known(self) -> int:
        """How many states there are."""
        return 1 + self._count("update")

    @cached_property
    def back(self) -> int:
        """The first state whose gradient is known; T where none is."""
        return len(self.run) - self._count("back")

    @property
    def so_far(self) -> float:
        """-ln p of the symbols seen, in nats."""
        return self.run.so_far(self.seen)


# -- checks --------------------------------------------------------------------------------------------------------


def _checked_symbols(symbols: str) -> str:
    if not isinstance(symbols, str):
        raise TypeError(f"symbols must be a string, got {type(symbols).__name__}")
    if not 2 <= len(symbols) <= MOST_SYMBOLS or len(set(symbols)) < len(symbols):
        raise ValueError(
            f"symbols must be 2 to {MOST_SYMBOLS} different characters, got {symbols!r}"
        )
    return symbols


def _check_model(model: RNN, symbols: str) -> None:
    """Raise unless the model is nothing but a `Cell`."""
    if not isinstance(model, RNN):
        raise TypeError(f"model must be an RNN, got {type(model).__name__}")
    if (model.kind, model.layers, model.cell.bias) != ("rnn", 1, False):
        raise ValueError(
            "model must have cell='rnn', layers=1 and bias=False, "
            f"got cell={model.kind!r}, layers={model.layers} and bias={model.cell.bias}"
        )
    others = {
        "attention": model.query is not None,
        "links": model.links is not None,
        "position": model.position,
        "end": model.end is not None,
        "num_classes": model.num_classes is not None,
        "ordering='reverse'": model.backwards,
    }
    extra = [name for name, has in others.items() if has]
    if extra:
        raise ValueError(f"model must be without {', '.join(extra)}: these are not drawn")
    if not isinstance(model.conditional, Categorical) or len(model.event_shape) != 1:
        raise ValueError(
            "model must be of sequences (T,) with a Categorical conditional, "
            f"got {tuple(model.event_shape)} with {model.conditional!r}"
        )
    if model.levels != len(symbols):
        raise ValueError(
            f"symbols must be {model.levels} characters, one for each level, got {symbols!r}"
        )


def _checked_word(word: str, symbols: str) -> np.ndarray:
    if not isinstance(word, str):
        raise TypeError(f"a word must be a string, got {type(word).__name__}")
    if not 1 <= len(word) <= MOST_STEPS or not set(word) <= set(symbols):
        raise ValueError(
            f"a word must be made of 1 to {MOST_STEPS} of the symbols {symbols!r}, got {word!r}"
        )
    return np.array([symbols.index(symbol) for symbol in word])


def _checked_numbers(name: str, values: ArrayLike | Tensor) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().double().cpu().numpy()
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers, got {values!r}") from error
    if not (np.abs(numbers) <= LARGEST).all():
        raise ValueError(f"{name} must hold finite numbers of at most {LARGEST:g} in size")
    return numbers


def _checked_matrix(
    name: str, values: ArrayLike | Tensor, shape: tuple[int, int], because: str
) -> np.ndarray:
    numbers = _checked_numbers(name, values)
    if numbers.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, for {because}; got {numbers.shape}")
    return numbers
