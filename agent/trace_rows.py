"""Samples of a trace <-> packed rows. Pure.

A row, little-endian: instant of the reply (int64, microseconds of the boot clock), mark (uint8), one float32 per
column, NaN where there is no value. A float32 is all that a voltage or current register carries; `agent.tidied.tidy`
gives its decimal back.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

from agent.records import Trace
from agent.tidied import tidy

GOOD, QUESTIONABLE, LOST = 0, 1, 2
# A trace shows so much before its first event and after its last.
BEFORE_US = 5_000_000
AFTER_US = 10_000_000


@dataclass(frozen=True, slots=True)
class TraceSample:
    """One row. mark: GOOD, QUESTIONABLE, or LOST: asked, no answer by at_us, and every value is None."""

    at_us: int
    mark: int
    values: tuple[float | None, ...]


def row_struct(columns: int) -> Struct:
    return Struct(f"<qB{columns}f")


def samples(trace: Trace) -> Iterator[TraceSample]:
    """The rows of a trace in order, instants in UTC microseconds."""
    for at_us, mark, *values in row_struct(len(trace.columns)).iter_unpack(trace.rows):
        yield TraceSample(at_us + trace.offset_us, mark, tuple(map(_value, values)))


def pack(rows: Sequence[TraceSample], columns: int) -> bytes:
    """The inverse of `samples` for a trace whose offset is 0."""
    packed = row_struct(columns).pack
    return b"".join(
        packed(row.at_us, row.mark, *(math.nan if value is None else value for value in row.values)) for row in rows
    )


def count(trace: Trace) -> int:
    return len(trace.rows) // row_struct(len(trace.columns)).size


def span_us(trace: Trace) -> tuple[int, int]:
    """UTC microseconds of the first and the last row."""
    struct = row_struct(len(trace.columns))
    first, last = (int(struct.unpack_from(trace.rows, at)[0]) for at in (0, len(trace.rows) - struct.size))
    return first + trace.offset_us, last + trace.offset_us


def _value(raw: float) -> float | None:
    return None if math.isnan(raw) else tidy(raw)
