"""A Bayes net's graph as a drawing, with what is known of its variables."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from ..models.bayes_net import BayesNet
from .cutting import Point
from .network_layout import Layout, layered, placed
from .svg import ACCENT, QUIET, Drawing, text_width

__all__ = ["Naming", "draw_graph", "make_layout", "network_figure"]

Variable = str | int
SMALL, LINE = 13, 17  # pixels: size of letters, distance of lines
LONGEST_NAME, NAME_LINES = 12, 2  # letters of a line in a box, and lines
ARROW, CORNER = 9, 18  # pixels: of an arrowhead, and of an arrow's bend to either side


class Naming:
    """What variables and their values are called.

    Args:
        value_names: for some variables, or for all in a sequence, the names of their values. Otherwise "no" and "yes"
            where there are two values, and numbers from 0 where there are more.

    Raises:
        ValueError: names that are not as many distinct strings as the variable has values.

    >>> net = BayesNet((2,), parents=[[], [0]], names=["rain", "street"])
    >>> naming = Naming(net, {"street": ("dry", "wet")})
    >>> naming.says(0, 1), naming.says(1, 1)
    ('rain = yes', 'street = wet')
    """

    def __init__(
        self,
        net: BayesNet,
        value_names: Mapping[Variable, Sequence[str]] | Sequence[Sequence[str]] | None = None,
    ) -> None:
        self.variables = net.names
        values = [
            ("no", "yes") if count == 2 else tuple(map(str, range(count)))
            for count in net.cardinalities
        ]
        for v, names in _by_variable(net, value_names or {}):
            listed = isinstance(names, Sequence) and not isinstance(names, str)
            good = listed and all(isinstance(name, str) for name in names)
            if not good or not len(names) == len(set(names)) == net.cardinalities[v]:
                raise ValueError(
                    f"value_names of {net.names[v]} must be {net.cardinalities[v]} distinct strings, "
                    f"got {names!r}"
                )
            values[v] = tuple(names)
        self.values: tuple[tuple[str, ...], ...] = tuple(values)

    def says(self, v: int, value: int) -> str:
        return f"{self.variables[v]} = {self.values[v][value]}"

    def conditional(self, v: int, parents: Sequence[int]) -> str:
        """'p(Rainy | Cloudy)'."""
        given = ", ".join(self.variables[u] for u in parents)
        return f"p({self.variables[v]} | {given})" if given else f"p({self.variables[v]})"


def _by_variable(
    net: BayesNet, value_names: Mapping[Variable, Sequence[str]] | Sequence[Sequence[str]]
) -> list[tuple[int, Sequence[str]]]:
    if isinstance(value_names, Mapping):
        return [(net.index(variable), names) for variable, names in value_names.items()]
    listed = isinstance(value_names, Sequence) and not isinstance(value_names, str)
    if not listed or len(value_names) != len(net.names):
        raise ValueError(
            f"value_names must be a mapping from variables, or one entry for each of {len(net.names)} "
            f"variables, got {value_names!r}"
        )
    return list(enumerate(value_names))


# -- the graph -----------------------------------------------------------------------------------------------------


def network_figure(
    net: BayesNet,
    positions: Sequence[Point] | None = None,
    *,
    given: Mapping[Variable, int] | Iterable[Variable] | Variable = (),
    values: Mapping[Variable, int | str] | None = None,
    value_names: Mapping[Variable, Sequence[str]] | Sequence[Sequence[str]] | None = None,
) -> Drawing:
    """The graph of a Bayes net as a drawing, with what is known of its variables.

    In a notebook, `strip([[network_figure(net)]], ["The weather"], alt)` of `widgets.svg` shows it with alt text.

    Args:
        positions: (x, y) in 0..1 of each variable, y downwards; layers with parents above children unless given.
        given: variables that are known, with a double outline: mapped to their values, or names alone.
        values: for other variables a value, or words such as "p = 0.31".
        value_names: see `Naming`.

    Raises:
        ValueError: for variables, values or positions that do not exist.

    >>> net = BayesNet((2,), parents=[[], [0]], names=["rain", "wet"])
    >>> network_figure(net, given={"wet": 1}, values={"rain": "p = 0.31"}).label
    'Bayes net with the arrows rain to wet; rain: p = 0.31; wet: yes, given'
    """
    naming = Naming(net, value_names)
    given = (given,) if isinstance(given, (str, int)) else given
    known = {net.index(variable) for variable in given}
    words: dict[int, str] = {}
    for source in (values or {}, given if isinstance(given, Mapping) else {}):
        for variable, value in source.items():
            v = net.index(variable)
            words[v] = value if isinstance(value, str) else _value_name(naming, v, value)
    for v in known:
        words[v] = f"{words[v]}, given" if v in words else "given"
    box_words = [words[v] for v in sorted(words)]
    layout = make_layout(net, positions, box_words)
    return draw_graph(layout, net, words, given=known)


def _value_name(naming: Naming, v: int, value: int) -> str:
    names = naming.values[v]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < len(names):
        raise ValueError(f"{naming.variables[v]} has values 0 to {len(names) - 1}, got {value!r}")
    return names[value]


def make_layout(
    net: BayesNet,
    positions: Sequence[Point] | None = None,
    words: Iterable[str] = (),
) -> Layout:
    """The layout of a net whose boxes have room for a name and, if there are any, for each of the words below it."""
    words = list(words)
    lines = [_name_lines(name) for name in net.names]
    widest = max(text_width(line, SMALL) for line in [*words, *(w for own in lines for w in own)])
    height = 11 + LINE * (max(map(len, lines)) + bool(words))
    box = (max(56.0, widest + 12), float(height))
    if positions is None:
        return layered(net.parents, net.ordering.tolist(), box)
    return placed(net.parents, positions, box, net.names)


def draw_graph(
    layout: Layout,
    net: BayesNet,
    words: Mapping[int, str],
    *,
    given: Iterable[int] = (),
    current: int | None = None,
) -> Drawing:
    """The graph with words below some names. A variable given has two outlines; the current one and the arrows into
    it stand out."""
    arrows = ", ".join(f"{net.names[u]} to {net.names[v]}" for u, v in layout.routes) or "none"
    told = "".join(f"; {net.names[v]}: {words[v]}" for v in sorted(words))
    here = "" if current is None else f"; now {net.names[current]}"
    drawing = Drawing(
        layout.width, layout.height, label=f"Bayes net with the arrows {arrows}{told}{here}"
    )
    # Those that stand out come last, above the others.
    for (_, child), route in sorted(layout.routes.items(), key=lambda item: item[0][1] == current):
        _draw_arrow(drawing, route, strong=child == current)
    for v in range(len(net.names)):
        _draw_box(drawing, layout, v, net.names[v], words.get(v), v in given, v == current)
    return drawing


def _draw_arrow(drawing: Drawing, route: Sequence[Point], *, strong: bool) -> None:
    colour, width = (ACCENT, 3.0) if strong else (QUIET, 1.6)
    (x0, y0), (x, y) = route[-2:]
    length = math.hypot(x - x0, y - y0) or 1.0
    along = ((x - x0) / length, (y - y0) / length)
    size = ARROW + width
    base = (x - size * along[0], y - size * along[1])
    wing = (-along[1] * size * 0.45, along[0] * size * 0.45)
    drawing.polyline(_rounded([*route[:-1], base]), colour, width=width)
    corners = [
        (x, y),
        (base[0] + wing[0], base[1] + wing[1]),
        (base[0] - wing[0], base[1] - wing[1]),
    ]
    drawing.polygon(corners, colour)


def _rounded(route: Sequence[Point]) -> list[Point]:
    """The same way with its corners rounded, by a parabola from one side to the other."""
    points = [route[0]]
    for before, corner, after in zip(route, route[1:], route[2:], strict=False):
        start, end = (_towards(corner, other) for other in (before, after))
        for share in (0, 0.25, 0.5, 0.75, 1):
            weights = ((1 - share) ** 2, 2 * share * (1 - share), share**2)
            corners = zip(start, corner, end, strict=True)
            points.append(
                tuple(sum(w * c for w, c in zip(weights, at, strict=True)) for at in corners)
            )
    return [*points, route[-1]]


def _towards(corner: Point, other: Point) -> Point:
    """A point on the way from a corner, at most half of it."""
    share = min(0.5, CORNER / max(math.dist(corner, other), 1e-9))
    return tuple(a + share * (b - a) for a, b in zip(corner, other, strict=True))


def _draw_box(
    drawing: Drawing,
    layout: Layout,
    v: int,
    name: str,
    words: str | None,
    given: bool,
    current: bool,
) -> None:
    (x, y), (width, height) = layout.centres[v], layout.box
    left, top = x - width / 2, y - height / 2
    if words is not None:
        drawing.rect((left, top), width, height, radius=8, opacity=0.35)
    colour, stroke = (ACCENT, 3.0) if current else ("currentColor", 1.4)
    drawing.rect((left, top), width, height, "none", stroke=colour, stroke_width=stroke, radius=8)
    if given:
        drawing.rect(
            (left + 3.5, top + 3.5), width - 7, height - 7, "none", stroke=colour, radius=5
        )
    lines = _name_lines(name)
    base = y - LINE * (len(lines) + (words is not None)) / 2 + 0.74 * LINE
    for line in lines:
        drawing.text(x, base, line, size=SMALL, bold=True)
        base += LINE
    if words is not None:
        drawing.text(x, base, words, size=SMALL)


def _name_lines(name: str) -> list[str]:
    return textwrap.wrap(name, LONGEST_NAME, max_lines=NAME_LINES, placeholder="…") or [""]
