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
from agent.poll.place import chain_of, moved
from agent.probe_influx import trouble_of
from agent.site import InfluxSite, Meter, Site
from agent.tidied import tidied_values
from agent.wiring import polled, watched
from drivers.codec import compile_plan
from drivers.line import Exchange, Line, LineConfig
from drivers.modbus.pdu import Read
from drivers.plan import PlannedRead, plan_reads
from drivers.sunspec import is_sunspec, locate

_CONNECT_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one meter said. values: primary, SI units; took_s: of all its requests; trouble: empty if all was well."""

    meter: str
    values: dict[str, float]
    took_s: float
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
    names = dict.fromkeys(meter.line for meter in meters)
    on_line = {name: [meter for meter in meters if meter.line == name] for name in names}
    read = partial(_read_meter, everything=everything, beside=site.file.parent)
    by_line = await asyncio.gather(*(_read_line(name, site.lines[name], on_line[name], read) for name in names))
    answers = {answer.meter: answer for line in by_line for answer in line}
    return tuple(answers[meter.name] for meter in meters)


async def _read_line(name: str, config: LineConfig, meters: Sequence[Meter], read: ReadMeter) -> list[Answer]:
    async with Line(name, config, boot_us) as line:
        return [await read(line, meter) for meter in meters]


async def _read_meter(line: Line, meter: Meter, everything: bool, beside: Path) -> Answer:
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
    what = f"exception {exchange.code:02X}" if exchange.outcome == "refused" else exchange.outcome
    return f"{what} ({exchange.detail or asked})"


async def reach_servers(site: Site) -> tuple[Reached, ...]:
    """Whether the site's broker takes a connection (its password is not tried), and its database our rows."""
    asked = []
    if site.mqtt is not None:
        asked.append(_reach("mqtt", site.mqtt.host, site.mqtt.port))
    if site.influxdb is not None:
        asked.append(_reach_influx(site.influxdb))
    return tuple(await asyncio.gather(*asked))


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
