"""A text being written symbol by symbol: the state behind the text sampler. No widget, no figure, no browser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..chain import AutoregressiveModel
from ..sampling import check_temperature, sampling_mode
from .one_event import context_of_one, seeded_noise

__all__ = ["COLDEST", "HOTTEST", "Alphabet", "Choice", "TextFrame", "TextState"]

COLDEST, HOTTEST = 0.1, 2.0  # the temperatures that can be chosen
NAMES = {" ": "space", "\n": "newline", "\t": "tab"}
GLYPHS = {" ": "", "\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}"}


class Alphabet:
    """The symbols of a text model: level k is symbol k.

    Args:
        symbols: a string of K different characters, or an object with such a string as `symbols` and with `end`, the
            level that ends a text, or None.
        end: the level that ends a text, unless the object names one.

    Raises:
        TypeError: neither is given.
        ValueError: a character stands there twice, or `end` is no level.

    >>> alphabet = Alphabet("\\n ab")
    >>> alphabet.encode("a b"), [alphabet.name(level) for level in range(4)]
    ((2, 1, 3), ['newline', 'space', 'a', 'b'])
    """

    def __init__(self, symbols: Any, end: int | None = None) -> None:
        if not isinstance(symbols, str):
            named = getattr(symbols, "end", None)
            symbols, end = getattr(symbols, "symbols", symbols), end if named is None else named
        if not isinstance(symbols, str):
            raise TypeError(
                f"symbols must be a string, or have one as .symbols, got {type(symbols).__name__}"
            )
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        if twice:
            raise ValueError(f"every symbol must stand there once, got more of {twice}")
        if end is not None and (type(end) is not int or not 0 <= end < len(symbols)):
            raise ValueError(f"end must be None or a level 0 to {len(symbols) - 1}, got {end!r}")
        self.symbols, self.end = symbols, end

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> tuple[int, ...]:
        """The levels of a text.

        Raises:
            TypeError: the text is no string.
            ValueError: a character is not among the symbols, or is the one that ends a text.
        """
        if not isinstance(text, str):
            raise TypeError(f"a text must be a string, got {type(text).__name__}")
        unknown = [symbol for symbol in dict.fromkeys(text) if symbol not in self.symbols]
        if unknown:
            told = ", ".join(_written(symbol) for symbol in unknown)
            named = [_written(symbol) for symbol in self.symbols]
            words = [name for name in named if len(name) > 1]
            known = ", ".join([*words, "".join(name for name in named if len(name) == 1)])
            raise ValueError(f"the model has no symbol {told}; its symbols are {known}")
        levels = tuple(map(self.symbols.index, text))
        if self.end in levels:
            raise ValueError(f"{_written(self.symbols[self.end])} ends a text: nothing follows it")
        return levels

    def name(self, level: int) -> str:
        """What the symbol is called: the character itself, or a word for what is not seen."""
        return "end" if level == self.end else _written(self.symbols[level])

    def glyph(self, level: int) -> str:
        """What stands for the symbol inside a text: nothing for a space, a mark for what is not seen."""
        if level == self.end:
            return "\N{BLACK SQUARE}"
        symbol = self.symbols[level]
        return GLYPHS.get(symbol, symbol if symbol.isprintable() else "\N{WHITE SQUARE}")


def _written(symbol: str) -> str:
    return NAMES.get(symbol, symbol if symbol.isprintable() else f"U+{ord(symbol):04X}")


@dataclass(frozen=True, eq=False)
class Choice:
    """How one symbol is drawn.

    Attributes:
        t: its place in the text, from 0.
        level: the symbol that u gives.
        u: the uniform noise in (0, 1).
        probs: float64 (K,), what it is drawn from: after temperature.
        log_probs: float64 (K,), of the model itself (temperature 1), in nats.
    """

    t: int
    level: int
    u: float
    probs: np.ndarray
    log_probs: np.ndarray

    @property
    def surprise(self) -> float:
        """-ln p of the symbol under the model itself, in nats."""
        return -float(self.log_probs[self.level])

    @property
    def share(self) -> tuple[float, float]:
        """The part of (0, 1) that belongs to the symbol: the distribution function before and at it."""
        return float(self.probs[: self.level].sum()), float(self.probs[: self.level + 1].sum())

    def most_likely(self, count: int) -> list[int]:
        """The levels with the highest probability, the highest first; of equal ones the lower level."""
        return np.argsort(-self.probs, kind="stable")[:count].tolist()


@dataclass(frozen=True, eq=False)
class TextFrame:
    """What there is to see after `step` symbols are written.

    Attributes:
        alphabet: what the levels mean.
        length: how many symbols a text may have, the prompt among them.
        prompt: levels that were given.
        written: how each symbol after the prompt was drawn, `step` of them.
        current: how the next one is drawn; None when the text is complete.
        temperature, seed: with which all were drawn.
    """

    alphabet: Alphabet
    length: int
    prompt: tuple[int, ...]
    written: tuple[Choice, ...]
    current: Choice | None
    temperature: float
    seed: int

    @property
    def step(self) -> int:
        return len(self.written)

    @property
    def levels(self) -> list[int]:
        """All symbols so far, from the first of the prompt."""
        return [*self.prompt, *(choice.level for choice in self.written)]

    @property
    def ended(self) -> bool:
        """Whether the last symbol is the one that ends a text."""
        return bool(self.written) and self.written[-1].level == self.alphabet.end

    @property
    def nats(self) -> float:
        """-ln p of what is written, given the prompt, under the model itself."""
        return math.fsum(choice.surprise for choice in self.written)

    @property
    def perplexity(self) -> float:
        """exp(nats per written symbol); NaN when nothing is written."""
        return math.exp(self.nats / self.step) if self.written else math.nan


class TextState:
    """The walk of `model.sample` through one text after a prompt, forwards and backwards.

    Symbol t is draw_t(u_t), and the noise u_t depends on the seed alone. What was once drawn is kept, so going back and
    forth shows the same again; another temperature or prompt draws from the same noise. Text and completion agree:
    the last step holds `model.sample(1, generator=torch.Generator().manual_seed(seed), observed=..., mask=...)` with
    the prompt as observed beginning.

    Args:
        model: a model of (T,) int levels that draws its variables from left to right.
        symbols: see `Alphabet`; as many as the model has levels. The model's own `end`, if it has one, ends a text too.
        prompt: how the text begins.
        length: how many symbols the text may have, at most T; T unless given.
        temperature: from 0.1 to 2.
        seed: of the noise, an int from 0 to 2^64 - 1.
        context: a class as int, or a context tensor (1, ...) or (...). A model with classes starts with class 0.

    Raises:
        TypeError: the model is not autoregressive; symbols or prompt are no text.
        ValueError: the model draws no sequence of levels, or an argument does not fit it.

    >>> import armodels_lite as ar
    >>> state = TextState(ar.FVSBN((6,), conditional=ar.Categorical(2)), "ab", prompt="ab")
    >>> state.last, state.text(state.last)
    (4, 'abaaba')
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        symbols: Any,
        *,
        prompt: str = "",
        length: int | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        context: int | Tensor | None = None,
    ) -> None:
        self.model = _checked_model(model)
        self.alphabet = Alphabet(symbols, getattr(model, "end", None))
        if len(self.alphabet) != model.levels:
            raise ValueError(
                f"the model has {model.levels} levels, but there are {len(self.alphabet)} symbols"
            )
        most = model.num_variables
        length = most if length is None else length
        if type(length) is not int or not 1 <= length <= most:
            raise ValueError(f"length must be an int from 1 to {most}, got {length!r}")
        self.length = length
        self.prompt, self.temperature = self._checked_prompt(prompt), _checked(temperature)
        self.seed, self.noise = seed, seeded_noise(model, seed)
        self.context = context_of_one(
            model, 0 if context is None and model.num_classes else context
        )
        self.restart()

    @property
    def last(self) -> int:
        """The last step: how many symbols follow the prompt until the text is complete."""
        if self.alphabet.end is None:
            return self.length - len(self.prompt)
        return len(self._choices)  # all are drawn: only then is it known where the text ends

    def frame(self, step: int) -> TextFrame:
        """What there is to see at a step. ValueError for one that does not exist."""
        if not 0 <= step <= self.last:
            raise ValueError(f"steps are 0 to {self.last}, got {step}")
        self._draw_until(step + 1)
        current = self._choices[step] if step < self.last else None
        written = tuple(self._choices[:step])
        return TextFrame(
            self.alphabet, self.length, self.prompt, written, current, self.temperature, self.seed
        )

    def text(self, step: int) -> str:
        """The text at a step, the symbol that ends it left out. ValueError for a step that does not exist."""
        frame = self.frame(step)
        levels = frame.levels[:-1] if frame.ended else frame.levels
        return "".join(self.alphabet.symbols[level] for level in levels)

    # -- changing ------------------------------------------------------------------------------------------------

    def set_prompt(self, prompt: str) -> None:
        """Another beginning, with the same noise; TypeError or ValueError, and nothing changes, if it is none."""
        self.prompt = self._checked_prompt(prompt)
        self.restart()

    def set_temperature(self, temperature: float) -> None:
        """Another temperature, with the same noise. ValueError unless it lies between 0.1 and 2."""
        self.temperature = _checked(temperature)
        self.restart()

    def renew(self, seed: int) -> None:
        """Other noise. ValueError for a seed that is no int from 0 to 2^64 - 1."""
        self.noise = seeded_noise(self.model, seed)
        self.seed = seed
        self.restart()

    def restart(self) -> None:
        """Draw everything anew, from the model as it is now."""
        start = torch.zeros(1, self.model.num_variables, dtype=torch.int64)
        start[0, : len(self.prompt)] = torch.tensor(self.prompt, dtype=torch.int64)
        with sampling_mode(self.model):
            self._decoder = self.model.decoder(1, self.context)
            self._decoder.prefill(start.to(self.model.device), len(self.prompt))
        self._choices: list[Choice] = []
        if self.alphabet.end is not None:
            self._draw_until(self.length)

    # -- inside --------------------------------------------------------------------------------------------------

    def _draw_until(self, count: int) -> None:
        """Draw until `count` symbols follow the prompt, or the text is complete."""
        count = min(count, self.length - len(self.prompt))
        with sampling_mode(self.model):
            while len(self._choices) < count and not self._has_ended():
                self._choices.append(self._next_choice())

    def _has_ended(self) -> bool:
        end = self.alphabet.end
        return end is not None and bool(self._choices) and self._choices[-1].level == end

    def _next_choice(self) -> Choice:
        t = len(self.prompt) + len(self._choices)
        own = self._decoder.distribution()
        dist = own if self.temperature == 1 else own.tempered(self.temperature)
        log_probs, tempered = (d.level_log_probs()[0].double().cpu().numpy() for d in (own, dist))
        if np.isnan(log_probs).any():
            raise ValueError(f"step {t}: the model's parameters are NaN: it cannot write")
        u = self.noise[:, t]
        drawn = dist.draw(u)
        self._decoder.step(drawn)
        return Choice(t, int(drawn), float(u), np.exp(tempered), log_probs)

    def _checked_prompt(self, prompt: str) -> tuple[int, ...]:
        levels = self.alphabet.encode(prompt)
        if len(levels) >= self.length:
            raise ValueError(
                f"a prompt has at most {self.length - 1} characters here, got {len(levels)}"
            )
        return levels


def _checked(temperature: float) -> float:
    check_temperature(temperature)
    if not COLDEST <= temperature <= HOTTEST:
        raise ValueError(
            f"temperature must lie between {COLDEST:g} and {HOTTEST:g}, got {temperature!r}"
        )
    return temperature


def _checked_model(model: AutoregressiveModel) -> AutoregressiveModel:
    if not isinstance(model, AutoregressiveModel):
        raise TypeError(f"the model must be an AutoregressiveModel, got {type(model).__name__}")
    if len(model.event_shape) != 1:
        raise ValueError(f"the model's events must have shape (T,), got {model.event_shape}")
    if model.event_dtype != torch.int64:
        raise ValueError(
            "the model's variables must be int levels, as those of ar.Categorical(65) are, "
            f"got {model.conditional!r}"
        )
    if model.ordering.tolist() != list(range(model.num_variables)):
        raise ValueError(
            "a text is written from left to right: the model's ordering must be 'raster', "
            f"got {model.ordering.tolist()[:8]}"
        )
    return model
