"""Intervals of 400 days, for reports: a file of its own beside the journal, an hour of a meter a row.

What is in it was in the journal, and went to the database: so a damaged file is put aside and a new one begun, a full
card costs some of it, and neither is in the way of anything else. An hour in the making is written every ten minutes; a
kill costs no more than that, and reports say that it is unknown.
"""

import asyncio
import logging
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from pathlib import Path

from agent.records import Interval
from agent.report.columns import Columns
from agent.report.figures import Span
from agent.report.hour_codec import HOUR_US, HourError, decode, encode

log = logging.getLogger("lamplighter.history")

FILE_NAME = "history.sqlite3"
KEEP_DAYS = 400
WRITE_EVERY_US = 600_000_000
_DAY_US = 24 * HOUR_US
_SCHEMA = 2  # 1: hours as the journal's chunks
_APPLICATION_ID = 0x4C414D48  # "LAMH"
# Of minutes what long reports ask for, in steps that a meter of class 0.5 does not resolve; all else is in ten minutes.
_OF_MINUTES = {"voltage": 2, "frequency": 3}
_TABLE = """CREATE TABLE hour (at INTEGER NOT NULL, meter TEXT NOT NULL, crc32 INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (at, meter)) WITHOUT ROWID"""


class History:
    """Takes intervals as they are told; made by `History.open`. All methods belong to the event loop."""

    def __init__(self, path: Path, now_us: Callable[[], int]) -> None:
        self._file = _File(path)
        self._now_us = now_us
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._hours: dict[tuple[int, str], list[Interval]] = {}
        self._changed: set[tuple[int, str]] = set()
        self._written_us = now_us()
        self._failing = False

    @classmethod
    @asynccontextmanager
    async def open(cls, state_dir: Path, now_us: Callable[[], int]) -> AsyncIterator["History"]:
        """Nothing that is wrong with the file or the card keeps anybody from starting."""
        history = cls(state_dir / FILE_NAME, now_us)
        try:
            yield history
        finally:
            await history.write()
            history._thread.shutdown(wait=False)

    def add(self, interval: Interval) -> None:
        key = interval.start_us // HOUR_US, interval.meter
        self._hours.setdefault(key, []).append(_reduced(interval))
        self._changed.add(key)

    async def tick(self) -> None:
        """Writes what is due."""
        now_us = self._now_us()
        if abs(now_us - self._written_us) >= WRITE_EVERY_US:
            self._written_us = now_us
            await self.write()

    async def write(self) -> None:
        """All hours that changed; those that are over are forgotten once they are written."""
        rows = [(*key, tuple(self._hours[key])) for key in sorted(self._changed)]
        if not rows:
            return
        before = (self._now_us() - KEEP_DAYS * _DAY_US) // HOUR_US
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._file.write, rows, before)
        except (sqlite3.Error, OSError) as error:
            if not self._failing:
                log.warning("history.failed error=%s", error)
            self._failing = True
        else:
            if self._failing:
                log.info("history.recovered")
            self._failing = False
            self._changed.clear()
        self._forget()

    def _forget(self) -> None:
        """A demand block is told up to 20 minutes after its hour; where the card takes nothing two days are kept."""
        now = self._now_us() // HOUR_US
        for key in [key for key in self._hours if not now - 2 < key[0] <= now + 1]:
            if key not in self._changed or abs(now - key[0]) > 48:
                del self._hours[key]
                self._changed.discard(key)


class _File:
    """The file. Synchronous; in the history's own thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, rows: Sequence[tuple[int, str, tuple[Interval, ...]]], before: int) -> None:
        """A connection each time: every ten minutes, and nothing is open that a failing card could spoil."""
        try:
            self._write(rows, before)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            aside = self._path.with_name(f"{FILE_NAME}.bad")
            self._path.replace(aside)
            log.error("history.moved_aside to=%s error=%s", aside.name, error)
            self._write(rows, before)

    def _write(self, rows: Sequence[tuple[int, str, tuple[Interval, ...]]], before: int) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=5)) as db:
            _prepare(db)
            db.execute("BEGIN IMMEDIATE")
            for at, meter, told in rows:
                known = {(one.kind, one.start_us): one for one in (*_stored(db, at, meter), *told)}
                body = encode(at, list(known.values()))
                db.execute("INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?)", (at, meter, zlib.crc32(body), body))
            db.execute("DELETE FROM hour WHERE at < ?", (before,))
            db.execute("COMMIT")


def _prepare(db: sqlite3.Connection) -> None:
    owner, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    empty = db.execute("SELECT 1 FROM sqlite_master").fetchone() is None
    if not empty and (owner != _APPLICATION_ID or version != _SCHEMA):
        raise NotOursError(f"{FILE_NAME}: application {owner:#x}, schema {version}")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA secure_delete=OFF")
    if empty:
        db.executescript(
            f"PRAGMA auto_vacuum=INCREMENTAL; BEGIN; {_TABLE}; PRAGMA application_id={_APPLICATION_ID};"
            f" PRAGMA user_version={_SCHEMA}; COMMIT;"
        )


class NotOursError(sqlite3.DatabaseError):
    """A file of another program, or of a newer version."""


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None) or 0
    return isinstance(error, NotOursError) or code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _stored(db: sqlite3.Connection, at: int, meter: str) -> Iterator[Interval]:
    """What an earlier run wrote of the same hour."""
    for crc32, body in db.execute("SELECT crc32, body FROM hour WHERE at = ? AND meter = ?", (at, meter)).fetchall():
        for columns in _decoded(at, meter, crc32, body):
            yield from columns.rows()


def _decoded(at: int, meter: str, crc32: object, body: object) -> Sequence[Columns]:
    if not isinstance(body, bytes) or zlib.crc32(body) != crc32:
        return ()
    try:
        return decode(at, meter, body)
    except HourError:
        return ()


def _reduced(one: Interval) -> Interval:
    if one.kind != "interval_1min":
        return one
    values = {
        key: round(value, digits)
        for key, value in one.values.items()
        for what, digits in _OF_MINUTES.items()
        if key.startswith(what)
    }
    return replace(one, values=values, min={}, max={})


class Past:
    """What is kept, for whoever reads it. damaged: rows that did not read"""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.damaged = 0

    def of_meter(self, meter: str, span: Span) -> Iterator[Columns]:
        """Those that begin in the span, an hour at a time and kinds apart, hours in order."""
        since, until = self._db.execute("SELECT min(at), max(at) FROM hour").fetchone()
        if since is None:
            return
        # One by one: a range of hours would be read with all other meters that lie in between.
        sql = "SELECT crc32, body FROM hour WHERE at = ? AND meter = ?"
        for at in range(max(since, span.from_us // HOUR_US), min(until + 1, -(-span.to_us // HOUR_US))):
            for crc32, body in self._db.execute(sql, (at, meter)):
                told = _decoded(at, meter, crc32, body)
                self.damaged += not told
                yield from (columns.within(span) for columns in told)

    def meters(self) -> tuple[str, ...]:
        return tuple(name for (name,) in self._db.execute("SELECT DISTINCT meter FROM hour ORDER BY meter"))

    def since_us(self) -> int | None:
        at = self._db.execute("SELECT min(at) FROM hour").fetchone()[0]
        return None if at is None else int(at) * HOUR_US


@contextmanager
def past(state_dir: Path) -> Iterator[Past | None]:
    """A look, also while the agent writes. None where there is nothing yet; OSError where the file cannot be read."""
    path = state_dir / FILE_NAME
    if not path.exists():
        yield None
        return
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
            yield Past(db)
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error
