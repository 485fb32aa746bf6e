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
from typing import Any

from agent.journal.delta import decode_readings, encode_readings
from agent.journal.entries import Entry
from agent.records import Event, Incident, Reading, Record, Trace
from agent.trace_rows import count
from agent.wire import (
    event_from_json,
    event_to_json,
    incident_from_json,
    incident_to_json,
    reading_from_json,
    reading_to_json,
)

# Of schemas 1 to 3, still read.
JSON_ZLIB = 1
DELTA = 2
# A line of JSON with what the part says of itself, then its rows as they are (agent.trace_rows).
TRACE_ZLIB = 1
# A chunk is coded as a whole, in a thread that the event loop may have to wait for: a few milliseconds.
CHUNK_ROWS = 128


class ChunkError(ValueError):
    """Stored bytes are not what was written: the checksum differs, or the codec is unknown to this version."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Readings seq_lo..seq_hi, both included and none missing, as they lie in the file."""

    seq_lo: int
    seq_hi: int
    codec: int
    crc32: int
    body: bytes


def runs(entries: Iterable[Entry], kind: type[Record]) -> Iterator[list[Entry]]:
    """The entries of one kind, cut where the sequence is not contiguous."""
    run: list[Entry] = []
    for entry in entries:
        if not isinstance(entry.record, kind):
            continue
        if run and (entry.seq != run[-1].seq + 1 or len(run) >= CHUNK_ROWS):
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def encode(readings: Sequence[Entry]) -> Chunk:
    """A contiguous run of readings."""
    body = encode_readings([entry.record for entry in readings if isinstance(entry.record, Reading)])
    return Chunk(readings[0].seq, readings[-1].seq, DELTA, zlib.crc32(body), body)


def decode(chunk: Chunk) -> tuple[Entry, ...]:
    """The readings of a chunk. ChunkError if its bytes are damaged or its codec is not known here."""
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


def _checked(what: str, body: object, crc32: object) -> bytes:
    """The bytes as they were written. A torn page may give a column any type, and zero is the checksum of nothing."""
    if not isinstance(body, bytes) or not body or zlib.crc32(body) != crc32:
        raise ChunkError(f"{what}: checksum differs")
    return body


def _decode_json_zlib(body: bytes) -> list[Reading]:
    return [reading_from_json(row) for row in json.loads(zlib.decompress(body))]


_DECODERS: Mapping[int, Callable[[bytes], list[Reading]]] = {JSON_ZLIB: _decode_json_zlib, DELTA: decode_readings}
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
    elif isinstance(record, Trace):
        body = {"trace": record.event, "meter": record.meter, "part": record.part, "samples": count(record)}
    else:
        body = {"gap": [record.seq_lo, record.seq_hi], "reason": record.reason}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)
