"""In which steps a recurrent layer of PixelRNN computes its states, and which pixels each state has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = [
    "DIAGONAL",
    "KINDS",
    "ROW",
    "SkewFrame",
    "checked_pixel",
    "checked_shape",
    "diagonal_reach",
    "diagonal_turns",
    "row_reach",
    "skewed",
]

ROW, DIAGONAL = KINDS = ("Row LSTM", "Diagonal BiLSTM")
LEAST, MOST = 2, 8  # rows or columns: more would be too small to read

Cell = tuple[int, int]


def row_reach(shape: Cell, pixel: Cell) -> np.ndarray:
    """What the state of a pixel has seen in a Row LSTM: bool (H, W), True at its own place too.

    State (i, j) takes the states (i - 1, j - 1), (i - 1, j), (i - 1, j + 1), and the inputs (i, j - 1) and (i, j). So
    it has seen, k rows above, the columns j - k - 1 to j + k.

    >>> row_reach((3, 6), (2, 3)).astype(int)
    array([[1, 1, 1, 1, 1, 1],
           [0, 1, 1, 1, 1, 0],
           [0, 0, 1, 1, 0, 0]])
    """
    rows, columns = np.indices(shape)
    above, right = pixel[0] - rows, columns - pixel[1]
    return (above >= 0) & (right <= above) & (right >= -above - 1)


def diagonal_reach(shape: Cell, pixel: Cell, *, from_right: bool = False) -> np.ndarray:
    """What the state of a pixel has seen in one direction of a Diagonal BiLSTM: bool (H, W).

    State (i, j) takes the states (i - 1, j) and (i, j - 1), or (i, j + 1) where the direction is from right to left. So
    it has seen everything above it and on that side of it, its own row and column included.

    >>> diagonal_reach((3, 4), (1, 2)).astype(int)
    array([[1, 1, 1, 0],
           [1, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    rows, columns = np.indices(shape)
    side = columns >= pixel[1] if from_right else columns <= pixel[1]
    return (rows <= pixel[0]) & side


def diagonal_turns(shape: Cell, *, from_right: bool = False) -> np.ndarray:
    """In which step, from 1 to H + W - 1, a Diagonal BiLSTM computes each state: int64 (H, W).

    >>> diagonal_turns((2, 3))
    array([[1, 2, 3],
           [2, 3, 4]])
    """
    rows, columns = np.indices(shape)
    return rows + (shape[1] - 1 - columns if from_right else columns) + 1


def skewed(array: np.ndarray, fill: int, *, from_right: bool = False) -> np.ndarray:
    """(H, W) to (H, W + H - 1): row i is moved right by i places, counted from 0, the rest is `fill`.

    For the direction from right to left row i is moved left by i places.

    >>> skewed(np.array([[1, 2], [3, 4]]), 0)
    array([[1, 2, 0],
           [0, 3, 4]])
    """
    height, width = array.shape
    places = diagonal_turns(array.shape, from_right=from_right) - 1
    if from_right:
        places = width + height - 2 - places
    moved = np.full((height, width + height - 1), fill, dtype=array.dtype)
    moved[np.arange(height)[:, None], places] = array
    return moved


@dataclass(frozen=True)
class SkewFrame:
    """A step of a recurrent layer, and a pixel whose state is followed.

    A Row LSTM takes step 1 to H. A Diagonal BiLSTM takes D = H + W - 1 steps from left to right, then D from right to
    left, and adds both in step 2 D + 1. In step 0 nothing is computed.

    Attributes:
        kind: one of `KINDS`.
        shape: (H, W).
        pixel: (row, column) of the pixel, from 0.
        step: 0 to `last`.
    """

    kind: str
    shape: Cell
    pixel: Cell
    step: int

    @property
    def count(self) -> int:
        """Steps of one direction: rows or diagonals."""
        height, width = self.shape
        return height if self.kind == ROW else height + width - 1

    @property
    def last(self) -> int:
        return self.count if self.kind == ROW else 2 * self.count + 1

    @cached_property
    def phase(self) -> str:
        """ "start", "rows", "right", "left" (from right to left) or "sum"."""
        if self.step == 0:
            return "start"
        if self.kind == ROW:
            return "rows"
        return ("right", "left", "sum")[(self.step - 1) // self.count]

    @property
    def turn(self) -> int:
        """The step within its direction, 1 to `count`; 0 at the start."""
        return (self.step - 1) % self.count + 1 if self.step else 0

    @cached_property
    def turns(self) -> np.ndarray:
        """In which turn of this phase each state is computed: int64 (H, W), from 1."""
        if self.kind == ROW:
            return np.indices(self.shape)[0] + 1
        return diagonal_turns(self.shape, from_right=self.phase == "left")

    @cached_property
    def now(self) -> np.ndarray:
        """The states that this step computes: bool (H, W)."""
        return (self.turns == self.turn) & (self.phase != "sum")

    @cached_property
    def done(self) -> np.ndarray:
        """The states that earlier steps of this phase computed: bool (H, W)."""
        return (self.turns < self.turn) | (self.phase == "sum")

    @cached_property
    def numbers(self) -> np.ndarray:
        """The pixels from 1 in raster order: int64 (H, W)."""
        return np.arange(1, self.shape[0] * self.shape[1] + 1).reshape(self.shape)

    @property
    def number(self) -> int:
        return int(self.numbers[self.pixel])

    @cached_property
    def before(self) -> np.ndarray:
        """The pixels drawn before the pixel: bool (H, W)."""
        return self.numbers < self.number

    @cached_property
    def source(self) -> Cell | None:
        """Whose state is followed: the pixel's own; from right to left the one above, None in the first row."""
        row, column = self.pixel
        if self.phase != "left":
            return self.pixel
        return (row - 1, column) if row else None

    @cached_property
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """What the pixel gets to see from left to right, and from right to left one row higher: bool (H, W) each.

        A Row LSTM has one direction.
        """
        row, column = self.pixel
        none = np.zeros(self.shape, dtype=bool)
        if self.kind == ROW:
            return row_reach(self.shape, self.pixel), none
        above = diagonal_reach(self.shape, (row - 1, column), from_right=True) if row else none
        return diagonal_reach(self.shape, self.pixel), above

    @cached_property
    def reached(self) -> np.ndarray:
        """What the followed state sees when it is computed, in the last step both together: bool (H, W)."""
        first, second = self.parts
        if self.phase == "sum":
            return first | second
        return second if self.phase == "left" else first

    @cached_property
    def blind(self) -> np.ndarray:
        """Pixels drawn before the pixel that the followed state does not see: bool (H, W)."""
        return self.before & ~self.reached

    @property
    def state_sources(self) -> list[Cell]:
        """The pixels whose states enter the followed state."""
        if self.source is None or self.phase == "sum":
            return []
        row, column = self.source
        if self.kind == ROW:
            near = [(row - 1, column - 1), (row - 1, column), (row - 1, column + 1)]
        else:
            near = [(row - 1, column), (row, column + (1 if self.phase == "left" else -1))]
        height, width = self.shape
        return [(r, c) for r, c in near if 0 <= r < height and 0 <= c < width]

    def at(self, phase: str) -> SkewFrame:
        """The frame at the step that computes the followed state in a phase.

        >>> SkewFrame(ROW, (5, 6), (3, 2), 0).at("rows").step
        4
        """
        row, column = self.pixel
        if phase == "left":
            above = max(row - 1, 0), column
            step = self.count + int(diagonal_turns(self.shape, from_right=True)[above])
        elif phase == "sum":
            step = self.last
        else:
            step = int(SkewFrame(self.kind, self.shape, self.pixel, 1).turns[self.pixel])
        return SkewFrame(self.kind, self.shape, self.pixel, step)


# -- checks --------------------------------------------------------------------------------------------------------


def _pair(given: Sequence[int]) -> Cell | None:
    """Two ints, None for anything else."""
    pair = tuple(given) if isinstance(given, Sequence) else ()
    return pair if len(pair) == 2 and all(type(size) is int for size in pair) else None


def checked_shape(shape: Sequence[int]) -> Cell:
    """(H, W); ValueError for what is no size of an image that can be drawn."""
    pair = _pair(shape)
    if pair is None or not all(LEAST <= size <= MOST for size in pair):
        raise ValueError(f"shape must be (H, W), two ints from {LEAST} to {MOST}, got {shape!r}")
    return pair


def checked_pixel(pixel: Sequence[int] | None, shape: Cell) -> Cell:
    """(row, column) from 0, in the lower left half unless given; ValueError for a place outside the image."""
    if pixel is None:
        return 2 * shape[0] // 3, shape[1] // 3
    pair = _pair(pixel)
    if pair is None or not all(0 <= place < size for place, size in zip(pair, shape, strict=True)):
        raise ValueError(
            f"pixel must be (row, column), from 0, inside {shape[0]} rows and {shape[1]} columns, got {pixel!r}"
        )
    return pair
