"""The simulated month as a report tells it: the world's readings through the intervals' maker into a long record, and
the report that is made of that."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from report_month import HOUR_US, LN, PLACES, World

from agent.records import Event, Interval, Reading
from agent.report.document import MeterPart, Report, report
from agent.report.record.columns import Columns
from agent.report.record.history import History, past
from agent.report.record.interval_maker import IntervalMaker


class Nobody:
    """Where what the intervals' maker lets through goes."""

    def add_reading(self, reading: Reading) -> None: ...


@dataclass(frozen=True)
class Told:
    world: World
    events: Sequence[Event]
    report: Report
    columns: dict[str, list[Columns]]

    def part(self, meter: str) -> MeterPart:
        return next(part for part in self.report.meters if part.meter.name == meter)

    def minutes(self, meter: str) -> list[Interval]:
        return [one for some in self.columns[meter] if some.kind == "interval_1min" for one in some.rows()]

    def seen(self, meter: str) -> list[tuple[int, float]]:
        """Minutes that were seen, and which part of them: truth, not what was told."""
        parts = ((n, self.world.unheard[meter].get(n, 1.0)) for n in range(self.world.minutes))
        return [(n, part) for n, part in parts if part and not self.world.is_touched(meter, n)]


class Clock:
    us = 0

    def __call__(self) -> int:
        return self.us


async def simulated(world: World, place: Path) -> Told:
    """place: where its long record is kept; one that is there already, of the same world, is taken as it is."""
    if not place.exists():  # noqa: ASYNC240 - nothing else is to run meanwhile
        making = place.with_name(f"{place.name}-{os.getpid()}")
        making.mkdir()
        await _simulate(world, making)
        with suppress(OSError):  # another process was quicker: its record says the same
            making.rename(place)
    return _told(world, place)


async def _simulate(world: World, state_dir: Path) -> None:
    clock = Clock()
    async with History.open(state_dir, clock) as history:
        maker = IntervalMaker(Nobody(), dict.fromkeys(PLACES, LN), [history.add], lambda: True)  # type: ignore[arg-type]
        for reading in world.readings():
            if reading.time_us - clock.us >= 12 * HOUR_US:
                clock.us = reading.time_us
                await history.write()
            maker.add_reading(reading)
        maker.tick(world.period.to_us + HOUR_US)


def _told(world: World, state_dir: Path) -> Told:
    events = list(world.events())
    with past(state_dir) as kept:
        assert kept is not None
        columns = {meter: list(kept.of_meter(meter, world.period)) for meter in PLACES}
        made = report(world.known(lambda meter: kept.of_meter(meter, world.period), events), world.period)
        assert not kept.damaged
    return Told(world, events, made, columns)
