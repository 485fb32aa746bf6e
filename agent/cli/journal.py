"""`lamplighter journal`: what is kept, and how far is each sink?"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir

if TYPE_CHECKING:
    from agent.journal.export import ExportQuery
    from agent.site import Site

_CHOICES = ("--from", "--to", "--meter", "--kind")


def journal(
    site: SitePath,
    refused: Annotated[bool, typer.Option("--refused", help="What sinks refused for good, in their words.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write what is stored into FILE, as JSON lines; FILE must be new, - is stdout.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write it into CSV files in DIR, for a spreadsheet.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", "--since", metavar="TIME", help="Of an export: from this time on.", show_default=False),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", "--until", metavar="TIME", help="Of an export: before this time.", show_default=False),
    ] = None,
    meter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METER", help="Of an export: of this meter. More than once: of these.", show_default=False
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Of an export: readings alone, as `reading`, or event incident trace gap, or events and traces of "
            "one kind, as `sag`. More than once: these.",
            show_default=False,
        ),
    ] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show what the journal keeps, and what each sink has not acknowledged yet; or export it.

    The running agent is asked; without one, its journal is read. What the running agent has not stored yet (10 s at
    most) is left out of an export. Times are UTC with a Z, as 2026-11-23T08:00:00Z, or the site's own without. A
    record made at --to itself is left to the export that begins --from there.

    --export: every revision of events and incidents, readings, traces and gaps, oldest first, a JSON object a line.
    --csv: a file of readings and one of traces for each meter, events and incidents as they stand now, gaps; times are
    UTC and the site's own, units stand at the head of a column. DIR must be new or empty.

    Example: lamplighter journal site.toml --csv monday --from 2026-11-23T00:00 --to 2026-11-24T00:00
    """
    from agent.site import load_site

    loaded = load_site(site, state_dir)
    chosen = [name for name, value in zip(_CHOICES, (since, until, meter, kind), strict=True) if value]
    if export is not None or csv is not None:
        if export is not None and csv is not None:
            _refuse("--export and --csv: found both; allowed: one of them; export twice")
        _export(loaded, _query(loaded, since, until, meter or (), kind or ()), export, csv, json=json)
    elif chosen:
        _refuse(f"{' and '.join(chosen)} choose what is exported: name a place with --export FILE or --csv DIR")
    elif refused:
        _print_refused(_refused(loaded), json=json)
    elif json:
        show.as_json(_figures(loaded))
    else:
        _print(_figures(loaded))


def _query(
    site: "Site", since: str | None, until: str | None, meters: Collection[str], kinds: Collection[str]
) -> "ExportQuery":
    from agent.journal.export import ExportQuery, known_kinds

    for name in kinds:
        show.refuse_unknown("--kind", name, known_kinds())
    since_us, until_us = _instant("--from", since, site), _instant("--to", until, site)
    if since_us is not None and until_us is not None and until_us <= since_us:
        _refuse(f"--to: found {until}; allowed: a time after --from {since}; name a later one")
    return ExportQuery(0, since_us, until_us, frozenset(meters), frozenset(kinds))


def _export(site: "Site", query: "ExportQuery", file: Path | None, folder: Path | None, *, json: bool) -> None:
    from agent.cli.journal_export import export_csv, export_lines

    if file:
        export_lines(site, query, file, json=json)
    else:
        export_csv(site, query, folder or Path(), json=json)


def _instant(option: str, told: str | None, site: "Site") -> int | None:
    from agent.mode_calendar import INSTANT_ALLOWED, instant_us

    if told is None:
        return None
    try:
        return instant_us(told, site.time_zone)
    except (ValueError, OverflowError):
        _refuse(f"{option}: found {told}; allowed: {INSTANT_ALLOWED}; write date and time")


def _refuse(words: str) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(2)


def _figures(site: "Site") -> dict[str, Any]:
    from dataclasses import asdict

    from agent.clock import Clock
    from agent.journal.figures import backlog
    from agent.journal.view import view
    from agent.status.socket import NotRunningError, ask

    try:
        told: dict[str, Any] = ask(site.state_dir, "journal")
        if "error" in told and "sinks" not in told:
            raise OSError(told["error"])
    except NotRunningError:
        with view(site.state_dir) as kept:
            told = asdict(kept.stats())
    for sink in told["sinks"].values():
        sink |= backlog(sink, told, Clock().wall_us())
    return told


def _print(told: Mapping[str, Any]) -> None:
    used = f"{told['size_bytes'] / 2**20:.1f} MiB"
    cap = f" of {told['cap_bytes'] / 2**20:.0f} MiB" if told["cap_bytes"] else ""
    typer.echo(f"{used}{cap}, {told['events']} events, entries {told['oldest'] or 0} to {told['head']}")
    if told["trace_bytes"] or told["traces_evicted"]:
        size = f"{told['trace_bytes'] / 2**20:.1f} MiB"
        typer.echo(f"traces: {size} of that; {told['traces_evicted']} parts made room for younger ones")
    for word in ("error", "note"):
        if told[word]:
            typer.echo(f"{word}: {told[word]}")
    typer.echo()
    columns = ("sink", "not sent", "MiB", "hours", "oldest of them (UTC)", "rows/s", "traces not sent", "refused")
    show.table("sinks", columns, [_row(name, sink, told) for name, sink in told["sinks"].items()])
    _print_remarks(told)
    if any(sink["dead_letters"] for sink in told["sinks"].values()):
        typer.echo("what was refused, and why: --refused")


def _print_remarks(told: Mapping[str, Any]) -> None:
    for name, sink in told["sinks"].items():
        if sink.get("marked"):
            typer.echo(f"{name}: {sink['marked']} events went out with `durable: false`; again once they are stored")
    for name, sending in told.get("sending", {}).items():
        if why := sending["blocked"] or sending["error"]:
            typer.echo(f"{name}: {why}")


def _row(name: str, sink: Mapping[str, Any], told: Mapping[str, Any]) -> show.Row:
    from agent.clock import rfc3339

    oldest_us = sink["oldest_us"]
    rate = told.get("sending", {}).get(name, {}).get("rows_s")
    return (
        name, str(sink["rows"]), f"{sink['backlog_mib']:.1f}", f"{sink['backlog_h']:.1f}",
        show.moment(None if oldest_us is None else rfc3339(oldest_us)),
        "-" if rate is None else str(rate), str(sink["traces"]), str(sink["dead_letters"]),
    )  # fmt: skip


def _refused(site: "Site") -> list[dict[str, Any]]:
    from dataclasses import asdict

    from agent.journal.export import refused
    from agent.journal.view import view
    from agent.status.socket import NotRunningError, ask

    try:
        found: list[dict[str, Any]] = ask(site.state_dir, "refused")["refused"]
        return found
    except NotRunningError:
        with view(site.state_dir) as kept:
            return [asdict(letter) for letter in kept.look(refused)]


def _print_refused(found: list[dict[str, Any]], *, json: bool) -> None:
    from agent.clock import rfc3339

    if json:
        show.as_json({"refused": found})
        return
    rows = [(one["sink"], show.moment(rfc3339(one["time_us"])), str(one["seq"]), one["reason"]) for one in found]
    show.table("refused for good", ("sink", "when (UTC)", "entry", "why"), rows)
