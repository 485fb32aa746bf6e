"""Numbers of a report, with what they are worth. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

# Below so much coverage a figure is shown in grey.
COVERED = 0.95


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """[from_us, to_us) of UTC."""

    from_us: int
    to_us: int

    @property
    def length_us(self) -> int:
        return max(0, self.to_us - self.from_us)

    def within(self, other: "Span") -> "Span":
        """What of it lies in another one; of length 0 where nothing does."""
        from_us = max(self.from_us, other.from_us)
        return Span(from_us, max(from_us, min(self.to_us, other.to_us)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what the true number lies, both ends included."""

    low: float
    high: float

    def __add__(self, other: "Bounds | float") -> "Bounds":
        low, high = (other.low, other.high) if isinstance(other, Bounds) else (other, other)
        return Bounds(self.low + low, self.high + high)

    __radd__ = __add__

    def __sub__(self, other: "Bounds | float") -> "Bounds":
        low, high = (other.low, other.high) if isinstance(other, Bounds) else (other, other)
        return Bounds(self.low - high, self.high - low)

    def scaled(self, factor: float) -> "Bounds":
        ends = self.low * factor, self.high * factor
        return Bounds(min(ends), max(ends))

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


NOTHING = Bounds(0.0, 0.0)
Verdict = Literal["kept", "violated", "undecided"]


def judged(bounds: Bounds, limit: float) -> Verdict:
    """`violated` where all of it is above the limit, `kept` where none is."""
    if bounds.low > limit:
        return "violated"
    return "kept" if bounds.high <= limit else "undecided"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a report. value: None where there is none to be had, and `why` says why; coverage: 0..1 of the time
    that it should rest on."""

    value: Bounds | float | None
    coverage: float
    unit: str
    why: str = ""

    @property
    def is_covered(self) -> bool:
        return self.value is not None and self.coverage >= COVERED


@dataclass(frozen=True, slots=True)
class RecordRead:
    """What of the long record a report was made of. since_us: when the record begins, None where that is not known;
    damaged_hours: hours of a meter that did not read; error: why nothing did"""

    since_us: int | None = None
    damaged_hours: int = 0
    error: str = ""


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """In order, those that touch or overlap made one; empty ones are gone."""
    found: list[Span] = []
    for span in sorted(span for span in spans if span.length_us):
        if found and span.from_us <= found[-1].to_us:
            found[-1] = Span(found[-1].from_us, max(found[-1].to_us, span.to_us))
        else:
            found.append(span)
    return tuple(found)


def total_us(spans: Iterable[Span]) -> int:
    """How long they are together, what several of them cover counted once."""
    return sum(span.length_us for span in merged(spans))


def common(some: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """What lies in both."""
    right = merged(others)
    return merged(span.within(other) for span in merged(some) for other in right)


def without(some: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """What lies in the first and not in the others."""
    right = merged(others)
    return tuple(piece for span in merged(some) for piece in _cut(span, right))


def _cut(span: Span, holes: tuple[Span, ...]) -> Iterator[Span]:
    at_us = span.from_us
    for hole in holes:
        if hole.to_us <= at_us or hole.from_us >= span.to_us:
            continue
        if hole.from_us > at_us:
            yield Span(at_us, hole.from_us)
        at_us = hole.to_us
    if at_us < span.to_us:
        yield Span(at_us, span.to_us)
