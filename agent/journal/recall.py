"""Questions to the journal as a whole: what lies in the file, and what is in memory only, as one."""

from functools import partial
from typing import TypeVar

from agent.journal.reader import EventQuery, Reader, around, latest, latest_incidents, pick
from agent.journal.shifts import Shifts
from agent.journal.tail import Tail
from agent.journal.writer import Writer
from agent.records import Event, Incident, Reading, Trace

T = TypeVar("T", Event, Incident, Trace)

# One question may look so far back, in slices that let commits in between.
LOOK_BACK_SLICES = 40
LOOK_BACK_CHUNKS = 25


class Recall:
    """OSError from every question while the file cannot be read."""

    def __init__(self, writer: Writer, tail: Tail, shifts: Shifts) -> None:
        self._writer = writer
        self._tail = tail
        self._shifts = shifts

    def _pending(self, kind: type[T]) -> list[T]:
        """Records of a kind that are not durable yet."""
        found = (self._shifts.entry(entry).record for entry in self._tail.entries() if isinstance(entry.record, kind))
        return [record for record in found if isinstance(record, kind)]

    async def incidents(self, limit: int, since_us: int | None) -> tuple[Incident, ...]:
        pending = self._pending(Incident)
        stored = await self._writer.ask(lambda reader: reader.latest_incidents(limit, since_us))
        return latest_incidents((*stored, *pending), limit, since_us)

    async def events(self, query: EventQuery) -> tuple[Event, ...]:
        pending = self._pending(Event)
        stored = await self._writer.ask(lambda reader: reader.latest_events(query))
        return latest((*stored, *pending), query)

    async def event(self, id_: str) -> Event | None:
        pending = self._pending(Event)
        stored = await self._writer.ask(lambda reader: reader.event(id_))
        known = [event for event in (*stored, *pending) if event.id == id_]
        return max(known, key=lambda event: event.revision, default=None)

    async def readings(self, meter: str | None, limit: int) -> tuple[Reading, ...]:
        found = list(pick(map(self._shifts.entry, reversed(self._tail)), meter))
        below: int | None = self._tail.first
        for _ in range(LOOK_BACK_SLICES):
            if below is None or len(found) >= limit:
                break
            slice_ = partial(Reader.readings_before, seq=below, meter=meter, chunks=LOOK_BACK_CHUNKS)
            more, below = await self._writer.ask(slice_)
            found += more
        return tuple(found[:limit])

    async def traces(self, event: Event) -> tuple[Trace, ...]:
        pending = self._pending(Trace)
        stored = await self._writer.ask(lambda reader: reader.traces(event))
        return around(event, (*stored, *pending))
