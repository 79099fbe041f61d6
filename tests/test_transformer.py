"""Transformers beside what the contract asks of every model: attention, positions, patterns, prefixes, ends."""

from __future__ import annotations

import itertools
import math

import contract
import numpy as np
import pytest
import torch
from random_weights import randomised
from torch import Tensor
from torch.nn import functional as F

import armodels_lite as ar
from armodels_lite.attention import attend, attention_steps, rotate
from armodels_lite.masks import attention_mask
from armodels_lite.models.transformer_block import join_heads

PATTERNS = [("full", None), ("local", 1), ("local", 3), ("strided", 1), ("strided", 3)]


def sequence_model(**arguments: object) -> ar.Transformer:
    """A small model over symbols 0 to 3 in float64, with random weights."""
    given = {"event_shape": (6,), "width": 8, "heads": 2, "layers": 2, **arguments}
    torch.manual_seed(1)
    return randomised(ar.Transformer(**{"conditional": ar.Categorical(4), **given}).double())


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


# -- attention -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pattern", "span"), PATTERNS)
def test_attention_written_out_is_the_fused_kernel(pattern: str, span: int | None) -> None:
    q, k, v = normal(3, 2, 3, 9, 4)
    mask = attention_mask(9, pattern, span)
    steps = attention_steps(q, k, v, mask)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(steps.output, expected)
    torch.testing.assert_close(attend(q, k, v, mask), expected)
    torch.testing.assert_close(steps.scaled, steps.scores / 2)
    assert torch.equal(steps.masked == -math.inf, ~mask.expand(2, 3, 9, 9))


def test_attention_without_a_mask_sees_everything() -> None:
    q, k, v = normal(2, 3, 4), normal(2, 5, 4), normal(2, 5, 6)
    expected = F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(attention_steps(q, k, v).output, expected)


def test_attend_is_causal_unless_there_is_one_query() -> None:
    q, k, v = normal(3, 2, 3, 7, 4)
    found = attend(q, k, v, None)
    torch.testing.assert_close(found, attention_steps(q, k, v, attention_mask(7)).output)
    torch.testing.assert_close(attend(q[:, :, -1:], k, v, None), found[:, :, -1:])


@pytest.mark.parametrize("size", [1, 2, 7, 12])
@pytest.mark.parametrize("pattern", ["full", "local", "strided"])
def test_masks_are_what_their_definition_says(size: int, pattern: str) -> None:
    for span in [None] if pattern == "full" else [1, 2, 3, 20]:
        found = attention_mask(size, pattern, span)
        for t, s in itertools.product(range(size), repeat=2):
            seen = {
                "full": lambda back, _: True,
                "local": lambda back, span: back < span,
                "strided": lambda back, span: back < span or back % span == 0,
            }[pattern](t - s, span)
            assert found[t, s].item() == (s <= t and seen), f"row {t}, column {s}"


def test_a_strided_mask_reaches_everything_in_two_layers() -> None:
    mask = attention_mask(25, "strided", 5).double()
    assert torch.equal(mask @ mask > 0, torch.ones(25, 25).tril().bool())
    assert mask.sum(1).max() == 5 + 4  # of 25


# -- positions -------------------------------------------------------------------------------------------------------


def angles(steps: int, size: int) -> Tensor:
    """The angles of the papers, by numpy: step / 10000^(2 i / size), (steps, size / 2)."""
    frequencies = 1 / 10_000 ** (np.arange(0, size, 2) / size)
    return torch.from_numpy(np.arange(steps)[:, None] * frequencies)


def test_rotation_is_a_product_of_complex_numbers() -> None:
    x, turn = normal(2, 5, 6), angles(5, 6)
    pairs = torch.complex(x[..., :3], x[..., 3:]) * torch.exp(1j * turn)
    expected = torch.cat([pairs.real, pairs.imag], -1)
    torch.testing.assert_close(rotate(x, turn.cos(), turn.sin()), expected)


def test_rotated_products_depend_on_the_distance_only() -> None:
    q, k, turn = normal(6), normal(2, 6)[1], angles(9, 6)
    cos, sin = turn.cos(), turn.sin()
    products = rotate(q.expand(9, -1), cos, sin) @ rotate(k.expand(9, -1), cos, sin).T
    for distance in range(-8, 9):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert products[0].unique().numel() == 9  # but they do depend on it


@pytest.mark.parametrize("width", [6, 7])
def test_sinusoidal_waves(width: int) -> None:
    model = ar.Transformer((20,), width=width, heads=1, layers=1, position="sinusoidal")
    turn = angles(20, width)
    expected = torch.cat([turn.sin(), turn.cos()], 1)[:, :width].float()
    torch.testing.assert_close(model.waves, expected)


@pytest.mark.parametrize(
    ("position", "layers", "told_apart"),
    [
        ("none", 1, False),
        (
            "none",
            2,
            True,
        ),  # a step of the first layer looks at those before it: that tells the order
        ("learned", 1, True),
        ("sinusoidal", 1, True),
        ("rotary", 1, True),
    ],
)
def test_who_can_tell_the_order_of_earlier_symbols(
    position: str, layers: int, told_apart: bool
) -> None:
    """The last step asks by the symbol just before it, which stays where it is; those before that change places."""
    model = sequence_model(position=position, layers=layers)
    x = torch.tensor([[0, 1, 2, 3, 1, 0], [3, 0, 1, 2, 1, 0]])
    one, other = model.params(x)[:, -1]
    assert torch.allclose(one, other, atol=1e-12) != told_apart
    assert (one - other).abs().max() < 1e-12 or (one - other).abs().max() > 1e-4


# -- what the steps look at ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["learned", "rotary"])
@pytest.mark.parametrize(("pattern", "span"), PATTERNS)
def test_attention_shows_what_the_model_computes(
    position: str, pattern: str, span: int | None
) -> None:
    model = sequence_model(position=position, pattern=pattern, span=span, ordering="random(3)")
    x, outputs = contract.events(model), []
    for block in model.blocks:
        block.attention.merge.register_forward_pre_hook(lambda _, given: outputs.append(given[0]))
    model.params(x)
    found = model.train().attention(x)
    assert model.training and len(found) == 2
    future = ~attention_mask(6, pattern, span)
    for steps, output in zip(found, outputs, strict=False):
        assert steps.weights.shape == (len(x), 2, 6, 6)
        torch.testing.assert_close(steps.weights.sum(-1), torch.ones_like(steps.weights[..., 0]))
        assert not steps.weights[..., future].any()
        torch.testing.assert_close(join_heads(steps.output), output)


def test_attention_of_a_prefix_is_a_part_of_the_whole() -> None:
    model = sequence_model()
    x = contract.events(model)
    for whole, part in zip(model.attention(x), model.attention(x[:, :4]), strict=True):
        torch.testing.assert_close(part.weights, whole.weights[:, :, :4, :4])
    with pytest.raises(ValueError, match="levels 0 to 3, got 5"):
        model.attention(torch.full_like(x, 5))


# -- the decoder -----------------------------------------------------------------------------------------------------

LONG = {
    "learned": {},
    "rotary": {"position": "rotary", "num_classes": 3},
    "local": {"pattern": "local", "span": 5, "ordering": "random(2)"},
    "strided": {"pattern": "strided", "span": 6, "position": "sinusoidal"},
    "end": {"end": 3},
}


@pytest.mark.parametrize("label", LONG)
def test_a_long_prefix_is_caught_up_with_in_one_pass(label: str) -> None:
    """`prefill` keeps the keys and values that stepping keeps, and predicts the same."""
    model = sequence_model(event_shape=(40,), **LONG[label])
    x, context = contract.events(model, 3), contract.contexts(model, 3)
    ahead, stepped = model.decoder(3, context), model.decoder(3, context)
    ahead.prefill(x, 30)
    for value in contract.in_order(model, x)[:, :30].T:
        stepped.observe(value)
    torch.testing.assert_close(ahead._cache[..., :31, :], stepped._cache[..., :31, :])
    torch.testing.assert_close(ahead.distribution().params, stepped.distribution().params)
    expected = model.params(x, context)[:, model.ordering[30]]
    torch.testing.assert_close(ahead.distribution().params, expected)


@pytest.mark.parametrize("label", LONG)
def test_a_fork_goes_back_without_its_original(label: str) -> None:
    model = sequence_model(event_shape=(40,), **LONG[label])
    x, other = contract.events(model, 3), contract.events(model, 3, seed=8)
    context = contract.contexts(model, 3)
    decoder = model.decoder(3, context)
    decoder.prefill(x, 30)
    before = decoder.distribution().params.clone()
    twin = decoder.fork()
    twin.rewind(12)
    mixed = contract.in_order(model, x).clone()
    mixed[:, 12:] = contract.in_order(model, other)[:, 12:]
    for value in mixed[:, 12:25].T:
        twin.observe(value)
    expected = model.params(mixed[:, model.rank], context)[:, model.ordering[25]]
    torch.testing.assert_close(twin.distribution().params, expected)
    assert torch.equal(decoder.distribution().params, before)
    decoder.observe(contract.in_order(model, x)[:, 30])
    expected = model.params(x, context)[:, model.ordering[31]]
    torch.testing.assert_close(decoder.distribution().params, expected)


def test_the_cache_is_as_large_as_its_formula() -> None:
    model = ar.Transformer((32,), width=16, layers=3, heads=2)
    assert model.decoder(5)._cache.nbytes == 2 * 3 * 5 * 32 * 16 * 4


@pytest.mark.parametrize("width", [1, 4])
def test_drawing_changes_no_weight(width: int) -> None:
    """With one number a step some weights need no other layout: the decoder must not scale the model's own."""
    model = sequence_model(width=width, heads=1, expand=1)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.sample(3)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("cache", [True, False])
def test_a_decoder_has_no_dropout_whatever_the_mode(cache: bool) -> None:
    model = sequence_model(dropout=0.5)
    x = contract.events(model)
    expected = model.params(x)[:, 4]
    assert not torch.equal(model.train().params(x)[:, 4], expected)
    decoder = model.decoder(len(x), cache=cache)
    decoder.prefill(x, 4)
    torch.testing.assert_close(decoder.distribution().params, expected)
    assert model.training and model.dropout.training


@pytest.mark.parametrize("position", ["learned", "rotary"])
def test_no_step_keeps_a_gradient(position: str) -> None:
    model = sequence_model(position=position)
    decoder = model.decoder(3)
    for value in contract.events(model, 3)[:, :3].T:
        decoder.step(value)
    assert not decoder._cache.requires_grad and not decoder._params().requires_grad


@pytest.mark.parametrize("label", LONG)
def test_drawing_under_autocast(label: str) -> None:
    """A pass, `prefill` and single steps in bfloat16 agree as well as its digits allow, with the same end."""
    model = sequence_model(**LONG[label]).float()
    x, context = contract.events(model, 3), contract.contexts(model, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        decoder = model.decoder(3, context)
        decoder.prefill(x, 2)
        for value in contract.in_order(model, x)[:, 2:5].T:
            decoder.observe(value)
        found = decoder.distribution().probs
        assert model.sample(3, context=context).shape == (3, 6)
    expected = model(x, context).probs[:, model.ordering[5]]
    torch.testing.assert_close(found, expected, atol=0.1, rtol=0)


# -- prefixes and ends -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["learned", "rotary"])
def test_a_prefix_has_the_probability_of_all_its_continuations(position: str) -> None:
    model = sequence_model(event_shape=(4,), conditional=ar.Categorical(3), position=position)
    every = torch.tensor([[2, 0, a, b] for a, b in itertools.product(range(3), repeat=2)])
    found = model.log_prob(torch.tensor([[2, 0]])).exp().sum()
    torch.testing.assert_close(found, model.log_prob(every).exp().sum())
    assert model.log_prob(torch.zeros(2, 0, dtype=torch.int64)).tolist() == [0, 0]


def test_a_prefix_of_vectors() -> None:
    model = sequence_model(event_shape=(3, 2))
    x = contract.events(model)
    torch.testing.assert_close(model.params(x[:, :2]), model.params(x)[:, :2])


@pytest.mark.parametrize(
    ("event_shape", "ordering"), [((6,), "reverse"), ((6,), "random(1)"), ((1, 4, 2), "raster")]
)
def test_no_prefix_where_it_is_not_what_is_drawn_first(event_shape: tuple, ordering: str) -> None:
    model = sequence_model(event_shape=event_shape, ordering=ordering)
    x = contract.events(model)
    assert not model.takes_prefixes
    with pytest.raises(ValueError, match=r"x must have shape \(B, [0-9, ]*\), got"):
        model.log_prob(x[:, :3] if len(event_shape) == 1 else x[:, :, :3])


def test_longer_than_the_longest_is_refused() -> None:
    with pytest.raises(ValueError, match=r"or, for a prefix, \(B, L\) with L <= 6"):
        sequence_model().log_prob(torch.zeros(1, 7, dtype=torch.int64))


def test_after_the_end_comes_nothing_but_the_end() -> None:
    model = sequence_model(end=2)
    x = torch.tensor([[0, 2, 2, 2, 2, 2], [0, 2, 1, 2, 2, 2], [2, 2, 2, 2, 2, 2]])
    found = model.log_prob(x)
    assert found[1] == -math.inf
    torch.testing.assert_close(found[:1], model.log_prob(x[:1, :2]))
    torch.testing.assert_close(found[2:], model.log_prob(x[2:, :1]))
    assert torch.equal(model(x).probs[0, 2:], F.one_hot(x[0, 2:], 4).double())
    drawn = model.sample(200, generator=torch.Generator().manual_seed(0))
    ended = (drawn == 2).cumsum(1) > 0
    assert ended.any() and (drawn[ended] == 2).all()
    model.loss(x[:1]).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


# -- sizes, scales, learning -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["learned", "sinusoidal", "rotary", "learned+rotary", "none"])
@pytest.mark.parametrize("expand", [1, 4])
def test_number_of_parameters(position: str, expand: int) -> None:
    w, layers, steps, symbols, classes = 12, 3, 7, 5, 2
    model = ar.Transformer(
        (steps,), width=w, layers=layers, heads=2, expand=expand, position=position,
        conditional=ar.Categorical(symbols), num_classes=classes,
    )  # fmt: skip
    attention = 3 * (w * w + w) + (w * w + w)
    network = w * expand * w + expand * w + expand * w * w + w
    inputs = symbols * w + w + classes * w + (steps * w if "learned" in position else 0)
    blocks = layers * (attention + network + 2 * 2 * w)
    assert model.num_parameters() == inputs + blocks + 2 * w + w * symbols + symbols


@pytest.mark.parametrize("layers", [1, 4, 16])
def test_the_stream_keeps_its_scale_with_depth(layers: int) -> None:
    torch.manual_seed(0)
    model = ar.Transformer((32,), width=64, layers=layers, conditional=ar.Categorical(20))
    h = model.embed(contract.events(model, 8)[:, :-1], None)
    for block in model.blocks:
        h = block(h, None, None)
    assert 0.5 < h.square().mean().sqrt() < 2


@pytest.mark.parametrize("position", ["sinusoidal", "rotary"])
def test_a_markov_chain_is_learnt_to_its_entropy(position: str) -> None:
    """Every sequence of four bits, as often as a chain makes it that stays with 0.8: its entropy can be reached."""
    x = torch.tensor(list(itertools.product((0, 1), repeat=4)))
    counts = 4 ** (x[:, 1:] == x[:, :-1]).sum(1)
    entropy = math.log(2) - 3 * (0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    torch.manual_seed(0)
    model = ar.Transformer((4,), width=8, heads=2, layers=1, position=position)
    contract.check_fit_reaches(model, x.repeat_interleave(counts, 0).float(), entropy, 60)


def test_a_symbol_is_looked_up() -> None:
    """The last symbol repeats the first, with four coin tosses between: one look back finds it."""
    coins = torch.tensor(list(itertools.product((0.0, 1.0), repeat=5)))
    x = torch.cat([coins, coins[:, :1]], 1)
    torch.manual_seed(0)
    model = ar.Transformer((6,), width=12, heads=2, layers=1)
    contract.check_fit_reaches(model, x, 5 * math.log(2), 120)


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "width must be a positive int, got 0"),
        ({"layers": 1.5}, "layers must be a positive int, got 1.5"),
        ({"heads": True}, "heads must be a positive int, got True"),
        ({"expand": -1}, "expand must be a positive int, got -1"),
        ({"heads": 3}, "width must be a multiple of heads, got 8 and 3"),
        ({"dropout": 1.0}, "dropout must be a share of at least 0 and less than 1, got 1.0"),
        ({"dropout": "0.1"}, "dropout must be a share"),
        ({"position": "alibi"}, "position must be one of 'learned', .*, 'none', got 'alibi'"),
        ({"position": ["rotary"]}, "position must be one of 'learned'"),
        ({"position": "rotary", "heads": 8}, "width / heads must be even, got 1"),
        ({"position": "learned+rotary", "heads": 8}, "width / heads must be even, got 1"),
        ({"pattern": "random"}, "pattern must be one of 'full', 'local', 'strided', got 'random'"),
        ({"pattern": "local"}, "span must be a positive int for 'local' and 'strided'"),
        ({"pattern": "strided", "span": 0}, "got 0 for 'strided'"),
        ({"span": 3}, "not be given for 'full'; got 3 for 'full'"),
        ({"end": 4}, "end must be a level 0 to 3, got 4"),
        ({"end": 1, "ordering": "reverse"}, "the ordering must be 'raster'"),
        ({"end": 1, "conditional": ar.Bernoulli()}, "Categorical"),
        ({"end": 1, "event_shape": (3, 2)}, r"events \(T,\)"),
        ({"conditional": ar.Categorical((3, 2, 2)), "event_shape": (3,)}, "only BayesNet takes"),
    ],
)
def test_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sequence_model(**arguments)
