"""Which cells of a notebook its widgets need: the rest, other widgets' strips and whole trainings, can be left out.

A walk from the last cell to the first, the liveness analysis of compilers. It holds the set of names that the cells
below need. A cell is kept, whole, when it makes a widget, binds one of these names, or may change the object behind
one; what it reads is then needed too, and what it binds anew no longer.

What changes an object: an assignment to a part of it (`a.b = `, `a[0] += `), a method called on it whose value nobody
uses (`model.eval()`), and a function called like that (`ar.fit(model, ...)`), which changes its first argument. Where
the value is used (`history = ar.fit(model, ...)`), those count that are known to (CHANGING), names that end in "_" as
PyTorch's do, and functions of the notebook that do such a thing themselves. A function that binds `global x` changes x
wherever it is mentioned. An object has several names after `layer = model.layers[0]`, in `for layer in layers`, and
through an optimiser; changing it by one changes it by all.
"""

from __future__ import annotations

import ast
import symtable
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

# Called for what they show or check: they change nothing.
SHOWING = {"print", "display", "show", "player", "assert_close", "strip"}
CHANGING = {"append", "backward", "eval", "extend", "fit", "load_state_dict", "pop", "step"}
CHANGING |= {"train", "update", "yule_walker"}
Imports = (ast.Import, ast.ImportFrom)
Functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def needed_cells(sources: list[str], wanted: Callable[[str], bool]) -> list[int]:
    """The indices of the cells that those with `wanted(source)` need, themselves among them, in order.

    Args:
        sources: the code of each cell, plain Python.

    Raises:
        SyntaxError: a cell is not.

    >>> cells = ["import math", "x = 3", "y = 4", "x = math.sqrt(x)", "print(y)", "Widget(x)"]
    >>> needed_cells(cells, lambda source: "Widget" in source)
    [0, 1, 3, 5]
    """
    notebook = Notebook([ast.parse(source) for source in sources])
    kept: list[int] = []
    needed: set[str] = set()
    for index in reversed(range(len(sources))):
        cell = notebook.cells[index]
        if wanted(sources[index]) or (notebook.bound(cell) | notebook.changed(cell)) & needed:
            kept.append(index)
            needed = notebook.needed_before(cell.body, needed)
    return kept[::-1]


class Notebook:
    """The cells, and what holds for all of them: the functions' free names, and which names are of one object."""

    def __init__(self, cells: list[ast.Module]) -> None:
        self.cells = cells
        # Of a function: names that its body reads, and names that it binds by `global`.
        self.free: dict[str, set[str]] = defaultdict(set)
        self.rebinds: dict[str, set[str]] = defaultdict(set)
        self.aliases: dict[str, set[str]] = defaultdict(set)
        self.changers: set[str] = set()  # functions that change something themselves
        nodes = [node for cell in cells for node in ast.walk(cell)]
        imports = [node for node in nodes if isinstance(node, Imports)]
        self.imported = {
            name for node in imports for name in bound_by(node)
        }  # calls do not change modules
        for node in nodes:
            if isinstance(node, Functions):
                self.free[node.name] |= globals_of(ast.unparse(node))
                self.rebinds[node.name] |= rebound_by(ast.unparse(node))
                if any(self._changed_by(part, False) for part in ast.walk(node)):
                    self.changers.add(node.name)
            self._note_alias(node)

    def _note_alias(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
            parts = [part.attr for part in ast.walk(value) if isinstance(part, ast.Attribute)]
            # part = model.layers[0]; weights = [*model.parameters()]; optimiser = torch.optim.Adam(weights)
            if not is_chain(value) and not {"parameters", "optim"} & set(parts):
                return
        elif isinstance(node, (ast.For, ast.comprehension)):
            targets, value = [node.target], node.iter
        else:
            return
        for name in (name for target in targets for name in stored(target)):
            self.aliases[name] |= set(loaded(value))

    def bound(self, cell: ast.Module) -> set[str]:
        """Names that the cell gives an object."""
        return {name for statement in cell.body for name in bound_by(statement)}

    def changed(self, cell: ast.Module) -> set[str]:
        """Names whose object the cell may change."""
        found: set[str | None] = set()
        for node in outside_functions(cell.body):
            if isinstance(node, (ast.Attribute, ast.Subscript)) and not loads(node):
                found.add(root_of(node))
            elif isinstance(node, ast.Expr):
                found |= self._changed_by(node.value, True)
            else:
                found |= self._changed_by(node, False)
        # A function that is mentioned may be called.
        mentioned = {name for statement in cell.body for name in self._read(statement)}
        found |= {name for function in mentioned for name in self.rebinds.get(function, ())}
        return self._with_aliases(found - {None}) - self.imported

    def _changed_by(self, node: ast.AST, value_unused: bool) -> set[str | None]:
        """What a call may change; for anything else nothing."""
        if not isinstance(node, ast.Call):
            return set()
        is_attribute = isinstance(node.func, ast.Attribute)
        name = node.func.attr if is_attribute else getattr(node.func, "id", "")
        changes = name in CHANGING or name in self.changers or name.endswith("_")
        if name in SHOWING or not (value_unused or changes):
            return set()
        owner = root_of(node.func.value) if is_attribute else None
        if owner is not None and owner not in self.imported:  # a method
            return {owner}
        # A function: ar.fit(model, ...), or ar.fit(model=model, ...), where any of the names may be the first argument.
        first = node.args[:1] or [keyword.value for keyword in node.keywords]
        return {root_of(argument) for argument in first}

    def _with_aliases(self, names: set[str]) -> set[str]:
        found, new = set(names), set(names)
        while new:
            new = {alias for name in new for alias in self.aliases[name]} - found
            found |= new
        return found

    def needed_before(self, statements: Iterable[ast.stmt], needed: set[str]) -> set[str]:
        """Names needed before the statements run, if `needed` are needed after them."""
        needed = set(needed)
        for statement in reversed(list(statements)):
            needed = self._before(statement, needed)
        return needed

    def _before(self, statement: ast.stmt, needed: set[str]) -> set[str]:
        if isinstance(statement, (ast.For, ast.While, ast.If)):
            head = statement.iter if isinstance(statement, ast.For) else statement.test
            inside = self.needed_before(statement.body, needed)
            if isinstance(statement, ast.For):
                inside -= set(stored(statement.target))
            return needed | inside | self.needed_before(statement.orelse, needed) | self._read(head)
        if isinstance(statement, ast.With):
            inside = self.needed_before(statement.body, needed)
            for item in reversed(statement.items):
                inside -= set(stored(item.optional_vars)) if item.optional_vars else set()
                inside |= self._read(item.context_expr)
            return inside
        if isinstance(statement, (ast.Try, ast.Match)):  # any part may run or not
            return needed | self._read(statement)
        return (needed - set(bound_by(statement))) | self._read(statement)

    def _read(self, node: ast.AST) -> set[str]:
        """Names that the code reads, those in the functions that it mentions among them."""
        if isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef)
        ):  # its body: where its name is read
            now = [*node.decorator_list, node.args]
            found = {name for part in now for name in loaded(part)}
        else:
            found = globals_of(ast.unparse(node))
        new = set(found)
        while new:
            new = {free for name in new for free in self.free.get(name, ())} - found
            found |= new
        return found


# ---- names in a piece of code ------------------------------------------------------------------------------


def globals_of(source: str) -> set[str]:
    """Names that the code reads and that are not local to a function or comprehension in it."""
    # Python's table of symbols does not count that `x += 1` reads x.
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AugAssign)]
    added = {name for node in nodes for name in stored(node.target)}
    found: set[str] = set()
    for table in symbol_tables(source):
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            read = symbol.is_referenced() or symbol.get_name() in added
            if read and (top or symbol.is_global()):
                found.add(symbol.get_name())
    return found


def rebound_by(source: str) -> set[str]:
    """Names outside the functions in the code that these bind, by `global`."""
    symbols = [symbol for table in symbol_tables(source) for symbol in table.get_symbols()]
    return {s.get_name() for s in symbols if s.is_declared_global() and s.is_assigned()}


def symbol_tables(source: str) -> Iterator[symtable.SymbolTable]:
    """Of the code, and of each function, class and comprehension in it."""
    tables = [symtable.symtable(source, "cell", "exec")]
    while tables:
        yield (table := tables.pop())
        tables += table.get_children()


def outside_functions(statements: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """All nodes that run with the statements: not the bodies of functions and classes."""
    for node in statements:
        yield node
        if not isinstance(node, (*Functions, ast.Lambda)):
            yield from outside_functions(ast.iter_child_nodes(node))


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """Names that the statement, or one inside it, gives an object; a comprehension's own are none of them."""
    for node in outside_functions([statement]):
        if isinstance(node, Functions):
            yield node.name
        elif isinstance(node, Imports):
            yield from (name.asname or name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, (ast.Assign, ast.Delete)):
            yield from (name for target in node.targets for name in stored(target))
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr, ast.For)):
            yield from stored(node.target)
        elif isinstance(node, ast.withitem) and node.optional_vars:
            yield from stored(node.optional_vars)


def stored(target: ast.AST) -> list[str]:
    """Names in the target of an assignment that it binds."""
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name) and not loads(node)]


def loaded(node: ast.AST) -> list[str]:
    """Names that the code reads, local ones too."""
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and loads(part)]


def loads(node: ast.Name | ast.Attribute | ast.Subscript) -> bool:
    """Whether the code is read, not assigned to or deleted."""
    return isinstance(node.ctx, ast.Load)


def is_chain(node: ast.AST) -> bool:
    """Whether the code is a name or a part of something, such as `a.b[0]`."""
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript))


def root_of(node: ast.AST) -> str | None:
    """The name that a chain such as `a.b[0].c()` begins with; None if it begins with something else."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None
