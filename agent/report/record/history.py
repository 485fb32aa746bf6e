"""Intervals of 400 days, for reports: a file of its own beside the journal, an hour of a meter a row.

What is in it was in the journal, and went to the database: so a damaged file is put aside and a new one begun, a full
card costs some of it, and neither is in the way of anything else. An hour in the making is written every ten minutes; a
kill costs no more than that, and reports say that it is unknown.
"""

import asyncio
import logging
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

from agent.records import HOUR_US, Interval
from agent.report.figures import Span
from agent.report.record.columns import Columns
from agent.report.record.history_file import FILE_NAME, in_spite_of_damage, is_torn, looked_at, opened
from agent.report.record.hour_codec import HourError, Section, decode, encode, sections, together
from agent.report.record.waiting import Told, Waiting

log = logging.getLogger("lamplighter.history")

KEEP_DAYS = 400
WRITE_EVERY_US = 600_000_000
_WAITING_HOURS = 48  # where the card takes nothing
# Hours that are asked for at once: asked one by one they took a tenth of a report's time.
_TOGETHER = 24
# Of minutes what long reports ask for, in steps that a meter of class 0.5 does not resolve; all else is in ten minutes.
_OF_MINUTES = {"voltage": 2, "frequency": 3}
# In a damaged row the hour may be anything; text sorts behind every number. Up to the year 9999.
_LAST = 70_000_000
_SANE = f"FROM hour WHERE at BETWEEN 0 AND {_LAST}"


@dataclass(frozen=True, slots=True)
class _Hour:
    """What is to be written of an hour of a meter. packed: as `encode` has it, where no write took it before."""

    at: int
    meter: str
    packed: bytes
    told: Told

    def rows(self) -> Iterator[Interval]:
        """In the order in which they were told."""
        if self.packed:
            for columns in decode(self.at, self.meter, self.packed):
                yield from columns.rows()
        yield from self.told.rows()


class History:
    """Takes intervals as they are told; made by `History.open`. All methods belong to the event loop.

    Of 200 meters an hour takes 20 MB as objects and 0.2 MB as bytes: in memory is what no write has seen yet, as
    numbers, and packed what the card did not take.
    """

    def __init__(self, path: Path, now_us: Callable[[], int]) -> None:
        self._file = _File(path)
        self._now_us = now_us
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self._told = Waiting()
        self._packed: dict[tuple[int, str], bytes] = {}
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
        self._told.add(_reduced(interval))

    async def tick(self) -> None:
        """Writes what is due."""
        now_us = self._now_us()
        if abs(now_us - self._written_us) >= WRITE_EVERY_US:
            self._written_us = now_us
            await self.write()

    async def write(self) -> None:
        """All that was told since the last write, and what that did not take. What is written is forgotten."""
        waiting, packed, self._told, self._packed = self._told, self._packed, Waiting(), {}
        told = waiting.hours()
        hours = [_Hour(*key, packed.get(key, b""), told.get(key, Told())) for key in sorted({*told, *packed})]
        if not hours:
            return
        now = self._now_us() // HOUR_US
        try:
            work = partial(self._file.taken, hours, now - KEEP_DAYS * 24, now - _WAITING_HOURS)
            failed, self._packed = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except asyncio.CancelledError:  # whether it was written nobody knows: once more does no harm
            self._told.put_before(waiting)
            self._packed = packed
            raise
        if failed and not self._failing:
            log.warning("history.failed error=%s", failed)
        elif self._failing and not failed:
            log.info("history.recovered")
        self._failing = bool(failed)


def _packed(hour: _Hour) -> bytes:
    return encode(hour.at, _once(hour.rows())) if hour.told else hour.packed


def _once(intervals: Iterable[Interval]) -> list[Interval]:
    """Of two of one kind and time the later one."""
    return list({(one.kind, one.start_us): one for one in intervals}.values())


class _File:
    """The file. Synchronous; in the history's own thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def taken(self, hours: Sequence[_Hour], keep: int, wait: int) -> tuple[str, dict[tuple[int, str], bytes]]:
        """Why not, and then what still waits, packed. keep, wait: the first hour of the file, and of those."""
        try:
            in_spite_of_damage(self._path, lambda: self._taken(hours, keep))
        except (sqlite3.Error, OSError) as error:
            packed = {(one.at, one.meter): _packed(one) for one in hours if one.at >= wait}
            return str(error) or type(error).__name__, packed
        return "", {}

    def _taken(self, hours: Sequence[_Hour], before: int) -> None:
        with opened(self._path) as db:
            for hour in hours:
                at, meter = hour.at, hour.meter
                body = encode(at, _once((*_stored(db, at, meter), *hour.rows())))
                db.execute("INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?)", (at, meter, zlib.crc32(body), body))
            db.execute("DELETE FROM hour WHERE at < ?", (before,))


def _stored(db: sqlite3.Connection, at: int, meter: str) -> Iterator[Interval]:
    """What an earlier run wrote of the same hour."""
    for crc32, body in db.execute("SELECT crc32, body FROM hour WHERE at = ? AND meter = ?", (at, meter)).fetchall():
        for columns in together(meter, _sections(at, crc32, body)):
            yield from columns.rows()


def _sections(at: int, crc32: object, body: object) -> Sequence[Section]:
    """None of a row that is damaged."""
    if not isinstance(body, bytes) or zlib.crc32(body) != crc32:
        return ()
    try:
        return sections(at, body)
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
        """Those that begin in the span, a day or less at a time, of each kind in order; of a torn file what reads."""
        hours = self._hours(span)
        for begin in range(hours.start, hours.stop, _TOGETHER):
            rows = self._rows(meter, range(begin, min(begin + _TOGETHER, hours.stop)))
            told = [_sections(*row) for row in rows]
            self.damaged += sum(not one for one in told)
            yield from (columns.within(span) for columns in together(meter, chain.from_iterable(told)))

    def _hours(self, span: Span) -> range:
        """Those of the span that it may have. Where the first or the last page is torn nobody knows where it ends: the
        span decides."""
        try:
            first, after = max(0, span.from_us // HOUR_US), min(_LAST + 1, -(-span.to_us // HOUR_US))
            since, until = (self._db.execute(f"SELECT {end}(at) {_SANE}").fetchone()[0] for end in ("min", "max"))
        except sqlite3.DatabaseError as error:
            if not is_torn(error):
                raise
            return range(first, after)
        return range(0) if since is None else range(max(first, since), min(after, until + 1))

    def _rows(self, meter: str, hours: Sequence[int]) -> Sequence[tuple[int, object, object]]:
        # By name: a range of hours would be read with all other meters that lie in between.
        asked = ", ".join("?" * len(hours))
        sql = f"SELECT at, crc32, body FROM hour WHERE at IN ({asked}) AND meter = ? ORDER BY at"  # noqa: S608
        try:
            return self._db.execute(sql, (*hours, meter)).fetchall()
        except sqlite3.DatabaseError as error:
            if not is_torn(error):
                raise
        if len(hours) > 1:  # one torn page takes all that is asked for together with it
            return [row for at in hours for row in self._rows(meter, (at,))]
        self.damaged += 1
        return []

    def meters(self) -> tuple[str, ...]:
        names = (name for (name,) in self._db.execute("SELECT DISTINCT meter FROM hour ORDER BY meter"))
        return tuple(name for name in names if isinstance(name, str))

    def since_us(self) -> int | None:
        """None where it is empty, or its first page torn."""
        try:
            at = self._db.execute(f"SELECT min(at) {_SANE}").fetchone()[0]
        except sqlite3.DatabaseError as error:
            if not is_torn(error):
                raise
            return None
        return None if at is None else int(at) * HOUR_US


@contextmanager
def past(state_dir: Path) -> Iterator[Past | None]:
    """A look, also while the agent writes. None where there is nothing yet; OSError where the file cannot be read."""
    path = state_dir / FILE_NAME
    if not path.exists() or not path.stat().st_size:
        yield None
        return
    with looked_at(path) as db:
        yield Past(db)
