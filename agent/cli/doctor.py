"""`lamplighter doctor`: why is this meter silent, and what keeps rows from broker and database?"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir

if TYPE_CHECKING:
    from agent.field.doctor.examine import Examined
    from agent.field.doctor.timing import MeterTiming
    from agent.site import Site


_TIMES = 40


def doctor(
    site: SitePath,
    line: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Measure this line: how long its meters take, what is lost.", show_default=False
        ),
    ] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Say why a meter is silent: the first cause, what to do about it, and what only follows from it.

    Where the site's agent runs, it is asked, and its lines are left to it. Otherwise each meter is asked a few times,
    and every byte that comes is looked at; it only reads. Where no meter of a serial line answers, the usual baud rates
    and parities are tried.

    The broker is asked whether it lets us in and publish (one message without content, below the gateway's topics), the
    database whether it would take rows (a write of nothing); clock, disk, card and backlog are looked at.

    --line asks each meter of one line forty times: turn-around, late and damaged answers, noise, and what to wait. A
    running agent keeps its lines: then its own figures are shown. Exit code 0 if nothing is amiss, 1 if something is.

    Examples: lamplighter doctor site.toml; lamplighter doctor site.toml --line cabinet
    """
    from agent.field.doctor.examine import examine
    from agent.site import load_site

    loaded = load_site(site, state_dir)
    logging.basicConfig(handlers=[logging.NullHandler()])  # what lines and sinks log, the findings say
    if line is not None:
        _measure(loaded, line, json=json)
        return
    if not json:
        typer.echo("looking; a silent line takes up to half a minute", err=True)
    found = asyncio.run(examine(loaded))
    if json:
        show.as_json({"beside_agent": found.beside, "findings": [asdict(each) for each in found.findings]})
    else:
        _print(found)
    if found.findings:
        raise typer.Exit(1)


def _print(found: "Examined") -> None:
    from agent.field.doctor.findings import lines_of

    if found.beside:
        typer.echo("an agent runs for this site: its lines are left to it, what it knows is told\n")
    for line in lines_of(found.findings):
        typer.echo(line)
    if not found.findings:
        typer.echo("nothing is amiss")


def _measure(site: "Site", name: str, *, json: bool) -> None:
    from agent.field.doctor.examine import status_of
    from agent.field.doctor.measuring import measure

    show.refuse_unknown("--line", name, site.lines)
    status = status_of(site)
    if status is not None:
        _print_counters(name, status["lines"][name], json=json)
        return
    told = asyncio.run(measure(site, name, _TIMES))
    if json:
        show.as_json({"line": name, "beside_agent": False, "meters": [asdict(each) for each in told]})
    else:
        _print_timing(name, told)
    if any(each.answered + each.refused < each.asked for each in told):
        raise typer.Exit(1)


def _print_counters(name: str, line: Mapping[str, Any], *, json: bool) -> None:
    if json:
        show.as_json({"line": name, "beside_agent": True, "counters": line["counters"]})
        return
    typer.echo(f"an agent runs for this site and keeps line {name}; stop it to measure. It has counted:")
    show.table("", ("what", "count"), [(what, str(count)) for what, count in line["counters"].items() if count])


def _print_timing(name: str, told: "Sequence[MeterTiming]") -> None:
    columns = (
        "meter", "unit", "asked", "answered", "refused", "silent", "late", "damaged", "other", "noise bytes",
        "median ms", "slowest ms", "waits ms", "proposed ms",
    )  # fmt: skip
    show.table(f"line {name}: turn-around without the wire", columns, [_timing_row(each) for each in told])
    for each in told:
        _print_bars(each)


def _timing_row(each: "MeterTiming") -> show.Row:
    counts = (each.unit, each.asked, each.answered, each.refused, each.silent, each.late, each.damaged, each.other)
    times = (each.median_ms, each.slowest_ms, each.waits_ms, each.proposed_ms)
    told = ("-" if value is None else f"{value:.0f}" for value in times)
    return (each.meter, *map(str, counts), str(each.noise_bytes), *told)


def _print_bars(each: "MeterTiming") -> None:
    from agent.field.doctor.timing import bars_of

    if bars := bars_of(each):
        typer.echo(f"{each.meter}:")
        typer.echo("\n".join(bars))
    if each.proposed_ms is not None and each.proposed_ms > each.waits_ms:
        typer.echo(f"  do: allow turnaround_max_s = {each.proposed_ms / 1000:g} in a map of your own")
    if each.gap:
        typer.echo("  do: it loses requests that follow at once, and none after a pause: watch and poll it less often")
