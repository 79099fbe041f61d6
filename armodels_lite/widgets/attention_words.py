"""The attention of one query in words: pure functions of a frame."""

from __future__ import annotations

import math

import numpy as np

from .attention_state import STAGES, AttentionFrame, Event
from .numbers import told_apart
from .sampler_view import CHANNELS

__all__ = [
    "caption",
    "channel_name",
    "column_words",
    "ordinal",
    "sentences",
    "told",
    "variable_words",
    "who",
]

LEAST_LEAK = 1e-6  # less is not worth a word
READ = "A column is named by what its step has read; the first, the start, has read nothing."


def ordinal(number: int) -> str:
    """'1st', '2nd', '3rd', '4th', ...

    >>> [ordinal(number) for number in (1, 2, 11, 23)]
    ['1st', '2nd', '11th', '23rd']
    """
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def number(value: float) -> str:
    """Two decimals, three where it is small; a true minus sign.

    >>> [number(value) for value in (-1.234, 0.0456, 0.00001)]
    ['−1.23', '0.046', '<0.001']
    """
    if not math.isfinite(value):
        return "\N{MINUS SIGN}\N{INFINITY}"
    if 0 < value < 0.0005:
        return "<0.001"
    if abs(value) < 0.0005:
        return "0.00"
    words = f"{value:.2f}" if abs(value) >= 0.0995 else f"{value:.3f}"
    return words.replace("-", "\N{MINUS SIGN}")


# -- variables -----------------------------------------------------------------------------------------------------


def variable_words(event: Event, variable: int) -> str:
    """What is drawn at a step: 'the 7th character (‘o’)', 'the pixel in row 2, column 5'."""
    if event.unit == "pixel":
        return f"the {_pixel(event, variable)}"
    place = int(event.order[variable]) + 1
    return f"the {ordinal(place)} {event.unit} ({quoted(event, variable)})"


def column_words(event: Event, column: int, query: int) -> str:
    """What a column has read and where: '‘o’ (2 before it)', 'the pixel in row 1, column 5 (1 row above)'."""
    if column == 0:
        return "the start"
    offset = _offset(event, column - 1, query)
    if event.unit == "pixel":
        return f"the {_pixel(event, column - 1)} ({offset})"
    name = quoted(event, column - 1)
    return f"{name} ({offset})" if event.unit != "variable" else f"the value {name} ({offset})"


def quoted(event: Event, variable: int) -> str:
    """The name of a variable's value, in quotation marks where it is a single character or a word."""
    name = event.names[variable]
    plain = event.unit == "variable" or (event.unit == "character" and len(name) > 1)
    return name if plain else f"‘{name}’"


def channel_name(event: Event, channel: int) -> str:
    """The colour, or the number, of one of several channels."""
    return CHANNELS[channel] if event.shape[0] == 3 else f"channel {channel + 1}"


def _pixel(event: Event, variable: int) -> str:
    channel, row, column = event.place(variable)
    what = "patch" if event.patch > 1 else "pixel"
    if event.shape[0] > 1:
        what = f"{channel_name(event, channel)} {what}"
    return f"{what} in row {row + 1}, column {column + 1}"


def _offset(event: Event, variable: int, query: int) -> str:
    """Where a variable lies as seen from the one that is predicted."""
    if event.unit != "pixel":
        back = int(event.order[query] - event.order[variable])
        if back == 0:
            return "itself"
        return f"{'just' if abs(back) == 1 else abs(back)} {'before' if back > 0 else 'after'} it"
    (_, row, column), (_, other_row, other_column) = event.place(query), event.place(variable)
    told = []
    for count, unit, sides in (
        (row - other_row, "row", ("above", "below")),
        (column - other_column, "column", ("to the left", "to the right")),
    ):
        if count:
            plural = "s" if abs(count) > 1 else ""
            told.append(f"{abs(count)} {unit}{plural} {sides[count < 0]}")
    return ", ".join(told) or ("itself" if variable == query else "another channel of it")


# -- sentences -----------------------------------------------------------------------------------------------------


def sentences(frame: AttentionFrame) -> list[str]:
    """What this stage shows; what it means."""
    first = (_raw, _scaled, _masked, _weights, _output)[frame.step](frame)
    return [first, *_meaning(frame)]


def told(frame: AttentionFrame) -> str:
    """The first sentence, shorter where there is little room."""
    return _weights(frame, most=1) if frame.step == 3 else sentences(frame)[0]


def caption(frame: AttentionFrame) -> str:
    """A few words above a frame of a strip."""
    return STAGES[frame.step]


def who(frame: AttentionFrame) -> str:
    """'Head 2 of layer 1, predicting the 7th character (‘o’),'."""
    looking = f"The mean of the {frame.heads} heads"
    if not frame.is_mean:
        looking = f"Head {frame.choice.head + 1}"
    elif frame.step == 4:
        looking = f"The {frame.heads} heads"
    return (
        f"{looking} of layer {frame.choice.layer + 1}, "
        f"predicting {variable_words(frame.event, frame.query)},"
    )


def _column(frame: AttentionFrame, column: int) -> str:
    return column_words(frame.event, int(column), frame.query)


def _raw(frame: AttentionFrame) -> str:
    best, worst = frame.scores.argmax(), frame.scores.argmin()
    told = f"{who(frame)} gives its highest score, {number(frame.scores[best])}, to {_column(frame, best)}"
    if len(frame.event) > 1:
        told += f", and its lowest, {number(frame.scores[worst])}, to {_column(frame, worst)}"
    later = len(frame.event) - 1 - frame.query
    if later:
        told += (
            f". Nothing is hidden yet: {later} of {len(frame.event)} scores belong to later steps"
        )
    return f"{told}."


def _scaled(frame: AttentionFrame) -> str:
    low, high = number(frame.scaled.min()), number(frame.scaled.max())
    with_it, without = told_apart(frame.weights.max(), frame.unscaled.max())
    return (
        f"{who(frame)} has scores from {low} to {high} after division by √{frame.size} = {math.sqrt(frame.size):.2f}. "
        f"Its largest weight will be {with_it}; without the division it would be {without}."
    )


def _masked(frame: AttentionFrame) -> str:
    hidden = ~frame.allowed
    later = int(hidden[frame.query + 1 :].sum())
    earlier = int(hidden.sum()) - later
    seen = int(frame.allowed.sum())
    if not hidden.any():
        told = f"sees all {seen} steps: none comes after it, so nothing is struck out"
        return f"{who(frame)} {told}." if seen > 1 else f"{who(frame)} sees the start alone."
    struck = [f"{later} later step{'s' * (later > 1)}"] if later else []
    struck += [f"{earlier} earlier one{'s' * (earlier > 1)} that the pattern leaves out"] * (
        earlier > 0
    )
    seen_words = (
        "the start alone" if seen == 1 and frame.allowed[0] else f"{seen} step{'s' * (seen > 1)}"
    )
    return (
        f"{who(frame)} may look at {seen_words}. The mask sets the other scores to "
        f"\N{MINUS SIGN}\N{INFINITY}: {' and '.join(struck)}."
    )


def _weights(frame: AttentionFrame, most: int = 3) -> str:
    order = np.argsort(-frame.weights, kind="stable")[: min(most, int(frame.allowed.sum()))]
    best, *others = order.tolist()
    told = f"{who(frame)} looks with weight {number(frame.weights[best])} at {_column(frame, best)}"
    told += "".join(f"; {number(frame.weights[k])} at {_column(frame, k)}" for k in others)
    told += ". The weights sum to 1."
    if frame.leaked > LEAST_LEAK:
        leaked, _ = told_apart(frame.leaked, 0.0)
        told += f" Without the mask {leaked} of the weight would go to steps that it may not see (outlines)."
    return told


def _output(frame: AttentionFrame) -> str:
    best = int(frame.contributions.argmax())
    size = number(float(np.linalg.norm(frame.output)))
    column, most = _column(frame, best), number(frame.contributions[best])
    counted = f"{len(frame.output)} numbers of norm {size}"
    if frame.is_mean:
        return (
            f"{who(frame)} hand on {counted}, their outputs side by side. Counted over all heads, the largest part "
            f"comes from {column}: {most}."
        )
    told = f"{who(frame)} hands on {counted}: the values, weighted and added up. "
    weight, length = number(frame.weights[best]), number(frame.lengths[best])
    told += f"The largest part comes from {column}: weight {weight} × |v| {length} = {most}."
    looked = int(frame.weights.argmax())
    if looked != best:
        told += (
            f" The largest weight, {number(frame.weights[looked])}, is on {_column(frame, looked)}, "
            f"but its value is shorter: {number(frame.lengths[looked])}."
        )
    return told


def _meaning(frame: AttentionFrame) -> list[str]:
    told = (
        "Each step has a query, what it looks for, and a key, what it offers: the score q·k says how well they fit. "
        + READ,
        "A sum of d products grows like √d. Divided by it, the scores stay small enough for the softmax not to give "
        "nearly everything to one step.",
        "A step may not see what it is to predict, nor what follows: then p(x) would not be a product of "
        "p(x_t | x_<t). The softmax turns \N{MINUS SIGN}\N{INFINITY} into a weight of exactly 0.",
        _renormalised(frame),
        "The value is what a step hands on. A large weight on a short value adds little, so weights alone do not say "
        "what was passed on. All heads are joined, mixed by one matrix and added to the stream.",
    )[frame.step]
    if not frame.is_mean or frame.step == 4:
        return [told]
    if frame.step < 3:
        return [
            told,
            "Shown is the mean of the heads' scores. Each head has a softmax of its own, so the weights of the next "
            "stages are not the softmax of these means.",
        ]
    return [told, "The mean of several softmaxes: a head may look where the mean shows little."]


def _renormalised(frame: AttentionFrame) -> str:
    if frame.leaked == 0:
        return (
            "The softmax makes the scores positive and divides them by their sum: a weighted mean."
        )
    left, *_ = told_apart(1 - frame.leaked, 0.0, 1.0)
    return (
        f"Had the weights been masked after the softmax, a sum of {left} would be left. "
        "Masked before it, the rest is divided by its own sum and makes 1."
    )
