"""An entropy coder: whole numbers in, nearly as few bits out as their probabilities allow.

Source: J. Duda, "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of
arithmetic coding", 2013; the variant with ranges (rANS). A symbol owns `count` of 2^24 slots, from `start` on; its
probability is count / 2^24. All symbols so far are one large number x, the state. To add one means to make x larger by
the factor 1 / probability, log2 of which is the number of bits that the symbol deserves. Low bits move out to a list of
words of 32 bits whenever x would exceed 64 bits.

The coder is a stack: what went in last comes out first. So `encode` begins with the last symbol.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["FIRST_STATE", "PRECISION", "TOTAL", "EntropyDecoder", "encode"]

PRECISION = 24
TOTAL = 1 << PRECISION  # slots that the symbols of one alphabet share
FIRST_STATE = 1 << 32  # the state stays from here to below 2^64
WORD = (1 << 32) - 1


def encode(
    starts: Sequence[int], counts: Sequence[int], first: int = FIRST_STATE
) -> tuple[int, bytes]:
    """Code symbols, given as their slots, in the order in which they are to come out.

    Args:
        starts, counts: for each symbol its first slot and its number of slots, at least 1; start + count <= 2^24.
        first: the state to begin in, from 2^32 to below 2^64, in which decoding ends. Below 2^33 it costs at most a
            bit: a free place for 32 bits that say whether the symbols came out right.

    Returns:
        The last state, at least 2^32 and below 2^64, and the words that moved out, 4 bytes each.

    >>> state, words = encode([0, 3 << 22], [3 << 22, 1 << 22])      # probabilities 3/4 and 1/4
    >>> state.bit_length() - FIRST_STATE.bit_length(), words         # -log2(3/4 * 1/4) = 2.4 bits
    (2, b'')
    """
    x, words = first, []
    for start, count in zip(reversed(starts), reversed(counts), strict=True):
        if x >= count << 40:  # below, x grows by 2^24 / count: it must end below 2^64
            words.append(x & WORD)
            x >>= 32
        block, place = divmod(x, count)
        x = (block << PRECISION) + start + place
    return x, np.array(words[::-1], dtype="<u4").tobytes()


class EntropyDecoder:
    """Gives back the symbols of `encode`, first one first.

    `slot` says where in 0..2^24-1 the next symbol lies: the caller finds whose slot that is, and calls `take` with that
    symbol's start and count.

    >>> decoder = EntropyDecoder(*encode([0, 3 << 22], [3 << 22, 1 << 22]))
    >>> decoder.slot() < 3 << 22                                     # the first symbol's
    True
    >>> decoder.take(0, 3 << 22)
    >>> decoder.slot() < 3 << 22
    False
    >>> decoder.take(3 << 22, 1 << 22)
    >>> decoder.at_the_end()
    True
    """

    def __init__(self, state: int, words: bytes) -> None:
        self._state = state
        self._words = iter(np.frombuffer(words, dtype="<u4").tolist())

    def slot(self) -> int:
        """The slot in which the next symbol lies."""
        return self._state & (TOTAL - 1)

    def take(self, start: int, count: int) -> None:
        """Remove the symbol that owns these slots."""
        x = count * (self._state >> PRECISION) + self.slot() - start
        if x < FIRST_STATE:
            # Words that do not fit these counts run out too soon: the state then says so at the end.
            x = (x << 32) | next(self._words, 0)
        self._state = x

    def at_the_end(self, first: int = FIRST_STATE) -> bool:
        """Whether every symbol has come out: nothing is left but the state in which `encode` began.

        Wrong counts mostly lead elsewhere, but not always: where all symbols are equally likely, often to this state.
        """
        return self._state == first and next(self._words, None) is None
