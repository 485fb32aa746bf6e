"""`lamplighter events`: what happened?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir
from agent.records import NOT_ISOLATION, Kind

if TYPE_CHECKING:
    from agent.site import Site


def events(
    site: SitePath,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many, the youngest.")] = 50,
    meter: Annotated[str | None, typer.Option(metavar="METER", help="Of one meter.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Of one kind, as sag.", show_default=False)] = None,
    plot: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Draw the samples around one event; --json prints them.", show_default=False),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --plot: draw into this file.", show_default=False)
    ] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """List events, the youngest first, as their latest revisions stand.

    Events with one cause on the network are one incident: what, where, who and how sure, in three lines each.

    Bounds, not guesses: an event lasted at least and at most so long; a sag went at least so deep ("at most 62 %"
    remained). The running agent is asked; without one, its journal is read.

    With --plot, one event in full: its voltages in percent of the reference, from 5 s before it to 10 s after, as fast
    as the meter was read; nothing is drawn where a reply was lost.

    Example: lamplighter events site.toml --kind supply_loss --json
    """
    from agent.site import load_site

    loaded = load_site(site, state_dir)
    if plot is not None:
        _plot(loaded, plot, svg, json=json)
        return
    if svg is not None:
        typer.echo("--svg draws one event: name it with --plot ID", err=True)
        raise typer.Exit(2)
    show.refuse_unknown("--kind", kind, get_args(Kind))
    told = _find(loaded, limit=limit, meter=meter, kind=kind)
    found = told["events"]
    if meter is not None and not found:
        show.refuse_unknown("--meter", meter, loaded.meters)  # one that is gone may have left events
    if json:
        show.as_json(told)
        return
    show.incidents(told["incidents"])
    show.table("events", show.EVENT_COLUMNS, [show.event_row(event) for event in found])
    if told["incidents"] or show.may_be_dead(found):
        typer.echo(NOT_ISOLATION)


def _find(site: "Site", *, limit: int, meter: str | None, kind: str | None) -> dict[str, Any]:
    from agent.journal.view import view
    from agent.status.socket import NotRunningError, ask
    from agent.wire import event_to_json, incident_to_json, incidents_about

    try:
        told: dict[str, Any] = ask(site.state_dir, "events", limit=limit, meter=meter, kind=kind)
    except NotRunningError:
        with view(site.state_dir) as kept:
            found = kept.events(limit=limit, meter=meter, kind=kind)
            about = incidents_about(found, kept.incidents(limit=1000))
        told = {"events": [event_to_json(one) for one in found], "incidents": [incident_to_json(one) for one in about]}
    if "error" in told:
        raise OSError(told["error"])
    return told


def _plot(site: "Site", id_: str, svg: Path | None, *, json: bool) -> None:
    from agent import plot
    from agent.plot_svg import svg as as_svg
    from agent.plot_terminal import terminal

    told = _traced(site, id_)
    if "error" in told:
        raise OSError(told["error"])
    event = told["event"]
    if event is None:
        show.refuse_unlike("--plot", id_, told["known"], "events")
    elif json:
        show.as_json({"event": event, "traces": told["traces"]})
    elif not plot.drawable(event, told["traces"]):
        typer.echo(plot.why_none(event, told["traces_evicted"]), err=True)
        raise typer.Exit(1)
    else:
        drawn = plot.picture(event, told["traces"])
        warning = NOT_ISOLATION if show.may_be_dead([event]) else ""
        typer.echo("\n".join(filter(None, (terminal(drawn), warning))))
        if svg is not None:
            svg.write_text(as_svg(drawn, warning), encoding="utf-8")
            typer.echo(f"drawn into {svg}")


def _traced(site: "Site", id_: str) -> Any:
    from agent.journal.view import view
    from agent.status.socket import NotRunningError, ask
    from agent.wire import traced_event_to_json

    try:
        return ask(site.state_dir, "trace", id=id_)
    except NotRunningError:
        with view(site.state_dir) as kept:
            event = kept.event(id_)
            if event is None:
                return {"event": None, "known": kept.event_ids()}
            return traced_event_to_json(event, kept.traces(event), kept.stats().traces_evicted)
