"""Journal -> one sink: live lane first, backlog windows between, a part of a trace when live has nothing left;
positions moved by what the sink said.

The forwarder owns when to send and when to wait; `send` owns the wire. Delivery is at least once: a position
moves over the contiguous prefix of entries that were accepted or rejected, whatever follows is sent again.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from random import random
from typing import Literal, Never, Protocol

from agent.errors import SinkError
from agent.journal.entries import Batch, Entry, Lane

log = logging.getLogger(__name__)

# Back-off of facts on brokers and databases that come back all at once: full jitter, 1 s doubling to 60 s.
BACKOFF_S = 1.0
BACKOFF_CAP_S = 60.0
IDLE_S = 30.0
# So long the live lane waits for a page of the backlog or of a trace: the file may be busy with a commit.
PAGE_S = 0.05
# A part of a trace that fails so often, while live entries go through, is given up: one must not hold up the others.
TRACE_TRIES = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a sink says of one entry.

    accept: it has it for good; reject: it never will (kept as a dead letter with the reason);
    keep: not now, offer it and everything behind it again later.
    """

    action: Literal["accept", "reject", "keep"]
    reason: str = ""


ACCEPT = Verdict("accept")
_KEEP = Verdict("keep")

Send = Callable[[Sequence[Entry]], Awaitable[Sequence[Verdict]]]


class Source(Protocol):
    """What the forwarder needs of the journal."""

    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch: ...  # OSError: not readable now
    def advance(self, sink: str, lane: Lane, next_seq: int) -> None: ...
    def reject(self, sink: str, entry: Entry, reason: str) -> None: ...
    def rejoin(self, sink: str) -> None: ...
    async def wait(self, after_seq: int, timeout_s: float) -> bool: ...


@dataclass(slots=True)
class Progress:
    """One forwarder in figures, for the status page. failures counts in a row; error is empty while all is well."""

    accepted: int = 0
    rejected: int = 0
    failures: int = 0
    error: str = ""


def backoff_s(failures: int, share: float) -> float:
    """Full jitter: a random share (0..1) of 1, 2, 4 ... 60 s after the first, second, third ... failure."""
    return share * min(BACKOFF_CAP_S, BACKOFF_S * 2.0 ** min(failures - 1, 10))


async def forward(
    journal: Source,
    sink: str,
    send: Send,
    *,
    window: int = 20,
    linger_s: float = 0.0,
    replay_per_s: float = math.inf,
    progress: Progress | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    share: Callable[[], float] = random,
) -> Never:
    """Feed one sink for ever; ends by cancellation only.

    send:     takes entries in order and returns a verdict for each; where it returns fewer, the rest is kept.
              It connects by itself and raises SinkError where it cannot; the same is then offered again
    window:   entries per send; a live window and a backlog window take turns while both have something. A trace goes
              part by part, and its failures pause traces only: an event waits for one part at most
    linger_s: how long a first live entry waits for others to share its send: 0 for a broker, 1 for a database
    replay_per_s: entries of the backlog a second at most, and in one window: what one server can take of many gateways
              that come back at once. What is live is not held up by it
    sleep:    waits between attempts; a sink that knows when it is connected again may return early
    """
    feed = _Feed(journal, sink, send, window, Progress() if progress is None else progress)
    now_s = asyncio.get_running_loop().time
    traces, pace = _Traces(feed, share, now_s), _Pace(replay_per_s, now_s)
    try:
        while True:
            live = await feed.window("live")
            began_s = now_s()
            backlog = _NOTHING if live.trouble or pace.pause_s() else await feed.window("backlog", pace.window(window))
            pace.spend(backlog.offered, began_s)
            trouble = live.trouble or backlog.trouble
            trace = _NOTHING if trouble else await traces.turn()
            feed.note(moved=live.moved or backlog.moved, trouble=trouble)
            if trouble:
                await sleep(backoff_s(feed.progress.failures, share()))
                journal.rejoin(sink)
            elif not (live.moved or backlog.moved or trace.moved):
                pause_s = min(IDLE_S, traces.pause_s(), feed.page_s(), pace.pause_s() or IDLE_S)
                arrived = await journal.wait(live.next - 1, pause_s)
                if arrived and linger_s:
                    await sleep(linger_s)
    finally:
        feed.drop_pages()


@dataclass(frozen=True, slots=True)
class _Window:
    """What one window came to: where its lane stands now, whether it moved, and why the rest is kept; offered: how many
    entries the sink was given."""

    next: int
    moved: bool = False
    trouble: str = ""
    offered: int = 0


_NOTHING = _Window(0)


@dataclass(frozen=True, slots=True)
class _Feed:
    journal: Source
    sink: str
    send: Send
    limit: int
    progress: Progress
    pages: dict[Lane, asyncio.Task[Batch]] = field(default_factory=dict)

    async def window(self, lane: Lane, limit: int | None = None) -> _Window:
        try:
            batch = await self._page(lane, limit or self.limit)
        except OSError as error:
            return _Window(0, trouble=f"journal: {error}")
        if batch is None:
            return _NOTHING
        if not batch.entries:
            self.journal.advance(self.sink, lane, batch.next)
            return _Window(batch.next)
        try:
            verdicts = await self.send(batch.entries)
        except SinkError as error:
            return _Window(batch.entries[0].seq, trouble=str(error) or type(error).__name__)
        return replace(self._settle(lane, batch, verdicts), offered=len(batch.entries))

    async def _page(self, lane: Lane, limit: int) -> Batch | None:
        """None: not ready yet. Only what is live is waited for; it lies in memory."""
        if lane == "live":
            return await self.journal.fetch(self.sink, lane, limit)
        page = self.pages.pop(lane, None) or asyncio.ensure_future(self.journal.fetch(self.sink, lane, limit))
        self.pages[lane] = page
        await asyncio.wait((page,), timeout=PAGE_S)
        return self.pages.pop(lane).result() if page.done() else None

    def page_s(self) -> float:
        """How long to wait at most before a page is asked for that was not ready."""
        return PAGE_S if self.pages else math.inf

    def drop_pages(self) -> None:
        for page in self.pages.values():
            page.cancel()

    def _settle(self, lane: Lane, batch: Batch, verdicts: Sequence[Verdict]) -> _Window:
        """Move over the contiguous prefix that is dealt with. What was accepted behind a keep is sent again."""
        judged = zip(batch.entries, chain(verdicts, repeat(_KEEP)), strict=False)
        for done, (entry, verdict) in enumerate(judged):
            if verdict.action == "keep":
                self.journal.advance(self.sink, lane, entry.seq)
                return _Window(entry.seq, done > 0, verdict.reason or "kept by the sink")
            self.count(entry, verdict)
        self.journal.advance(self.sink, lane, batch.next)
        return _Window(batch.next, moved=True)

    def count(self, entry: Entry, verdict: Verdict) -> None:
        if verdict.action == "accept":
            self.progress.accepted += 1
            return
        self.progress.rejected += 1
        self.journal.reject(self.sink, entry, verdict.reason)

    def note(self, *, moved: bool, trouble: str) -> None:
        """Count and log the edges: the first failure and the recovery, not what lies between."""
        progress = self.progress
        if not (moved or trouble):
            return  # nothing was sent: that tells nothing of the sink
        if trouble and not progress.error:
            log.warning("sink.failing sink=%s error=%s", self.sink, trouble)
        if progress.error and not trouble:
            log.info("sink.recovered sink=%s", self.sink)
        progress.failures = (0 if moved else progress.failures) + bool(trouble)
        progress.error = trouble


@dataclass(slots=True)
class _Pace:
    """When the backlog may go on. Nothing is saved up for later: after a pause it goes no faster."""

    per_s: float
    now_s: Callable[[], float]
    free_s: float = -math.inf

    def pause_s(self) -> float:
        return max(0.0, self.free_s - self.now_s())

    def window(self, most: int) -> int:
        """No more at once than a second may have: the pause comes after them."""
        return max(1, int(min(most, self.per_s)))

    def spend(self, entries: int, began_s: float) -> None:
        if entries:
            self.free_s = began_s + entries / self.per_s


@dataclass(slots=True)
class _Traces:
    """The trace lane: one part a turn, with a back-off of its own. What stops it may be the part's size alone, and
    then nothing else need wait."""

    feed: _Feed
    share: Callable[[], float]
    now_s: Callable[[], float]
    not_before_s: float = 0.0
    failures: int = 0
    accepted_before: int = 0

    def pause_s(self) -> float:
        """How long until the lane may be tried again; for ever while nothing is wrong with it."""
        return max(0.001, self.not_before_s - self.now_s()) if self.failures else math.inf

    async def turn(self) -> _Window:
        if self.now_s() < self.not_before_s:
            return _NOTHING
        window = await self.feed.window("trace", 1)
        if window.trouble:
            await self._failed(window)
        elif window.moved and self.failures:
            log.info("sink.traces_recovered sink=%s", self.feed.sink)
            self.failures = 0
        return window

    async def _failed(self, window: _Window) -> None:
        if not self.failures:
            log.warning("sink.traces_failing sink=%s error=%s", self.feed.sink, window.trouble)
            self.accepted_before = self.feed.progress.accepted
        self.failures += 1
        self.not_before_s = self.now_s() + backoff_s(self.failures, self.share())
        if self.failures >= TRACE_TRIES and self.feed.progress.accepted > self.accepted_before:
            await self._give_up(window.trouble)

    async def _give_up(self, why: str) -> None:
        feed = self.feed
        try:
            batch = await feed.journal.fetch(feed.sink, "trace", 1)
        except OSError:
            return  # it was the journal that failed
        for entry in batch.entries:
            feed.count(entry, Verdict("reject", f"{self.failures} times: {why}"))
        feed.journal.advance(feed.sink, "trace", batch.next)
        self.failures, self.not_before_s = 0, 0.0
