"""The walk through a Bayes net: products by hand, values by hand, and drawings in which nothing runs into a box."""

from __future__ import annotations

import html
import math
import re
import statistics
import time
from itertools import pairwise

import ipywidgets
import pytest
import torch

import armodels_lite as ar
from armodels_lite.widgets import NetworkWalk, network_figure
from armodels_lite.widgets.cutting import cut
from armodels_lite.widgets.network_layout import Layout, layered, placed
from armodels_lite.widgets.network_state import Decision, NetworkState
from armodels_lite.widgets.network_table import draw_decision
from armodels_lite.widgets.network_view import Naming, make_layout

NOISE = torch.tensor([0.5, 0.9, 0.2, 0.35])  # the weather: cloudy, not rainy, cold, windy


def weather() -> ar.BayesNet:
    names = ["Cloudy", "Rainy", "Cold", "Windy"]
    net = ar.BayesNet((4,), parents=[[], [0], [1], [0, 1]], names=names)
    net.set_table("Cloudy", 0.6).set_table("Rainy", [0.1, 0.8]).set_table("Cold", [0.3, 0.7])
    return net.set_table("Windy", [[0.2, 0.3], [0.4, 0.5]])


def chest() -> ar.BayesNet:
    """The variables of S. L. Lauritzen and D. J. Spiegelhalter (1988)."""
    parents = [[], [], [0], [1], [1], [2, 3], [5], [5, 4]]
    names = ["visit to Asia", "smoking", "tuberculosis", "lung cancer", "bronchitis"]
    names += ["tuberculosis or cancer", "positive X-ray", "dyspnoea"]
    net = ar.BayesNet((8,), parents=parents, names=names)
    return net.set_table("tuberculosis or cancer", [[0, 1], [1, 1]])


def mixed() -> ar.BayesNet:
    net = ar.BayesNet((3,), parents=[[], [0], [0, 1]], conditional=ar.Categorical((3, 2, 2)))
    net.set_table(0, [0.2, 0.3, 0.5]).set_table(1, [0.1, 0.4, 0.7])
    return net.set_table(2, [[0.1, 0.2], [0.3, 0.4], [0.6, 0.9]])


def crowded() -> ar.BayesNet:
    """Arrows across one to three layers."""
    parents = [[], [], [0, 1], [2], [3, 0, 1, 2], [0], [5, 4, 1], [2, 0]]
    return ar.BayesNet((8,), parents=parents)


NETS = {
    "weather": weather,
    "chest": chest,
    "mixed": mixed,
    "crowded": crowded,
    "one": lambda: ar.BayesNet((1,), parents=[[]]),
    "reversed": lambda: ar.BayesNet((3,), parents=[[1, 2], [2], []]),
    "no arrows": lambda: ar.BayesNet((3,), parents=[[], [], []]),
}


def said(walk: NetworkWalk) -> str:
    return " ".join(walk.sentences(walk.frame(walk.step)))


def dropdown(walk: NetworkWalk, name: str) -> ipywidgets.Dropdown:
    return next(w for w in walk.children[2].children if w.description == name)


def press(walk: NetworkWalk, name: str) -> None:
    next(w for w in walk.children[2].children if w.description == name).click()


# -- what happens --------------------------------------------------------------------------------------------------


def test_products_by_hand() -> None:
    walk = NetworkWalk(weather(), noise=NOISE)
    factors = [0.6, 0.2, 0.3, 0.4]
    values = [1, 0, 1, 1]
    for step in range(5):
        frame = walk.frame(step)
        assert frame.probability == pytest.approx(math.prod(factors[:step]), rel=1e-6)
        assert frame.log_prob == pytest.approx(sum(map(math.log, factors[:step])), abs=1e-6)
        assert [decision.value for decision in frame.decisions] == values[:step]
    last = frame.decisions[-1]
    assert last.row == (1, 0) and last.table.shape == (2, 2, 2) and not last.given
    assert last.probs.tolist() == pytest.approx([0.6, 0.4], abs=1e-6)
    assert walk.state.x.tolist() == [[1, 0, 1, 1]]


def test_words_at_each_step() -> None:
    walk = NetworkWalk(weather(), noise=NOISE)
    assert said(walk).startswith("Nothing is decided yet. Each of the 4 variables")
    expected = [
        "Cloudy: u = 0.500 < p(yes) = 0.600, so Cloudy = yes. p(so far) = 0.6, log p = -0.511 nats.",
        "Rainy, given Cloudy = yes: u = 0.900 ≥ p(yes) = 0.800, so Rainy = no. "
        "p(so far) = 0.6 × 0.2 = 0.12, log p = -2.120 nats.",
        "Cold, given Rainy = no: u = 0.200 < p(yes) = 0.300, so Cold = yes. "
        "p(so far) = 0.6 × 0.2 × 0.3 = 0.036, log p = -3.324 nats.",
        "Windy, given Cloudy = yes, Rainy = no: u = 0.350 < p(yes) = 0.400, so Windy = yes. "
        "p(x) = 0.6 × 0.2 × 0.3 × 0.4 = 0.0144, log p(x) = -4.241 nats.",
    ]
    for step, words in enumerate(expected, start=1):
        walk.step = step
        assert said(walk) == f"{words} Drawn with given noise."
        assert html.escape(words.split(" p(so far)")[0].split(" p(x)")[0]) in walk._words.value


def test_every_value_set_by_hand_gives_the_joint_probability() -> None:
    walk = NetworkWalk(weather(), noise=NOISE, start=4)
    for name in walk.net.names:
        dropdown(walk, name).value = 1
    assert walk.frame(4).probability == pytest.approx(0.168, rel=1e-6)
    assert "p(x) = 0.6 × 0.8 × 0.7 × 0.5 = 0.168, log p(x) = -1.784 nats." in said(walk)
    assert "Windy = yes was set by hand, not drawn; its probability is 0.500." in said(walk)
    assert "net.query" not in said(walk)  # nothing is drawn, so nothing needs a warning
    assert "not used" in walk._charts[1].value and "yes, given" in walk._charts[0].value


def test_reset_takes_values_back_and_keeps_the_noise() -> None:
    walk = NetworkWalk(weather(), noise=NOISE, start=4)
    before = walk.state.x
    walk.give("Rainy", "yes")
    assert walk.state.x.tolist()[0][:2] == [1, 1] and "net.query" in said(walk)
    assert dropdown(walk, "Rainy").label == "yes"
    walk.controls._handle_custom_msg({"action": "reset"}, [])
    assert walk.step == 0 and walk.state.given == {} and torch.equal(walk.state.x, before)
    assert dropdown(walk, "Rainy").label == "drawn"
    walk.give("Cold", 0)
    walk.give("Cold", None)
    assert torch.equal(walk.state.x, before)


def test_new_noise_is_that_of_the_next_seed() -> None:
    walk = NetworkWalk(chest(), seed=5, start=8)
    pictures = {walk._charts[1].value}
    for seed in (6, 7):
        press(walk, "New noise")
        generator = torch.Generator().manual_seed(seed)
        assert torch.equal(walk.state.x, walk.net.sample(1, generator=generator))
        assert f"noise of seed {seed}" in said(walk)
        pictures.add(walk._charts[1].value)
    assert len(pictures) == 3
    walk = NetworkWalk(weather(), noise=NOISE)
    press(walk, "New noise")
    assert walk.state.seed == 0


@pytest.mark.parametrize("name", NETS)
def test_values_are_those_of_sampling(name: str) -> None:
    net = NETS[name]()
    for seed in range(5):
        state = NetworkState(net, seed=seed)
        frame = state.frame(net.num_variables)
        assert torch.equal(state.x, net.sample(noise=state.noise))
        assert [d.variable for d in frame.decisions] == net.ordering.tolist()
        assert frame.log_prob == pytest.approx(net.log_prob(state.x).item(), abs=1e-5)
        for decision in frame.decisions:
            assert decision.value == state.x[0, decision.variable]
            assert decision.u == state.noise[0, decision.variable]


def test_mixed_cardinalities() -> None:
    walk = NetworkWalk(mixed(), noise=torch.tensor([0.45, 0.7, 0.95]), start=1)
    assert "x_1: 0.200 ≤ u = 0.450 < 0.500, the share of 1, so x_1 = 1." in said(walk)
    walk.step = 2  # p(x_2 = 0 | x_1 = 1) = 0.6, and small u gives small levels
    assert "0.600 ≤ u = 0.700 < 1.000, the share of yes, so x_2 = yes." in said(walk)
    walk.step = 3
    assert "p(x) = 0.3 × 0.4 × 0.4 = 0.048" in said(walk)
    assert [w[0] for w in dropdown(walk, "x_1").options] == ["drawn", "0", "1", "2"]
    walk.give("x_1", 2)
    assert walk.frame(3).decisions[2].row[0] == 2


def test_impossible_values_have_probability_zero() -> None:
    walk = NetworkWalk(chest(), seed=0, start=8)
    for name, value in (("tuberculosis", 1), ("tuberculosis or cancer", 0)):
        walk.give(name, value)
    assert walk.frame(8).probability == 0 and walk.frame(8).log_prob == -math.inf
    assert "= 0, log p(x) = -∞ nats" in said(walk)


def test_long_products_are_shortened() -> None:
    walk = NetworkWalk(ar.BayesNet((14,), parents=[[]] * 14), start=14)
    assert said(walk).count("×") == 10 and "0.5 × … × 0.5" in said(walk)
    assert walk.frame(14).probability == 0.5**14


def test_a_changed_net_is_read_again() -> None:
    walk = NetworkWalk(weather(), noise=NOISE, start=1)
    walk.net.set_table("Cloudy", 0.25)
    walk.reset()
    assert walk.frame(1).probability == pytest.approx(0.75) and walk.state.x[0, 0] == 0


# -- what is shown -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_every_step_is_drawn(name: str) -> None:
    walk = NetworkWalk(NETS[name](), seed=1)
    shown = {(walk._charts[0].value, walk._charts[1].value)}
    for step in range(1, walk.last + 1):
        walk.step = step
        shown.add((walk._charts[0].value, walk._charts[1].value))
        variable = walk.net.names[walk.frame(step).decisions[-1].variable]
        assert f"; now {variable}" in walk._charts[0].value
        assert f"table p({variable}" in walk._charts[1].value
    assert len(shown) == walk.last + 1
    assert repr(walk) == f"NetworkWalk(step {walk.last} of {walk.last})"


def test_value_names() -> None:
    names = {"Cold": ("mild", "cold"), 3: ["calm", "windy"]}
    walk = NetworkWalk(weather(), noise=NOISE, value_names=names, start=4)
    assert "u = 0.350 < p(windy) = 0.400, so Windy = windy." in said(walk)
    assert Naming(mixed(), [("a", "b", "c"), ("d", "e"), ("f", "g")]).says(0, 2) == "x_1 = c"
    walk.give("Cold", "mild")
    assert walk.state.given == {2: 0}


def test_the_table_marks_one_row_and_one_number() -> None:
    decision = Decision(3, (1, 0), weather().table(3).numpy(), u=0.35, value=1, given=False)
    drawing = draw_decision(Naming(weather()), decision, (0, 1), ones_first=True)
    row = 26 + 20 * 3  # below the heads, the third of four
    tinted = [part for part in drawing.parts if 'fill-opacity="0.35"' in part]
    assert len(tinted) == 1 and f'y="{row:.1f}"' in tinted[0]
    assert sum("<polygon" in part for part in drawing.parts) == 1  # the arrow, for prints in grey
    bold = [part for part in drawing.parts if 'font-weight="600"' in part and ">0.400<" in part]
    assert len(bold) == 1 and f'y="{row + 15:.1f}"' in bold[0]


def test_of_a_large_table_the_part_in_use_is_shown() -> None:
    parents = [[], [], [], [], [0, 1, 2, 3]]
    net = ar.BayesNet((5,), parents=parents, conditional=ar.Categorical((4, 4, 4, 4, 12)))
    walk = NetworkWalk(net, noise=torch.full((5,), 0.6), start=5)
    picture = walk._charts[1].value
    row = 2 * (64 + 16 + 4 + 1)
    assert f"({row - 4} more)" in picture and f"({256 - row - 4} more)" in picture
    assert picture.count(">0.083<") == 8 * 6 + 1  # rows and columns; and one bound of the shares


def test_strip_shows_frames_and_stays() -> None:
    walk = NetworkWalk(weather(), noise=NOISE, start=2)
    strip = walk.strip()
    assert walk.step == 2 and walk.strip_steps() == [1, 2, 3, 4]
    assert "step 4: Windy: Windy, given Cloudy = yes, Rainy = no" in strip.alt
    assert "= 0.0144" in strip.alt and "currentColor" not in strip.svg
    assert walk.strip([0]).alt.startswith("step 0: Nothing is decided")
    assert NetworkWalk(chest()).strip_steps() == [3, 5, 8]
    assert NetworkWalk(NETS["one"]()).strip_steps() == [1]
    with pytest.raises(ValueError, match="steps are 0 to 4, got 5"):
        walk.strip([5])


def test_figure_shows_what_is_known() -> None:
    drawing = network_figure(weather(), given={"Rainy": 1}, values={0: "p = 0.92"})
    assert drawing.label == (
        "Bayes net with the arrows Cloudy to Rainy, Rainy to Cold, Cloudy to Windy, Rainy to Windy; "
        "Cloudy: p = 0.92; Rainy: yes, given"
    )
    assert network_figure(weather(), given="Rainy").svg().count(">given<") == 1
    plain = network_figure(weather())
    assert plain.height < drawing.height and "fill-opacity" not in plain.svg().replace(
        'fill="none" fill-opacity="0.35"', ""
    )


# -- the layout ----------------------------------------------------------------------------------------------------


def boxes_hit(layout: Layout) -> list[tuple[tuple[int, int], int]]:
    """The arrows that run through a box that is not theirs."""
    half = [side / 2 for side in layout.box]
    return [
        (ends, v)
        for ends, route in layout.routes.items()
        for v, (x, y) in enumerate(layout.centres)
        if v not in ends and cut(route, (x - half[0], x + half[0]), (y - half[1], y + half[1]))
    ]


def overlapping(layout: Layout) -> bool:
    width, height = layout.box
    return any(
        abs(a[0] - b[0]) < width and abs(a[1] - b[1]) < height
        for k, a in enumerate(layout.centres)
        for b in layout.centres[:k]
    )


@pytest.mark.parametrize("name", NETS)
def test_no_arrow_runs_through_a_box(name: str) -> None:
    net = NETS[name]()
    layout = make_layout(net, words=["yes, given"])
    assert boxes_hit(layout) == [] and not overlapping(layout)
    for (parent, child), route in layout.routes.items():
        assert all(a[1] < b[1] for a, b in pairwise(route))  # downwards
        assert route[0][0] == layout.centres[parent][0]
        assert abs(route[-1][0] - layout.centres[child][0]) < layout.box[0] / 2
    inside = [*layout.centres, *(point for route in layout.routes.values() for point in route)]
    assert all(0 < x < layout.width and 0 < y < layout.height for x, y in inside)


def test_random_graphs_have_room() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        chance = torch.rand(9, 9, generator=generator)
        parents = [[u for u in range(v) if chance[v, u] < 0.3] for v in range(9)]
        layout = layered(parents, range(9), (70, 44))
        assert boxes_hit(layout) == [] and not overlapping(layout), parents


def test_a_wide_layer_is_uncrossed() -> None:
    layout = layered([[], [], [], [2], [1], [0]], range(6), (60, 40))
    assert [layout.centres[v][0] for v in (3, 4, 5)] == pytest.approx(
        [layout.centres[v][0] for v in (2, 1, 0)]
    )


def test_given_positions_are_kept_and_arrows_bend() -> None:
    positions = [(0.5, 0.0), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0)]
    layout = make_layout(weather(), positions)
    centres = layout.centres
    assert centres[0][0] == centres[1][0] == centres[3][0] > centres[2][0]
    assert boxes_hit(layout) == []  # Cloudy to Windy goes around Rainy
    assert len(layout.routes[0, 3]) == 3 and len(layout.routes[0, 1]) == 2
    wide = placed([[], []], [(0, 0), (0.35, 0)], (150, 40), ("a", "b"))
    assert wide.width > 360 and not overlapping(wide)


# -- bad arguments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": torch.full((3,), 0.5)}, r"has shape \(1, 4\) or \(4,\), got \(3,\)"),
        ({"noise": torch.zeros(4)}, "strictly between 0 and 1"),
        ({"noise": torch.full((2, 4), 0.5)}, r"or \(4,\), got \(2, 4\)"),
        ({"noise": torch.ones(4, dtype=torch.int64)}, "noise must be floats"),
        ({"seed": -1}, r"seed must be an int from 0 to 2\^64 - 1, got -1"),
        ({"start": 5}, "steps are 0 to 4, got 5"),
        ({"positions": [(0, 0)]}, r"positions must be 4 pairs \(x, y\) of numbers in 0..1"),
        ({"positions": [(0, 0)] * 3 + [(2, 0)]}, "positions must be 4 pairs"),
        ({"positions": [(0, 0), (0, 0), (1, 0), (1, 1)]}, "of Cloudy and Rainy are too close"),
        ({"value_names": {"Rainy": ("dry",)}}, "of Rainy must be 2 distinct strings"),
        ({"value_names": {"Rainy": ("dry", "dry")}}, "of Rainy must be 2 distinct strings"),
        ({"value_names": {"Rainy": 2}}, "of Rainy must be 2 distinct strings, got 2"),
        ({"value_names": 5}, "one entry for each of 4 variables, got 5"),
        ({"value_names": {"Snow": ("no", "yes")}}, "unknown variable 'Snow'"),
        ({"value_names": [("no", "yes")]}, "one entry for each of 4 variables"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_arguments(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkWalk(weather(), **options)


def test_long_names_stay_legible() -> None:
    walk = NetworkWalk(ar.BayesNet((2,), parents=[[], [0]], names=["x" * 200, "y"]))
    for step in (0, 2):
        sizes = re.findall(r'font-size="([0-9.]+)"', walk.drawings(walk.frame(step))[1].svg())
        assert min(map(float, sizes)) >= 10


def test_the_largest_seed_is_followed_by_the_smallest() -> None:
    walk = NetworkWalk(weather(), seed=2**64 - 1)
    walk._renew()
    assert walk.state.seed == 0


def test_only_bayes_nets_are_walked() -> None:
    with pytest.raises(TypeError, match="net must be an ar.BayesNet, got FVSBN"):
        NetworkWalk(ar.FVSBN((4,)))
    with pytest.raises(TypeError, match="noise must be a torch.Tensor, got list"):
        NetworkWalk(weather(), noise=[0.5] * 4)


def test_only_values_that_exist_are_given() -> None:
    walk = NetworkWalk(weather())
    for value in (2, "maybe", True, 0.0):
        with pytest.raises(
            ValueError, match="Rainy can be 0 to 1, no, yes, or None for drawn, got"
        ):
            walk.give("Rainy", value)
    with pytest.raises(ValueError, match="Rainy has values 0 to 1, got 2"):
        network_figure(weather(), given={"Rainy": 2})
    with pytest.raises(ValueError, match="unknown variable 'Snow'"):
        network_figure(weather(), values={"Snow": 1})


def test_a_step_costs_the_kernel_little() -> None:
    """Prints what a step costs (pytest -s); the limit leaves a factor of ten, so only a blunder exceeds it."""
    walk = NetworkWalk(chest())
    durations = []
    for step in range(1, walk.last + 1):
        start = time.perf_counter()
        walk.step = step
        durations.append(1000 * (time.perf_counter() - start))
    median = statistics.median(durations)
    print(f"\n{walk}: median {median:.2f} ms a step, longest {max(durations):.1f} ms")
    assert median < 30
