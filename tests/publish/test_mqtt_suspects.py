"""Whom a broker that hangs up is held to mean."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import virtual_time
from samples import MIDNIGHT_US, entries, event, incident, interval, reading, status
from sink_task import running

from agent.errors import SinkError
from agent.journal.entries import Entry
from agent.publish.mqtt import MqttSink, StatusFeed
from agent.publish.mqtt_rules import UNCLEAR_TRIES
from agent.publish.mqtt_suspects import Suspects
from agent.publish.topics import Message, Session
from agent.site import MqttSite

HANGS_UP, TOO_LARGE = 0x80, 0x95
WINDOW = 100


def of(size: int) -> Message:
    return Message("p/incident", b"x" * size)


@dataclass
class Broker:
    """Takes what is sent in order, and hangs up where `hates` says so; what it took of a flight before, we never heard.
    left: seq and bytes of what there is to send."""

    left: list[tuple[int, int]]
    hates: Callable[[int, int], bool]
    suspects: Suspects = field(default_factory=Suspects)
    flights: list[int] = field(default_factory=list)
    ends: int = 0
    refused: list[int] = field(default_factory=list)

    def connection(self) -> None:
        """One, until it ends or all is sent."""
        while self.left:
            going = self.left[: self.suspects.together(self.left[:WINDOW])]
            self.flights.append(len(going))
            if any(self.hates(*one) for one in going):
                self.ends += 1
                if self.suspects.hung_up([(seq, of(size)) for seq, size in going], HANGS_UP):
                    self.refused.append(self.left.pop(0)[0])
                return
            for seq, size in going:
                self.suspects.answered(seq, size)
            del self.left[: len(going)]

    def all(self) -> None:
        while self.left:
            self.connection()


def test_who_is_on_its_way_when_it_hangs_up_once_costs_eight_flights_and_then_the_window_is_whole_again() -> None:
    hates = iter([False, True])
    broker = Broker([(seq, 300) for seq in range(400)], lambda seq, _: seq == 150 and next(hates, False))
    broker.suspects.answered(0, 300)
    next(hates)
    broker.all()
    assert broker.flights == [100, 100, 50, 25, 12, 6, 3, 2, 1, 1, 100, 100]
    assert (broker.ends, broker.suspects.repeated, bool(broker.suspects)) == (1, False, False)


@pytest.mark.parametrize("place", [0, 1, 49, 50, 63, 98, 99])
def test_one_of_a_hundred_is_found_and_refused_after_six_ends_by_its_size_and_after_a_dozen_without(place: int) -> None:
    for size, most in ((5000, 1 + UNCLEAR_TRIES), (3000, 7 + UNCLEAR_TRIES)):
        broker = Broker([(seq, 3000 if seq != place else size) for seq in range(300)], lambda seq, _: seq == place)
        broker.suspects.answered(0, 3000)
        broker.all()
        assert broker.refused == [place]
        assert broker.ends <= most
        assert max(broker.flights[-3:]) == WINDOW


def test_however_often_a_broker_hangs_up_the_others_get_through_and_small_ones_are_never_refused() -> None:
    for seed in range(8):
        dice = random.Random(seed)  # noqa: S311 - no secret
        broker = Broker([(seq, dice.randint(100, 2048)) for seq in range(1500)], lambda *_, d=dice: d.random() < 0.02)
        broker.all()
        assert (broker.refused, broker.suspects.blocked) == ([], "")
        assert broker.ends < 200


def test_suspects_do_not_go_with_others_whatever_lane_those_are_of() -> None:
    suspects = Suspects()
    suspects.answered(1, 1000)
    suspects.hung_up([(seq, of(300)) for seq in (5, 6, 7, 8)], HANGS_UP)
    assert suspects.together([(3, 300), (4, 300), (5, 300), (6, 300)]) == 2
    assert suspects.together([(5, 300), (6, 300), (7, 300)]) == 2
    assert suspects.together([(8, 300), (9, 300)]) == 1
    assert suspects.together([(8, 300)]) == 1
    assert suspects.together([]) == 0


def test_what_is_larger_than_all_that_was_taken_goes_alone_while_it_is_suspect() -> None:
    suspects = Suspects()
    suspects.answered(1, 1000)
    assert suspects.together([(5, 300), (6, 1001), (7, 300), (8, 300)]) == 4
    suspects.hung_up([(5, of(300)), (6, of(1001)), (7, of(300)), (8, of(300))], HANGS_UP)
    assert suspects.together([(5, 300), (6, 1001), (7, 300), (8, 300)]) == 1
    suspects.answered(5, 300)
    assert suspects.together([(6, 1001), (7, 300), (8, 300)]) == 1


def test_who_is_taken_or_refused_in_words_is_suspect_no_longer() -> None:
    suspects = Suspects()
    suspects.hung_up([(2, of(4000)), (3, of(5000))], HANGS_UP)
    suspects.answered(2, 4000)
    assert (bool(suspects), suspects.repeated) == (True, False)
    suspects.hung_up([(3, of(5000))], HANGS_UP)
    assert (bool(suspects), suspects.repeated) == (True, True)
    suspects.answered(3, 0)
    assert (bool(suspects), suspects.repeated) == (False, False)


def test_a_large_one_at_which_it_hangs_up_five_times_is_refused_and_with_that_reason_at_once() -> None:
    suspects = Suspects()
    said = [suspects.hung_up([(3, of(5000))], HANGS_UP) for _ in range(UNCLEAR_TRIES)]
    assert said[:-1] == [None] * (UNCLEAR_TRIES - 1)
    at_once = suspects.hung_up([(4, of(100))], TOO_LARGE)
    for one in (said[-1], at_once):
        assert one is not None
        assert (one.action, "limit for packets" in one.reason) == ("reject", True)
    assert (suspects.blocked, bool(suspects)) == ("", False)


def test_the_end_at_which_it_was_refused_was_its_too() -> None:
    """Nobody is said to throw us out."""
    suspects = Suspects()
    for _ in range(UNCLEAR_TRIES):
        suspects.hung_up([(3, of(5000))], HANGS_UP)
    assert suspects.repeated
    suspects.answered(5, 10)
    assert not suspects.repeated


def test_what_is_taken_between_does_not_acquit_it() -> None:
    """Live entries go while the backlog does not."""
    suspects = Suspects()
    for seq in range(100, 104):
        assert suspects.hung_up([(3, of(5000))], HANGS_UP) is None
        suspects.answered(seq, 10)
        suspects.hung_up([(seq + 10, of(10)), (seq + 11, of(10))], HANGS_UP)
    assert suspects.together([(3, 5000), (4, 10)]) == 1
    assert suspects.hung_up([(3, of(5000))], HANGS_UP) is not None


def test_a_small_one_is_kept_and_blocks_until_it_is_taken_or_a_connection_lasts_without_it() -> None:
    for ended in (lambda one: one.answered(7, 10), lambda one: one.forget()):
        suspects = Suspects()
        said = [suspects.hung_up([(7, of(2048))], HANGS_UP) for _ in range(UNCLEAR_TRIES - 1)]
        assert suspects.blocked == ""
        said += [suspects.hung_up([(7, of(2048))], HANGS_UP) for _ in range(3)]
        assert said == [None] * (UNCLEAR_TRIES + 2)
        assert "access list" in suspects.blocked
        suspects.answered(8, 10)
        assert "p/incident (2048 bytes)" in suspects.blocked
        ended(suspects)
        assert (suspects.blocked, suspects.repeated, bool(suspects)) == ("", False, False)


@dataclass
class Link:
    """One connection to a broker that hangs up upon a topic's end, and takes what came before it. flights: messages
    that were published together, of all connections."""

    hates: Sequence[str]
    flights: list[int]
    hung_up: int | None = None
    over: "asyncio.Future[str]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def why(self) -> str:
        return self.over.result()

    async def publish(self, messages: Sequence[Message], deadline_s: float | None = None) -> list[int | None]:
        await asyncio.sleep(0.001)
        if not any(message.retain for message in messages):
            self.flights.append(len(messages))
        if any(message.topic.endswith(tuple(self.hates)) for message in messages):
            self.hung_up = HANGS_UP
            self.end("the broker hung up, or the network did")
            return [None] * len(messages)
        return [0] * len(messages)

    async def wait(self, changed: asyncio.Event, timeout_s: float) -> None:
        await asyncio.wait((self.over,), timeout=timeout_s)

    def end(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)


class Sending:
    """A sink, and all that it was to send. hates: ends of topics."""

    def __init__(self, *hates: str) -> None:
        self.hates = list(hates)
        self.flights: list[int] = []
        self.connections = 0
        site = MqttSite("h", 1, False, None, None, None, None, None, "p", "gw")
        feed = StatusFeed(lambda: [status("tx1")], asyncio.Event())
        dice = random.Random(1)  # noqa: S311 - no secret
        session = Session("s", MIDNIGHT_US, "0")
        self.sink = MqttSink(site, session, feed, connect=self._connect, share=dice.random)

    @asynccontextmanager
    async def _connect(self, *_: Any) -> AsyncIterator[Link]:
        self.connections += 1
        yield Link(self.hates, self.flights)

    async def window(self, left: list[Entry]) -> list[str]:
        """What became of the first of them; those are left no longer."""
        with suppress(SinkError):
            said = [one.action for one in await self.sink.send(left[:WINDOW])]
            said = said[: said.index("keep")] if "keep" in said else said
            del left[: len(said)]
            return said
        return []


def test_a_window_with_a_large_one_goes_out_around_it_within_a_minute_and_what_follows_goes_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What makes no message of its own parts none from the others."""

    async def life() -> None:
        sending = Sending("/incident")
        big = incident(unknown=tuple(f"house-{number:04d}" for number in range(400)))
        some = [interval(n) if n % 2 else reading(n) for n in range(WINDOW)]
        left = entries(*some[:70], big, *some[71:], *(reading(n) for n in range(WINDOW)))
        said: list[str] = []
        began_s = asyncio.get_running_loop().time()
        async with running(sending.sink):
            while left:
                said += await sending.window(left)
                await sending.sink.rest(0.1)
                assert not sending.sink.blocked
        assert (said.index("reject"), said.count("accept")) == (70, 199)
        assert asyncio.get_running_loop().time() - began_s < 60
        assert sending.connections == 1 + 1 + UNCLEAR_TRIES
        assert (sending.flights[0], sending.flights[-7:]) == (50, [7, 3, 2, 1, 1, 86, 14])

    virtual_time.run(life())
    assert not [line for line in caplog.messages if line.startswith("mqtt.contested")]


@pytest.mark.parametrize("evicted", [True, False])
def test_a_topic_upon_which_it_hangs_up_is_said_without_a_break_while_others_flow_until_it_is_gone(
    *, evicted: bool
) -> None:
    async def life() -> None:
        sending = Sending("/event")
        backlog = entries(*(reading(n) for n in range(60)), event(), reading(60))
        lived, steps = 0, list[str | None]()
        async with running(sending.sink):
            for number in range(1000, 1200):
                lived += len(await sending.window(entries(reading(number))))
                await sending.window(backlog)
                await sending.sink.rest(30.0)
                steps.append(sending.sink.blocked)
            blocked = [bool(one) for one in steps]
            assert blocked == sorted(blocked)
            assert "p/tx1/event" in (steps[-1] or "")
            assert (len(backlog), lived > 30) == (2, True)
            if evicted:  # from the journal
                backlog.clear()
                await asyncio.sleep(60 + 60 + 1)  # the pause, and a connection that lasts
            sending.hates[:] = ["/nothing"]
            while backlog:
                await sending.window(backlog)
                await sending.sink.rest(30.0)
            assert sending.sink.blocked == ""

    virtual_time.run(life())
