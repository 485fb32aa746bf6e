"""One look at lines and servers without an agent: for `read` and `check --live`.

Each line is opened once and asked one request at a time, all lines at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agent.budget import ceiling_s, timeout_s
from agent.clock import boot_us
from agent.mains import mains_of
from agent.poll.place import chain_of, moved
from agent.probe_influx import trouble_of
from agent.site import InfluxSite, MainsSite, Meter, Site
from agent.tidied import tidied_values
from agent.wiring import polled, watched
from drivers.codec import compile_plan
from drivers.endpoints import RtuOverTcpEndpoint, SerialPort, TcpEndpoint, address
from drivers.line import Exchange, Line
from drivers.modbus.pdu import Read
from drivers.plan import PlannedRead, plan_reads
from drivers.refusals import exception_told
from drivers.sunspec import is_sunspec, locate

_CONNECT_TIMEOUT_S = 3.0
# Behind a TCP endpoint that may be a serial server; so many of its meters are tried in the other framing.
_LAST_SERIAL_UNIT = 247
_MOST_TRIALS = 3
_RTU_INSTEAD = ("raw RTU frames, not Modbus/TCP", "tcp", "rtu_over_tcp")
_MBAP_INSTEAD = ("Modbus/TCP, not raw RTU frames", "rtu_over_tcp", "tcp")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one meter said. values: primary, SI units; took_s: of all its requests; trouble: empty if all was well."""

    meter: str
    values: dict[str, float]
    took_s: float
    trouble: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What one line itself shows: another master on it, the other framing. trouble: empty if nothing is amiss."""

    line: str
    address: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether a server takes connections. trouble: empty if it does."""

    server: str
    address: str
    trouble: str


ReadMeter = Callable[[Line, Meter], Awaitable[Answer]]


async def read_meters(site: Site, meters: Sequence[Meter], *, everything: bool) -> tuple[Answer, ...]:
    """Read these meters once: their whole maps, or only what is watched, the quickest sign of life.

    LineError if a serial path exists and is no terminal.
    """
    read = partial(read_meter, everything=everything, beside=site.file.parent)
    by_line = await asyncio.gather(*(_read_line(site, name, on_line, read) for name, on_line in _by_line(meters)))
    return _in_order(meters, [answer for answers, _ in by_line for answer in answers])


async def look(site: Site) -> tuple[tuple[Answer, ...], tuple[Looked, ...]]:
    """Every meter's sign of life, and what its line shows besides. LineError as for read_meters."""
    meters = tuple(site.meters.values())
    read = partial(read_meter, everything=False, beside=site.file.parent)
    by_line = await asyncio.gather(*(_look_at(site, name, on_line, read) for name, on_line in _by_line(meters)))
    return _in_order(meters, [a for answers, _ in by_line for a in answers]), tuple(looked for _, looked in by_line)


def _by_line(meters: Sequence[Meter]) -> list[tuple[str, list[Meter]]]:
    names = dict.fromkeys(meter.line for meter in meters)
    return [(name, [meter for meter in meters if meter.line == name]) for name in names]


def _in_order(meters: Sequence[Meter], answers: Sequence[Answer]) -> tuple[Answer, ...]:
    found = {answer.meter: answer for answer in answers}
    return tuple(found[meter.name] for meter in meters)


async def _read_line(site: Site, name: str, meters: list[Meter], read: ReadMeter) -> tuple[list[Answer], Line]:
    """The answers, and the line that was asked, closed again."""
    async with Line(name, site.lines[name], boot_us) as line:
        return [await read(line, meter) for meter in meters], line


async def _look_at(site: Site, name: str, meters: list[Meter], read: ReadMeter) -> tuple[list[Answer], Looked]:
    answers, line = await _read_line(site, name, meters, read)
    trouble = "" if line.foreign_master is None else str(line.foreign_master)
    if line.counters.opened and not line.counters.answered and not line.counters.refused:
        trouble = await other_framing(line, meters) or trouble
    return answers, Looked(name, address(line.config), trouble)


async def other_framing(line: Line, meters: Sequence[Meter]) -> str:
    """Whether an endpoint that does not answer does so in the other framing. A wrong guess looks like silence: each
    side waits for the rest of a frame. Asked is what each of the first meters is asked first anyway."""
    config = line.config
    if isinstance(config, SerialPort):
        return ""
    spoken, wrong, other = _RTU_INSTEAD if isinstance(config, TcpEndpoint) else _MBAP_INSTEAD
    make = RtuOverTcpEndpoint if isinstance(config, TcpEndpoint) else TcpEndpoint
    async with Line(line.name, make(config.host, config.port), boot_us, listen_s=0) as trial:
        asked = [meter for meter in meters if meter.unit <= _LAST_SERIAL_UNIT][:_MOST_TRIALS]
        for meter in asked:
            read = first_read(meter)
            wait_s = timeout_s(read, meter.model, trial.config)
            if (await trial.exchange(meter.unit, read, wait_s)).outcome in ("answered", "refused"):
                return f'speaks {spoken}: in [lines.{line.name}] write {other} = "{address(config)}" instead of {wrong}'
    return ""


def first_read(meter: Meter) -> Read:
    """What a meter is asked first: of what is watched, of the rest where nothing is."""
    often, rest = (of(meter.model, meter.basis, meter.wiring) for of in (watched, polled))
    return (plan_reads(meter.model, often).reads or plan_reads(meter.model, rest).reads)[0].read


async def read_meter(line: Line, meter: Meter, everything: bool, beside: Path) -> Answer:
    """A read that fails is asked once more; a meter that is silent twice is not asked for the rest.

    A SunSpec device that keeps its meter model elsewhere than usual is looked through, and read there.
    """
    answer = await _read_at(line, meter, everything)
    if answer.values or not is_sunspec(meter.model):
        return answer
    wait_s = ceiling_s(meter.model, line.config)
    block = locate(await chain_of(lambda read: line.exchange(meter.unit, read, wait_s)))
    return answer if block is None else await _read_at(line, moved(meter, block, beside), everything)


async def _read_at(line: Line, meter: Meter, everything: bool) -> Answer:
    model = meter.model
    often = watched(model, meter.basis, meter.wiring)
    rest = polled(model, meter.basis, meter.wiring) if everything else ()
    decoder = compile_plan(plan_reads(model, (*often, *rest)), meter.installation)
    started_us = boot_us()
    replies: dict[int, bytes] = {}
    trouble = ""
    for index, planned in enumerate(decoder.plan.reads):
        exchange = await _exchange(line, meter, planned)
        if exchange.outcome == "answered":
            replies[index] = exchange.data
            continue
        trouble = _trouble(exchange, planned.read)
        if exchange.outcome != "refused":
            break
    values = tidied_values(decoder.decode_round(replies))
    return Answer(meter.name, values, (boot_us() - started_us) / 1e6, trouble)


async def _exchange(line: Line, meter: Meter, planned: PlannedRead) -> Exchange:
    wait_s = timeout_s(planned.read, meter.model, line.config)
    exchange = await line.exchange(meter.unit, planned.read, wait_s, planned.spare)
    if exchange.outcome in ("answered", "refused", "down"):
        return exchange
    return await line.exchange(meter.unit, planned.read, wait_s, planned.spare)


def _trouble(exchange: Exchange, read: Read) -> str:
    asked = f"function {read.function}, address {read.address}, {read.count} words"
    if exchange.outcome == "refused":
        return f"{exception_told(exchange.code)}, {asked}"
    return f"{exchange.outcome} ({exchange.detail or asked})"


async def reach_servers(site: Site) -> tuple[Reached, ...]:
    """Whether the site's broker takes a connection (its password is not tried), its database our rows, and whether
    the gateway's own supply can be asked."""
    asked = []
    if site.mqtt is not None:
        asked.append(_reach("mqtt", site.mqtt.host, site.mqtt.port))
    if site.influxdb is not None:
        asked.append(_reach_influx(site.influxdb))
    if site.mains is not None:
        asked.append(_ask_mains(site.mains))
    return tuple(await asyncio.gather(*asked))


async def _ask_mains(table: MainsSite) -> Reached:
    mains = mains_of(table)
    await mains.lost()
    await mains.close()
    asked = str(table.sysfs) if table.nut is None else f"{table.nut[0]}@{table.nut[1]}:{table.nut[2]}"
    return Reached("mains", asked, mains.trouble)


async def _reach_influx(table: InfluxSite) -> Reached:
    return Reached("influxdb", table.url, await asyncio.to_thread(trouble_of, table))


async def _reach(server: str, host: str, port: int) -> Reached:
    address = f"{host}:{port}"
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Reached(server, address, f"no answer within {_CONNECT_TIMEOUT_S:g} s")
    except OSError as error:
        return Reached(server, address, error.strerror or str(error))
    writer.close()
    return Reached(server, address, "")
