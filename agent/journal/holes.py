"""Rows that are missing, though nothing told of them: what a damaged log, or a card that said "flushed" and was not,
leaves in a file that is sound otherwise. Rows of which two hold one seq are no such file any more.

Rows that every sink has go without a word when room is needed. Up to where they went is kept in the same transaction
(`let_go`): a hole above it can only be damage; one below it is told of where some sink lacks it, as it would not have
gone without a word then. Where nothing says how far they went, all holes are of the second kind.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from agent.journal.entries import Range
from agent.journal.file import ForeignFileError
from agent.journal.lanes import Position, unsent
from agent.journal.retention import Eviction, common, merged

# The youngest so many rows are looked at, some milliseconds: more than a checkpoint of 1000 pages ever wrote, and what
# is older was read by an earlier start.
ROWS = 3000
# A position so far beyond the last row tells that rows are gone; one still farther, that it is damaged itself.
MOST_LOST = 100_000

# No chunk was ever longer.
_MOST_READINGS = 100_000
_ROWS = (
    "SELECT seq_lo, seq_hi FROM chunk ORDER BY seq_lo DESC",
    "SELECT seq, seq FROM event ORDER BY seq DESC",
    "SELECT seq, seq FROM incident ORDER BY seq DESC",
    "SELECT seq, seq FROM trace ORDER BY seq DESC",
    "SELECT seq, seq, seq_lo, seq_hi FROM gap ORDER BY seq DESC",
)
_CLAIMED = """SELECT max(seq) FROM (SELECT max(live, backlog_hi) AS seq FROM position
UNION ALL SELECT next FROM trace_position) WHERE typeof(seq) = 'integer' AND seq <= ?"""
_LET_GO = "SELECT v FROM meta WHERE k = 'let_go' AND typeof(v) = 'integer'"


class _Row(NamedTuple):
    """seq_lo..seq_hi, both included; told: what a gap record tells of, [lo, hi)."""

    seq_lo: int
    seq_hi: int
    told: Range


@dataclass(frozen=True, slots=True)
class Holes:
    """ranges: [lo, hi) under which nothing lies and of which no gap record tells; let_go: below it rows may have gone
    without a word."""

    ranges: tuple[Range, ...] = ()
    let_go: int = 1

    def to_tell(self, positions: Iterable[Position]) -> tuple[Range, ...]:
        """Those that no eviction explains, and those that a sink at one of these positions lacks."""
        head = max((hi for _, hi in self.ranges), default=0)
        lacking = [lack for position in positions for lack in unsent(position, head)]
        return tuple(common(self.ranges, merged([*lacking, (self.let_go, max(self.let_go, head))])))


def claimed(db: sqlite3.Connection, head: int) -> int:
    """The next seq as the sinks' positions prove it: none was ever stored before the rows that it covers."""
    found = db.execute(_CLAIMED, (head + MOST_LOST,)).fetchone()[0]
    return max(head, found or 0)


def look(db: sqlite3.Connection, head: int, above: int = 0) -> Holes:
    """Among the youngest rows, from `above` on and below head. DatabaseError where rows do not lie in their order, or
    two of them hold one seq: that is damage, too.

    A file of a version that did not keep `let_go` may have let go of whatever it lacks.
    """
    rows = _youngest(db)
    known = db.execute(_LET_GO).fetchall()
    # Of what lies before the youngest rows nothing is known here; before the first row of all, nothing lies.
    begin = 1 if len(rows) < ROWS else rows[-1].seq_lo
    found = tuple(_between(rows, begin, head))
    let_go = known[0][0] if known else max((hi for _, hi in found), default=begin)
    return Holes(tuple(common(found, ((above, head),))), let_go)


def put_let_go(db: sqlite3.Connection, below: int) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES ('let_go', ?)", (below,))


def let_go(db: sqlite3.Connection, evictions: Collection[Eviction]) -> None:
    """What is deleted without a gap record: every sink has it."""
    gone = [row.seq_hi + 1 for one in evictions for row in one.rows if not _within(row.seq_lo, one.lost)]
    if gone:
        db.execute("UPDATE meta SET v = max(v, ?) WHERE k = 'let_go'", (max(gone),))


def _within(seq: int, ranges: Iterable[Range]) -> bool:
    return any(lo <= seq < hi for lo, hi in ranges)


def _youngest(db: sqlite3.Connection) -> list[_Row]:
    with ExitStack() as left:  # a statement left half way keeps the file locked
        tables = [_rows(left.enter_context(closing(db.execute(sql)))) for sql in _ROWS]
        return list(islice(_apart(merge(*tables, reverse=True)), ROWS))


def _apart(rows: Iterable[_Row]) -> Iterator[_Row]:
    """Rows of all tables, the youngest first. A page in the place of another, of its table or not, shows rows that lie
    elsewhere, too; a damaged key takes the place of another row."""
    before = None
    for row in rows:
        if before is not None and row.seq_hi >= before:
            raise ForeignFileError(f"seq {row.seq_hi} lies behind seq {before}, or in two places")
        before = row.seq_lo
        yield row


def _rows(rows: Iterable[tuple[Any, ...]]) -> Iterator[_Row]:
    """Of one table."""
    for seq_lo, seq_hi, *told in rows:
        if not isinstance(seq_lo, int):
            raise ForeignFileError("a row has no seq: its column is no key any more")
        yield _Row(seq_lo, _checked(seq_lo, seq_hi), _told(seq_lo, told))


def _checked(seq_lo: int, seq_hi: object) -> int:
    """A damaged column vouches for the row's first seq only."""
    sound = isinstance(seq_hi, int) and seq_lo <= seq_hi < seq_lo + _MOST_READINGS
    return seq_hi if sound and isinstance(seq_hi, int) else seq_lo


def _told(seq: int, told: list[int]) -> Range:
    match told:
        case [int(lo), int(hi)] if 0 <= lo <= hi < seq:
            return lo, hi + 1
    return seq, seq + 1


def _between(rows: Iterable[_Row], begin: int, head: int) -> Iterator[Range]:
    at = begin
    for lo, hi in merged(span for row in rows for span in ((row.seq_lo, row.seq_hi + 1), row.told)):
        if lo > at:
            yield at, min(lo, head)
        at = max(at, hi)
    if at < head:
        yield at, head
