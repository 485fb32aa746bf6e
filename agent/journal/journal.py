"""The journal as the rest of the agent sees it: append at once, fetch at once, durable by groups.

What is not durable yet lies in the tail, in memory and visible to `fetch`; the writer commits it behind the scenes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from agent.clock import Clock
from agent.journal import lanes
from agent.journal.carried import Carried
from agent.journal.census import census
from agent.journal.codec import record_text
from agent.journal.entries import Batch, Damage, DeadLetter, Entry, JournalStats, Lane
from agent.journal.intake import Intake
from agent.journal.lanes import Position
from agent.journal.lives import said_again
from agent.journal.pace import Pace
from agent.journal.pages import Pages
from agent.journal.place import Place, take
from agent.journal.reader import EventQuery, Reader
from agent.journal.recall import Recall
from agent.journal.shifts import KEPT as SHIFTS
from agent.journal.shifts import Shift
from agent.journal.stands import Owed, Stands
from agent.journal.tail import Tail
from agent.journal.writer import CallLater, Writer
from agent.records import Event, Health, Incident, Interval, Reading, Record, Trace

log = logging.getLogger(__name__)

T = TypeVar("T")

GROUP_S = 10.0
GROUP_ROWS = 512
POSITIONS_S = 30.0
CAP_MIB = 512
# Parts of traces of many meters share a commit, and wait no longer for it.
TRACE_S = 1.0


class Journal:
    """One durable log, one position per sink. Made by `Journal.open`; all methods belong to the event loop.

    epoch: names this run. (gateway, epoch, seq) is unique for ever; seq alone is not, because a kill takes back
    the seqs of readings that were sent before they were durable.
    last_us: UTC of the youngest entry of the runs before, None in an empty journal; left_clean: the last one ended in
    order, with everything stored; why_nowhere: why it has no state directory, empty where it has
    """

    def __init__(
        self, place: Place, sinks: Collection[str], group_s: float, now_us: Callable[[], int], call_later: CallLater
    ) -> None:
        self.epoch, self.why_nowhere = place.epoch, place.why
        self._place, found = place, place.found
        again = (lambda told: told) if found.clean else partial(said_again, now_us=now_us())
        self._open_events, self._open_incidents = again(found.open_events), again(found.open_incidents)
        self._kept = found.kept
        self.last_us, self.left_clean = found.last_us, found.clean
        self._tail = Tail(found.head)
        self._shifts = place.store.shifts
        # What is still being taken over from a damaged file is backlog: the live lane does not wait for it.
        lag = 0 if found.salvage_below else lanes.LIVE_LAG
        left = {sink: found.positions.get(sink, lanes.newcomer(found.oldest)) for sink in sinks}
        self._stands = Stands({sink: lanes.rejoin(position, found.head, lag) for sink, position in left.items()})
        self._now_us = now_us
        self._intake = Intake(self._tail, now_us, lambda gone: self._writer.forsake(gone))
        self._writer = Writer(
            place.store, place.thread, self._tail, self._stands.storable, self._intake.report_lost, now_us, call_later,
            found.salvage_below, found.note,
        )  # fmt: skip
        self._pace = Pace(self._writer, group_s, call_later)
        self._pages = Pages(self._writer, self._tail, self._shifts)
        self._recall = Recall(self._writer, self._tail, self._shifts)
        self._tell_holes(place, sinks)

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
        keep_us: int | None = None,
        now_us: Callable[[], int] | None = None,
        call_later: CallLater | None = None,
    ) -> AsyncIterator[Self]:
        """Hold the state directory, recover its journal, begin a new epoch; commit everything on leaving.

        sinks: what is kept for whom. One never seen before starts with the oldest entry that is kept; one that
          is no longer named keeps its stored position but holds nothing back
        group_s: readings are durable at most this much later; events at once, with all readings before them
        cap_mib: size of the file, beside a write-ahead log of some 4 MiB
        keep_us: readings and traces go when they are older, sent or not; None: when there is no room for them
        now_us, call_later: UTC microseconds and the loop's timer, for tests
        It raises what `take` raises. A damaged file never refuses a start: it is moved aside and said in `stats`.
        """
        now_us = now_us or Clock().wall_us
        place = await take(state_dir, gateway, cap_mib=cap_mib, keep_us=keep_us, now_us=now_us)
        async with cls.at(place, sinks, now_us=now_us, group_s=group_s, call_later=call_later) as journal:
            yield journal

    @classmethod
    @asynccontextmanager
    async def at(
        cls, place: Place, sinks: Collection[str], *, now_us: Callable[[], int], group_s: float = GROUP_S,
        call_later: CallLater | None = None,
    ) -> AsyncIterator[Self]:  # fmt: skip
        """The same on a place that is taken already, or nowhere: then all there is is in memory, within its bounds."""
        try:
            journal = cls(place, sinks, group_s, now_us, call_later or asyncio.get_running_loop().call_later)
            try:
                yield journal
            finally:
                journal._pace.stop()
                await journal._writer.stop()
        finally:
            place.leave()

    def carry(self, guess_us: int | None = None) -> Carried:
        """All that was never stored, for the journal that comes after this one; nothing of it stays here."""
        entries, head = tuple(map(self._shifts.entry, self._tail.entries())), self.head
        self._tail.settle(head)
        return Carried(entries, head, dict(self._stands.storable), self._writer.to_keep, guess_us, self._writer.to_bury)

    def take_over(self, carried: Carried, by_us: int) -> None:
        """Go on with what a journal in memory left, before anything is added. by_us: what its clock is slow by."""
        base = self.head
        self._tail.take_over(carried.entries_from(base, by_us), base + carried.head - 1)
        self._writer.bury(*carried.dead_from(base, by_us))
        # Of two open events of one kind at one meter the one of before goes on, as over any restart.
        self._open_events = (*carried.open_events(), *self._open_events)
        self._open_incidents = (*carried.open_incidents(), *self._open_incidents)
        self._kept = {**carried.kept, **self._kept}
        for sink, position in self._stands.items():
            self._stands.move(sink, lanes.rejoin(carried.position(sink, position, base), self.head))
        self.commit_now()

    def _tell_holes(self, place: Place, sinks: Collection[str]) -> None:
        known = place.found.positions
        lost = place.found.holes.to_tell(known[sink] for sink in sinks if sink in known)
        self._intake.report_lost(lost, "damaged")
        if lost:
            self._writer.now()

    @property
    def head(self) -> int:
        """The next seq to be given out."""
        return self._tail.head

    def add_reading(self, reading: Reading | Interval | Health) -> int:
        """Its seq. Fetched at once; durable with its group."""
        seq = self._append(reading)
        if len(self._tail) >= GROUP_ROWS and not self._writer.error:
            self._writer.now()
        else:
            self._pace.reading()
        return seq

    def add_event(self, event: Event) -> asyncio.Future[None]:
        """Resolved once the event, and every reading before it, is durable. Events of one turn share a commit.

        While the disk takes nothing the future stays pending and the event is tried again; it is cancelled if the
        agent stops before it could be stored, or memory does not hold it so long.
        """
        return self._at_once(event)

    def add_incident(self, incident: Incident) -> asyncio.Future[None]:
        """As `add_event`."""
        return self._at_once(incident)

    def add_trace(self, trace: Trace) -> int:
        """Its seq. Fetched at once; durable within a second, or with an event of the same turn."""
        seq = self._append(trace)
        self._writer.within(TRACE_S, "trace")
        return seq

    def commit_now(self) -> None:
        """What waits is stored in the next turn of the loop, not with its group: the power may go any moment."""
        self._writer.now()

    def hurry(self) -> None:
        """A voltage has left its band: what waits is stored now, and what follows soon; once a second at most."""
        self._pace.hurry()

    def damages(self) -> tuple[Damage, ...]:
        """Files that turned out to be damaged and are dealt with, since this was asked last."""
        found, self._writer.damages = tuple(self._writer.damages), []
        return found

    def keep(self, name: str, text: str) -> None:
        """A text for the next run, one for each name. Durable with an event of the same turn, or within 30 s."""
        self._writer.keep(name, text)
        self._writer.within(POSITIONS_S, "kept")

    def kept(self, name: str) -> str | None:
        """What the last run kept under this name."""
        return self._kept.get(name)

    def is_kept(self, name: str) -> bool:
        """Whether the last text of this name is durable, or cannot be."""
        return bool(self.why_nowhere) or self._writer.is_kept(name)

    def shift(self, shifts: Iterable[Shift]) -> None:
        """Rows were told by a clock that was not set: from now on they are handed out corrected."""
        self._shifts.add(shifts)
        self.keep(SHIFTS, self._shifts.text())
        self.commit_now()

    def _at_once(self, record: Event | Incident) -> asyncio.Future[None]:
        promise = self._writer.promise(self._append(record))
        self._writer.now()
        return promise

    def _append(self, record: Record) -> int:
        self._writer.check()
        return self._intake.append(record)

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        """True as soon as there is an entry beyond after_seq, False after timeout_s."""
        return await self._intake.wait(after_seq, timeout_s)

    @property
    def stored_below(self) -> int:
        """Everything below this seq is durable, or was shed: memory is bounded."""
        return self._tail.first

    @property
    def error(self) -> str:
        """Why commits fail, empty while they do not."""
        return self._writer.error

    @property
    def sheds(self) -> int:
        """How often something was shed, or set aside as no file can hold it."""
        return self._intake.sheds + self._writer.refused

    async def stored(self, seq: int, timeout_s: float) -> bool:
        """True as soon as this entry is durable, False after timeout_s."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.stored_below <= seq:
                    await self._writer.settled.wait()
        except TimeoutError:
            return False
        return True

    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch:
        """The next entries of a lane, durable or not; parts of traces have theirs, and are in no other.

        OSError while the file cannot be read. While a start is gentle there is nothing but what is live.
        """
        lo, hi = lanes.span(self._stands[sink], lane, self.head)
        if self._place.store.gentle and lane != "live":
            return Batch((), lo)
        batch = await self._pages.page((lo, hi), limit, traces=lane == "trace")
        return Batch((), self._held(sink, lane, lo)) if batch is None else batch

    async def owed(self, sink: str, limit: int, since_seq: int) -> Batch:
        """Entries from since_seq on that went out before they were durable, among others. What is being taken over from
        a damaged file is backlog once more."""
        batch = await self._pages.page((since_seq, self._stands[sink].live), limit)
        if batch is None:
            self._move(sink, lanes.again(self._stands[sink], since_seq))
        return batch or Batch((), self._stands[sink].live)

    def _held(self, sink: str, lane: Lane, lo: int) -> int:
        """Where a lane stands whose rows are not all here yet; the live lane leaves them to the backlog."""
        if lane != "live":
            return lo
        self._move(sink, lanes.rejoin(self._stands[sink], self._writer.held_below, 0))
        return self._stands[sink].live

    def advance(self, sink: str, lane: Lane, next_seq: int) -> None:
        """The sink has dealt with everything of this lane below next_seq. Stored with the next commit, or
        within 60 s, never before the rows it covers."""
        self._move(sink, lanes.advance(self._stands[sink], lane, next_seq))

    def owe(self, sink: str, seqs: Collection[int], *, marked: bool) -> None:
        """What of the entries that it dealt with it is to get once they are durable. marked: it has them all the
        same, marked. The stored position stays before them."""
        if self._stands.owe(sink, Owed(tuple(seqs), marked)):
            self._writer.within(POSITIONS_S, "positions")

    def rejoin(self, sink: str) -> None:
        """The sink is back: what it missed becomes backlog, the live lane goes on from here (see `lanes`)."""
        self._move(sink, lanes.rejoin(self._stands[sink], self.head))

    def _move(self, sink: str, position: Position) -> None:
        if self._stands.move(sink, position):
            self._writer.within(POSITIONS_S, "positions")

    def behind(self, sink: str) -> int:
        """How many seqs the sink has not acknowledged."""
        return self._stands.behind(sink, self.head)

    def reject(self, sink: str, entry: Entry, reason: str) -> None:
        """Keep as a dead letter what a sink refuses for good, with its words. The newest 1000 per sink are kept."""
        body = record_text(entry.record)
        self._writer.bury(DeadLetter(sink, entry.seq, reason, body, self._now_us()))
        self._writer.within(POSITIONS_S, "positions")

    def open_events(self) -> tuple[Event, ...]:
        """The events that were open when this run began: their highest revisions, in order of start. After a run that
        was cut off they are to be stored: its last ones may not be what it said last."""
        return self._open_events

    async def look(self, question: Callable[[Reader], T]) -> T:
        """Put a question to what is stored. OSError while the file cannot be read."""
        return await self._writer.ask(question)

    def open_incidents(self) -> tuple[Incident, ...]:
        """Likewise the incidents."""
        return self._open_incidents

    async def incidents(self, *, limit: int = 100, since_us: int | None = None) -> tuple[Incident, ...]:
        """The highest revision of each incident, youngest start first; since_us as of `events`."""
        return await self._recall.incidents(limit, since_us)

    async def events(
        self, *, limit: int = 100, since_us: int | None = None, meter: str | None = None, kind: str | None = None,
        until_us: int | None = None,
    ) -> tuple[Event, ...]:  # fmt: skip
        """The highest revision of each event, youngest start first; since_us: still going on then, or later."""
        return await self._recall.events(EventQuery(limit, since_us, meter, kind, until_us))

    async def readings(self, meter: str | None, limit: int) -> tuple[Reading, ...]:
        """The last readings of a meter (None: of all), youngest first, of the last 1000 groups."""
        return await self._recall.readings(meter, limit)

    async def event(self, id_: str) -> Event | None:
        """The highest revision of one event."""
        return await self._recall.event(id_)

    async def traces(self, event: Event) -> tuple[Trace, ...]:
        """The parts of traces that show an event, in order."""
        return await self._recall.traces(event)

    async def stats(self) -> JournalStats:
        """The journal in figures. OSError while the file cannot be read."""
        cap_mib = self._place.cap_mib
        return await census(self._writer, self._tail, self._stands, self.fetch, epoch=self.epoch, cap_mib=cap_mib)
