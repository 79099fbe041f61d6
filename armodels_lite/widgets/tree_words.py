"""Dilated convolutions in words: the walk down the tree, what it reaches, what it costs, and the queues."""

from __future__ import annotations

from collections.abc import Sequence

from .tree_state import TreeFrame

__all__ = [
    "FORMULA",
    "field_words",
    "memory_words",
    "node_words",
    "queue_words",
    "reach_words",
    "walk_words",
    "work_words",
]

# Spaces that keep a formula on one line.
K_MINUS_1, R_MINUS_1 = "(K\u00a0-\u00a01)", "R\u00a0-\u00a01"
FORMULA = f"1 + {K_MINUS_1} × sum\u00a0of\u00a0d = "
LISTED = 6  # steps or values that are named one by one


def listed(numbers: Sequence[int], name: str = "") -> str:
    """Numbers named one by one, as a range where there is no gap, or the first two and the last of many.

    >>> listed([3, 5]), listed([3, 4, 5], "x"), listed(range(0, 40, 2))
    ('3 and 5', 'x3 to x5', '0, 2, ..., 38')
    """
    words = [f"{name}{number}" for number in numbers]
    if len(words) == 1:
        return words[0]
    if len(words) > 2 and numbers[-1] - numbers[0] == len(words) - 1:
        return f"{words[0]} to {words[-1]}"
    if len(words) <= LISTED:
        return f"{', '.join(words[:-1])} and {words[-1]}"
    return f"{words[0]}, {words[1]}, ..., {words[-1]}"


def many(count: int, word: str) -> str:
    """A number with its word.

    >>> many(1, "node"), many(2, "node"), many(2, "entry")
    ('1 node', '2 nodes', '2 entries')
    """
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"


def walk_words(frame: TreeFrame) -> str:
    """What this step of the walk down the tree has reached, and how."""
    if frame.step == 0:
        return f"What predicts x{frame.t} is one node, the one of layer {frame.layers} at step {frame.t}."
    if frame.whole:
        return f"The input at a step is the value before it; x{frame.t} itself is not reached."
    level, layer = frame.lowest, frame.lowest + 1
    dilation = frame.dilations[level]
    back = [k * dilation for k in range(1, frame.kernel_size)]
    steps = frame.steps(level)
    below = f"layer {level}" if level else "the input"
    count = len(frame.steps(layer))
    taken = f"{many(len(steps), 'node')} of {below}" if level else many(len(steps), "input")
    cut = " What lies before step 1 is zeros." if _cut(frame, layer) else ""
    at = f"step{'' if len(steps) == 1 else 's'} {listed(steps)}"
    return (
        f"Layer {layer} has dilation {dilation}: a node takes {below} at its own step and {listed(back)} "
        f"step{'' if back == [1] else 's'} before. So its {many(count, 'node')} of the tree "
        f"take{'s' if count == 1 else ''} {taken}, at {at}.{cut}"
    )


def _cut(frame: TreeFrame, layer: int) -> bool:
    """Whether a node of this layer takes a step before the first."""
    back = (frame.kernel_size - 1) * frame.dilations[layer - 1]
    return frame.steps(layer)[0] - back < 1


def reach_words(frame: TreeFrame) -> str:
    """Which values the prediction depends on, and which it misses."""
    name, reached, span = f"x{frame.t}", frame.reached, frame.span
    if not reached:
        return f"{name} is the first value: nothing comes before it."
    if not frame.gaps:
        values = f"all {len(reached)} of them" if len(reached) > 1 else "one value"
        told = f"{name} depends on {listed(reached, 'x')}, {values}"
    else:
        missed = len(frame.gaps)
        crossed = "the 1 crossed out is" if missed == 1 else f"the {missed} crossed out are"
        told = (
            f"{name} depends on {len(reached)} of the {len(span)} values from x{span[0]} to x{span[-1]}: "
            f"{crossed} not reached by any path"
        )
    if len(span) < frame.field:
        told += f". The field is cut: only {many(frame.t - 1, 'value')} come{'s' if frame.t == 2 else ''} before {name}"
    return f"{told}."


def field_words(frame: TreeFrame, formula: str = "") -> str:
    """The receptive field in numbers, after a formula."""
    total = " + ".join(map(str, frame.dilations))
    total = f"({total})" if frame.layers > 1 else total
    told = f"Receptive field: R = {formula}1 + {frame.kernel_size - 1} × {total} = {frame.field}"
    if frame.offsets < frame.field:
        where = "far from the start, " if len(frame.span) < frame.field else ""
        told += f", but R counts the span: {where}{frame.offsets} of its {frame.field} values are reached"
    return f"{told}."


def node_words(frame: TreeFrame) -> str:
    """How many nodes the tree has, and how many paths share them."""
    told = f"The tree has {many(frame.nodes, 'node')} in {many(frame.layers, 'layer')}"
    if frame.unshared == frame.nodes:
        return f"{told}; none of them is used twice."
    return (
        f"{told}; computed anew for each path that leads to them, they would be {frame.unshared}."
    )


def work_words(frame: TreeFrame) -> str:
    """What one sample costs, naive and with queues."""
    layers, steps = frame.layers, min(frame.t, frame.field)
    return (
        f"To sample x{frame.t}, naive generation computes at least the tree again, {many(frame.nodes, 'node')}; a pass "
        f"of all layers over the {many(steps, 'step')} of the field computes {layers} × {steps} = {frame.pass_nodes}. "
        f"With queues it is {layers}."
    )


def queue_words(frame: TreeFrame) -> str:
    """What is computed at this step, what is read, and how the queues move."""
    t, nodes = frame.t, many(frame.layers, "new node")
    each = ", one in each layer" if frame.layers > 1 else ""
    reads = sum(len(queue.read) for queue in frame.queues)
    zeros = sum(step < 1 for queue in frame.queues for step in queue.read)
    held = f"{many(reads, 'entry')} read from the queues"
    if zeros:
        held += f" ({'all' if zeros == reads else zeros} of them zero)"
    known = f"x{t - 1}" if t > 1 else "no value yet"
    told = f"Step {t}: {nodes}{each}, from {known} and {held}. "
    moved = f"Then each queue takes in its input of step {t} and lets its oldest entry out"
    oldest = sorted({queue.popped for queue in frame.queues if queue.popped >= 1})
    if not oldest:
        return f"{told}{moved}, so far a zero."
    zero = ", or a zero" if any(queue.popped < 1 for queue in frame.queues) else ""
    return f"{told}{moved}: step{'' if len(oldest) == 1 else 's'} {listed(oldest)}{zero}."


def memory_words(frame: TreeFrame) -> str:
    """What the queues hold."""
    sizes = [queue.size for queue in frame.queues]
    total = f"{' + '.join(map(str, sizes))} = " if len(sizes) > 1 else ""
    return (
        f"A layer looks back {K_MINUS_1} × d steps, so its queue holds as many of its inputs: {total}{sum(sizes)} = "
        f"{R_MINUS_1} in all, however long the sequence. The box in a row keeps what the layer above it still needs."
    )
