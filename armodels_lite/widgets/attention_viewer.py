"""What a Transformer looks at: one query of one head, from raw scores to the head's output.

`attention_state` computes, `attention_view`, `attention_image` and `attention_bars` draw, `attention_words` tells; here
are the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets
from torch import Tensor

from ..models.transformer import Transformer
from .attention_bars import BARS, bars_drawing, parts_drawing
from .attention_image import WIDE, image_drawing, row_chart
from .attention_state import MEAN, STAGES, AttentionFrame, AttentionState, Choice
from .attention_view import COMPACT, MATRIX, matrix_drawing, text_drawing
from .attention_words import caption, sentences, told
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .svg import Drawing

__all__ = ["AttentionViewer"]

BESIDE_IMAGE = 320  # pixels: bars beside an image


class AttentionViewer(ChartStepper):
    """One query of one head of a Transformer, in five stages: what it looks at, and what it hands on.

    Stage 0 shows the scores q.k, 1 the scores over sqrt(d), 2 what the mask strikes out, 3 the weights and, as
    outlines, what they would be without the mask, 4 the values, weighted and added up to the output of the head. Layer,
    head, query and example can be chosen; the stage stays. A sequence is shown as text and as the matrix of all queries
    and keys; an image with a disc on each pixel, hatched where it is not drawn yet.

    With the mean of all heads, stage 3 is the mean of the heads' weights. Stages 0 to 2 show the mean scores, of which
    the weights are not the softmax: the words say so. Stage 4 shows the outputs of all heads side by side, as they are
    joined; a part is then the weighted values of all heads side by side.

    The numbers are `model.attention(x)`, computed when an example is first shown: setting `x` computes them anew.

    Args:
        model: an `ar.Transformer` of any events, in any ordering.
        x: one event, or a batch (B, ...): then an example can be chosen. Of a sequence also a prefix.
        symbols: of a model of sequences with K levels, how they are called: a string of K characters, a list of K
            words, or an `ar.Vocabulary`; numbers are shown without it.
        context: the class as int, or the classes (B,), of a model that has them.
        start: the stage to begin with.
        layer, head: counted from 0; the head may also be "mean".
        query: which variable is predicted, counted from 0 in drawing order; two thirds of the way unless given.
        patch: of images whose variables are symbols of patch x patch pixels, see `patches.pack_patches`.

    Raises:
        TypeError: the model is no Transformer, x no tensor, or the symbols no strings.
        ValueError: x or another argument does not fit the model, or does not exist.

    Sources: A. Vaswani et al., Attention Is All You Need, 2017; for norms of weighted values G. Kobayashi et al.,
    Attention is Not Only a Weight, 2020.

    >>> import torch, armodels_lite as ar
    >>> model = ar.Transformer((8,), width=8, layers=2, heads=2, conditional=ar.Categorical(3))
    >>> viewer = AttentionViewer(model, torch.tensor([0, 1, 2, 0]), "abc", layer=1, head=0, query=2)
    >>> frame = viewer.frame(3)
    >>> bool((frame.weights[3:] == 0).all()), round(float(frame.weights.sum()), 6)
    (True, 1.0)
    """

    def __init__(
        self,
        model: Transformer,
        x: Tensor,
        symbols: Any = None,
        *,
        context: int | Tensor | None = None,
        start: int = 0,
        layer: int = 0,
        head: int | str = 0,
        query: int | None = None,
        patch: int = 1,
    ) -> None:
        self._make_state = lambda x: AttentionState(model, x, symbols, context=context, patch=patch)
        self.state = self._make_state(x)
        query = 2 * self.state.length // 3 if query is None else query
        self.choice = self._first = self.state.checked(Choice(0, layer, head, query))
        self._controls = self._make_controls()
        super().__init__(
            3,
            last=len(STAGES) - 1,
            start=start,
            options=list(self._controls.values()),
            label="stage",
            readouts=STAGES,
            interval=2000,
        )
        # What is chosen here makes the picture: it stands above.
        views, playback, options = self.children
        self.children = (options, views, playback)
        for name, control in self._controls.items():
            self.react(control, self._setter(name))

    @property
    def x(self) -> Tensor:
        """The events (B, ...). Setting them, one or a batch, computes their attention; the stage stays.

        Raises TypeError or ValueError, and nothing changes, if they do not fit the model.
        """
        return self.state.x

    @x.setter
    def x(self, x: Tensor) -> None:
        self.state = self._make_state(x)
        self._choose(example=0, query=min(self.choice.query, self.state.length - 1))
        self.redraw()

    # -- changes -------------------------------------------------------------------------------------------------

    def _make_controls(self) -> dict[str, ipywidgets.Widget]:
        state, choice = self.state, self.choice
        heads: list[Any] = _numbered(state.heads)
        if state.heads > 1:
            heads.append(("mean of all heads", MEAN))
        query = ipywidgets.IntSlider(
            choice.query + 1,
            min=1,
            max=state.length,
            description=f"predicts {state.event(0).unit}",
            tooltip="Which variable the query predicts, counted in drawing order",
            style={"description_width": "initial"},
        )
        controls = {
            "layer": dropdown("layer", "Which block", _numbered(state.layers), choice.layer),
            "head": dropdown("head", "Which head of the block", heads, choice.head),
            "query": query,
            "example": dropdown("example", "Which event", _numbered(len(state)), choice.example),
        }
        controls["example"].layout.display = None if len(state) > 1 else "none"
        return controls

    def _setter(self, name: str) -> Callable[[Any], None]:
        def choose(value: Any) -> None:
            if not self._settling:
                self._choose(**{name: value - 1 if name == "query" else value})

        return choose

    def _choose(self, **changes: Any) -> None:
        """Another choice, and the controls after it."""
        self.choice = self.state.checked(replace(self.choice, **changes))
        with self._quiet():
            examples, query = self._controls["example"], self._controls["query"]
            if len(examples.options) != len(self.state):
                examples.options = _numbered(len(self.state))
                examples.layout.display = None if len(self.state) > 1 else "none"
            query.max = self.state.length
            query.value = self.choice.query + 1
            for name in ("layer", "head", "example"):
                self._controls[name].value = getattr(self.choice, name)

    def restart(self) -> None:
        query = min(self._first.query, self.state.length - 1)
        self._choose(**vars(replace(self._first, query=query)))

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> AttentionFrame:
        return self.state.frame(self.choice, step)

    def drawings(self, frame: AttentionFrame) -> list[Drawing]:
        last = frame.step == len(STAGES) - 1
        if frame.event.unit == "pixel":
            below = parts_drawing(frame, WIDE) if last else row_chart(frame)
            return [image_drawing(frame), bars_drawing(frame, BESIDE_IMAGE), below]
        left = parts_drawing(frame, MATRIX) if last else matrix_drawing(frame)
        return [text_drawing(frame), left, bars_drawing(frame, BARS)]

    def strip_drawings(self, frame: AttentionFrame) -> Sequence[Drawing]:
        """The image or the matrix, and the bars, narrow enough for four side by side."""
        last = frame.step == len(STAGES) - 1
        if frame.event.unit == "pixel":
            first = image_drawing(frame, COMPACT)
        elif last:
            first = parts_drawing(frame, COMPACT, compact=True)
        else:
            first = matrix_drawing(frame, compact=True)
        return [first, bars_drawing(frame, COMPACT, compact=True)]

    def strip_steps(self) -> Sequence[int]:
        """Scaled, masked, weights, output."""
        return 1, 2, 3, 4

    def sentences(self, frame: AttentionFrame) -> list[str]:
        return sentences(frame)

    def told(self, frame: AttentionFrame) -> list[str]:
        return [told(frame)]

    def caption(self, frame: AttentionFrame) -> str:
        return caption(frame)


def _numbered(count: int) -> list[tuple[str, int]]:
    """1, 2, 3 ... for 0, 1, 2 ..."""
    return [(str(k + 1), k) for k in range(count)]
