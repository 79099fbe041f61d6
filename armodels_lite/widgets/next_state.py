"""One symbol drawn from one distribution: temperature, then a filter, then u. The numbers, without a widget."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..distributions import Categorical
from ..filters import top_k, top_p
from ..sampling import check_temperature
from .text_state import Alphabet
from .unrolled_numbers import shown_symbol

__all__ = [
    "COLDEST",
    "FILTERS",
    "HOTTEST",
    "STAGES",
    "NextFrame",
    "NextSettings",
    "checked_logits",
    "entropy",
    "next_frame",
    "symbol_names",
]

COLDEST, HOTTEST = 0.2, 2.0  # the temperatures that can be chosen
FILTERS = ("none", "top-k", "top-p")
STAGES = ("the model", "temperature", "filter", "renormalised", "draw")


@dataclass(frozen=True)
class NextSettings:
    """How the symbol is drawn.

    Args:
        temperature: from 0.2 to 2; every p becomes p^(1/temperature), renormalised.
        filter: "none", "top-k" or "top-p", applied after the temperature.
        k: symbols that top-k keeps, an int of at least 1; it may exceed their number.
        p: the probability that top-p reaches, 0 < p <= 1.

    Raises:
        ValueError: for anything else.
    """

    temperature: float = 1.0
    filter: str = "none"
    k: int = 5
    p: float = 0.9

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        if not COLDEST <= self.temperature <= HOTTEST:
            raise ValueError(
                f"temperature must lie between {COLDEST:g} and {HOTTEST:g}, got {self.temperature!r}"
            )
        if self.filter not in FILTERS:
            raise ValueError(f"filter must be one of {', '.join(FILTERS)}, got {self.filter!r}")
        # Both are checked, also the one that is not in use: the other filter may be chosen next.
        top_k(self.k)
        top_p(self.p)

    @property
    def keep(self) -> Callable[[Tensor], Tensor] | None:
        """The filter as `sample` takes it."""
        if self.filter == "none":
            return None
        return top_k(self.k) if self.filter == "top-k" else top_p(self.p)


@dataclass(frozen=True, eq=False)
class NextFrame:
    """What there is to see at one stage.

    Attributes:
        step: 0 the model, 1 after temperature, 2 what the filter cuts, 3 renormalised, 4 the draw; see `STAGES`.
        names: of the K levels.
        after: what the symbol follows, "" if that is not told.
        settings: temperature and filter.
        own, tempered, final: float64 (K,), probabilities of the model, after temperature, and after the filter too.
        kept: bool (K,), the levels that the filter leaves possible.
        possible: how many levels the model itself leaves possible.
        order: int64 (K,), the levels from most to least likely; of equal ones the lower level first.
        u: the uniform noise in (0, 1).
        level: the symbol that u gives, the smallest level whose distribution function exceeds u.
    """

    step: int
    names: tuple[str, ...]
    after: str
    settings: NextSettings
    own: np.ndarray
    tempered: np.ndarray
    final: np.ndarray
    kept: np.ndarray
    possible: int
    order: np.ndarray
    u: float
    level: int

    @property
    def current(self) -> np.ndarray:
        """The probabilities (K,) at this stage; before the filter's cut is divided out they still sum to 1."""
        return (self.own, self.tempered, self.tempered, self.final, self.final)[self.step]

    @property
    def before(self) -> np.ndarray | None:
        """The probabilities (K,) to compare with; None where there are none."""
        return (None, self.own, None, self.tempered, self.own)[self.step]

    @property
    def cut_mass(self) -> float:
        """The probability, after temperature, of what the filter cuts off."""
        return float(self.tempered[~self.kept].sum())

    @property
    def share(self) -> tuple[float, float]:
        """The part of (0, 1) that belongs to the drawn symbol: the distribution function before and at it."""
        return float(self.final[: self.level].sum()), float(self.final[: self.level + 1].sum())


def next_frame(
    logits: Tensor,
    names: tuple[str, ...],
    settings: NextSettings,
    u: Tensor,
    step: int,
    after: str = "",
) -> NextFrame:
    """Every stage of one draw, by the functions that `sample` uses.

    Args:
        logits: float64 (K,), normalised or not; -inf excludes a level.
        names: one for each level.
        settings: temperature and filter.
        u: uniform noise (), in (0, 1).
        step: which stage the frame shows, 0 to 4.
        after: what the symbol follows.
    """
    own = Categorical(logits)
    # As in `sample`: temperature first, then the filter.
    tempered = own if settings.temperature == 1 else own.tempered(settings.temperature)
    final = tempered if settings.keep is None else tempered.filtered(settings.keep)
    ordered = tempered.level_log_probs().argsort(descending=True, stable=True)
    return NextFrame(
        step,
        names,
        after,
        settings,
        own=own.probs.numpy(),
        tempered=tempered.probs.numpy(),
        final=final.probs.numpy(),
        kept=final.level_log_probs().isfinite().numpy(),
        possible=int(own.level_log_probs().isfinite().sum()),
        order=ordered.numpy(),
        u=float(u),
        level=int(final.draw(u)),
    )


def entropy(probs: np.ndarray) -> float:
    """-sum p ln p of probabilities (K,), in nats; 0 ln 0 counts as 0.

    >>> round(entropy(np.array([0.5, 0.5, 0.0])), 4)  # ln 2
    0.6931
    """
    probs = probs[probs > 0]
    return max(0.0, -float(probs @ np.log(probs)))  # of one certain level it is 0, not -0


def symbol_names(symbols: Any, count: int) -> tuple[str, ...]:
    """What the levels are called: the words of a list, the characters of a string or of a vocabulary.

    White space and the end symbol of a vocabulary get names; white space inside a word gets a sign.

    Raises:
        TypeError: the symbols are neither.
        ValueError: one stands there twice or is empty, or there are not `count` of them.

    >>> symbol_names("ab ", 3), symbol_names([" the", "a", "\\n"], 3)
    (('a', 'b', 'space'), ('␣the', 'a', 'newline'))
    """
    if isinstance(symbols, list | tuple):
        names = tuple(_word_name(word) for word in symbols)
        twice = sorted(word for word, count in Counter(symbols).items() if count > 1)
        if twice:
            raise ValueError(f"every symbol must stand there once, got more of {twice}")
    else:
        alphabet = Alphabet(symbols)
        names = tuple(alphabet.name(level) for level in range(len(alphabet)))
    if len(names) != count:
        raise ValueError(f"there are {count} logits, but {len(names)} symbols")
    return names


def _word_name(word: Any) -> str:
    if not isinstance(word, str):
        raise TypeError(f"symbols must be strings, got {type(word).__name__}: {word!r}")
    if not word:
        raise ValueError("every symbol needs at least one character, got ''")
    return Alphabet(word).name(0) if len(word) == 1 else "".join(map(shown_symbol, word))


def checked_logits(logits: Tensor) -> Tensor:
    """The logits (K,) as float64 on the CPU.

    Raises:
        TypeError: they are no tensor of floats.
        ValueError: another shape, fewer than two, one that is NaN or +inf, or no finite one.
    """
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        kind = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(f"logits must be a tensor of floats, got {kind}")
    if logits.ndim != 1 or len(logits) < 2:
        raise ValueError(
            f"logits must have shape (K,) with K of at least 2, got {tuple(logits.shape)}"
        )
    logits = logits.detach().cpu().to(torch.float64)
    if logits.isnan().any() or logits.max() == math.inf:
        raise ValueError("logits must be finite, or -inf to exclude a symbol; got NaN or +inf")
    if not logits.isfinite().any():
        raise ValueError("at least one logit must be finite, got -inf for every symbol")
    return logits
