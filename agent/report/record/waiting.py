"""Intervals that wait for the long record: as numbers that lie side by side, in the order in which they came. Pure.

With 200 meters those of ten minutes are 3 MB as objects, most of it the floats and dicts of each.
"""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent.records import HOUR_US, Interval, IntervalKind

_Names = tuple[str, ...]
_Shape = tuple[IntervalKind, _Names, _Names, _Names]  # names: of values, minima and maxima, each in its order


@dataclass(frozen=True, slots=True)
class _Run:
    """Intervals of one kind with the same names that came one after the other. numbers: of each its coverage, its
    flagged share, values, minima, maxima"""

    shape: _Shape
    starts_us: "array[int]" = field(default_factory=lambda: array("q"))
    numbers: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, one: Interval) -> None:
        self.starts_us.append(one.start_us)
        self.numbers.extend((one.coverage, one.flagged, *one.values.values(), *one.min.values(), *one.max.values()))

    def copy(self) -> "_Run":
        return _Run(self.shape, self.starts_us[:], self.numbers[:])

    def rows(self, meter: str) -> Iterator[Interval]:
        kind, *names = self.shape
        numbers = iter(self.numbers)
        for start_us in self.starts_us:
            coverage, flagged = next(numbers), next(numbers)
            values, low, high = ({name: next(numbers) for name in some} for some in names)
            yield Interval(kind, meter, start_us, coverage, flagged, values, low, high)


class Waiting:
    """By hour since 1970 and meter. What `rows` gives is equal to what `add` took."""

    def __init__(self) -> None:
        self._runs: dict[tuple[int, str], list[_Run]] = {}
        self._shapes: dict[_Shape, _Shape] = {}  # each once: most meters have the same names

    def add(self, one: Interval) -> None:
        runs = self._runs.setdefault((one.start_us // HOUR_US, one.meter), [])
        shape = (one.kind, tuple(one.values), tuple(one.min), tuple(one.max))
        if not runs or runs[-1].shape != shape:
            runs.append(_Run(self._shapes.setdefault(shape, shape)))
        runs[-1].add(one)

    def hours(self) -> "Mapping[tuple[int, str], Told]":
        return {key: Told(key[1], tuple(runs)) for key, runs in self._runs.items()}

    def put_before(self, earlier: "Waiting") -> None:
        """Those of another come before these. Copied: a write that was given up may still read them."""
        for key, runs in earlier._runs.items():
            self._runs[key] = [*(run.copy() for run in runs), *self._runs.get(key, ())]


@dataclass(frozen=True, slots=True)
class Told:
    """What waits of an hour of a meter."""

    meter: str = ""
    runs: tuple[_Run, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.runs)

    def rows(self) -> Iterator[Interval]:
        """In the order in which they were told."""
        for run in self.runs:
            yield from run.rows(self.meter)
