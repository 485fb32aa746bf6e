"""What goes first when the file is full. Pure.

Order: readings every sink has, oldest first; then the oldest readings, sent or not; then events every sink has;
then the oldest events. What some sink still lacked becomes a gap record in the same transaction.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.journal.entries import Range
from agent.journal.lanes import Position, unsent

# Eviction starts at 90 % of the cap and goes down to 85 %, by slices that keep a commit short.
HIGH = 0.90
LOW = 0.85
SLICE = 50

Table = Literal["chunk", "event", "gap"]


@dataclass(frozen=True, slots=True)
class Row:
    """One stored row as retention sees it: seq_lo..seq_hi, both included."""

    table: Table
    seq_lo: int
    seq_hi: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Eviction:
    """Rows to delete, and the ranges [lo, hi) among them that some sink never got."""

    rows: tuple[Row, ...]
    lost: tuple[Range, ...]
    reason: str


def excess_bytes(used: int, cap: int) -> int:
    """How much must go: nothing below the high mark, else down to the low mark."""
    return used - int(LOW * cap) if used > HIGH * cap else 0


def sent_ranges(positions: Iterable[Position], head: int) -> tuple[Range, ...]:
    """The ranges [lo, hi) that every sink has acknowledged; all of it where there is no sink."""
    held = sorted(lack for position in positions for lack in unsent(position, head))
    found: list[Range] = []
    reached = 0
    for lo, hi in held:
        if lo > reached:
            found.append((reached, lo))
        reached = max(reached, hi)
    if reached < head:
        found.append((reached, head))
    return tuple(found)


def choose(
    oldest: Callable[[Sequence[Table], Range], Iterable[Row]],
    sent: Sequence[Range],
    head: int,
    need_bytes: int,
    skip: Collection[Row] = (),
) -> Eviction:
    """The first rows, in the order above and none of `skip`, that free need_bytes or fill a slice.

    oldest: the rows of some tables that lie wholly within a range, lowest seq first
    """
    chosen: dict[Row, None] = {}
    # Gap records that some sink lacks stay whatever happens: a few bytes each, and the last word on what was lost.
    order: list[tuple[tuple[Table, ...], Range]] = [
        *((("chunk",), within) for within in sent),
        (("chunk",), (0, head)),
        *((("event", "gap"), within) for within in sent),
        (("event",), (0, head)),
    ]
    for row in (row for tables, within in order for row in oldest(tables, within)):
        if need_bytes <= 0 or len(chosen) >= SLICE:
            break
        if row not in chosen and row not in skip:
            chosen[row] = None
            need_bytes -= row.size_bytes
    return eviction(tuple(chosen), sent, "evicted")


def eviction(rows: tuple[Row, ...], sent: Sequence[Range], reason: str) -> Eviction:
    """Rows that go, with the ranges among them that not every sink had."""
    lost = (
        (row.seq_lo, row.seq_hi + 1) for row in rows if not any(lo <= row.seq_lo and row.seq_hi < hi for lo, hi in sent)
    )
    return Eviction(rows, merged(lost), reason)


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges in order, those that touch or overlap made one."""
    found: list[Range] = []
    for lo, hi in sorted(ranges):
        if found and lo <= found[-1][1]:
            found[-1] = (found[-1][0], max(hi, found[-1][1]))
        else:
            found.append((lo, hi))
    return tuple(found)
