"""A visit to each meter: its whole map, a while of looks at its voltages, its whole map again. All lines at once.

Beside a running agent its lines are its own: then its readings are taken, two of each meter, the same while apart.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.budget import ceiling_s
from agent.clock import boot_us, parse_rfc3339
from agent.field.commission.observed import Seen
from agent.probe import Answer, read_meter
from agent.site import Meter, Site
from drivers.line import Line
from drivers.nameplate import nameplate, plate_reads

# So often voltages are looked at where the line allows: twice in the shortest refresh that maps have.
_LOOK_S = 0.1
_ASK_AGENT_S = 1.0
# A full set takes a slow line about so long; a running agent may ask for counters every ten seconds only.
_FULL_SET_S, _COUNTED_S = 1.0, 10.0
# A meter's next reading is at most this late: ten seconds is the default, and it may be a full set away.
_AGENT_LATE_S = 15.0

Ask = Callable[[str], Mapping[str, Any]]
Pause = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class _Visit:
    """Of one meter, as it goes on."""

    meter: Meter
    first: Answer
    started_us: int
    looks: int = 0
    changes: int = 0
    watched_from_us: int = 0
    watched_to_us: int = 0
    volts: Mapping[str, float] = field(default_factory=dict)

    def look(self, answer: Answer, at_us: int) -> None:
        if not answer.values:
            return
        if self.looks and answer.values != self.volts:
            self.changes += 1
        self.watched_from_us = self.watched_from_us or at_us
        self.looks, self.volts, self.watched_to_us = self.looks + 1, answer.values, at_us


async def visit(site: Site, meters: Sequence[Meter], *, for_s: float) -> dict[str, Seen]:
    """By meter. LineError if a serial path exists and is no terminal."""
    lines = dict.fromkeys(meter.line for meter in meters)
    seen = await asyncio.gather(*(_line(site, name, meters, for_s) for name in lines))
    return {name: each for part in seen for name, each in part.items()}


async def _line(site: Site, name: str, meters: Sequence[Meter], for_s: float) -> dict[str, Seen]:
    beside = site.file.parent
    async with Line(name, site.lines[name], boot_us) as line:
        mine = [meter for meter in meters if meter.line == name]
        visits = [_Visit(m, await read_meter(line, m, everything=True, beside=beside), boot_us()) for m in mine]
        await _watch(line, [each for each in visits if each.first.values], site, for_s)
        return {each.meter.name: await _ended(line, each, site) for each in visits}


async def _watch(line: Line, visits: Sequence[_Visit], site: Site, for_s: float) -> None:
    end_us = boot_us() + round(for_s * 1e6)
    while visits and boot_us() < end_us:
        for each in visits:
            each.look(await read_meter(line, each.meter, everything=False, beside=site.file.parent), boot_us())
        await asyncio.sleep(_LOOK_S)


async def _ended(line: Line, visited: _Visit, site: Site) -> Seen:
    meter, first = visited.meter, visited.first
    if not first.values:
        return Seen({}, trouble=first.trouble)
    last = await read_meter(line, meter, everything=True, beside=site.file.parent)
    return Seen(
        last.values,
        first.values,
        (boot_us() - visited.started_us) / 1e6,
        _FULL_SET_S,
        visited.looks,
        visited.changes,
        (visited.watched_to_us - visited.watched_from_us) / 1e6,
        serial=await _serial(line, meter),
        trouble=last.trouble,
    )


async def _serial(line: Line, meter: Meter) -> str | None:
    reads = plate_reads(meter.model.identity)
    wait_s = ceiling_s(meter.model, line.config) + 1.0  # its reads are short, the slowest line takes a second for them
    asked = [(at, await line.exchange(meter.unit, one.read, wait_s)) for at, one in enumerate(reads)]
    return nameplate(reads, {at: each.data for at, each in asked if each.outcome == "answered"}).serial


async def ask_agent(
    meters: Sequence[Meter], ask: Ask, *, for_s: float, pause: Pause = asyncio.sleep
) -> dict[str, Seen]:
    """What the agent has of each meter, and once more after a while.

    ask: a question to the agent; its NotRunningError is the caller's
    """
    told: dict[str, list[Mapping[str, Any]]] = {meter.name: [] for meter in meters}
    waited_s = 0.0
    while True:
        for reading in ask("readings")["readings"]:
            _keep(told.get(reading["meter"]), reading)
        enough = waited_s >= for_s and all(len(each) > 1 for each in told.values())
        if enough or waited_s >= for_s + _AGENT_LATE_S:
            break
        await pause(_ASK_AGENT_S)
        waited_s += _ASK_AGENT_S
    learnt = {name: s for line in ask("status")["lines"].values() for name, s in line["refresh_s"].items()}
    return {name: replace(_told(readings), refresh_s=learnt.get(name)) for name, readings in told.items()}


def _is_counter(name: str) -> bool:
    return name.startswith("active_energy_import")


def _keep(readings: list[Mapping[str, Any]] | None, reading: Mapping[str, Any]) -> None:
    """The one that the agent had before somebody came is old: it only says since when the next one counts."""
    if readings is not None and (not readings or reading["time"] > readings[-1]["time"]):
        readings.append(reading)


def _told(readings: Sequence[Mapping[str, Any]]) -> Seen:
    """A reading has what was read since the one before it: what is asked for rarely stands in some of them only."""
    if len(readings) < 2:
        return Seen({}, trouble="the agent has no new reading of it; `lamplighter status SITE` says how it stands")
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for reading in readings:
        first |= {name: value for name, value in reading["values"].items() if name not in first}
    for reading in readings[1:]:
        last |= reading["values"]
    counted = [parse_rfc3339(each["time"]) for each in readings if any(map(_is_counter, each["values"]))]
    elapsed_s = (counted[-1] - counted[0]) / 1e6 if counted else 0.0
    return Seen(last, first, elapsed_s, _COUNTED_S)
