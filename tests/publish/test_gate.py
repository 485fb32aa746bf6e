"""An event waits for its commit for a moment; a broker then gets it marked, a database gets what comes after it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress

import virtual_time
from samples import event, reading

from agent.errors import SinkError
from agent.journal import lanes
from agent.journal.entries import Batch, Entry, Lane
from agent.journal.lanes import Position
from agent.journal.stands import Owed, Stands
from agent.publish.forwarder import ACCEPT, Verdict, forward
from agent.publish.gate import PATIENCE_S, Gate
from agent.records import Record


class Card:
    """A journal in memory whose commits end when the test says so."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.stands = Stands({"sink": Position()})
        self.stored_below = 1
        self.sheds = 0
        self.gone: set[int] = set()
        self.dead: list[int] = []
        self._news = asyncio.Condition()

    @property
    def position(self) -> Position:
        """As it would be stored."""
        return self.stands.storable["sink"]

    @property
    def behind(self) -> int:
        return self.stands.behind("sink", self.head)

    @property
    def head(self) -> int:
        return len(self.records) + 1

    async def add(self, *records: Record) -> None:
        async with self._news:
            self.records += records
            self._news.notify_all()

    async def commit(self) -> None:
        async with self._news:
            self.stored_below = self.head
            self._news.notify_all()

    async def shed(self, *seqs: int) -> None:
        """Memory does not hold them until they can be committed."""
        async with self._news:
            self.gone.update(seqs)
            self.sheds += 1
            while self.stored_below in self.gone:
                self.stored_below += 1
            self._news.notify_all()

    async def stored(self, seq: int, timeout_s: float) -> bool:
        return await self._until(lambda: seq < self.stored_below, timeout_s)

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        return await self._until(lambda: self.head - 1 > after_seq, timeout_s)

    async def _until(self, true: Callable[[], bool], timeout_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(true)
        return true()

    async def fetch(self, sink: str, lane: Lane, limit: int) -> Batch:
        return self._page(*lanes.span(self.stands[sink], lane, self.head), 0 if lane == "trace" else limit)

    async def owed(self, sink: str, limit: int, since_seq: int) -> Batch:
        return self._page(since_seq, self.stands[sink].live, limit)

    def _page(self, lo: int, hi: int, limit: int) -> Batch:
        seqs = [seq for seq in range(lo, hi) if seq not in self.gone]
        entries = tuple(Entry(seq, self.records[seq - 1]) for seq in seqs[:limit])
        return Batch(entries, entries[-1].seq + 1 if entries else hi)

    def owe(self, sink: str, seqs: Collection[int], *, marked: bool) -> None:
        self.stands.owe(sink, Owed(tuple(seqs), marked))

    def advance(self, sink: str, lane: Lane, next_seq: int) -> None:
        self.stands.move(sink, lanes.advance(self.stands[sink], lane, next_seq))

    def reject(self, _sink: str, entry: Entry, _reason: str) -> None:
        self.dead.append(entry.seq)

    def rejoin(self, sink: str) -> None:
        self.stands.move(sink, lanes.rejoin(self.stands[sink], self.head, 2))


class Sink:
    """(seq, durable) of all that came. refusals: answered first."""

    def __init__(self, *refusals: SinkError) -> None:
        self.came: list[tuple[int, bool]] = []
        self.refusals = list(refusals)

    async def send(self, entries: Sequence[Entry]) -> Sequence[Verdict]:
        if self.refusals:
            raise self.refusals.pop(0)
        self.came += [(entry.seq, entry.durable) for entry in entries]
        return [ACCEPT] * len(entries)


def played(script: Callable[[Card], Awaitable[None]], sink: Sink, *, early: bool) -> Card:
    """The forwarder runs beside the script, and a moment longer."""

    async def main() -> Card:
        card = Card()
        gate = Gate(card, early=early)
        forwarding = asyncio.create_task(forward(gate, "sink", sink.send, sleep=asyncio.sleep, share=lambda: 0.1))
        await script(card)
        await asyncio.sleep(1)
        forwarding.cancel()
        with suppress(asyncio.CancelledError):
            await forwarding
        return card

    return virtual_time.run(main())


async def quick(card: Card) -> None:
    await card.add(reading(1), event())
    await asyncio.sleep(0.03)
    await card.commit()


def test_an_event_whose_commit_is_quick_goes_out_once_and_durable() -> None:
    for early in (True, False):
        sink = Sink()
        card = played(quick, sink, early=early)
        assert sink.came == [(1, True), (2, True)]
        assert card.position.live == 3


async def slow(card: Card) -> None:
    await card.add(reading(1), event())
    await asyncio.sleep(2)
    await card.add(reading(2))
    await asyncio.sleep(2)
    await card.commit()


def test_a_broker_gets_an_event_within_a_moment_marked_and_once_more_when_it_is_durable() -> None:
    sink = Sink()
    card = played(slow, sink, early=True)
    assert sink.came == [(1, True), (2, False), (3, True), (2, True)]
    assert card.position.live == 4


def test_a_broker_has_the_event_while_the_card_stalls() -> None:
    sink, seen = Sink(), []

    async def stalled(card: Card) -> None:
        await card.add(event())
        await asyncio.sleep(PATIENCE_S + 0.001)
        seen.extend(sink.came)

    card = played(stalled, sink, early=True)
    assert seen == [(1, False)]
    assert card.position.live == 1, "a life that ends now leaves the event to the next one"


def test_a_database_gets_readings_at_once_and_events_when_they_are_durable() -> None:
    sink = Sink()
    card = played(slow, sink, early=False)
    assert sink.came == [(1, True), (3, True), (2, True)]
    assert card.position.live == 4


def test_what_never_becomes_durable_never_comes_to_a_database() -> None:
    sink = Sink()

    async def cut(card: Card) -> None:
        await card.add(event(), reading(), event(id="ev-2"), reading(2))

    card = played(cut, sink, early=False)
    assert sink.came == [(2, True), (4, True)]
    assert card.position.live == 1


def test_several_events_of_one_stall_are_confirmed_in_their_order() -> None:
    sink = Sink()

    async def storm(card: Card) -> None:
        for number in range(3):
            await card.add(event(id=f"ev-{number}"))
            await asyncio.sleep(0.2)
        await card.commit()

    played(storm, sink, early=True)
    assert sink.came == [(1, False), (2, False), (3, False), (1, True), (2, True), (3, True)]


def test_a_sink_that_fails_meanwhile_gets_everything_durable_in_the_end() -> None:
    sink = Sink(SinkError("down"), SinkError("down"))

    async def trouble(card: Card) -> None:
        await card.add(event(), *(reading(number) for number in range(10)))
        await asyncio.sleep(0.5)
        await card.commit()

    card = played(trouble, sink, early=True)
    assert {seq for seq, durable in sink.came if durable} == set(range(1, 12))
    assert lanes.unsent(card.position, card.head) == ()


def test_a_backlog_waits_for_what_is_not_durable() -> None:
    sink = Sink(SinkError("down"))

    async def outage(card: Card) -> None:
        await card.add(*(reading(number) for number in range(5)))
        await card.commit()
        await card.add(event(), reading(9))
        await asyncio.sleep(0.5)
        assert (6, True) not in sink.came
        await card.commit()

    card = played(outage, sink, early=False)
    assert {seq for seq, _ in sink.came} == set(range(1, 8))
    assert all(durable for _, durable in sink.came)
    assert lanes.unsent(card.position, card.head) == ()


async def unstored(card: Card) -> None:
    """There is no place to store anything."""
    await card.add(event(), *(reading(number) for number in range(10)))
    await asyncio.sleep(1)
    await card.add(reading(11), event(id="ev-2"), reading(12))


def test_what_went_out_counts_as_sent_though_nothing_is_ever_stored() -> None:
    for early in (True, False):
        card = played(unstored, Sink(), early=early)
        owed = card.stands.owed("sink")
        assert owed.seqs == (1, 13)
        assert owed.lacking == (() if early else (1, 13)), "a broker has them, marked"
        assert card.behind == 2
        assert lanes.unsent(card.position, 15) == ((1, 15),), "a life that ends now leaves all of it to the next one"


def test_a_backlog_goes_out_though_nothing_is_ever_stored() -> None:
    for early, lacking in ((True, set()), (False, {1, 13})):
        sink = Sink(SinkError("down"))
        card = played(unstored, sink, early=early)
        assert {seq for seq, _ in sink.came} == set(range(1, 15)) - lacking
        assert card.behind == 2


async def shed_later(card: Card) -> None:
    """The card takes nothing for so long that memory lets the oldest event go; then it takes the rest."""
    await card.add(event(), reading(1))
    await asyncio.sleep(0.5)
    await card.shed(1)
    await asyncio.sleep(0.5)
    await card.add(event(id="ev-2"))
    await card.commit()


def test_an_event_that_memory_could_not_hold_until_it_was_stored_is_never_said_to_be_durable() -> None:
    for early, told in ((True, [(1, False), (2, True), (3, True)]), (False, [(2, True), (3, True)])):
        sink = Sink()
        card = played(shed_later, sink, early=early)
        assert sink.came == told
        assert card.position.live == 4, "nobody waits for it any more"


def test_an_event_that_is_shed_while_its_commit_is_awaited_goes_nowhere() -> None:
    async def at_once(card: Card) -> None:
        await card.add(event(), reading(1))
        await asyncio.sleep(PATIENCE_S / 2)
        await card.shed(1)

    for early in (True, False):
        sink = Sink()
        card = played(at_once, sink, early=early)
        assert sink.came == [(2, True)]
        assert card.position.live == 3


def test_of_many_owed_events_those_that_are_left_are_confirmed_window_by_window() -> None:
    async def storm(card: Card) -> None:
        for number in range(50):
            await card.add(event(id=f"ev-{number}"), reading(number))
        await asyncio.sleep(2)
        await card.shed(*range(1, 60, 2))
        await card.commit()

    sink = Sink()
    card = played(storm, sink, early=True)
    confirmed = [seq for seq, durable in sink.came if durable and seq % 2]
    assert confirmed == list(range(61, 100, 2))
    assert lanes.unsent(card.position, card.head) == ()
