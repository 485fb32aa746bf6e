"""`lamplighter events`: what happened?"""

from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir
from agent.records import Kind

if TYPE_CHECKING:
    from agent.site import Site


def events(
    site: SitePath,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many, the youngest.")] = 50,
    meter: Annotated[str | None, typer.Option(metavar="METER", help="Of one meter.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Of one kind, as sag.", show_default=False)] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """List events, the youngest first, as their latest revisions stand.

    Bounds, not guesses: an event lasted at least and at most so long; a sag went at least so deep ("at most 62 %"
    remained). The running agent is asked; without one, its journal is read.

    Example: lamplighter events site.toml --kind supply_loss --json
    """
    from agent.site import load_site

    loaded = load_site(site, state_dir)
    show.refuse_unknown("--kind", kind, get_args(Kind))
    found = _find(loaded, limit=limit, meter=meter, kind=kind)
    if meter is not None and not found:
        show.refuse_unknown("--meter", meter, loaded.meters)  # one that is gone may have left events
    if json:
        show.as_json({"events": found})
        return
    show.table("events", show.EVENT_COLUMNS, [show.event_row(event) for event in found])
    if show.may_be_dead(found):
        typer.echo(show.NOT_ISOLATION)


def _find(site: "Site", *, limit: int, meter: str | None, kind: str | None) -> list[dict[str, Any]]:
    from agent.journal.view import view
    from agent.status.socket import NotRunningError, ask
    from agent.wire import event_to_json

    try:
        found: list[dict[str, Any]] = ask(site.state_dir, "events", limit=limit, meter=meter, kind=kind)["events"]
        return found
    except NotRunningError:
        with view(site.state_dir) as kept:
            return [event_to_json(event) for event in kept.events(limit=limit, meter=meter, kind=kind)]
