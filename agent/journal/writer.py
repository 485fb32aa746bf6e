"""When to commit, and what to do when it fails. One task, one thread for the file; the event loop waits for neither."""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

from agent.journal.entries import DeadLetter, Range
from agent.journal.lanes import Position, unsent
from agent.journal.reader import Reader
from agent.journal.retention import Eviction, Row, eviction, merged, sent_by
from agent.journal.store import DEAD_LETTERS, Commit, Committed, Store, is_full
from agent.journal.tail import Tail

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

STOP_S = 4.0
RETRY_CAP_S = 30.0
# Made room for at once when the cap itself is hit in the middle of a commit.
ROOM_BYTES = 1 << 20


class Timer(Protocol):
    def cancel(self) -> None: ...


CallLater = Callable[[float, Callable[[], None]], Timer]
ReportLost = Callable[[Iterable[Range], str], None]


class Writer:
    """Commits the tail when it is due: at once, or when the first of its timers says so.

    report_lost: appends gap records; what they tell of is deleted in the transaction that stores them
    """

    def __init__(
        self, store: Store, thread: ThreadPoolExecutor, tail: Tail, positions: Mapping[str, Position],
        report_lost: ReportLost, now_us: Callable[[], int], call_later: CallLater,
    ) -> None:  # fmt: skip
        self.commits = 0
        self.error = ""
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

    def bury(self, letter: DeadLetter) -> None:
        """Store a dead letter with the next commit; of those waiting the oldest gives way."""
        if len(self._dead) >= DEAD_LETTERS:
            del self._dead[next(iter(self._dead))]
        self._dead[letter.sink, letter.seq] = letter

    def keep(self, name: str, text: str) -> None:
        """Store it under its name with the next commit, and with the events of the same turn."""
        self._kept[name] = text

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
            await self._due.wait()
            self._due.clear()
            self._cancel_timers()
            await self._commit()

    async def _commit(self) -> None:
        dead, kept = tuple(self._dead.values()), dict(self._kept)
        batch = Commit(self._tail.entries(), dict(self._positions), dead, self._evictions, kept)
        try:
            done = await self._in_thread(self._store.commit, batch, self._now_us(), self._doomed())
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
        while self._promises and self._promises[0][0] < done.head:
            future = self._promises.popleft()[1]
            if not future.done():
                future.set_result(None)
        for letter in batch.dead:
            self._dead.pop((letter.sink, letter.seq), None)
        self._kept = dict(self._kept.items() - batch.kept.items())
        self._evictions = self._evictions[len(batch.evictions) :]
        self._report_lost(self._unsent_below(done.lost_below), "damaged")
        if done.surplus is not None:
            self._evict(done.surplus)

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
            self._evict(surplus)
        return surplus is not None

    def _evict(self, what: Eviction) -> None:
        # First the order to delete, then its gap records: whatever commit takes the records takes the order too.
        self._evictions += (what,)
        self._report_lost(what.lost, what.reason)
        self.now()

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
