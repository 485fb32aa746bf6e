"""Rows of a damaged file, each put in its place in the new one: no seq is there twice.

Two rows that read may claim one seq: the key of one of them is damaged, and nothing says of which. The dearer one
stays, an event before all others, and the other is told of. A chunk says itself how many readings it holds: with
another number of seqs it does not read, and of one that reads only those readings go whose places are taken.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.journal.codec import CHUNKED, Chunk, ChunkError, decode, encode, runs
from agent.journal.entries import DeadLetter, Entry, Range
from agent.journal.lanes import Position
from agent.journal.retention import Eviction, Row, Table, merged
from agent.journal.rows import evict, insert, put_dead, put_kept, put_positions
from agent.records import Record

# What is taken over from another file.
Taken = Chunk | Entry

# The dearest first.
_SINGLE: tuple[Table, ...] = ("event", "incident", "gap", "trace")
_ALL: tuple[Table, ...] = (*_SINGLE, "chunk")
_EACH = "SELECT '{0}', seq, seq FROM {0} WHERE seq BETWEEN :lo AND :hi"
# What holds any of the seqs lo..hi; the chunk that contains lo may begin before it.
_THERE = f"""{" UNION ALL ".join(map(_EACH.format, _SINGLE))} UNION ALL SELECT 'chunk', seq_lo, seq_hi FROM chunk
WHERE seq_lo BETWEEN coalesce((SELECT max(seq_lo) FROM chunk WHERE seq_lo <= :lo), 0) AND :hi AND seq_hi >= :lo"""  # noqa: S608 - names of ours
_KEPT = """SELECT seq_lo, seq_hi FROM (SELECT seq_lo, seq_hi FROM chunk UNION ALL SELECT seq, seq FROM event
UNION ALL SELECT seq, seq FROM gap UNION ALL SELECT seq, seq FROM trace UNION ALL SELECT seq, seq FROM incident)
WHERE seq_lo < ? ORDER BY seq_lo"""


@dataclass(frozen=True, slots=True)
class Rescued:
    """What a first look at a file that was moved aside found. head: its next seq, as far as that can be told; epochs:
    as they are stored; kept: by name."""

    head: int
    rows: tuple[Taken, ...]
    positions: dict[str, Position]
    kept: dict[str, str]
    dead: tuple[DeadLetter, ...]
    epochs: tuple[tuple[int, str, str, int], ...]


def put_rescued(db: sqlite3.Connection, rescued: Rescued, below: int) -> None:
    """What a first look at a file that was moved aside found. What gives way comes again with all the others."""
    take_over(db, rescued.rows, below)
    put_positions(db, rescued.positions)
    # Whatever the traces that it passed over: they are not all here yet.
    traces = ((sink, position.trace) for sink, position in rescued.positions.items())
    db.executemany("INSERT OR REPLACE INTO trace_position (sink, next) VALUES (?, ?)", traces)
    put_dead(db, rescued.dead)
    put_kept(db, rescued.kept)
    db.executemany("INSERT OR IGNORE INTO epoch VALUES (?, ?, ?, ?)", rescued.epochs)


def take_over(db: sqlite3.Connection, rows: Iterable[Taken], below: int) -> tuple[Range, ...]:
    """Rows of another file, under the seqs they had there; those that are here already stay. The seqs that two of them
    claim, each of which was another record."""
    disputed: list[Range] = []
    for row in rows:
        seq_lo, seq_hi = (row.seq_lo, row.seq_hi) if isinstance(row, Chunk) else (row.seq, row.seq)
        if seq_hi >= below:
            continue
        rows_there = db.execute(_THERE, {"lo": seq_lo, "hi": seq_hi})
        there = [Row(table, there_lo, there_hi, 0) for table, there_lo, there_hi in rows_there]
        if isinstance(row, Chunk):
            disputed += _take_chunk(db, row, there)
        elif _take_single(db, row, there):
            disputed.append((seq_lo, seq_lo + 1))
    return merged(disputed)


def _take_single(db: sqlite3.Connection, entry: Entry, there: Sequence[Row]) -> bool:
    """Whether its seq is disputed. A reading gives way to it, and so does what is less dear."""
    own = next(n for n, table in enumerate(_ALL) if table == type(entry.record).__name__.lower())
    dearest = min((_ALL.index(row.table) for row in there), default=len(_ALL))
    if dearest <= own:
        return dearest < own
    others = [other for row in there if row.table == "chunk" for other in _stored(db, row)]
    evict(db, (Eviction(tuple(there), (), ""),))
    _insert_readings(db, (other for other in others if other.seq != entry.seq))
    insert(db, (), (entry,))
    return bool(others) or any(row.table != "chunk" for row in there)


def _take_chunk(db: sqlite3.Connection, chunk: Chunk, there: Sequence[Row]) -> Iterator[Range]:
    """The seqs of its readings that are disputed."""
    if not there:
        insert(db, (chunk,), ())
    if not there or Row("chunk", chunk.seq_lo, chunk.seq_hi, 0) in there:
        return
    taken: dict[int, Record | None] = {row.seq_lo: None for row in there if row.table != "chunk"}
    for row in (row for row in there if row.table == "chunk"):
        others = _stored(db, row)
        taken |= {other.seq: other.record for other in others}
        if not others:  # it does not read, and is told of as missing, but for what comes in its place
            evict(db, (Eviction((row,), (), ""),))
    entries = _decoded(chunk)
    _insert_readings(db, (entry for entry in entries if entry.seq not in taken))
    yield from ((one.seq, one.seq + 1) for one in entries if taken.get(one.seq, one.record) != one.record)


def _insert_readings(db: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    insert(db, [encode(run) for run in runs(entries, CHUNKED)], ())


def _stored(db: sqlite3.Connection, row: Row) -> tuple[Entry, ...]:
    sql = "SELECT seq_lo, seq_hi, codec, crc32, body FROM chunk WHERE seq_lo = ?"
    return _decoded(Chunk(*db.execute(sql, (row.seq_lo,)).fetchone()))


def _decoded(chunk: Chunk) -> tuple[Entry, ...]:
    """None of one that does not read."""
    try:
        return decode(chunk)
    except ChunkError:
        return ()


def missing(db: sqlite3.Connection, below: int, disputed: Iterable[Range] = ()) -> tuple[Range, ...]:
    """The seqs under which nothing is kept, or one of two."""
    found, at = [*disputed], 1
    for seq_lo, seq_hi in db.execute(_KEPT, (below,)):
        if seq_lo > at:
            found.append((at, seq_lo))
        at = max(at, seq_hi + 1)
    return merged((*found, (at, below)) if at < below else found)
