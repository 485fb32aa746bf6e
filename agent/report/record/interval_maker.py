"""Stands between meters and journal: readings pass, and intervals and demand blocks are made of them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from agent.keeps import Keeps
from agent.records import Event, Incident, Interval, Reading, Trace
from agent.report.record.demand_blocks import OpenBlock
from agent.report.record.meter_intervals import MeterIntervals
from agent.tidied import tidied_values


class IntervalMaker:
    """meters: of whom intervals are made, with the voltages that limits are for; takers: what is made goes to; is_sure:
    whether the wall clock is right.

    While it is not, nobody knows in which minute a reading lies: that time is unknown.
    """

    def __init__(
        self,
        behind: Keeps,
        meters: Mapping[str, Collection[str]],
        takers: Sequence[Callable[[Interval], object]],
        is_sure: Callable[[], bool],
    ) -> None:
        self._behind = behind
        self._takers = takers
        self._is_sure = is_sure
        self._made: Mapping[str, MeterIntervals] = {
            meter: MeterIntervals(meter, judged) for meter, judged in meters.items()
        }

    def add_reading(self, reading: Reading) -> object:
        added = self._behind.add_reading(reading)
        made = self._made.get(reading.meter)
        if made is not None and self._is_sure() and not made.put_by(reading):
            self._tell_all(made.add(reading))
        return added

    def tick(self, now_us: int) -> None:
        """What is over, of meters that do not answer."""
        if not self._is_sure():
            return
        for made in self._made.values():
            self._tell_all(made.flush(now_us))

    def open_block(self, meter: str) -> OpenBlock | None:
        """Of the demand of a meter; None where its start was not seen, or nobody knows when it was."""
        made = self._made.get(meter)
        return made.open_block() if made is not None and self._is_sure() else None

    def _tell_all(self, intervals: Iterable[Interval]) -> None:
        for one in intervals:
            tidied = tidied_interval(one)
            for take in self._takers:
                take(tidied)

    def add_event(self, event: Event) -> object:
        return self._behind.add_event(event)

    def add_incident(self, incident: Incident) -> object:
        return self._behind.add_incident(incident)

    def add_trace(self, trace: Trace) -> object:
        return self._behind.add_trace(trace)

    def keep(self, name: str, text: str) -> object:
        return self._behind.keep(name, text)


def tidied_interval(one: Interval) -> Interval:
    """With the digits that a meter really gave, energies with all of them."""
    values, low, high = (tidied_values(numbers) for numbers in (one.values, one.min, one.max))
    return Interval(
        one.kind, one.meter, one.start_us, round(one.coverage, 4), round(one.flagged, 4), values, low, high
    )  # fmt: skip
