"""`lamplighter check`: is a site file sound, and what can its lines carry?"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir

if TYPE_CHECKING:
    from agent.site import Site

Live = Mapping[str, Any]


def check(
    site: SitePath,
    live: Annotated[
        bool, typer.Option("--live", help="Also ask every meter once, knock at every server and look at the clock.")
    ] = False,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Say whether a site file is sound, and what each line can carry. Opens nothing unless asked to.

    A serial path that exists and is no port is refused as by `lamplighter run`; one that is absent is waited for there.

    Wire time is what the full sets of all meters take in one poll period; watching takes what is left. Where a
    line cannot carry what was asked, "got" says what it can, and how much of the looks is left out; another meter's
    read may make a look late by "lag". A sag to half the voltage that lasts as long as
    "sees all" cannot be missed while every look is answered; how many of the shorter ones are caught is said below.
    The tree at the end is the network as the site file describes it: what is dead is localised on it.

    Example: lamplighter check site.toml --live
    """
    from agent.journal.hold import refuse_no_place
    from agent.mode_calendar import calendar_of
    from agent.overview import overview
    from agent.site import load_site

    loaded = load_site(site, state_dir)
    calendar_of(loaded)
    _refuse_no_ports(loaded)
    if live:
        _refuse_beside_agent(loaded)
    told = overview(loaded)
    found = _look(loaded) if live else {}
    if json:
        show.as_json(told | ({"live": found} if live else {}))
    else:
        _print(told)
        _print_network(loaded)
        _print_live(found)
    refuse_no_place(loaded.state_dir)
    if any(one["trouble"] for part in found.values() for one in (part if isinstance(part, list) else [part])):
        raise typer.Exit(1)


def _refuse_no_ports(site: "Site") -> None:
    from drivers.endpoints import SerialPort
    from drivers.transport import refuse_no_device

    for config in site.lines.values():
        if isinstance(config, SerialPort):
            refuse_no_device(config.path)


def _refuse_beside_agent(site: "Site") -> None:
    """A line has one master: two of them spoil each other's replies."""
    from agent.status.socket import NotRunningError, ask

    with suppress(NotRunningError):
        ask(site.state_dir, "status")
        typer.echo(f"--live: an agent runs in {site.state_dir}; ask it: lamplighter status {site.file}", err=True)
        raise typer.Exit(1)


def _print(told: Mapping[str, Any]) -> None:
    typer.echo(f"{told['file']} is sound: site {told['site']}, gateway {told['gateway']}, profile {told['profile']}.\n")
    for name, line in told["lines"].items():
        title = f"line {name}: {line['address']}"
        if line["meters"]:
            title += f", wire time {line['round_s']:.3g} s in {line['period_s']:g} s ({line['utilisation']:.1%})"
        columns = ("meter", "unit", "model", "poll + watch reads", "watch asked", "got", "lag up to", "sees all")
        show.table(title, columns, [_row(meter, facts) for meter, facts in line["meters"].items()])
        _print_floors(line["meters"])
    typer.echo(f"mqtt: {told['mqtt'] or 'off'}\ninfluxdb: {told['influxdb'] or 'off'}\nmains: {_mains(told['mains'])}")
    typer.echo(f"calendar: {told['calendar'] or 'none'}\n{_journal(told['journal'])}\n")


def _journal(journal: Mapping[str, Any]) -> str:
    keeps = f"journal: {journal['cap_mib']} MiB"
    if journal["holds_h"] is not None:
        keeps += f", room for {journal['holds_h']} h of readings at {journal['readings_hz']:g} a second"
    return keeps + (f"; none older than {journal['keep_h']} h is kept" if journal["keep_h"] else "")


def _mains(mains: Mapping[str, Any] | None) -> str:
    if mains is None:
        return "nobody tells whether this gateway has them"
    return f"{mains['asks']}, from node {mains['node']}" if mains["node"] else mains["asks"]


def _print_network(site: "Site") -> None:
    from agent.network_tree import network_tree

    for line in network_tree(site.network):
        typer.echo(line)


def _print_floors(meters: Mapping[str, Any]) -> None:
    """Meters that see alike are named together."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for meter, facts in meters.items():
        alike.setdefault(tuple(facts["floor"]), []).append(meter)
    for words, names in alike.items():
        typer.echo(f"{', '.join(names)}: {'; '.join(words)}")
    if alike:
        typer.echo()


def _row(meter: str, facts: Mapping[str, Any]) -> tuple[str, ...]:
    asked_hz, sees_all_s = facts["watch_asked_hz"], facts["sees_all_s"]
    return (
        meter,
        str(facts["unit"]),
        facts["model"],
        f"{facts['poll_reads']} + {facts['watch_reads']}",
        "max" if asked_hz is None else f"{asked_hz:.3g} Hz",
        f"{facts['watch_got_hz']:.3g} Hz" + f" ({facts['watch_overrun']:.0%} left out)" * (facts["watch_overrun"] > 0),
        f"{1000 * facts['watch_lag_s']:.0f} ms",
        "nothing" if sees_all_s is None else f"{sees_all_s:.3g} s",
    )


def _look(site: "Site") -> Live:
    from agent import probe
    from agent.clock import boot_us, set_by_others_us
    from agent.probe_clock import look_at_clock
    from agent.time_source import TimeSource

    async def look() -> Live:
        answers, lines = await probe.look(site)
        return {
            "clock": asdict(await look_at_clock(site.clock, TimeSource(boot_us=boot_us), set_by_others_us)),
            "meters": [asdict(answer) for answer in answers],
            "lines": [asdict(line) for line in lines],
            "servers": [asdict(server) for server in await probe.reach_servers(site)],
        }

    return asyncio.run(look())


def _print_live(found: Live) -> None:
    if not found:
        return
    typer.echo()
    rows = [
        (one["meter"], "answered" if not one["trouble"] else "no", one["trouble"] or f"{one['took_s'] * 1000:.0f} ms")
        for one in found["meters"]
    ]
    show.table("meters, asked once", ("meter", "answer", "took, or why not"), rows)
    for one in found["lines"]:
        if one["trouble"]:
            typer.echo(f"line {one['line']}, {one['address']}: {one['trouble']}\n")
    rows = [
        (one["server"], one["address"], "reached" if not one["trouble"] else f"no: {one['trouble']}")
        for one in found["servers"]
    ]
    show.table("servers", ("server", "address", "connection"), rows)
    typer.echo(_clock(found["clock"]))


def _clock(told: Mapping[str, Any]) -> str:
    trouble = f"; {told['trouble']}" if told["trouble"] else ""
    return f"clock: {show.moment(told['time'])} UTC, {show.clock_words(told)}{trouble}"
