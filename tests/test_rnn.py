"""Recurrent networks beside what the contract asks of every model: their equations, prefixes, ends, vectors."""

from __future__ import annotations

import itertools
import math

import contract
import pytest
import torch
from random_weights import randomised
from torch.nn import functional as F

import armodels_lite as ar

# The lecture's example, "hello": three units, four symbols, no biases.
W_HH = [[0.3, -0.1, 0.5], [0.2, 0.4, -0.3], [-0.1, 0.2, 0.1]]
W_XH = [[0.5, -0.3, 0.8, 0.2], [0.7, 0.4, -0.2, 0.6], [-0.1, 0.2, 0.3, -0.5]]
W_HY = [[1.0, 0.5, -0.3], [2.2, -1.0, 0.8], [-3.0, 1.2, -0.5], [4.1, -1.5, 2.0]]
H_1 = [0.1, -0.2, 0.3]
HELLO = [0, 1, 2, 2, 3]


def hello() -> ar.RNN:
    model = ar.RNN((5,), hidden=3, cell="rnn", conditional=ar.Categorical(4), bias=False).double()
    with torch.no_grad():
        model.cell.weight_hh_l0.copy_(torch.tensor(W_HH, dtype=torch.float64))
        model.cell.weight_ih_l0.copy_(torch.tensor(W_XH, dtype=torch.float64))
        model.readout.weight.copy_(torch.tensor(W_HY, dtype=torch.float64))
        model.initial_h.copy_(torch.tensor(H_1, dtype=torch.float64).view(1, 1, 3))
    return model


def sequence_model(**arguments: object) -> ar.RNN:
    given = {"event_shape": (6,), "hidden": 5, "conditional": ar.Categorical(4), **arguments}
    torch.manual_seed(1)
    return randomised(ar.RNN(**given).double())


# -- the equations ---------------------------------------------------------------------------------------------------


def test_hello_by_hand() -> None:
    """The example step by step with plain matrix products; p(e | h) is .2248, not the lecture's .125."""
    model, h, total = hello(), torch.tensor(H_1, dtype=torch.float64), 0.0
    w_hh, w_xh, w_hy = (torch.tensor(w, dtype=torch.float64) for w in (W_HH, W_XH, W_HY))
    found = model(torch.tensor([HELLO])).probs[0]
    for t, symbol in enumerate(HELLO):
        probs = (w_hy @ h).softmax(0)
        torch.testing.assert_close(found[t], probs)
        total += probs[symbol].log().item()
        h = torch.tanh(w_hh @ h + w_xh[:, symbol])
    assert math.isclose(model.log_prob(torch.tensor([HELLO])).item(), total)
    assert [round(p, 4) for p in found[0].tolist()] == [0.1295, 0.2742, 0.0711, 0.5252]
    assert round(found[1, 1].item(), 4) == 0.2248


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_cells_are_those_of_torch(cell: str) -> None:
    """Walking with torch's own cell, one step at a time, gives the same parameters."""
    model = sequence_model(cell=cell)
    kinds = {"rnn": torch.nn.RNNCell, "gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}
    own = kinds[cell](4, 5).double()
    own.load_state_dict({name[:-3]: weight for name, weight in model.cell.state_dict().items()})
    x = contract.events(model)
    start = model.initial_h[0].expand(len(x), -1)
    state = (start, model.initial_c[0].expand(len(x), -1)) if cell == "lstm" else start
    params = []
    for t in range(6):
        params.append(model.readout(state[0] if cell == "lstm" else state))
        state = own(F.one_hot(x[:, t], 4).double(), state)
    torch.testing.assert_close(model.params(x), torch.stack(params, 1))


def test_attention_by_hand() -> None:
    model = sequence_model(attention=True, cell="gru")
    x = contract.events(model, 2)
    states = model.states(F.one_hot(x, 4).double())
    for t in range(6):
        scores = states[:, : t + 1] @ model.query(states[:, t]).unsqueeze(2) / math.sqrt(5)
        seen = (scores.softmax(1) * states[:, : t + 1]).sum(1)
        merged = model.merge(torch.cat([states[:, t], seen], 1)).tanh()
        torch.testing.assert_close(model.params(x)[:, t], model.readout(merged))


def test_links_are_a_linear_term_within_the_step() -> None:
    model = sequence_model(event_shape=(3, 2), conditional=ar.Bernoulli(), links=True)
    x = contract.events(model)
    weight = model.links.masked_weight()
    assert weight.count_nonzero() == 1  # from the first variable to the second
    with torch.no_grad():
        with_links = model.params(x)
        model.links.weight.zero_()
        without = model.params(x)
    difference = (with_links - without).squeeze(-1)
    torch.testing.assert_close(difference[..., 1], weight[1, 0].item() * x[..., 0])
    assert not difference[..., 0].any()


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("length", [10, 1000])
def test_size_does_not_depend_on_the_length(kind: str, length: int) -> None:
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    model = ar.RNN((length,), hidden=8, cell=kind, conditional=ar.Categorical(6))
    starts = 8 * (2 if kind == "lstm" else 1)
    assert model.num_parameters() == gates * 8 * (8 + 6 + 2) + starts + 6 * 8 + 6


# -- prefixes and ends -----------------------------------------------------------------------------------------------


def test_a_prefix_has_the_probability_of_all_its_continuations() -> None:
    model = sequence_model(event_shape=(4,), conditional=ar.Categorical(3))
    prefix = torch.tensor([[2, 0]])
    every = torch.tensor([[2, 0, a, b] for a, b in itertools.product(range(3), repeat=2)])
    torch.testing.assert_close(
        model.log_prob(prefix).exp().sum(), model.log_prob(every).exp().sum()
    )
    assert model.log_prob(torch.zeros(2, 0, dtype=torch.int64)).tolist() == [0, 0]


def test_after_the_end_comes_nothing_but_the_end() -> None:
    model = sequence_model(end=2)
    x = torch.tensor([[0, 2, 2, 2, 2, 2], [0, 2, 1, 2, 2, 2], [2, 2, 2, 2, 2, 2]])
    found = model.log_prob(x)
    assert found[1] == -math.inf
    torch.testing.assert_close(found[:1], model.log_prob(x[:1, :2]))
    torch.testing.assert_close(found[2:], model.log_prob(x[2:, :1]))
    drawn = model.sample(200, generator=torch.Generator().manual_seed(0))
    ended = (drawn == 2).cumsum(1) > 0
    assert ended.any() and (drawn[ended] == 2).all()
    assert torch.isfinite(model.log_prob(drawn)).all()


def test_the_loss_of_an_ended_sequence_has_finite_gradients() -> None:
    model = sequence_model(end=2)
    model.loss(torch.tensor([[0, 2, 2, 2, 2, 2]])).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_a_long_prefix_is_caught_up_with_in_one_pass() -> None:
    """`prefill` runs the network over all steps at once; stepping gives the same state."""
    model = sequence_model(event_shape=(40, 3), conditional=ar.Bernoulli(), links=True, layers=2)
    x = contract.events(model, 3)
    ahead, stepped = model.decoder(3), model.decoder(3)
    ahead.prefill(x, 100)
    for value in x.flatten(1)[:, :100].T:
        stepped.observe(value)
    torch.testing.assert_close(ahead.distribution().params, stepped.distribution().params)


@pytest.mark.parametrize("shape", [(6,), (3, 2)])
def test_no_sequences_move_like_any_number(shape: tuple[int, ...]) -> None:
    model = sequence_model(event_shape=shape)
    decoder = model.decoder(0)
    decoder.prefill(torch.zeros(0, *shape, dtype=torch.int64), 5)
    assert decoder.distribution().params.shape == (0, 4)
    decoder.rewind(3)
    assert decoder.t == 3 and model.log_prob(torch.zeros(2, 0, *shape[1:]).long()).tolist() == [
        0,
        0,
    ]


# -- learning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_markov_chain_is_learnt_to_its_entropy(cell: str) -> None:
    """Every sequence of four bits, as often as a chain makes it that stays with 0.8: its entropy can be reached."""
    x = torch.tensor(list(itertools.product((0, 1), repeat=4)))
    counts = 4 ** (x[:, 1:] == x[:, :-1]).sum(1)
    entropy = math.log(2) - 3 * (0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    torch.manual_seed(0)
    model = ar.RNN((4,), hidden=8, cell=cell)
    contract.check_fit_reaches(model, x.repeat_interleave(counts, 0).float(), entropy, 200)


def test_a_symbol_is_remembered() -> None:
    """The last symbol repeats the first, with six coin tosses between: a state must carry it."""
    coins = torch.tensor(list(itertools.product((0.0, 1.0), repeat=7)))
    x = torch.cat([coins, coins[:, :1]], 1)
    torch.manual_seed(0)
    contract.check_fit_reaches(ar.RNN((8,), hidden=12, cell="gru"), x, 7 * math.log(2), 250)


def test_dropout_works_in_training_only() -> None:
    model = sequence_model(dropout=0.5)
    x = contract.events(model)
    assert torch.equal(model.params(x), model.params(x))
    model.train()
    assert not torch.equal(model.params(x), model.params(x))


@pytest.mark.parametrize("cache", [True, False])
def test_a_decoder_has_no_dropout_whatever_the_mode(cache: bool) -> None:
    model = sequence_model(dropout=0.5, layers=2)
    x = contract.events(model)
    expected = model.params(x)[:, 4]
    model.train()
    decoder = model.decoder(len(x), cache=cache)
    decoder.prefill(x, 4)
    torch.testing.assert_close(decoder.distribution().params, expected)
    assert model.training and model.cell.training


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_states_keep_their_scale_with_depth_and_time(cell: str) -> None:
    torch.manual_seed(0)
    model = ar.RNN((50,), hidden=64, layers=6, cell=cell, conditional=ar.Categorical(20))
    x = contract.events(model, 8)
    states = model.states(F.one_hot(x, 20).float())
    assert 0.01 < states[:, 25:].square().mean().sqrt() < 1  # tanh keeps it below 1


def test_forget_gates_start_open() -> None:
    torch.manual_seed(0)
    bias = ar.RNN((4,), hidden=100).cell.bias_ih_l0.view(4, 100).mean(1)
    assert bias[1] > 0.9 and bias[[0, 2, 3]].abs().max() < 0.1


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event_shape": (1, 4, 4)}, "flatten an image"),
        ({"hidden": 0}, "hidden must be a positive int, got 0"),
        ({"layers": 1.5}, "layers must be a positive int"),
        ({"cell": "elman"}, "cell must be one of 'rnn', 'gru', 'lstm', got 'elman'"),
        ({"cell": ["gru"]}, "cell must be one of"),
        ({"dropout": 1.0}, "dropout must be a share"),
        ({"bias": 1}, "bias must be True or False"),
        ({"ordering": [1, 0, 2, 3, 4, 5]}, "'raster' or 'reverse'"),
        ({"end": 4}, "end must be a level 0 to 3, got 4"),
        ({"end": 1, "ordering": "reverse"}, "must be 'raster'"),
        ({"end": 1, "conditional": ar.Bernoulli()}, "Categorical"),
        ({"end": 1, "event_shape": (3, 2)}, r"events \(T,\)"),
        ({"links": True}, r"links .* need events \(T, V\), got \(6,\)"),
    ],
)
def test_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.RNN(**{"event_shape": (6,), "conditional": ar.Categorical(4), **arguments})


def test_no_prefix_of_a_sequence_read_backwards() -> None:
    with pytest.raises(ValueError, match=r"shape \(B, 6\), got"):
        sequence_model(ordering="reverse").log_prob(torch.zeros(1, 3, dtype=torch.int64))


def test_longer_than_the_longest_is_refused() -> None:
    with pytest.raises(ValueError, match=r"or, for a prefix, \(B, L\) with L <= 6"):
        sequence_model().log_prob(torch.zeros(1, 7, dtype=torch.int64))
