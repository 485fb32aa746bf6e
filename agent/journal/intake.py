"""What comes in gets its seq, is shown to whoever waits, and is bounded while the disk takes nothing."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from agent.journal.entries import Range
from agent.journal.retention import merged
from agent.journal.tail import Tail
from agent.records import Event, Gap, Health, Incident, Interval, Reading, Record, Trace

log = logging.getLogger(__name__)

# Some 10 MB of readings, 5 of traces, 30 of events, 4 of incidents, 10 of intervals, 4 of health; then the oldest go.
TAIL_MOST: dict[type[Record], int] = {
    Reading: 10_000, Trace: 500, Event: 10_000, Incident: 1000, Interval: 5000, Health: 2000
}  # fmt: skip
TAIL_GAPS = 1000
NOT_IN_TIME = "not durable in time"


class Intake:
    """forsaken: told of the ranges [lo, hi) that will never be durable; sheds: how often there were some"""

    def __init__(self, tail: Tail, now_us: Callable[[], int], forsaken: Callable[[Iterable[Range]], None]) -> None:
        self._tail = tail
        self._now_us = now_us
        self._forsaken = forsaken
        self.sheds = 0
        self._most_gaps = TAIL_GAPS
        self._appended = asyncio.Event()

    def append(self, record: Record) -> int:
        """Its seq."""
        seq, kind = self._tail.append(record), type(record)
        if self._tail.counts[kind] > TAIL_MOST.get(kind, self._most_gaps):
            self._shed(kind)
        self._appended.set()
        self._appended.clear()  # whoever waits is woken all the same
        return seq

    def _shed(self, kind: type[Record]) -> None:
        if kind is Gap:
            self._join_gaps()
            return
        keep = TAIL_MOST[kind] * 9 // 10
        gone = self._tail.shed(kind, keep)
        within = (gone[0][0], gone[-1][1] - 1)
        log.error("journal.memory_full kind=%s kept=%d seq_lo=%d seq_hi=%d", kind.__name__.lower(), keep, *within)
        self.sheds += 1
        self._forsaken(gone)
        self._tell(gone, NOT_IN_TIME)

    def _join_gaps(self) -> None:
        told = self._tail.shed_gaps()
        # Room for all there will be, or each of them would come here again: what lies between them is bounded, too.
        self._most_gaps = TAIL_GAPS + 2 * sum(map(len, told.values()))
        for reason, ranges in told.items():
            self._tell(ranges, reason)

    def report_lost(self, lost: Iterable[Range], reason: str) -> None:
        lost = tuple(lost)
        for lo, hi in lost:
            log.warning("journal.gap seq_lo=%d seq_hi=%d reason=%s", lo, hi - 1, reason)
        self._tell(lost, reason)

    def _tell(self, lost: Iterable[Range], reason: str) -> None:
        for lo, hi in merged(lost):
            self.append(Gap(lo, hi - 1, reason, self._now_us()))

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        """True as soon as there is an entry beyond after_seq, False after timeout_s."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._tail.head - 1 <= after_seq:
                    await self._appended.wait()
        except TimeoutError:
            return False
        return True
