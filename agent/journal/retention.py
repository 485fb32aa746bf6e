"""What goes first when the file is full. Pure.

Order: traces every sink has, oldest first; then readings every sink has; then the oldest traces, sent or not; then the
oldest readings; then events and incidents every sink has; then the oldest of them. What some sink still lacked becomes
a gap record in the same transaction. Traces have a share of the file and no more: beyond it they go, however much room
there is.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.journal.entries import Range
from agent.journal.lanes import Position, unsent

# Eviction starts at 90 % of the cap and goes down to 85 %, by slices that keep a commit short.
HIGH = 0.90
LOW = 0.85
SLICE = 50
# Of 512 MiB these are 64: some 15 000 parts, or 5 000 ordinary sags at 20 Hz.
TRACE_SHARE = 0.125

AGED = "older than is kept"
# With its share of indexes, at 34 numbers a reading (bench/journal_codec.py): more than most take.
READING_BYTES = 64

Table = Literal["chunk", "event", "incident", "gap", "trace"]
Place = tuple[tuple[Table, ...], Range]


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


def holds_s(cap: int, readings_hz: float) -> float:
    """How long a backlog of readings may grow before the oldest go, beside all the traces there may be."""
    return (LOW - TRACE_SHARE) * cap / (READING_BYTES * readings_hz)


def trace_excess_bytes(used: int, cap: int) -> int:
    """How much of the traces must go: nothing within their share, beyond it down to nine tenths of it."""
    share = TRACE_SHARE * cap
    return used - int(0.9 * share) if used > share else 0


@dataclass(frozen=True, slots=True)
class Sent:
    """What every sink has acknowledged: the ranges [lo, hi), and of parts of traces all below a seq."""

    ranges: tuple[Range, ...]
    traces_below: int

    def has(self, row: Row) -> bool:
        if row.table == "trace":
            return row.seq_hi < self.traces_below
        return any(lo <= row.seq_lo and row.seq_hi < hi for lo, hi in self.ranges)


def sent_by(positions: Collection[Position], head: int) -> Sent:
    """All of it where there is no sink."""
    held = sorted(lack for position in positions for lack in unsent(position, head))
    found: list[Range] = []
    reached = 0
    for lo, hi in held:
        if lo > reached:
            found.append((reached, lo))
        reached = max(reached, hi)
    if reached < head:
        found.append((reached, head))
    return Sent(tuple(found), min((position.trace for position in positions), default=head))


def choose(
    oldest: Callable[[Sequence[Table], Range], Iterable[Row]],
    sent: Sent,
    head: int,
    need_bytes: int,
    skip: Collection[Row] = (),
    trace_need_bytes: int = 0,
) -> Eviction:
    """The first rows, in the order above and none of `skip`, that free need_bytes or fill a slice.

    oldest: the rows of some tables that lie wholly within a range, lowest seq first
    trace_need_bytes: what traces hold beyond their share, and have to free by themselves
    """
    chosen: dict[Row, None] = {}
    traces: Place = (("trace",), (0, head))
    # Gap records that some sink lacks stay whatever happens: a few bytes each, and the last word on what was lost.
    order: list[Place] = [
        (("trace",), (0, sent.traces_below)),
        *((("chunk",), within) for within in sent.ranges),
        traces,
        (("chunk",), (0, head)),
        *((("event", "incident", "gap"), within) for within in sent.ranges),
        (("event", "incident"), (0, head)),
    ]
    for places, need in (([traces], trace_need_bytes), (order, need_bytes - trace_need_bytes)):
        for row in (row for tables, within in places for row in oldest(tables, within)):
            if need <= 0 or len(chosen) >= SLICE:
                break
            if row not in chosen and row not in skip:
                chosen[row] = None
                need -= row.size_bytes
    return eviction(tuple(chosen), sent, "evicted")


def eviction(rows: tuple[Row, ...], sent: Sent, reason: str) -> Eviction:
    """Rows that go, with the ranges among them that not every sink had."""
    return Eviction(rows, merged((row.seq_lo, row.seq_hi + 1) for row in rows if not sent.has(row)), reason)


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges in order, those that touch or overlap made one."""
    found: list[Range] = []
    for lo, hi in sorted(ranges):
        if found and lo <= found[-1][1]:
            found[-1] = (found[-1][0], max(hi, found[-1][1]))
        else:
            found.append((lo, hi))
    return tuple(found)


def common(some: Iterable[Range], others: Sequence[Range]) -> Iterator[Range]:
    """What lies in both, of ranges that are in order and apart."""
    for lo, hi in some:
        for other_lo, other_hi in others:
            if max(lo, other_lo) < min(hi, other_hi):
                yield max(lo, other_lo), min(hi, other_hi)
