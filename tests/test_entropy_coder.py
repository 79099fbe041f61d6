"""The entropy coder by itself: symbols given as slots go in, the same come out, in as many bits as they deserve."""

from __future__ import annotations

import math
import zlib
from bisect import bisect_right
from itertools import accumulate

import numpy as np
import pytest

from armodels_lite.entropy_coder import FIRST_STATE, TOTAL, EntropyDecoder, encode

Alphabet = list[int]  # the count of each symbol; they sum to 2^24


def alphabet(rng: np.random.Generator, size: int, spread: float = 3.0) -> Alphabet:
    """Counts of very different sizes."""
    weights = np.exp(spread * rng.standard_normal(size))
    counts = 1 + np.floor(weights / weights.sum() * (TOTAL - size)).astype(int)
    counts[counts.argmax()] += TOTAL - counts.sum()
    return counts.tolist()


def coded(
    alphabets: list[Alphabet], symbols: list[int], first: int = FIRST_STATE
) -> tuple[int, bytes]:
    """Code symbol i with alphabet i."""
    starts = [sum(counts[:k]) for counts, k in zip(alphabets, symbols, strict=True)]
    return encode(starts, [counts[k] for counts, k in zip(alphabets, symbols, strict=True)], first)


def checksum(symbols: list[int]) -> int:
    return zlib.crc32(bytes(symbols))


def read(decoder: EntropyDecoder, alphabets: list[Alphabet]) -> list[int]:
    symbols = []
    for counts in alphabets:
        ends = list(accumulate(counts))
        symbols.append(bisect_right(ends, decoder.slot()))
        decoder.take(ends[symbols[-1]] - counts[symbols[-1]], counts[symbols[-1]])
    return symbols


def ideal_bits(alphabets: list[Alphabet], symbols: list[int]) -> float:
    return sum(24 - math.log2(counts[k]) for counts, k in zip(alphabets, symbols, strict=True))


def used_bits(state: int, words: bytes) -> float:
    """What is stored beyond the state in which `encode` begins."""
    return 8 * len(words) + math.log2(state) - math.log2(FIRST_STATE)


@pytest.mark.parametrize("seed", range(5))
def test_symbols_of_changing_alphabets_come_back_first_one_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    alphabets = [alphabet(rng, size) for size in rng.integers(2, 40, 300)]
    symbols = [int(rng.integers(len(counts))) for counts in alphabets]  # rare ones too
    state, words = coded(alphabets, symbols)
    assert FIRST_STATE <= state < 1 << 64 and len(words) % 4 == 0
    decoder = EntropyDecoder(state, words)
    assert read(decoder, alphabets) == symbols
    assert decoder.at_the_end()
    assert used_bits(state, words) == pytest.approx(ideal_bits(alphabets, symbols), rel=1e-3)


def test_a_long_stream_takes_the_entropy_of_its_counts() -> None:
    rng = np.random.default_rng(0)
    counts = alphabet(rng, 16, spread=1.0)
    p = np.array(counts) / TOTAL
    symbols = rng.choice(16, 20_000, p=p).tolist()
    alphabets = [counts] * len(symbols)
    state, words = coded(alphabets, symbols)
    assert read(EntropyDecoder(state, words), alphabets) == symbols
    assert used_bits(state, words) == pytest.approx(ideal_bits(alphabets, symbols), rel=1e-5)
    assert used_bits(state, words) / 20_000 == pytest.approx(-(p * np.log2(p)).sum(), rel=0.01)


@pytest.mark.parametrize("counts", [[1, TOTAL - 1], [TOTAL - 1, 1]], ids=str)
@pytest.mark.parametrize("kind", ["likely", "rare", "both"])
def test_extreme_counts(counts: Alphabet, kind: str) -> None:
    likely = counts.index(TOTAL - 1)
    symbols = {"likely": [likely] * 500, "rare": [1 - likely] * 500, "both": [0, 1, 1, 0, 0] * 100}
    alphabets = [counts] * 500
    state, words = coded(alphabets, symbols[kind])
    decoder = EntropyDecoder(state, words)
    assert read(decoder, alphabets) == symbols[kind] and decoder.at_the_end()
    assert used_bits(state, words) == pytest.approx(ideal_bits(alphabets, symbols[kind]), abs=0.5)


def test_a_certain_symbol_costs_nothing() -> None:
    assert encode([0] * 1000, [TOTAL] * 1000) == (FIRST_STATE, b"")
    assert encode([], []) == (FIRST_STATE, b"")
    assert EntropyDecoder(FIRST_STATE, b"").at_the_end()


def test_every_place_in_every_slot_is_told_apart() -> None:
    """Different messages of one length have different codes: here all 3^6 of them."""
    counts = [5, TOTAL - 5 - (1 << 20), 1 << 20]
    codes = set()
    for number in range(3**6):
        symbols = [number // 3**i % 3 for i in range(6)]
        codes.add(coded([counts] * 6, symbols))
    assert len(codes) == 3**6


@pytest.mark.parametrize(
    "damage",
    ["missing word", "extra word", "other word", "other state", "too few read", "too many read"],
)
def test_the_end_shows_what_is_wrong(damage: str) -> None:
    rng = np.random.default_rng(1)
    alphabets = [alphabet(rng, 8) for _ in range(100)]
    state, words = coded(alphabets, [int(k) for k in rng.integers(0, 8, 100)])
    state, words, read_from = {
        "missing word": (state, words[:-4], alphabets),
        "extra word": (state, words + bytes(4), alphabets),
        "other word": (state, words[:40] + bytes([words[40] ^ 1]) + words[41:], alphabets),
        "other state": (state ^ 1 << 50, words, alphabets),
        "too few read": (state, words, alphabets[:-1]),
        "too many read": (state, words, [*alphabets, alphabets[0]]),
    }[damage]
    decoder = EntropyDecoder(state, words)
    read(decoder, read_from)
    assert not decoder.at_the_end()


@pytest.mark.parametrize("counts", [[TOTAL // 2] * 2, [TOTAL // 16] * 16, [5, TOTAL - 5]], ids=str)
def test_one_slot_more_or_less_for_one_symbol_shows(counts: Alphabet) -> None:
    """The smallest disagreement of two machines. If all are equally likely, the end alone may not show it: there the
    checksum in which the coder began does.
    """
    rng = np.random.default_rng(2)
    other = [counts[0] + 1, counts[1] - 1, *counts[2:]]
    missed = 0
    for place in range(0, 50, 3):
        symbols = rng.integers(0, len(counts), 50).tolist()
        symbols[place] = 1
        state, words = coded([counts] * 50, symbols, FIRST_STATE + checksum(symbols))
        decoder = EntropyDecoder(state, words)
        found = read(decoder, [counts] * place + [other] + [counts] * (49 - place))
        assert not decoder.at_the_end(FIRST_STATE + checksum(found))
        decoder = EntropyDecoder(*coded([counts] * 50, symbols))
        read(decoder, [counts] * place + [other] + [counts] * (49 - place))
        missed += decoder.at_the_end()
    assert (missed > 0) == (counts[0] == counts[1])


def test_what_the_coder_began_with_comes_out_last_and_is_nearly_free() -> None:
    rng = np.random.default_rng(3)
    alphabets = [alphabet(rng, 8) for _ in range(100)]
    symbols = [int(k) for k in rng.integers(0, 8, 100)]
    plain = used_bits(*coded(alphabets, symbols))
    for first in (FIRST_STATE, FIRST_STATE + 12345, 2 * FIRST_STATE - 1):
        state, words = coded(alphabets, symbols, first)
        decoder = EntropyDecoder(state, words)
        assert read(decoder, alphabets) == symbols and decoder.at_the_end(first)
        assert used_bits(state, words) - plain == pytest.approx(
            math.log2(first / FIRST_STATE), abs=0.1
        )


def test_starts_and_counts_belong_together() -> None:
    with pytest.raises(ValueError):
        encode([0, 5], [5])
