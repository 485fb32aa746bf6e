"""Minutes of voltage -> how long it was within limits. Pure.

In the style of GB/T 12325 and the terminals that record it: 1-min means; a minute is too high or too low if any judged
phase is; the two are kept apart.

    monitored   minutes that were seen, less those of an outage; a minute seen in part counts for that part. One in
                which a judged phase was not read is monitored only if another is beyond the limits: it is bad
    unknown     what was not seen: in no rate, but between the bounds of what the rate may have been
    outage      minutes that touch one: voltage quality is not asked where there is no voltage

    rate    = 1 - (high + low) / monitored
    bounds  = 1 - (high + low + unknown) / (monitored + unknown)  ..  1 - (high + low) / (monitored + unknown)
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from math import isnan
from operator import not_

from agent.records import MINUTE_US
from agent.report.figures import Bounds, Figure, Span, merged
from agent.report.record.columns import Columns, Numbers

# Minutes by voltage, in steps of this part of the nominal one.
BIN = 0.0025


@dataclass(frozen=True, slots=True)
class Limits:
    """Volts; what lies on a limit is within it."""

    low_v: float
    high_v: float


@dataclass(slots=True)
class Beyond:
    """Minutes beyond one pair of limits: of any phase, and of each. extra_min: minutes that lack a phase and are known
    to be bad by this pair and not by the first, less those the other way round; nothing of the first"""

    high_min: float = 0.0
    low_min: float = 0.0
    by_channel: dict[str, tuple[float, float]] = field(default_factory=dict)
    extra_min: float = 0.0

    def __add__(self, other: "Beyond") -> "Beyond":
        channels = {**dict.fromkeys(self.by_channel), **dict.fromkeys(other.by_channel)}
        both = {key: _added(self.by_channel.get(key), other.by_channel.get(key)) for key in channels}
        return Beyond(
            self.high_min + other.high_min, self.low_min + other.low_min, both, self.extra_min + other.extra_min
        )  # fmt: skip


def _added(one: tuple[float, float] | None, other: tuple[float, float] | None) -> tuple[float, float]:
    (high, low), (more_high, more_low) = one or (0.0, 0.0), other or (0.0, 0.0)
    return high + more_high, low + more_low


def _both(some: Mapping[int, float], others: Mapping[int, float]) -> dict[int, float]:
    return {key: some.get(key, 0.0) + others.get(key, 0.0) for key in (*some, *others)}


@dataclass(frozen=True, slots=True)
class Quality:
    """One meter's minutes of a period, or those of several together.

    monitored_min, unknown_min: by the first pair of limits
    beyond:     one for each pair of limits that was asked for
    low_by_day: minutes below the first pair's low limit, by local day (days since 1970); low_by_hour: by local hour
    histogram:  minutes of all judged channels by `BIN` of the nominal voltage
    """

    monitored_min: float = 0.0
    unknown_min: float = 0.0
    outage_min: float = 0.0
    beyond: tuple[Beyond, ...] = ()
    low_by_day: Mapping[int, float] = field(default_factory=dict)
    low_by_hour: Mapping[int, float] = field(default_factory=dict)
    histogram: Mapping[int, float] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        asked_min = self.monitored_min + self.unknown_min
        return self.monitored_min / asked_min if asked_min else 0.0

    def rate(self, pair: int = 0) -> Figure:
        """Share of the monitored time within a pair of limits, in %."""
        seen_min = self.seen_min(pair)
        if not seen_min:
            return Figure(None, 0.0, "%", "nothing was measured")
        return Figure(self.good_pct(pair), seen_min / (self.monitored_min + self.unknown_min), "%")

    def seen_min(self, pair: int = 0) -> float:
        """What is monitored by a pair of limits."""
        return self.monitored_min + (self.beyond[pair].extra_min if pair else 0.0)

    def good_pct(self, pair: int = 0) -> float:
        """The same, of what was monitored: to be asked where something was."""
        beyond = self.beyond[pair]
        return 100 * (1 - (beyond.high_min + beyond.low_min) / self.seen_min(pair))

    def rate_bounds(self, pair: int = 0) -> Bounds:
        """What it may have been in all of the time, in %: had all that was not seen been bad, or good."""
        asked_min = self.monitored_min + self.unknown_min
        if not asked_min:
            return Bounds(0.0, 100.0)
        beyond = self.beyond[pair]
        good = 1 - (beyond.high_min + beyond.low_min) / asked_min
        unknown_min = asked_min - self.seen_min(pair)
        return Bounds(max(0.0, 100 * (good - unknown_min / asked_min)), 100 * good)

    def __add__(self, other: "Quality") -> "Quality":
        """Both together, as the minutes of a feeder, by the pairs of limits that both have."""
        if not self.beyond or not other.beyond:
            return self if self.beyond else other
        return Quality(
            self.monitored_min + other.monitored_min,
            self.unknown_min + other.unknown_min,
            self.outage_min + other.outage_min,
            tuple(one + two for one, two in zip(self.beyond, other.beyond, strict=False)),
            _both(self.low_by_day, other.low_by_day),
            _both(self.low_by_hour, other.low_by_hour),
            _both(self.histogram, other.histogram),
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """How voltages are judged. channels: quantity ids; limits: the first pair decides on low-voltage minutes, a second
    one is for assessment"""

    channels: Sequence[str]
    nominal_v: float
    limits: Sequence[Limits]


LocalHour = tuple[int, int]  # days since 1970, hour of the day
OffsetOf = Callable[[int], int]  # UTC microseconds -> local time less UTC, in microseconds


def quality(
    minutes: Iterable[Columns], period: Span, judged: Judged, outages: Iterable[Span], local: "LocalClock"
) -> Quality:
    """One meter's. minutes: its `interval_1min`, in order; outages: as long as they may have been."""
    count = _Count(judged, local)
    outages = merged(outages)
    without_supply = _Within(outages)
    for columns in minutes:
        count.add(without_supply.spared(columns.within(period)))
    outage_min = _minutes_touched(outages, period)
    all_min = period.length_us / MINUTE_US
    return count.total(all_min - outage_min, outage_min)


class _Within:
    """Whether instants that only grow lie in spans that are in order."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans: Iterator[Span] = iter(spans)
        self._next: Span | None = next(self._spans, None)

    def spared(self, minutes: Columns) -> Columns:
        """Those of them that touch none of the spans."""
        if not minutes.start_us or not self.touches(minutes.start_us[0], minutes.start_us[-1] + MINUTE_US):
            return minutes
        return minutes.picked([not self.touches(at_us, at_us + MINUTE_US) for at_us in minutes.start_us])

    def touches(self, from_us: int, to_us: int) -> bool:
        while self._next is not None and self._next.to_us <= from_us:
            self._next = next(self._spans, None)
        return self._next is not None and self._next.from_us < to_us


def _minutes_touched(spans: Sequence[Span], period: Span) -> float:
    """Whole minutes of the period that the spans touch."""
    grown = merged(
        Span(span.from_us // MINUTE_US * MINUTE_US, -(-span.to_us // MINUTE_US) * MINUTE_US).within(period)
        for span in spans
    )
    return sum(span.length_us for span in grown) / MINUTE_US


class LocalClock:
    """Local day and hour of instants: asked for each minute of a month, so what holds for an hour is remembered.

    offset_us: local time less UTC at an instant
    """

    def __init__(self, offset_us: OffsetOf) -> None:
        self._offset_us = offset_us
        self._hour: int | None = None
        self._known: LocalHour = (0, 0)

    def at(self, at_us: int) -> LocalHour:
        # Half an hour: there are zones that are off by one, and none changes within it.
        hour = at_us // 1_800_000_000
        if hour != self._hour:
            self._hour = hour
            day, rest_us = divmod(at_us + self._offset_us(at_us), 86_400_000_000)
            self._known = day, rest_us // 3_600_000_000
        return self._known


class _Count:
    """The minutes of one meter: 43 200 of them in a month, so a column at a time, and one by one only what is beyond
    the limits or was seen in part."""

    def __init__(self, judged: Judged, local: LocalClock) -> None:
        self._channels = tuple(judged.channels)
        self._limits = [(limits.low_v, limits.high_v, Beyond()) for limits in judged.limits]
        self._strictest = max(one.low_v for one in judged.limits), min(one.high_v for one in judged.limits)
        self._per_bin_v = BIN * judged.nominal_v
        self._local = local
        self._seen_min = 0.0
        self._by_day: defaultdict[int, float] = defaultdict(float)
        self._by_hour: defaultdict[int, float] = defaultdict(float)
        self._histogram: defaultdict[int, float] = defaultdict(float)
        self._whole: Counter[float] = Counter()  # how often a voltage was the mean of a minute that was wholly seen

    def add(self, minutes: Columns) -> None:
        volts = {key: minutes.values[key] for key in self._channels if key in minutes.values}
        if not volts or not minutes.start_us:
            return
        if len(volts) < len(self._channels) or any(isnan(sum(column)) for column in volts.values()):
            self._add_with_gaps(minutes, volts)
            return
        self._seen_min += sum(minutes.coverage)
        self._count(volts.values(), minutes.coverage)
        for n in sorted(self._places_beyond(volts.values())):
            together = {key: column[n] for key, column in volts.items()}
            self._beyond(minutes.start_us[n], together, minutes.coverage[n])

    def _places_beyond(self, columns: Iterable[Sequence[float]]) -> set[int]:
        low_v, high_v = self._strictest
        found: set[int] = set()
        for column in columns:
            if min(column) < low_v or max(column) > high_v:  # in most it is neither
                found.update(n for n, value in enumerate(column) if not low_v <= value <= high_v)
        return found

    def _add_with_gaps(self, minutes: Columns, volts: Numbers) -> None:
        """Minutes in which some channels were not read."""
        for n, (at_us, part) in enumerate(zip(minutes.start_us, minutes.coverage, strict=True)):
            known = {key: column[n] for key, column in volts.items() if not isnan(column[n])}
            if not known:
                continue
            if len(known) == len(self._channels):
                self._seen_min += part
            else:
                self._see_what_is_bad(known, part)
            self._count([[value] for value in known.values()], [part])
            self._beyond(at_us, known, part)

    def _see_what_is_bad(self, known: Mapping[str, float], part: float) -> None:
        """Whether a minute is good nobody knows while a phase of it was not read."""
        lowest, highest = min(known.values()), max(known.values())
        bad = [lowest < low_v or highest > high_v for low_v, high_v, _ in self._limits]
        self._seen_min += part * bad[0]
        for is_bad, (_, _, beyond) in zip(bad, self._limits, strict=True):
            beyond.extra_min += part * (is_bad - bad[0])

    def _count(self, columns: Iterable[Sequence[float]], parts: Sequence[float]) -> None:
        if min(parts) == 1.0:
            for column in columns:
                self._whole.update(column)
            return
        whole = [part == 1.0 for part in parts]
        in_part = list(map(not_, whole))
        rest = list(compress(parts, in_part))
        for column in columns:
            self._whole.update(compress(column, whole))
            for value, part in zip(compress(column, in_part), rest, strict=True):
                self._histogram[int(value / self._per_bin_v)] += part

    def _beyond(self, at_us: int, volts: Mapping[str, float], part: float) -> None:
        lowest, highest = min(volts.values()), max(volts.values())
        for number, (low_v, high_v, beyond) in enumerate(self._limits):
            if lowest >= low_v and highest <= high_v:
                continue
            # A lost neutral has phases on both sides: the minute is bad once, and low, which people feel.
            if lowest < low_v:
                beyond.low_min += part
            else:
                beyond.high_min += part
            _count_channels(beyond, volts, (low_v, high_v), part)
            if number == 0 and lowest < low_v:
                day, hour = self._local.at(at_us)
                self._by_day[day] += part
                self._by_hour[hour] += part

    def total(self, asked_min: float, outage_min: float) -> Quality:
        unknown_min = max(0.0, asked_min - self._seen_min)
        beyond = tuple(beyond for _, _, beyond in self._limits)
        for value, count in self._whole.items():
            self._histogram[int(value / self._per_bin_v)] += count
        return Quality(
            self._seen_min, unknown_min, outage_min, beyond, self._by_day, self._by_hour, self._histogram
        )  # fmt: skip


def _count_channels(beyond: Beyond, volts: Mapping[str, float], within: tuple[float, float], part: float) -> None:
    low_v, high_v = within
    for key, value in volts.items():
        if not low_v <= value <= high_v:
            more = (part, 0.0) if value > high_v else (0.0, part)
            beyond.by_channel[key] = _added(beyond.by_channel.get(key), more)
