"""The journal as the rest of the agent sees it: append at once, fetch at once, durable by groups.

What is not durable yet lies in the tail, in memory and visible to `fetch`; the writer commits it behind the scenes.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

from agent.clock import Clock
from agent.journal import lanes
from agent.journal.codec import record_text
from agent.journal.entries import Batch, DeadLetter, Entry, JournalStats, Lane, Range
from agent.journal.file import FILE_NAME
from agent.journal.hold import hold
from agent.journal.lanes import Position
from agent.journal.reader import EventQuery, Reader, around, latest, latest_incidents, pick
from agent.journal.store import Found, Store
from agent.journal.tail import Tail
from agent.journal.writer import CallLater, Writer
from agent.records import Event, Gap, Incident, Reading, Record, Trace

log = logging.getLogger(__name__)

GROUP_S = 10.0
GROUP_ROWS = 512
POSITIONS_S = 30.0
CAP_MIB = 512
# Parts of traces of many meters share a commit, and wait no longer for it.
TRACE_S = 1.0
# While the disk takes nothing: some 10 MB of readings and 5 of traces, then the oldest go.
TAIL_ROWS = 10_000
TAIL_TRACES = 500
# One question may look so far back, in slices that let commits in between.
LOOK_BACK_SLICES = 40
LOOK_BACK_CHUNKS = 25
LANES: tuple[Lane, ...] = ("backlog", "live")


class Journal:
    """One durable log, one position per sink. Made by `Journal.open`; all methods belong to the event loop.

    epoch: names this run. (gateway, epoch, seq) is unique for ever; seq alone is not, because a kill takes back
    the seqs of readings that were sent before they were durable.
    last_us: UTC of the youngest entry of the runs before, None in an empty journal; left_clean: the last one ended in
    order, with everything stored
    """

    def __init__(
        self, store: Store, thread: ThreadPoolExecutor, found: Found, sinks: Collection[str], epoch: str, *,
        group_s: float, cap_mib: int, now_us: Callable[[], int], call_later: CallLater,
    ) -> None:  # fmt: skip
        self.epoch = epoch
        self._open_events = found.open_events
        self._open_incidents = found.open_incidents
        self._kept = found.kept
        self.last_us = found.last_us
        self.left_clean = found.clean
        self._tail = Tail(found.head)
        self._positions = {sink: lanes.rejoin(found.positions.get(sink, Position()), found.head) for sink in sinks}
        self._group_s = group_s
        self._cap_mib = cap_mib
        self._now_us = now_us
        self._appended = asyncio.Event()
        self._writer = Writer(store, thread, self._tail, self._positions, self._report_lost, now_us, call_later)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        state_dir: Path,
        sinks: Collection[str],
        gateway: str,
        *,
        group_s: float = GROUP_S,
        cap_mib: int = CAP_MIB,
        now_us: Callable[[], int] | None = None,
        call_later: CallLater | None = None,
    ) -> AsyncIterator[Self]:
        """Hold the state directory, recover its journal, begin a new epoch; commit everything on leaving.

        sinks: what is kept for whom. One never seen before starts with the oldest entry that is kept; one that
          is no longer named keeps its stored position but holds nothing back
        group_s: readings are durable at most this much later; events at once, with all readings before them
        cap_mib: size of the file, beside a write-ahead log of some 4 MiB
        now_us, call_later: UTC microseconds and the loop's timer, for tests

        StateHeldError, JournalVersionError; OSError with what to do where the storage does not work. A damaged
        file never refuses a start: it is moved aside and said in `stats`.
        """
        loop = asyncio.get_running_loop()
        now_us = now_us or Clock().wall_us
        epoch = secrets.token_hex(8)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        try:
            with hold(state_dir):
                store = Store(state_dir / FILE_NAME, epoch, gateway, cap_mib << 20)
                found = await loop.run_in_executor(thread, store.start, now_us())
                journal = cls(
                    store, thread, found, sinks, epoch, group_s=group_s, cap_mib=cap_mib, now_us=now_us,
                    call_later=call_later or loop.call_later,
                )  # fmt: skip
                try:
                    yield journal
                finally:
                    await journal._writer.stop()
        finally:
            thread.shutdown(wait=False)

    # -- appending -----------------------------------------------------------------------------------------

    @property
    def head(self) -> int:
        """The next seq to be given out."""
        return self._tail.head

    def add_reading(self, reading: Reading) -> int:
        """Its seq. Fetched at once; durable with its group."""
        seq = self._append(reading)
        if len(self._tail) >= GROUP_ROWS:
            self._writer.now()
        else:
            self._writer.within(self._group_s, "group")
        return seq

    def add_event(self, event: Event) -> asyncio.Future[None]:
        """Resolved once the event, and every reading before it, is durable. Events of one turn share a commit.

        While the disk takes nothing the future stays pending and the event is tried again; it is cancelled if the
        agent stops before it could be stored.
        """
        return self._at_once(event)

    def add_incident(self, incident: Incident) -> asyncio.Future[None]:
        """As `add_event`."""
        return self._at_once(incident)

    def add_trace(self, trace: Trace) -> int:
        """Its seq. Fetched at once; durable within a second, or with an event of the same turn."""
        seq = self._append(trace)
        if self._tail.traces > TAIL_TRACES:
            self._report_lost(self._tail.shed_traces(TAIL_TRACES * 9 // 10), "not durable in time")
        self._writer.within(TRACE_S, "trace")
        return seq

    def commit_now(self) -> None:
        """What waits is stored in the next turn of the loop, not with its group: the power may go any moment."""
        self._writer.now()

    def keep(self, name: str, text: str) -> None:
        """A text for the next run, one for each name. Durable with an event of the same turn, or within 30 s."""
        self._writer.keep(name, text)
        self._writer.within(POSITIONS_S, "kept")

    def kept(self, name: str) -> str | None:
        """What the last run kept under this name."""
        return self._kept.get(name)

    def _at_once(self, record: Event | Incident) -> asyncio.Future[None]:
        promise = self._writer.promise(self._append(record))
        self._writer.now()
        return promise

    def _append(self, record: Record) -> int:
        self._writer.check()
        seq = self._tail.append(record)
        if len(self._tail) > TAIL_ROWS:
            self._report_lost(self._tail.shed(TAIL_ROWS * 9 // 10), "not durable in time")
        self._appended.set()
        self._appended.clear()  # whoever waits is woken all the same
        return seq

    def _report_lost(self, lost: Iterable[Range], reason: str) -> None:
        for lo, hi in lost:
            log.warning("journal.gap seq_lo=%d seq_hi=%d reason=%s", lo, hi - 1, reason)
            self._append(Gap(lo, hi - 1, reason, self._now_us()))

    # -- sinks ---------------------------------------------------------------------------------------------

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        """True as soon as there is an entry beyond after_seq, False after timeout_s."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.head - 1 <= after_seq:
                    await self._appended.wait()
        except TimeoutError:
            return False
        return True

    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch:
        """The next entries of a lane, durable or not; parts of traces have theirs, and are in no other.

        OSError while the file cannot be read.
        """
        traces = lane == "trace"
        lo, hi = lanes.span(self._positions[sink], lane, self.head)
        # Taken before the file is asked: a commit meanwhile moves entries from the tail to where we do not look.
        recent = self._tail.within((lo, hi), limit, traces=traces)
        stored_hi = min(hi, self._tail.first)
        found: tuple[Entry, ...] = ()
        if lo < stored_hi:
            page = await self._writer.ask(lambda reader: reader.read((lo, stored_hi), limit, traces=traces))
            self._writer.condemn(page.damaged)
            found = page.entries
        entries = (found + recent)[:limit]
        return Batch(entries, entries[-1].seq + 1 if entries else hi)

    def advance(self, sink: str, lane: Lane, next_seq: int) -> None:
        """The sink has dealt with everything of this lane below next_seq. Stored with the next commit, or
        within 30 s, never before the rows it covers."""
        self._move(sink, lanes.advance(self._positions[sink], lane, next_seq))

    def rejoin(self, sink: str) -> None:
        """The sink is back: what it missed becomes backlog, the live lane goes on from here (see `lanes`)."""
        self._move(sink, lanes.rejoin(self._positions[sink], self.head))

    def _move(self, sink: str, position: Position) -> None:
        if position != self._positions[sink]:
            self._positions[sink] = position
            self._writer.within(POSITIONS_S, "positions")

    def behind(self, sink: str) -> int:
        """How many seqs the sink has not acknowledged."""
        return sum(hi - lo for lo, hi in lanes.unsent(self._positions[sink], self.head))

    def reject(self, sink: str, entry: Entry, reason: str) -> None:
        """Keep as a dead letter what a sink refuses for good, with its words. The newest 1000 per sink are kept."""
        body = record_text(entry.record)
        self._writer.bury(DeadLetter(sink, entry.seq, reason, body, self._now_us()))
        self._writer.within(POSITIONS_S, "positions")

    # -- questions -----------------------------------------------------------------------------------------

    def open_events(self) -> tuple[Event, ...]:
        """The events that were open when this run began: their highest revisions, in order of start."""
        return self._open_events

    def open_incidents(self) -> tuple[Incident, ...]:
        """Likewise the incidents."""
        return self._open_incidents

    async def incidents(self, *, limit: int = 100, since_us: int | None = None) -> tuple[Incident, ...]:
        """The highest revision of each incident, youngest start first; since_us as of `events`."""
        pending = [entry.record for entry in self._tail.entries() if isinstance(entry.record, Incident)]
        stored = await self._writer.ask(lambda reader: reader.latest_incidents(limit, since_us))
        return latest_incidents((*stored, *pending), limit, since_us)

    async def events(
        self, *, limit: int = 100, since_us: int | None = None, meter: str | None = None, kind: str | None = None
    ) -> tuple[Event, ...]:
        """The highest revision of each event, youngest start first; since_us: still going on then, or later."""
        query = EventQuery(limit, since_us, meter, kind)
        pending = [entry.record for entry in self._tail.entries() if isinstance(entry.record, Event)]
        stored = await self._writer.ask(lambda reader: reader.latest_events(query))
        return latest((*stored, *pending), query)

    async def readings(self, meter: str | None, limit: int) -> tuple[Reading, ...]:
        """The last readings of a meter (None: of all), youngest first, of the last 1000 groups."""
        found = list(pick(reversed(self._tail), meter))
        below: int | None = self._tail.first
        for _ in range(LOOK_BACK_SLICES):
            if below is None or len(found) >= limit:
                break
            slice_ = partial(Reader.readings_before, seq=below, meter=meter, chunks=LOOK_BACK_CHUNKS)
            more, below = await self._writer.ask(slice_)
            found += more
        return tuple(found[:limit])

    async def event(self, id_: str) -> Event | None:
        """The highest revision of one event."""
        pending = [entry.record for entry in self._tail.entries() if isinstance(entry.record, Event)]
        stored = await self._writer.ask(lambda reader: reader.event(id_))
        known = [event for event in (*stored, *pending) if event.id == id_]
        return max(known, key=lambda event: event.revision, default=None)

    async def event_ids(self) -> tuple[str, ...]:
        """Of the youngest 1000 events."""
        return tuple(event.id for event in await self.events(limit=1000))

    async def traces(self, event: Event) -> tuple[Trace, ...]:
        """The parts of traces that show an event, in order."""
        pending = [entry.record for entry in self._tail.entries() if isinstance(entry.record, Trace)]
        stored = await self._writer.ask(lambda reader: reader.traces(event))
        return around(event, (*stored, *pending))

    async def stats(self) -> JournalStats:
        """The journal in figures. OSError while the file cannot be read."""
        figures = await self._writer.ask(Reader.figures)
        sinks = {
            sink: figures.sink(
                sink, position, self.head, await self._oldest_unsent(sink), await self._unsent_traces(position)
            )
            for sink, position in self._positions.items()
        }
        return figures.stats(
            epoch=self.epoch, head=self.head, sinks=sinks, uncommitted=len(self._tail),
            cap_bytes=self._cap_mib << 20, commits=self._writer.commits, error=self._writer.error,
        )  # fmt: skip

    async def _unsent_traces(self, position: Position) -> int:
        pending = len(self._tail.within((position.trace, self.head), TAIL_TRACES, traces=True))
        return pending + await self._writer.ask(lambda reader: reader.unsent_traces(position))

    async def _oldest_unsent(self, sink: str) -> Record | None:
        for lane in LANES:
            entries = (await self.fetch(sink, lane, 1)).entries
            if entries:
                return entries[0].record
        return None
