"""Writing: one transaction per commit. Synchronous; everything here runs in the journal's own thread."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from agent.journal.ageing import Ageing
from agent.journal.ballast import Ballast
from agent.journal.batches import Commit, Committed, Found, Salvaged
from agent.journal.codec import CHUNKED, encode, runs
from agent.journal.entries import Range
from agent.journal.file import PAGE_BYTES, Opened, begin_anew, is_damage, open_file
from agent.journal.holes import Holes, claimed, let_go, look, put_let_go
from agent.journal.kept_rows import oldest
from agent.journal.lanes import Position, clamp
from agent.journal.reader import Reader
from agent.journal.retention import (
    AGED,
    LOW,
    SLICE,
    Eviction,
    Row,
    Sent,
    choose,
    eviction,
    excess_bytes,
    sent_by,
    trace_excess_bytes,
)
from agent.journal.rows import (
    begin_epoch,
    evict,
    insert,
    is_full,
    put_dead,
    put_kept,
    put_note,
    put_positions,
    transaction,
)
from agent.journal.salvage import SLICE_ROWS, Aside, rescue
from agent.journal.shifts import KEPT as SHIFTS
from agent.journal.shifts import Shifts
from agent.journal.taking_over import Taken, missing, put_rescued, take_over

T = TypeVar("T")

# What a failing filesystem shows once may be gone when the file is opened anew; what shows again lies in the file.
_TOO_MANY = 2
# Of the cap, at most, made room for at once.
_ROOM_SHARE = 16
# How far back a cut sets a sink, which then gets readings once more.
POSITIONS_US = 60_000_000


class Store:
    """The file. `start` first, `close` last. A commit that failed may be tried again as it was.

    gentle: what can wait is left alone, checks of the file and moves of its pages; anybody may end that
    """

    def __init__(
        self, path: Path, epoch: str, gateway: str, cap_bytes: int, keep_us: int | None = None, *, gentle: bool = False
    ) -> None:
        self.shifts = Shifts()
        self.gentle = gentle
        self._path = path
        self._epoch = epoch
        self._gateway = gateway
        self._cap_bytes = cap_bytes
        self._db: sqlite3.Connection | None = None
        self._reader: Reader | None = None
        self._head = 1  # the next seq that is not durable
        self._stored: dict[str, Position] = {}
        self._moved: dict[str, Position] = {}  # as of the last commit
        self._positions_us = 0
        self._lost_below = 0
        self._holes = Holes()
        self._salvage_below = 0
        self._note = ""  # of a file that was moved aside, until it is told
        self._aside: Aside | None = None
        self._waiting: Iterator[Taken] | None = None
        self._disputed: list[Range] = []  # by rows of the file aside, as far as they were taken over
        self._was_clean = True
        self._ballast = Ballast(path.parent, f"{path.name}.bad-*")
        self._ageing = Ageing(keep_us, self.shifts)
        self._relieved = False
        self._damages = 0  # that showed in use; each time the file was opened anew

    def start(self, now_us: int) -> Found:
        """Open (recover, create) and begin the epoch. OSError if the storage does not work."""
        try:
            self._open_on_full_card(now_us)
            return self._found(now_us)
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}; is the disk full, read-only or failing?") from error

    def _found(self, now_us: int) -> Found:
        self._ballast.ensure()
        try:
            return self._first_look()
        except OSError as error:
            if not (isinstance(error.__cause__, sqlite3.Error) and is_damage(error.__cause__)):
                raise
            self._damages = _TOO_MANY  # a check that was sound a moment ago is no reason to ask twice
        self._open(now_us, 1)
        return self._first_look()

    def _first_look(self) -> Found:
        found = self.ask(self._look)
        self._holes = Holes()  # told now
        return found

    def _look(self, reader: Reader) -> Found:
        note = reader.figures().note if self._salvage_below else ""
        return Found(
            self._head, dict(self._stored), reader.open_events(), reader.kept(), reader.open_incidents(),
            reader.last_us(), self._was_clean, self._salvage_below, self._told() or note, self._holes,
            1 if self._salvage_below else oldest(reader) or self._head,
        )  # fmt: skip

    def _told(self) -> str:
        note, self._note = self._note, ""
        return note

    def _open_on_full_card(self, now_us: int) -> sqlite3.Connection:
        try:
            return self._open(now_us, 1)
        except sqlite3.Error as error:
            if not (is_full(error) or self._ballast.is_needed) or not self._ballast.drop():
                raise
        return self._open(now_us, 1)

    def _open(self, now_us: int, durable: int) -> sqlite3.Connection:
        """durable: the next seq as far as this run knows; a file that takes the place of another goes on there."""
        damage = "damaged wherever it is read" if self._damages >= _TOO_MANY else ""
        try:
            if not damage:
                return self._use(open_file(self._path, self._cap_bytes, now_us, check=not self.gentle), now_us, durable)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            damage = str(error)  # its check found nothing, and then it did not read
        opened = begin_anew(self._path, self._cap_bytes, now_us, damage)
        self._damages = 0
        return self._use(opened, now_us, durable)

    def _use(self, opened: Opened, now_us: int, durable: int) -> sqlite3.Connection:
        db, note, moved = opened
        with ExitStack() as undo:
            undo.callback(db.close)
            reader = Reader(db, self.shifts)
            self._was_clean = reader.clean() and not note
            rescued = None if moved is None else rescue(moved)
            head = max(claimed(db, reader.head()), durable, rescued.head if rescued and durable == 1 else 1)
            holes = Holes((), head) if note else look(db, head, reader.salvage()[0])
            with transaction(db):
                begin_epoch(db, head, self._epoch, self._gateway, now_us)
                put_let_go(db, holes.let_go)
                if note:
                    put_note(db, note, forgotten=rescued is None)
                if rescued is not None and moved is not None:
                    put_rescued(db, rescued, head)
                    db.execute("INSERT INTO meta VALUES ('salvage', ?)", (f"{head} {moved.name}",))
            self.shifts.know(reader.kept().get(SHIFTS))
            reader = Reader(db, self.shifts)  # it keeps in mind what was kept, and that came just now
            self._head, self._stored = reader.head(), reader.positions()
            self._salvage_below = reader.salvage()[0]
            self._lost_below = durable if note and rescued is None else 0
            self._note, self._holes = note or self._note, holes
            self._db, self._reader = db, reader
            undo.pop_all()
            return db

    def ask(self, question: Callable[[Reader], T]) -> T:
        """A question to the file. OSError while it cannot be answered; the next commit then opens the file anew."""
        if self._reader is None:
            raise OSError(f"{self._path}: closed after an error, not open again yet")
        try:
            return question(self._reader)
        except sqlite3.Error as error:
            self._failed(error)
            raise OSError(f"{self._path}: {error}") from error

    def _failed(self, error: sqlite3.Error) -> None:
        self._damages += is_damage(error)
        self._drop_connection()

    def commit(self, batch: Commit, now_us: int, doomed: Collection[Row] = ()) -> Committed:
        """One transaction. On sqlite3.Error or OSError nothing of it is stored.

        After any error but a full disk the file is closed and opened anew by the next attempt: a descriptor
        that failed to flush must not be trusted again.
        """
        try:
            db = self._db or self._open(now_us, self._head)
            self._write(db, batch, now_us)
            surplus = self._surplus(batch.positions, 0, doomed)
            aged = None if surplus else self._aged(batch.positions, now_us, doomed)
            if surplus and not surplus.lost and self._may_wait():
                surplus, aged = None, surplus
        except sqlite3.Error as error:
            if not is_full(error):
                self._failed(error)
                if self._ballast.is_needed:  # a file that has to be opened on a full card shows other errors
                    self._ballast.drop()
            raise
        self._relieved = False
        self._ballast.ensure()
        done = Committed(self._head, surplus, self._lost_below, self._salvage_below, self._told(), self._holes, aged)
        self._lost_below, self._holes = 0, Holes()
        return done

    def _drop_connection(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
        self._db = self._reader = None
        self._leave_aside()

    def _leave_aside(self) -> None:
        if self._aside is not None:
            self._aside.close()
        self._aside = self._waiting = None

    def salvage(self) -> Salvaged:
        """Take over the next rows of the file that was moved aside. OSError as `ask`; it is then begun once more."""
        if self._db is None or self._reader is None:
            raise OSError(f"{self._path}: closed after an error, not open again yet")
        try:
            if self._take_over(self._db, self._reader):
                return Salvaged(done=False)
            return Salvaged(done=True, lost=missing(self._db, self._salvage_below, self._disputed))
        except sqlite3.Error as error:
            self._failed(error)
            raise OSError(f"{self._path}: {error}") from error

    def _take_over(self, db: sqlite3.Connection, reader: Reader) -> bool:
        """Whether there was anything left, and room for it."""
        if self._waiting is None:
            (below, name), self._disputed = reader.salvage(), []
            with suppress(sqlite3.Error):  # gone meanwhile: what is there already is all there is
                self._aside = Aside(self._path.with_name(name))
            self._waiting = iter(()) if self._aside is None else self._aside.rows(below)
        rows = tuple(islice(self._waiting, SLICE_ROWS))
        if not rows or excess_bytes(reader.used_bytes(), self._cap_bytes):
            return False
        try:
            with transaction(db):
                self._disputed += take_over(db, rows, self._salvage_below)
        except sqlite3.Error as error:
            if not is_full(error):
                raise
            return False
        return True

    def _may_wait(self) -> bool:
        """There is still room: a commit of its own, for rows that nobody lacks, would only wear the card."""
        return self._reader is not None and self._reader.used_bytes() < self._cap_bytes

    def _write(self, db: sqlite3.Connection, batch: Commit, now_us: int) -> None:
        # What a first attempt stored although it reported an error is not stored twice.
        entries = [entry for entry in batch.entries if entry.seq >= self._head]
        chunks = [encode(run) for run in runs(entries, CHUNKED)]
        head = entries[-1].seq + 1 if entries else self._head
        moved = {sink: clamp(position, head) for sink, position in batch.positions.items()}
        due = moved if self._positions_are_due(batch, now_us) else {}
        with transaction(db):
            evict(db, batch.evictions)
            let_go(db, batch.evictions)
            insert(db, chunks, entries)
            put_positions(db, dict(due.items() - self._stored.items()))
            put_dead(db, batch.dead)
            put_kept(db, batch.kept)
            if batch.salvaged:
                db.execute("DELETE FROM meta WHERE k = 'salvage'")
        if batch.salvaged:
            self._salvage_below = 0
            self._leave_aside()
        self._head, self._moved = head, moved
        if due:
            self._stored |= due
            self._positions_us = now_us
        if batch.evictions:
            self._shrink(db)

    def _positions_are_due(self, batch: Commit, now_us: int) -> bool:
        """In every group of readings they would be a sixth of what it writes. What is deleted because every sink has it
        needs them in the same transaction."""
        only_readings = all(isinstance(entry.record, CHUNKED) for entry in batch.entries)
        waited = abs(now_us - self._positions_us) >= POSITIONS_US
        return waited or not only_readings or not batch.entries or bool(batch.evictions)

    def _shrink(self, db: sqlite3.Connection) -> None:
        """Give pages back only where the cap was lowered: moving pages wears the card."""
        if not self.gentle and db.execute("PRAGMA page_count").fetchone()[0] * PAGE_BYTES > self._cap_bytes:
            db.execute(f"PRAGMA incremental_vacuum({SLICE * 10})").fetchall()

    def room(self, positions: Mapping[str, Position], need_bytes: int, doomed: Collection[Row]) -> Eviction | None:
        """What to delete when a commit did not fit, maybe nothing; None where it is no use to try again at once.

        Below our cap somebody else has filled the card: the ballast goes, and what is then deleted makes room inside
        the file. OSError as `ask`.
        """
        need_bytes = min(need_bytes, self._cap_bytes // _ROOM_SHARE)
        if self.ask(Reader.used_bytes) >= LOW * self._cap_bytes:
            return self.ask(lambda _: self._surplus(positions, need_bytes, doomed))
        again = self._relieve()
        surplus = None if doomed else self.ask(lambda _: self._surplus(positions, need_bytes, doomed))
        return Eviction((), (), "") if surplus is None and again else surplus

    def _relieve(self) -> bool:
        """Whether it is worth another try at once: one for each time that commits begin to fail."""
        dropped = self._ballast.drop()
        if self._db is not None:
            with suppress(sqlite3.Error):  # not cut short: whoever fills the card would get what it gives back
                self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        again, self._relieved = dropped or not self._relieved, True
        return again

    def _surplus(self, positions: Mapping[str, Position], at_least: int, doomed: Collection[Row]) -> Eviction | None:
        """What has to go, beside what is doomed already: nothing below the high mark."""
        if self._reader is None:
            return None
        need = max(excess_bytes(self._reader.used_bytes(), self._cap_bytes), at_least)
        traces_need = trace_excess_bytes(self._reader.trace_bytes(), self._cap_bytes)
        rows = partial(self._reader.oldest_rows, limit=SLICE + len(doomed))
        found = choose(rows, self._sent(positions), self._head, need, doomed, traces_need)
        return found if found.rows else None

    def _aged(self, positions: Mapping[str, Position], now_us: int, doomed: Collection[Row]) -> Eviction | None:
        rows = () if self._reader is None else self._ageing.rows(self._reader, now_us, doomed)
        return eviction(rows, self._sent(positions), AGED) if rows else None

    def _sent(self, positions: Mapping[str, Position]) -> Sent:
        return sent_by([clamp(position, self._head) for position in positions.values()], self._head)

    def close(self, *, clean: bool) -> None:
        """clean: everything was committed, so the next start need not check the file."""
        self._leave_aside()
        if self._db is None:
            return
        with closing(self._db) as db, transaction(db):
            put_positions(db, dict(self._moved.items() - self._stored.items()))
            db.execute("UPDATE meta SET v = ? WHERE k = 'clean'", (int(clean),))
        self._db = self._reader = None
