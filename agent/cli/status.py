"""`lamplighter status`: how does the running agent stand?"""

from collections.abc import Mapping
from typing import Any

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir
from agent.records import NOT_ISOLATION

METER_COLUMNS = ("meter", "supply", "phases", "comms", "mode", "last good (UTC)", "open events")
DEMAND_COLUMNS = (
    "limit",
    "meter",
    "kW",
    "holds (UTC)",
    "block so far",
    "at its end, as it goes",
    "may draw until then",
    "verdict",
)


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
    typer.echo(
        f"site {told['site']}, gateway {told['gateway']}, {show.moment(told['time'])} UTC, {_clock(told['clock'])}\n"
    )
    if told["supply"] is not None:
        typer.echo(_supply(told["supply"]) + "\n")
    for alarm in told["alarms"]:
        typer.echo(f"{alarm['kind']} since {show.moment(alarm['since'])} UTC: {alarm['words']}\n")
    show.incidents(told["incidents"])
    show.table("meters", METER_COLUMNS, [meter_row(meter) for meter in told["meters"]])
    lines = [(name, line["state"], _counts(line["counters"]), _trouble(line)) for name, line in told["lines"].items()]
    show.table("lines", ("line", "state", "exchanges", "trouble"), lines)
    paces = [(name, *_paces(line["last_minute"])) for name, line in told["lines"].items() if line["last_minute"]]
    show.table("last minute", ("line", "busy", "lag mean, worst", "overruns", "watched"), paces)
    for name, line in told["lines"].items():
        if line["refresh_s"]:
            learnt = ", ".join(f"{meter} every {seconds:.3g} s" for meter, seconds in line["refresh_s"].items())
            typer.echo(f"line {name}, seen of how often meters renew their values: {learnt}\n")
    if told.get("demand"):
        show.table("demand", DEMAND_COLUMNS, [demand_row(limit) for limit in told["demand"]])
    sinks = [(name, _words(facts)) for name, facts in told["sinks"].items()]
    show.table("sinks", ("sink", "progress"), sinks)
    valid = [_valid(certificate) for certificate in told["certificates"]]
    show.table("certificates", ("of", "valid until (UTC)", "days left", "file"), valid)
    if told["card"] is not None:
        typer.echo(_card(told["card"]) + "\n")
    if told["incidents"] or any(meter["supply"] in ("dead", "partial") for meter in told["meters"]):
        typer.echo(NOT_ISOLATION)


def _clock(told: Mapping[str, Any]) -> str:
    """The wall clock in a line."""
    guessed = ", the time is a guess" if told["guess"] else ""
    slept = f", the machine slept {told['suspended_s']:.0f} s" if told["suspended_s"] else ""
    slept += f", the agent stood still for {told['stalled_s']:.0f} s" if told["stalled_s"] else ""
    waits = f"; InfluxDB: {told['waits']}" if told["waits"] else ""
    return f"clock {show.clock_words(told)} since {show.moment(told['since'])}{guessed}{slept}{waits}"


def meter_row(meter: Mapping[str, Any]) -> show.Row:
    """One meter's status, as the JSON of the contract, in the columns of METER_COLUMNS."""
    phases = " ".join(f"{phase} {supply}" for phase, supply in meter["supply_by_phase"].items())
    last_good = show.moment(meter.get("last_good"))
    events = " ".join(meter["open_events"])
    return meter["meter"], meter["supply"], phases, meter["comms"], meter["mode"], last_good, events


def demand_row(told: Mapping[str, Any]) -> show.Row:
    """A limit and the block that goes on; verdict: as it will be, if power stays as it is."""
    when = "not within a week"
    if told["window"] is not None:
        begin, end = (show.moment(at)[: len("2026-11-23 09:00")] for at in told["window"])
        when = f"until {end}" if told["holds"] else f"from {begin}"
    verdict = "violated already" if told["exceeded"] else told["verdict"] if told["forecast_w"] else told["why"]
    return (
        told["limit"], told["meter"], f"{told['limit_w'] / 1000:g}", when, _kilo(told["used_wh"], "kWh"),
        _kilo(told["forecast_w"], "kW"), _kilo(told["may_draw_w"], "kW") if told["holds"] else "-",
        verdict if told["holds"] or not told["forecast_w"] else "-",
    )  # fmt: skip


def _kilo(bounds: list[float] | None, unit: str) -> str:
    if bounds is None:
        return "-"
    low, high = (f"{one / 1000:,.1f}" for one in bounds)
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def _supply(told: Mapping[str, Any]) -> str:
    """The gateway's own supply in a line."""
    if told["lost_since"] is not None:
        return f"the gateway runs on its battery: its own supply is lost since {show.moment(told['lost_since'])} UTC"
    return (
        f"the gateway's own supply is not known: {told['trouble']}" if told["trouble"] else "the gateway has its supply"
    )


def _valid(certificate: Mapping[str, Any]) -> show.Row:
    days = certificate["days_left"]
    left = "-" if days is None else f"{days:.0f}"
    whose = f"{certificate['sink']} {certificate['role']}"
    return whose, show.moment(certificate["until"]), left, certificate["file"] or "-"


def _card(card: Mapping[str, Any]) -> str:
    """The card beneath the journal in a line."""
    written, flushes, over_s = card["written_bytes_day"], card["flushes_day"], card["over_s"]
    pace = ", what is written in a day is known after an hour" if over_s is None else ""
    if written is not None:
        pace = f", {written / 1e9:.2f} GB" + ("" if flushes is None else f" and {flushes:.0f} flushes")
        pace += f" a day over the last {over_s / 3600:.0f} h"
    life = f", {card['life_used']} of its life used" if card["life_used"] else ", it does not say how worn it is"
    spare = f", spare blocks: {card['spare_blocks']}" if card["spare_blocks"] else ""
    return f"card {card['device']}{life}{spare}{pace}"


def _counts(counters: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counters.items() if count) or "none yet"


def _paces(figures: Mapping[str, Any]) -> show.Row:
    """How busy and how late a line was, and how often its meters were really watched."""
    lag = f"{1000 * figures['lag_s']:.1f} ms, {1000 * figures['worst_lag_s']:.0f} ms"
    rates = sorted(figures["watch_hz"].values())
    watched = (
        "-" if not rates else f"{rates[0]:.3g} /s" if rates[0] == rates[-1] else f"{rates[0]:.3g} to {rates[-1]:.3g} /s"
    )
    return f"{figures['utilisation']:.0%}", lag, str(figures["overruns"]), watched


def _trouble(line: Mapping[str, Any]) -> str:
    """What is wrong with the line itself, and what its meters do not give although their maps say so."""
    mute = [f"{meter} lacks {'; '.join(what)} (does the model fit?)" for meter, what in line["mute"].items()]
    return ", ".join(filter(None, (line["error"], line["foreign_master"], *mute)))


def _words(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in facts.items() if value not in (None, ""))
