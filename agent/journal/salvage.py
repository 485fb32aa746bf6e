"""What still reads of a file that was moved aside is taken over into the new one.

The first look, at the start, is bounded: what the agent cannot go on without, and the youngest rows of every kind. The
rest follows row by row in slices between commits; rows that are there already are left alone, so a salvage that was cut
off is begun once more. Only what its checksum vouches for is believed, and gap records are few enough to be looked at.
Synchronous; in the journal's own thread.
"""

import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from agent.journal.codec import Chunk, ChunkError, decode_event, decode_gap, decode_incident, decode_trace
from agent.journal.entries import DeadLetter, Entry, Range
from agent.journal.file import is_damage
from agent.journal.first_page import lend
from agent.journal.holes import claimed
from agent.journal.lanes import Position, clamp
from agent.journal.retention import Table
from agent.journal.taking_over import Rescued, Taken

log = logging.getLogger(__name__)

# A transaction of so many rows takes some tens of milliseconds.
SLICE_ROWS = 50
# Of each kind, at the start; parts of traces are heavier.
FIRST_ROWS = 400
FIRST_TRACES = 20
# Where the end of a table does not read, so many seqs may have been given out beyond the last one that does.
UNKNOWN_TAIL = 1000
# No file was ever written to so long. What says more is damaged.
MOST_SEQ = 1 << 52
# Damaged pages may follow each other in a ring.
MOST_LOOSE = 10_000
# No chunk was ever longer.
MOST_ROWS = 100_000

_TABLES: dict[Table, tuple[str, str]] = {
    "event": ("seq", "seq, CAST(body AS BLOB), crc32"),
    "incident": ("seq", "seq, CAST(body AS BLOB), crc32"),
    "gap": ("seq", "seq, seq_lo, seq_hi, reason, time_us"),
    "chunk": ("seq_lo", "seq_lo, seq_hi, codec, crc32, body"),
    "trace": ("seq", "seq, codec, crc32, body"),
}
# sink, seq, reason, body, time_us: a torn page may give a column any type.
_LETTER = (str, int, str, str, int)
_OPEN = "SELECT seq, CAST(body AS BLOB), crc32 FROM {} WHERE latest AND state = 'open'"
_POSITIONS = (
    "SELECT sink, live, backlog_lo, backlog_hi, 1 FROM position",
    "SELECT sink, live, backlog_lo, backlog_hi, next FROM position JOIN trace_position USING (sink)",
)


class Aside:
    """A file that was moved aside, read as far as it can be. sqlite3.Error where it cannot even be opened."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=0)
        try:
            for setting in ("locking_mode=EXCLUSIVE", "cell_size_check=ON", "trusted_schema=OFF", "mmap_size=0"):
                self._db.execute(f"PRAGMA {setting}").fetchall()
            self._db.execute("SELECT count(*) FROM sqlite_master").fetchall()
            self._db.execute("PRAGMA query_only=ON").fetchall()
        except sqlite3.Error:
            self.close()
            raise
        except UnicodeDecodeError as error:  # as in file.connect
            self.close()
            raise sqlite3.DatabaseError(f"the schema is no text: {error.object!r}") from error

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._db.close()

    def first_look(self) -> Rescued:
        rows: list[Taken] = []
        unknown = 0
        for table in _TABLES:
            last, sound = self._last(table)
            most = FIRST_TRACES if table == "trace" else FIRST_ROWS
            rows += self._taken(table, islice(self._down(table, (0, last + 1)), most))
            unknown = unknown if sound else UNKNOWN_TAIL
        rows += self._left_open()
        epochs = tuple(row for row in self._read("SELECT * FROM epoch") if isinstance(row[0], int))
        begun = [seq for seq, *_ in epochs if 0 < seq < MOST_SEQ]
        head = self._claimed(max([1, *map(_end, rows), *begun])) + unknown
        return Rescued(head, tuple(rows), self._positions(head), self._kept(), self._dead(), epochs)

    def _claimed(self, head: int) -> int:
        """A sink's position proves rows behind the last one that reads, too."""
        with suppress(sqlite3.DatabaseError):
            return claimed(self._db, head)
        return head

    def _positions(self, head: int) -> dict[str, Position]:
        return {
            sink: clamp(Position(*rest), head)
            for sql in _POSITIONS
            for sink, *rest in self._read(sql)
            if all(isinstance(seq, int) and seq > 0 for seq in rest)
        }

    def _last(self, table: Table) -> tuple[int, bool]:
        """The last seq that reads, and whether it is known to be the last."""
        key, _ = _TABLES[table]
        lo, hi = 0, MOST_SEQ
        try:
            found = self._db.execute(f"SELECT max({key}) FROM {table}").fetchone()[0]  # noqa: S608 - names of ours
        except sqlite3.DatabaseError as error:
            if "no such table" in str(error):
                return 0, True
        else:
            return (found if isinstance(found, int) else 0), True
        while hi - lo > 1:
            middle = (lo + hi) // 2
            rows, _ = self._some(table, (middle, hi), "ASC", 1)
            # A damaged tree may answer with a row from elsewhere; believed, it would send this round for ever.
            lo, hi = (min(max(middle, rows[0][0]), hi - 1), hi) if rows else (lo, middle)
        return lo, False

    def _left_open(self) -> list[Taken]:
        told: tuple[Table, ...] = ("event", "incident")
        return [one for table in told for one in self._taken(table, self._read(_OPEN.format(table)))]

    def _kept(self) -> dict[str, str]:
        rows = self._read("SELECT substr(k, 6), v FROM meta WHERE k LIKE 'kept:%'")
        return {name: text for name, text in rows if isinstance(name, str) and isinstance(text, str)}

    def _dead(self) -> tuple[DeadLetter, ...]:
        rows = self._read("SELECT sink, seq, reason, body, time_us FROM dead ORDER BY id")
        return tuple(DeadLetter(*row) for row in rows if tuple(map(type, row)) == _LETTER)

    def _read(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows up to where it does not go on; none where there is no such table."""
        found = []
        with suppress(sqlite3.DatabaseError), closing(self._db.execute(sql)) as rows:
            for row in islice(rows, MOST_LOOSE):
                found.append(row)  # noqa: PERF402 - what came before an error counts
        return found

    def rows(self, head: int) -> Iterator[Taken]:
        """Everything below head that reads, events first."""
        for table in _TABLES:
            yield from self._taken(table, self._up(table, (0, head)))

    @staticmethod
    def _taken(table: Table, rows: Iterable[tuple[Any, ...]]) -> Iterator[Taken]:
        for row in rows:
            try:
                yield _TAKEN[table](_seq(row[0]), *row[1:])
            except (ChunkError, ValueError, TypeError, LookupError) as error:
                log.debug("journal.not_salvaged table=%s seq=%s error=%r", table, row[0], error)

    def _up(self, table: Table, within: Range) -> Iterator[tuple[Any, ...]]:
        """Rows in order. Behind a damaged place it goes on where the table reads again, found by steps that double,
        and from there back to the damage."""
        at, hi = within
        step, damaged_from = 1, hi
        while at < hi:
            rows, sound = self._some(table, (at, hi), "ASC")
            if rows and damaged_from < rows[0][0]:
                yield from self._down(table, (damaged_from, rows[0][0]))
            yield from rows
            if sound and not rows:
                break
            if rows:
                at, step, damaged_from = max(at, rows[-1][0]) + 1, 1, hi
            if not sound:
                damaged_from = min(damaged_from, at)
                at, step = at + step, 2 * step
        yield from self._down(table, (damaged_from, hi))

    def _down(self, table: Table, within: Range) -> Iterator[tuple[Any, ...]]:
        """Rows from the last to the first, or to a damaged place."""
        lo, hi = within
        while lo < hi:
            rows, sound = self._some(table, (lo, hi), "DESC")
            yield from rows
            if not (rows and sound):
                return
            hi = min(hi - 1, rows[-1][0])

    def _some(
        self, table: Table, within: Range, way: Literal["ASC", "DESC"], limit: int = SLICE_ROWS
    ) -> tuple[list[tuple[Any, ...]], bool]:
        """The first or last rows of a range, and whether they ended without an error."""
        key, columns = _TABLES[table]
        sql = f"SELECT {columns} FROM {table} WHERE {key} >= ? AND {key} < ? ORDER BY {key} {way} LIMIT ?"  # noqa: S608
        found: list[tuple[Any, ...]] = []
        try:
            with closing(self._db.execute(sql, (*within, limit))) as rows:
                for row in rows:
                    found.append(row)  # noqa: PERF402 - what came before an error counts
        except sqlite3.DatabaseError as error:
            return found, "no such table" in str(error)  # of an older schema
        return found, True


def rescue(moved: Path) -> Rescued | None:
    """A first look at a file that was moved aside; None where nothing of it can be read."""
    try:
        return _looked_at(moved)
    except sqlite3.DatabaseError as error:
        if is_damage(error) or not isinstance(error, sqlite3.OperationalError):
            with suppress(sqlite3.Error, OSError):
                found = _looked_at(moved) if lend(moved) else None
                if found is not None and found.rows:
                    return found
        log.error("journal.not_salvaged file=%s error=%s", moved, error)
    return None


def _looked_at(moved: Path) -> Rescued:
    with closing(Aside(moved)) as aside:
        return aside.first_look()


def perhaps_given(missing: Sequence[Range], below: int) -> Range:
    """Of all that is missing below a seq, what may never have been given out: a jump over an end that did not read."""
    lo, hi = missing[-1] if missing else (below, below)
    return (hi - UNKNOWN_TAIL, hi) if hi == below and hi - lo >= UNKNOWN_TAIL else (below, below)


def _seq(found: object) -> int:
    """A damaged schema may have made its column another kind."""
    if not isinstance(found, int):
        raise TypeError(f"seq {found!r}")
    return found


def _event(seq: int, body: bytes, crc32: int) -> Entry:
    return Entry(seq, decode_event(body, crc32))


def _incident(seq: int, body: bytes, crc32: int) -> Entry:
    return Entry(seq, decode_incident(body, crc32))


def _gap(seq: int, *told: object) -> Entry:
    return Entry(seq, decode_gap(seq, *told))


def _chunk(seq_lo: int, seq_hi: int, codec: int, crc32: int, body: bytes) -> Chunk:
    # Not decoded: that takes a hundred times as long. Who reads it later finds out if the other columns are wrong.
    if zlib.crc32(body) != crc32 or not 0 < seq_lo <= seq_hi < seq_lo + MOST_ROWS:
        raise ChunkError(f"chunk {seq_lo}..{seq_hi}: checksum differs")
    return Chunk(seq_lo, seq_hi, codec, crc32, body)


def _trace(seq: int, codec: int, crc32: int, body: bytes) -> Entry:
    return Entry(seq, decode_trace(codec, crc32, body))


_TAKEN: dict[Table, Callable[..., Taken]] = {
    "event": _event, "incident": _incident, "gap": _gap, "chunk": _chunk, "trace": _trace,
}  # fmt: skip


def _end(row: Taken) -> int:
    return row.seq_hi + 1 if isinstance(row, Chunk) else row.seq + 1
