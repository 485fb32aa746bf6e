"""The last seconds of one meter's samples, in a buffer that grows no further than it has to. Pure.

It begins with FEW rows, enough for five seconds at ten samples a second. It doubles where it would overwrite what is
younger than HELD_US, and takes all its ROWS while a trace is made, to give them back when that is over: 33 bytes a row
with three voltages and three currents, so 10.6 kB a meter at most and 2.1 MB for two hundred. No register shows
anything new more often than once a cycle, so of samples that come faster than 50 a second only 50 are kept, and 5 s
always fit. A list of tuples was rejected: six times the memory.
"""

import math
import struct
from bisect import bisect_right
from collections.abc import Sequence

from agent.trace_rows import LOST, row_struct

ROWS, FEW = 320, 64
HELD_US = 6_000_000
SPACING_US = 20_000
# A sample may come so much earlier than its place: a poll every 20 ms is never exactly that.
_EARLY_US = SPACING_US // 2

Row = Sequence[float | None]


class Ring:
    """columns: how many values a row has. Rows come in order of their instants."""

    def __init__(self, columns: int) -> None:
        layout = row_struct(columns)
        self._columns = columns
        self._pack_into = layout.pack_into
        self.row_bytes = layout.size
        self._buffer = bytearray(layout.size * FEW)
        self._bytes = len(self._buffer)
        self._at = 0
        self._full = False
        self._due_us = 0
        self._skipped: tuple[int, int, Row] | None = None

    @property
    def size_bytes(self) -> int:
        return len(self._buffer)

    def add(self, at_us: int, mark: int, row: Row) -> None:
        """Called for every sample: the path that has to cost next to nothing."""
        due_us = self._due_us
        if at_us < due_us - _EARLY_US:
            self._skipped = (at_us, mark, row)
            return
        # Not max(): the call would cost a quarter of all this.
        self._due_us = (due_us if due_us > at_us else at_us) + SPACING_US  # noqa: FURB136
        at = self._at
        try:
            self._pack_into(self._buffer, at, at_us, mark, *row)
        except (struct.error, OverflowError):
            self._pack_into(self._buffer, at, at_us, mark, *map(_packable, row))
        at += self.row_bytes
        if at == self._bytes:
            self._come_round(at_us)
        else:
            self._at = at

    def _come_round(self, at_us: int) -> None:
        """The last row is written: the next one takes the place of the oldest, or a new one."""
        self._at, self._full = 0, True
        rows = self._bytes // self.row_bytes
        if rows < ROWS and at_us - self._instant(self._buffer, 0) < HELD_US:
            self.widen(2 * rows)

    def widen(self, rows: int = ROWS) -> None:
        """Room for so many rows from now on, ROWS at most. What there is stays."""
        self._make_room(self._held(), rows)

    def narrow(self) -> None:
        """No more room than what is younger than HELD_US needs. That stays."""
        young = bytearray(self.rows(self.newest_us - HELD_US, 1 << 62))
        rows = FEW
        while rows * self.row_bytes <= len(young):
            rows *= 2
        self._make_room(young, rows)

    def _make_room(self, held: bytearray, rows: int) -> None:
        self._buffer = held + bytes(min(rows, ROWS) * self.row_bytes - len(held))
        self._bytes, self._at, self._full = len(self._buffer), len(held), False
        if self._at == self._bytes:
            self._at, self._full = 0, True

    def lost(self, at_us: int) -> None:
        """A request that had no answer by at_us."""
        self.add(at_us, LOST, (None,) * self._columns)

    def settle(self) -> None:
        """Keep the newest sample even if it came too early for its place: something happened in it."""
        if self._skipped is not None and self._skipped[0] > self.newest_us:
            self._due_us = 0
            self.add(*self._skipped)
        self._skipped = None

    @property
    def newest_us(self) -> int:
        """Instant of the newest row; -1 while there is none."""
        if not self._at and not self._full:
            return -1
        return self._instant(self._buffer, (self._at or self._bytes) - self.row_bytes)

    def rows(self, after_us: int, until_us: int) -> bytes:
        """The packed rows that came later than after_us and not later than until_us, oldest first."""
        held = self._held()
        places = range(0, len(held), self.row_bytes)
        lo = bisect_right(places, after_us, key=lambda place: self._instant(held, place))
        hi = bisect_right(places, until_us, key=lambda place: self._instant(held, place))
        return bytes(held[lo * self.row_bytes : hi * self.row_bytes])

    def _held(self) -> bytearray:
        """The rows, oldest first."""
        return self._buffer[self._at :] + self._buffer[: self._at] if self._full else self._buffer[: self._at]

    def count(self, after_us: int) -> int:
        return len(self.rows(after_us, 1 << 62)) // self.row_bytes

    @staticmethod
    def _instant(held: bytearray, place: int) -> int:
        return int.from_bytes(held[place : place + 8], "little", signed=True)


def _packable(value: float | None) -> float:
    # 3.4e38 is where float32 ends; no meter measures that.
    return math.nan if value is None or not abs(value) < 3e38 else value
