"""Figures: what they show, how they look, and how they reach a notebook."""

from __future__ import annotations

import html
import io
import itertools
import subprocess
import sys
from collections.abc import Callable

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from armodels_lite import orderings, plots

DIGITS = torch.rand(10, 1, 8, 8, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
FRAME = np.zeros((8, 8, 4), dtype=np.uint8)
SERIES = np.random.default_rng(0).normal(size=60)
MAPS = np.stack(
    [np.tile(row, (6, 1)) for row in (np.linspace(0, 1, 10), np.full(10, 0.2), np.eye(10)[9])]
)
POINTS, LABELS = np.array([[0.0, -1.0], [3.0, 2.0], [1.0, 0.5]]), [0, 1, 1]

FIGURES: dict[str, Callable[[], Figure]] = {
    "image_grid": lambda: plots.image_grid(DIGITS, [f"label {k}" for k in range(10)], columns=5),
    "image_grid rows": lambda: plots.image_grid(
        DIGITS[:6], columns=3, row_labels=["model", "test images"]
    ),
    "image_grid long titles": lambda: plots.image_grid(
        DIGITS[:4], ["-17.25 nats", "-123.45 nats", "a", "b"]
    ),
    "image_grid rgb": lambda: plots.image_grid(DIGITS.expand(-1, 3, -1, -1)[:4]),
    "heatmaps": lambda: plots.heatmaps(WEIGHTS, list("abc"), kind="diverging", label="weight"),
    "heatmaps numbers": lambda: plots.heatmaps(DIGITS[0, 0, :3, :3], numbers=True),
    "matrix": lambda: plots.matrix(
        np.tri(6, k=-1), row_label="conditional", column_label="variable", numbers=True
    ),
    "matrix large": lambda: plots.matrix(
        np.tri(100) > 0, row_label="conditional", column_label="variable"
    ),
    "ordering_path": lambda: plots.ordering_path(orderings.hilbert((1, 8, 8)), (8, 8)),
    "ordering_path many": lambda: plots.ordering_path(
        {
            name: orderings.make_ordering(name, (1, 8, 8))
            for name in ("raster", "spiral", "random(3)", "reverse")
        },
        (8, 8),
    ),
    "frame_strip": lambda: plots.frame_strip(
        {"image": [FRAME, FRAME]}, ["step 0", "step 1"], marks=[3, None]
    ),
    "curves": lambda: plots.curves(
        {"train": [5, 4, 3], "validation": [5, 4, 3.01]}, references={"independent pixels": 4.5}
    ),
    "curves band": lambda: plots.curves(
        {"history": SERIES[:40], "a long name of a forecast": SERIES[40:]},
        x={"history": range(40), "a long name of a forecast": range(40, 60)},
        bands={"a long name of a forecast": (SERIES[40:] - 1, SERIES[40:] + 1)},
        xlim=(20, 60),
        title="a forecast",
    ),
    "curves dots": lambda: plots.curves(
        {"perfect": [0, 1], "bins": [0.2, 0.5]},
        x={"perfect": [0, 1], "bins": [0.3, 0.6]},
        dots=["bins"],
        bands={"bins": ([0.1, 0.4], [0.3, 0.6])},
        references={"base rate": 0.4},
    ),
    "stems": lambda: plots.stems(SERIES[:20], limit=0.5),
    "stems many": lambda: plots.stems(
        {name: SERIES[:30] for name in ("series", "differences", "residuals", "squares")}, limit=0.5
    ),
    "decision_maps": lambda: plots.decision_maps(
        MAPS[0], POINTS, LABELS, extent=(0, 3, -1, 2), width=4.6
    ),
    "decision_maps many": lambda: plots.decision_maps(
        [*MAPS, MAPS[0]], POINTS, LABELS, extent=(0, 3, -1, 2), titles=list("abcd")
    ),
    "bars": lambda: plots.bars(
        {"FVSBN": 18.5, "NADE": 17.2}, errors={"NADE": 0.1}, highlight="NADE"
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_deterministic_legible_and_leaves_settings_alone(name: str) -> None:
    before = dict(matplotlib.rcParams)
    figure = FIGURES[name]()
    assert plots.to_png(figure) == plots.to_png(FIGURES[name]())
    assert dict(matplotlib.rcParams) == before
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert all(text.get_fontsize() >= 11 for text in texts), [
        t.get_text() for t in texts if t.get_fontsize() < 11
    ]


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off_at_the_edge(name: str) -> None:
    """A text that leaves the figure, or touches its edge, darkens the outermost pixels."""
    pixels = np.asarray(Image.open(io.BytesIO(plots.to_png(FIGURES[name]()))).convert("L"))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert edge.min() > 150


def test_importing_the_package_loads_no_matplotlib() -> None:
    code = "import armodels_lite, sys; print([m for m in ('matplotlib', 'ipywidgets') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()
        == "[]"
    )


@pytest.mark.parametrize("name", ["ink", "probability", "sequential", "diverging"])
def test_lightness_runs_one_way(name: str) -> None:
    """What a greyscale print keeps of a colour map is the order of the values."""
    lightness = plots.colour_table(name) @ np.array([0.2126, 0.7152, 0.0722])
    steps = np.diff(lightness)
    assert (steps <= 0.5).all() or (steps >= -0.5).all()
    assert abs(lightness[-1] - lightness[0]) > 150


def test_the_first_colours_differ_in_lightness() -> None:
    rgb = np.array([matplotlib.colors.to_rgb(colour) for colour in plots.COLOURS[:2]])
    assert len({colour.upper() for colour in plots.COLOURS}) == len(plots.COLOURS)
    first, second = rgb @ np.array([0.2126, 0.7152, 0.0722])
    assert abs(first - second) > 0.01  # and their dashes differ, see style.py


def test_image_grid_shows_zero_white_and_one_black() -> None:
    images = torch.stack([torch.zeros(4, 4), torch.ones(4, 4)])
    pixels = np.asarray(Image.open(io.BytesIO(plots.to_png(plots.image_grid(images)))).convert("L"))
    middle = pixels[pixels.shape[0] // 2]
    assert middle[len(middle) // 4] == 255 and middle[3 * len(middle) // 4] < 40


def test_image_grid_has_one_scale_for_all_images() -> None:
    images = torch.stack([torch.full((4, 4), 4.0), torch.full((4, 4), 16.0)])
    picture = np.asarray(
        Image.open(io.BytesIO(plots.to_png(plots.image_grid(images)))).convert("L")
    )
    middle = picture[picture.shape[0] // 2]
    assert middle[len(middle) // 4] > 150 > 40 > middle[3 * len(middle) // 4]


def test_heatmaps_share_a_scale_that_is_symmetric_for_weights() -> None:
    figure = plots.heatmaps([[[-1.0, 0.5]], [[0.25, 0.75]]], kind="diverging")
    assert [picture.get_clim() for axes in figure.axes[:2] for picture in axes.images] == [
        (-1, 1),
        (-1, 1),
    ]


def test_ordering_path_takes_channels_as_one_pixel() -> None:
    figure = plots.ordering_path(orderings.spiral((3, 4, 4)), (4, 4))
    numbers = [int(text.get_text()) for text in figure.axes[0].texts]
    assert numbers == list(range(16))
    places = [
        (int(text.get_position()[1]), int(text.get_position()[0])) for text in figure.axes[0].texts
    ]
    assert places[:5] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3)]


def test_labels_at_the_ends_of_curves_do_not_touch() -> None:
    figure = plots.curves(
        {"a": [1, 2, 3.0], "b": [1, 2, 3.001], "c": [1, 2, 2.999], "d": [0, 0, 0]}
    )
    figure.draw_without_rendering()
    boxes = sorted(
        (text.get_window_extent() for text in figure.axes[0].texts), key=lambda box: box.y0
    )
    assert all(upper.y0 >= lower.y1 - 2 for lower, upper in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.image_grid(torch.rand(2, 2, 4, 4)), "images must be"),
        (lambda: plots.image_grid(torch.rand(4, 4)), "3 or 4 axes"),
        (lambda: plots.image_grid(torch.rand(0, 4, 4)), "empty"),
        (lambda: plots.image_grid(torch.full((1, 2, 2), torch.nan)), "finite"),
        (lambda: plots.image_grid(DIGITS, ["one"]), "1 entries for 10 images"),
        (lambda: plots.image_grid(DIGITS, columns=0), "columns"),
        (lambda: plots.image_grid(DIGITS, columns=True), "columns"),
        (lambda: plots.heatmaps(WEIGHTS, kind="rainbow"), "diverging"),
        (lambda: plots.heatmaps(torch.rand(20, 20), numbers=True), "100 cells"),
        (lambda: plots.matrix([1, 2], row_label="a", column_label="b"), "2 axes"),
        (lambda: plots.ordering_path([0, 1, 2, 2], (2, 2)), "permutation"),
        (lambda: plots.ordering_path(range(5), (2, 2)), "multiple of 4"),
        (lambda: plots.frame_strip({"image": [FRAME]}, ["a", "b"]), "2 titles"),
        (lambda: plots.curves({}), "at least one"),
        (lambda: plots.curves({"a": [1, 2]}, x=[1]), "2 values for 1 places"),
        (lambda: plots.bars({"a": 1.0}, errors={"b": 1.0}), "'b'"),
        (lambda: plots.bars({"a": np.inf}), "finite"),
        (lambda: plots.colour_table("jet"), "unknown colour map"),
        (lambda: plots.show(plots.new_figure()[0], ""), "alt must say"),
        (lambda: plots.show(plots.new_figure()[0], "figure"), "alt must say"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError, match="array of numbers"):
        plots.image_grid("a picture")
    with pytest.raises(TypeError, match="Figure"):
        plots.show(DIGITS, "ten pictures of noise")


def test_png_holds_pixels_only() -> None:
    png = plots.to_png(plots.image_grid(DIGITS))
    assert not any(chunk in png for chunk in (b"tEXt", b"iTXt", b"zTXt", b"tIME"))


def test_palette_png_is_exact() -> None:
    figure = plots.image_grid((DIGITS > 0.5).float())
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    expected = np.asarray(Image.open(buffer).convert("RGB"))
    found = Image.open(io.BytesIO(plots.to_png(figure)))
    assert found.mode == "P" and np.array_equal(np.asarray(found.convert("RGB")), expected)


def test_picture_carries_alt_text_in_html_and_as_plain_text() -> None:
    alt = 'Curves "fall" & <flatten>\n after ten epochs.'
    picture = plots.Picture(plots.to_png(plots.new_figure(width=1, height=1)[0]), alt)
    clean = 'Curves "fall" & <flatten> after ten epochs.'
    assert repr(picture) == clean
    assert f'alt="{html.escape(clean)}"' in picture._repr_html_()


def test_show_closes_a_pyplot_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython.display
    from matplotlib import pyplot

    shown: list[object] = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    with plots.style():
        figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    plots.show(figure, "a line that rises")
    assert not pyplot.fignum_exists(figure.number)
    assert [type(picture) for picture in shown] == [plots.Picture]


def test_exported_html_carries_the_alt_text() -> None:
    """nbconvert's usual template drops alt text from metadata, and puts a note of its own in its place."""
    nbformat = pytest.importorskip("nbformat")
    exporters = pytest.importorskip("nbconvert.exporters")
    picture = plots.Picture(plots.to_png(plots.image_grid(DIGITS)), "ten pictures of noise")
    data = {"text/html": picture._repr_html_(), "text/plain": repr(picture)}
    output = nbformat.v4.new_output("display_data", data)
    cell = nbformat.v4.new_code_cell("show", outputs=[output], execution_count=1)
    page, _ = exporters.HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert 'alt="ten pictures of noise"' in page and "No description" not in page


def test_chain_graph_has_an_arrow_for_every_pair() -> None:
    axes = plots.chain_graph(["$x_1$", "$x_2$", "$x_3$", "$x_4$"]).axes[0]
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None) is not None]
    assert len(arrows) == 6
    assert all(arrow.xy[0] > arrow.xyann[0] for arrow in arrows)
    with pytest.raises(ValueError, match="at least two"):
        plots.chain_graph(["x"])


def test_heatmaps_outline_the_marked_cell() -> None:
    figure = plots.heatmaps(np.zeros((2, 3, 4)), marks=[6, None])
    first, second = figure.axes[:2]
    assert {patch.get_xy() for patch in first.patches} == {(1.5, 0.5)}
    assert not second.patches
    with pytest.raises(ValueError, match="marks"):
        plots.heatmaps(np.zeros((2, 3, 4)), marks=[6])


def test_numbers_in_cells_have_no_negative_zero() -> None:
    figure = plots.heatmaps(np.array([[-0.001, 0.25]]), numbers=True)
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.00", "0.25"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"yscale": "log"}, r"series 'a' has 0"),
        ({"x": [-1, 2], "xscale": "log"}, r"x of series 'a' has -1"),
        ({"references": {"r": -2.0}, "ylim": (1, 2), "yscale": "log"}, "series 'a' has 0"),
        ({"xscale": "sqrt"}, "scales are .*, got 'sqrt'"),
    ],
)
def test_logarithmic_axes_refuse_what_they_cannot_show(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.curves({"a": [0.0, 3.0]}, **options)
    with pytest.raises(ValueError, match="reference 'r' has 0"):
        plots.curves({"a": [1.0, 3.0]}, references={"r": 0.0}, yscale="log")
