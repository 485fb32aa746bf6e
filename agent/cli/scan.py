"""`lamplighter scan`: which meters are on this line?"""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import show
from agent.cli.identify import endpoint_of, models_of, refuse
from agent.cli.models import Beside
from agent.cli.options import AsJson

if TYPE_CHECKING:
    from agent.field.scan.found import Met, Scanned
    from agent.field.scan.plan import Settings
    from agent.field.scan.serial_line import Progress
    from agent.field.scan.session import Wanted


def scan(
    serial: Annotated[
        str | None, typer.Option(metavar="PATH", help="Serial port, as /dev/ttyUSB0.", show_default=False)
    ] = None,
    tcp: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST[:PORT]", help="A device on the network; may be given several times."),
    ] = None,
    baud: Annotated[
        list[int] | None, typer.Option(min=300, max=1_000_000, help="Only this baud rate.", show_default="the usual")
    ] = None,
    parity: Annotated[
        list[str] | None, typer.Option(metavar="N|E|O", help="Only this parity.", show_default="the usual")
    ] = None,
    stop_bits: Annotated[int | None, typer.Option(min=1, max=2, help="Only these.", show_default="the usual")] = None,
    units: Annotated[str, typer.Option(metavar="LIST", help="Unit ids, as 1-32,100.")] = "1-247",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a site file, or add to it what it lacks.", show_default=False),
    ] = None,
    beside: Beside = None,
    json: AsJson = False,
) -> None:
    """Find the meters on a line, say which each is, and write them into a site file.

    It only reads. A serial line is listened to for 10 s first: if another master talks, nobody is asked. The usual baud
    rates and parities are tried until somebody answers. A device on the network is asked in Modbus TCP, then as a
    serial server that passes RTU frames. Ctrl-C ends it and keeps what was found.

    Stop the agent first: a serial line has one master. Exit code 0 if each meter found was identified, 1 if none was
    found, one was not identified, or it was stopped.

    Examples: lamplighter scan --serial /dev/ttyUSB0 --out site.toml; lamplighter scan --tcp 10.20.0.11 --units 1-10
    """
    from agent.field.scan.plan import units_of
    from agent.field.scan.session import Wanted

    if serial is None and not tcp:
        refuse("--serial, --tcp", "none of them", "one of them", "say where to look")
    try:
        wanted_units = units_of(units)
    except ValueError:
        refuse("--units", units, "numbers and ranges in 1 to 247", "as 1-32,100")
    tried = _tried(baud or [], parity or [], stop_bits)
    places = tuple(endpoint_of("--tcp", each, 502) for each in tcp or ())
    lines, taken = _known(out)
    logging.basicConfig(handlers=[logging.NullHandler()])  # what lines log, the messages say
    wanted = Wanted(serial or "", tried, wanted_units, tuple(_endpoints(places)), models_of((), beside))
    found = asyncio.run(_scanned(wanted, _progress(quiet=json)))
    if json:
        show.as_json(_told(found))
    else:
        _print(found)
    if out is not None and found.meters:
        _write(found, out, lines, taken)
    if not found.meters or found.failed or any(met.candidate is None for met in found.meters):
        raise typer.Exit(1)


def _tried(bauds: list[int], parities: list[str], stop_bits: int | None) -> "tuple[Settings, ...]":
    from agent.field.scan.plan import settings_for

    for parity in parities:
        if parity not in ("N", "E", "O"):
            refuse("--parity", parity, "N, E or O", "read it off the meter's display")
    return settings_for(bauds, parities, stop_bits)


def _endpoints(places: tuple[tuple[str, int], ...]) -> Any:
    from drivers.endpoints import TcpEndpoint

    return (TcpEndpoint(*place) for place in places)


def _known(out: Path | None) -> tuple[dict[str, Any], set[tuple[str, int]]]:
    """Lines and meters of a site file that is there: read before anybody is asked, as it may have mistakes."""
    from agent.site import load_site

    if out is None or not out.exists():
        return {}, set()
    site = load_site(out)
    return dict(site.lines), {(meter.line, meter.unit) for meter in site.meters.values()}


async def _scanned(wanted: "Wanted", progress: "Progress") -> "Scanned":
    from agent.field.scan.session import scan as scan_all

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await scan_all(wanted, stop, progress)


def _progress(*, quiet: bool) -> "Progress":
    """One line on stderr that is written over; where nobody looks, one for each thing that is begun."""
    if quiet:
        return lambda what, left_s: None
    if sys.stderr.isatty():
        return lambda what, left_s: typer.echo(f"\r\x1b[K{what}; at most {_clock(left_s)} left", nl=False, err=True)
    begun: set[str] = set()

    def once(what: str, left_s: float) -> None:
        head = what.partition(": unit")[0]
        if head not in begun:
            begun.add(head)
            typer.echo(f"{head}; at most {_clock(left_s)} left", err=True)

    return once


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _told(found: "Scanned") -> dict[str, Any]:
    return {"meters": [_meter(met) for met in found.meters], "messages": list(found.said)}


def _meter(met: "Met") -> dict[str, Any]:
    from agent.stanza import line_rows

    return {
        "line": line_rows(met.line),
        "unit": met.unit,
        "model": None if met.candidate is None else met.candidate.model.id,
        "grade": None if met.candidate is None else met.candidate.grade,
        "candidates": [each.model.id for each in met.verdict.candidates],
        "says": list(met.verdict.says),
        "trouble": met.verdict.trouble,
    }


def _print(found: "Scanned") -> None:
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
    if found.meters:
        show.table("", ("line", "unit", "meter", "how sure", "it says"), [_row(met) for met in found.meters])
    for words in found.said:
        typer.echo(words)


def _row(met: "Met") -> show.Row:
    from agent.overview import address

    says = "; ".join(met.verdict.says) or met.verdict.trouble or "-"
    if met.candidate is None:
        others = ", ".join(each.model.id for each in met.verdict.candidates)
        return address(met.line), str(met.unit), others or "?", "not identified", says
    return address(met.line), str(met.unit), met.candidate.model.id, met.candidate.grade, says


def _write(found: "Scanned", out: Path, lines: dict[str, Any], taken: set[tuple[str, int]]) -> None:
    """What is there stays as it is, to the letter; what is new comes behind it."""
    from socket import gethostname

    from agent.field.scan.site_text import addition, new_site
    from agent.site import load_site
    from agent.whole_file import write_whole

    if out.exists():
        before = out.read_text(encoding="utf-8")
        more = addition(found.meters, lines, taken)
        text = before + ("" if before.endswith("\n") else "\n") + more
    else:
        text = more = new_site(out.absolute().parent.name or "site", gethostname(), found.meters)
    if any(met.candidate is not None for met in found.meters):
        load_site(out, raw=text.encode())  # what would not load is not written
    write_whole(out, text)
    done = "written" if more else "has them all already"
    typer.echo(f"{out}: {done}; next: `lamplighter check {out} --live`", err=True)
