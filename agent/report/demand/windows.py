"""When a limit holds: local days and times of day -> spans of UTC. Pure."""

from collections.abc import Callable, Iterator

from agent.records import DAY_US, MINUTE_US
from agent.report.demand.compliance import Slot, Window
from agent.report.figures import Span
from agent.report.record.demand_blocks import BLOCK_US
from agent.report.voltage.quality import OffsetOf
from agent.sitefile.days import Workdays
from agent.sitefile.demand import DemandLimit

# For so long after a window what was put off is made up for.
AFTER_US = 3_600_000_000


def local_day(at_us: int, offset_of: OffsetOf) -> int:
    return (at_us + offset_of(at_us)) // DAY_US


def utc_us(local_us: int, offset_of: OffsetOf) -> int:
    """Of a time that comes twice in autumn the first; one that is left out in spring is an hour later."""
    before, after = (local_us - offset_of(local_us + apart_us) for apart_us in (-DAY_US, DAY_US))
    told = (at_us for at_us in (before, after) if at_us + offset_of(at_us) == local_us)
    return next(told, before)


def windows_of(limit: DemandLimit, workdays: Workdays, period: Span, offset_of: OffsetOf) -> Iterator[Window]:
    """Those that begin in the period, in order; the last may end after it."""
    for day in range(local_day(period.from_us, offset_of), local_day(period.to_us - 1, offset_of) + 1):
        if limit.holds_on(day, workdays):
            for begin_min, end_min in limit.windows:
                from_us, to_us = (utc_us(day * DAY_US + at * MINUTE_US, offset_of) for at in (begin_min, end_min))
                if period.from_us <= from_us < period.to_us:
                    yield Window(Span(from_us, to_us), limit.limit_w)


def held_on(limit: DemandLimit, workdays: Workdays, period: Span, offset_of: OffsetOf) -> frozenset[int]:
    """Local days on which it held, or was being made up for."""
    wide = Span(period.from_us - 2 * DAY_US, period.to_us)
    spans = (window.span for window in windows_of(limit, workdays, wide, offset_of))
    ends = ((local_day(span.from_us, offset_of), local_day(span.to_us + AFTER_US - 1, offset_of)) for span in spans)
    return frozenset(day for first, last in ends for day in range(first, last + 1))


def slots(offset_of: OffsetOf) -> Callable[[int], Slot]:
    def slot_of(at_us: int) -> Slot:
        day, within_us = divmod(at_us + offset_of(at_us), DAY_US)
        return day, within_us // BLOCK_US

    return slot_of
