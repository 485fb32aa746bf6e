"""`lamplighter`: puts the commands together; turns what a person must act on into a message and an exit code."""

import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from agent.cli import check, demo, events, identify, journal, models, read, run, simulate, status
from agent.errors import SiteError
from drivers.errors import LineError, ModelError

RAN_AND_FOUND_A_PROBLEM = 1
INVALID_INPUT = 2

app = typer.Typer(
    name="lamplighter",
    help="""Edge telemetry agent for power meters: tells voltage sags and supply loss from noise and dead cables.

    Start here: **lamplighter demo** shows a simulated substation; no meter, broker or database is needed.
    With meters: write a site file (as config/small.toml), **lamplighter check site.toml**,
    **lamplighter read site.toml**, then **lamplighter run site.toml**.""",
    epilog="Exit codes: 0 all well, 1 ran and found a problem, 2 wrong use or invalid input.",
    rich_markup_mode="markdown",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(check.check)
app.command()(run.run)
app.command()(read.read)
app.command()(status.status)
app.command()(events.events)
app.command()(journal.journal)
app.command()(identify.identify)
app.add_typer(models.app, name="models")
app.command()(simulate.simulate)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("lamplighter"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of `lamplighter` itself; its help text is the app's."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Raises SystemExit with the exit code, always."""
    try:
        app(arguments, prog_name="lamplighter")
    except (SiteError, ModelError, OSError, ExceptionGroup) as error:
        leaves = list(_leaves(error))
        if any(_exit_code(leaf) is None for leaf in leaves):
            raise  # a defect of ours keeps its traceback
        for text in dict.fromkeys(map(_words, leaves)):
            typer.echo(text, err=True)
        sys.exit(max(_exit_code(leaf) or 0 for leaf in leaves))


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _exit_code(error: Exception) -> int | None:
    """None for what no user can act on."""
    # A LineError is raised where a path that exists is no terminal; a silent line raises nothing.
    if isinstance(error, SiteError | ModelError | LineError):
        return INVALID_INPUT
    return RAN_AND_FOUND_A_PROBLEM if isinstance(error, OSError) else None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
