"""A whole scan: who answers, then which meter each is. Identifying takes some requests of each unit; a stop leaves the
rest unidentified, and keeps what was found."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agent.field.scan import words
from agent.field.scan.found import Met, Scanned
from agent.field.scan.network import ask_network
from agent.field.scan.plan import Settings
from agent.field.scan.serial_line import LISTEN_S, Progress, ask_serial
from agent.field.scan.words import told
from agent.identify import identify_unit
from drivers.endpoints import LineConfig, SerialPort, TcpEndpoint, address
from drivers.identify import Verdict
from drivers.model import MeterModel

# What identifying one meter takes on a slow line, more or less: for the time that is left.
_IDENTIFY_S = 5.0
_UNASKED = Verdict((), (), 0, "not identified: stopped on request")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where to ask. serial: a path, empty for none; tried: its settings; places: on the network"""

    serial: str
    tried: tuple[Settings, ...]
    units: tuple[int, ...]
    places: tuple[TcpEndpoint, ...]
    models: Sequence[MeterModel]
    listen_s: float = LISTEN_S


async def scan(wanted: Wanted, stop: asyncio.Event, progress: Progress) -> Scanned:
    """Each line in turn. LineError for a serial path that is no terminal."""
    parts = [await _serial(wanted, stop, progress)] if wanted.serial else []
    for place in wanted.places:
        if not stop.is_set():
            reached = await ask_network(place, wanted.units, stop, progress)
            parts.append(await _identified(reached.line, reached.units, reached.said, wanted.models, stop, progress))
    meters = tuple(met for part in parts for met in part.meters)
    return Scanned(meters, tuple(said for part in parts for said in part.said), any(part.failed for part in parts))


async def _serial(wanted: Wanted, stop: asyncio.Event, progress: Progress) -> Scanned:
    asked = await ask_serial(wanted.serial, wanted.tried, wanted.units, stop, progress, listen_s=wanted.listen_s)
    at = asked.settings
    line = None if at is None else SerialPort(wanted.serial, at.baud, at.parity, at.stop_bits)
    said, units = asked.messages(wanted.serial), tuple(sorted(asked.units))
    found = await _identified(line, units, said, wanted.models, stop, progress)
    return Scanned(found.meters, found.said, bool(asked.master or asked.trouble))


async def _identified(
    line: LineConfig | None,
    units: Sequence[int],
    said: tuple[str, ...],
    models: Sequence[MeterModel],
    stop: asyncio.Event,
    progress: Progress,
) -> Scanned:
    if line is None:
        return Scanned((), said)
    met = []
    for at, unit in enumerate(units):
        left_s = _IDENTIFY_S * (len(units) - at)
        progress(f"unit {unit}: which meter is it", left_s)
        verdict = _UNASKED if stop.is_set() else await identify_unit(line, unit, models, lambda *_: None)
        met.append(Met(line, unit, verdict))
    unknown = [each for each in met if each.candidate is None and not stop.is_set()]
    return Scanned(tuple(met), (*said, *(told(words.UNKNOWN, unit=e.unit, line=_option(e.line)) for e in unknown)))


def _option(line: LineConfig) -> str:
    """As `identify` takes it."""
    if isinstance(line, SerialPort):
        return f"--serial {line.path} --baud {line.baud} --parity {line.parity} --stop-bits {line.stop_bits}"
    return f"--{'tcp' if isinstance(line, TcpEndpoint) else 'rtu-over-tcp'} {address(line)}"
