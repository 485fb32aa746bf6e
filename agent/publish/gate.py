"""What of the journal may leave to a sink while its commit takes long.

Readings go out at once: one that a power cut takes back is a reading that was true. An event that nobody knows any more
after a cut would stay open for ever at whoever was told. So it waits for its commit, for a moment:

    the commit        a broker (early)                        a database
    ----------------  --------------------------------------  ---------------------------------
    is done in 50 ms  gets the event                          gets the event
    takes longer      gets it marked `durable: false`, and    gets what comes after it; the event
                      once more when it is durable            when it is durable

Until then the event is owed: the journal counts what went out as sent, and keeps the stored position before the event,
so that a life that ends meanwhile leaves it to the next one. A backlog is treated alike: where there is no place to
store anything it would wait for ever.
What memory could not hold until the card took it is said to be durable to nobody: whether an event is in the journal
is looked up before it is said, and a gap record tells of it if not.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
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
    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch: ...
    async def owed(self, sink: str, limit: int, since_seq: int) -> Batch: ...
    def owe(self, sink: str, seqs: Collection[int], *, marked: bool) -> None: ...
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
        self._owed: list[int] = []  # seqs, in order: passed before they were durable
        self._passing: dict[Lane, frozenset[int]] = {}  # the same, of the windows that are on their way
        self._confirming = False

    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch:
        if lane == "trace":
            return await self._journal.fetch(sink, lane, limit)
        sheds = self._journal.sheds
        if lane == "live":
            due = await self._due(sink, limit)
            self._confirming = bool(due)
            if due:
                return Batch(due, due[-1].seq + 1)
        batch = await self._passed(lane, await self._journal.fetch(sink, lane, limit))
        # An event that was shed meanwhile looks as if it were stored: the same is asked for once more.
        return batch if sheds == self._journal.sheds else await self.fetch(sink, lane, limit)

    def advance(self, sink: str, lane: Lane, next_seq: int) -> None:
        if lane == "live" and self._confirming:
            self._confirming = False
            self._owe(sink, {seq for seq in self._owed if seq >= next_seq})
            return
        went = {seq for seq in self._passing.pop(lane, frozenset()) if seq < next_seq}
        if went:
            self._owe(sink, went.union(self._owed))
        self._journal.advance(sink, lane, next_seq)

    def reject(self, sink: str, entry: Entry, reason: str) -> None:
        self._journal.reject(sink, entry, reason)

    def rejoin(self, sink: str) -> None:
        self._journal.rejoin(sink)

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        """True as soon as there is something to fetch."""
        if not self._owed:
            return await self._journal.wait(after_seq, timeout_s)
        waiting = (
            asyncio.ensure_future(self._journal.wait(after_seq, timeout_s)),
            asyncio.ensure_future(self._journal.stored(self._owed[0], timeout_s)),
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
        page = await self._journal.owed(sink, limit, min(ripe))
        due = tuple(entry for entry in page.entries if entry.seq in ripe)
        gone = {seq for seq in ripe if seq < page.next}.difference(entry.seq for entry in due)
        if gone:
            self._owe(sink, set(self._owed) - gone)
        return due

    def _owe(self, sink: str, seqs: Collection[int]) -> None:
        self._owed = sorted(seqs)
        self._journal.owe(sink, self._owed, marked=self._early)

    async def _passed(self, lane: Lane, batch: Batch) -> Batch:
        """As it may go out now."""
        for entry in batch.entries:
            if self._is_volatile(entry):
                await self._journal.stored(entry.seq, PATIENCE_S)
                break
        passing = self._passing[lane] = frozenset(one.seq for one in batch.entries if self._is_volatile(one))
        if not passing:
            return batch
        return Batch(tuple(self._shown(batch.entries, passing)), batch.next)

    def _shown(self, entries: Sequence[Entry], passing: Collection[int]) -> Iterator[Entry]:
        for entry in entries:
            if entry.seq not in passing:
                yield entry
            elif self._early:
                yield replace(entry, durable=False)

    def _is_volatile(self, entry: Entry) -> bool:
        return entry.seq >= self._journal.stored_below and isinstance(entry.record, Event | Incident)
