"""Chunks: a run of readings <-> one dense, checksummed blob (`agent.journal.delta`), and so a part of a trace; events
and incidents <-> text. Pure.

A chunk stores the number of its codec, so that a denser code can follow and old chunks stay readable. A new codec
needs a new schema version: an older agent must refuse the file rather than take such chunks for damaged.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from agent.journal.delta import WORDS as READING_WORDS
from agent.journal.delta import decode_readings, encode_readings, glance_at_readings
from agent.journal.entries import Entry
from agent.journal.health_rows import OFS, WORDS, from_row, to_row
from agent.records import LENGTH_US, Event, Gap, Health, Incident, Interval, IntervalKind, Reading, Record, Trace
from agent.trace_rows import count
from agent.wire import (
    event_from_json,
    event_to_json,
    health_to_json,
    incident_from_json,
    incident_to_json,
    interval_to_json,
    reading_from_json,
    reading_to_json,
)

# Of schemas 1 to 3, still read.
JSON_ZLIB = 1
DELTA = 2
# As 2, with intervals among the readings. Since schema 5.
DELTA_INTERVALS = 3
# As 3, with how things stood among them, and words for that. Since schema 6.
DELTA_HEALTH = 4
# What heads are made of, by codec.
_HEADS: Mapping[int, bytes] = {DELTA: READING_WORDS, DELTA_INTERVALS: READING_WORDS, DELTA_HEALTH: WORDS}
# What lies in chunks.
CHUNKED = (Reading, Interval, Health)
# A line of JSON with what the part says of itself, then its rows as they are (agent.trace_rows).
TRACE_ZLIB = 1
# A chunk is coded as a whole, in a thread that the event loop may have to wait for: a few milliseconds.
CHUNK_ROWS = 128
# What no name of a meter holds, and no quantity is called.
_OF_METER, _FLAGGED = ":", "flagged"
_KINDS: Mapping[str, IntervalKind] = {kind: kind for kind in get_args(IntervalKind)}


class ChunkError(ValueError):
    """Stored bytes are not what was written: the checksum differs, or the codec is unknown to this version."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Readings, or other CHUNKED, seq_lo..seq_hi, both included and none missing, as they lie in the file."""

    seq_lo: int
    seq_hi: int
    codec: int
    crc32: int
    body: bytes


def runs(entries: Iterable[Entry], kinds: tuple[type[Record], ...]) -> Iterator[list[Entry]]:
    """The entries of some kinds, cut where the sequence is not contiguous."""
    run: list[Entry] = []
    for entry in entries:
        if not isinstance(entry.record, kinds):
            continue
        if run and (entry.seq != run[-1].seq + 1 or len(run) >= CHUNK_ROWS):
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def encode(entries: Sequence[Entry]) -> Chunk:
    """A contiguous run of what lies in chunks."""
    kinds = {type(entry.record) for entry in entries}
    codec = DELTA_HEALTH if Health in kinds else DELTA_INTERVALS if Interval in kinds else DELTA
    rows = [_row(entry.record) for entry in entries if isinstance(entry.record, CHUNKED)]
    body = encode_readings(rows, _HEADS[codec])
    return Chunk(entries[0].seq, entries[-1].seq, codec, zlib.crc32(body), body)


def _row(record: Reading | Interval | Health) -> Reading:
    """An interval, and health, goes as a reading of a meter that cannot be, so that all share columns and code."""
    if isinstance(record, Reading):
        return record
    if isinstance(record, Health):
        return to_row(record)
    values = {_FLAGGED: record.flagged, **record.values}
    name = f"{record.meter}{_OF_METER}{record.kind}"
    return Reading(name, record.start_us, record.coverage, "good", (), values, record.min, record.max)


def _record(row: Reading) -> Reading | Interval | Health:
    meter, mark, kind = row.meter.partition(_OF_METER)
    if not mark:
        return row
    if kind in OFS:
        return from_row(row)
    if kind not in _KINDS:
        raise ChunkError(f"an interval of a kind that is not known here: {kind}")
    flagged, values = row.values[_FLAGGED], {key: value for key, value in row.values.items() if key != _FLAGGED}
    return Interval(_KINDS[kind], meter, row.time_us, row.window_s, flagged, values, row.min, row.max)


def decode(chunk: Chunk) -> tuple[Entry, ...]:
    """The records of a chunk. ChunkError if its bytes are damaged or its codec is not known here."""
    read = _DECODERS.get(chunk.codec)
    if read is None:
        raise ChunkError(f"chunk {chunk.seq_lo}: codec {chunk.codec}, known are {sorted(_DECODERS)}")
    body = _checked(f"chunk {chunk.seq_lo}", chunk.body, chunk.crc32)
    try:
        readings = read(body)
    except _UNREADABLE as error:
        raise ChunkError(f"chunk {chunk.seq_lo}: codec {chunk.codec} cannot have written it: {error!r}") from error
    if chunk.seq_lo + len(readings) - 1 != chunk.seq_hi:
        raise ChunkError(f"chunk {chunk.seq_lo}: {len(readings)} readings, up to {chunk.seq_hi} were stored")
    return tuple(Entry(chunk.seq_lo + i, reading) for i, reading in enumerate(readings))


def glance(chunk: Chunk) -> tuple[frozenset[str], int, int] | None:
    """The meters of a chunk, and times before and after which nothing in it was made; None where only `decode` can
    tell. What is of no meter's own has the name it has for us."""
    if chunk.codec not in _HEADS:
        return None
    try:
        names, first_us, last_us = glance_at_readings(_checked("chunk", chunk.body, chunk.crc32), _HEADS[chunk.codec])
    except _UNREADABLE:
        return None
    if chunk.codec != DELTA:  # an interval is made at its end
        names, last_us = frozenset(map(_meter_of, names)), last_us + max(LENGTH_US.values())
    return names, first_us, last_us


def _meter_of(row_name: str) -> str:
    meter, _, kind = row_name.partition(_OF_METER)
    return row_name if kind in OFS and kind != "meter" else meter


def _checked(what: str, body: object, crc32: object) -> bytes:
    """The bytes as they were written. A torn page may give a column any type, and zero is the checksum of nothing."""
    if not isinstance(body, bytes) or not body or zlib.crc32(body) != crc32:
        raise ChunkError(f"{what}: checksum differs")
    return body


def _decode_mixed(body: bytes) -> list[Reading | Interval | Health]:
    return [_record(row) for row in decode_readings(body)]


def _decode_health(body: bytes) -> list[Reading | Interval | Health]:
    return [_record(row) for row in decode_readings(body, WORDS)]


def _decode_json_zlib(body: bytes) -> list[Reading]:
    return [reading_from_json(row) for row in json.loads(zlib.decompress(body))]


_DECODERS: Mapping[int, Callable[[bytes], Sequence[Reading | Interval | Health]]] = {
    JSON_ZLIB: _decode_json_zlib,
    DELTA: decode_readings,
    DELTA_INTERVALS: _decode_mixed,
    DELTA_HEALTH: _decode_health,
}
# What parsing raises where the bytes are sound and the number of their codec is not.
_UNREADABLE = (ValueError, TypeError, LookupError, OverflowError, MemoryError, RuntimeError, struct.error, zlib.error)


def encode_event(event: Event) -> bytes:
    return json.dumps(event_to_json(event), separators=(",", ":"), ensure_ascii=False).encode()


def decode_event(body: bytes, crc32: int) -> Event:
    """ChunkError if the bytes are not what was written."""
    return event_from_json(json.loads(_checked("event", body, crc32)))


def encode_incident(incident: Incident) -> bytes:
    return json.dumps(incident_to_json(incident), separators=(",", ":"), ensure_ascii=False).encode()


def decode_incident(body: bytes, crc32: int) -> Incident:
    """ChunkError if the bytes are not what was written."""
    return incident_from_json(json.loads(_checked("incident", body, crc32)))


def decode_gap(seq: int, seq_lo: object, seq_hi: object, reason: object, time_us: object) -> Gap:
    """ChunkError for what no gap record says: it tells of what lay before it. A row of another table never says that.
    It has no checksum."""
    if not (isinstance(seq_lo, int) and isinstance(seq_hi, int) and isinstance(time_us, int)):
        raise ChunkError(f"gap {seq}: {seq_lo!r} to {seq_hi!r} at {time_us!r} are no numbers")
    if not 0 <= seq_lo <= seq_hi < seq:
        raise ChunkError(f"gap {seq}: tells of {seq_lo} to {seq_hi}")
    return Gap(seq_lo, seq_hi, str(reason), time_us)


_TRACE_HEAD = ("event", "also", "meter", "kind", "start_us", "part", "columns", "offset_us", "follows", "closing")


def encode_trace(trace: Trace) -> bytes:
    head = json.dumps({key: getattr(trace, key) for key in _TRACE_HEAD}, separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(head.encode() + b"\n" + trace.rows, 1)


def decode_trace(codec: int, crc32: int, body: bytes) -> Trace:
    """ChunkError if the bytes are damaged, or their codec is not known here."""
    if codec != TRACE_ZLIB:
        raise ChunkError(f"trace: codec {codec}, known is {TRACE_ZLIB}")
    head, rows = zlib.decompress(_checked("trace", body, crc32)).split(b"\n", 1)
    told = json.loads(head)
    return Trace(**(told | {"also": tuple(told["also"]), "columns": tuple(told["columns"]), "rows": rows}))


def record_text(record: Record) -> str:
    """A record as a person reads it in a dead letter."""
    if isinstance(record, Reading):
        body: dict[str, Any] = reading_to_json(record)
    elif isinstance(record, Event):
        body = event_to_json(record)
    elif isinstance(record, Incident):
        body = incident_to_json(record)
    elif isinstance(record, Interval):
        body = interval_to_json(record)
    elif isinstance(record, Health):
        body = health_to_json(record)
    elif isinstance(record, Trace):
        body = {"trace": record.event, "meter": record.meter, "part": record.part, "samples": count(record)}
    else:
        body = {"gap": [record.seq_lo, record.seq_hi], "reason": record.reason}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
