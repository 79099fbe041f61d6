"""A step of a MADE's masks in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .mask_state import MaskFrame, MaskNetwork

__all__ = ["caption", "comparison", "joined", "readout", "remark", "sentence"]

NO_BREAK = "\N{NO-BREAK SPACE}"
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
DEGREE = "Degree: the place in the drawing order; of a hidden unit: the last place that it may see."


def joined(words: Iterable[str]) -> str:
    """
    >>> joined(["x1", "x2", "x3"])
    'x1, x2 and x3'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def unit_words(network: MaskNetwork, layer: int, unit: int) -> str:
    """'input x1', 'hidden unit h1' or 'output x1'."""
    kind = {0: "input", network.last_layer: "output"}.get(layer, "hidden unit")
    return f"{kind} {network.name(layer, unit)}"


def order_words(network: MaskNetwork) -> str:
    """'x2, x3, x1', as they are drawn."""
    return ", ".join(network.name(0, unit) for unit in network.ordering)


def conditional(network: MaskNetwork, output: int) -> str:
    """'p(x3 | x2)': the variable given those drawn before it."""
    before = ", ".join(network.name(0, unit) for unit in network.allowed(output))
    name = network.name(0, output)
    return f"p({name} | {before})" if before else f"p({name})"


def drawn_words(network: MaskNetwork, variable: int) -> str:
    """'drawn first', ..., 'drawn last'."""
    place = network.ordering.index(variable)
    return f"drawn {'last' if place == network.variables - 1 else ORDINALS[place]}"


def count_words(count: int, name: str) -> str:
    """
    >>> count_words(1, "path"), count_words(4, "path")
    ('1 path', '4 paths')
    """
    return f"{count} {name}{'' if count == 1 else 's'}"


# -- what a step says ----------------------------------------------------------------------------------------------


def sentence(frame: MaskFrame) -> str:
    """What this step decides or shows, in numbers."""
    return TOLD[frame.move.kind](frame)


def _start(frame: MaskFrame) -> str:
    network = frame.network
    units = joined(
        [
            f"{network.variables} inputs",
            *(f"{size} hidden units" for size in network.hidden),
            f"{network.variables} outputs",
        ]
    )
    return (
        f"A network of {units}. Were every unit connected to all units of the next layer, each output could see its "
        f"own input. The variables are drawn in the order {order_words(network)}; the masks will leave the "
        "connections that this order allows."
    )


def _degree(frame: MaskFrame) -> str:
    network, move = frame.network, frame.move
    degree, name = network.degrees[move.layer][move.unit], network.name(move.layer, move.unit)
    if move.layer == 0:
        return f"Input {name} is drawn {ORDINALS[degree - 1]}: degree {degree}."
    if move.layer == network.last_layer:
        chance = conditional(network, move.unit)
        own = f"Output {name} has the degree of input {name}, {degree}. It gives {chance}, "
        if degree == 1:
            return f"{own}so it may hear nothing."
        return f"{own}so it may hear only units that have seen at most the first {degree - 1}."
    seen = [network.name(0, unit) for unit in network.ordering[:degree]]
    first = "variable" if degree == 1 else f"{degree} variables"
    return f"Hidden unit {name} has degree {degree}: it may see the first {first} drawn, {joined(seen)}."


def comparison(frame: MaskFrame) -> tuple[str, bool]:
    """('3 ≤ 2', False): what decides the entry of this step, the unit below on the left."""
    network, move = frame.network, frame.move
    above = network.degrees[move.layer][move.unit]
    below = network.degrees[move.layer - 1][move.column]
    sign = "<" if move.layer == network.last_layer else "≤"
    return f"{below} {sign} {above}", bool(network.masks[move.layer - 1][move.unit, move.column])


def _mask(frame: MaskFrame) -> str:
    network, move = frame.network, frame.move
    above = network.degrees[move.layer][move.unit]
    told = f"{unit_words(network, move.layer, move.unit)} has degree {above}".capitalize()
    if move.column is None:
        return f"{told}. {_row(frame)}"
    below = network.degrees[move.layer - 1][move.column]
    name = unit_words(network, move.layer - 1, move.column)
    compared, true = comparison(frame)
    so = "so they are connected" if true else "so no connection"
    return f"{told}, {name} has degree {below}: {compared} is {str(true).lower()}, {so}."


def _row(frame: MaskFrame) -> str:
    """'Connected: x2 (1 ≤ 2), x3 (2 ≤ 2). Not connected: x1 (3 > 2).'"""
    network, move = frame.network, frame.move
    above, strict = network.degrees[move.layer][move.unit], move.layer == network.last_layer
    listed: dict[int, list[str]] = {0: [], 1: []}
    for unit, entry in enumerate(network.masks[move.layer - 1][move.unit].tolist()):
        sign = ("≥", "<")[entry] if strict else (">", "≤")[entry]
        below = network.degrees[move.layer - 1][unit]
        compared = f"{below} {sign} {above}".replace(" ", NO_BREAK)
        listed[entry].append(f"{network.name(move.layer - 1, unit)} ({compared})")
    connected = ", ".join(listed[1]) or "none"
    return f"Connected: {connected}. Not connected: {', '.join(listed[0]) or 'none'}."


def _paths(frame: MaskFrame) -> str:
    network, move = frame.network, frame.move
    output = network.name(0, move.unit)
    told = f"Output {output}, {drawn_words(network, move.unit)}"
    edges = frame.followed
    silent = _silent_words(network, move.unit)
    if not edges[-1].any():
        return f"{told}: {_no_path(network, move.unit)}{silent}"
    heard = []
    # Backwards: the units that the output hears, then those that these hear, as far as this step looks.
    for layer in reversed(range(move.layer, network.last_layer)):
        units = edges[layer].any(0).nonzero()[0].tolist()
        heard.append(_units(network, layer, units))
    told += f", hears {heard[0]}" + "".join(f"; these hear {names}" for names in heard[1:])
    if move.layer > 0:
        return f"{told}.{silent}"
    counts = network.paths[move.unit]
    found = [unit for unit in network.ordering if counts[unit]]
    words = joined(f"{count_words(counts[u], 'path')} from {network.name(0, u)}" for u in found)
    without = [network.name(0, u) for u in network.allowed(move.unit) if not counts[u]]
    none = f" {joined(without)} would be allowed, but no path leads there." if without else ""
    return f"{told}: {words}.{none}{silent}"


def _units(network: MaskNetwork, layer: int, units: list[int]) -> str:
    """'h1, h2 and h4', or 'h1 to h8' for all of many."""
    names = [network.name(layer, unit) for unit in units]
    many = len(units) == len(network.degrees[layer]) > 4
    return f"{names[0]} to {names[-1]}" if many else joined(names)


def _silent_words(network: MaskNetwork, output: int) -> str:
    """Which units are connected to the output but hear no input themselves."""
    heard = network.masks[-1][output].astype(bool)
    names = [network.name(network.last_layer - 1, unit) for unit in network.silent if heard[unit]]
    if not names:
        return ""
    hear = "hears" if len(names) == 1 else "hear"
    return f" {joined(names)} {hear} no input: all units below have a larger degree."


def _no_path(network: MaskNetwork, output: int) -> str:
    name, allowed = network.name(0, output), network.allowed(output)
    if not allowed:
        return f"no path ends here, so p({name}) is the same whatever the inputs are."
    return (
        f"{joined(network.name(0, unit) for unit in allowed)} would be allowed, but no path leads from an input to "
        "this output."
    )


def _product(frame: MaskFrame) -> str:
    network = frame.network
    return (
        f"{product_name(network)} counts the paths from each input (column) to each output (row): "
        f"{count_words(int(network.paths.sum()), 'path')} in all. Rows and columns now stand in the drawing order "
        f"{order_words(network)}: on and above the diagonal all entries are 0."
    )


def _measured(frame: MaskFrame) -> str:
    network, count = frame.network, frame.network.variables**2
    told = "Measured on a MADE with these masks and random positive weights: "
    if frame.agree == count:
        told += f"all {count} entries agree; an output changes with an input exactly where a path leads. "
    else:
        wrong = count - frame.agree
        told += f"{wrong} of {count} entries do not agree with the paths. "
    missing = network.missing
    if not missing:
        return f"{told}Every dependency that the order allows has a path."
    pairs = [f"{network.name(0, output)} on {network.name(0, unit)}" for output, unit in missing]
    listed = joined(pairs) if len(pairs) <= 3 else f"{', '.join(pairs[:3])} and others"
    return f"{told}Some allowed dependency has no path ({listed}): allowed is not the same as used."


TOLD: dict[str, Callable[[MaskFrame], str]] = {
    "start": _start,
    "degree": _degree,
    "mask": _mask,
    "paths": _paths,
    "product": _product,
    "measured": _measured,
}


def product_name(network: MaskNetwork) -> str:
    """'M2 M1'."""
    return " ".join(f"M{number}" for number in range(len(network.masks), 0, -1))


# -- around it -----------------------------------------------------------------------------------------------------


def remark(frame: MaskFrame) -> str:
    """Why this kind of step is as it is."""
    network, move = frame.network, frame.move
    strict = move.layer == network.last_layer
    if move.kind == "degree" and 0 < move.layer < network.last_layer:
        return f"{DEGREE} {_source(network)}"
    if move.kind == "mask" and strict:
        return (
            "At an output the comparison is strict: a hidden unit of the same degree may have seen the very variable "
            "that the output is to foretell."
        )
    if move.kind == "mask":
        return (
            "Into a hidden unit an equal degree is allowed: what has seen no more than the first m variables may "
            "feed a unit that may see the first m."
        )
    if move.kind == "paths":
        return (
            "A path runs along connections from an input through every hidden layer to the output. What has no path "
            "to an output cannot change it, whatever the weights are."
        )
    if move.kind == "product":
        return (
            "In a product of masks every term is 1 if all connections of one path exist, else 0: the sum counts "
            "paths. Shaded: not drawn before, so not allowed."
        )
    if move.kind == "measured":
        return (
            f"One input is changed, and ✓ marks the outputs that change. p(x) sums to {network.total:.6f} over all "
            f"{2**network.variables} events. Since all its weights are positive, no ReLU is off and no two paths "
            "cancel; with other weights an output may ignore an input in spite of a path, but never the reverse."
        )
    return DEGREE


def _source(network: MaskNetwork) -> str:
    """Where the hidden degrees come from."""
    highest = network.variables - 1
    if network.given:
        return "The hidden degrees were given."
    if highest == 1:
        return "With two variables only degree 1 is possible."
    if network.seed is None:
        return f"The degrees 1 to {highest} are spread evenly over each hidden layer."
    return f"Seed {network.seed} drew the hidden degrees from 1 to {highest} at random."


def caption(frame: MaskFrame) -> str:
    """A few words above a frame of a strip."""
    network, move = frame.network, frame.move
    if move.kind == "degree":
        following = frame.moves[frame.step + 1].kind
        return (
            "all degrees"
            if following != "degree"
            else f"degree of {network.name(move.layer, move.unit)}"
        )
    if move.kind == "mask":
        row = f"M{move.layer}, row {network.name(move.layer, move.unit)}"
        if move.column is None:
            return row
        ends = (
            f"{network.name(move.layer - 1, move.column)} to {network.name(move.layer, move.unit)}"
        )
        return f"{ends}: {'connected' if comparison(frame)[1] else 'not connected'}"
    if move.kind == "paths":
        return f"paths to {network.name(0, move.unit)}"
    return {"start": "no masks", "product": "paths counted", "measured": "counted, measured"}[
        move.kind
    ]


def readout(frame: MaskFrame) -> str:
    """What stands beside the slider."""
    network, move = frame.network, frame.move
    what = {
        "start": "start",
        "degree": f"degree of {unit_words(network, move.layer, move.unit)}",
        "mask": f"mask M{move.layer}",
        "paths": f"paths to {network.name(0, move.unit)}",
        "product": "product",
        "measured": "measured",
    }[move.kind]
    return f"step {frame.step} of {len(frame.moves) - 1}: {what}"
