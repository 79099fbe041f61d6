"""Text as numbers: a Vocabulary numbers the symbols, so that a sequence of characters is a tensor of int64."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Vocabulary"]


class Vocabulary:
    """The symbols of a language of characters, each with its number: its place in `symbols`.

    Args:
        symbols: every symbol once, for instance "abc ".
        end: one of the symbols that ends a text (the END symbol); texts of different lengths then fit into
            rows of one length, filled up with it.

    Attributes:
        symbols: as given, str.
        end: the number of the END symbol, or None.

    Raises:
        ValueError: no symbol, one symbol twice, or an `end` that is none of them.
        TypeError: something that is no str.

    >>> vocabulary = Vocabulary(".abn", end=".")
    >>> vocabulary.encode("banana")
    tensor([2, 1, 3, 1, 3, 1])
    >>> vocabulary.encode_all(["ban", "nab"], length=5)
    tensor([[2, 1, 3, 0, 0],
            [3, 1, 2, 0, 0]])
    >>> vocabulary.decode(torch.tensor([[3, 1, 2, 0, 2], [1, 3, 3, 1, 0]]))
    ['nab', 'anna']
    """

    def __init__(self, symbols: str, end: str | None = None) -> None:
        _check_text("symbols", symbols)
        if not symbols:
            raise ValueError("a vocabulary needs at least one symbol, got ''")
        self.symbols = symbols
        self._numbers = {symbol: number for number, symbol in enumerate(symbols)}
        if len(self._numbers) < len(symbols):
            twice = next(symbol for symbol in symbols if symbols.count(symbol) > 1)
            raise ValueError(f"symbols must be different, and {twice!r} is there more than once")
        if end is not None:
            _check_text("end", end)
            if end not in self._numbers:
                raise ValueError(f"end must be one of the symbols {symbols!r}, got {end!r}")
        self.end = None if end is None else self._numbers[end]

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The symbols that occur in a text, in the order of their code points.

        >>> Vocabulary.of("to be or not").symbols
        ' benort'
        """
        _check_text("text", text)
        return cls("".join(sorted(set(text))))

    # -- text to numbers ---------------------------------------------------------------------------------------------

    def encode(self, text: str) -> Tensor:
        """The numbers of a text's symbols, (L,) int64; no END is added.

        Raises ValueError, naming the symbol and its place, for one that is not in the vocabulary.
        """
        return torch.tensor(self._list(text), dtype=torch.int64)

    def encode_all(self, texts: list[str], length: int) -> Tensor:
        """Texts of at most `length - 1` symbols as rows of one length, (N, length) int64, filled up with END.

        Raises:
            ValueError: there is no END symbol; a text is too long (it is named), has an unknown symbol, or holds
                END itself.
            TypeError: texts is one str, not a list of them.
        """
        if isinstance(texts, str):
            raise TypeError(f"texts must be a list of str, got one str: {texts!r}")
        if self.end is None:
            raise ValueError(
                "texts of different lengths need an END symbol: Vocabulary(symbols, end=...)"
            )
        rows = []
        for text in texts:
            numbers = self._unended(text)
            if len(numbers) >= length:
                raise ValueError(
                    f"{text!r} has {len(text)} symbols; with the END symbol at most {length - 1} fit into "
                    f"{length}"
                )
            rows.append(numbers + [self.end] * (length - len(numbers)))
        return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), length)

    def prompt(self, text: str, n: int, length: int) -> tuple[Tensor, Tensor]:
        """What `model.sample(n, observed=, mask=)` needs to go on from a text.

        Args:
            text: the first symbols, at most `length`; "" leaves everything to the model.
            n: number of samples, all with the same beginning.
            length: the model's number of variables.

        Returns:
            observed, (n, length) int64: the text's numbers, then 0; mask, (n, length) bool: True where the text is.

        Raises:
            ValueError: the text is too long, has an unknown symbol, or holds END.

        >>> observed, mask = Vocabulary(".abn", end=".").prompt("ba", n=1, length=4)
        >>> observed, mask
        (tensor([[2, 1, 0, 0]]), tensor([[ True,  True, False, False]]))
        """
        numbers = self._unended(text)
        if len(numbers) > length:
            raise ValueError(
                f"the prompt {text!r} has {len(text)} symbols, more than the length {length}"
            )
        observed = torch.zeros(n, length, dtype=torch.int64)
        observed[:, : len(numbers)] = torch.tensor(numbers, dtype=torch.int64)
        mask = (torch.arange(length) < len(numbers)).repeat(n, 1)
        return observed, mask

    def _list(self, text: str) -> list[int]:
        _check_text("text", text)
        try:
            return [self._numbers[symbol] for symbol in text]
        except KeyError as error:
            unknown = error.args[0]
            raise ValueError(
                f"the symbol {unknown!r} at place {text.index(unknown)} of the text is not among "
                f"the {len(self)} of the vocabulary: {self.symbols!r}"
            ) from None

    def _unended(self, text: str) -> list[int]:
        """The numbers of a text without END in it."""
        numbers = self._list(text)
        if self.end in numbers:
            raise ValueError(
                f"{text!r} holds {self.symbols[self.end]!r}, the END symbol, which may only follow a text"
            )
        return numbers

    # -- numbers to text ---------------------------------------------------------------------------------------------

    def decode(self, x: Tensor) -> str | list[str]:
        """The text of the numbers (L,), or the texts of (N, L), each up to its first END, which is left out.

        Raises:
            TypeError: x is no tensor of integers.
            ValueError: another number of axes, or a number that no symbol has.
        """
        if not isinstance(x, Tensor) or x.is_floating_point() or x.dtype == torch.bool:
            kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise TypeError(f"decode takes a tensor of integers, got {kind}")
        if x.ndim not in (1, 2):
            raise ValueError(f"decode takes (L,) or (N, L), got {tuple(x.shape)}")
        if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < len(self):
            raise ValueError(
                f"numbers must be 0 to {len(self) - 1}, got {int(x.min())} to {int(x.max())}"
            )
        return self._text(x.tolist()) if x.ndim == 1 else [self._text(row) for row in x.tolist()]

    def _text(self, numbers: list[int]) -> str:
        if self.end in numbers:
            numbers = numbers[: numbers.index(self.end)]
        return "".join(self.symbols[number] for number in numbers)

    # -- a vocabulary as a value -------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, str | None]:
        """The constructor's arguments: `Vocabulary(**json.loads(json.dumps(v.to_json())))` equals v."""
        return {
            "symbols": self.symbols,
            "end": None if self.end is None else self.symbols[self.end],
        }

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.symbols, self.end))

    def __repr__(self) -> str:
        ending = "" if self.end is None else f", end={self.symbols[self.end]!r}"
        return f"Vocabulary({len(self)} symbols{ending})"


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, got {type(value).__name__}: {value!r}")
