"""Entries by their seqs, from the file and from the tail, as if they lay in one place."""

from agent.journal.entries import Batch, Entry, Range
from agent.journal.shifts import Shifts
from agent.journal.tail import Tail
from agent.journal.writer import Writer


class Pages:
    """What lies between two seqs, corrected where it was told by a clock that was not set."""

    def __init__(self, writer: Writer, tail: Tail, shifts: Shifts) -> None:
        self._writer, self._tail, self._shifts = writer, tail, shifts

    async def page(self, span: Range, limit: int, *, traces: bool = False) -> Batch | None:
        """The first of [lo, hi), durable or not; None: not all of it is here yet. OSError while the file cannot be
        read."""
        lo, hi = span
        # Taken before the file is asked: a commit meanwhile moves entries from the tail to where we do not look.
        recent = tuple(map(self._shifts.entry, self._tail.within((lo, hi), limit, traces=traces)))
        stored_hi = min(hi, self._tail.first)
        found: tuple[Entry, ...] = ()
        if lo < stored_hi:
            page = await self._writer.ask(lambda reader: reader.read((lo, stored_hi), limit, traces=traces))
            if lo < self._writer.held_below:
                return None
            self._writer.condemn(page.damaged)
            found = page.entries
        entries = (found + recent)[:limit]
        return Batch(entries, entries[-1].seq + 1 if entries else hi)
