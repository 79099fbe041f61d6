"""What a Transformer looks at: against the fused kernel, the model itself and numpy; words by hand, every control."""

from __future__ import annotations

import html
import math
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from random_weights import randomised
from test_widget_foundations import pictures, words
from test_widgets import find, press
from torch.nn import functional as F

import armodels_lite as ar
from armodels_lite.patches import pack_patches
from armodels_lite.widgets import AttentionViewer
from armodels_lite.widgets.attention_bars import shown_columns
from armodels_lite.widgets.attention_state import AttentionFrame, AttentionState, Choice
from armodels_lite.widgets.attention_view import flow, window
from armodels_lite.widgets.attention_words import column_words, variable_words

LETTERS, WORDS = "ab \n", ["the", "cat", "sat", "transformer"]
SMALL = {"width": 12, "layers": 2, "heads": 3}
SVG = "{http://www.w3.org/2000/svg}"
# Name: the model, the shape of x, symbols, further arguments.
KINDS = {
    "text": (dict(event_shape=(9,), conditional=ar.Categorical(4)), (9,), LETTERS, {}),
    "prefix": (dict(event_shape=(9,), conditional=ar.Categorical(4)), (5,), WORDS, {}),
    "backwards": (
        dict(event_shape=(7,), conditional=ar.Categorical(4), ordering="reverse"),
        (7,),
        LETTERS,
        {},
    ),
    "vectors": (dict(event_shape=(4, 2), conditional=ar.GaussianMixture(2)), (4, 2), None, {}),
    "local": (dict(event_shape=(8,), pattern="local", span=3), (8,), "01", {}),
    "rotary": (dict(event_shape=(8,), position="rotary"), (8,), None, {}),
    "image": (dict(event_shape=(1, 4, 4), ordering="spiral"), (1, 4, 4), None, {}),
    "classes": (dict(event_shape=(1, 3, 3), num_classes=3), (1, 3, 3), None, {"context": 2}),
    "colours": (
        dict(event_shape=(3, 2, 2), conditional=ar.LogisticMixture(2, 256)),
        (3, 2, 2),
        None,
        {},
    ),
    "patches": (
        dict(event_shape=(1, 3, 2), conditional=ar.Categorical(16)),
        (1, 3, 2),
        None,
        {"patch": 2},
    ),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def model_of(kind: str = "text") -> ar.Transformer:
    torch.manual_seed(0)
    return randomised(ar.Transformer(**KINDS[kind][0], **SMALL).double(), 0.6)


def event_of(kind: str = "text", n: int | None = None, seed: int = 0) -> torch.Tensor:
    options, shape, _, _ = KINDS[kind]
    shape = shape if n is None else (n, *shape)
    generator = torch.Generator().manual_seed(seed)
    conditional = options.get("conditional", ar.Bernoulli())
    if conditional.levels is None:
        return torch.randn(shape, generator=generator, dtype=torch.float64)
    x = torch.randint(conditional.levels, shape, generator=generator)
    return x.double() if isinstance(conditional, ar.Bernoulli) else x


def state_of(kind: str = "text", x: torch.Tensor | None = None) -> AttentionState:
    _, _, symbols, options = KINDS[kind]
    return AttentionState(model_of(kind), event_of(kind) if x is None else x, symbols, **options)


def viewer_of(
    kind: str = "text", x: torch.Tensor | None = None, **options: object
) -> AttentionViewer:
    _, _, symbols, others = KINDS[kind]
    x = event_of(kind) if x is None else x
    return AttentionViewer(model_of(kind), x, symbols, **{**others, **options})


def frames_of(
    state: AttentionState, layer: int, head: int | str, step: int = 3
) -> list[AttentionFrame]:
    """One frame for each query."""
    return [state.frame(Choice(0, layer, head, t), step) for t in range(state.length)]


def softmax(row: np.ndarray) -> np.ndarray:
    powers = np.exp(row - row.max())
    return powers / powers.sum()


# -- the numbers -------------------------------------------------------------------------------------------------


@every_kind
@torch.no_grad()
def test_merged_outputs_are_what_the_block_adds_in_a_pass_of_the_model(kind: str) -> None:
    """`params` runs the fused kernel: what its attention returns is told by a hook."""
    state, told = state_of(kind), []
    for block in state.model.blocks:
        block.attention.register_forward_hook(lambda _, __, out: told.append(out[0]))
    state.model(state.x, state.context)
    for layer, block in enumerate(state.model.blocks):
        joined = np.stack([frame.output for frame in frames_of(state, layer, "mean")])
        merged = block.attention.merge(torch.from_numpy(joined))
        assert torch.allclose(merged, told[layer], atol=1e-12)


@every_kind
def test_weights_are_those_of_the_fused_kernel(kind: str) -> None:
    state = state_of(kind)
    frames = frames_of(state, 1, head=2)
    steps = frames[0].steps
    mask = torch.from_numpy(np.stack([frame.allowed for frame in frames]))
    fused = F.scaled_dot_product_attention(steps.queries, steps.keys, steps.values, attn_mask=mask)
    weights = np.stack([frame.weights for frame in frames])
    assert np.allclose(weights @ steps.values[0].numpy(), fused[0].numpy(), atol=1e-12)
    assert np.allclose(weights.sum(1), 1) and (weights[~mask.numpy()] == 0).all()
    # Of the kernel itself, by a unit vector as each value in turn.
    one = torch.eye(state.length, dtype=torch.float64)[None]
    kernel = F.scaled_dot_product_attention(steps.queries, steps.keys, one, attn_mask=mask)
    assert np.allclose(weights, kernel[0].numpy(), atol=1e-12)


@every_kind
def test_every_stage_follows_from_the_one_before(kind: str) -> None:
    state = state_of(kind)
    for frame in frames_of(state, 0, 1):
        t, d = frame.query, frame.size
        keys, values = (part[0].numpy() for part in (frame.steps.keys, frame.steps.values))
        assert np.allclose(frame.scores, keys @ frame.steps.queries[0, t].numpy())
        assert d == 4 and np.allclose(frame.scaled, frame.scores / 2)
        seen = frame.allowed
        assert not seen[t + 1 :].any() and seen[t] and (kind == "local" or seen[: t + 1].all())
        assert np.allclose(frame.masked[seen], frame.scaled[seen])
        assert np.allclose(frame.weights[seen], softmax(frame.scaled[seen]))
        assert np.allclose(frame.unmasked, softmax(frame.scaled))
        assert np.allclose(frame.unscaled[seen], softmax(frame.scores[seen]))
        assert (frame.unscaled[~seen] == 0).all()
        # Masked after the softmax, the rest would be the weights times what is left.
        assert np.allclose(frame.unmasked[seen], frame.weights[seen] * (1 - frame.leaked))
        assert np.allclose(frame.lengths, np.linalg.norm(values, axis=1))
        assert np.allclose(frame.contributions, frame.weights * frame.lengths)
        assert np.allclose(frame.parts.sum(0), frame.output)


def test_the_mean_of_all_heads() -> None:
    state = state_of()
    mean = state.frame(Choice(0, 1, "mean", 5), 3)
    heads = [state.frame(Choice(0, 1, head, 5), 3) for head in range(3)]
    for name in ("scores", "scaled", "masked", "weights", "unmasked", "unscaled"):
        expected = np.mean([getattr(frame, name) for frame in heads], axis=0)
        assert np.allclose(getattr(mean, name), expected)
    assert not np.allclose(mean.weights, softmax(mean.masked)), "each head has its own softmax"
    assert np.allclose(mean.output, np.concatenate([frame.output for frame in heads]))
    assert np.allclose(mean.parts.sum(0), mean.output)
    squares = sum(frame.contributions**2 for frame in heads)
    assert np.allclose(mean.contributions**2, squares)


@pytest.mark.parametrize("kind", ["text", "backwards", "image", "colours"])
def test_a_column_has_read_the_variable_that_it_is_named_by(kind: str) -> None:
    """In the first layer another value changes the key of one column alone: that after its step."""
    state, x = state_of(kind), event_of(kind)
    model, event = state.model, state.event(0)
    before = state.frame(Choice(), 0).steps.keys
    for position in range(x.numel()):
        other = x.clone().flatten()
        other[position] = (other[position] + 1) % 2
        keys = model.attention(other.view(1, *x.shape))[0].keys[0, :1]
        changed = (keys != before).any(-1)[0].nonzero().flatten().tolist()
        column = int(event.rank[position]) + 1
        assert changed == ([column] if column < len(event) else [])
        if kind in ("image", "colours"):
            assert np.ravel_multi_index(event.place(column - 1), event.shape) == position


@every_kind
def test_shares_of_the_matrix_and_of_the_row_agree(kind: str) -> None:
    state = state_of(kind)
    first, last = 1, state.length
    for step in range(4):
        frames = frames_of(state, 1, 0, step)
        matrix = frames[0].matrix(first, last)
        rows = np.stack([frame.tones for frame in frames])[first:, first:]
        assert np.allclose(matrix, rows, equal_nan=True)
        hidden = ~np.stack([frame.allowed for frame in frames])[first:, first:]
        assert (np.isnan(matrix) == (hidden if step >= 2 else False)).all()
        assert np.nanmin(matrix) >= 0 and np.nanmax(matrix) <= 1


def test_attention_is_computed_once_for_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, compute = [], ar.Transformer.attention
    monkeypatch.setattr(
        ar.Transformer, "attention", lambda *args: calls.append(1) or compute(*args)
    )
    viewer = viewer_of(x=event_of(n=2))
    for step in range(5):
        viewer.step = step
    find(viewer, "layer").value, find(viewer, "predicts character").value = 1, 3
    viewer.strip()
    assert len(calls) == 1
    find(viewer, "example").value = 1
    viewer.step = 2
    assert len(calls) == 2
    viewer.x = event_of(seed=1)
    assert len(calls) == 3


# -- words -------------------------------------------------------------------------------------------------------


def test_what_is_predicted_and_what_is_read() -> None:
    text = state_of(x=torch.tensor([0, 1, 2, 3, 0])).event(0)
    assert variable_words(text, 4) == "the 5th character (‘a’)"
    told = [column_words(text, column, 3) for column in range(5)]
    assert told == [
        "the start",
        "‘a’ (3 before it)",
        "‘b’ (2 before it)",
        "space (just before it)",
        "newline (itself)",
    ]
    backwards = state_of("backwards", torch.tensor([0, 1, 2, 3, 0, 1, 1])).event(0)
    assert variable_words(backwards, 0) == "the 7th character (‘b’)"
    assert column_words(backwards, 2, 3) == "‘b’ (2 after it)"
    image = state_of("classes").event(0)
    assert variable_words(image, 4) == "the pixel in row 2, column 2"
    for column, offset in {
        1: "1 row above, 1 column to the left",
        2: "1 row above",
        4: "1 column to the left",
        9: "1 row below, 1 column to the right",
    }.items():
        assert column_words(image, column, 4).endswith(f" ({offset})")
    colours = state_of("colours").event(0)
    assert variable_words(colours, 4) == "the green pixel in row 1, column 2"
    assert column_words(colours, 4, 4) == "the red pixel in row 1, column 2 (another channel of it)"
    assert variable_words(state_of("patches").event(0), 3) == "the patch in row 2, column 2"


def looking_back() -> AttentionViewer:
    """One head whose query 4 fits the key of step 3 by 2 in place of 0: the weights are known."""
    model = ar.Transformer((6,), width=4, layers=1, heads=1, conditional=ar.Categorical(4))
    viewer = AttentionViewer(model.double(), torch.tensor([0, 1, 3, 0, 1, 2]), LETTERS, query=4)
    steps = viewer.state._found[0]
    scores = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    scores[..., 4, 3], scores[..., 4, 5] = 2.0, 4.0
    masked = (scores / 2).masked_fill(~torch.ones(6, 6).tril().bool(), -math.inf)
    steps.scores[:], steps.scaled[:], steps.masked[:] = scores, scores / 2, masked
    steps.weights[:] = masked.softmax(-1)
    steps.values[:] = torch.tensor([[3, 1, 1, 0.5, 1, 1]]).unsqueeze(-1).double() / 2
    steps.output[:] = steps.weights @ steps.values
    viewer.redraw()
    return viewer


def test_the_sentences_of_every_stage() -> None:
    viewer = looking_back()
    told = []
    for step in range(5):
        viewer.step = step
        told.append(html.unescape(words(viewer)))
    who = "Head 1 of layer 1, predicting the 5th character (‘b’),"
    assert all(who in words for words in told)
    assert "its highest score, 4.00, to ‘b’ (itself)" in told[0]
    assert "1 of 6 scores belong to later steps" in told[0]
    # exp(1) / (exp(1) + 4) and exp(2) / (exp(2) + 4)
    assert "from 0.00 to 2.00 after division by √4 = 2.00" in told[1]
    assert "largest weight will be 0.405; without the division it would be 0.649" in told[1]
    assert "may look at 5 steps" in told[2] and "1 later step." in told[2]
    assert "looks with weight 0.40 at newline (2 before it); 0.15 at the start; 0.15 at" in told[3]
    leaked = math.e**2 / (math.e**2 + math.e + 4)
    assert f"Without the mask {leaked:.3f} of the weight" in told[3]
    assert f"a sum of {1 - leaked:.3f} would be left" in told[3]
    # The start: 0.149 x 3, the newline 0.405 x 0.5.
    assert "from the start: weight 0.15 × |v| 3.00 = 0.45" in told[4]
    assert (
        "The largest weight, 0.40, is on newline (2 before it), but its value is shorter: 0.50"
        in told[4]
    )


def test_the_first_and_the_last_query() -> None:
    viewer = viewer_of(query=0, start=2)
    assert "may look at the start alone" in words(viewer) and "8 later steps" in words(viewer)
    find(viewer, "predicts character").value = 9
    assert "sees all 9 steps: none comes after it" in words(viewer)
    viewer.step = 3
    assert "Without the mask" not in words(viewer) and "without the mask" not in pictures(viewer)[2]


def test_sparse_patterns_are_told_apart_from_the_future() -> None:
    viewer = viewer_of("local", query=5, start=2)
    assert "2 later steps and 3 earlier ones that the pattern leaves out" in words(viewer)


def test_the_mean_says_what_it_is() -> None:
    viewer = viewer_of(head="mean")
    assert "The mean of the 3 heads of layer 1" in words(viewer)
    assert "not the softmax of these means" in words(viewer)
    viewer.step = 4
    assert "hand on 12 numbers" in words(viewer) and "side by side" in words(viewer)


# -- pictures ----------------------------------------------------------------------------------------------------


@every_kind
def test_every_stage_draws(kind: str) -> None:
    viewer = viewer_of(kind, head="mean" if kind in ("text", "image") else 1)
    for query in (1, viewer.state.length // 2 + 1):
        viewer._controls["query"].value = query
        for step in range(0, 5, 1 if query > 1 else 3):
            viewer.step = step
            for picture in pictures(viewer):
                root = ElementTree.fromstring(picture)
                width, height = float(root.get("width")), float(root.get("height"))
                assert width <= 664 and "nan" not in picture and "inf" not in picture
                for item in root.iter():
                    for key, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                        assert 0 <= float(item.get(key, 0)) <= most


def test_the_text_marks_what_is_predicted_and_hatches_what_is_hidden() -> None:
    viewer = viewer_of(query=4, start=1)
    frames = ElementTree.fromstring(pictures(viewer)[0]).findall(f"{SVG}rect[@stroke='#D55E00']")
    assert len(frames) == 2, "one in the legend"
    lines = [picture.count("M") for picture in pictures(viewer)[:1]]
    viewer.step = 2
    # One slanting line a letter: the legend's, and those of variables 4 to 8.
    assert pictures(viewer)[0].count("M") - lines[0] == 1 + 5
    assert pictures(viewer)[1].count('stroke="#D55E00"') == 1


def test_a_disc_on_each_pixel_that_is_read() -> None:
    viewer = viewer_of("image", query=6, start=0)

    def areas() -> list[float]:
        discs = ElementTree.fromstring(pictures(viewer)[0]).findall(f"{SVG}g/{SVG}circle")
        return [float(disc.get("r")) ** 2 for disc in discs]

    assert len(areas()) == 15, "all but the lowest score"
    viewer.step = 3
    tones = viewer.frame(3).tones
    assert tones[0] == 1 and areas()[0] == pytest.approx((0.96 * 11) ** 2, rel=0.01), "the start"
    seen = tones[1:][tones[1:] > 0.002]  # the cells are 40 pixels wide
    assert np.allclose(areas()[1:], (0.96 * 20) ** 2 * seen, rtol=0.03) and 0 < len(seen) < 6


def test_a_patch_shows_its_pixels() -> None:
    pixels = (torch.rand(1, 1, 6, 4, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    event = state_of("patches", pack_patches(pixels)).event(0)
    assert np.array_equal(event.picture, 1 - pixels[0].numpy())


def test_bars_stay_in_place_until_the_output() -> None:
    state = state_of()
    shown = [shown_columns(state.frame(Choice(0, 1, 0, 4), step), most=6) for step in range(5)]
    frame = state.frame(Choice(0, 1, 0, 4), 4)
    assert shown[0] == shown[1] == shown[2] == shown[3] and len(shown[0]) == 6
    assert sum(not frame.allowed[column] for column in shown[0]) == 4
    assert shown[4] == sorted(range(5), key=lambda k: -frame.contributions[k])


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("ab cd", 10, ["ab cd"]),
        ("ab cd", 4, ["ab ", "cd"]),
        ("ab cd", 2, ["ab ", "cd"]),
        ("abcdef", 4, ["abcd", "ef"]),
        ("a\nb", 10, ["a\n", "b"]),
        ("a bcdef", 4, ["a ", "bcde", "f"]),
    ],
)
def test_text_flows(text: str, room: float, expected: list[str]) -> None:
    ends = [{" ": "space", "\n": "line"}.get(letter, "") for letter in text]
    lines: dict[int, str] = {}
    for letter, (line, x) in zip(text, flow([1.0] * len(text), ends, room), strict=True):
        assert x == len(lines.get(line, ""))
        lines[line] = lines.get(line, "") + letter
    assert list(lines.values()) == expected


@pytest.mark.parametrize("query", [0, 20, 63, 99])
def test_the_window_holds_the_query(query: int) -> None:
    first, last = window(100, query, 40)
    assert last - first == 40 and 0 <= first <= query < last <= 100


# -- controls ----------------------------------------------------------------------------------------------------


def test_layer_head_query_and_example_keep_the_stage() -> None:
    viewer = viewer_of(x=event_of(n=3), start=3)
    assert viewer.choice == Choice(0, 0, 0, 6) and find(viewer, "predicts character").value == 7
    before = pictures(viewer)
    for name, value, choice in (
        ("layer", 1, Choice(0, 1, 0, 6)),
        ("head", "mean", Choice(0, 1, "mean", 6)),
        ("predicts character", 3, Choice(0, 1, "mean", 2)),
        ("example", 2, Choice(2, 1, "mean", 2)),
    ):
        find(viewer, name).value = value
        assert viewer.choice == choice and viewer.step == 3 and pictures(viewer) != before
        before = pictures(viewer)
    press(viewer.controls, {"action": "reset"})
    assert viewer.step == 0 and viewer.choice == Choice(0, 0, 0, 6)
    assert [find(viewer, name).value for name in ("layer", "head", "example")] == [0, 0, 0]


def test_another_x() -> None:
    viewer = viewer_of(layer=1, head=2, start=3, query=8)
    example = find(viewer, "example")
    assert example.layout.display == "none" and len(example.options) == 1
    viewer.x = event_of(n=2, seed=1)[:, :4]
    assert (viewer.step, viewer.choice) == (3, Choice(0, 1, 2, 3)) and viewer.x.shape == (2, 4)
    assert find(viewer, "predicts character").max == 4 and len(example.options) == 2
    assert example.layout.display is None
    same = viewer_of(x=event_of(n=2, seed=1)[:, :4], layer=1, head=2, start=3, query=3)
    assert pictures(viewer) == pictures(same)
    with pytest.raises(ValueError, match=r"x must have shape \(B, 9\)"):
        viewer.x = torch.zeros(1, 10, dtype=torch.int64)
    assert pictures(viewer) == pictures(same) and viewer.x.shape == (2, 4)
    press(viewer.controls, {"action": "reset"})
    assert viewer.choice == Choice(0, 1, 2, 3)


def test_each_example_has_its_own_class() -> None:
    x = event_of("classes").expand(2, 1, 3, 3)
    both = AttentionViewer(model_of("classes"), x, context=torch.tensor([0, 2]))
    find(both, "example").value = 1
    alone = viewer_of("classes")
    assert np.allclose(both.frame(0).scores, alone.frame(0).scores)
    find(both, "example").value = 0
    assert not np.allclose(both.frame(0).scores, alone.frame(0).scores)


def test_symbols_of_every_kind() -> None:
    model, x = model_of(), torch.tensor([0, 1, 3])
    ended = ar.Transformer((9,), **SMALL, conditional=ar.Categorical(4), end=3)
    vocabulary = ar.Vocabulary("abc.", end=".")
    for made, symbols, unit, names in (
        (model, LETTERS, "character", ("a", "b", "newline")),
        (model, list(LETTERS), "character", ("a", "b", "newline")),
        (model, WORDS, "word", ("the", "cat", "transformer")),
        (model, vocabulary, "character", ("a", "b", "end")),
        (ended, "abc.", "character", ("a", "b", "end")),
        (model, None, "variable", ("0", "1", "3")),
    ):
        event = AttentionState(made, x, symbols).event(0)
        assert (event.unit, event.names) == (unit, names)


def test_the_strip_has_four_stages() -> None:
    for kind in ("text", "image"):
        viewer = viewer_of(kind)
        strip = viewer.strip()
        for name in ("scaled", "masked", "weights", "output"):
            assert f"{name}: " in strip.alt
        assert (
            "raw scores" not in strip.alt
            and float(ElementTree.fromstring(strip.svg).get("width")) < 1030
        )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": ar.FVSBN((9,))}, TypeError, "the model must be an ar.Transformer, got FVSBN"),
        ({"x": [0, 1]}, TypeError, "x must be a torch.Tensor, got list"),
        ({"x": torch.zeros(0, 9).long()}, ValueError, "at least one variable of one event"),
        ({"x": torch.zeros(9)}, TypeError, "x must be torch.int64 for this model"),
        ({"x": torch.full((9,), 4)}, ValueError, "levels 0 to 3, got 4"),
        ({"symbols": "abc"}, ValueError, "the model has 4 levels, but there are 3 symbols"),
        ({"symbols": ["a", "b", "c", 4]}, TypeError, "symbols must be strings"),
        ({"symbols": "abca"}, ValueError, "every symbol must stand there once"),
        ({"context": 1}, ValueError, "is not conditional"),
        ({"layer": 2}, ValueError, "layer must be an int from 0 to 1, got 2"),
        ({"head": 3}, ValueError, 'head must be an int from 0 to 2 or "mean", got 3'),
        ({"head": "all"}, ValueError, "or \"mean\", got 'all'"),
        ({"query": 9}, ValueError, "query must be an int from 0 to 8, got 9"),
        ({"query": -1}, ValueError, "query must be an int from 0 to 8, got -1"),
        ({"patch": 2}, ValueError, r"need events \(1, H, W\) of 16 levels, got \(9,\) of 4"),
        ({"patch": True}, ValueError, "patch must be an int from 1 to 7, got True"),
        ({"start": 5}, ValueError, "steps are 0 to 4, got 5"),
    ],
)
def test_bad_arguments_are_refused(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    arguments = {"model": model_of(), "x": event_of(), "symbols": LETTERS, **change}
    with pytest.raises(error, match=message):
        AttentionViewer(**arguments)


def test_images_have_no_symbols_and_a_broken_model_is_told() -> None:
    with pytest.raises(ValueError, match=r"images \(1, 4, 4\) have no symbols"):
        AttentionViewer(model_of("image"), event_of("image"), "01")
    model = model_of()
    with torch.no_grad():
        model.start.fill_(math.nan)
    with pytest.raises(ValueError, match="NaN or infinite numbers"):
        AttentionViewer(model, event_of(), LETTERS)
