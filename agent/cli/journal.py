"""`lamplighter journal`: what is kept, and how far is each sink?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir

if TYPE_CHECKING:
    from agent.site import Site


def journal(site: SitePath, json: AsJson = False, state_dir: StateDir = None) -> None:
    """Show what the journal keeps, and what each sink has not acknowledged yet.

    The running agent is asked; without one, its journal is read.

    Example: lamplighter journal site.toml
    """
    from agent.site import load_site

    told = _figures(load_site(site, state_dir))
    if json:
        show.as_json(told)
    else:
        _print(told)


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
    columns = ("sink", "not sent", "oldest of them (UTC)", "traces not sent", "refused for good")
    show.table("sinks", columns, [_row(name, sink) for name, sink in told["sinks"].items()])


def _row(name: str, sink: Mapping[str, Any]) -> show.Row:
    from agent.clock import rfc3339

    oldest = None if sink["oldest_us"] is None else rfc3339(sink["oldest_us"])
    return name, str(sink["rows"]), show.moment(oldest), str(sink["traces"]), str(sink["dead_letters"])
