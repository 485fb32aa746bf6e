"""Intervals of one meter and one kind as columns: reports count them by the million. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, groupby
from math import isnan, nan

from agent.records import Interval, IntervalKind
from agent.report.figures import Span

Numbers = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Columns:
    """As in `Interval`, in order of time, one number for each in every column: nan where an interval has none."""

    kind: IntervalKind
    meter: str
    start_us: Sequence[int]
    coverage: Sequence[float]
    flagged: Sequence[float]
    values: Numbers
    min: Numbers
    max: Numbers

    def within(self, span: Span) -> "Columns":
        """Those that begin in it."""
        if not self.start_us or (span.from_us <= self.start_us[0] and self.start_us[-1] < span.to_us):
            return self
        first, after = bisect_left(self.start_us, span.from_us), bisect_left(self.start_us, span.to_us)
        return self.picked([first <= n < after for n in range(len(self.start_us))])

    def picked(self, wanted: Sequence[bool]) -> "Columns":
        """Those that are wanted: one word for each."""

        def some(numbers: Numbers) -> Numbers:
            return {key: list(compress(column, wanted)) for key, column in numbers.items()}

        return Columns(
            self.kind, self.meter, list(compress(self.start_us, wanted)), list(compress(self.coverage, wanted)),
            list(compress(self.flagged, wanted)), some(self.values), some(self.min), some(self.max),
        )  # fmt: skip

    def rows(self) -> Iterator[Interval]:
        """One by one."""
        numbers = zip(*(_rows(one, self) for one in (self.values, self.min, self.max)), strict=True)
        for start_us, coverage, flagged, (values, low, high) in zip(
            self.start_us, self.coverage, self.flagged, numbers, strict=True
        ):
            yield Interval(self.kind, self.meter, start_us, coverage, flagged, values, low, high)

    def only(self, names: Iterable[str]) -> "Columns":
        """With these values and no others, and without extremes."""
        known = {name: self.values[name] for name in names if name in self.values}
        return Columns(self.kind, self.meter, self.start_us, self.coverage, self.flagged, known, {}, {})


def _rows(numbers: Numbers, columns: Columns) -> Iterator[dict[str, float]]:
    known = dict(numbers)
    if not known:
        return ({} for _ in columns.start_us)
    rows = zip(*known.values(), strict=True)
    if not any(isnan(sum(column)) for column in known.values()):
        return (dict(zip(known, row, strict=True)) for row in rows)
    return ({key: value for key, value in zip(known, row, strict=True) if not isnan(value)} for row in rows)


def columns_of(intervals: Iterable[Interval]) -> Iterator[Columns]:
    """Intervals one by one, as they come -> columns of those of one kind that follow each other."""
    for (kind, meter), some in groupby(intervals, lambda one: (one.kind, one.meter)):
        rows = list(some)
        yield Columns(
            kind, meter, [one.start_us for one in rows], [one.coverage for one in rows], [one.flagged for one in rows],
            _columns([one.values for one in rows]), _columns([one.min for one in rows]),
            _columns([one.max for one in rows]),
        )  # fmt: skip


def _columns(rows: Sequence[Mapping[str, float]]) -> Numbers:
    names = dict.fromkeys(key for row in rows for key in row)
    return {key: [row.get(key, nan) for row in rows] for key in names}
