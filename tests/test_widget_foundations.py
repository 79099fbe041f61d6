"""The widgets of the first notebook without a browser: numbers against other formulas, controls by traits."""

from __future__ import annotations

import html
import math
import re
import warnings
from collections.abc import Callable
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
import torch
from scipy import stats
from test_widgets import descendants, find, press

from armodels_lite import FVSBN, NADE, Categorical, GatedPixelCNN, PixelCNN, Transformer
from armodels_lite.widgets import (
    ARProcess,
    AttackSizes,
    AttentionViewer,
    BernoulliLikelihood,
    DecisionBoundary,
    DilationTree,
    GradientReach,
    HistogramBins,
    HoleFiller,
    MaskStepper,
    MixtureSteps,
    NADEWalk,
    NextSymbol,
    OrderingWalk,
    Purifier,
    SkewWalk,
    Stepper,
    TextSampler,
    TwoKLs,
    UnrolledRNN,
)
from armodels_lite.widgets.bernoulli_likelihood import likelihood_frame
from armodels_lite.widgets.histogram_bins import best_bins, histogram_frame


def data(n: int = 80, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, generator=generator) ** 2 * 4 - 1


def histogram(**options: object) -> HistogramBins:
    return HistogramBins(data(), data(40, 1), low=-1.0, high=3.0, **{"most": 30, **options})


def nade_walk(**options: object) -> NADEWalk:
    torch.manual_seed(0)
    image = torch.tensor([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]]).float()
    return NADEWalk(NADE((1, 4, 4), hidden=6), image, **options)


def hole_filler(**options: object) -> HoleFiller:
    torch.manual_seed(0)
    models = [NADE((1, 6, 6), hidden=6, order_agnostic=True) for _ in range(2)]
    for model in models:
        torch.nn.init.normal_(model.W)
    images = (torch.rand(3, 1, 6, 6) < 0.4).float()
    return HoleFiller(models[0], images, models[1], **options)


def attack_sizes(**options: object) -> AttackSizes:
    rng = np.random.default_rng(0)
    log_probs, right = rng.normal(-80, 10, 60), rng.random(60) < 0.9
    row = [(log_probs - 15 * size, right & (rng.random(60) < 0.5)) for size in range(1, 6)]
    attacks = {"noise <&>": row, "PGD": row[::-1]}
    reference = rng.normal(-80, 10, 60)
    return AttackSizes(reference, (log_probs, right), attacks, tuple("12345"), **options)


def purifier(**options: object) -> Purifier:
    torch.manual_seed(0)
    model = FVSBN((1, 4, 5), conditional=Categorical(5))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    clean, attacked = torch.randint(0, 5, (2, 3, 1, 4, 5)) / 4
    return Purifier(model, clean, attacked, lambda x: x.flatten(1)[:, :3], eps=0.25, **options)


def text_sampler(**options: object) -> TextSampler:
    return TextSampler(FVSBN((20,), conditional=Categorical(5)), "ab <\n", prompt="a<", **options)


def attention(**options: object) -> AttentionViewer:
    torch.manual_seed(0)
    model = Transformer((12,), width=8, layers=2, heads=2, conditional=Categorical(5))
    x = torch.tensor([0, 1, 2, 3, 4, 0, 2, 1, 1, 3])
    return AttentionViewer(model, x, "ab <\n", **options)


def mixture(**options: object) -> MixtureSteps:
    return MixtureSteps(data(), data(40, 1), **options)


def next_symbol(**options: object) -> NextSymbol:
    rng = np.random.default_rng(0)
    symbols = [f"word {number} <&>" for number in range(40)]
    return NextSymbol(torch.from_numpy(2 * rng.normal(size=40)), symbols, **options)


def masks_of(kind: type, shape: tuple[int, int, int], channels: int) -> Callable[..., Stepper]:
    """A stepper through the masks of four layers of 3 x 3."""

    def make(**options: object) -> Stepper:
        torch.manual_seed(0)
        return MaskStepper(kind(shape, channels=channels, layers=4, kernel_size=3), **options)

    return make


def unrolled(**options: object) -> UnrolledRNN:
    rng = np.random.default_rng(0)
    shapes = [(3, 3), (3, 4), (4, 3), (3,)]
    return UnrolledRNN(*map(rng.normal, [0] * 4, [1] * 4, shapes), others=("hole",), **options)


MAKERS = {
    "histogram": histogram,
    "hole": hole_filler,
    "bernoulli": BernoulliLikelihood,
    "kls": TwoKLs,
    "ar": ARProcess,
    "attacks": attack_sizes,
    "attention": attention,
    "orderings": OrderingWalk,
    "purifier": purifier,
    "skew": SkewWalk,
    "boundary": DecisionBoundary,
    "dilations": DilationTree,
    "gradients": GradientReach,
    "nade": nade_walk,
    "masks": MaskStepper,
    "pixelcnn": masks_of(PixelCNN, (1, 5, 5), channels=4),
    "gated": masks_of(GatedPixelCNN, (1, 5, 5), channels=4),
    "rgb": masks_of(PixelCNN, (3, 3, 3), channels=6),
    "mixture": mixture,
    "text": text_sampler,
    "next": next_symbol,
    "unrolled": unrolled,
}
every_widget = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def words(widget: Stepper) -> str:
    return html.unescape(re.sub("<[^>]*>", " ", widget._words.value))


def pictures(widget: Stepper) -> list[str]:
    return [chart.value for chart in widget._charts]


# -- what all of them must do ------------------------------------------------------------------------------------


@every_widget
def test_every_step_draws_well_formed_pictures_inside_their_canvas(make: type[Stepper]) -> None:
    widget = make()
    for step in range(0, widget.last + 1, 3):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            widget.step = step
        assert widget.controls.drawn == step and widget.controls.error == ""
        assert words(widget).strip() and "nan" not in words(widget)
        for picture in pictures(widget):
            svg = ElementTree.fromstring(picture)
            picture = re.sub('href="[^"]*"', "", picture)  # a PNG in letters may spell anything
            assert svg.get("aria-label") and "nan" not in picture and '"inf' not in picture
            width = float(svg.get("width"))
            for item in svg.iter():
                places = [float(item.get(key)) for key in ("x", "x1", "x2", "cx") if item.get(key)]
                assert all(0 <= place <= width for place in places)


@every_widget
def test_keys_and_reset_walk(make: type[Stepper]) -> None:
    widget = make()
    before = pictures(widget)
    widget.controls.set_state({"step": widget.step + 1})  # as the browser does
    assert pictures(widget) != before
    press(widget.controls, {"action": "reset"})
    assert widget.step == 0
    for step in (-1, widget.last + 1, 2.0):
        with pytest.raises(ValueError, match=f"steps are 0 to {widget.last}"):
            widget.step = step
        with pytest.raises(ValueError, match="steps are 0 to"):
            make(start=step)


@every_widget
def test_every_control_says_what_it_is(make: type[Stepper]) -> None:
    widget = make()
    kinds = (ipywidgets.Button, ipywidgets.Dropdown, ipywidgets.IntSlider, ipywidgets.FloatSlider)
    controls = [w for w in descendants(widget) if isinstance(w, kinds)]
    assert controls and widget.controls.label
    for control in controls:
        assert control.description and control.tooltip
    assert not any(isinstance(w, ipywidgets.Output) for w in descendants(widget))


@every_widget
def test_errors_are_shown_and_raised(make: type[Stepper], monkeypatch: pytest.MonkeyPatch) -> None:
    widget = make()
    good = type(widget).frame

    def bad(self: Stepper, step: int) -> object:
        if step == 3:
            raise ArithmeticError("no frame three")
        return good(self, step)

    monkeypatch.setattr(type(widget), "frame", bad)
    with pytest.raises(ArithmeticError):
        widget.step = 3
    assert widget.controls.error == "ArithmeticError: no frame three"
    widget.step = 4
    assert widget.controls.error == ""


@every_widget
def test_strip_has_alt_text_and_leaves_the_widget_alone(make: type[Stepper]) -> None:
    widget = make()
    step, before = widget.step, pictures(widget)
    picture = widget.strip()
    root = ElementTree.fromstring(picture.svg)
    frames = widget.strip_frames()
    charts = len(widget.strip_drawings(frames[0]))
    assert len(frames) >= 3 and charts >= 1
    assert len(root.findall("{*}g")) == len(frames) * (charts + 1), "charts with words below"
    for frame in frames:
        assert f"{widget.caption(frame)}: {widget.told(frame)[0]}" in picture.alt
    assert 'alt="' in picture._repr_html_()
    assert (widget.step, pictures(widget)) == (step, before)
    assert widget.strip([2]).svg == make().strip([2]).svg != widget.strip([4]).svg
    with pytest.raises(ValueError, match="steps are 0 to"):
        widget.strip([widget.last + 1])
    with pytest.raises(ValueError, match="0 frames"):
        widget.strip([])


# -- histogram ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [1, 2, 7, 30])
@pytest.mark.parametrize("pseudocount", [0.0, 0.5, 2.0])
def test_histogram_frame_is_what_numpy_counts(bins: int, pseudocount: float) -> None:
    train, held_out = data().double(), data(40, 1).double()
    frame = histogram_frame(train, held_out, bins, low=-1.0, high=3.0, pseudocount=pseudocount)
    counts, edges = np.histogram(train, bins=bins, range=(-1, 3))
    density = (counts + pseudocount) / (len(train) + pseudocount * bins) / (4 / bins)
    assert np.allclose(frame.edges, edges) and np.allclose(frame.density, density)
    assert frame.density.sum() * frame.width == pytest.approx(1)
    at = [density[np.digitize(x, edges[1:-1])] for x in (train, held_out)]
    with np.errstate(divide="ignore"):
        expected = [np.log(values).mean() for values in at]
    assert [frame.train, frame.held_out] == pytest.approx(expected)
    assert len(frame.lost) == (at[1] == 0).sum()


def test_one_bin_is_the_uniform_density() -> None:
    frame = histogram().frame(1)
    assert frame.train == frame.held_out == pytest.approx(-math.log(4)) and frame.density == [0.25]


def test_points_in_empty_bins_are_counted_and_said() -> None:
    train, held_out = torch.tensor([0.1, 0.15, 0.9]), torch.tensor([0.12, 0.5, 0.7, 0.95])
    widget = HistogramBins(train, held_out, low=0.0, high=1.0, most=5, start=5)
    assert widget.frame(5).lost == pytest.approx([0.5, 0.7], abs=1e-6)
    assert "held-out -∞: 2 of 4 held-out points fall into empty bins" in words(widget)
    assert "ticks: -∞" in html.unescape(pictures(widget)[1])
    widget.step = 3
    assert "1 of 4 held-out points falls into an empty bin" in words(widget)
    widget.step = 5
    find(widget, "pseudocount").value = 0.5
    assert "∞" not in words(widget) + pictures(widget)[1]
    # Masses (2.5, 0.5, 0.5, 0.5, 1.5) / 5.5 in bins of width 0.2.
    expected = np.log(np.array([2.5, 0.5, 0.5, 1.5]) / 5.5 / 0.2).mean()
    assert f"held-out {expected:.3f}" in words(widget)


def test_the_best_number_of_bins_is_found_and_said() -> None:
    widget = histogram(pseudocount=1.0)
    values = [widget.frame(bins).held_out for bins in range(1, 31)]
    best = int(np.argmax(values)) + 1
    assert best_bins(widget.frames[1:]) == best
    assert f"Best on held-out data with pseudocount 1: {best} bin" in words(widget)
    assert f"{max(values):.3f} nats" in words(widget)


def test_step_zero_shows_the_data_alone_and_reset_restores_the_pseudocount() -> None:
    widget = histogram(pseudocount=0.25)
    find(widget, "pseudocount").value = 2.0
    assert widget.pseudocount == 2.0 and "width" in words(widget)
    press(widget.controls, {"action": "reset"})
    assert widget.step == 0 and find(widget, "pseudocount").value == widget.pseudocount == 0.25
    assert "No bins yet: 80 training and 40 held-out points." in words(widget)
    assert repr(histogram(start=12)) == "HistogramBins(bins 12 of 30)"


def test_a_rug_of_much_data_is_thinned() -> None:
    widget = HistogramBins(data(500), data(2000, 1), low=-1.0, high=3.0, most=5, pseudocount=1.0)
    ticks = ElementTree.fromstring(pictures(widget)[0]).findall("{*}line[@stroke-width='0.8']")
    assert len(ticks) == 120


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"train": [1.0]}, TypeError, "train must be a tensor of floats, got list"),
        (
            {"train": torch.arange(3)},
            TypeError,
            "train must be a tensor of floats, got torch.int64",
        ),
        ({"held_out": torch.rand(3, 1)}, ValueError, r"held_out must have shape \(n,\)"),
        ({"held_out": torch.rand(0)}, ValueError, "with n > 0"),
        (
            {"held_out": torch.tensor([0.5, 2.0])},
            ValueError,
            "between low = 0.0 and high = 1.0, got 2.0",
        ),
        ({"train": torch.tensor([math.nan])}, ValueError, "train must lie between .* got nan"),
        ({"low": 1.0}, ValueError, "low must be below high"),
        ({"high": math.inf}, ValueError, "low must be below high and both finite"),
        ({"most": 1}, ValueError, "most must be an int of at least 2, got 1"),
        ({"most": 5.0}, ValueError, "most must be an int of at least 2, got 5.0"),
        ({"pseudocount": -1.0}, ValueError, "pseudocount must be a finite number >= 0, got -1.0"),
        ({"start": 11, "most": 10}, ValueError, "steps are 0 to 10, got 11"),
    ],
)
def test_histogram_refuses_bad_arguments(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    arguments = {"train": torch.rand(5), "held_out": torch.rand(5), "low": 0.0, "high": 1.0}
    with pytest.raises(error, match=message):
        HistogramBins(**{**arguments, **change})


# -- Bernoulli ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(1, 0), (10, 7), (100, 3), (100, 100)])
@pytest.mark.parametrize("p", [0.01, 0.3, 0.7, 0.99])
def test_likelihood_frame_is_what_scipy_says(n: int, k: int, p: float) -> None:
    frame = likelihood_frame(n, k, p)
    expected = stats.binom.logpmf(k, n, p) - math.log(math.comb(n, k))
    assert frame.log_likelihood == pytest.approx(expected, rel=1e-9)
    assert frame.likelihood == pytest.approx(math.exp(expected), rel=1e-9)
    h = 1e-6
    numeric = stats.binom.logpmf(k, n, p + h) - stats.binom.logpmf(k, n, p - h)
    assert frame.slope == pytest.approx(numeric / (2 * h), rel=1e-4, abs=1e-3)
    assert frame.standard_error == pytest.approx(stats.binom.std(n, k / n) / n)


@pytest.mark.parametrize(("n", "k"), [(10, 7), (50, 1), (3, 2)])
def test_interval_ends_are_1_92_nats_below_the_top(n: int, k: int) -> None:
    frame = likelihood_frame(n, k, 0.5)
    assert frame.low < k / n < frame.high
    for end in (frame.low, frame.high):
        assert likelihood_frame(n, k, end).log_likelihood == pytest.approx(frame.top - 1.92)


def test_intervals_without_a_score_equation_have_a_closed_form() -> None:
    none, all_ = likelihood_frame(20, 0, 0.5), likelihood_frame(20, 20, 0.5)
    assert (none.low, none.high) == (0.0, pytest.approx(1 - math.exp(-1.92 / 20)))
    assert (all_.low, all_.high) == (pytest.approx(math.exp(-1.92 / 20)), 1.0)
    assert none.standard_error == all_.standard_error == 0


def test_the_ends_of_p_need_no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert likelihood_frame(5, 0, 0.0).log_likelihood == 0
        assert likelihood_frame(5, 5, 1.0).slope == 5
        impossible = likelihood_frame(5, 2, 0.0), likelihood_frame(5, 2, 1.0)
    assert [frame.likelihood for frame in impossible] == [0, 0]
    assert [frame.log_likelihood for frame in impossible] == [-math.inf, -math.inf]
    assert [frame.slope for frame in impossible] == [math.inf, -math.inf]


def test_words_of_the_bernoulli_widget() -> None:
    widget = BernoulliLikelihood(start=70)
    assert "L(p) = 0.002224, log L(p) = -6.109 nats, slope 0: this is the top" in words(widget)
    assert "p from 0.394 to 0.915" in words(widget) and "0.145" in words(widget)
    widget.step = 0
    assert "log L(p) = -∞ nats, slope infinite: this p makes the data impossible" in words(widget)
    widget.step = 1
    assert "L(p) = 9.70 × 10⁻¹⁵" in words(widget) and "a higher p is likelier" in words(widget)
    assert "Misleading" not in words(widget)
    find(widget, "k, ones").value = 10
    assert "Misleading here: with k = n" in words(widget)


def test_k_follows_n_and_reset_restores_both() -> None:
    widget = BernoulliLikelihood(n=10, k=7, start=30)
    n, k = find(widget, "n, throws"), find(widget, "k, ones")
    n.value = 4
    assert (k.max, k.value, widget.n, widget.k) == (4, 4, 4, 4) and "n = 4, k = 4" in words(widget)
    n.value = 60
    k.value = 55
    assert "n = 60, k = 55, p = 0.30" in words(widget)
    press(widget.controls, {"action": "reset"})
    assert (n.value, k.max, k.value, widget.n, widget.k) == (10, 10, 7, 10, 7)
    assert "n = 10, k = 7, p = 0.00" in words(widget)


def test_the_tangent_touches_the_curve() -> None:
    widget = BernoulliLikelihood(start=50)
    lines = ElementTree.fromstring(pictures(widget)[1]).findall("{*}polyline[@stroke='#D55E00']")
    (x1, y1), (x2, y2) = (
        tuple(map(float, pair.split(","))) for pair in lines[0].get("points").split()
    )
    dot = ElementTree.fromstring(pictures(widget)[1]).find("{*}circle")
    x, y = float(dot.get("cx")), float(dot.get("cy"))
    assert y == pytest.approx(y1 + (y2 - y1) * (x - x1) / (x2 - x1), abs=0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "n must be an int of at least 1, got 0"),
        ((10.0, 7), "n must be an int of at least 1, got 10.0"),
        ((10, 11), "k must be an int from 0 to n = 10, got 11"),
        ((10, -1), "k must be an int from 0 to n = 10, got -1"),
        ((101, 3), "n must be at most 100, got 101"),
    ],
)
def test_bernoulli_refuses_bad_arguments(arguments: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BernoulliLikelihood(*arguments)


def test_p_is_a_probability() -> None:
    with pytest.raises(ValueError, match="p is a probability between 0 and 1, got 1.5"):
        likelihood_frame(10, 7, 1.5)


def test_float32_data_may_lie_on_low_and_high() -> None:
    """0.7 is a little less in float32 than in float64, 0.1 and 0.3 a little more."""
    for low, high in ((0.7, 0.9), (0.1, 0.3)):
        widget = HistogramBins(
            torch.tensor([low, high]), torch.tensor([high]), low=low, high=high, most=7
        )
        assert not len(widget.frame(7).lost) and math.isfinite(widget.frame(1).train)


def test_a_huge_pseudocount_is_the_uniform_density() -> None:
    widget = histogram(pseudocount=1e308)
    assert widget.frame(4).density == pytest.approx([0.25] * 4)
