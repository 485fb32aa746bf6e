"""Rows in and out of the file's tables, one function for each kind, and the transaction they stand in."""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

from agent.journal.codec import TRACE_ZLIB, Chunk, encode_event, encode_incident, encode_trace
from agent.journal.entries import DeadLetter, Entry
from agent.journal.lanes import Position
from agent.journal.reader import OLDEST
from agent.journal.retention import Eviction
from agent.journal.shifts import KEPT as SHIFTS
from agent.journal.shifts import Shift, understood
from agent.records import Event, Gap, Incident, Trace
from agent.trace_rows import span_us

# Per sink; with bodies of at most a KiB about 1 MB.
DEAD_LETTERS = 1000
DEAD_BODY_CHARS = 1000
# A row of a part of a trace beside its body.
TRACE_ROW_BYTES = 120
# What a new revision takes the place of, and what it may not take the place of.
_LATEST = {
    "event": (
        "UPDATE event SET latest = 0 WHERE id = ? AND latest AND revision <= ?",
        "SELECT 1 FROM event WHERE id = ? AND latest",
    ),
    "incident": (
        "UPDATE incident SET latest = 0 WHERE id = ? AND latest AND revision <= ?",
        "SELECT 1 FROM incident WHERE id = ? AND latest",
    ),
}


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit, or roll back. A full disk has rolled back by itself already, hence the question."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")


def is_full(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_FULL


# So many runs that left nothing behind are told of.
BARREN = 8
# Among their names: every run that is not named, as whatever named it is lost.
ANY = "*"


def begin_epoch(db: sqlite3.Connection, head: int, epoch: str, gateway: str, now_us: int) -> None:
    # An epoch that began at the same seq left nothing behind: its row is replaced, its name told of for a while.
    barren = db.execute(
        "SELECT v FROM meta WHERE k = 'barren' UNION ALL SELECT epoch FROM epoch WHERE seq_lo = ?", (head,)
    ).fetchall()
    names = " ".join(str(name) for (name,) in barren).split()[-BARREN:]
    db.execute("INSERT OR REPLACE INTO meta VALUES ('barren', ?)", (" ".join(names),))
    db.execute("INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?)", (head, epoch, gateway, now_us))
    oldest = db.execute(OLDEST).fetchone()[0]
    db.execute(
        "DELETE FROM epoch WHERE seq_lo < (SELECT max(seq_lo) FROM epoch WHERE seq_lo <= ?)",
        (head if oldest is None else oldest,),
    )
    db.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")
    db.execute("UPDATE meta SET v = v + 1 WHERE k = 'opens'")


def put_note(db: sqlite3.Connection, note: str, *, forgotten: bool) -> None:
    """In a new file in the place of another. forgotten: nothing is known of the runs that are in that one"""
    db.execute("UPDATE meta SET v = ? WHERE k = 'note'", (note,))
    if forgotten:
        db.execute("UPDATE meta SET v = trim(? || ' ' || v) WHERE k = 'barren'", (ANY,))


def evict(db: sqlite3.Connection, evictions: Sequence[Eviction]) -> None:
    delete = {
        "chunk": "DELETE FROM chunk WHERE seq_lo = ?",
        "event": "DELETE FROM event WHERE seq = ?",
        "incident": "DELETE FROM incident WHERE seq = ?",
        "gap": "DELETE FROM gap WHERE seq = ?",
        "trace": "DELETE FROM trace WHERE seq = ?",
    }
    for eviction in evictions:
        for row in eviction.rows:
            if row.table == "trace":
                _uncount_trace(db, row.seq_lo)
            db.execute(delete[row.table], (row.seq_lo,))


def _uncount_trace(db: sqlite3.Connection, seq: int) -> None:
    """Before it is deleted; one that is gone already counts no second time."""
    known = db.execute("SELECT size FROM trace WHERE seq = ?", (seq,)).fetchall()
    for (size,) in known:
        counted = size if isinstance(size, int) else 0  # a torn page may give the column any type
        db.execute("UPDATE meta SET v = v - ? WHERE k = 'trace_bytes'", (counted,))
        db.execute("UPDATE meta SET v = v + 1 WHERE k = 'traces_evicted'")


def insert(db: sqlite3.Connection, chunks: Sequence[Chunk], entries: Sequence[Entry]) -> None:
    for chunk in chunks:
        row = (chunk.seq_lo, chunk.seq_hi, chunk.codec, chunk.crc32, chunk.body)
        db.execute("INSERT INTO chunk (seq_lo, seq_hi, codec, crc32, body) VALUES (?, ?, ?, ?, ?)", row)
    for entry in entries:
        if isinstance(entry.record, Event):
            insert_event(db, entry.seq, entry.record)
        elif isinstance(entry.record, Incident):
            insert_incident(db, entry.seq, entry.record)
        elif isinstance(entry.record, Gap):
            insert_gap(db, entry.seq, entry.record)
        elif isinstance(entry.record, Trace):
            insert_trace(db, entry.seq, entry.record)


def insert_trace(db: sqlite3.Connection, seq: int, trace: Trace) -> None:
    body = encode_trace(trace)
    size = len(body) + TRACE_ROW_BYTES
    row = (seq, trace.event, trace.part, trace.meter, *span_us(trace), size, TRACE_ZLIB, zlib.crc32(body), body)
    db.execute(
        "INSERT INTO trace (seq, event, part, meter, from_us, to_us, size, codec, crc32, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
    )  # fmt: skip
    db.execute("UPDATE meta SET v = v + ? WHERE k = 'trace_bytes'", (size,))


def insert_gap(db: sqlite3.Connection, seq: int, gap: Gap) -> None:
    row = (seq, gap.seq_lo, gap.seq_hi, gap.reason, gap.time_us)
    db.execute("INSERT INTO gap (seq, seq_lo, seq_hi, reason, time_us) VALUES (?, ?, ?, ?, ?)", row)


def insert_event(db: sqlite3.Connection, seq: int, event: Event) -> None:
    """The highest revision of an id is `latest`, in whatever order they come."""
    latest = _is_latest(db, "event", event)
    body = encode_event(event)
    db.execute(
        "INSERT INTO event (seq, id, revision, latest, state, kind, meter, start_us, end_us, crc32, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # the body as text, for people with a sqlite3 at hand
        (seq, event.id, event.revision, latest, event.state, event.kind, event.meter, event.start_us, event.end_us,
         zlib.crc32(body), body.decode()),
    )  # fmt: skip


def insert_incident(db: sqlite3.Connection, seq: int, incident: Incident) -> None:
    latest = _is_latest(db, "incident", incident)
    body = encode_incident(incident)
    db.execute(
        "INSERT INTO incident (seq, id, revision, latest, state, start_us, end_us, crc32, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (seq, incident.id, incident.revision, latest, incident.state, incident.start_us, incident.end_us,
         zlib.crc32(body), body.decode()),
    )  # fmt: skip


def _is_latest(db: sqlite3.Connection, table: Literal["event", "incident"], told: Event | Incident) -> bool:
    """Whether none of its id is stored with a higher revision; those with a lower one are the latest no more."""
    overtaken, higher = _LATEST[table]
    db.execute(overtaken, (told.id, told.revision))
    return db.execute(higher, (told.id,)).fetchone() is None


def put_positions(db: sqlite3.Connection, positions: Mapping[str, Position]) -> None:
    for sink, position in positions.items():
        row = (sink, position.live, position.backlog_lo, position.backlog_hi)
        db.execute("INSERT OR REPLACE INTO position (sink, live, backlog_lo, backlog_hi) VALUES (?, ?, ?, ?)", row)
        # Only where it passed over a trace: another page in every commit would cost the card a seventh of its life.
        db.execute(
            "INSERT OR REPLACE INTO trace_position (sink, next) SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM trace "
            "WHERE seq < ?2 AND seq >= coalesce((SELECT next FROM trace_position WHERE sink = ?1), 0))",
            (sink, position.trace),
        )


def put_kept(db: sqlite3.Connection, kept: Mapping[str, str]) -> None:
    if SHIFTS in kept:
        _move_columns(db, kept[SHIFTS])
    db.executemany("INSERT OR REPLACE INTO meta VALUES ('kept:' || ?, ?)", kept.items())


def _move_columns(db: sqlite3.Connection, text: str) -> None:
    """What events, incidents and traces are looked up by, where rows are now known to be off. Bodies stay as they are:
    `Reader` corrects what it hands out. A shift that is stored already was applied with it."""
    stored = db.execute("SELECT v FROM meta WHERE k = 'kept:' || ?", (SHIFTS,)).fetchone()
    known = frozenset(understood(stored and str(stored[0])))
    new = sorted((one for one in understood(text) if one not in known), key=lambda one: -one.from_us)
    if new:
        _move(db, new)


def _move(db: sqlite3.Connection, shifts: Sequence[Shift]) -> None:
    """All at once, the latest first: what one has moved may lie where another begins."""
    columns = {"event": ("start_us", "end_us"), "incident": ("start_us", "end_us"), "trace": ("from_us", "to_us")}
    values = [value for one in shifts for value in (one.from_us, one.seq_lo, one.seq_hi, one.shift_us)]
    within = (min(one.seq_lo for one in shifts), max(one.seq_hi for one in shifts))
    for table, names in columns.items():
        for name in names:
            cases = f"WHEN {name} >= ? AND seq BETWEEN ? AND ? THEN ? " * len(shifts)
            moved = f"UPDATE {table} SET {name} = {name} + CASE {cases} ELSE 0 END WHERE seq BETWEEN ? AND ?"  # noqa: S608
            db.execute(moved, (*values, *within))


def put_dead(db: sqlite3.Connection, dead: Sequence[DeadLetter]) -> None:
    for letter in dead:
        row = (letter.sink, letter.seq, letter.reason, letter.body[:DEAD_BODY_CHARS], letter.time_us)
        db.execute("INSERT INTO dead (sink, seq, reason, body, time_us) VALUES (?, ?, ?, ?, ?)", row)
    for sink in {letter.sink for letter in dead}:
        db.execute(
            "DELETE FROM dead WHERE sink = ?1 AND id NOT IN "
            "(SELECT id FROM dead WHERE sink = ?1 ORDER BY id DESC LIMIT ?2)", (sink, DEAD_LETTERS)
        )  # fmt: skip
