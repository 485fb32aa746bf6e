"""`lamplighter identify`: which meter is this?"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from agent.cli import show
from agent.cli.models import Beside, directory_of
from agent.cli.options import AsJson
from agent.records import NOT_ISOLATION

if TYPE_CHECKING:
    from drivers.identify import Verdict
    from drivers.line import LineConfig
    from drivers.model import MeterModel
    from drivers.verdict import Candidate

_NEXT = "compare unit, baud rate, parity and stop bits with the meter's display; A and B; who else has the port open"
_LINES = "--serial, --tcp, --rtu-over-tcp"


def identify(
    serial: Annotated[
        str | None, typer.Option(metavar="PATH", help="Serial port, as /dev/ttyUSB0.", show_default=False)
    ] = None,
    tcp: Annotated[
        str | None, typer.Option(metavar="HOST[:PORT]", help="Modbus TCP meter or gateway.", show_default=False)
    ] = None,
    rtu_over_tcp: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serial server that passes raw RTU frames.", show_default=False),
    ] = None,
    unit: Annotated[int, typer.Option(min=1, max=255, help="The meter's address; serial: 1 to 247.")] = 1,
    baud: Annotated[int, typer.Option(min=300, max=1_000_000, help="With --serial.")] = 9600,
    parity: Annotated[str, typer.Option(metavar="N|E|O", help="With --serial: none, even, odd.")] = "N",
    stop_bits: Annotated[int, typer.Option(min=1, max=2, help="With --serial.")] = 1,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Try only this map; may be given several times.", show_default="all"),
    ] = None,
    beside: Beside = None,
    nominal: Annotated[
        float | None,
        typer.Option(
            metavar="V", min=1, help="Nominal voltage, line to neutral; needed where registers hold medium voltage."
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="S", min=0.01, max=10, help="Wait so long for each reply.", show_default="by the line"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say which meter answers on a line, with the evidence, and what to write into the site file.

    It only reads: who the meter says it is, then whether the voltages, frequency and powers are sane where each known
    map has them. "certain" is what the meter says itself, "likely" the only map whose values are sane, "possible" one
    of several, or a map with a mistake in it (addresses one off, words exchanged), which is named.

    Exit code 0 when one map is certain, 1 when none is. Stop the agent first: a serial line has one master.

    Examples: lamplighter identify --tcp 10.20.0.11; lamplighter identify --serial /dev/ttyUSB0 --parity E --unit 7
    """
    from agent.identify import identify_unit

    line = _line(serial, tcp, rtu_over_tcp, _Settings(baud, parity, stop_bits))
    if tcp is None and unit > 247:
        refuse("--unit", unit, "1 to 247 on a serial line", "read it off the meter's display")
    models = models_of(model or (), beside)
    progress = _progress() if not json else lambda count, why: None
    verdict = asyncio.run(identify_unit(line, unit, models, progress, nominal_v=nominal, timeout_s=timeout))
    told = _told(verdict, line, unit, nominal)
    if json:
        show.as_json(told)
    else:
        _print(told)
    if verdict.certain is None:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Settings:
    baud: int
    parity: str
    stop_bits: int


def refuse(where: str, found: object, allowed: str, todo: str) -> NoReturn:
    typer.echo(f"{where}: found {found}; allowed: {allowed}; {todo}", err=True)
    raise typer.Exit(2)


def _line(serial: str | None, tcp: str | None, rtu_over_tcp: str | None, settings: _Settings) -> "LineConfig":
    from drivers.line import RtuOverTcpEndpoint, SerialPort, TcpEndpoint

    given = [text for text in (serial, tcp, rtu_over_tcp) if text is not None]
    if len(given) != 1:
        refuse(_LINES, " ".join(given) or "none of them", "exactly one", "say on which line the meter is")
    if settings.parity not in ("N", "E", "O"):
        refuse("--parity", settings.parity, "N, E or O", "read it off the meter's display")
    if serial is not None:
        return SerialPort(serial, settings.baud, settings.parity, settings.stop_bits)
    if tcp is not None:
        return TcpEndpoint(*endpoint_of("--tcp", tcp, 502))
    return RtuOverTcpEndpoint(*endpoint_of("--rtu-over-tcp", rtu_over_tcp or "", None))


def endpoint_of(option: str, text: str, port: int | None) -> tuple[str, int]:
    from agent.sitefile.values import endpoint

    try:
        return endpoint(text, port)
    except ValueError:
        refuse(option, text, "host:port", "as 10.20.0.11:502")


def models_of(names: "list[str] | tuple[str, ...]", beside: Path | None) -> "list[MeterModel]":
    from drivers.errors import ModelError
    from drivers.library import load_model, model_names

    directory = directory_of(beside)
    if names:
        return [load_model(name, directory) for name in names]
    models = []
    for name in model_names(directory):
        try:
            models.append(load_model(name, directory))
        except ModelError as error:  # a draft that nobody asked for must not keep the others from being tried
            typer.echo(f"left out, not a map: {error}", err=True)
    return models


def _progress() -> Callable[[int, str], None]:
    """One line on stderr that is written over; where nobody looks, nothing."""
    if not sys.stderr.isatty():
        return lambda count, why: None
    return lambda count, why: typer.echo(f"\r\x1b[K{count}: {why}", nl=False, err=True)


def _told(verdict: "Verdict", line: "LineConfig", unit: int, nominal_v: float | None) -> dict[str, Any]:
    """The verdict as `--json` prints it."""
    from agent.overview import address

    return {
        "line": address(line),
        "unit": unit,
        "candidates": [_candidate(candidate) for candidate in verdict.candidates],
        "says": list(verdict.says),
        "requests": verdict.requests,
        "trouble": verdict.trouble,
        "todo": verdict.todo or (_NEXT if verdict.trouble else ""),
        "site": _stanza(verdict, line, unit, nominal_v),
    }


def _stanza(verdict: "Verdict", line: "LineConfig", unit: int, nominal_v: float | None) -> str:
    """Nothing where the engineer has to choose first, or to correct a map."""
    from agent.stanza import stanza

    first, *others = verdict.candidates or (None,)
    if first is None or first.mistake or (others and first.grade == "possible"):
        return ""
    return stanza(line, unit, first.model, first.wiring, nominal_v)


def _candidate(candidate: "Candidate") -> dict[str, Any]:
    return {
        "model": candidate.model.id,
        "vendor": candidate.model.vendor,
        "name": candidate.model.name,
        "grade": candidate.grade,
        "evidence": list(candidate.evidence),
        "mistake": candidate.mistake,
        "shift": candidate.reading.shift,
        "swapped": candidate.reading.swapped,
        "wiring": candidate.wiring,
        "dead": list(candidate.dead),
    }


def _print(told: dict[str, Any]) -> None:
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
    typer.echo(f"{told['line']}, unit {told['unit']}, after {told['requests']} requests:\n")
    for each in told["candidates"]:
        _print_candidate(each)
    if told["says"]:
        typer.echo(f"It says: {'; '.join(told['says'])}")
    if told["trouble"]:
        typer.echo(f"{told['trouble']}\nNext: {told['todo']}")
    elif not told["candidates"]:
        typer.echo("It answers, but no known map fits. docs/add-a-meter.md shows how to write one.")
    if any(each["dead"] for each in told["candidates"]):
        typer.echo(NOT_ISOLATION)
    if told["site"]:
        typer.echo(f"\nFor the site file:\n\n{told['site']}", nl=False)


def _print_candidate(each: dict[str, Any]) -> None:
    typer.echo(f"{each['grade']}: {each['model']} ({each['vendor']} {each['name']})")
    for words in ([each["mistake"]] if each["mistake"] else []) + each["evidence"]:
        typer.echo(f"  - {words}")
