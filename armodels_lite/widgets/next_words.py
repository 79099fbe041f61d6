"""Temperature, a filter and a draw on one distribution, in words."""

from __future__ import annotations

import math

import numpy as np

from .next_state import STAGES, NextFrame, entropy
from .numbers import told_apart
from .unrolled_numbers import shown_symbol

__all__ = [
    "caption",
    "follows",
    "fraction",
    "p_text",
    "sentences",
    "state_words",
    "step_words",
]

AFTER = 40  # letters of what the symbol follows


def sentences(frame: NextFrame) -> list[str]:
    """What happens at this step; how uncertain it is now and what is kept; what the numbers mean."""
    return [step_words(frame), state_words(frame), _meaning(frame)]


def step_words(frame: NextFrame) -> str:
    """What this step does."""
    return (_model, _temperature, _filter, _renormalised, _draw)[frame.step](frame)


def state_words(frame: NextFrame) -> str:
    """Entropy now and under the model itself, as nats and as a number of equally likely symbols; what is kept."""
    kept = f"Kept: {frame.kept.sum()} of {_symbols(frame.possible)}; cut mass {p_text(frame.cut_mass)}."
    if frame.step == 2:  # nothing is divided yet: the entropy is still that of the step before
        return kept
    now, own = entropy(frame.current), entropy(frame.own)
    told = f"Entropy {now:.2f} nats: as uncertain as a fair choice among {_among(now)}"
    if frame.step:
        told += f"; the model's own: {own:.2f} nats, {_among(own)}"
    return f"{told}. {kept}" if frame.step > 2 else f"{told}."


def _among(nats: float) -> str:
    fair = math.exp(nats)
    return f"{fair:.1f} symbol{'' if f'{fair:.1f}' == '1.0' else 's'}"


def _model(frame: NextFrame) -> str:
    best, after = frame.order[0], f" {follows(frame.after)}" if frame.after else ""
    return (
        f"The model gives one distribution over {_symbols(frame.possible)}{after}. "
        f"The likeliest is {_quoted(frame.names[best])}, with p = {p_text(frame.own[best])}."
    )


def _temperature(frame: NextFrame) -> str:
    t = frame.settings.temperature
    if t == 1:
        return "Temperature 1.00 leaves every probability as it is."
    best = frame.order[0]
    likely = frame.own[frame.own > 0]
    if np.ptp(likely) < 1e-12:
        return "All possible symbols are equally likely, so no temperature changes anything."
    way = "below 1: the likeliest gain" if t < 1 else "above 1: the least likely gain"
    return (
        f"Temperature {t:.2f} is {way}. Every p becomes p^(1/{t:.2f}) = p^{1 / t:.2f}, divided by the sum of all. "
        f"{_quoted(frame.names[best])} goes from {p_text(frame.own[best])} to {p_text(frame.tempered[best])}."
    )


def _filter(frame: NextFrame) -> str:
    settings, kept = frame.settings, int(frame.kept.sum())
    if settings.filter == "none":
        return f"No filter: all {_symbols(frame.possible)} stay."
    whole = kept == frame.possible
    if settings.filter == "top-k":
        told = f"top-k keeps the k = {settings.k} most likely symbols"
        if whole:
            return f"{told}, and there are only {frame.possible}: nothing is cut."
        return f"{told}, however much or little the others have: {p_text(frame.cut_mass)} is cut."
    p = fraction(settings.p)
    told = f"top-p adds up from the top until the sum reaches p = {p}"
    if whole:
        return f"{told}: that takes all {_symbols(frame.possible)}, nothing is cut."
    last = frame.order[kept - 1]
    reached = 1 - frame.cut_mass
    if kept == 1:
        return (
            f"{told}: {_quoted(frame.names[last])} alone has {p_text(reached)} and stays by itself."
        )
    short = reached - float(frame.tempered[last])
    return (
        f"{told}: {_symbols(kept)} reach {p_text(reached)}. Without the last one, {_quoted(frame.names[last])}, "
        f"the sum is {told_apart(short, settings.p)[0]}: too little. All others are cut."
    )


def _renormalised(frame: NextFrame) -> str:
    if frame.kept.sum() == frame.possible:
        return "Nothing was cut, so the probabilities sum to 1 already."
    left = 1 - frame.cut_mass
    return (
        f"What is kept sums to {p_text(left)}. Divided by that it sums to 1 again: every symbol kept grows by the same "
        f"factor, {1 / left:.3f}."
    )


def _draw(frame: NextFrame) -> str:
    name = _quoted(frame.names[frame.level])
    low, u, high = told_apart(frame.share[0], frame.u, frame.share[1])
    return (
        f"u = {u} lies in the share of {name}, {low} to {high}, so {name} is drawn. Its probability is "
        f"{p_text(frame.final[frame.level])}; under the model itself it is {p_text(frame.own[frame.level])}."
    )


def _meaning(frame: NextFrame) -> str:
    if frame.step < 2:
        return (
            "e^entropy is the perplexity of this distribution: the number of equally likely symbols that are as "
            "hard to guess."
        )
    if frame.step == 2:
        return {
            "none": "Even the least likely symbol can be drawn, and many rare ones together are not rare.",
            "top-k": "k is the same whether the model is sure or not.",
            "top-p": "Where the model is sure few symbols stay, where it is not many do. On the right a symbol stays "
            "if its bar begins left of the line.",
        }[frame.settings.filter]
    if frame.step == 3:
        return "Ratios between the symbols kept are those after temperature: dividing changes none of them."
    return (
        "The shares lie in the order of the vocabulary, as in model.sample; in any other order each symbol would have "
        "a share of the same width. Scores are taken under the model itself: at temperature 1, without a filter."
    )


def caption(frame: NextFrame) -> str:
    """A few words above a frame of the strip."""
    return f"{frame.step} {STAGES[frame.step]}"


def follows(after: str, most: int = AFTER) -> str:
    """What the symbol follows, its end if it is long; spaces at its ends and line breaks by signs."""
    if not after:
        return ""
    words = after if len(after) <= most else f"…{after[1 - most :]}"
    inner = words.strip(" ")
    start = len(words) - len(words.lstrip(" "))
    signs = shown_symbol(" ")
    words = signs * start + inner + signs * (len(words) - start - len(inner))
    return f"after ‘{''.join(c if c == ' ' else shown_symbol(c) for c in words)}’"


def _quoted(name: str) -> str:
    return f"‘{name}’"


def _symbols(count: int) -> str:
    return f"{count} symbol{'' if count == 1 else 's'}"


def fraction(p: float) -> str:
    """A chosen p: two decimals, or all that it has."""
    return f"{p:.2f}" if round(p, 2) == p else f"{p:g}"


def p_text(value: float) -> str:
    """A probability with three decimals."""
    if 0 < value < 0.0005:
        return "<0.001"
    return ">0.999" if 0.9995 <= value < 1 - 1e-12 else f"{value:.3f}"
