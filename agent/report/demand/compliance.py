"""Blocks of 15 minutes against limits: peak shifting, headroom, rebound. Pure.

forecast     (energy so far + power now x time left) x 4, at the end of the block
violated     the block's power was surely above the limit; kept: surely not; undecided: the limit lies in its bounds
baseline     mean of the same slots of the last 5 like days, each complete: working days for a working day, others for
             others, and none on which the limit held: held against days like that, nothing would ever be curtailed
curtailed    baseline - actual, in Wh; rebound: mean of the 60 min after - baseline, in W
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan

from agent.records import HOUR_US
from agent.report.figures import Bounds, Figure, Span, Verdict, judged
from agent.report.record.columns import Columns
from agent.report.record.demand_blocks import BLOCK_US, DEMAND_OF

ENERGY = "active_energy_import"
DEMAND = DEMAND_OF[ENERGY]
# Of a complete block; silence at its ticks is in its bounds.
COMPLETE = 0.99
LIKE_DAYS = 5
# Among so many days before: further back the season is another.
BASELINE_DAYS = 31
_REBOUND_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Block:
    """One block. demand_w: between what its mean power lies; value_w: what is most likely; is_complete: all of it was
    seen, or registers ran on"""

    start_us: int
    value_w: float
    demand_w: Bounds
    coverage: float

    @property
    def is_complete(self) -> bool:
        return self.coverage >= COMPLETE

    @property
    def energy_wh(self) -> float:
        return self.value_w / 4


def blocks(intervals: Iterable[Columns]) -> tuple[Block, ...]:
    """Of `demand_15min` intervals those that know the demand. Where no register bounds it it is at least what was seen,
    and at most anything while a part of the block was not."""
    return tuple(block for columns in intervals if DEMAND in columns.values for block in _blocks(columns))


def _blocks(columns: Columns) -> Iterator[Block]:
    unknown = [nan] * len(columns.start_us)
    low, high = columns.min.get(DEMAND, unknown), columns.max.get(DEMAND, unknown)
    for start_us, value, least, most, seen in zip(
        columns.start_us, columns.values[DEMAND], low, high, columns.coverage, strict=True
    ):
        if not isnan(least):
            yield Block(start_us, value, Bounds(least, most), seen)
        elif not isnan(value):
            yield Block(start_us, value, Bounds(value * seen, value if seen >= COMPLETE else inf), seen)


def forecast_w(energy_wh: Bounds, power_w: float, left_us: int) -> Bounds:
    """Mean power of the open block at its end, if power stays as it is. energy_wh: used so far."""
    return (energy_wh + power_w * left_us / HOUR_US).scaled(4)


@dataclass(frozen=True, slots=True)
class Window:
    """One time in which a limit held."""

    span: Span
    limit_w: float


@dataclass(frozen=True, slots=True)
class Compliance:
    """One window. verdict: `undecided` also where a block is missing or incomplete, and no other was surely above the
    limit; violated: blocks that surely were, of so many; worst: the highest that is known; highest_w: what the highest
    of all, known or not, may have been; used_wh: in all of it; curtailed_wh, rebound_w: against the baseline, with why
    there is none"""

    window: Window
    verdict: Verdict
    violated: int
    of: int
    worst: Block | None
    highest_w: Bounds
    used_wh: Bounds
    coverage: float
    curtailed_wh: Figure
    rebound_w: Figure

    @property
    def headroom_w(self) -> Bounds:
        """Between the limit and the highest block; below zero above the limit."""
        return Bounds(self.window.limit_w, self.window.limit_w) - self.highest_w

    @property
    def why(self) -> str:
        """Why it is undecided."""
        if self.verdict != "undecided":
            return ""
        return WITHIN if self.window.limit_w < self.highest_w.high < inf else INCOMPLETE


# Why a verdict is undecided, as a page says it.
WITHIN, INCOMPLETE = "within the bounds", "not all measured"
Slot = tuple[int, int]  # local day (days since 1970), block of the day


class Past:
    """The blocks of one meter, and what is usual at a time of day.

    slot_of: start of a block -> its local day and place in it; is_working: of a local day; held_on: local days on which
    the limit held
    """

    def __init__(
        self, found: Iterable[Block], slot_of: Callable[[int], Slot], is_working: Callable[[int], bool],
        held_on: Collection[int] = (),
    ) -> None:  # fmt: skip
        self._by_start = {block.start_us: block for block in found}
        self._slot_of = slot_of
        self._is_working = is_working
        slots = ((slot_of(block.start_us), block.value_w) for block in self._by_start.values() if block.is_complete)
        self._usual_w = {slot: watts for slot, watts in slots if slot[0] not in held_on}

    def within(self, span: Span) -> list[Block]:
        """Those that begin in it, in order."""
        first_us = -(-span.from_us // BLOCK_US) * BLOCK_US
        found = (self._by_start.get(at_us) for at_us in range(first_us, span.to_us, BLOCK_US))
        return [block for block in found if block is not None]

    def baseline_w(self, start_us: int) -> float | None:
        """Of a block; None where fewer than 5 like days are known."""
        day, place = self._slot_of(start_us)
        working = self._is_working(day)
        before = range(day - 1, day - 1 - BASELINE_DAYS, -1)
        usual = [self._usual_w[one, place] for one in before
                 if (one, place) in self._usual_w and self._is_working(one) == working][:LIKE_DAYS]  # fmt: skip
        return sum(usual) / LIKE_DAYS if len(usual) == LIKE_DAYS else None


def compliance(past: Past, window: Window) -> Compliance:
    within = past.within(window.span)
    of = -(-window.span.length_us // BLOCK_US)
    verdicts = [judged(block.demand_w, window.limit_w) for block in within]
    is_whole = len(within) == of and all(block.is_complete for block in within)
    sure: Verdict = "kept" if is_whole and set(verdicts) == {"kept"} else "undecided"
    unseen = inf if len(within) < of else 0.0
    return Compliance(
        window, "violated" if "violated" in verdicts else sure, verdicts.count("violated"), of,
        max(within, key=lambda block: block.value_w, default=None),
        Bounds(max((block.demand_w.low for block in within), default=0.0),
               max((unseen, *(block.demand_w.high for block in within)))),
        sum((block.demand_w.scaled(1 / 4) for block in within), Bounds(0.0, unseen)),
        _share(within, of), _curtailed(past, within, of), _rebound(past, window.span.to_us),
    )  # fmt: skip


_NOT_COMPLETE = "not all blocks of the window are complete"
_AFTER_NOT_COMPLETE = "not all blocks of the hour after it are complete"
_NO_LIKE_DAYS = "there are not five like days without the limit before it"
# Why there is no baseline, as a page says it.
WHYS = (_NOT_COMPLETE, _AFTER_NOT_COMPLETE, _NO_LIKE_DAYS)


def _curtailed(past: Past, within: Sequence[Block], of: int) -> Figure:
    """The energy that was not taken."""
    return _below_baseline(past, within, of, "Wh", 1 / 4, _NOT_COMPLETE)


def _rebound(past: Past, end_us: int) -> Figure:
    """The mean power beyond the baseline in the hour after."""
    after = past.within(Span(end_us, end_us + _REBOUND_BLOCKS * BLOCK_US))
    return _below_baseline(past, after, _REBOUND_BLOCKS, "W", -1 / _REBOUND_BLOCKS, _AFTER_NOT_COMPLETE)


def _below_baseline(past: Past, some: Sequence[Block], of: int, unit: str, per_w: float, not_complete: str) -> Figure:
    """per_w: what a watt in one block below the baseline counts"""
    coverage = _share(some, of)
    if len(some) < of or not all(block.is_complete for block in some):
        return Figure(None, coverage, unit, not_complete)
    expected = _expected_w(past, some)
    if expected is None:
        return Figure(None, coverage, unit, _NO_LIKE_DAYS)
    return Figure((sum(expected) - sum(block.value_w for block in some)) * per_w, coverage, unit)


def _expected_w(past: Past, some: Iterable[Block]) -> list[float] | None:
    usual = [past.baseline_w(block.start_us) for block in some]
    known = [watts for watts in usual if watts is not None]
    return known if len(known) == len(usual) else None


def _share(some: Sequence[Block], of: int) -> float:
    return sum(block.coverage for block in some) / of if of else 0.0
