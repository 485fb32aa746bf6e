"""Blocks of 15 minutes against limits: peak shifting, headroom, rebound. Pure.

forecast     (energy so far + power now x time left) x 4, at the end of the block
violated     the block's power was surely above the limit; kept: surely not; undecided: the limit lies in its bounds
baseline     mean of the same slots of the last 5 like days (a working day or not), each complete
curtailed    baseline - actual, in Wh; rebound: mean of the 60 min after - baseline, in W
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan

from agent.report.columns import Columns
from agent.report.demand_blocks import BLOCK_US, DEMAND_OF
from agent.report.figures import Bounds, Figure, Span, Verdict, judged

ENERGY = "active_energy_import"
DEMAND = DEMAND_OF[ENERGY]
# Of a complete block; silence at its ticks is in its bounds.
COMPLETE = 0.99
_LIKE_DAYS = 5
_REBOUND_BLOCKS = 4
_HOUR_US = 3_600_000_000


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
    return (energy_wh + power_w * left_us / _HOUR_US).scaled(4)


@dataclass(frozen=True, slots=True)
class Window:
    """One time in which a limit held."""

    span: Span
    limit_w: float


@dataclass(frozen=True, slots=True)
class Compliance:
    """One window. worst_w: of its highest block; verdict: `undecided` also where a block is missing or incomplete, and
    no other was surely above the limit; curtailed_wh, rebound_w: against the baseline, with why there is none"""

    window: Window
    verdict: Verdict
    violated: int
    of: int
    worst_w: float | None
    curtailed_wh: Figure
    rebound_w: Figure


Slot = tuple[int, int]  # local day (days since 1970), block of the day


def compliance(
    found: Sequence[Block], window: Window, slot_of: Callable[[int], Slot], is_working: Callable[[int], bool]
) -> Compliance:
    """slot_of: start of a block -> its local day and place in it; is_working: of a local day."""
    within = [block for block in found if window.span.from_us <= block.start_us < window.span.to_us]
    of = -(-window.span.length_us // BLOCK_US)
    verdicts = [judged(block.demand_w, window.limit_w) for block in within]
    whole = len(within) == of and all(block.is_complete for block in within)
    sure: Verdict = "kept" if whole and set(verdicts) == {"kept"} else "undecided"
    before = _by_slot(found, slot_of)
    expected = [_baseline(block.start_us, before, slot_of, is_working) for block in within]
    return Compliance(
        window,
        "violated" if "violated" in verdicts else sure,
        verdicts.count("violated"),
        of,
        max((block.value_w for block in within), default=None),
        _curtailed(within, expected, whole),
        _rebound(found, window, lambda start_us: _baseline(start_us, before, slot_of, is_working)),
    )


def _by_slot(found: Iterable[Block], slot_of: Callable[[int], Slot]) -> Mapping[Slot, Block]:
    return {slot_of(block.start_us): block for block in found if block.is_complete}


def _baseline(
    start_us: int, before: Mapping[Slot, Block], slot_of: Callable[[int], Slot], is_working: Callable[[int], bool]
) -> float | None:
    """W; None where there are fewer than 5 like days in the 31 before."""
    day, place = slot_of(start_us)
    like = [earlier for earlier in range(day - 1, day - 32, -1) if is_working(earlier) == is_working(day)]
    values = [before[earlier, place].value_w for earlier in like if (earlier, place) in before][:_LIKE_DAYS]
    return sum(values) / _LIKE_DAYS if len(values) == _LIKE_DAYS else None


def _curtailed(within: Sequence[Block], expected: Sequence[float | None], whole: bool) -> Figure:
    if not whole:
        return Figure(None, _coverage(within), "Wh", "not all blocks of the window are complete")
    if None in expected:
        return Figure(None, _coverage(within), "Wh", "there are not five like days before it")
    saved = sum((base - block.value_w) / 4 for block, base in zip(within, expected, strict=True) if base is not None)
    return Figure(saved, _coverage(within), "Wh")


def _rebound(found: Iterable[Block], window: Window, baseline: Callable[[int], float | None]) -> Figure:
    end_us = window.span.to_us
    after = [block for block in found if end_us <= block.start_us < end_us + _REBOUND_BLOCKS * BLOCK_US]
    if len(after) < _REBOUND_BLOCKS or not all(block.is_complete for block in after):
        return Figure(None, _coverage(after), "W", "not all blocks of the hour after it are complete")
    expected = [base for block in after if (base := baseline(block.start_us)) is not None]
    if len(expected) < len(after):
        return Figure(None, _coverage(after), "W", "there are not five like days before it")
    return Figure((sum(block.value_w for block in after) - sum(expected)) / len(after), _coverage(after), "W")


def _coverage(some: Sequence[Block]) -> float:
    return sum(block.coverage for block in some) / len(some) if some else 0.0
