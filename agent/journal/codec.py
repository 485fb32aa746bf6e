"""Chunks: a run of readings <-> one compressed, checksummed blob, and so a part of a trace; events and incidents <->
text. Pure.

A chunk stores the number of its codec, so that a denser code can follow and old chunks stay readable. A new codec
needs a new schema version: an older agent must refuse the file rather than take such chunks for damaged.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

JSON_ZLIB = 1
# A line of JSON with what the part says of itself, then its rows as they are (agent.trace_rows).
TRACE_ZLIB = 1
# A chunk is coded as a whole while the event loop waits for the interpreter: some 100 kB of JSON, about 1 ms.
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
    """A contiguous run of readings. zlib level 1: higher levels cost a Pi more than they save the card."""
    rows = [_row(entry, entry.record) for entry in readings if isinstance(entry.record, Reading)]
    body = zlib.compress(b"[" + b",".join(rows) + b"]", 1)
    return Chunk(readings[0].seq, readings[-1].seq, JSON_ZLIB, zlib.crc32(body), body)


def _row(entry: Entry, reading: Reading) -> bytes:
    try:
        return entry.text(reading)
    except ValueError:  # a NaN: no sink can say it, but what was read is kept
        return json.dumps(reading_to_json(reading), separators=(",", ":")).encode()


def decode(chunk: Chunk) -> tuple[Entry, ...]:
    """The readings of a chunk. ChunkError if its bytes are damaged or its codec is not known here."""
    read = _DECODERS.get(chunk.codec)
    if read is None:
        raise ChunkError(f"chunk {chunk.seq_lo}: codec {chunk.codec}, known are {sorted(_DECODERS)}")
    if zlib.crc32(chunk.body) != chunk.crc32:
        raise ChunkError(f"chunk {chunk.seq_lo}: checksum differs")
    return tuple(Entry(chunk.seq_lo + i, reading) for i, reading in enumerate(read(chunk.body)))


def _decode_json_zlib(body: bytes) -> list[Reading]:
    return [reading_from_json(row) for row in json.loads(zlib.decompress(body))]


_DECODERS: Mapping[int, Callable[[bytes], list[Reading]]] = {JSON_ZLIB: _decode_json_zlib}


def encode_event(event: Event) -> bytes:
    return json.dumps(event_to_json(event), separators=(",", ":"), ensure_ascii=False).encode()


def decode_event(body: bytes, crc32: int) -> Event:
    """ChunkError if the bytes are not what was written."""
    if zlib.crc32(body) != crc32:
        raise ChunkError("event: checksum differs")
    return event_from_json(json.loads(body))


def encode_incident(incident: Incident) -> bytes:
    return json.dumps(incident_to_json(incident), separators=(",", ":"), ensure_ascii=False).encode()


def decode_incident(body: bytes, crc32: int) -> Incident:
    """ChunkError if the bytes are not what was written."""
    if zlib.crc32(body) != crc32:
        raise ChunkError("incident: checksum differs")
    return incident_from_json(json.loads(body))


_TRACE_HEAD = ("event", "also", "meter", "kind", "start_us", "part", "columns", "offset_us", "follows", "closing")


def encode_trace(trace: Trace) -> bytes:
    head = json.dumps({key: getattr(trace, key) for key in _TRACE_HEAD}, separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(head.encode() + b"\n" + trace.rows, 1)


def decode_trace(codec: int, crc32: int, body: bytes) -> Trace:
    """ChunkError if the bytes are damaged, or their codec is not known here."""
    if codec != TRACE_ZLIB:
        raise ChunkError(f"trace: codec {codec}, known is {TRACE_ZLIB}")
    if zlib.crc32(body) != crc32:
        raise ChunkError("trace: checksum differs")
    head, rows = zlib.decompress(body).split(b"\n", 1)
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
