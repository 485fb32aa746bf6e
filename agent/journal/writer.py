"""When to commit, and what to do when it fails. One task, one thread for the file; the event loop waits for neither."""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from agent.journal.batches import Commit, Committed
from agent.journal.entries import Damage, DeadLetter, Entry, Range
from agent.journal.lanes import Position, unsent
from agent.journal.place import NoStore
from agent.journal.reader import Reader
from agent.journal.retention import Eviction, Row, common, eviction, merged, sent_by
from agent.journal.rows import DEAD_LETTERS, is_full
from agent.journal.salvage import perhaps_given
from agent.journal.store import Store
from agent.journal.tail import Tail
from agent.journal.unstorable import REASON, UNSTORABLE, escaped, unstorable

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

STOP_S = 4.0
# All is normal within 5 s of the disk taking writes again.
RETRY_CAP_S = 4.0
# Made room for at once when the cap itself is hit in the middle of a commit.
ROOM_BYTES = 1 << 20


class Timer(Protocol):
    def cancel(self) -> None: ...


CallLater = Callable[[float, Callable[[], None]], Timer]
ReportLost = Callable[[Iterable[Range], str], None]


class Writer:
    """Commits the tail when it is due: at once, or when the first of its timers says so.

    report_lost: appends gap records; what they tell of is deleted in the transaction that stores them
    held_below:  rows below this seq are being taken over from a damaged file: not all of them are here yet; 0: all are
    note:        of a damaged file that was found at the start, or whose salvage goes on
    damages:     files that were damaged and are dealt with, for whoever tells of them
    refused:     how many entries were set aside, as no file can hold them
    """

    def __init__(
        self, store: Store | NoStore, thread: ThreadPoolExecutor, tail: Tail, positions: Mapping[str, Position],
        report_lost: ReportLost, now_us: Callable[[], int], call_later: CallLater, held_below: int = 0,
        note: str = "",
    ) -> None:  # fmt: skip
        self.commits = self.refused = 0
        self.error = ""
        self.held_below = held_below
        self.damages = [Damage(note, salvaged=False, lost=0)] if note and not held_below else []
        self._note = note
        self.settled = asyncio.Event()  # pulsed: something became durable
        self._store = store
        self._thread = thread
        self._tail = tail
        self._positions = positions
        self._report_lost = report_lost
        self._now_us = now_us
        self._call_later = call_later
        self._due = asyncio.Event()
        self._timers: dict[str, Timer] = {}
        self._promises: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._dead: dict[tuple[str, int], DeadLetter] = {}
        self._evictions: tuple[Eviction, ...] = ()
        self._kept: dict[str, str] = {}
        self._failures = 0
        self._salvaged = False
        self._stopping = False
        self._task = asyncio.create_task(self._run(), name="journal")

    def now(self) -> None:
        """Commit in the next turn of the loop, with all that comes until then."""
        self._due.set()

    def within(self, delay_s: float, what: str) -> None:
        """Commit at most delay_s after the first call for `what` since the last commit."""
        if what not in self._timers:
            self._timers[what] = self._call_later(delay_s, self._due.set)

    def promise(self, seq: int) -> asyncio.Future[None]:
        """Resolved when seq is durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._promises.append((seq, future))
        return future

    def forsake(self, gone: Iterable[Range]) -> None:
        """What was promised of entries in these ranges cannot be kept."""
        seqs = {seq for lo, hi in gone for seq in range(lo, hi)}
        for seq, future in self._promises:
            if seq in seqs:
                future.cancel()
        self._promises = deque(one for one in self._promises if one[0] not in seqs)

    def bury(self, *letters: DeadLetter) -> None:
        """Store dead letters with the next commit; of those waiting the oldest gives way."""
        for letter in letters:
            if len(self._dead) >= DEAD_LETTERS:
                del self._dead[next(iter(self._dead))]
            fit = replace(letter, reason=escaped(letter.reason), body=escaped(letter.body))
            self._dead[letter.sink, letter.seq] = fit

    @property
    def to_bury(self) -> tuple[DeadLetter, ...]:
        """What is not durable yet."""
        return tuple(self._dead.values())

    def keep(self, name: str, text: str) -> None:
        """Store it under its name with the next commit, and with the events of the same turn."""
        self._kept[name] = escaped(text)

    @property
    def to_keep(self) -> dict[str, str]:
        """What is to be stored under names, and is not durable yet."""
        return dict(self._kept)

    def is_kept(self, name: str) -> bool:
        """Whether what is to be stored under its name is durable."""
        return name not in self._kept

    def condemn(self, damaged: Sequence[Row]) -> None:
        """Rows that do not read any more go, and a gap record says so."""
        known = self._doomed()
        rows = tuple(row for row in damaged if row not in known)
        if rows:
            self._evict(eviction(rows, sent_by(self._positions.values(), self._tail.head), "damaged"))

    def check(self) -> None:
        """Raise what stopped the task, if anything did: only a bug can, and a caller's supervisor must hear of it."""
        if self._task.done():
            self._task.result()

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """Put a question to the file. OSError while it cannot be read; it is then opened anew at once."""
        try:
            return await self._in_thread(self._store.ask, question)
        except OSError:
            self.now()
            raise

    async def stop(self) -> None:
        """Commit what there is and close, within STOP_S."""
        self._stopping = True
        self.now()
        try:
            async with asyncio.timeout(STOP_S):
                await asyncio.shield(self._task)
                await self._in_thread(self._store.close, clean=not self._tail)
        except (TimeoutError, sqlite3.Error) as error:
            log.error("journal.close_failed error=%r", error)
        if self._tail:
            log.error("journal.stopped_with_loss uncommitted=%d error=%s", len(self._tail), self.error)
        for _, future in self._promises:
            future.cancel()

    async def _run(self) -> None:
        # A stop during a commit makes it due once more: what came meanwhile must not stay behind.
        while not self._stopping or self._due.is_set():
            if self.held_below and not (self.error or self._store.gentle or self._due.is_set()):
                await self._salvage()
                continue
            await self._due.wait()
            self._due.clear()
            self._cancel_timers()
            await self._commit()

    async def _commit(self) -> None:
        dead, kept = tuple(self._dead.values()), dict(self._kept)
        batch = Commit(self._tail.entries(), dict(self._positions), dead, self._evictions, kept, self._salvaged)
        try:
            done = await self._in_thread(self._store.commit, batch, self._now_us(), self._doomed())
        except UNSTORABLE as error:
            await self._set_aside(batch.entries, error)
        except (sqlite3.Error, OSError) as error:
            await self._failed(error)
        else:
            self._settle(batch, done)

    def _settle(self, batch: Commit, done: Committed) -> None:
        if self.error:
            log.warning("journal.recovered failures=%d", self._failures)
        self.error, self._failures = "", 0
        self.commits += 1
        self._tail.settle(done.head)
        self.settled.set()
        self.settled.clear()  # whoever waits is woken all the same
        while self._promises and self._promises[0][0] < done.head:
            future = self._promises.popleft()[1]
            if not future.done():
                future.set_result(None)
        for letter in batch.dead:
            self._dead.pop((letter.sink, letter.seq), None)
        self._kept = dict(self._kept.items() - batch.kept.items())
        self._evictions = self._evictions[len(batch.evictions) :]
        self._salvaged = self._salvaged and not batch.salvaged
        self._see_to(done)

    def _see_to(self, done: Committed) -> None:
        """What it found: damage is told of, what there is no room for goes."""
        lost = self._unsent_below(done.lost_below)
        self._report_lost(lost, "damaged")
        self._report_lost(done.holes.to_tell(self._positions.values()), "damaged")
        self._note = done.note or self._note
        if done.note and not done.salvage_below:
            self.damages.append(Damage(done.note, salvaged=False, lost=sum(hi - lo for lo, hi in lost)))
        if done.salvage_below and not self._salvaged:
            self.held_below = done.salvage_below
        if done.surplus is not None:
            self._evict(done.surplus)
        if done.aged is not None:
            self._doom(done.aged)

    async def _salvage(self) -> None:
        """A slice at a time, while no commit is due."""
        try:
            done = await self._in_thread(self._store.salvage)
        except OSError as error:
            await self._failed(error)
            return
        if not done.done:
            return
        lost = tuple(common(done.lost, self._unsent_below(self.held_below)))
        jump = perhaps_given(done.lost, self.held_below)
        sure, unsure = (tuple(common(lost, (part,))) for part in ((0, jump[0]), jump))
        gone, perhaps = (sum(hi - lo for lo, hi in ranges) for ranges in (sure, unsure))
        log.warning("journal.salvaged below=%d lost=%d perhaps=%d", self.held_below, gone, perhaps)
        self.damages.append(Damage(self._note, salvaged=True, lost=gone, perhaps=perhaps))
        self.held_below, self._salvaged = 0, True
        self._report_lost(sure, "damaged")
        self._report_lost(unsure, "damaged, perhaps never written")
        self.now()

    async def _set_aside(self, entries: Sequence[Entry], error: Exception) -> None:
        """What no file can hold goes, and a gap record says so; all else is stored at once."""
        found = await self._in_thread(unstorable, entries)
        if not found:
            if not isinstance(error, sqlite3.Error):
                raise error
            await self._failed(error)
            return
        for seq, why in found.items():
            log.error("journal.unstorable seq=%d error=%s", seq, why)
        gone = self._tail.forget(found)
        self.refused += len(found)
        self.forsake(gone)
        self._report_lost(gone, REASON)
        self.now()

    async def _failed(self, error: sqlite3.Error | OSError) -> None:
        """Everything stays in the tail, visible to the sinks, and is tried again."""
        if not self.error:
            log.error("journal.commit_failed uncommitted=%d error=%s", len(self._tail), error)
        self.error = str(error) or type(error).__name__
        self._failures += 1
        if isinstance(error, sqlite3.Error) and is_full(error) and await self._make_room():
            return
        self.within(min(RETRY_CAP_S, 2.0 ** min(self._failures, 10)), "retry")

    async def _make_room(self) -> bool:
        try:
            surplus = await self._in_thread(self._store.room, dict(self._positions), ROOM_BYTES, self._doomed())
        except OSError:
            return False
        if surplus is not None:
            self._evict(surplus)  # with nothing to delete it is tried again all the same
        return surplus is not None

    def _evict(self, what: Eviction) -> None:
        self._doom(what)
        self.now()

    def _doom(self, what: Eviction) -> None:
        # First the order to delete, then its gap records: whatever commit takes the records takes the order too.
        self._evictions += (what,)
        self._report_lost(what.lost, what.reason)

    def _doomed(self) -> frozenset[Row]:
        return frozenset(row for what in self._evictions for row in what.rows)

    def _unsent_below(self, seq: int) -> tuple[Range, ...]:
        lacking = (lack for position in self._positions.values() for lack in unsent(position, seq))
        return merged((lo, min(hi, seq)) for lo, hi in lacking if lo < seq)

    def _cancel_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(work, *args, **kwargs))
