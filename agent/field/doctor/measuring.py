"""Asks every meter of one line many times, for its timing. Nobody else may ask meanwhile."""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from agent.budget import ceiling_s, timeout_s, wire_s
from agent.clock import boot_us
from agent.field.doctor.capture import Heard, judged
from agent.field.doctor.lines import as_heard
from agent.field.doctor.listening import Ear, between_s, ear
from agent.field.doctor.timing import Asked, MeterTiming, timing
from agent.probe import first_read
from agent.site import Meter, Site
from drivers.endpoints import LineConfig, RtuOverTcpEndpoint, SerialPort, TcpEndpoint
from drivers.line import Line

# In turn at once after the reply before, as the agent asks, and after this pause.
_PAUSE_S = 0.1
_LATE_S = 1.0
_GIVES_UP = 5

AskOnce = Callable[[Meter], Awaitable[Heard]]


async def measure(site: Site, name: str, times: int) -> tuple[MeterTiming, ...]:
    """times: requests to each meter; one that never answers is given up early. OSError where the line does not open."""
    config = site.lines[name]
    async with _asking(name, config) as ask:
        return tuple(
            [await _measured(meter, config, ask, times) for meter in site.meters.values() if meter.line == name]
        )


async def _measured(meter: Meter, config: LineConfig, ask: AskOnce, times: int) -> MeterTiming:
    asked: list[Asked] = []
    wire_us = round(wire_s(first_read(meter), config) * 1e6)
    for number in range(times):
        rested = bool(number % 2)
        await asyncio.sleep(_PAUSE_S if rested else 0)
        asked.append(Asked(await ask(meter), rested, wire_us))
        if number + 1 >= _GIVES_UP and all(each.heard.kind == "silent" for each in asked):
            break
    return timing(meter.name, meter.unit, ceiling_s(meter.model, config) * 1e3, asked)


@asynccontextmanager
async def _asking(name: str, config: LineConfig) -> AsyncIterator[AskOnce]:
    if isinstance(config, TcpEndpoint):
        async with Line(name, config, boot_us) as line:
            yield partial(_by_line, line)
    else:
        async with ear(config) as listening:
            yield partial(_by_ear, listening, config)


async def _by_line(line: Line, meter: Meter) -> Heard:
    read = first_read(meter)
    wait_s = timeout_s(read, meter.model, line.config)
    exchange = await line.exchange(meter.unit, read, max(wait_s, _LATE_S))
    if exchange.outcome == "down" and not line.counters.opened:
        raise OSError(errno.EIO, exchange.detail)
    return as_heard(exchange, round(wait_s * 1e6))


async def _by_ear(listening: Ear, config: SerialPort | RtuOverTcpEndpoint, meter: Meter) -> Heard:
    read = first_read(meter)
    wait_s = timeout_s(read, meter.model, config)
    await asyncio.sleep(between_s(config))
    pieces = await listening.ask(meter.unit, read, max(wait_s, _LATE_S))
    if listening.lost:
        raise OSError(errno.EIO, listening.lost)
    return judged(meter.unit, read, pieces, round(wait_s * 1e6))
