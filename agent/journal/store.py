"""Writing: one transaction per commit. Synchronous; everything here runs in the journal's own thread."""

import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from agent.journal.codec import TRACE_ZLIB, Chunk, encode, encode_event, encode_incident, encode_trace, runs
from agent.journal.entries import DeadLetter, Entry
from agent.journal.file import PAGE_BYTES, open_file
from agent.journal.lanes import Position, clamp
from agent.journal.reader import OLDEST, Reader
from agent.journal.retention import LOW, SLICE, Eviction, Row, choose, excess_bytes, sent_by, trace_excess_bytes
from agent.records import Event, Gap, Incident, Reading, Trace
from agent.trace_rows import span_us

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class Found:
    """What a start found. head: next seq to give out; positions: of every sink ever known; kept: by name; last_us: UTC
    of the youngest entry; clean: the run before ended in order, with everything stored."""

    head: int
    positions: dict[str, Position]
    open_events: tuple[Event, ...]
    kept: dict[str, str] = field(default_factory=dict)
    open_incidents: tuple[Incident, ...] = ()
    last_us: int | None = None
    clean: bool = True


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction has to do: delete what is evicted, add entries, store positions, dead letters and what is
    kept by name."""

    entries: tuple[Entry, ...]
    positions: Mapping[str, Position]
    dead: tuple[DeadLetter, ...] = ()
    evictions: tuple[Eviction, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Committed:
    """head: everything below is durable, or was; surplus: what has to go next; lost_below: the file turned out
    to be damaged and a new one was begun, so that what lay below this seq is gone (0: nothing)."""

    head: int
    surplus: Eviction | None
    lost_below: int


class Store:
    """The file. `start` first, `close` last. A commit that failed may be tried again as it was."""

    def __init__(self, path: Path, epoch: str, gateway: str, cap_bytes: int) -> None:
        self._path = path
        self._epoch = epoch
        self._gateway = gateway
        self._cap_bytes = cap_bytes
        self._db: sqlite3.Connection | None = None
        self._reader: Reader | None = None
        self._head = 1  # the next seq that is not durable
        self._stored: dict[str, Position] = {}
        self._lost_below = 0
        self._was_clean = True

    def start(self, now_us: int) -> Found:
        """Open (recover, create) and begin the epoch. OSError if the storage does not work."""
        try:
            db, _ = self._open(now_us)
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}; is the disk full, read-only or failing?") from error
        reader = Reader(db)
        return Found(
            self._head, dict(self._stored), reader.open_events(), reader.kept(), reader.open_incidents(),
            reader.last_us(), self._was_clean,
        )  # fmt: skip

    def _open(self, now_us: int) -> tuple[sqlite3.Connection, str]:
        with ExitStack() as undo:
            db, note = open_file(self._path, self._cap_bytes, now_us)
            undo.callback(db.close)
            reader = Reader(db)
            self._head, self._stored = reader.head(), reader.positions()
            self._was_clean = reader.clean()
            with transaction(db):
                _begin_epoch(db, self._head, self._epoch, self._gateway, now_us)
                if note:
                    db.execute("UPDATE meta SET v = ? WHERE k = 'note'", (note,))
            self._db, self._reader = db, reader
            undo.pop_all()
            return db, note

    def ask(self, question: Callable[[Reader], T]) -> T:
        """A question to the file. OSError while it cannot be answered; the next commit then opens the file anew."""
        if self._reader is None:
            raise OSError(f"{self._path}: closed after an error, not open again yet")
        try:
            return question(self._reader)
        except sqlite3.Error as error:
            self._drop_connection()
            raise OSError(f"{self._path}: {error}") from error

    def commit(self, batch: Commit, now_us: int, doomed: Collection[Row] = ()) -> Committed:
        """One transaction. On sqlite3.Error or OSError nothing of it is stored.

        After any error but a full disk the file is closed and opened anew by the next attempt: a descriptor
        that failed to flush must not be trusted again.
        """
        db = self._db or self._reopen(now_us)
        try:
            self._write(db, batch)
            surplus = self._surplus(batch.positions, 0, doomed)
        except sqlite3.Error as error:
            if not is_full(error):
                self._drop_connection()
            raise
        lost_below, self._lost_below = self._lost_below, 0
        return Committed(self._head, surplus, lost_below)

    def _reopen(self, now_us: int) -> sqlite3.Connection:
        durable = self._head
        db, moved_aside = self._open(now_us)
        if moved_aside:
            self._lost_below = durable
        return db

    def _drop_connection(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
        self._db = self._reader = None

    def _write(self, db: sqlite3.Connection, batch: Commit) -> None:
        # What a first attempt stored although it reported an error is not stored twice.
        entries = [entry for entry in batch.entries if entry.seq >= self._head]
        chunks = [encode(run) for run in runs(entries, Reading)]
        head = entries[-1].seq + 1 if entries else self._head
        positions = {sink: clamp(position, head) for sink, position in batch.positions.items()}
        with transaction(db):
            _evict(db, batch.evictions)
            _insert(db, chunks, entries)
            _put_positions(db, dict(positions.items() - self._stored.items()))
            _put_dead(db, batch.dead)
            db.executemany("INSERT OR REPLACE INTO meta VALUES ('kept:' || ?, ?)", batch.kept.items())
        self._head = head
        self._stored |= positions
        if batch.evictions:
            self._shrink(db)

    def _shrink(self, db: sqlite3.Connection) -> None:
        """Give pages back only where the cap was lowered: moving pages wears the card."""
        if db.execute("PRAGMA page_count").fetchone()[0] * PAGE_BYTES > self._cap_bytes:
            db.execute(f"PRAGMA incremental_vacuum({SLICE * 10})").fetchall()

    def room(self, positions: Mapping[str, Position], need_bytes: int, doomed: Collection[Row]) -> Eviction | None:
        """What to delete when a commit did not fit; None where the cap is not the reason, or nothing is left.

        OSError as `ask`.
        """
        if self.ask(Reader.used_bytes) < LOW * self._cap_bytes:
            return None
        return self.ask(lambda _: self._surplus(positions, need_bytes, doomed))

    def _surplus(self, positions: Mapping[str, Position], at_least: int, doomed: Collection[Row]) -> Eviction | None:
        """What has to go, beside what is doomed already: nothing below the high mark."""
        if self._reader is None:
            return None
        need = max(excess_bytes(self._reader.used_bytes(), self._cap_bytes), at_least)
        traces_need = trace_excess_bytes(self._reader.trace_bytes(), self._cap_bytes)
        sent = sent_by([clamp(position, self._head) for position in positions.values()], self._head)
        oldest = partial(self._reader.oldest_rows, limit=SLICE + len(doomed))
        found = choose(oldest, sent, self._head, need, doomed, traces_need)
        return found if found.rows else None

    def close(self, *, clean: bool) -> None:
        """clean: everything was committed, so the next start need not check the file."""
        if self._db is None:
            return
        with closing(self._db) as db:
            db.execute("UPDATE meta SET v = ? WHERE k = 'clean'", (int(clean),))
        self._db = self._reader = None


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


def _begin_epoch(db: sqlite3.Connection, head: int, epoch: str, gateway: str, now_us: int) -> None:
    # An epoch that began at the same seq left nothing behind: its row is replaced.
    db.execute("INSERT OR REPLACE INTO epoch VALUES (?, ?, ?, ?)", (head, epoch, gateway, now_us))
    oldest = db.execute(OLDEST).fetchone()[0]
    db.execute(
        "DELETE FROM epoch WHERE seq_lo < (SELECT max(seq_lo) FROM epoch WHERE seq_lo <= ?)",
        (head if oldest is None else oldest,),
    )
    db.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")
    db.execute("UPDATE meta SET v = v + 1 WHERE k = 'opens'")


def _evict(db: sqlite3.Connection, evictions: Sequence[Eviction]) -> None:
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
        db.execute("UPDATE meta SET v = v - ? WHERE k = 'trace_bytes'", (size,))
        db.execute("UPDATE meta SET v = v + 1 WHERE k = 'traces_evicted'")


def _insert(db: sqlite3.Connection, chunks: Sequence[Chunk], entries: Sequence[Entry]) -> None:
    for chunk in chunks:
        row = (chunk.seq_lo, chunk.seq_hi, chunk.codec, chunk.crc32, chunk.body)
        db.execute("INSERT INTO chunk (seq_lo, seq_hi, codec, crc32, body) VALUES (?, ?, ?, ?, ?)", row)
    for entry in entries:
        if isinstance(entry.record, Event):
            _insert_event(db, entry.seq, entry.record)
        elif isinstance(entry.record, Incident):
            _insert_incident(db, entry.seq, entry.record)
        elif isinstance(entry.record, Gap):
            _insert_gap(db, entry.seq, entry.record)
        elif isinstance(entry.record, Trace):
            _insert_trace(db, entry.seq, entry.record)


def _insert_trace(db: sqlite3.Connection, seq: int, trace: Trace) -> None:
    body = encode_trace(trace)
    size = len(body) + TRACE_ROW_BYTES
    row = (seq, trace.event, trace.part, trace.meter, *span_us(trace), size, TRACE_ZLIB, zlib.crc32(body), body)
    db.execute(
        "INSERT INTO trace (seq, event, part, meter, from_us, to_us, size, codec, crc32, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
    )  # fmt: skip
    db.execute("UPDATE meta SET v = v + ? WHERE k = 'trace_bytes'", (size,))


def _insert_gap(db: sqlite3.Connection, seq: int, gap: Gap) -> None:
    row = (seq, gap.seq_lo, gap.seq_hi, gap.reason, gap.time_us)
    db.execute("INSERT INTO gap (seq, seq_lo, seq_hi, reason, time_us) VALUES (?, ?, ?, ?, ?)", row)


def _insert_event(db: sqlite3.Connection, seq: int, event: Event) -> None:
    """The highest revision of an id is `latest`, in whatever order they come."""
    latest = _is_latest(db, "event", event)
    body = encode_event(event)
    db.execute(
        "INSERT INTO event (seq, id, revision, latest, state, kind, meter, start_us, end_us, crc32, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # the body as text, for people with a sqlite3 at hand
        (seq, event.id, event.revision, latest, event.state, event.kind, event.meter, event.start_us, event.end_us,
         zlib.crc32(body), body.decode()),
    )  # fmt: skip


def _insert_incident(db: sqlite3.Connection, seq: int, incident: Incident) -> None:
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


def _put_positions(db: sqlite3.Connection, positions: Mapping[str, Position]) -> None:
    for sink, position in positions.items():
        row = (sink, position.live, position.backlog_lo, position.backlog_hi)
        db.execute("INSERT OR REPLACE INTO position (sink, live, backlog_lo, backlog_hi) VALUES (?, ?, ?, ?)", row)
        # Only where it passed over a trace: another page in every commit would cost the card a seventh of its life.
        db.execute(
            "INSERT OR REPLACE INTO trace_position (sink, next) SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM trace "
            "WHERE seq < ?2 AND seq >= coalesce((SELECT next FROM trace_position WHERE sink = ?1), 0))",
            (sink, position.trace),
        )


def _put_dead(db: sqlite3.Connection, dead: Sequence[DeadLetter]) -> None:
    for letter in dead:
        row = (letter.sink, letter.seq, letter.reason, letter.body[:DEAD_BODY_CHARS], letter.time_us)
        db.execute("INSERT INTO dead (sink, seq, reason, body, time_us) VALUES (?, ?, ?, ?, ?)", row)
    for sink in {letter.sink for letter in dead}:
        db.execute(
            "DELETE FROM dead WHERE sink = ?1 AND id NOT IN "
            "(SELECT id FROM dead WHERE sink = ?1 ORDER BY id DESC LIMIT ?2)", (sink, DEAD_LETTERS)
        )  # fmt: skip
