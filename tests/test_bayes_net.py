"""Bayes nets: tables, counting and inference, each against an independent route."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable

import contract
import numpy as np
import pytest
import torch
from random_weights import randomised

import armodels_lite as ar

WEATHER = [[], [0], [1], [0, 1]]
NAMES = ["Cloudy", "Rainy", "Cold", "Windy"]
MIXED = {
    "parents": [[2, 1], [4], [4], [4, 0], []],
    "conditional": ar.Categorical((3, 2, 4, 2, 3)),
}


def weather() -> ar.BayesNet:
    """The lecture's network; entries that the lecture leaves open are filled in."""
    net = ar.BayesNet((4,), parents=WEATHER, names=NAMES).double()
    net.set_table("Cloudy", 0.6)
    net.set_table("Rainy", [0.1, 0.8])
    net.set_table("Cold", [0.3, 0.7])
    return net.set_table("Windy", [[0.2, 0.4], [0.3, 0.5]])


def mixed(scale: float = 1.5) -> ar.BayesNet:
    return randomised(ar.BayesNet((5,), **MIXED).double(), scale)


def every_event(net: ar.BayesNet) -> tuple[torch.Tensor, np.ndarray]:
    """All events, and their probabilities as the chain rule gives them."""
    x = torch.tensor(list(itertools.product(*map(range, net.cardinalities))))
    with torch.no_grad():
        return x, net.log_prob(x.to(net.event_dtype)).exp().numpy()


# -- the lecture's example ------------------------------------------------------------------------------------------


def test_the_lectures_numbers() -> None:
    net = weather()
    assert net.num_parameters() == 1 + 2 + 2 + 4 == 9
    p = net.log_prob(torch.ones(1, 4).double()).exp().item()
    assert p == pytest.approx(0.6 * 0.8 * 0.7 * 0.5)
    assert net.probability(dict.fromkeys(NAMES, 1)) == pytest.approx(0.168, abs=1e-12)
    assert net.probability({"Cloudy": 1, "Rainy": 1}) == pytest.approx(0.48)
    assert net.probability({"Rainy": 1}) == pytest.approx(0.6 * 0.8 + 0.4 * 0.1)
    assert net.probability({}) == pytest.approx(1)
    assert net.ordering.tolist() == [0, 1, 2, 3] and net.cardinalities == (2, 2, 2, 2)


def test_bayes_rule_by_hand() -> None:
    cloudy_given_rain = weather().query("Cloudy", {"Rainy": 1})
    assert cloudy_given_rain.dtype == torch.float64
    assert cloudy_given_rain.tolist() == pytest.approx([0.04 / 0.52, 0.48 / 0.52])


def test_names_and_positions_mean_the_same() -> None:
    net = weather()
    assert [net.index(name) for name in NAMES] == [net.index(v) for v in range(4)] == [0, 1, 2, 3]
    assert torch.equal(net.query("Windy", {"Cold": 0}), net.query(3, {2: 0}))
    assert torch.equal(net.table("Windy"), net.table(3))
    assert ar.BayesNet((2,), parents=[[], []]).names == ("x_1", "x_2")


def test_a_net_without_arrows_is_independent_coins() -> None:
    x = (torch.rand(50, 3) < 0.3).float()
    net = ar.BayesNet((3,), parents=[[], [], []]).count(x)
    torch.testing.assert_close(net.log_prob(x), ar.IndependentBernoulli((3,)).count(x).log_prob(x))


# -- order ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parents", "order"),
    [
        ([[], [], []], [0, 1, 2]),
        ([[1], [2], []], [2, 1, 0]),
        (MIXED["parents"], [4, 1, 2, 0, 3]),
        ([[3], [], [], [2]], [1, 2, 3, 0]),
        ([[3], [], [0], []], [1, 3, 0, 2]),
    ],
)
def test_parents_come_first(parents: list[list[int]], order: list[int]) -> None:
    assert ar.BayesNet((len(parents),), parents=parents).ordering.tolist() == order


@pytest.mark.parametrize(
    ("parents", "cycle"),
    [
        ([[0]], "hen -> hen"),
        ([[1], [0]], "(hen -> egg -> hen|egg -> hen -> egg)"),
        ([[], [0, 3], [1], [2], [3]], "egg -> fox -> den -> egg"),
    ],
)
def test_cycles_are_named(parents: list[list[int]], cycle: str) -> None:
    names = ["hen", "egg", "fox", "den", "owl"][: len(parents)]
    with pytest.raises(ValueError, match=f"no cycles, but parents holds {cycle}$"):
        ar.BayesNet((len(parents),), parents=parents, names=names)


# -- tables ---------------------------------------------------------------------------------------------------------


def test_tables_have_their_parents_in_the_order_given() -> None:
    net = mixed()
    shapes = [tuple(net.table(v).shape) for v in range(5)]
    assert shapes == [(4, 2, 3), (3, 2), (3, 4), (3, 3, 2), (3,)]
    assert net.num_parameters() == 8 * 2 + 3 + 3 * 3 + 9 + 2
    for v in range(5):
        torch.testing.assert_close(net.table(v).sum(-1), torch.ones(shapes[v][:-1]).double())
    # p(x_0 = 2 | x_2 = 3, x_1 = 0), once from the table and once from the joint.
    assert net.table(0)[3, 0, 2].item() == pytest.approx(net.query(0, {2: 3, 1: 0})[2].item())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_set_is_what_the_table_holds(dtype: torch.dtype) -> None:
    net = ar.BayesNet((5,), **MIXED).to(dtype)
    atol = 1e-6 if dtype is torch.float32 else 1e-12
    for v in range(5):
        given = torch.rand(net.table(v).shape, dtype=torch.float64) + 0.1
        given /= given.sum(-1, keepdim=True)
        assert net.set_table(v, given.numpy()) is net
        torch.testing.assert_close(net.table(v), given, atol=atol, rtol=0)
    assert ar.total_probability(net) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("conditional", [None, ar.Categorical(2)])
def test_binary_tables_in_short(conditional: ar.Conditional | None) -> None:
    short = ar.BayesNet((2,), parents=[[], [0]], conditional=conditional).double()
    long = ar.BayesNet((2,), parents=[[], [0]], conditional=conditional).double()
    short.set_table(0, 0.25).set_table(1, [0.1, 1.0])
    long.set_table(0, [0.75, 0.25]).set_table(1, [[0.9, 0.1], [0.0, 1.0]])
    for v in (0, 1):
        assert torch.equal(short.table(v), long.table(v))
    assert short.table(1)[1].tolist() == [0, 1]
    certain = torch.tensor([[1, 0], [1, 1]]).to(short.event_dtype)
    assert short.log_prob(certain).tolist() == pytest.approx([-math.inf, math.log(0.25)])
    assert not (short.sample(500) == certain[0]).all(1).any()


@pytest.mark.parametrize(
    ("v", "table", "message"),
    [
        (1, [0.1, 0.2, 0.7], r"shape \(2, 2\), or \(2,\) with p\(b = 1\), got \(3,\)"),
        (0, [[0.5, 0.5]], r"table of a has shape \(2,\), or \(\) with p\(a = 1\), got \(1, 2\)"),
        (2, [0.5, 0.5], r"table of c has shape \(2, 3\), got \(2,\)"),
        (0, 1.5, r"sum to 1, got \[-0.5, 1.5\]"),
        (1, [[0.5, 0.5], [0.5, 0.4]], r"sum to 1, got \[0.5, 0.4\]"),
        (1, [0.5, math.nan], "got .*nan"),
        (2, [[0.2, 0.2, 0.6], [-0.1, 0.5, 0.6]], r"got \[-0.1, 0.5, 0.6\]"),
        (1, [[0.5, 0.5], [1.0]], "an array of numbers"),
        (0, "half", "an array of numbers"),
        (3, 0.5, "unknown variable 3; accepted are positions 0 to 2 and the names a, b, c"),
        ("d", 0.5, "unknown variable 'd'"),
    ],
)
def test_bad_tables(v: int | str, table: object, message: str) -> None:
    net = ar.BayesNet(
        (3,), parents=[[], [0], [1]], conditional=ar.Categorical((2, 2, 3)), names=["a", "b", "c"]
    )
    before = [parameter.clone() for parameter in net.parameters()]
    with pytest.raises(ValueError, match=message):
        net.set_table(v, table)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))


# -- counting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pseudocount", [0, 0.5, 1])
def test_counting_against_numpy(pseudocount: float) -> None:
    x = mixed().sample(3000, generator=torch.Generator().manual_seed(1))
    net = ar.BayesNet((5,), **MIXED).double()
    assert net.count(x, pseudocount=pseudocount) is net
    for v, parents in enumerate(net.parents):
        table = net.table(v).numpy()
        for row in np.ndindex(table.shape[:-1]):
            chosen = x.numpy()[(x.numpy()[:, parents] == row).all(1), v]
            counts = np.bincount(chosen, minlength=table.shape[-1]) + pseudocount
            np.testing.assert_allclose(table[row], counts / counts.sum(), atol=1e-12)


def test_counting_says_what_it_has_not_seen() -> None:
    """A cell never seen is impossible, a row never seen stays open; a pseudocount leaves nothing impossible."""
    x = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    net = ar.BayesNet((2,), parents=[[], [0]]).count(x, pseudocount=0)
    assert net.table(0).tolist() == [1, 0] and net.table(1).tolist() == [[0, 1], [0.5, 0.5]]
    assert net.log_prob(x).tolist() == [0, 0]
    assert net.log_prob(torch.tensor([[0.0, 0.0]])).item() == -math.inf
    torch.testing.assert_close(net.count(x).table(0), torch.tensor([0.75, 0.25]).double())


def test_no_other_tables_make_the_data_likelier() -> None:
    x = weather().sample(200, generator=torch.Generator().manual_seed(2))
    net = ar.BayesNet((4,), parents=WEATHER).double().count(x, pseudocount=0)
    best = net.loss(x).item()
    for seed in range(20):
        other = ar.BayesNet((4,), parents=WEATHER).double().count(x, pseudocount=0)
        assert randomised(other, 0.1, seed).loss(x).item() > best


@pytest.mark.parametrize(
    ("x", "pseudocount"),
    [
        (torch.zeros(0, 4), 1.0),
        (torch.zeros(2, 4), -1),
        (torch.zeros(2, 4), math.inf),
        (torch.zeros(2, 4), math.nan),
        (torch.zeros(2, 3), 1.0),
        (torch.full((2, 4), 0.5), 1.0),
    ],
)
def test_counting_needs_events(x: torch.Tensor, pseudocount: float) -> None:
    with pytest.raises(ValueError, match="needs events|shape|0 or 1"):
        ar.BayesNet((4,), parents=WEATHER).count(x, pseudocount=pseudocount)


def test_training_reaches_the_counts() -> None:
    x = weather().sample(400, generator=torch.Generator().manual_seed(3)).float()
    counted = ar.BayesNet((4,), parents=WEATHER).count(x, pseudocount=0)
    optimum = counted.loss(x).item()
    trained = ar.BayesNet((4,), parents=WEATHER)
    contract.check_fit_reaches(trained, x, optimum, steps=300)
    for v in range(4):
        torch.testing.assert_close(trained.table(v), counted.table(v), atol=0.02, rtol=0)


def test_fit_with_mixed_cardinalities() -> None:
    """Levels that a variable does not have are -inf in the logits, and must not spoil a gradient."""
    x = mixed().sample(600, generator=torch.Generator().manual_seed(4))
    net = ar.BayesNet((5,), **MIXED)
    optimum = ar.BayesNet((5,), **MIXED).count(x, pseudocount=0).loss(x).item()
    before = net.loss(x).item()
    history = ar.fit(net, x, epochs=60, batch_size=150, learning_rate=0.1, schedule="cosine")
    assert history.stopped_because == "epochs"
    assert all(torch.isfinite(parameter).all() for parameter in net.parameters())
    assert optimum - 1e-6 < net.loss(x).item() < optimum + 0.02 < before


# -- mixed cardinalities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 3.0},
        {"temperature": 1e-30},
        {"filter": ar.top_k(2)},
        {"filter": ar.top_p(0.9)},
    ],
    ids=["plain", "hot", "cold", "top_k", "top_p"],
)
def test_only_levels_that_exist_are_drawn(options: dict) -> None:
    net = mixed(0.3)
    x = net.sample(2000, generator=torch.Generator().manual_seed(5), **options)
    assert (x < torch.tensor(net.cardinalities)).all()
    if "filter" not in options and options.get("temperature") != 1e-30:
        assert (x.amax(0) + 1).tolist() == list(net.cardinalities)
    for step in net.sample_steps(3, **options):
        probs, missing = step.dist.probs, net.cardinalities[step.position]
        assert torch.isfinite(probs).all() and (probs[:, missing:] == 0).all()
        torch.testing.assert_close(probs.sum(-1), torch.ones(3).double())


def test_levels_beyond_a_variable_are_refused() -> None:
    net = mixed()
    x = torch.zeros(2, 5, dtype=torch.int64)
    x[1, 3] = 2  # other variables have a level 2, this one has not
    for refused in (net.log_prob, net.loss, net.count, net):
        with pytest.raises(ValueError, match="variable 3 has levels 0 to 1, got 2"):
            refused(x)


@pytest.mark.parametrize("build", [ar.FVSBN, ar.NADE, ar.MADE])
def test_other_models_refuse_mixed_cardinalities(build: Callable) -> None:
    with pytest.raises(ValueError, match=r"\(3, 2, 2\).* only BayesNet takes.*ar.Categorical\(3\)"):
        build((3,), conditional=ar.Categorical((3, 2, 2)))


# -- inference ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [weather, mixed])
def test_queries_against_brute_force(build: Callable[[], ar.BayesNet]) -> None:
    net = build()
    x, p = every_event(net)
    x = x.numpy()
    rng = np.random.default_rng(0)
    for _ in range(60):
        size = len(net.names)
        known = rng.choice(size, rng.integers(0, size + 1), replace=False).tolist()
        evidence = {v: int(rng.integers(net.cardinalities[v])) for v in known}
        fits = (x[:, known] == list(evidence.values())).all(1)
        assert net.probability(evidence) == pytest.approx(p[fits].sum(), abs=1e-12)
        for v in range(size):  # also where v itself is known
            expected = np.bincount(x[fits, v], p[fits], net.cardinalities[v]) / p[fits].sum()
            np.testing.assert_allclose(net.query(v, evidence).numpy(), expected, atol=1e-12)


def test_impossible_evidence() -> None:
    net = weather().set_table("Rainy", [0.0, 0.8])
    assert net.probability({"Cloudy": 0, "Rainy": 1}) == 0
    with pytest.raises(ValueError, match="evidence Cloudy = 0, Rainy = 1 has probability 0"):
        net.query("Windy", {"Cloudy": 0, "Rainy": 1})


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ({"Rainy": 2}, "Rainy has levels 0 to 1, got 2"),
        ({1: -1}, "Rainy has levels 0 to 1, got -1"),
        ({1: 1.0}, "Rainy has levels 0 to 1, got 1.0"),
        ({"rainy": 1}, "unknown variable 'rainy'; .*the names Cloudy, Rainy, Cold, Windy"),
        ({-1: 1}, "unknown variable -1"),
        ({True: 1}, "unknown variable True"),
        ({"Rainy": 1, 1: 1}, "Rainy is given twice"),
    ],
)
def test_bad_evidence(evidence: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        weather().query("Cold", evidence)
    with pytest.raises(ValueError, match=message):
        weather().probability(evidence)


def test_long_chains_are_enumerated_as_far_as_they_matter() -> None:
    """40 variables are far too many for a joint table; the first few, or independent ones, are not."""
    net = ar.BayesNet((40,), parents=[[], *[[v] for v in range(39)]]).double()
    net.set_table(0, 1.0)
    for v in range(1, 40):
        net.set_table(v, [0.1, 0.9])
    stay = 0.5 * (1 + 0.8**10)  # two states that swap with probability 0.1
    assert net.query(10)[1].item() == pytest.approx(stay)
    with pytest.raises(ValueError, match="too many to enumerate"):
        net.query(39)
    assert net.sample(3).shape == (3, 40)


# -- building and saving --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((2, 2), {"parents": [[]] * 4}, r"event_shape of a BayesNet is \(D,\), got \(2, 2\)"),
        (4, {"parents": [[]] * 4}, r"is \(D,\), got 4"),
        ((0,), {"parents": []}, "positive ints"),
        ((2,), {"parents": [[]]}, r"parents must be 2 lists of positions.*got \[\[\]\]"),
        ((2,), {"parents": None}, "got None"),
        ((2,), {"parents": [[], [2]]}, r"parents of variable 1 .* in 0..1, got \[2\]"),
        ((2,), {"parents": [[], [-1]]}, r"got \[-1\]"),
        ((2,), {"parents": [[], [0, 0]]}, r"distinct positions in 0..1, got \[0, 0\]"),
        ((2,), {"parents": [[], ["x_1"]]}, r"got \['x_1'\]"),
        ((2,), {"parents": [[], 0]}, "variable 1 must be distinct positions in 0..1, got 0"),
        ((2,), {"parents": [[], []], "names": ["a", "a"]}, "names must be 2 distinct strings"),
        ((2,), {"parents": [[], []], "names": ["a"]}, "names must be 2 distinct strings"),
        ((2,), {"parents": [[], []], "names": "ab"}, "2 distinct strings, got 'ab'"),
        ((2,), {"parents": [[], []], "names": [0, 1]}, "2 distinct strings"),
        (
            (2,),
            {"parents": [[], []], "conditional": ar.Categorical((2, 3, 2))},
            r"is for 3 variables, event_shape has 2",
        ),
        (
            (1,),
            {"parents": [[]], "conditional": ar.GaussianMixture(1)},
            "BayesNet takes Bernoulli, Categorical as conditional",
        ),
        ((21,), {"parents": [[]] * 20 + [list(range(20))]}, r"x_21 would have 2,097,152 cells"),
    ],
)
def test_bad_arguments(shape: tuple, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.BayesNet(shape, **arguments)


def test_a_large_table_works() -> None:
    size = 17
    net = ar.BayesNet((size,), parents=[[]] * (size - 1) + [list(range(size - 1))])
    assert net.num_parameters() == size - 1 + 2 ** (size - 1)
    x = net.sample(5)
    assert net.log_prob(x).tolist() == pytest.approx([-size * math.log(2)] * 5, rel=1e-5)


@pytest.mark.parametrize("build", [weather, mixed])
def test_save_and_load(build: Callable[[], ar.BayesNet], tmp_path) -> None:
    net = build()
    net.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    assert isinstance(loaded, ar.BayesNet)
    assert (loaded.names, loaded.parents) == (net.names, net.parents)
    assert loaded.conditional == net.conditional and loaded.cardinalities == net.cardinalities
    assert all(torch.equal(loaded.table(v), net.table(v)) for v in range(len(net.names)))


def test_arguments_that_are_no_json_are_saved_as_lists(tmp_path) -> None:
    net = ar.BayesNet((3,), parents=[range(0), range(1), range(2)], names=("a", "b", "c"))
    net.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["arguments"]["parents"] == [[], [0], [0, 1]]
    assert ar.load_pretrained(tmp_path).names == ("a", "b", "c")


def test_impossible_events_survive_a_save(tmp_path) -> None:
    net = weather().set_table("Rainy", [0.0, 1.0])
    net.save_pretrained(tmp_path)
    assert ar.load_pretrained(tmp_path).table("Rainy").tolist() == [[1, 0], [0, 1]]
