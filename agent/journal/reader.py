"""Questions to the file: entries by seq, latest events, readings, figures. In the thread of its connection."""

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from typing import Any, TypeVar

from agent.journal.codec import Chunk, ChunkError, decode, decode_event, decode_gap, decode_incident, decode_trace
from agent.journal.entries import Entry, Range
from agent.journal.figures import Figures, time_us
from agent.journal.file import ForeignFileError
from agent.journal.lanes import Position, clamp
from agent.journal.retention import Row, Table
from agent.journal.shifts import KEPT as SHIFTS
from agent.journal.shifts import Shifts, understood
from agent.records import Event, Incident, Reading, Record, Trace
from agent.trace_rows import AFTER_US, BEFORE_US, span_us

log = logging.getLogger(__name__)
T = TypeVar("T", Event, Incident)
Wanted = Callable[[Chunk], bool]

# Two sinks in two places each, in windows much smaller than a chunk.
CACHED_CHUNKS = 4

# A torn page may give the column any type; then the key alone is believed. No chunk was ever longer.
_SEQ_HI = """CASE WHEN typeof(seq_hi) = 'integer' AND seq_hi BETWEEN seq_lo AND seq_lo + 100000 THEN seq_hi
ELSE seq_lo END"""

# The lowest rows of a table that lie wholly in [lo, hi). The newest word on an open event never goes.
_OLDEST: dict[Table, str] = {
    "chunk": f"SELECT seq_lo, {_SEQ_HI}, coalesce(length(body), 0) + 40 FROM chunk "  # noqa: S608
    f"WHERE seq_lo >= ?1 AND seq_lo < ?2 AND {_SEQ_HI} < ?2 ORDER BY seq_lo LIMIT ?3",
    "event": "SELECT seq, seq, length(body) + 80 FROM event WHERE seq >= ? AND seq < ? "
    "AND NOT (latest AND state = 'open') ORDER BY seq LIMIT ?",
    "incident": "SELECT seq, seq, length(body) + 80 FROM incident WHERE seq >= ? AND seq < ? "
    "AND NOT (latest AND state = 'open') ORDER BY seq LIMIT ?",
    "gap": "SELECT seq, seq, 60 FROM gap WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?",
    "trace": "SELECT seq, seq, size FROM trace WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?",
}
OLDEST = """SELECT min(seq) FROM (SELECT min(seq_lo) AS seq FROM chunk UNION ALL SELECT min(seq) FROM event
UNION ALL SELECT min(seq) FROM gap UNION ALL SELECT min(seq) FROM trace UNION ALL SELECT min(seq) FROM incident)"""
# The chunk that contains lo may begin before it.
_CHUNKS = f"""SELECT seq_lo, {_SEQ_HI} FROM chunk
WHERE seq_lo >= coalesce((SELECT max(seq_lo) FROM chunk WHERE seq_lo <= :lo), 0)
AND seq_lo < :hi AND {_SEQ_HI} >= :lo ORDER BY seq_lo"""  # noqa: S608 - words of ours
_LATEST = """SELECT seq, CAST(body AS BLOB), crc32 FROM event WHERE latest
AND (:since_us IS NULL OR end_us IS NULL OR end_us >= :since_us)
AND (:meter IS NULL OR meter = :meter) AND (:kind IS NULL OR kind = :kind)
AND (:until_us IS NULL OR start_us <= :until_us) ORDER BY start_us DESC, seq DESC LIMIT :limit"""
_LATEST_INCIDENTS = """SELECT seq, CAST(body AS BLOB), crc32 FROM incident WHERE latest
AND (:since IS NULL OR end_us IS NULL OR end_us >= :since) ORDER BY start_us DESC, seq DESC LIMIT :limit"""
_OPEN_INCIDENTS = """SELECT seq, CAST(body AS BLOB), crc32 FROM incident
WHERE latest AND state = 'open' ORDER BY start_us, seq"""
_YOUNGEST = f"""SELECT max(seq) FROM (SELECT max(seq) AS seq FROM event UNION ALL SELECT max(seq) FROM gap
UNION ALL SELECT max(seq) FROM trace UNION ALL SELECT max(seq) FROM incident
UNION ALL SELECT * FROM (SELECT {_SEQ_HI} FROM chunk ORDER BY seq_lo DESC LIMIT 1))"""  # noqa: S608
# What is one row each, beside the readings: what its decoder wants behind its seq.
_TOLD: dict[Table, tuple[str, Callable[..., Record]]] = {
    "event": ("CAST(body AS BLOB), crc32", decode_event),
    "incident": ("CAST(body AS BLOB), crc32", decode_incident),
    "gap": ("seq, seq_lo, seq_hi, reason, time_us", decode_gap),
}
# A part covers some 10 s; a meter that is hardly read may need an hour for one.
_LONGEST_PART_US = 3_600_000_000
_UNSENT_TRACES = 1000
_FOREVER_US = 1 << 61


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events. since_us: still going on then, or begun later; until_us: begun by then. None: any."""

    limit: int = 100
    since_us: int | None = None
    meter: str | None = None
    kind: str | None = None
    until_us: int | None = None

    def matches(self, event: Event) -> bool:
        return (
            (self.since_us is None or event.end_us is None or event.end_us >= self.since_us)
            and self.meter in (None, event.meter)
            and self.kind in (None, event.kind)
            and (self.until_us is None or event.start_us <= self.until_us)
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in order, and the rows that cannot be read because their bytes are damaged."""

    entries: tuple[Entry, ...]
    damaged: tuple[Row, ...]


class Reader:
    def __init__(self, db: sqlite3.Connection, shifts: Shifts | None = None) -> None:
        """shifts: how far rows are off whose clock was set later; those the file knows of without them."""
        self._db = db
        self.shifts = Shifts(understood(self.kept().get(SHIFTS))) if shifts is None else shifts
        self._decoded: OrderedDict[int, tuple[Entry, ...]] = OrderedDict()

    def read(self, within: Range, limit: int, *, traces: bool = False, wanted: Wanted | None = None) -> Page:
        """The first `limit` entries of [lo, hi) that are parts of traces, or that are not. wanted: of which chunks."""
        damaged: list[Row] = []
        if traces:
            return Page(tuple(self._traces(within, limit, damaged)), tuple(damaged))
        with closing(self._readings(within, damaged, wanted)) as readings:
            found = list(islice(readings, limit))
        for table in _TOLD:
            found += self._told(table, within, limit, damaged)
        found.sort(key=lambda entry: entry.seq)
        if any(one.seq == other.seq for one, other in pairwise(found)):  # which of the two is to be believed?
            raise ForeignFileError(f"from seq {within[0]} on two rows hold one seq")
        return Page(tuple(found[:limit]), tuple(damaged))

    def _readings(self, within: Range, damaged: list[Row], wanted: Wanted | None = None) -> Generator[Entry]:
        lo, hi = within
        with closing(self._db.execute(_CHUNKS, {"lo": lo, "hi": hi})) as rows:
            for seq_lo, seq_hi in rows:
                try:
                    chunk = self.chunk(seq_lo, wanted)
                except ChunkError:
                    damaged.append(Row("chunk", seq_lo, seq_hi, 0))
                    continue
                yield from (self.shifts.entry(entry) for entry in chunk if lo <= entry.seq < hi)

    def chunk(self, seq_lo: int, wanted: Wanted | None = None) -> tuple[Entry, ...]:
        """The readings of one chunk, as they were written; none if it is not wanted. ChunkError if it is damaged."""
        if seq_lo in self._decoded:
            self._decoded.move_to_end(seq_lo)
            return self._decoded[seq_lo]
        sql = "SELECT seq_lo, seq_hi, codec, crc32, body FROM chunk WHERE seq_lo = ?"
        stored = Chunk(*self._all(sql, (seq_lo,))[0])
        if wanted is not None and not wanted(stored):
            return ()
        entries = self._decoded[seq_lo] = decode(stored)
        if len(self._decoded) > CACHED_CHUNKS:
            self._decoded.popitem(last=False)
        return entries

    def _all(self, sql: str, wanted: Sequence[object] | Mapping[str, object] = ()) -> list[Any]:
        # Closed even if it fails: a statement left half way keeps the file locked after its connection is closed.
        with closing(self._db.execute(sql, wanted)) as rows:
            return rows.fetchall()

    def _told(self, table: Table, within: Range, limit: int, damaged: list[Row]) -> list[Entry]:
        columns, decoded = _TOLD[table]
        sql = f"SELECT seq, {columns} FROM {table} WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?"  # noqa: S608
        found = []
        for seq, *stored in self._all(sql, (*within, limit)):
            try:
                found.append(self.shifts.entry(Entry(seq, decoded(*stored))))
            except ChunkError:
                damaged.append(Row(table, seq, seq, 0))
        return found

    def _traces(self, within: Range, limit: int, damaged: list[Row]) -> Iterator[Entry]:
        sql = "SELECT seq, codec, crc32, body FROM trace WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?"
        for seq, codec, crc32, body in self._all(sql, (*within, limit)):
            try:
                yield self.shifts.entry(Entry(seq, decode_trace(codec, crc32, body)))
            except ChunkError:
                damaged.append(Row("trace", seq, seq, 0))

    def traces(self, event: Event) -> tuple[Trace, ...]:
        """The parts that show an event, in order. Damaged ones are left out."""
        from_us, to_us = _shown(event)
        sql = (
            "SELECT seq, codec, crc32, body FROM trace WHERE meter = ? AND to_us >= ? AND to_us <= ? AND from_us <= ? "
            "ORDER BY to_us, seq"
        )
        found = []
        for seq, *stored in self._all(sql, (event.meter, from_us, to_us + _LONGEST_PART_US, to_us)):
            with suppress(ChunkError):
                found.append(self.shifts.entry(Entry(seq, decode_trace(*stored))).record)
        return tuple(part for part in found if isinstance(part, Trace))

    def unsent_traces(self, position: Position) -> int:
        sql = "SELECT count(*) FROM (SELECT 1 FROM trace WHERE seq >= ? LIMIT ?)"
        return int(self._all(sql, (position.trace, _UNSENT_TRACES))[0][0])

    def event(self, id_: str) -> tuple[Event, ...]:
        """The highest revision of one event; nothing where it is not known or damaged."""
        sql = "SELECT seq, CAST(body AS BLOB), crc32 FROM event WHERE latest AND id = ?"
        return tuple(self._sound(self._all(sql, (id_,)), decode_event))

    def open_events(self) -> tuple[Event, ...]:
        """The highest revision of each event, where it says open, in order of start. Damaged ones are left out."""
        sql = "SELECT seq, CAST(body AS BLOB), crc32 FROM event WHERE latest AND state = 'open' ORDER BY start_us, seq"
        return tuple(self._sound(self._all(sql), decode_event))

    def open_incidents(self) -> tuple[Incident, ...]:
        """Likewise of incidents."""
        return tuple(self._sound(self._all(_OPEN_INCIDENTS), decode_incident))

    def kept(self) -> dict[str, str]:
        """What the last run kept, by name."""
        return {name: str(text) for name, text in self._all("SELECT substr(k, 6), v FROM meta WHERE k LIKE 'kept:%'")}

    def latest_events(self, query: EventQuery) -> tuple[Event, ...]:
        """The highest revision of each event, youngest start first."""
        return tuple(self._sound(self._all(_LATEST, asdict(query)), decode_event))

    def latest_incidents(self, limit: int, since_us: int | None = None) -> tuple[Incident, ...]:
        """The highest revision of each incident, youngest start first; since_us: still going on then, or later."""
        return tuple(self._sound(self._all(_LATEST_INCIDENTS, {"since": since_us, "limit": limit}), decode_incident))

    def readings_before(self, seq: int, meter: str | None, chunks: int) -> tuple[list[Reading], int | None]:
        """Readings of a meter (or of all) in the `chunks` chunks below seq, youngest first, and where to go on."""
        sql = "SELECT seq_lo FROM chunk WHERE seq_lo < ? ORDER BY seq_lo DESC LIMIT ?"
        starts = [row[0] for row in self._all(sql, (seq, chunks))]
        found: list[Reading] = []
        for start in starts:
            found += pick(reversed(self._sound_chunk(start)), meter)
        return found, starts[-1] if len(starts) == chunks else None

    def _sound(self, rows: Sequence[tuple[int, bytes, int]], decoded: Callable[[bytes, int], T]) -> Iterator[T]:
        for seq, body, crc32 in rows:
            with suppress(ChunkError):
                yield self.shifts.told(seq, decoded(body, crc32))

    def _sound_chunk(self, seq_lo: int) -> tuple[Entry, ...]:
        try:
            return tuple(self.shifts.entry(entry) for entry in self.chunk(seq_lo))
        except ChunkError:
            return ()

    def oldest_rows(self, tables: Sequence[Table], within: Range, limit: int) -> Iterator[Row]:
        """Candidates for eviction, lowest seq first within each table."""
        for table in tables:
            for row in self._all(_OLDEST[table], (*within, limit)):
                yield Row(table, *row)

    def figures(self) -> Figures:
        # Whole tables are not counted here: on a card that takes seconds, and a status page asks all the time.
        oldest = self._all(OLDEST)[0][0]
        events, gaps, note = self._all(
            "SELECT (SELECT count(*) FROM event WHERE latest), (SELECT count(*) FROM gap), "
            "(SELECT v FROM meta WHERE k = 'note')"
        )[0]
        dead = dict(self._all("SELECT sink, count(*) FROM dead GROUP BY sink"))
        meta = dict(self._all("SELECT k, v FROM meta"))
        trace_bytes, evicted = meta.get("trace_bytes", 0), meta.get("traces_evicted", 0)
        return Figures(oldest, events, gaps, self.used_bytes(), note, dead, trace_bytes, evicted)

    def trace_bytes(self) -> int:
        return int(self._all("SELECT v FROM meta WHERE k = 'trace_bytes'")[0][0])

    def head(self) -> int:
        """The seq after the last one stored; an epoch that left nothing behind counts with its first."""
        begun = self._all("SELECT coalesce(max(seq_lo), 1) FROM epoch")[0][0]
        return max(int(begun), (self._all(_YOUNGEST)[0][0] or 0) + 1)

    def last_us(self) -> int | None:
        """UTC of the youngest entry; None where there is none, or none that can be read."""
        seq = self._all(_YOUNGEST)[0][0]
        if seq is None:
            return None
        found = self.read((seq, seq + 1), 1).entries or self.read((seq, seq + 1), 1, traces=True).entries
        return time_us(found[0].record) if found else None

    def clean(self) -> bool:
        """Whether the last run ended in order."""
        return self._all("SELECT v FROM meta WHERE k = 'clean'") == [(1,)]

    def salvage(self) -> tuple[int, str]:
        """Below which seq rows are still being taken over, and from which file beside this one; (0, "") from none."""
        rows = self._all("SELECT v FROM meta WHERE k = 'salvage'")
        below, _, name = str(rows[0][0]).partition(" ") if rows else ("0", "", "")
        return (int(below), name) if below.isdecimal() else (0, "")

    def epoch(self) -> str:
        """The newest epoch, empty before the first."""
        rows = self._all("SELECT epoch FROM epoch ORDER BY seq_lo DESC LIMIT 1")
        return str(rows[0][0]) if rows else ""

    def positions(self) -> dict[str, Position]:
        """Of every sink there ever was, never beyond the last row."""
        rows = self._all(
            "SELECT sink, live, backlog_lo, backlog_hi, coalesce(next, 1) FROM position "
            "LEFT JOIN trace_position USING (sink)"
        )
        head = self.head()
        return {sink: clamp(Position(*rest), head) for sink, *rest in rows if self._is_position(sink, rest)}

    @staticmethod
    def _is_position(sink: object, seqs: Sequence[object]) -> bool:
        """A torn page may give a column any type. Without its position a sink gets again what is kept: never a loss."""
        sound = isinstance(sink, str) and all(isinstance(seq, int) and seq > 0 for seq in seqs)
        if not sound:
            log.warning("journal.position_damaged sink=%s found=%r", sink, seqs)
        return sound

    def used_bytes(self) -> int:
        """Bytes of the pages in use. Free pages inside the file are room, not use."""
        pages, free, size = (
            self._all(f"PRAGMA {name}")[0][0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)


def latest_incidents(told: Iterable[Incident], limit: int, since_us: int | None = None) -> tuple[Incident, ...]:
    """The highest revision of each incident among several sources, youngest start first."""
    by_id: dict[str, Incident] = {}
    for incident in sorted(told, key=lambda incident: incident.revision):
        by_id[incident.id] = incident
    found = [one for one in by_id.values() if since_us is None or one.end_us is None or one.end_us >= since_us]
    return tuple(sorted(found, key=lambda incident: incident.start_us, reverse=True)[:limit])


def latest(events: Iterable[Event], query: EventQuery) -> tuple[Event, ...]:
    """The highest revision of each event among several sources, where it matches; youngest start first."""
    by_id: dict[str, Event] = {}
    for event in sorted(events, key=lambda event: event.revision):
        by_id[event.id] = event
    found = sorted(filter(query.matches, by_id.values()), key=lambda event: event.start_us, reverse=True)
    return tuple(found[: query.limit])


def around(event: Event, traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """The parts among them that show an event: those of its meter that reach into 5 s before it to 10 s after it."""
    from_us, to_us = _shown(event)
    spans = {trace: span_us(trace) for trace in traces if trace.meter == event.meter}
    return tuple(
        sorted((trace for trace, (lo, hi) in spans.items() if hi >= from_us and lo <= to_us), key=lambda t: spans[t])
    )


def _shown(event: Event) -> Range:
    end_us = _FOREVER_US if event.end_us is None else event.end_us + AFTER_US
    return event.start_us - BEFORE_US, end_us


def pick(entries: Iterable[Entry], meter: str | None) -> Iterator[Reading]:
    """The readings of a meter (or of all) among entries, in their order."""
    for entry in entries:
        if isinstance(entry.record, Reading) and meter in (None, entry.record.meter):
            yield entry.record
