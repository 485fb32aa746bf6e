"""Ten minutes of one meter against limits that hold for a part of the time. Pure.

    apart     ten minutes that an event of the voltage touches: kept, and judged nowhere (IEC 61000-4-30 flags them)
    asked     all others of a week, or of the period
    beyond    the part of them that lay beyond the limits; what was not seen may have been either, and so may an
              interval that lacks a channel, unless another of it is beyond
    95 %      so much was not exceeded in 95 % of what was seen, each weighed by how much of it was seen

Of several channels an interval has the lowest and the highest. Weeks are counted from the beginning of the period, by
local time; what is left at its end makes no week.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from math import inf, isnan, nan

from agent.detect.unbalance import iec_u2
from agent.report.figures import Bounds, Span, Verdict, judged, merged, without
from agent.report.record.columns import Columns
from agent.report.record.intervals import UNBALANCE
from drivers.quantities import VOLTAGES_LL

_TEN_US = 600_000_000
_WEEK_US = 7 * 86_400_000_000
_ROUNDING = 1e-9
NO_WEEK = "the rule is weekly, and the period holds no whole week"
NOT_MEASURED = "nothing was measured"
NO_LINES = "no line-line voltages were read: phase voltages alone cannot give it"
NO_THD = "the meters tell none"
THD = ("voltage_thd_l1", "voltage_thd_l2", "voltage_thd_l3")


@dataclass(frozen=True, slots=True)
class Rule:
    """`share` of the time (0..1) within low..high, both included; weekly: of each week; source: who says so"""

    share: float
    high: float
    source: str
    low: float = -inf
    weekly: bool = False


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule, and how it was kept. beyond: of the time asked (0..1), in the worst week or in the period; spans: how
    many weeks that were (1: the period); verdict: None where there is none, and `why` says why"""

    rule: Rule
    verdict: Verdict | None
    beyond: Bounds | None = None
    spans: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """One quantity of one meter. lowest, highest, p95: None where nothing was measured, and `why` says why; highest_us:
    when it began; coverage: 0..1 of what is not apart: with all channels, or beyond every rule without them"""

    lowest: float | None
    highest: float | None
    p95: float | None
    highest_us: int | None
    coverage: float
    apart_min: float
    ruled: Sequence[Ruled]
    why: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """Of all rules together."""
        found = [one.verdict for one in self.ruled if one.verdict is not None]
        return _together(found) if found else None


@dataclass(slots=True)
class Series:
    """Ten minutes in order of time: how much of each was seen, its lowest and its highest channel. lacking: starts of
    those of which a channel was not read"""

    starts_us: list[int] = field(default_factory=list)
    parts: list[float] = field(default_factory=list)
    lows: list[float] = field(default_factory=list)
    highs: list[float] = field(default_factory=list)
    lacking: set[int] = field(default_factory=set)

    def between(self, first: int, after: int) -> "Series":
        """Those of these places."""
        starts_us, parts = self.starts_us[first:after], self.parts[first:after]
        return Series(starts_us, parts, self.lows[first:after], self.highs[first:after], self.lacking)


def of_channels(tens: Iterable[Columns], names: Sequence[str]) -> Series:
    """Of those of the named values that an interval has: it lacks the others."""
    found = Series()
    for run in _runs(tens, lambda columns: tuple(name for name in names if name in columns.values)):
        if len(run.values) < len(names):
            found.lacking.update(run.start_us)
        _extend(found, run, list(run.values.values()))
    return found


def of_thd(tens: Sequence[Columns]) -> Series:
    """Of the phases that the meter tells it of: none of the others is known to be one."""
    return of_channels(tens, [name for name in THD if any(name in columns.values for columns in tens)])


def of_unbalance(tens: Iterable[Columns]) -> Series:
    """u2 in %: as it was made of readings; of a record that is older than that, of the line-line means."""
    found = Series()
    for run in _runs(tens, _unbalance_names):
        known = list(run.values.values())
        _extend(found, run, known if UNBALANCE in run.values else [list(map(_u2, *known))])
    return found


def _unbalance_names(columns: Columns) -> tuple[str, ...]:
    if UNBALANCE in columns.values:
        return (UNBALANCE,)
    return VOLTAGES_LL if all(name in columns.values for name in VOLTAGES_LL) else ()


def _u2(u12: float, u23: float, u31: float) -> float:
    return nan if isnan(u12 + u23 + u31) else iec_u2(u12, u23, u31)


def _runs(tens: Iterable[Columns], names_of: Callable[[Columns], tuple[str, ...]]) -> Iterator[Columns]:
    """Those that follow each other and have the same of the wanted values, as one: a month comes by the hour."""
    for names, some in groupby(tens, names_of):
        if names:
            run = list(some)
            yield Columns(
                run[0].kind, run[0].meter, list(chain.from_iterable(one.start_us for one in run)),
                list(chain.from_iterable(one.coverage for one in run)), (),
                {name: list(chain.from_iterable(one.values[name] for one in run)) for name in names}, {}, {},
            )  # fmt: skip


def _extend(found: Series, run: Columns, known: Sequence[Sequence[float]]) -> None:
    if any(isnan(sum(column)) for column in known):
        _extend_with_gaps(found, run, known)
        return
    found.starts_us += run.start_us
    found.parts += run.coverage
    found.lows += known[0] if len(known) == 1 else map(min, *known)
    found.highs += known[0] if len(known) == 1 else map(max, *known)


def _extend_with_gaps(found: Series, run: Columns, known: Sequence[Sequence[float]]) -> None:
    for n, row in enumerate(zip(*known, strict=True)):
        there = [value for value in row if not isnan(value)]
        if there:
            if len(there) < len(row):
                found.lacking.add(run.start_us[n])
            found.starts_us.append(run.start_us[n])
            found.parts.append(run.coverage[n])
            found.lows.append(min(there))
            found.highs.append(max(there))


@dataclass(frozen=True, slots=True)
class Time:
    """What is judged: the period, its whole weeks, and what lies apart, grown to whole ten minutes."""

    period: Span
    weeks: Sequence[Span]
    apart: Sequence[Span]

    def asked_us(self, span: Span) -> int:
        return span.length_us - sum(one.within(span).length_us for one in self.apart)


def time_of(period: Span, events: Iterable[Span], offset_of: Callable[[int], int]) -> Time:
    """events: as long as they may have been; offset_of: local time less UTC at an instant."""
    grown = (Span(one.from_us // _TEN_US * _TEN_US, -(-one.to_us // _TEN_US) * _TEN_US) for one in events)
    return Time(period, list(_weeks(period, offset_of)), merged(one.within(period) for one in grown))


def _weeks(period: Span, offset_of: Callable[[int], int]) -> Iterator[Span]:
    begin_us = period.from_us
    while True:
        end_us = begin_us + _WEEK_US
        end_us += offset_of(begin_us) - offset_of(end_us)
        if end_us > period.to_us:
            return
        yield Span(begin_us, end_us)
        begin_us = end_us


def level(all_: Series, time: Time, rules: Sequence[Rule], why_none: str) -> Level:
    """why_none: what an empty series means."""
    seen = _judged_part(all_, time)
    asked_us = time.asked_us(time.period)
    apart_min = (time.period.length_us - asked_us) / 60_000_000
    if not all_.starts_us:
        return Level(None, None, None, None, 0.0, apart_min, (), why_none)
    if not seen.starts_us:
        return Level(None, None, None, None, 0.0, apart_min, (), NOT_MEASURED)
    highest = max(seen.highs)
    return Level(
        min(seen.lows), highest, _p95(seen), seen.starts_us[seen.highs.index(highest)],
        min(1.0, (sum(seen.parts) - _undecided(seen, rules)) * _TEN_US / asked_us) if asked_us else 0.0, apart_min,
        [_ruled(rule, seen, time) for rule in rules],
    )  # fmt: skip


def _judged_part(all_: Series, time: Time) -> Series:
    """What lies in the period, and not apart."""
    kept = without((time.period,), time.apart)
    ends = [(bisect_left(all_.starts_us, one.from_us), bisect_left(all_.starts_us, one.to_us)) for one in kept]
    found = Series(lacking=all_.lacking)
    for first, after in ends:
        found.starts_us += all_.starts_us[first:after]
        found.parts += all_.parts[first:after]
        found.lows += all_.lows[first:after]
        found.highs += all_.highs[first:after]
    return found


def _undecided(seen: Series, rules: Sequence[Rule]) -> float:
    """Intervals that lack a channel, and are not known to be beyond each of these rules."""
    if not seen.lacking:
        return 0.0
    rows = zip(seen.starts_us, seen.parts, seen.lows, seen.highs, strict=True)
    return sum(
        part for at_us, part, low, high in rows
        if at_us in seen.lacking and not (rules and all(low < one.low or high > one.high for one in rules))
    )  # fmt: skip


def _p95(seen: Series) -> float:
    left = 0.95 * sum(seen.parts) - _ROUNDING
    for n in sorted(range(len(seen.highs)), key=seen.highs.__getitem__):
        left -= seen.parts[n]
        if left <= 0:
            return seen.highs[n]
    return max(seen.highs)


def _ruled(rule: Rule, seen: Series, time: Time) -> Ruled:
    if rule.weekly and not time.weeks:
        return Ruled(rule, None, why=NO_WEEK)
    found = [_beyond(rule, seen, span, time) for span in (time.weeks if rule.weekly else (time.period,))]
    verdicts = [judged(one, 1 - rule.share + _ROUNDING) for one in found]
    return Ruled(rule, _together(verdicts), max(found, key=lambda one: (one.low, one.high)), len(found))


def _together(verdicts: Sequence[Verdict]) -> Verdict:
    return next((one for one in ("violated", "undecided") if one in verdicts), "kept")


def _beyond(rule: Rule, seen: Series, span: Span, time: Time) -> Bounds:
    """The part of what was asked that lay beyond the rule; of what was not seen none, or all. Nothing was asked where
    all of it is apart: nothing was beyond."""
    first, after = bisect_left(seen.starts_us, span.from_us), bisect_left(seen.starts_us, span.to_us)
    asked = time.asked_us(span) / _TEN_US
    if not asked:
        return Bounds(0.0, 0.0)
    own = seen.between(first, after)
    parts, lows, highs = own.parts, own.lows, own.highs
    beyond = 0.0
    if lows and (min(lows) < rule.low or max(highs) > rule.high):
        beyond = sum(p for p, low, high in zip(parts, lows, highs, strict=True) if low < rule.low or high > rule.high)
    known = sum(parts) - _undecided(own, (rule,))
    unknown = max(0.0, asked - known)
    return Bounds(beyond / asked, min(1.0, (beyond + unknown) / asked))
