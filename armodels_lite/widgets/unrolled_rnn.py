"""An RNN unrolled in time: predict, see and pay, update, symbol by symbol; then a loss is walked back.

`unrolled_state` computes, `unrolled_view` and `unrolled_numbers` draw, `unrolled_words` tells; here are the controls.
"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
from numpy.typing import ArrayLike
from torch import Tensor

from ..models.rnn import RNN
from .chart_stepper import ChartStepper
from .svg import Drawing
from .unrolled_numbers import numbers_drawing, weights_drawing
from .unrolled_state import Cell, UnrolledFrame, like, walk
from .unrolled_view import COMPACT, chain_drawing
from .unrolled_words import readout, remark, sentence

__all__ = ["UnrolledRNN"]


class UnrolledRNN(ChartStepper):
    """A small tanh RNN that reads a word: p(x_t | x_<t) = softmax(W_hy h_t), h_{t+1} = tanh(W_hh h_t + W_xh x_t).

    For each symbol three steps: the prediction from h_t, before the symbol is seen; the symbol, and -ln p to pay for
    it; the next state, from the old one and the symbol. After the last symbol the steps go back: how the last loss
    changes with h_T, h_{T-1}, down to h_1 (back-propagation through time). Another word keeps the step where it can.
    h_1 here is h_0 where states are counted by the symbols that they have seen.

    Args:
        W_hh: (d, d), state to state, d of 1 to 8; arrays, lists or tensors, as the next three.
        W_xh: (d, k), symbol to state, k of 2 to 8.
        W_hy: (k, d), state to scores.
        h_1: (d,), the state before the first symbol.
        symbols: k different characters.
        word: 1 to 8 of the symbols.
        others: further words to choose from.
        start: the step to begin with.

    Raises:
        TypeError: symbols or a word is no string, or others is one.
        ValueError: shapes that do not fit, numbers that are not finite, words with other symbols, or a step that does
            not exist.

    Sources: J. Elman, Finding structure in time (1990); D. Rumelhart, G. Hinton, R. Williams, Learning
    representations by back-propagating errors (1986).

    >>> rnn = UnrolledRNN([[0.5]], [[1.0, -1.0]], [[2.0], [0.0]], [0.0], symbols="ab", word="ab", start=2)
    >>> rnn.sentences(rnn.frame(2))[0]
    'x1 is a, which had p = 0.500: it costs -ln p = 0.693 nats.'
    >>> rnn.sentences(rnn.frame(3))[0]
    'h2 = tanh(W_hh h1 + W_xh x1): what was known, and the column of W_xh for a. h2 sums up “a” in 1 number; ...'
    """

    def __init__(
        self,
        W_hh: ArrayLike | Tensor,
        W_xh: ArrayLike | Tensor,
        W_hy: ArrayLike | Tensor,
        h_1: ArrayLike | Tensor,
        symbols: str = "helo",
        word: str = "hello",
        others: Sequence[str] = (),
        *,
        start: int = 0,
    ) -> None:
        if isinstance(others, str):
            raise TypeError(f"others must be a sequence of words, got the string {others!r}")
        self.cell = Cell(W_hh, W_xh, W_hy, h_1, symbols=symbols)
        self.runs = {each: self.cell.run(each) for each in (word, *others)}
        self._first = word
        self.run, self.moves = self.runs[word], walk(len(word))
        self._word = ipywidgets.Dropdown(
            options=list(self.runs),
            value=word,
            description="word",
            tooltip="Which word the network reads",
            layout={"width": "max-content"},
            style={"description_width": "initial"},
        )
        super().__init__(
            3,
            last=len(self.moves) - 1,
            start=start,
            options=[self._word],
            jump=3,
            interval=1200,
            readouts=self._readouts(),
        )
        # Words differ in length: the controls stay in place.
        self._words.layout.min_height = "7em"
        self.react(self._word, self._read)

    @classmethod
    def from_model(
        cls,
        model: RNN,
        symbols: str,
        word: str,
        others: Sequence[str] = (),
        *,
        start: int = 0,
    ) -> UnrolledRNN:
        """The widget of a model `RNN((T,), cell="rnn", layers=1, bias=False)` of a few units; level j is symbols[j].

        Raises:
            TypeError: model is no RNN.
            ValueError: the model has other parts, or a word has more than T symbols; otherwise as the class.
        """
        cell = Cell.from_model(model, symbols)
        longest = max(map(len, (word, *others)))
        if longest > model.event_shape[0]:
            raise ValueError(
                f"words must have at most {model.event_shape[0]} symbols, as the model's events; got {longest}"
            )
        weights = (cell.W_hh, cell.W_xh, cell.W_hy, cell.h_1)
        return cls(*weights, symbols, word, others, start=start)

    # -- controls ------------------------------------------------------------------------------------------------

    def _read(self, word: str) -> None:
        """Another word, at the step most like the one where the walk is."""
        move = self.moves[self.step]
        self.run, self.moves = self.runs[word], walk(len(word))
        last, step = len(self.moves) - 1, like(self.moves, move)
        with self._quiet(), self.controls.hold_sync():
            self.controls.last = max(self.last, step)
            self.step = step
            self.controls.last = last
            self.controls.readouts = self._readouts()

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    def restart(self) -> None:
        self._word.value = self._first

    def _readouts(self) -> list[str]:
        return [readout(self.frame(step)) for step in range(len(self.moves))]

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> UnrolledFrame:
        return UnrolledFrame(self.run, self.moves, step)

    def drawings(self, frame: UnrolledFrame) -> list[Drawing]:
        return [chain_drawing(frame), weights_drawing(frame), numbers_drawing(frame)]

    def strip_drawings(self, frame: UnrolledFrame) -> list[Drawing]:
        """The chain around the step and the step in numbers, narrow enough for four steps side by side."""
        return [chain_drawing(frame, COMPACT), numbers_drawing(frame, COMPACT)]

    def sentences(self, frame: UnrolledFrame) -> list[str]:
        return [sentence(frame), remark(frame)]

    def caption(self, frame: UnrolledFrame) -> str:
        return f"{frame.run.word}: {readout(frame)}"

    def strip_steps(self) -> list[int]:
        """A prediction, the update that follows it, the whole word paid, the end of the way back."""
        middle = min(1, len(self.run) - 1)
        kinds = [(move.kind, move.t) for move in self.moves]
        predict, paid = kinds.index(("predict", middle)), kinds.index(("see", len(self.run) - 1))
        return sorted({predict, min(predict + 2, paid), paid, self.last})
