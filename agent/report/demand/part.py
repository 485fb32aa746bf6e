"""Limits of demand in a report: each window of the period, what was curtailed, what made up for it. Pure.

A window belongs to the period in which it begins. Blocks before the period are its baseline; what begins in it and ends
after it, and the hour that follows, is read beyond its end.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.records import DAY_US
from agent.report.demand.compliance import BASELINE_DAYS, Block, Compliance, Past, blocks, compliance
from agent.report.demand.outlook import NO_BLOCK, Outlook, outlook
from agent.report.demand.windows import AFTER_US, held_on, local_day, slots, utc_us, windows_of
from agent.report.figures import NOTHING, Bounds, Figure, Span, Verdict
from agent.report.record.columns import Columns
from agent.report.record.demand_blocks import OpenBlock
from agent.report.voltage.quality import OffsetOf
from agent.sitefile.days import Workdays
from agent.sitefile.demand import DemandLimit, DemandSite

NO_WINDOW = "no window of it begins in the period"
NOTHING_MEASURED = "no demand of the meter is known in its windows"


def _none(meter: str, span: Span) -> Iterable[Columns]:
    return ()


@dataclass(frozen=True, slots=True)
class DemandKnown:
    """quarters: `demand_15min` of a meter, beyond the period too; open_blocks: that go on now, by meter, None where
    the period is over; why: there is none"""

    site: DemandSite = field(default_factory=DemandSite)
    quarters: Callable[[str, Span], Iterable[Columns]] = _none
    open_blocks: Mapping[str, OpenBlock] | None = None
    why: str = NO_BLOCK


@dataclass(frozen=True, slots=True)
class WorstDay:
    """The local day of the highest block in a window. windows: those that lie in it"""

    span: Span
    blocks: Sequence[Block]
    windows: Sequence[Span]


@dataclass(frozen=True, slots=True)
class DemandPart:
    """One limit in the period. times, days, dates: when it holds, as the site file says it; allowed_wh: what all its
    windows allow; ahead: of the block that goes on, None where the period is over; why: there are no figures"""

    name: str
    meter: str
    limit_w: float
    ordered: bool
    times: str
    days: str
    dates: str
    windows: Sequence[Compliance]
    verdict: Verdict
    coverage: float
    allowed_wh: float
    used_wh: Bounds
    curtailed_wh: Figure
    rebound_w: Figure
    day: WorstDay | None
    ahead: Outlook | None
    why: str = ""

    def count(self, verdict: Verdict) -> int:
        return sum(one.verdict == verdict for one in self.windows)

    @property
    def worst(self) -> Compliance | None:
        """The window with the highest block that is known."""
        known = [(one.worst.value_w, n) for n, one in enumerate(self.windows) if one.worst is not None]
        return self.windows[max(known)[1]] if known else None


@dataclass(frozen=True, slots=True)
class _Asked:
    period: Span
    made_us: int
    offset_of: OffsetOf


def demand_parts(
    known: DemandKnown, seen: Mapping[str, Sequence[Block]], period: Span, made_us: int, offset_of: OffsetOf
) -> tuple[DemandPart, ...]:
    """seen: the period's blocks by meter."""
    found = {meter: _around(known, meter, seen.get(meter, ()), period) for meter in known.site.meters}
    asked = _Asked(period, made_us, offset_of)
    return tuple(_part(limit, known, found[limit.meter], asked) for limit in known.site.limits)


def _around(known: DemandKnown, meter: str, seen: Iterable[Block], period: Span) -> list[Block]:
    # A day more: local days are not always 24 hours long.
    before = Span(period.from_us - (BASELINE_DAYS + 1) * DAY_US, period.from_us)
    after = Span(period.to_us, period.to_us + DAY_US + AFTER_US)
    return [*blocks(known.quarters(meter, before)), *seen, *blocks(known.quarters(meter, after))]


def _part(limit: DemandLimit, known: DemandKnown, found: Sequence[Block], asked: _Asked) -> DemandPart:
    workdays, offset_of = known.site.workdays, asked.offset_of
    wide = Span(asked.period.from_us - (BASELINE_DAYS + 1) * DAY_US, asked.period.to_us)
    past = Past(found, slots(offset_of), workdays.__contains__, held_on(limit, workdays, wide, offset_of))
    windows = [compliance(past, window) for window in windows_of(limit, workdays, asked.period, offset_of)]
    ahead = None
    if known.open_blocks is not None:
        block = known.open_blocks.get(limit.meter)
        ahead = outlook(limit, workdays, block, asked.made_us, offset_of, known.why)
    worst = max((one.worst for one in windows if one.worst), key=lambda block: block.value_w, default=None)
    return DemandPart(
        limit.name, limit.meter, limit.limit_w, limit.ordered, limit.times, str(limit.days), limit.dates, windows,
        _together([one.verdict for one in windows]), _covered(windows, asked.made_us),
        sum(limit.limit_w * one.window.span.length_us / AFTER_US for one in windows),
        sum((one.used_wh for one in windows), NOTHING), _total("Wh", [one.curtailed_wh for one in windows]),
        _mean("W", [one.rebound_w for one in windows]), _day(limit, workdays, past, worst, offset_of), ahead,
        NO_WINDOW if not windows else NOTHING_MEASURED if worst is None else "",
    )  # fmt: skip


def _together(verdicts: Sequence[Verdict]) -> Verdict:
    if "violated" in verdicts:
        return "violated"
    return "kept" if verdicts and set(verdicts) == {"kept"} else "undecided"


def _covered(windows: Sequence[Compliance], made_us: int) -> float:
    """Of windows that are over, where there are any."""
    over = [one for one in windows if one.window.span.to_us <= made_us] or windows
    return sum(one.coverage * one.of for one in over) / sum(one.of for one in over) if over else 0.0


def _total(unit: str, figures: Sequence[Figure]) -> Figure:
    """Of those windows that have a figure: its coverage says how many lack one."""
    known = [(one.value, one.coverage) for one in figures if isinstance(one.value, float)]
    if not known:
        whys = Counter(one.why for one in figures)
        return Figure(None, 0.0, unit, whys.most_common(1)[0][0] if whys else NO_WINDOW)
    return Figure(sum(value for value, _ in known), sum(share for _, share in known) / len(figures), unit)


def _mean(unit: str, figures: Sequence[Figure]) -> Figure:
    total, count = _total(unit, figures), sum(one.value is not None for one in figures)
    return replace(total, value=total.value / count) if isinstance(total.value, float) else total


def _day(
    limit: DemandLimit, workdays: Workdays, past: Past, worst: Block | None, offset_of: OffsetOf
) -> WorstDay | None:
    if worst is None:
        return None
    day = local_day(worst.start_us, offset_of)
    span = Span(utc_us(day * DAY_US, offset_of), utc_us((day + 1) * DAY_US, offset_of))
    begun = windows_of(limit, workdays, Span(span.from_us - DAY_US, span.to_us), offset_of)
    held = (window.span.within(span) for window in begun)
    return WorstDay(span, past.within(span), [one for one in held if one.length_us])
