"""One meter's samples -> the readings that are published. Pure.

A reading covers the interval that ends at its time: mean, min and max of the watched quantities, and the
latest of everything else that was read in it. Intervals end on the grid of the wall clock (:00, :10, ...),
every second while a voltage is out of its band. The first reading does not wait for the grid: it follows the
first full set, so that whoever just started the agent sees values at once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from agent.records import Quality, Reading, Sample

_HURRY_US = 1_000_000
# Samples are put by and taken into the figures so many at a time: column by column that costs a fifth.
_AT_A_TIME = 16
# CONTRACTS, publish_every: readings come every second while a voltage is outside 0.93-1.07 Udin.
_CALM_LOW, _CALM_HIGH = 0.93, 1.07


@dataclass(slots=True)
class _Stats:
    """Running figures of one watched quantity."""

    low: float
    high: float
    total: float
    count: int

    def add(self, values: Sequence[float]) -> None:
        self.total += sum(values)
        self.count += len(values)
        low, high = min(values), max(values)
        if low < self.low:
            self.low = low
        if high > self.high:
            self.high = high


@dataclass(slots=True)
class Window:
    """The open interval of one meter. Times are UTC microseconds.

    voltages: the channels whose band decides on the pace, against `nominal_v`;
    watched: the quantities that get mean, min and max;
    columns: the same in the order of rows: the voltages as given, the rest by name;
    no_rest: the map has no others, so that each look is the full set;
    left_band: called when a voltage has left the band, once until all are back.
    """

    meter: str
    nominal_v: float
    voltages: tuple[str, ...]
    watched: Collection[str]
    every_us: int
    no_rest: bool = False
    left_band: Callable[[], object] = lambda: None
    columns: tuple[str, ...] = ()
    _band_v: tuple[float, float] = (0.0, 0.0)
    _start_us: int | None = None
    _end_us: int = 0
    _lost_from_us: int | None = None
    _lost_us: int = 0
    _since_us: int = 0  # a look before it was stamped by a wall clock that has stepped back
    _last_us: int = 0
    _primed: bool = False
    _outside: bool = False
    _questionable: bool = False
    _flags: set[str] = field(default_factory=set)
    _mark: str = ""
    _put_by: list[tuple[float, ...]] = field(default_factory=list)
    _stats: dict[str, _Stats] = field(default_factory=dict)
    _latest: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._band_v = (_CALM_LOW * self.nominal_v, _CALM_HIGH * self.nominal_v)
        judged = tuple(name for name in self.voltages if name in self.watched)
        self.columns = (*judged, *sorted(set(self.watched).difference(judged)))

    def add(self, sample: Sample, sent_us: int, at_us: int) -> Reading | None:
        """Take one sample that was asked at sent_us and arrived at at_us.

        Returns the reading of the interval that ended before it, or the first one of all.
        """
        ended = self.flush(at_us)
        if self._start_us is None:
            self._start_us = self._begin(sent_us, at_us)
        self._found_again(at_us)
        self._collect(sample)
        hurry = self._out_of_band(sample)
        self._note_band(sample, hurry)
        grid_us = min(_HURRY_US, self.every_us) if hurry else self.every_us
        tick_us = at_us // grid_us * grid_us + grid_us
        self._end_us = min(self._end_us, tick_us) if self._end_us > at_us else tick_us
        self._since_us = (self._end_us - 1) // self.every_us * self.every_us
        if not self._primed and (sample.full or self.no_rest) and (self._stats or self._put_by):
            self._primed = True
            return self._close(at_us)
        return ended

    def _take_in(self) -> None:
        rows, self._put_by = self._put_by, []
        for quantity, values in zip(self.columns, zip(*rows, strict=True), strict=False):  # no rows have no columns
            self._count(quantity, values)

    def _count(self, quantity: str, values: Sequence[float]) -> None:
        stats = self._stats.get(quantity)
        if stats is None:
            self._stats[quantity] = _Stats(min(values), max(values), sum(values), len(values))
        else:
            stats.add(values)

    def calm(self, volts: Sequence[float]) -> bool:
        """Whether voltages are within the band in which nothing is in a hurry."""
        low_v, high_v = self._band_v
        for value in volts:  # noqa: SIM110 - a generator costs three times as much, at every poll
            if not low_v <= value <= high_v:
                return False
        return True

    def put_by(self, sample: Sample, row: tuple[float, ...], at_us: int) -> bool:
        """What `add` comes to within an interval, for a good and complete look at calm voltages; of any other nothing
        is taken, and False. row: its values in the order of `columns`"""
        if not self._since_us <= at_us < self._end_us or self._start_us is None:
            return False
        if sample.lacking or len(sample.values) != len(self.columns):
            return False
        self._put_by.append(row)
        if len(self._put_by) == _AT_A_TIME:
            self._take_in()
        self._outside = False
        return True

    def _set_aside(self, values: Mapping[str, float]) -> None:
        self._put_by.append(tuple(map(values.__getitem__, self.columns)))
        if len(self._put_by) == _AT_A_TIME:
            self._take_in()

    def lost(self, from_us: int) -> None:
        """A look that was due then did not come: until the next one nothing is known."""
        if self._lost_from_us is None:
            self._lost_from_us = from_us
            self._since_us = self._end_us  # no look is put by before `add` has counted what was lost

    def _found_again(self, at_us: int) -> None:
        if self._lost_from_us is not None:
            self._lost_us += max(0, at_us - max(self._lost_from_us, self._start_us or at_us))
            self._lost_from_us = None

    def _seen_s(self, start_us: int, end_us: int) -> float:
        """How much of the interval that ends was seen. What is still lost goes on into the next one."""
        lost_us, self._lost_us = self._lost_us, 0
        if self._lost_from_us is not None:
            lost_us += max(0, end_us - max(self._lost_from_us, start_us))
            self._lost_from_us = max(self._lost_from_us, end_us)
        return max(0, end_us - start_us - lost_us) / 1e6

    def _share_of_all(self) -> float:
        """Of the looks at voltages those that saw each of them that was seen at all."""
        counts = [self._stats[name].count for name in self.voltages if name in self._stats]
        return min(counts) / max(counts) if counts else 1.0

    def flag(self, flag: str) -> None:
        """Mark the open interval."""
        self._flags.add(flag)

    def mark(self, flag: str) -> None:
        """Mark the open interval and all that follow; the open one keeps the mark of before, too. Empty: no more."""
        self._mark = flag
        self._flags |= self._marks()

    def _marks(self) -> set[str]:
        return {self._mark} if self._mark else set()

    def flush(self, now_us: int) -> Reading | None:
        """The reading of an interval whose end has passed, if anything was read in it."""
        if not self._primed or self._start_us is None or now_us < self._end_us:
            return None
        return self._close(self._end_us)

    def cut(self, now_us: int) -> Reading | None:
        """The reading of what was read so far; the next one goes on from here."""
        if not self._primed or self._start_us is None:
            return None
        return self._close(min(now_us, self._end_us))

    def moved(self, by_us: int) -> None:
        """The wall clock was set: what is open, and what was told last, lies elsewhere on it."""
        self._start_us = None if self._start_us is None else self._start_us + by_us
        self._lost_from_us = None if self._lost_from_us is None else self._lost_from_us + by_us
        self._end_us, self._since_us, self._last_us = (
            at_us + by_us for at_us in (self._end_us, self._since_us, self._last_us)
        )

    def _begin(self, sent_us: int, at_us: int) -> int:
        """Intervals follow each other without a hole; after a silence they begin anew on the grid."""
        return max(self._last_us, at_us // self.every_us * self.every_us) if self._primed else sent_us

    def _collect(self, sample: Sample) -> None:
        self._questionable = self._questionable or sample.quality != "good"
        if sample.lacking:
            self._flags.add("partial")
        elif len(sample.values) == len(self.watched) and all(map(self.watched.__contains__, sample.values)):
            self._set_aside(sample.values)
            return
        for quantity, value in sample.values.items():
            if quantity in self.watched:
                self._count(quantity, (value,))
            else:
                self._latest[quantity] = value

    def _out_of_band(self, sample: Sample) -> bool:
        volts = [sample.values[channel] for channel in self.voltages if channel in sample.values]
        return bool(volts) and not self.calm(volts)

    def _note_band(self, sample: Sample, outside: bool) -> None:
        left = outside and not self._outside
        if outside or not sample.values.keys().isdisjoint(self.voltages):
            self._outside = outside
        if left:
            self.left_band()

    def _close(self, end_us: int) -> Reading:
        means, low, high = self._figures()
        start_us, end_us = self._start_us or end_us, max(end_us, self._last_us + 1)
        quality: Quality = "questionable" if self._questionable else "good"
        reading = Reading(
            meter=self.meter,
            time_us=end_us,
            window_s=max(0, end_us - start_us) / 1e6,
            quality=quality,
            flags=tuple(sorted(self._flags)),
            values={**means, **self._latest} if self._latest else means,
            min=low,
            max=high,
            seen_s=self._seen_s(start_us, end_us) * self._share_of_all(),
        )
        self._start_us, self._last_us, self._questionable = None, end_us, False
        self._stats, self._latest, self._flags = {}, {}, self._marks()
        return reading

    def _figures(self) -> tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]]:
        """Mean, minimum and maximum of what is watched; one look is all three of them."""
        if not self._stats and len(self._put_by) == 1:
            row = dict(zip(self.columns, self._put_by.pop(), strict=True))
            return row, row, row
        self._take_in()
        all_ = self._stats.items()
        return (
            {quantity: stats.total / stats.count for quantity, stats in all_},
            {quantity: stats.low for quantity, stats in all_},
            {quantity: stats.high for quantity, stats in all_},
        )
