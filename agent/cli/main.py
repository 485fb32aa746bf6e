"""`lamplighter`: puts the commands together; turns what a person must act on into a message and an exit code."""

from collections.abc import Sequence
from typing import Annotated

import typer

from agent import VERSION
from agent.cli import (
    check,
    commission,
    dashboards,
    demo,
    doctor,
    events,
    identify,
    journal,
    mode,
    models,
    read,
    replay,
    report,
    run,
    scan,
    simulate,
    status,
    watch,
)
from agent.cli.endings import errors_told

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
app.command()(watch.watch)
app.command()(scan.scan)
app.command()(commission.commission)
app.command()(doctor.doctor)
app.command()(events.events)
app.command()(journal.journal)
app.command()(report.report)
app.command()(dashboards.dashboards)
app.command()(mode.mode)
app.command()(identify.identify)
app.add_typer(models.app, name="models")
app.command()(simulate.simulate)
app.command()(replay.replay)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(VERSION)
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
    with errors_told():
        app(arguments, prog_name="lamplighter")
