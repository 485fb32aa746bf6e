"""Asks the lines of a site as doctor does, and hands what was heard to the judgement. Nobody else may ask meanwhile."""

import asyncio
import errno
import grp
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.budget import timeout_s
from agent.clock import boot_us
from agent.field.doctor.capture import Heard, Kind, judged
from agent.field.doctor.findings import Finding
from agent.field.doctor.listening import Ear, between_s, ear
from agent.field.doctor.opening import Around, of_opening
from agent.field.doctor.overheard import others
from agent.field.doctor.silence import ENOUGH_BYTES, Elsewhere, LineSeen, MeterSeen, diagnosed, unheard
from agent.probe import first_read, other_framing, read_meters
from agent.site import Meter, Site
from drivers.encodings import unpack_words
from drivers.endpoints import LineConfig, RtuOverTcpEndpoint, SerialPort, TcpEndpoint, address
from drivers.fingerprint import look
from drivers.line import Exchange, Line
from drivers.modbus.outcome import Outcome
from drivers.sunspec import is_sunspec
from drivers.transport import holder

_ASKS = 4
# A second meter with the same unit may take so much longer than the first.
_SECOND_S = 0.3
_MOST_TRIED = 2
# Most meters leave the factory with one of these; slower and faster ones, and two stop bits, come last.
_USUAL = (
    (9600, "N", 1), (9600, "E", 1), (19200, "E", 1), (19200, "N", 1), (38400, "N", 1), (115200, "N", 1),
    (38400, "E", 1), (57600, "N", 1), (4800, "N", 1), (2400, "N", 1), (9600, "N", 2), (9600, "O", 1),
)  # fmt: skip
_KINDS: Mapping[Outcome, Kind] = {"silent": "silent", "garbled": "damaged", "foreign": "other_unit", "down": "down"}
# IEC 60038, table 1: low voltage is up to 1000 V.
_LOW_VOLTAGE_V = 1000.0
# A line that went down is opened again after this at the latest, the first times.
_RECONNECT_S = 0.3


@dataclass(frozen=True, slots=True)
class Patience:
    """listen_s: to a line before anybody is asked, as masters ask once a second or more often; late_s: what comes after
    that belongs to nothing that was asked; usual: settings to try where nobody answers."""

    listen_s: float = 1.2
    late_s: float = 1.5
    usual: tuple[tuple[int, str, int], ...] = _USUAL


async def examine_lines(site: Site, names: Sequence[str]) -> tuple[Finding, ...]:
    """All at once, each by one request after the other."""
    parts = await asyncio.gather(*(examine_line(site, name) for name in names))
    return tuple(finding for part in parts for finding in part)


async def examine_line(site: Site, name: str, patience: Patience = Patience()) -> tuple[Finding, ...]:
    config, meters = site.lines[name], [meter for meter in site.meters.values() if meter.line == name]
    try:
        seen = (
            await _by_network(name, config, meters, patience)
            if isinstance(config, TcpEndpoint)
            else await _by_ear(name, config, meters, patience)
        )
    except OSError as error:
        cause = of_opening(name, config, error.strerror or str(error), around(config))
        return (cause, *(unheard(meter.name, meter.unit, cause) for meter in meters))
    return diagnosed(await _moved(site, seen))


def around(config: LineConfig) -> Around:
    """What this machine has, for the words about a port."""
    if not isinstance(config, SerialPort):
        return Around()
    ports = [*Path("/dev/serial/by-id").glob("*"), *Path("/dev").glob("ttyUSB*"), *Path("/dev").glob("ttyACM*")]
    return Around(tuple(map(str, sorted(ports))), _group(Path(config.path)), holder(config.path))


def _group(path: Path) -> str:
    try:
        number = path.stat().st_gid
    except OSError:
        return ""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


async def _by_ear(
    name: str, config: SerialPort | RtuOverTcpEndpoint, meters: Sequence[Meter], patience: Patience
) -> LineSeen:
    async with ear(config) as listening:
        idle = await listening.listen(patience.listen_s)
        seen = LineSeen(name, settings(config), (), idle, others(idle))
        if seen.master:
            return replace(seen, meters=tuple(_unasked(meter) for meter in meters))
        asks = 1 if len(idle) >= ENOUGH_BYTES else _ASKS
        asked = [await _asked(listening, config, meter, patience, asks) for meter in meters]
    seen = replace(seen, meters=tuple(asked))
    if not meters or not all({"silent", "echo"}.issuperset(meter.kinds) for meter in asked):
        return seen
    if isinstance(config, SerialPort):
        return replace(seen, elsewhere=await _elsewhere(config, meters, patience))
    return replace(seen, place=address(config), framing=await _framing(name, config, meters))


def _unasked(meter: Meter) -> MeterSeen:
    return MeterSeen(meter.name, meter.unit, meter.model.id, 0, ())


async def _asked(
    listening: Ear, config: SerialPort | RtuOverTcpEndpoint, meter: Meter, patience: Patience, asks: int
) -> MeterSeen:
    """The first request waits as long as any answer may take, the others only where one came."""
    read = first_read(meter)
    wait_s = timeout_s(read, meter.model, config)
    heard: list[Heard] = []
    for number in range(asks):
        await asyncio.sleep(between_s(config))
        waits = number == 0 or heard[0].kind not in ("silent", "echo")
        pieces = await listening.ask(
            meter.unit, read, max(wait_s, patience.late_s) if waits else wait_s, 0.0 if number else _SECOND_S
        )
        if listening.lost:
            raise OSError(errno.EIO, listening.lost)
        heard.append(judged(meter.unit, read, pieces, round(wait_s * 1e6)))
    seen = MeterSeen(meter.name, meter.unit, meter.model.id, round(wait_s * 1e6), tuple(heard))
    return replace(seen, wild=_wild(meter, [each.data for each in heard if each.data]))


def _wild(meter: Meter, answers: Sequence[bytes]) -> str:
    """What the map makes of the words that cannot be; nothing is said of meters behind voltage transformers."""
    if not answers or meter.nominal_v > _LOW_VOLTAGE_V or meter.installation.vt != 1:
        return ""
    read = first_read(meter)
    words = {(read.function, read.address + at): word for at, word in enumerate(unpack_words(answers[-1]))}
    return "; ".join(look(meter.model, words).wild)


async def _elsewhere(config: SerialPort, meters: Sequence[Meter], patience: Patience) -> Elsewhere | None:
    """The first of the usual settings at which one of the first meters answers as itself."""
    for baud, parity, stop_bits in patience.usual:
        trial = SerialPort(config.path, baud, parity, stop_bits)
        if trial == config:
            continue
        async with ear(trial) as listening:
            for meter in meters[:_MOST_TRIED]:
                read = first_read(meter)
                wait_s = timeout_s(read, meter.model, trial)
                await asyncio.sleep(between_s(trial))
                pieces = await listening.ask(meter.unit, read, wait_s)
                if judged(meter.unit, read, pieces, round(wait_s * 1e6)).kind in ("answered", "refused"):
                    return Elsewhere(meter.name, settings(trial), _toml(trial))
    return None


def settings(config: LineConfig) -> str:
    return f"{config.baud} 8{config.parity}{config.stop_bits}" if isinstance(config, SerialPort) else ""


def _toml(config: SerialPort) -> str:
    return f'baud = {config.baud}, parity = "{config.parity}", stop_bits = {config.stop_bits}'


async def _by_network(name: str, config: TcpEndpoint, meters: Sequence[Meter], patience: Patience) -> LineSeen:
    async with Line(name, config, boot_us) as line:
        asked = [await _exchanged(line, meter, patience) for meter in meters]
    heard = [each for meter in asked for each in meter.heard]
    if heard and all(each.kind == "down" for each in heard):
        raise OSError(errno.EIO, heard[-1].detail)
    seen = LineSeen(name, "", tuple(asked), place=address(config))
    if all(set(meter.kinds) <= {"silent", "damaged"} for meter in asked):
        return replace(seen, framing=await _framing(name, config, meters))
    return seen


async def _exchanged(line: Line, meter: Meter, patience: Patience) -> MeterSeen:
    read = first_read(meter)
    wait_s = timeout_s(read, meter.model, line.config)
    heard: list[Heard] = []
    for _ in range(_ASKS):
        silent = bool(heard) and heard[0].kind == "silent"
        exchange = await line.exchange(meter.unit, read, wait_s if silent else max(wait_s, patience.late_s))
        if not line.counters.opened:
            raise OSError(errno.EIO, exchange.detail)
        heard.append(as_heard(exchange, round(wait_s * 1e6)))
        if exchange.outcome == "down":
            await asyncio.sleep(_RECONNECT_S)
    seen = MeterSeen(meter.name, meter.unit, meter.model.id, round(wait_s * 1e6), tuple(heard))
    return replace(seen, wild=_wild(meter, [each.data for each in heard if each.data]))


def as_heard(exchange: Exchange, wait_us: int) -> Heard:
    """What a line made of it, in doctor's words."""
    took_us = max(0, exchange.received_boot_us - exchange.sent_boot_us)
    if exchange.outcome == "answered":
        return Heard("late" if took_us > wait_us else "answered", exchange.data, took_us=took_us)
    if exchange.outcome == "refused":
        return Heard("refused", code=exchange.code, took_us=took_us)
    return Heard(_KINDS[exchange.outcome], detail=exchange.detail)


async def _framing(name: str, config: LineConfig, meters: Sequence[Meter]) -> str:
    async with Line(name, config, boot_us, listen_s=0) as line:
        return await other_framing(line, meters)


async def _moved(site: Site, seen: LineSeen) -> LineSeen:
    """SunSpec devices may keep their meter model elsewhere than usual: where the site's own reading finds it, the
    refusal of the usual place is no fault."""
    asked = [await _looked_through(site, meter) for meter in seen.meters]
    return replace(seen, meters=tuple(asked))


async def _looked_through(site: Site, seen: MeterSeen) -> MeterSeen:
    meter = site.meters[seen.name]
    if not is_sunspec(meter.model) or not seen.kinds["refused"]:
        return seen
    (answer,) = await read_meters(site, (meter,), everything=False)
    return replace(seen, heard=(Heard("answered"),)) if answer.values else seen
