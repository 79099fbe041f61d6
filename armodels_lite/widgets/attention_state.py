"""The attention of a Transformer to one event: what one query sees, stage by stage. The numbers, without a widget."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..attention import AttentionSteps
from ..models.transformer import Transformer
from ..patches import unpack_patches
from .next_state import symbol_names
from .text_state import Alphabet

__all__ = ["MEAN", "STAGES", "AttentionFrame", "AttentionState", "Choice", "Event"]

STAGES = ("raw scores", "scaled", "masked", "weights", "output")
MEAN = "mean"  # in place of the number of a head: all heads of the layer
ROWS = ("scores", "scaled", "masked", "weights")  # what the first four stages show


@dataclass(frozen=True)
class Choice:
    """Which attention is looked at, all counted from 0: `head` may also be "mean", `query` is in drawing order."""

    example: int = 0
    layer: int = 0
    head: int | str = 0
    query: int = 0


@dataclass(frozen=True, eq=False)
class Event:
    """One event, or a prefix of one, as L variables in the order in which they are drawn.

    Attributes:
        shape: of an event of the model.
        order: int64 (L,), the flat position in the event of the variable drawn at each step.
        unit: what a variable is called: "character", "word", "pixel" or "variable".
        names: of the values, (L,), in drawing order.
        picture: of an image, float64 (C, patch H, patch W), 0 for black and 1 for white; None for a sequence.
        patch: so many pixels, in each direction, has a variable of an image.
    """

    shape: tuple[int, ...]
    order: np.ndarray
    unit: str
    names: tuple[str, ...]
    picture: np.ndarray | None = None
    patch: int = 1

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def rank(self) -> np.ndarray:
        """int64 (L,), the step at which the variable at each position is drawn."""
        return self.order.argsort()

    def place(self, variable: int) -> tuple[int, int, int]:
        """Channel, row and column of the variable drawn at this step of an image, from 0."""
        channel, row, column = np.unravel_index(self.order[variable], self.shape)
        return int(channel), int(row), int(column)


@dataclass(frozen=True, eq=False)
class AttentionFrame:
    """What there is to see of one query at one stage.

    Row t belongs to the step that predicts variable t, column s to the step that has read variable s - 1; column 0 is
    the start. All arrays are float64 unless told. For the mean of all heads, rows are means over the heads; values,
    parts and output are those of all heads side by side, as they are joined.

    Attributes:
        event: what is predicted and read.
        choice: layer, head and query.
        step: 0 raw scores, 1 scaled, 2 masked, 3 weights, 4 output; see `STAGES`.
        layers, heads: how many the model has.
        steps: the attention of the layer, of the chosen heads: tensors (h, L, ...), h = 1 unless it is the mean.
    """

    event: Event
    choice: Choice
    step: int
    layers: int
    heads: int
    steps: AttentionSteps

    @property
    def query(self) -> int:
        return self.choice.query

    @property
    def is_mean(self) -> bool:
        return self.choice.head == MEAN

    @property
    def size(self) -> int:
        """d, the numbers in a query, a key or a value of one head."""
        return self.steps.values.shape[-1]

    def _rows(self, name: str) -> Tensor:
        """(h, L), the query's row for each head."""
        return getattr(self.steps, name)[:, self.query].double()

    @cached_property
    def scores(self) -> np.ndarray:
        """(L,) q . k of the query and each key."""
        return self._rows("scores").mean(0).numpy()

    @cached_property
    def scaled(self) -> np.ndarray:
        """(L,) the scores over sqrt(d)."""
        return self._rows("scaled").mean(0).numpy()

    @cached_property
    def masked(self) -> np.ndarray:
        """(L,) these, -inf where the query may not look."""
        return self._rows("masked").mean(0).numpy()

    @cached_property
    def weights(self) -> np.ndarray:
        """(L,) the softmax of these, in each head; sums to 1."""
        return self._rows("weights").mean(0).numpy()

    @cached_property
    def allowed(self) -> np.ndarray:
        """bool (L,), where the query may look."""
        return np.isfinite(self.masked)

    @cached_property
    def unmasked(self) -> np.ndarray:
        """(L,) the weights as they would be without the mask."""
        return self._rows("scaled").softmax(-1).mean(0).numpy()

    @property
    def leaked(self) -> float:
        """The weight that would go, without the mask, where the query may not look."""
        return float(self.unmasked[~self.allowed].sum())

    @cached_property
    def unscaled(self) -> np.ndarray:
        """(L,) the weights as they would be without the division by sqrt(d)."""
        scores = self._rows("scores")
        hidden = torch.from_numpy(~self.allowed)
        return scores.masked_fill(hidden, -torch.inf).softmax(-1).mean(0).numpy()

    @cached_property
    def lengths(self) -> np.ndarray:
        """(L,) the norm |v| of each value."""
        return self.steps.values.double().square().sum((0, 2)).sqrt().numpy()

    @cached_property
    def parts(self) -> np.ndarray:
        """(L, h d) weight times value: these add up to the output."""
        parts = self._rows("weights").unsqueeze(-1) * self.steps.values.double()
        return parts.transpose(0, 1).flatten(1).numpy()

    @cached_property
    def contributions(self) -> np.ndarray:
        """(L,) the norm of each part; of one head, weight times |v|."""
        return np.linalg.norm(self.parts, axis=1)

    @cached_property
    def output(self) -> np.ndarray:
        """(h d,) the output of the head, or of all heads side by side."""
        return self.steps.output[:, self.query].double().flatten().numpy()

    @property
    def current(self) -> np.ndarray:
        """(L,) what this stage shows."""
        rows = self.scores, self.scaled, self.masked, self.weights, self.contributions
        return rows[self.step]

    @cached_property
    def tones(self) -> np.ndarray:
        """(L,) what this stage shows as a share from 0 to 1, see `_shares`; NaN where it is struck out."""
        rows = self.current if self.step < 2 else np.where(self.allowed, self.current, np.nan)
        return _shares(rows[None], self.scaled[None], self.step)[0]

    def matrix(self, first: int, last: int) -> np.ndarray:
        """Shares (n, n) of the queries and keys `first` to `last` - 1 at one of the first four stages, as `tones`.

        Each row is measured by the whole row, also by what lies outside.
        """
        rows = getattr(self.steps, ROWS[self.step])[:, first:last].double().mean(0).numpy()
        if self.step >= 2:  # a weight of 0 may also be one that is very small
            hidden = self.steps.masked[0, first:last].isinf().numpy()
            rows = np.where(hidden, np.nan, rows)
        scaled = self.steps.scaled[:, first:last].double().mean(0).numpy()
        return _shares(rows, scaled, self.step)[:, first:last]


def _shares(rows: np.ndarray, scaled: np.ndarray, step: int) -> np.ndarray:
    """Rows (n, L) of a stage as shares: scores from the lowest (0) to the highest (1) of the row, hidden ones among
    them; weights and contributions from 0 to the largest of the row. NaN stays NaN."""
    if step >= 3:
        most = np.nanmax(rows, axis=1, keepdims=True)
        return rows / np.where(most > 0, most, 1.0)
    whole = rows if step == 0 else scaled
    low, high = whole.min(1, keepdims=True), whole.max(1, keepdims=True)
    same = high == low
    return np.where(np.isnan(rows), np.nan, np.where(same, 1.0, (rows - low) / (high - low + same)))


class AttentionState:
    """A Transformer's attention to one or more events.

    Args:
        model: a Transformer of any events.
        x: one event, or a batch (B, ...) of them; of a model that takes prefixes also prefixes.
        symbols: of a model with K levels, how the levels are called: a string of K characters, a list of K words, or
            an `ar.Vocabulary`. Without it numbers are shown. Not for images.
        context: the class of all events as int, or the classes (B,).
        patch: an image's variable is a symbol of patch x patch binary pixels, see `patches.pack_patches`.

    Raises:
        TypeError: the model is no Transformer, x no tensor, or the symbols no strings.
        ValueError: x, context, symbols or patch do not fit the model, or its numbers are not finite.
    """

    def __init__(
        self,
        model: Transformer,
        x: Tensor,
        symbols: Any = None,
        *,
        context: int | Tensor | None = None,
        patch: int = 1,
    ) -> None:
        if not isinstance(model, Transformer):
            raise TypeError(f"the model must be an ar.Transformer, got {type(model).__name__}")
        self.model, self.patch = model, _checked_patch(model, patch)
        self.names = None if symbols is None else _symbol_names(model, symbols)
        words = isinstance(symbols, list | tuple) and any(len(word) > 1 for word in symbols)
        self.unit = "word" if words else "character"
        self.x = _batch(model, x)
        self.context = _contexts(model, context, len(self.x))
        model.check(self.x, self.context)
        self._events: dict[int, Event] = {}
        self._attend(0)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def layers(self) -> int:
        return len(self.model.blocks)

    @property
    def heads(self) -> int:
        return self.model.heads

    @property
    def length(self) -> int:
        """L, the variables of an event or a prefix."""
        return self.x[0].numel()

    def checked(self, choice: Choice) -> Choice:
        """The choice; ValueError for an example, layer, head or query that does not exist."""
        counts = {"layer": self.layers, "head": self.heads, "query": self.length}
        for name, count in {"example": len(self), **counts}.items():
            value = getattr(choice, name)
            if name == "head" and value == MEAN:
                continue
            if type(value) is not int or not 0 <= value < count:
                besides = f' or "{MEAN}"' if name == "head" else ""
                raise ValueError(
                    f"{name} must be an int from 0 to {count - 1}{besides}, got {value!r}"
                )
        return choice

    def frame(self, choice: Choice, step: int) -> AttentionFrame:
        """What there is to see at a stage, 0 to 4; ValueError for what does not exist."""
        self.checked(choice)
        if not 0 <= step < len(STAGES):
            raise ValueError(f"steps are 0 to {len(STAGES) - 1}, got {step}")
        self._attend(choice.example)
        heads = slice(None) if choice.head == MEAN else slice(choice.head, choice.head + 1)
        layer = self._found[choice.layer]
        steps = AttentionSteps(*(getattr(layer, name)[0, heads] for name in _FIELDS))
        event = self.event(choice.example)
        return AttentionFrame(event, choice, step, self.layers, self.heads, steps)

    def event(self, example: int) -> Event:
        """One of the events, in drawing order."""
        if example not in self._events:
            self._events[example] = self._make_event(self.x[example].cpu())
        return self._events[example]

    # -- inside --------------------------------------------------------------------------------------------------

    def _attend(self, example: int) -> None:
        """Compute the attention to an example, and keep it until another one is asked for: it may be large."""
        if getattr(self, "_example", None) == example:
            return
        self._found = self._example = None
        context = None if self.context is None else self.context[example : example + 1]
        found = self.model.attention(self.x[example : example + 1], context)
        if not all(layer.output.isfinite().all() for layer in found):
            raise ValueError("the attention holds NaN or infinite numbers: the model is broken")
        self._found = [
            AttentionSteps(*(getattr(layer, name).cpu() for name in _FIELDS)) for layer in found
        ]
        self._example = example

    def _make_event(self, x: Tensor) -> Event:
        shape = self.model.event_shape
        values = self.model.in_drawing_order(x.unsqueeze(0).to(self.model.device))[0].tolist()
        order = self.model.ordering[: len(values)].cpu().numpy()
        if len(shape) == 3:
            names, picture = tuple(map(_number, values)), self._picture(x)
            return Event(shape, order, "pixel", names, picture, self.patch)
        if self.names is None:
            return Event(shape, order, "variable", tuple(map(_number, values)))
        return Event(shape, order, self.unit, tuple(self.names[int(value)] for value in values))

    def _picture(self, x: Tensor) -> np.ndarray:
        """Large values are ink where there is one channel, and light where there are more."""
        if self.patch > 1:
            x = unpack_patches(x.unsqueeze(0), self.patch)[0]
        shade, levels = x.double().numpy(), 2 if self.patch > 1 else self.model.levels
        low, high = (shade.min(), shade.max()) if levels is None else (0, levels - 1)
        shade = (shade - low) / (high - low or 1.0)
        return 1 - shade if len(shade) == 1 else shade


_FIELDS = tuple(AttentionSteps.__dataclass_fields__)


def _number(value: float) -> str:
    words = f"{value:.3g}" if isinstance(value, float) else str(value)
    return words.replace("-", "\N{MINUS SIGN}")


# -- checks --------------------------------------------------------------------------------------------------------


def _batch(model: Transformer, x: Tensor) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a torch.Tensor, got {type(x).__name__}")
    x = x.unsqueeze(0) if x.ndim == len(model.event_shape) else x
    if not x.numel():
        raise ValueError(f"x must hold at least one variable of one event, got {tuple(x.shape)}")
    return x


def _contexts(model: Transformer, context: int | Tensor | None, n: int) -> Tensor | None:
    if isinstance(context, int):
        return torch.full((n,), context, device=model.device)
    if isinstance(context, Tensor) and context.ndim == 0:
        return context.expand(n)
    return context


def _checked_patch(model: Transformer, patch: int) -> int:
    if patch == 1 and type(patch) is int:
        return patch
    shape, levels = model.event_shape, model.levels
    if type(patch) is not int or not 1 <= patch <= 7:
        raise ValueError(f"patch must be an int from 1 to 7, got {patch!r}")
    if len(shape) != 3 or shape[0] != 1 or levels != 2 ** (patch * patch):
        raise ValueError(
            f"patches of {patch} x {patch} pixels need events (1, H, W) of {2 ** (patch * patch)} levels, "
            f"got {shape} of {levels}"
        )
    return patch


def _symbol_names(model: Transformer, symbols: Any) -> tuple[str, ...]:
    if len(model.event_shape) == 3:
        raise ValueError(
            f"the variables of images {model.event_shape} have no symbols: leave symbols out"
        )
    levels = model.levels
    if levels is None or (isinstance(symbols, Sized) and len(symbols) != levels):
        count = len(symbols) if isinstance(symbols, Sized) else "some"
        raise ValueError(f"the model has {levels} levels, but there are {count} symbols")
    if isinstance(symbols, str):
        symbols = Alphabet(symbols, model.end)
    return symbol_names(symbols, levels)
