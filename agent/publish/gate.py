"""What of the journal may leave to a sink while its commit takes long.

Readings go out at once: one that a power cut takes back is a reading that was true. An event that nobody knows any more
after a cut would stay open for ever at whoever was told. So it waits for its commit, for a moment:

    the commit        a broker (early)                        a database
    ----------------  --------------------------------------  ---------------------------------
    is done in 50 ms  gets the event                          gets the event
    takes longer      gets it marked `durable: false`, and    gets what comes after it; the event
                      once more when it is durable            when it is durable

Until then the stored position stays before the event, so that a life that ends meanwhile leaves it to the next one.
What memory could not hold until the card took it is said to be durable to nobody: whether an event is in the journal
is looked up before it is said, and a gap record tells of it if not.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from agent.journal.entries import Batch, Entry, Lane
from agent.records import Event, Incident

# So long a card may take for a commit in its ordinary course.
PATIENCE_S = 0.05


class Durability(Protocol):
    """What the gate needs of the journal, beside what the forwarder does.

    stored_below: everything below is durable, or was shed; sheds: how often something was
    """

    @property
    def stored_below(self) -> int: ...

    @property
    def sheds(self) -> int: ...

    async def stored(self, seq: int, timeout_s: float) -> bool: ...
    async def fetch(self, sink: str, lane: Lane, limit: int, from_seq: int = 0) -> Batch: ...
    def advance(self, sink: str, lane: Lane, next_seq: int) -> None: ...
    def reject(self, sink: str, entry: Entry, reason: str) -> None: ...
    def rejoin(self, sink: str) -> None: ...
    async def wait(self, after_seq: int, timeout_s: float) -> bool: ...


class Gate:
    """The journal as the forwarder of one sink sees it.

    early: whether the sink takes what is not durable yet
    """

    def __init__(self, journal: Durability, *, early: bool) -> None:
        self._journal = journal
        self._early = early
        self._next = 0  # of the live lane: everything below went out, or is owed
        self._owed: list[int] = []  # seqs, in order: passed before they were durable
        self._passing: tuple[int, ...] = ()  # the same, of the window that is on its way
        self._confirming = False
        self._held: int | None = None  # what the backlog waits for

    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch:
        if lane == "trace":
            return await self._journal.fetch(sink, lane, limit)
        sheds = self._journal.sheds
        if lane == "backlog":
            batch = self._durable_part(await self._journal.fetch(sink, lane, limit))
        else:
            due = await self._due(sink, limit)
            self._confirming = bool(due)
            if due:
                return Batch(due, due[-1].seq + 1)
            batch = await self._live(await self._journal.fetch(sink, "live", limit, self._next))
        # An event that was shed meanwhile looks as if it were stored: the same is asked for once more.
        return batch if sheds == self._journal.sheds else await self.fetch(sink, lane, limit)

    def advance(self, sink: str, lane: Lane, next_seq: int) -> None:
        if lane == "live":
            if self._confirming:
                self._owed = [seq for seq in self._owed if seq >= next_seq]
            else:
                self._owed += [seq for seq in self._passing if seq < next_seq]
                self._next = max(self._next, next_seq)
            self._confirming, self._passing = False, ()
            next_seq = next(iter(self._owed), self._next)
        self._journal.advance(sink, lane, next_seq)

    def reject(self, sink: str, entry: Entry, reason: str) -> None:
        self._journal.reject(sink, entry, reason)

    def rejoin(self, sink: str) -> None:
        self._journal.rejoin(sink)

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        """True as soon as there is something to fetch."""
        awaited = next(iter(self._owed), self._held)
        if awaited is None:
            return await self._journal.wait(after_seq, timeout_s)
        waiting = (
            asyncio.ensure_future(self._journal.wait(after_seq, timeout_s)),
            asyncio.ensure_future(self._journal.stored(awaited, timeout_s)),
        )
        try:
            done, _ = await asyncio.wait(waiting, return_when="FIRST_COMPLETED")
        finally:
            for one in waiting:
                one.cancel()
        return any(one.result() for one in done)

    async def _due(self, sink: str, limit: int) -> tuple[Entry, ...]:
        """What is owed and durable by now, as the journal has it. What it has not was shed, and is owed no more."""
        ripe = {seq for seq in self._owed if seq < self._journal.stored_below}
        if not ripe:
            return ()
        page = await self._journal.fetch(sink, "live", limit, min(ripe))
        due = tuple(entry for entry in page.entries if entry.seq in ripe)
        self._forget({seq for seq in ripe if seq < page.next}.difference(entry.seq for entry in due))
        return due

    def _forget(self, gone: Collection[int]) -> None:
        if gone:
            self._owed = [seq for seq in self._owed if seq not in gone]

    async def _live(self, batch: Batch) -> Batch:
        for entry in batch.entries:
            if self._is_volatile(entry):
                await self._journal.stored(entry.seq, PATIENCE_S)
                break
        self._passing = tuple(entry.seq for entry in batch.entries if self._is_volatile(entry))
        if not self._passing:
            return batch
        return Batch(_each(batch.entries, self._shown), batch.next)

    def _shown(self, entry: Entry) -> Entry | None:
        if entry.seq not in self._passing:
            return entry
        return replace(entry, durable=False) if self._early else None

    def _durable_part(self, batch: Batch) -> Batch:
        """A backlog waits: what is old has no hurry."""
        self._held = None
        for n, entry in enumerate(batch.entries):
            if self._is_volatile(entry):
                self._held = entry.seq
                return Batch(batch.entries[:n], entry.seq)
        return batch

    def _is_volatile(self, entry: Entry) -> bool:
        return entry.seq >= self._journal.stored_below and isinstance(entry.record, Event | Incident)


def _each(entries: Sequence[Entry], shown: Callable[[Entry], Entry | None]) -> tuple[Entry, ...]:
    return tuple(one for one in map(shown, entries) if one is not None)
