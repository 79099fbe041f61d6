"""The cells that a widget needs: nothing that it shows is missing, and no training that it does not show is there."""

from __future__ import annotations

import pytest
from widget_cells import needed_cells

NOTEBOOK = [
    "import torch\nimport armodels_lite as ar",  # 0
    "data = ar.load('digits')",
    "model = ar.FVSBN((64,))",  # 2
    "other = ar.NADE((64,))",
    "ar.fit(other, data.train)",  # 4: reads the data, and changes what no widget shows
    "history = ar.fit(model, data.train)",
    "figure = plot(history)\nfigure",  # 6
    "model.eval()",
    "def first(k):\n    return data.test.x[:k] * scale",  # 8
    "scale = 2",
    "for name, x in pairs:\n    print(name, x)",  # 10
    "for name, x in pairs:\n    scale = x",
    "Widget(model, first(3))",  # 12
    "model = ar.NADE((64,))",
    "x = 3\nWidget(x)",  # 14
    "model.train()",
]


def kept(*sources: str) -> list[int]:
    """The cells needed by those that make a widget."""
    return needed_cells(list(sources), lambda source: "Widget(" in source)


def test_a_toy_notebook() -> None:
    assert kept(*NOTEBOOK) == [0, 1, 2, 5, 7, 8, 9, 11, 12, 14]


def test_without_a_widget_nothing_is_kept() -> None:
    assert kept("x = 1", "print(x)") == []


@pytest.mark.parametrize(
    "change",
    [
        "a.part = 1",
        "a.parts[0].size += 1",
        "a['key'] = 1",
        "a += 1",
        "a @= b",
        "if b:\n    a -= 1",
        "if b:\n    a = 3",
        "try:\n    a += 1\nexcept ValueError:\n    pass",
        "try:\n    a = 3\nexcept ValueError:\n    pass",
        "del a[0]",
        "a.weight.copy_(b)",
        "a.eval()",
        "fill(a)",
        "fill(target=a)",
        "history = ar.fit(a, data)",
        "history = ar.fit(model=a, train=data)",
        "losses = [ar.fit(a, data, seed=s) for s in range(3)]",
        "part = a.parts[0]\npart.reset()",
        "for part in a.parts:\n    part.reset()",
        "for k, part in enumerate(a.parts.values()):\n    part.size = k",
        "weights = [*a.parameters()]\noptimiser = torch.optim.SGD(weights)\noptimiser.step()",
        "with torch.no_grad():\n    torch.nn.init.normal_(a.weight)",
        "def train_on(m):\n    m.backward()\n\n\nresult = train_on(a)",
        "def count():\n    global a\n    a += 1\n\n\ncount()",
    ],
)
def test_what_changes_an_object_is_kept_and_so_is_the_object(change: str) -> None:
    imports = "import torch\nimport armodels_lite as ar"
    assert kept(imports, "a = 1\nb = 2", change, "Widget(a, torch, ar)") == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [
        "a, *rest = 3, 4",
        "print(a := 3)",
        "with open('x') as a:\n    pass",
        "from x import y as a",
        "def a():\n    return 3",
    ],
)
def test_what_binds_a_name_is_kept_and_what_it_was_is_not(change: str) -> None:
    assert kept("a = slow()", change, "Widget(a)") == [1, 2]


@pytest.mark.parametrize(
    "reading",
    [
        "print(a)",
        "plots.show(a.figure(), 'text')",
        "assert a == 1",
        "b = a + 1",
        "b.update(a)",
        "[a for a in range(3)]",
        "f = lambda a: a",
        "def f(a):\n    a = 3\n    return a",
        "loss = a.loss(3)",
        "ar.fit(b, a)",
    ],
)
def test_what_only_reads_a_name_is_left_out(reading: str) -> None:
    assert kept("import armodels_lite as ar", "a = 1", reading, "Widget(a)") == [1, 3]


def test_a_name_bound_anew_ends_the_search() -> None:
    assert kept("x = slow()", "x = 1", "y = x", "x = 2\nz = x + y", "Widget(z)") == [1, 2, 3, 4]
    assert kept("x = slow()", "for x in range(3):\n    y = x", "Widget(y)") == [1, 2]
    assert kept("x = slow()", "with open('y') as x:\n    y = x.read()", "Widget(y)") == [1, 2]
    assert kept("x = 1", "x = x + 1", "Widget(x)") == [0, 1, 2]
    assert kept("x = 1", "if other:\n    x = 2", "Widget(x)") == [0, 1, 2]


def test_a_function_reads_what_is_there_when_it_is_called() -> None:
    cells = ["k = 1", "def f():\n    return g() + k", "def g():\n    return m", "m = 2", "k = 3"]
    assert kept(*cells, "k, m", "Widget(f())") == [1, 2, 3, 4, 6]


def test_an_augmented_assignment_reads_its_target() -> None:
    assert kept("x = slow()", "x += 1", "Widget(x)") == [0, 1, 2]
    assert kept("x = slow()", "x = 1", "x += 1", "Widget(x)") == [1, 2, 3]
    assert kept("x = 0", "y = 1\nx += y", "x += 2", "Widget(x)") == [0, 1, 2, 3]
    local = "def f():\n    x = 0\n    x += 1\n    return x"
    assert kept("x = slow()", local, "Widget(f())") == [1, 2]


def test_a_function_that_binds_a_global_changes_it_where_it_is_called() -> None:
    count, call = "def count():\n    global c\n    c += 1", "def g():\n    return count()"
    assert kept("c = 0", count, "count()", "Widget(c)") == [0, 1, 2, 3]
    assert kept("c = 0", count, "y = count()", "Widget(c)") == [0, 1, 2, 3]
    assert kept("c = 0", count, call, "for k in range(3):\n    g()", "Widget(c)") == [0, 1, 2, 3, 4]
    assert kept("c = 0", count, "Widget(c)") == [0, 2], "it is not called"
    assert kept("c = 0", count, "Widget(count())") == [0, 1, 2], "it reads c"
    assert kept("c = 0", "def f():\n    c = 1", "f()", "Widget(c)") == [0, 3], "another c"


def test_a_cell_that_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        kept("%matplotlib inline", "Widget(x)")
