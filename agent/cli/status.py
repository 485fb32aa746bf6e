"""`lamplighter status`: how does the running agent stand?"""

from collections.abc import Mapping
from typing import Any

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir

METER_COLUMNS = ("meter", "supply", "phases", "comms", "last good (UTC)", "open events")


def status(site: SitePath, json: AsJson = False, state_dir: StateDir = None) -> None:
    """Show how the running agent stands: supply and communication of each meter, lines, sinks.

    Exit code 1 if no agent runs for this site.

    Example: lamplighter status site.toml
    """
    from agent.site import load_site
    from agent.status.socket import ask

    told = ask(load_site(site, state_dir).state_dir, "status")
    if json:
        show.as_json(told)
    else:
        _print(told)


def _print(told: Mapping[str, Any]) -> None:
    synced = {True: "synchronised", False: "NOT synchronised", None: "no time source to ask"}[told["clock"]["synced"]]
    typer.echo(f"site {told['site']}, gateway {told['gateway']}, {show.moment(told['time'])} UTC, clock {synced}\n")
    show.table("meters", METER_COLUMNS, [meter_row(meter) for meter in told["meters"]])
    lines = [(name, line["state"], _counts(line["counters"]), _trouble(line)) for name, line in told["lines"].items()]
    show.table("lines", ("line", "state", "exchanges", "trouble"), lines)
    sinks = [(name, _words(facts)) for name, facts in told["sinks"].items()]
    show.table("sinks", ("sink", "progress"), sinks)
    if any(meter["supply"] in ("dead", "partial") for meter in told["meters"]):
        typer.echo(show.NOT_ISOLATION)


def meter_row(meter: Mapping[str, Any]) -> show.Row:
    """One meter's status, as the JSON of the contract, in the columns of METER_COLUMNS."""
    phases = " ".join(f"{phase} {supply}" for phase, supply in meter["supply_by_phase"].items())
    last_good = show.moment(meter.get("last_good"))
    return meter["meter"], meter["supply"], phases, meter["comms"], last_good, " ".join(meter["open_events"])


def _counts(counters: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counters.items() if count) or "none yet"


def _trouble(line: Mapping[str, Any]) -> str:
    """What is wrong with the line itself, and what its meters do not give although their maps say so."""
    mute = [f"{meter} lacks {'; '.join(what)} (does the model fit?)" for meter, what in line["mute"].items()]
    return ", ".join(filter(None, (line["error"], *mute)))


def _words(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items() if value not in (None, ""))
