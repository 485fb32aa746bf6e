"""Which readings and parts of traces are older than the site keeps them. In the journal's thread."""

from collections.abc import Collection

from agent.clock_discipline import BUILT_US
from agent.journal.codec import Chunk, ChunkError, decode
from agent.journal.figures import time_us
from agent.journal.reader import Reader
from agent.journal.retention import Row
from agent.journal.shifts import Shifts

# Of each kind, in one commit: some twenty times what comes in. A clock that is set to a wrong year is noticed before
# all is gone.
AGED_ROWS = 20
# The oldest parts that ended in [lo, hi).
_TRACES = """SELECT seq, seq, size FROM (SELECT seq, size, to_us FROM trace ORDER BY seq LIMIT ?)
WHERE to_us >= ? AND to_us < ?"""
_CHUNK = "SELECT seq_lo, seq_hi, codec, crc32, body FROM chunk WHERE seq_lo = ?"


class Ageing:
    """keep_us: None keeps everything there is room for; shifts: how far rows are off whose clock was set later"""

    def __init__(self, keep_us: int | None, shifts: Shifts) -> None:
        self._shifts = shifts
        self._keep_us = keep_us
        self._from = 0  # what lies before it is known to have no time that could be believed
        self._known: dict[int, int] = {}  # the last chunk looked at, which is likely the next one, too

    def rows(self, reader: Reader, now_us: int, skip: Collection[Row] = ()) -> tuple[Row, ...]:
        """The first of them that are none of `skip`."""
        if self._keep_us is None:
            return ()
        before_us = now_us - self._keep_us
        chunks = self._chunks(reader, before_us, skip)
        traces = [Row("trace", *row) for row in reader._all(_TRACES, (AGED_ROWS, BUILT_US, before_us))]
        return tuple(row for row in (*chunks, *traces) if row not in skip)

    def _chunks(self, reader: Reader, before_us: int, skip: Collection[Row]) -> list[Row]:
        found: list[Row] = []
        for row in reader.oldest_rows(("chunk",), (self._from, reader.head()), AGED_ROWS + len(skip)):
            if row in skip:
                continue
            at_us = self._time_us(reader, row)
            if at_us >= before_us or len(found) == AGED_ROWS:
                break
            if at_us >= BUILT_US:
                found.append(row)
            elif not found:
                self._from = row.seq_hi + 1
        return found

    def _time_us(self, reader: Reader, row: Row) -> int:
        """Of its last reading; 0 where it cannot be read."""
        if row.seq_lo not in self._known:
            (stored,) = reader._all(_CHUNK, (row.seq_lo,))
            try:
                self._known = {row.seq_lo: time_us(self._shifts.entry(decode(Chunk(*stored))[-1]).record)}
            except ChunkError:
                self._known = {row.seq_lo: 0}
        return self._known[row.seq_lo]
