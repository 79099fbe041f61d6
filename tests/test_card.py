"""A checkpoint that is read: damage is noticed, and its score is what the card says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import recipe_toys
import torch
from recipe_toys import assert_equal, card_of, rewrite_card

import armodels_lite as ar
from armodels_lite import checkpoints, saving
from armodels_lite.card import write_card
from armodels_lite.checkpoints import evaluate_checkpoint, train_recipe, write_first_score

places, straight, shipped = (
    recipe_toys.places,
    recipe_toys.straight,
    recipe_toys.shipped,
)  # fixtures

# ---- a checkpoint that is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_one_flipped_bit_is_noticed(shipped, name, place) -> None:
    content = bytearray((shipped / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (shipped / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is damaged.*SHA-256"):
        ar.load_pretrained("tiny")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(shipped, name) -> None:
    (shipped / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        ar.load_pretrained("tiny")


def test_the_card_of_other_files_is_noticed(shipped) -> None:
    ar.FVSBN((1, 8, 8)).save_pretrained(shipped)
    with pytest.raises(ValueError, match="is damaged, or of another checkpoint"):
        ar.load_pretrained("tiny")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda card: card.pop("sha256"), "sha256/config.json"),
        (lambda card: card["sha256"].pop("model.safetensors"), "sha256/model.safetensors"),
        (lambda card: card.update(data="digits"), "data/name"),
        (lambda card: card["scores"].update(test={"nats": "few"}), "scores/test/nats"),
        (lambda card: card["scores"]["test"].update(first=3), "scores/test/first/examples"),
        (lambda card: card["scores"]["valid"]["first"].pop("nats"), "scores/valid/first/nats"),
        (lambda card: card["scores"]["test"].update(first=None), "scores/test/first/examples"),
        (lambda card: card["scores"]["valid"].update(first=None), "scores/valid/first/examples"),
        (lambda card: card["scores"]["valid"].pop("examples"), "scores/valid/examples"),
        (lambda card: card["scores"].update(valid=3), "scores/valid/nats"),
    ],
)
def test_a_card_that_lacks_something_is_damaged(shipped, change, named) -> None:
    rewrite_card(shipped, change)
    for read in (ar.load_pretrained, evaluate_checkpoint):
        with pytest.raises(ValueError, match=f"card.json is damaged: its entry {named} is"):
            read("tiny")


@pytest.mark.parametrize("part", ["valid", "test"])
@pytest.mark.parametrize("examples", [0, -1, 301, True, 2.0])
def test_a_card_with_another_number_of_first_examples_is_damaged(shipped, part, examples) -> None:
    rewrite_card(shipped, lambda card: card["scores"][part]["first"].update(examples=examples))
    message = f"is damaged: its entry scores/{part}/first/examples is {examples}"
    message += "" if isinstance(examples, (bool, float)) else ", accepted are 1 to 300"
    for first in (True, False):
        with pytest.raises(ValueError, match=f"{message}$"):
            evaluate_checkpoint("tiny", part, first=first)


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "\udcff"])
def test_a_card_that_is_none(shipped, text) -> None:
    (shipped / "card.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"card\.json is damaged"):
        ar.load_pretrained("tiny")


def test_between_the_two_renames_it_still_loads(shipped, straight) -> None:
    shipped.rename(shipped.with_name(".tiny.new"))
    assert_equal(ar.load_pretrained("tiny"), ar.load_pretrained(straight))
    assert saving.shipped() == []
    train_recipe("tiny")
    assert saving.shipped() == ["tiny"] and len(list(shipped.parent.iterdir())) == 1


def test_a_folder_without_a_model_does_not_hide_a_shipped_one(shipped, places, monkeypatch) -> None:
    (places["run"] / "state").mkdir(parents=True)
    monkeypatch.chdir(places["run"].parent)
    assert Path("tiny").is_dir()
    assert saving.find_folder("tiny") == shipped
    ar.FVSBN((4,)).save_pretrained("tiny")
    assert saving.find_folder("tiny") == Path("tiny")


def test_an_unknown_name_lists_what_ships(shipped) -> None:
    with pytest.raises(FileNotFoundError, match=r"'tin', and no shipped .*\(shipped: tiny\)"):
        ar.load_pretrained("tin")


# ---- measured again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "n"), [("valid", 300), ("test", 300)])
def test_measured_again_it_is_what_the_card_says(shipped, part, n) -> None:
    comparison = evaluate_checkpoint("tiny", part)
    assert comparison.agrees and comparison.measured.n == n
    assert comparison.recorded == card_of(shipped)["scores"][part]["nats"]
    assert str(comparison).startswith(f"tiny on {part}, 300 examples: measured ")
    assert str(comparison).endswith(": the same")


@pytest.mark.parametrize("part", ["valid", "test"])
def test_the_first_examples_measured_again_are_what_the_card_says(shipped, part) -> None:
    """Of 64 variables each: all 300 fit in, so that both scores are the same."""
    score = card_of(shipped)["scores"][part]
    assert score["first"] == {"examples": 300, "nats": score["nats"]}
    comparison = evaluate_checkpoint("tiny", part, first=True)
    assert comparison.agrees and comparison.measured.n == 300
    assert str(comparison).startswith(f"tiny on {part}, the first 300 examples: measured ")
    rewrite_card(shipped, lambda card: card["scores"][part]["first"].update(nats=1.0))
    assert not evaluate_checkpoint("tiny", part, first=True).agrees
    assert evaluate_checkpoint("tiny", part).agrees


@pytest.mark.parametrize(
    ("examples", "variables", "n"), [(7, 2**18, 7), (500, 1000, 15), (9, 1, 1)]
)
def test_how_many_are_the_first(shipped, monkeypatch, examples, variables, n) -> None:
    """At most so many examples, and so many variables; but one at least."""
    monkeypatch.setattr(checkpoints, "FIRST_EXAMPLES", examples)
    monkeypatch.setattr(checkpoints, "FIRST_VARIABLES", variables)
    assert write_first_score("tiny").agrees
    score = card_of(shipped)["scores"]["test"]
    digits, model = ar.load("digits"), ar.load_pretrained("tiny")
    found = ar.evaluate(model, digits.test[:n]).nats
    assert score["first"] == {"examples": n, "nats": pytest.approx(found, abs=6e-5)}
    assert score["nats"] != score["first"]["nats"] and score["examples"] == 300
    comparison = evaluate_checkpoint("tiny", first=True)
    assert comparison.agrees and comparison.measured.n == n


def test_the_measured_length_counts_not_the_longest_that_the_model_takes(
    shipped, monkeypatch
) -> None:
    """A model of up to 512 variables, measured on images of 64: of 640 variables, ten examples."""
    model = ar.RNN((512,), hidden=3)
    flat = {"name": "digits", "options": {"flat": True}}
    nats = ar.evaluate(model, ar.load("digits", flat=True).test).nats
    card = card_of(shipped)
    card["scores"]["test"].update(nats=nats)
    model.save_pretrained(shipped)
    write_card(shipped, {**card, "data": flat})
    monkeypatch.setattr(checkpoints, "FIRST_VARIABLES", 640)
    assert write_first_score("tiny").agrees
    assert card_of(shipped)["scores"]["test"]["first"]["examples"] == 10


def test_a_card_without_the_first_examples_gets_them_and_is_else_as_it_was(shipped) -> None:
    before = (shipped / "card.json").read_bytes()
    for part in ("valid", "test"):
        lacking = json.loads(before)
        del lacking["scores"][part]["first"]
        (shipped / "card.json").write_text(json.dumps(lacking))
        assert evaluate_checkpoint("tiny", part).agrees
        command = f"what the first {part} examples score; `armodels evaluate tiny --part {part} --write-first`"
        with pytest.raises(ValueError, match=command):
            evaluate_checkpoint("tiny", part, first=True)
        assert write_first_score("tiny", part).agrees
        assert (shipped / "card.json").read_bytes() == before


def test_the_first_examples_are_not_written_into_a_card_that_is_off(shipped) -> None:
    def change(card: dict) -> None:
        del card["scores"]["test"]["first"]
        card["scores"]["test"]["nats"] += 0.01

    rewrite_card(shipped, change)
    before = (shipped / "card.json").read_bytes()
    assert not write_first_score(shipped).agrees
    assert (shipped / "card.json").read_bytes() == before


def test_a_score_that_is_off_does_not_agree(shipped) -> None:
    rewrite_card(shipped, lambda card: card["scores"]["test"].update(nats=20.0))
    comparison = evaluate_checkpoint(shipped)
    assert not comparison.agrees and "NOT the same within 0.001 nats" in str(comparison)


def test_what_rounding_explains_grows_with_large_scores() -> None:
    measured = ar.Evaluation(3000.02, 1.0, None, "", 10, torch.zeros(10))
    assert checkpoints.Comparison("x", "test", 3000.0, measured).agrees
    assert not checkpoints.Comparison("x", "test", 2999.9, measured).agrees


def test_what_cannot_be_measured(shipped, tmp_path) -> None:
    with pytest.raises(ValueError, match="part is 'train'; accepted: 'valid', 'test'"):
        evaluate_checkpoint("tiny", "train")
    ar.FVSBN((4,)).save_pretrained(tmp_path / "own")
    with pytest.raises(
        FileNotFoundError, match=r"card\.json is missing: .*own holds no checkpoint"
    ):
        evaluate_checkpoint(tmp_path / "own")
    rewrite_card(shipped, lambda card: card["data"]["options"].update(levels=17))
    with pytest.raises(ValueError, match="does not fit the data that its card names"):
        evaluate_checkpoint("tiny")
    rewrite_card(shipped, lambda card: card["data"].update(name="sunspots", options={}))
    with pytest.raises(ValueError, match="must have shape"):
        evaluate_checkpoint("tiny")
