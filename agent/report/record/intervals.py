"""Readings of one meter -> intervals of one and of ten minutes on ticks of UTC. Pure.

Means of voltages are root mean squares, of everything else plain ones, each reading weighed by the time it was seen.
What was not seen is unknown: it lowers `coverage` and is part of no mean; an interval of which nothing was seen is not
there at all. An interval in which one judged voltage was read for half of the time is covered by half, whatever else
was read in it; a voltage that was never read in it is not among its values. Counters have no mean:
`agent.report.record.demand_blocks` takes them.

Ten minutes also have `voltage_unbalance`, u2 in % where line-line voltages are read: of each reading, and of those the
root mean square, as IEC 61000-4-30 has it (of means it would be too small where the weak phase changes).

A reading that lies across a tick counts on either side with the part that lies there, its extremes on both: they may
have been on either. One that is longer than the interval says nothing about it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from operator import mul

from agent.detect.unbalance import iec_u2
from agent.records import LENGTH_US, Interval, IntervalKind, Reading
from drivers.quantities import CATALOGUE, VOLTAGES_LL

UNBALANCE = "voltage_unbalance"
_VOLTAGES = frozenset(id_ for id_, quantity in CATALOGUE.items() if quantity.dimension == "voltage")
_SQUARED = _VOLTAGES | {UNBALANCE}
_COUNTERS = frozenset(id_ for id_, quantity in CATALOGUE.items() if quantity.counter)
# A clock that is set back by more than this was so wrong that what it stamped is in nobody's way.
_WRONG_US = 86_400_000_000


@dataclass(slots=True)
class _Sum:
    """Of one quantity: its values, or their squares, times the microseconds they stand for."""

    total: float = 0.0
    weight_us: float = 0.0

    def mean(self, squares: bool) -> float:
        mean = self.total / self.weight_us
        return sqrt(mean) if squares else mean


@dataclass(slots=True)
class _Open:
    """An interval in the making."""

    start_us: int
    covered_us: float = 0.0
    flagged_us: float = 0.0
    sums: dict[str, _Sum] = field(default_factory=dict)
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counted:
    """Readings that were counted together. columns: a quantity, the sum of its values, or of their squares, times the
    microseconds they stand for, its least and its greatest"""

    weight_us: float
    columns: tuple[tuple[str, float, float, float], ...]


def counted(readings: Sequence[Reading], weights_us: Sequence[float]) -> Counted:
    """Readings that are good and have the same quantities in the same order."""
    columns = []
    of_one_look = all(one.min is one.values and one.max is one.values for one in readings)
    rows = [one.values.values() for one in readings]
    for key, values in zip(readings[0].values, zip(*rows, strict=True), strict=True):
        if key in _COUNTERS:
            continue
        low = high = values
        if not of_one_look:
            low = tuple([one.min.get(key, value) for one, value in zip(readings, values, strict=True)])
            high = tuple([one.max.get(key, value) for one, value in zip(readings, values, strict=True)])
        weighed = map(mul, map(mul, values, values) if key in _VOLTAGES else values, weights_us)
        columns.append((key, sum(weighed), min(low), max(high)))
    return Counted(sum(weights_us), tuple(columns))


class Intervals:
    """The intervals of one meter and one length. `add` its readings in order; `flush` where none came.

    judged: its voltages that limits are for; others may be read more seldom, and are none the worse for it
    """

    def __init__(self, meter: str, kind: IntervalKind, judged: Collection[str] = ()) -> None:
        self._meter = meter
        self._judged = judged
        self._kind: IntervalKind = kind
        self._length_us = LENGTH_US[kind]
        self._open: _Open | None = None
        self._told_us = 0  # the start of the last one that was told: none is told twice

    def add(self, reading: Reading, seen_s: float) -> tuple[Interval, ...]:
        """Those that a reading ends, in order. seen_s: how much of its window was seen."""
        window_us = round(reading.window_s * 1e6)
        if not 0 < window_us <= self._length_us or reading.quality == "invalid":
            return self.flush(reading.time_us)
        told: list[Interval] = []
        if self._kind == "interval_10min":
            reading = _with_unbalance(reading)
        seen = min(1.0, seen_s * 1e6 / window_us)
        for start_us, part_us in self._parts(reading.time_us - window_us, reading.time_us):
            told += self._at(start_us)
            if self._open is not None:
                _count(self._open, reading, part_us * seen)
        return (*told, *self.flush(reading.time_us))

    def count(self, together: Counted) -> None:
        """Readings that lie within the open one. Nothing where that was told already."""
        if self._open is not None:
            _count_all(self._open, together)

    def flush(self, now_us: int) -> tuple[Interval, ...]:
        """The open one, if its end has passed."""
        if self._open is None or now_us < self._open.start_us + self._length_us:
            return ()
        return self._close()

    def _parts(self, from_us: int, to_us: int) -> Iterator[tuple[int, int]]:
        """Starts of the intervals that [from_us, to_us) lies in, each with how much of it does."""
        start_us = from_us // self._length_us * self._length_us
        while start_us < to_us:
            end_us = start_us + self._length_us
            yield start_us, min(end_us, to_us) - max(start_us, from_us)
            start_us = end_us

    def _at(self, start_us: int) -> tuple[Interval, ...]:
        """Goes to the interval that starts there. The wall clock may have been set back: into what was told already
        nothing is counted any more."""
        if self._open is not None and self._open.start_us == start_us:
            return ()
        told = self._close()
        if start_us < self._told_us - _WRONG_US:
            self._told_us = 0  # what was told lies in a future that was none
        self._open = _Open(start_us) if start_us > self._told_us else None
        return told

    def _close(self) -> tuple[Interval, ...]:
        done, self._open = self._open, None
        if done is None or not done.covered_us:
            return ()
        self._told_us = max(self._told_us, done.start_us)
        means = {key: sum_.mean(key in _SQUARED) for key, sum_ in done.sums.items()}
        read_us = (done.sums[key].weight_us for key in self._judged if key in done.sums)
        coverage = min(1.0, min(read_us, default=done.covered_us) / self._length_us)
        flagged = min(1.0, done.flagged_us / done.covered_us)
        return (Interval(self._kind, self._meter, done.start_us, coverage, flagged, means, done.low, done.high),)


def _with_unbalance(reading: Reading) -> Reading:
    """A line that is dead is not balanced: nothing is said of it."""
    lines = [reading.values.get(name, 0.0) for name in VOLTAGES_LL]
    if min(lines) <= 0:
        return reading
    return replace(reading, values={**reading.values, UNBALANCE: iec_u2(*lines)})


def _count(open_: _Open, reading: Reading, weight_us: float) -> None:
    if weight_us <= 0:
        return
    open_.covered_us += weight_us
    if reading.quality != "good" or reading.flags:
        open_.flagged_us += weight_us
    for key, value in reading.values.items():
        if key in _COUNTERS:
            continue
        sum_ = open_.sums.setdefault(key, _Sum())
        sum_.total += (value * value if key in _SQUARED else value) * weight_us
        sum_.weight_us += weight_us
        low, high = reading.min.get(key, value), reading.max.get(key, value)
        open_.low[key] = min(open_.low.get(key, low), low)
        open_.high[key] = max(open_.high.get(key, high), high)


def _count_all(open_: _Open, together: Counted) -> None:
    open_.covered_us += together.weight_us
    for key, total, low, high in together.columns:
        sum_ = open_.sums.setdefault(key, _Sum())
        sum_.total += total
        sum_.weight_us += together.weight_us
        open_.low[key] = min(open_.low.get(key, low), low)
        open_.high[key] = max(open_.high.get(key, high), high)
