"""The command line, `armodels`. Each command is thin: the work is done in what it imports, most in `commands/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

NAMES = Annotated[
    list[str] | None, typer.Argument(help="Names of data sets; all when none is given.")
]

INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended


class CourseGroup(TyperGroup):
    """Shows an error that a user can mend as one message, without a traceback."""

    def invoke(self, ctx: typer.Context) -> object:
        """Run the command; on ValueError or OSError end with the message and exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # who reads the output has seen enough, as in `armodels data list | head`: typer ends quietly
        except (ValueError, OSError) as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=CourseGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An interactive course on autoregressive models.",
)
data_app = typer.Typer(
    no_args_is_help=True, help="The data sets: which there are, fetch them, check them."
)
app.add_typer(data_app, name="data")


@app.command()
def lab(
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to try first.")] = 8888,
) -> None:
    """Open the notebooks in JupyterLab, on this machine only."""
    from armodels_lite.commands.lab import run_lab

    run_lab(browser=browser, port=port)


@app.command()
def test(
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out the notebooks and the browser.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Measure each checkpoint on its whole test part.")
    ] = False,
) -> None:
    """Run every check: style, unit tests and doctests, notebooks, browser."""
    from armodels_lite.commands.stages import run_all

    raise typer.Exit(0 if run_all(fast, whole) else 1)


@app.command()
def execute(
    notebooks: Annotated[
        list[Path] | None, typer.Argument(help="Notebooks; the course's when none is given.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one cell may take.")] = 600.0,
) -> None:
    """Run notebooks from top to bottom and store them, outputs included, in one stable form."""
    from armodels_lite.commands.notebooks import course_notebooks, execute_all

    failed = execute_all(notebooks or course_notebooks(), timeout)
    raise typer.Exit(1 if failed else 0)


@app.command()
def links() -> None:
    """Write into each notebook its links: the one before, the one after, the course map, its terms."""
    from armodels_lite.commands.environment import course_root
    from armodels_lite.commands.navigation import link_notebooks

    changed = link_notebooks(course_root() / "notebooks")
    typer.echo("\n".join(f"{file}: changed" for file in changed) or "every link is as it should be")


@app.command()
def train(
    recipe: Annotated[
        str | None, typer.Option(help="Name of the recipe; they are listed when none is given.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints; data/checkpoints if not given.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
) -> None:
    """Run a recipe and write its checkpoint. Stopped and started again, it goes on where it was."""
    from armodels_lite.card import read_card
    from armodels_lite.checkpoints import RUNS, train_recipe
    from armodels_lite.recipes import RECIPES

    if recipe is None:
        typer.echo(_listing({entry.name: entry.about for entry in RECIPES.values()}))
        return
    if recipe not in RECIPES:
        known = _listing({entry.name: entry.about for entry in RECIPES.values()})
        raise ValueError(f"no recipe {recipe!r}; there are\n{known}")
    typer.echo(f"training {recipe}; until it is done, its state is kept in {RUNS / recipe}")
    try:
        folder = train_recipe(recipe, output, device=device)
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on after the last whole epoch", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if folder is not None:  # else another process writes it
        score = read_card(folder)["scores"]["test"]
        typer.echo(f"{folder}: {score['nats']:.2f} nats on {score['examples']} test examples")


@app.command()
def evaluate(
    name: Annotated[
        str | None,
        typer.Argument(help="Name of a shipped checkpoint, or a folder; they are listed if none."),
    ] = None,
    part: Annotated[str, typer.Option(help="valid or test")] = "test",
    first: Annotated[
        bool,
        typer.Option(
            "--first",
            help="Only the first few hundred examples: seconds. Of the test part; of valid where the card has them.",
        ),
    ] = False,
    write_first: Annotated[
        bool,
        typer.Option(
            "--write-first",
            help="Measure the part; if the card is right, write into it what --first needs.",
        ),
    ] = False,
) -> None:
    """Measure a checkpoint again and compare with its card; exit code 1 when they differ."""
    from armodels_lite.checkpoints import evaluate_checkpoint, write_first_score
    from armodels_lite.saving import shipped

    if name is None and (first or write_first):
        option = "--first" if first else "--write-first"
        raise ValueError(f"{option} needs the name of a checkpoint")
    if name is None:
        typer.echo(_listing({name: _about(name) for name in shipped()}) or "no checkpoint ships")
        return
    if first and write_first:
        raise ValueError("--first reads what --write-first writes: give one of them")
    if write_first:
        comparison = write_first_score(name, part)
    else:
        comparison = evaluate_checkpoint(name, part, first=first)
    typer.echo(str(comparison))
    raise typer.Exit(0 if comparison.agrees else 1)


def _about(name: str) -> str:
    """What the card of a checkpoint says that it is, or what is wrong with the card."""
    from armodels_lite.card import read_card
    from armodels_lite.saving import find_folder

    try:
        return read_card(find_folder(name))["about"]
    except (ValueError, OSError) as error:
        return str(error)


def _listing(entries: dict[str, str]) -> str:
    return "\n".join(f"{name}: {about}" for name, about in entries.items())


@app.command()
def doctor() -> None:
    """Say what this machine offers, and whether the course can run on it."""
    from armodels_lite.commands.environment import doctor as examine

    raise typer.Exit(0 if examine() else 1)


@data_app.command("list")
def data_list() -> None:
    """List the data sets, whether each is here, and what it is."""
    from armodels_lite import data

    for name, entry in data.registry().items():
        found = data.status(name)
        size = f", {found.bytes / 1e6:.1f} MB to fetch" if found.bytes else ""
        typer.echo(
            f"{name}: {found.state}{size}\n    {entry.description}\n    Licence: {entry.licence}"
        )


@data_app.command("fetch")
def data_fetch(names: NAMES = None) -> None:
    """Fetch what is missing or damaged."""
    from armodels_lite import data

    for name in names or data.registry():
        paths = data.fetch(name)
        typer.echo(f"{name}: {', '.join(map(str, paths)) or 'comes with an installed package'}")


@data_app.command("verify")
def data_verify(names: NAMES = None) -> None:
    """Compare every file with its published SHA-256; exit code 1 when one is missing or damaged."""
    from armodels_lite import data

    bad = 0
    for name in names or data.registry():
        try:
            data.verify(name)
            typer.echo(f"{name}: good")
        except (ValueError, FileNotFoundError) as error:
            bad += 1
            typer.echo(f"{name}: {error}", err=True)
    raise typer.Exit(1 if bad else 0)


if __name__ == "__main__":
    app()
