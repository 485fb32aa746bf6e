"""`lamplighter read`: what do the meters say now?"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir
from agent.records import NOT_ISOLATION

if TYPE_CHECKING:
    from agent.site import Meter, Site


def read(
    site: SitePath,
    meter: Annotated[str | None, typer.Argument(metavar="[METER]", help="One meter; all without it.")] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Show the latest reading of each meter.

    Where the site's agent runs, it is asked: a serial line has one master. Otherwise each meter is read once,
    its whole map, here and now. Exit code 1 if a meter does not answer.

    Example: lamplighter read site.toml tx1-incomer
    """
    from agent.site import load_site
    from agent.status.socket import NotRunningError, ask

    loaded = load_site(site, state_dir)
    meters = _chosen(loaded, meter)
    try:
        details = {} if meter is None else {"meter": meter}
        readings = ask(loaded.state_dir, "readings", **details)["readings"]
    except NotRunningError:
        readings = _read_once(loaded, meters)
    if json:
        show.as_json({"readings": readings})
    else:
        _print(readings)
    silent = {one.name for one in meters} - {one["meter"] for one in readings if not one.get("trouble")}
    if silent:
        typer.echo(f"no reading from {', '.join(sorted(silent))}", err=True)
        raise typer.Exit(1)


def _chosen(site: "Site", name: str | None) -> tuple["Meter", ...]:
    if name is None:
        return tuple(site.meters.values())
    show.refuse_unknown("METER", name, site.meters)
    return (site.meters[name],)


def _read_once(site: "Site", meters: tuple["Meter", ...]) -> list[dict[str, Any]]:
    from agent.probe import read_meters

    return [asdict(answer) for answer in asyncio.run(read_meters(site, meters, everything=True))]


def _print(readings: list[dict[str, Any]]) -> None:
    for reading in readings:
        when = f"at {reading['time']}, over {reading['window_s']:g} s" if "time" in reading else "read just now"
        trouble = f"; {reading['trouble']}" if reading.get("trouble") else ""
        show.table(f"{reading['meter']}, {when}{trouble}", ("quantity", "value", "unit"), list(_rows(reading)))
    if any(show.looks_dead(reading["values"]) for reading in readings):
        typer.echo(NOT_ISOLATION)


def _rows(reading: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    from drivers.quantities import CATALOGUE

    for quantity, value in reading["values"].items():
        unit = CATALOGUE[quantity].unit if quantity in CATALOGUE else ""
        yield quantity, f"{value:,.15g}", unit
