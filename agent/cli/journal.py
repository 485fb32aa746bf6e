"""`lamplighter journal`: what is kept, and how far is each sink?"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir

if TYPE_CHECKING:
    from agent.site import Site

_HOUR_US = 3_600_000_000


def journal(
    site: SitePath,
    refused: Annotated[bool, typer.Option("--refused", help="What sinks refused for good, in their words.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what is stored into this file, as JSON lines.", show_default=False),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --export: from this UTC on.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="With --export: up to this UTC.", show_default=False)
    ] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show what the journal keeps, and what each sink has not acknowledged yet.

    The running agent is asked; without one, its journal is read. With --export: readings, events, incidents and gaps,
    oldest first, one JSON object a line; what the running agent has not stored yet (10 s at most) is left out.

    Example: lamplighter journal site.toml --export kept.jsonl --since 2026-11-23T00:00:00Z
    """
    from agent.site import load_site

    loaded = load_site(site, state_dir)
    if export is not None:
        _export(loaded, export, _instant("--since", since), _instant("--until", until), json=json)
    elif since is not None or until is not None:
        typer.echo("--since and --until choose what is exported: name a file with --export FILE", err=True)
        raise typer.Exit(2)
    elif refused:
        _print_refused(_refused(loaded), json=json)
    elif json:
        show.as_json(_figures(loaded))
    else:
        _print(_figures(loaded))


def _instant(option: str, text: str | None) -> int | None:
    from agent.clock import parse_rfc3339

    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError:
        typer.echo(f"{option}: found {text}; allowed: a time in UTC; write it as 2026-11-23T08:00:00Z", err=True)
        raise typer.Exit(2) from None


def _figures(site: "Site") -> dict[str, Any]:
    from dataclasses import asdict

    from agent.journal.view import view
    from agent.status.socket import NotRunningError, ask

    try:
        told: dict[str, Any] = ask(site.state_dir, "journal")
        return told
    except NotRunningError:
        with view(site.state_dir) as kept:
            return asdict(kept.stats())


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
    for name, sending in told.get("sending", {}).items():
        if why := sending["blocked"] or sending["error"]:
            typer.echo(f"{name}: {why}")
    if any(sink["dead_letters"] for sink in told["sinks"].values()):
        typer.echo("what was refused, and why: --refused")


def _row(name: str, sink: Mapping[str, Any], told: Mapping[str, Any]) -> show.Row:
    from agent.clock import Clock, rfc3339

    kept = max(1, told["head"] - (told["oldest"] or 0))
    mib = (told["size_bytes"] - told["trace_bytes"]) * min(sink["rows"], kept) / kept / 2**20
    behind = sink["oldest_us"]
    hours = "0" if behind is None else f"{max(0, Clock().wall_us() - behind) / _HOUR_US:.1f}"
    rate = told.get("sending", {}).get(name, {}).get("rows_s")
    return (
        name, str(sink["rows"]), f"{mib:.1f}", hours, show.moment(None if behind is None else rfc3339(behind)),
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


def _export(site: "Site", file: Path, since_us: int | None, until_us: int | None, *, json: bool) -> None:
    rows = 0
    try:
        with file.open("w", encoding="utf-8") as out:
            for lines in _pages(site, since_us, until_us):
                out.writelines(f"{line}\n" for line in lines)
                rows += len(lines)
    except OSError as error:
        if error.filename != str(file):
            raise
        typer.echo(f"--export: found {file}: {error.strerror}; allowed: a file that can be written; name one", err=True)
        raise typer.Exit(2) from None
    if json:
        show.as_json({"file": str(file), "rows": rows})
    else:
        typer.echo(f"{rows} rows in {file}")


def _pages(site: "Site", since_us: int | None, until_us: int | None) -> Iterator[tuple[str, ...]]:
    from agent.journal.export import ExportQuery
    from agent.journal.view import view
    from agent.status.socket import NotRunningError, ask

    next_seq: int | None = 0
    try:
        while next_seq is not None:
            page = ask(site.state_dir, "export", from_seq=next_seq, since_us=since_us, until_us=until_us)
            yield tuple(page["lines"])
            next_seq = page["next"]
    except NotRunningError:
        with view(site.state_dir) as kept:
            while next_seq is not None:
                read = kept.look(ExportQuery(next_seq, since_us, until_us).page)
                yield read.lines
                next_seq = read.next
