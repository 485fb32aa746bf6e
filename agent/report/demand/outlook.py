"""The block that goes on against a limit: where it will end if power stays as it is, and what may still be drawn. Pure.

The register was read somewhere in [from, to]; what was used until then lies between bounds, what follows is the power
that was read last:

    forecast    4 x (used + power x (end - read))                    between the earliest and the latest reading
    may draw    (limit / 4 - used) / (end - read)                    mean power until the end that just keeps the limit
    exceeded    4 x least that was used > limit: whatever is done now, the block is above the limit
"""

from dataclasses import dataclass

from agent.records import DAY_US, HOUR_US
from agent.report.demand.compliance import forecast_w
from agent.report.demand.windows import windows_of
from agent.report.figures import Bounds, Span, Verdict, judged
from agent.report.record.demand_blocks import BLOCK_US, OpenBlock
from agent.report.voltage.quality import OffsetOf
from agent.sitefile.days import Workdays
from agent.sitefile.demand import DemandLimit

# A window that begins later than this is not told as the next one.
_AHEAD_US = 8 * DAY_US
# After so long without a reading the power may be another.
_STALE_US = 120_000_000
NO_BLOCK = "its start was not seen, or the wall clock is not set"
STALE = "nothing was read in it, or not for two minutes"
NO_POWER = "the meter's power is not read"
NO_AGENT = "no agent runs here"
# Why there is no forecast, as a page says it.
WHYS = (NO_BLOCK, STALE, NO_POWER, NO_AGENT)


@dataclass(frozen=True, slots=True)
class Outlook:
    """One limit now. window: that goes on, or the next one within a week; holds: whether it goes on

    forecast_w, may_draw_w: None where they are not known, and `why` says why; verdict: of the forecast; exceeded: the
    block is above the limit, whatever follows
    """

    limit: str
    meter: str
    limit_w: float
    holds: bool
    window: Span | None
    block: Span
    read_us: int | None = None
    used_wh: Bounds | None = None
    power_w: float | None = None
    forecast_w: Bounds | None = None
    may_draw_w: Bounds | None = None
    verdict: Verdict = "undecided"
    exceeded: bool = False
    why: str = ""


def outlook(
    limit: DemandLimit, workdays: Workdays, block: OpenBlock | None, now_us: int, offset_of: OffsetOf,
    why: str = NO_BLOCK,
) -> Outlook:  # fmt: skip
    """block: of the limit's meter; why there is none"""
    window = _window(limit, workdays, now_us, offset_of)
    holds = window is not None and window.from_us <= now_us
    start_us = now_us // BLOCK_US * BLOCK_US
    span = Span(start_us, start_us + BLOCK_US)
    if block is None or block.start_us != start_us or now_us - block.to_us > _STALE_US:
        said = STALE if block is not None else why
        return Outlook(limit.name, limit.meter, limit.limit_w, holds, window, span, why=said)
    left = Bounds(max(0, span.to_us - block.to_us), max(0, span.to_us - block.from_us))
    ahead_w = None if block.power_w is None else _forecast_w(block.used_wh, max(0.0, block.power_w), left)
    return Outlook(
        limit.name, limit.meter, limit.limit_w, holds, window, span, block.to_us, block.used_wh, block.power_w, ahead_w,
        _may_draw_w(limit.limit_w, block.used_wh, left),
        "undecided" if ahead_w is None else judged(ahead_w, limit.limit_w),
        block.used_wh.scaled(4).low > limit.limit_w, "" if ahead_w is not None else NO_POWER,
    )  # fmt: skip


def _forecast_w(used_wh: Bounds, power_w: float, left_us: Bounds) -> Bounds:
    """It was read late and little is left, or early and more is; the register of the two says the same."""
    ends = (forecast_w(used_wh, power_w, round(left)) for left in (left_us.low, left_us.high))
    first, last = ends
    return Bounds(first.low, last.high)


def _may_draw_w(limit_w: float, used_wh: Bounds, left_us: Bounds) -> Bounds | None:
    """None at the very end of the block."""
    if left_us.low <= 0:
        return None
    room_wh = Bounds(limit_w, limit_w).scaled(1 / 4) - used_wh
    by_end = [wh * HOUR_US / left for wh in (room_wh.low, room_wh.high) for left in (left_us.low, left_us.high)]
    return Bounds(max(0.0, min(by_end)), max(0.0, *by_end))


def _window(limit: DemandLimit, workdays: Workdays, now_us: int, offset_of: OffsetOf) -> Span | None:
    """That goes on, else the next one."""
    around = Span(now_us - 2 * DAY_US, now_us + _AHEAD_US)
    ahead = (window.span for window in windows_of(limit, workdays, around, offset_of) if window.span.to_us > now_us)
    return next(ahead, None)
