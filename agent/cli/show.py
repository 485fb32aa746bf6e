"""Tables for people: drawn by rich on a terminal, plain aligned columns in a pipe (rich is not imported there)."""

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.table import Table

# Colour by word, wherever it stands alone in a cell. Colour repeats what the word says, it never says more.
_STYLES = {
    "live": "green", "ok": "green", "answered": "green", "online": "green", "closed": "dim",
    "dead": "bold red", "lost": "bold red", "supply_loss": "bold red", "phase_loss": "bold red", "open": "bold",
    "partial": "yellow", "suspect": "yellow", "sag": "yellow", "swell": "yellow", "comms_loss": "magenta",
    "undervoltage": "yellow", "overvoltage": "yellow", "unbalance": "yellow", "chatter": "magenta",
    "unknown": "dim", "retracted": "dim", "earth_fault": "bold red", "neutral_fault": "bold red",
    "backfeed": "bold red", "gateway_outage": "magenta", "mains_loss": "magenta", "vt_failure": "yellow",
    "stale_data": "yellow", "store_corrupt": "magenta", "clock_step": "magenta", "sink_blocked": "magenta",
    "certificate_expiry": "magenta", "card_worn": "magenta", "rows_missing": "magenta", "state_dir_missing": "magenta",
    "site_file_broken": "magenta", "descriptors_low": "magenta",
    "test": "bold yellow", "maintenance": "bold yellow",
}  # fmt: skip

# Kinds by which a reader may take something for dead.
_NOT_LIVE = (
    "supply_loss", "phase_loss", "comms_loss", "backfeed", "vt_failure", "stale_data", "gateway_outage", "mains_loss",
    "earth_fault", "neutral_fault",
)  # fmt: skip

Row = Sequence[str]
EVENT_COLUMNS = ("start (UTC)", "meter", "kind", "state", "lasted", "voltage", "phases", "cause")


def as_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(title: str, columns: Row, rows: Sequence[Row]) -> None:
    """A titled table on stdout; with no rows it says so."""
    if not rows:
        typer.echo(f"{title}: none" if title else "none")
    elif sys.stdout.isatty():
        _draw(title, columns, rows)
    else:
        _align(title, columns, rows)


def _align(title: str, columns: Row, rows: Sequence[Row]) -> None:
    widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
    if title:
        typer.echo(title)
    for row in (columns, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
    typer.echo()


def _draw(title: str, columns: Row, rows: Sequence[Row]) -> None:
    from rich.console import Console

    Console().print(rich_table(title, columns, rows))


def rich_table(title: str, columns: Row, rows: Sequence[Row]) -> "Table":
    """The same table as an object that rich draws."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return drawn


def clock_words(told: Mapping[str, Any]) -> str:
    """Of the wall clock: whether somebody keeps it right, who, and how well."""
    words = {True: "synchronised", False: "NOT synchronised", None: "no time source to ask"}[told["synced"]]
    bound = "" if told["uncertainty_s"] is None else f" within {told['uncertainty_s']:.3g} s"
    return words + (f" by {told['source']}" if told["source"] else "") + bound


def moment(text: str | None) -> str:
    """``2026-11-22T23:53:55.000001Z`` -> ``2026-11-22 23:53:55.000``, UTC; a dash for none."""
    return "-" if text is None else text.replace("T", " ")[:23]


def incidents(told: Sequence[Mapping[str, Any]]) -> None:
    """Each in three lines; nothing where there are none."""
    for incident in told:
        typer.echo("\n".join(incident_lines(incident)) + "\n")


def incident_lines(incident: Mapping[str, Any]) -> list[str]:
    """An incident, as the JSON of the contract, as a dispatcher reads it: what and where, who and since when, how sure
    and what next."""
    words = [*incident.get("words", ())] or _plain_words(incident)
    mark = {"open": "INCIDENT", "closed": "incident, over", "retracted": "incident, taken back"}[incident["state"]]
    return [f"{mark}: {words[0]}", *(f"  {line}" for line in words[1:])]


def _plain_words(incident: Mapping[str, Any]) -> list[str]:
    """Of an incident that says nothing in words: its figures."""
    device = f" ({incident['device']})" if "device" in incident else ""
    count = "an unknown number of" if "customers" not in incident else " to ".join(map(str, incident["customers"]))
    voices = ", ".join(f"{len(incident[side])} {side}" for side in ("dead", "alive", "unknown"))
    return [
        f"{incident['cause']} at {incident['node']}{device}",
        f"{count} customers, since {moment(incident['start'])} UTC",
        f"{incident['confidence']:.0%} sure; meters: {voices}",
    ]


def event_row(event: Mapping[str, Any]) -> Row:
    """One event, as the JSON of the contract, in the columns of EVENT_COLUMNS."""
    return (
        moment(event["start"]),
        event.get("meter") or event.get("line") or event["scope"],
        event["kind"],
        event["state"],
        _duration(event),
        _size(event),
        " ".join(event.get("phases", ())),
        event.get("direction", ""),
    )


def _duration(event: Mapping[str, Any]) -> str:
    low, high = event.get("duration_min_s"), event.get("duration_max_s")
    if event["state"] == "open" or low is None or high is None:
        return "goes on" if event["state"] == "open" else "-"
    return f"{low:.2f} to {high:.2f} s"


def _size(event: Mapping[str, Any]) -> str:
    """The remaining or highest voltage: bounds, because a poller sees no better. Of others what measures them."""
    if "unbalance_pct" in event:
        return f"{event['unbalance_pct']:.2f} % unbalance"
    if "change_pct" in event:
        return f"{event['change_pct']:+.1f} %"
    if "peak_pct" in event:
        return f"at least {event['peak_pct']:.1f} %"
    return f"at most {event['residual_pct']:.1f} %" if "residual_pct" in event else "-"


def may_be_dead(events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list of events speaks of a feeder that is, or may be, dead."""
    return any(event["kind"] in _NOT_LIVE for event in events)


def looks_dead(values: Mapping[str, float]) -> bool:
    """Whether a reading shows a channel with less than a tenth of the highest one's voltage, or none anywhere."""
    volts = [value for quantity, value in values.items() if quantity.startswith("voltage_l") and "thd" not in quantity]
    return bool(volts) and min(volts) < 0.1 * max(max(volts), 1.0)


def refuse_unlike(what: str, found: str, known: Collection[str], command: str) -> NoReturn:
    """Of names too many to list: exit 2 with those that look alike."""
    from difflib import get_close_matches

    near = get_close_matches(found, known, n=3)
    advice = f"did you mean {' or '.join(near)}?" if near else f"`lamplighter {command} SITE --json` lists them"
    typer.echo(f"{what}: found {found}; none of that name is known; {advice}", err=True)
    raise typer.Exit(2)


def refuse_unknown(what: str, found: str | None, allowed: Collection[str]) -> None:
    """A typo must not look like good news: exit 2 with what there is."""
    if found is not None and found not in allowed:
        typer.echo(f"{what}: found {found}; allowed: {', '.join(allowed)}; name one of these", err=True)
        raise typer.Exit(2)
