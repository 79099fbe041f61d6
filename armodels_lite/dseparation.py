"""Which independences hold in a Bayes net for its graph alone, whatever the numbers in its tables.

Source: S. L. Lauritzen, A. P. Dawid, B. N. Larsen, H.-G. Leimer, "Independence Properties of Directed Markov Fields",
1990: a and b are d-separated by a set iff the set separates them in the moral graph of their common ancestors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["ancestral_set", "d_separated", "moral_graph"]

Parents = Sequence[Sequence[int]]


def d_separated(parents: Parents, a: int, b: int, given: Iterable[int] = ()) -> bool:
    """True iff the graph makes variables a and b independent once the variables `given` are known.

    Args:
        parents: parents[i] lists the parents of variable i; no cycles.
        a, b, given: positions of variables; a and b differ, and neither is among those given.

    Raises:
        ValueError: a position outside the graph, or variables that overlap.

    >>> rain_or_sprinkler = [[], [], [0, 1]]              # two causes of wet grass
    >>> d_separated(rain_or_sprinkler, 0, 1)
    True
    >>> d_separated(rain_or_sprinkler, 0, 1, given=[2])   # wet grass: one cause explains the other away
    False
    """
    known = set(given)
    for variable in (a, b, *known):
        if type(variable) is not int or not 0 <= variable < len(parents):
            raise ValueError(f"variables are 0 to {len(parents) - 1}, got {variable!r}")
    if a == b or a in known or b in known:
        raise ValueError(f"a, b and given must not overlap, got {a}, {b} and {sorted(known)}")
    neighbours = moral_graph(parents, ancestral_set(parents, {a, b, *known}))
    reached, waiting = {a}, [a]
    while waiting:
        new = neighbours[waiting.pop()] - reached - known
        reached |= new
        waiting.extend(new)
    return b not in reached


def ancestral_set(parents: Parents, variables: Iterable[int]) -> set[int]:
    """The variables themselves, their parents, the parents of those, and so on.

    >>> sorted(ancestral_set([[], [0], [1], [0]], [2]))
    [0, 1, 2]
    """
    found: set[int] = set()
    waiting = list(variables)
    while waiting:
        variable = waiting.pop()
        if variable not in found:
            found.add(variable)
            waiting.extend(parents[variable])
    return found


def moral_graph(parents: Parents, variables: Iterable[int]) -> dict[int, set[int]]:
    """The neighbours of each variable of an ancestral set, without arrows and with all parents of one child linked.

    >>> moral_graph([[], [], [0, 1]], [0, 1, 2])
    {0: {1, 2}, 1: {0, 2}, 2: {0, 1}}
    """
    neighbours: dict[int, set[int]] = {variable: set() for variable in variables}
    for child in neighbours:
        family = {child, *parents[child]}
        for member in family:
            neighbours[member] |= family - {member}
    return neighbours
