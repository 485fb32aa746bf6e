"""`lamplighter mode`: somebody works on a meter; what it shows meanwhile counts nowhere."""

from typing import Annotated, Any, NoReturn, get_args

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir
from agent.records import Mode

_FOR_ALLOWED = 'a duration above zero, as "30min" or "2h"'


def mode(
    site: SitePath,
    meter: Annotated[str, typer.Argument(metavar="METER", help="The meter's name.", show_default=False)],
    mode: Annotated[str, typer.Argument(metavar="MODE", help="normal, test or maintenance.", show_default=False)],
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME", help="Then back to normal; in the site's time zone.", show_default=False
        ),
    ] = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="So long, as 2h or 30min.", show_default=False)
    ] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Put a meter under test, into maintenance, or back to normal.

    Its events and readings are kept and marked with the mode; they count in no index and open no incident. The running
    agent is told, and goes on so after a restart. What was set by hand goes before the calendar of the site.

    Exit code 1 if no agent runs for this site.

    Example: lamplighter mode site.toml tx1-incomer test --for 2h
    """
    from agent.site import load_site
    from agent.status.socket import ask

    loaded = load_site(site, state_dir)
    show.refuse_unknown("METER", meter, loaded.meters)
    show.refuse_unknown("MODE", mode, get_args(Mode))
    if until is not None and for_ is not None:
        _refuse("--until and --for", "both", "one of them", "leave one out")
    until_us = None if until is None else _until(until, loaded.time_zone)
    for_us = None if for_ is None else _for(for_)
    told = ask(loaded.state_dir, "mode", meter=meter, mode=mode, until_us=until_us, for_us=for_us)
    if "error" in told:
        typer.echo(told["error"], err=True)
        raise typer.Exit(2)
    if json:
        show.as_json(told)
    else:
        typer.echo(said(told, loaded.time_zone))


def said(told: dict[str, Any], time_zone: str) -> str:
    """``tx1: test until 2026-11-23 18:00 (Asia/Shanghai)``, and what that means."""
    meter, now, until = told["meter"], told["mode"], told.get("until")
    if until is not None:
        from datetime import datetime
        from zoneinfo import ZoneInfo

        local = datetime.fromisoformat(until).astimezone(ZoneInfo(time_zone))
        until = f" until {local:%Y-%m-%d %H:%M} ({time_zone})"
    if now == "normal":
        return f"{meter}: normal{until or ''}, its events count"
    why = f", {told['reason']}" if told.get("reason") else ""
    open_end = f" until `lamplighter mode SITE {meter} normal`" if until is None else until
    return f"{meter}: {now}{open_end}{why}; its events are kept and marked, and count nowhere"


def _until(text: str, time_zone: str) -> int:
    from agent.mode_calendar import INSTANT_ALLOWED, instant_us

    try:
        return instant_us(text, time_zone)
    except ValueError:
        _refuse("--until", text, INSTANT_ALLOWED, "write date and time")


def _for(text: str) -> int:
    from agent.sitefile.values import duration_us

    try:
        return duration_us(text)
    except ValueError:
        _refuse("--for", text, _FOR_ALLOWED, "write a number and its unit")


def _refuse(what: str, found: str, allowed: str, todo: str) -> NoReturn:
    typer.echo(f"{what}: found {found}; allowed: {allowed}; {todo}", err=True)
    raise typer.Exit(2)
