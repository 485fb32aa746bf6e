"""`lamplighter commission`: are the meters wired right?"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir

if TYPE_CHECKING:
    from agent.field.commission.observed import Finding, Seen
    from agent.field.commission.sheet import MeterSheet, Sheet
    from agent.probe_clock import ClockFound
    from agent.site import Meter, Site

_WATCHED_S = 30.0


def commission(
    site: SitePath,
    meter: Annotated[str | None, typer.Argument(metavar="[METER]", help="One meter; all without it.")] = None,
    for_s: Annotated[
        float, typer.Option("--for", metavar="S", min=1.0, max=3600.0, help="Look for S seconds.")
    ] = _WATCHED_S,
    no_feed_in: Annotated[
        bool, typer.Option("--no-feed-in", help="Nothing behind these meters can feed in: power backwards is a fault.")
    ] = False,
    engineer: Annotated[str, typer.Option(metavar="NAME", help="For the protocol's signature.")] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the protocol, one HTML file.", show_default=False),
    ] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Judge the wiring of each meter from its live values: what is wrong, and what to do about it.

    Needs load: below 5 % of a transformer's rated current it says that it cannot tell. What feeds in looks like a
    transformer that faces the wrong way: switch it off for the time, or say that there is none.

    Where the site's agent runs, its readings are judged; otherwise each meter is read here. It only reads. Exit code 0
    if all passed, 1 if something failed or could not be judged.

    Example: lamplighter commission site.toml --engineer "A. Chen" --out cabinet-7.html
    """
    from agent.site import load_site

    loaded = load_site(site, state_dir)
    show.refuse_unknown("METER", meter, loaded.meters)
    meters = [loaded.meters[meter]] if meter else [*loaded.meters.values()]
    if not json:
        typer.echo(f"looking at {len(meters)} meters for {for_s:g} s", err=True)
    made = asyncio.run(_made(loaded, meters, for_s, engineer, feeds_in=not no_feed_in))
    if out is not None:
        _write(made, out)
    if json:
        show.as_json(asdict(made))
    else:
        _print(made)
        typer.echo("" if out is None else f"written: {out}")
    if made.outcome != "pass":
        raise typer.Exit(1)


async def _made(site: "Site", meters: Sequence["Meter"], for_s: float, engineer: str, *, feeds_in: bool) -> "Sheet":
    from agent import VERSION
    from agent.clock import boot_us, set_by_others_us
    from agent.field.commission.sheet import Sheet, fitted_of, meter_sheet, outcome_of_all
    from agent.probe_clock import look_at_clock
    from agent.time_source import TimeSource

    seen, beside = await _seen(site, meters, for_s)
    clock = await look_at_clock(site.clock, TimeSource(boot_us=boot_us), set_by_others_us)
    sheets = tuple(meter_sheet(m, fitted_of(m, site, feeds_in=feeds_in), seen[m.name]) for m in meters)
    findings = _of_clock(clock)
    told = show.clock_words(asdict(clock))
    outcome = outcome_of_all(findings, sheets)
    return Sheet(
        site.name, site.gateway, clock.time, engineer, VERSION, site.config_hash, beside, told, outcome, findings,
        sheets,
    )  # fmt: skip


async def _seen(site: "Site", meters: Sequence["Meter"], for_s: float) -> tuple[dict[str, "Seen"], bool]:
    """And whether the agent was asked."""
    from functools import partial

    from agent.field.commission.visit import ask_agent, visit
    from agent.status.socket import NotRunningError, ask

    try:
        return await ask_agent(meters, partial(ask, site.state_dir), for_s=for_s), True
    except NotRunningError:
        return await visit(site, meters, for_s=for_s), False


def _of_clock(clock: "ClockFound") -> tuple["Finding", ...]:
    from agent.field.commission import words
    from agent.field.commission.observed import failed

    return (failed(words.CLOCK, why=clock.trouble),) if clock.trouble else ()


def _write(made: "Sheet", to: Path) -> None:
    from agent.field.commission.page import page
    from agent.whole_file import write_whole

    try:
        write_whole(to, page(made))
    except OSError as error:
        raise OSError(f"{to}: {error.strerror}; the protocol was not written") from error


def _print(made: "Sheet") -> None:
    from agent.field.commission.sheet import BY_HAND
    from agent.records import NOT_ISOLATION

    source = "readings of the running agent" if made.beside_agent else "read here and now"
    typer.echo(f"site {made.site}, gateway {made.gateway}: {made.outcome}; {source}; clock {made.clock}")
    _print_findings(made.findings)
    for meter in made.meters:
        _print_meter(meter)
    typer.echo("\nTo be looked at by hand, as no register tells it:")
    for one in BY_HAND:
        typer.echo(f"  - {one}")
    typer.echo(NOT_ISOLATION)


def _print_meter(meter: "MeterSheet") -> None:
    serial = "" if meter.serial is None else f", serial number {meter.serial}"
    typer.echo(f"\n{meter.meter}, {meter.model}, {meter.line} unit {meter.unit}{serial}: {meter.outcome}")
    if not meter.findings:
        typer.echo("  no fault in the wiring shows")
    _print_findings(meter.findings)


def _print_findings(findings: Sequence["Finding"]) -> None:
    for each in findings:
        typer.echo(f"  {'FAIL' if each.verdict == 'fail' else 'cannot tell'}: {each.what} [{each.code}]")
        typer.echo(f"    do: {each.todo}")
