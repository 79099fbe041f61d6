"""Text to numbers and back, and prompts for models."""

from __future__ import annotations

import json
import pickle

import pytest
import torch

import armodels_lite as ar
from armodels_lite import Vocabulary


def test_of_numbers_the_symbols_in_the_order_of_their_code_points():
    text = "To be, or not to be:\nthat is the question."
    vocabulary = Vocabulary.of(text)
    assert vocabulary.symbols == "".join(sorted(set(text))) and vocabulary.end is None
    numbers = vocabulary.encode(text)
    assert numbers.dtype == torch.int64 and numbers.shape == (len(text),)
    assert [ord(c) for c in text] == [ord(vocabulary.symbols[i]) for i in numbers.tolist()]
    assert vocabulary.decode(numbers) == text and numbers.max() == len(vocabulary) - 1


def test_the_empty_text_is_a_text():
    vocabulary = Vocabulary("ab.", end=".")
    assert vocabulary.encode("").shape == (0,) and vocabulary.encode("").dtype == torch.int64
    assert vocabulary.encode_all([""], 3).tolist() == [[2, 2, 2]]
    assert vocabulary.encode_all([], 3).shape == (0, 3)
    assert vocabulary.decode(torch.tensor([2, 0, 1])) == ""


def test_rows_of_one_length_come_back_as_the_texts_they_were():
    vocabulary = Vocabulary(".abcdefghijklmnopqrstuvwxyz", end=".")
    texts = ["anna", "bo", "maximilian", ""]
    rows = vocabulary.encode_all(texts, 11)
    assert rows.shape == (4, 11) and rows.dtype == torch.int64
    assert (rows == vocabulary.end).sum(1).tolist() == [11 - len(text) for text in texts]
    assert vocabulary.decode(rows) == texts


def test_what_follows_the_first_end_is_not_read_and_a_text_may_lack_an_end():
    vocabulary = Vocabulary("ab.", end=".")
    assert vocabulary.decode(torch.tensor([[0, 2, 1], [1, 1, 0]])) == ["a", "bba"]
    assert Vocabulary("ab.").decode(torch.tensor([0, 2, 1])) == "a.b"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Vocabulary(""), ValueError, "at least one symbol"),
        (lambda: Vocabulary("abcb"), ValueError, "'b' is there more than once"),
        (lambda: Vocabulary("abc", end="."), ValueError, r"one of the symbols 'abc', got '\.'"),
        (lambda: Vocabulary("abc", end=""), ValueError, "got ''"),
        (lambda: Vocabulary(["a", "b"]), TypeError, "symbols must be a str, got list"),
        (lambda: Vocabulary("ab", end=1), TypeError, "end must be a str, got int"),
        (lambda: Vocabulary("ab").encode("abba cab"), ValueError, "' ' at place 4"),
        (lambda: Vocabulary("ab").encode(5), TypeError, "text must be a str, got int: 5"),
        (lambda: Vocabulary("ab").encode_all(["a"], 3), ValueError, "need an END symbol"),
        (lambda: ENDED.encode_all(["ab", "baba"], 4), ValueError, "'baba' has 4 .* at most 3"),
        (lambda: ENDED.encode_all(["ab", "ac"], 4), ValueError, "'c' at place 1"),
        (lambda: ENDED.encode_all(["a.b"], 4), ValueError, r"'a\.b' holds '\.', the END"),
        (lambda: ENDED.prompt("ab.", 1, 5), ValueError, "the END symbol, which may only follow"),
        (lambda: ENDED.prompt("abab", 1, 3), ValueError, "'abab' has 4 symbols, more than .* 3"),
        (lambda: ENDED.encode_all("ab", 5), TypeError, "a list of str, got one str: 'ab'"),
        (lambda: ENDED.decode(torch.zeros(3)), TypeError, r"integers, got torch\.float32"),
        (lambda: ENDED.decode(torch.ones(3) > 0), TypeError, r"integers, got torch\.bool"),
        (lambda: ENDED.decode([0, 1]), TypeError, "integers, got list"),
        (lambda: ENDED.decode(torch.zeros(1, 1, 2).long()), ValueError, r"got \(1, 1, 2\)"),
        (lambda: ENDED.decode(torch.tensor([0, 3])), ValueError, "0 to 2, got 0 to 3"),
        (lambda: ENDED.decode(torch.tensor([-1, 1])), ValueError, "0 to 2, got -1 to 1"),
    ],
)
def test_mistakes_say_what_was_given(call, error, message):
    with pytest.raises(error, match=message):
        call()


ENDED = Vocabulary("ab.", end=".")


def test_a_model_goes_on_from_a_prompt():
    vocabulary = Vocabulary(".abn", end=".")
    model = ar.NADE((6,), hidden=4, conditional=ar.Categorical(len(vocabulary)))
    observed, mask = vocabulary.prompt("ban", n=50, length=6)
    assert observed.shape == mask.shape == (50, 6) and mask.sum(1).eq(3).all()
    x = model.sample(50, observed=observed, mask=mask)
    assert torch.equal(x[:, :3], vocabulary.encode("ban").expand(50, 3))
    assert len(x[:, 3:].unique(dim=0)) > 10
    assert all(text.startswith("ban") for text in vocabulary.decode(x))


def test_an_empty_prompt_leaves_everything_to_the_model():
    observed, mask = ENDED.prompt("", n=2, length=3)
    assert observed.shape == (2, 3) and not mask.any()


def test_a_vocabulary_is_a_value():
    back = Vocabulary(**json.loads(json.dumps(ENDED.to_json())))
    assert back == ENDED and hash(back) == hash(ENDED) and pickle.loads(pickle.dumps(back)) == back
    assert ENDED != Vocabulary("ab.") and ENDED != Vocabulary("ba.", end=".") and ENDED != "ab."
    assert repr(ENDED) == "Vocabulary(3 symbols, end='.')"
    assert repr(Vocabulary("ab")) == "Vocabulary(2 symbols)" and len(ENDED) == 3
