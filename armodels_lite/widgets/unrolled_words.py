"""A step of an unrolled recurrent network in words."""

from __future__ import annotations

import math

from .nade_view import nats_words, p_words
from .unrolled_numbers import shown_symbol
from .unrolled_state import UnrolledFrame

__all__ = ["readout", "remark", "sentence"]


def spelled(word: str) -> str:
    """A word in quotation marks, white space by signs."""
    return f"“{''.join(map(shown_symbol, word))}”"


def sentence(frame: UnrolledFrame) -> str:
    """What the step does, in numbers."""
    tellers = {
        "start": _start,
        "predict": _predict,
        "see": _see,
        "update": _update,
        "back": _back,
    }
    return tellers[frame.move.kind](frame)


def _start(frame: UnrolledFrame) -> str:
    run = frame.run
    return (
        f"One cell, drawn once for each symbol of {spelled(run.word)}, always with the same W_hh, W_xh and W_hy. "
        f"Together with the first state h1 these are {run.cell.num_parameters} numbers, for a word of any length."
    )


def _predict(frame: UnrolledFrame) -> str:
    run, t = frame.run, frame.move.t
    probs, true = run.probs[t], int(run.indices[t])
    if t == 0:
        known, given = "No symbol has been seen: h1 is learnt and the same for every word.", ""
    else:
        seen = run.word[:t]
        known = f"x{t + 1} has not been seen: of {spelled(seen)} only the summary h{t + 1} is left."
        given = f" | {spelled(seen)}"
    told = f"{known} From it comes p(x{t + 1} = {shown_symbol(run.word[t])}{given}) = {p_words(probs[true])}"
    best = int(probs.argmax())
    if probs[true] == probs[best]:
        return f"{told}: no symbol is likelier."
    return (
        f"{told}; {shown_symbol(run.cell.symbols[best])} is likeliest, with {p_words(probs[best])}."
    )


def _see(frame: UnrolledFrame) -> str:
    run, t = frame.run, frame.move.t
    loss, prefix = float(run.losses[t]), run.word[: t + 1]
    p = p_words(run.probs[t, run.indices[t]])
    told = f"x{t + 1} is {shown_symbol(run.word[t])}, which had p = {p}: it costs -ln p = {nats_words(loss)}."
    if t == 0:
        return told
    total = frame.so_far
    sums = f"So far {nats_words(total)} = -ln p({spelled(prefix)})"
    if t + 1 < len(run):
        return f"{told} {sums}."
    return (
        f"{told} The word is complete: the {len(run)} losses sum to {nats_words(total)} = -ln p({spelled(run.word)}), "
        f"so p({spelled(run.word)}) = {math.exp(-total):.3g}."
    )


def _update(frame: UnrolledFrame) -> str:
    run, t = frame.run, frame.move.t
    symbol = shown_symbol(run.word[t])
    units = len(run.cell.h_1)
    return (
        f"h{t + 2} = tanh(W_hh h{t + 1} + W_xh x{t + 1}): what was known, and the column of W_xh for {symbol}. "
        f"h{t + 2} sums up {spelled(run.word[: t + 1])} in {units} number{'s' if units > 1 else ''}; "
        f"h{t + 1} has done its work."
    )


def _back(frame: UnrolledFrame) -> str:
    run, t = frame.run, frame.move.t
    size = f"{run.norms[t]:.3g}"
    if t == len(run) - 1:
        return (
            f"Now back: by how much does the last loss, -ln p(x{t + 1}), change with h{t + 1}? "
            f"The derivative ∂h{t + 1} = W_hyᵀ (p - x{t + 1}) has size {size}."
        )
    before = float(run.norms[t + 1])
    told = (
        f"One step back, from h{t + 2} to h{t + 1}: each number of ∂h{t + 2} is multiplied by 1 - h{t + 2}², the slope "
        f"of tanh, then comes W_hhᵀ. The size goes from {before:.3g} to {size}"
    )
    told += f", a factor of {run.norms[t] / before:.2g}." if before > 0 else "."
    if t > 0:
        return told
    if len(run) == 2 or run.norms[-1] == 0:
        return told
    whole = f"{run.norms[0] / run.norms[-1]:.2g}"
    return f"{told} After {len(run) - 1} steps back it is {whole} times what it was at h{len(run)}."


REMARKS = {
    "start": "An arrow up predicts, an arrow to the right carries the state on. Pale is what has not happened yet.",
    "predict": "The bars are p of each symbol; the darker one, over a bold letter, is the symbol that comes.",
    "see": "Every symbol costs minus the logarithm of the probability that it was given before it was seen.",
    "update": "Both matrices are the same at every step. The larger a number the stronger its ground; hatched is "
    "negative.",
    "back": "∂h is the derivative of the last loss with respect to h, its size the Euclidean norm: the larger, the "
    "wider the arrow. Every loss of the word is walked back like this, and the derivatives add up.",
}


def remark(frame: UnrolledFrame) -> str:
    """What holds at every step of this kind."""
    return REMARKS[frame.move.kind]


def readout(frame: UnrolledFrame) -> str:
    """A few words for beside the slider."""
    move = frame.move
    names = {
        "start": "start",
        "predict": f"predict x{move.t + 1}",
        "see": f"see x{move.t + 1}",
        "update": f"make h{move.t + 2}",
        "back": f"back to h{move.t + 1}",
    }
    return names[move.kind]
