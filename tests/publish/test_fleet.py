"""When to connect, and how fast to send what has piled up: in virtual time, with connections that a broker of the
test's opens and ends. The sink and the forwarder are the agent's."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
import virtual_time
from samples import MIDNIGHT_US, entries, reading, status

from agent.journal import lanes
from agent.journal.entries import Batch, Entry, Lane
from agent.journal.lanes import Position
from agent.publish.forwarder import ACCEPT, Verdict, forward
from agent.publish.mqtt import MqttSink, StatusFeed
from agent.publish.mqtt_connection import LostError
from agent.publish.mqtt_rules import UNAUTHORISED, Timing
from agent.publish.topics import Message, Session
from agent.secret import Secret
from agent.site import REPLAY_LIMIT, MqttSite


def now_s() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Link:
    """One connection; code: of each PUBACK."""

    code: int = 0
    hung_up: int | None = None
    over: "asyncio.Future[str]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def why(self) -> str:
        return self.over.result()

    async def publish(self, messages: Sequence[Message], deadline_s: float | None = None) -> list[int | None]:
        await asyncio.sleep(0.001)
        return [0 if message.retain else self.code for message in messages]

    async def wait(self, changed: asyncio.Event, timeout_s: float) -> None:
        await asyncio.wait((self.over,), timeout=timeout_s)

    def end(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)


@dataclass
class Broker:
    """tried_s: of every attempt; lasts_s: how long it lets each connection be; passwords: those that it was shown"""

    up: bool = True
    lasts_s: float | None = None
    code: int = 0
    tried_s: list[float] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    passwords: list[str | None] = field(default_factory=list)

    @asynccontextmanager
    async def connect(
        self, _site: MqttSite, password: Secret | None, _will: Message, _t: Timing
    ) -> AsyncIterator[Link]:
        self.tried_s.append(now_s())
        self.passwords.append(password.value if password else None)
        if not self.up:
            raise LostError("nothing listens there")
        self.links.append(link := Link(self.code))
        if self.lasts_s is not None:
            asyncio.get_running_loop().call_later(self.lasts_s, link.end, "the broker hung up")
        yield link

    def vanish(self) -> None:
        self.up = False
        for link in self.links:
            link.end("the broker hung up")
        self.links.clear()


def sink_at(broker: Broker, number: int = 0, password_file: Path | None = None) -> MqttSink:
    password = None if password_file is None else Secret(password_file.read_text())
    site = MqttSite("h", 1, False, "gw", password, None, None, None, "p", f"gw-{number}", password_file=password_file)
    feed = StatusFeed(lambda: [status("tx1")], asyncio.Event())
    share = Random(number).random  # noqa: S311 - a seed is the point
    return MqttSink(site, Session("s", MIDNIGHT_US, "0"), feed, connect=broker.connect, share=share)


@asynccontextmanager
async def running(*sinks: MqttSink) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(sink.run()) for sink in sinks]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_after_the_third_short_connection_it_is_tried_once_a_minute_and_after_a_good_one_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def life() -> None:
        broker = Broker(lasts_s=1.0)
        sink = sink_at(broker)
        async with running(sink):
            await asyncio.sleep(3.5 + 3.0)  # two back-offs, of 1 and 2 s at most
            assert len(broker.tried_s) == 3
            assert "two gateways" in (sink.blocked or "")
            await asyncio.sleep(10 * 61.0)
            gaps_s = [after - before for before, after in zip(broker.tried_s[2:], broker.tried_s[3:], strict=False)]
            assert gaps_s == pytest.approx([61.0] * 10, abs=0.1)
            broker.lasts_s = 10.0  # the other one was given an id of its own
            await asyncio.sleep(2 * 61.0)
            assert sink.blocked == ""
            assert broker.tried_s[-1] - broker.tried_s[-2] < 10.0 + 1.1

    virtual_time.run(life())
    assert len([line for line in caplog.messages if line.startswith("mqtt.contested")]) == 1


def test_connections_that_break_now_and_then_are_no_contest() -> None:
    async def life() -> None:
        broker = Broker(lasts_s=6.0)  # a good one lasts 5 s
        async with running(sink_at(broker)):
            await asyncio.sleep(100.0)
        assert len(broker.tried_s) > 100 / 7.5

    virtual_time.run(life())


def test_whoever_says_that_a_password_was_put_right_ends_the_pause_and_it_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("one")
    file.chmod(0o600)

    async def life() -> None:
        broker = Broker(lasts_s=1.0)
        sink = sink_at(broker, password_file=file)
        async with running(sink):
            await asyncio.sleep(20.0)
            assert len(broker.tried_s) == 3
            # The very same inode and times, as on a filesystem without fine ones: only the word tells.
            sink._password.value = Secret("stale")
            sink.renew()
            await asyncio.sleep(1.5)
            assert broker.passwords == ["one"] * 4
            sink.renew()
            await asyncio.sleep(1.5)
            assert len(broker.tried_s) == 5, "the second word ends the second pause, the first one no more than one"
            await asyncio.sleep(30.0)
            assert len(broker.tried_s) == 5

    virtual_time.run(life())


def test_a_good_connection_is_left_alone_by_that_word_and_one_that_may_not_write_is_opened_anew() -> None:
    async def life() -> None:
        broker = Broker()
        sink = sink_at(broker)
        async with running(sink):
            await asyncio.sleep(10.0)
            sink.renew()
            await asyncio.sleep(10.0)
            assert len(broker.tried_s) == 1
            broker.links[-1].code = UNAUTHORISED
            await sink.send(entries(reading()))
            assert sink.blocked
            began_s, resting = now_s(), asyncio.create_task(sink.rest(1.0))
            await asyncio.sleep(5.0)
            sink.renew()
            await resting
            assert now_s() - began_s < 5.1
            await asyncio.sleep(2.0)
            assert len(broker.tried_s) == 2

    virtual_time.run(life())


@pytest.mark.slow
def test_five_hundred_gateways_come_back_over_a_minute_and_no_second_sees_more_than_a_tenth_of_them() -> None:
    async def life() -> tuple[Counter[int], Counter[int]]:
        broker = Broker()
        async with running(*(sink_at(broker, number) for number in range(500))):
            await asyncio.sleep(10.0)
            assert len(broker.links) == 500
            broker.tried_s.clear()
            broker.vanish()
            began_s = now_s()
            await asyncio.sleep(240.0)  # by then the waits are as long as they get
            away = Counter(int(at_s - began_s) for at_s in broker.tried_s)
            broker.up = True
            broker.tried_s.clear()
            back_s = now_s()
            await asyncio.sleep(70.0)
            assert len(broker.links) == 500, "each is back within a minute, and none has connected twice"
            return away, Counter(int(at_s - back_s) for at_s in broker.tried_s)

    away, back = virtual_time.run(life())
    late = {second: tries for second, tries in away.items() if second >= 120}
    assert max(late.values()) < 50, "an absent broker is not asked by all of them at once"
    assert max(back.values()) < 50
    assert sum(back.values()) == 500
    assert max(back) <= 60


class Backlog:
    """A journal of rows that are all there from the beginning, and a live one each 100 ms."""

    def __init__(self, rows: int) -> None:
        self.rows, self.began_s = rows, now_s()
        self.position = Position(live=rows + 1, backlog_lo=1, backlog_hi=rows + 1)

    @property
    def head(self) -> int:
        return self.rows + 1 + int((now_s() - self.began_s) * 10)

    async def fetch(self, _sink: str, lane: Lane, limit: int) -> Batch:
        lo, hi = (1, 1) if lane == "trace" else lanes.span(self.position, lane, self.head)
        hi = min(hi, lo + limit)
        return Batch(tuple(Entry(seq, _ROW) for seq in range(lo, hi)), hi)

    def advance(self, _sink: str, lane: Lane, next_seq: int) -> None:
        if lane != "trace":
            self.position = lanes.advance(self.position, lane, next_seq)

    def reject(self, _sink: str, entry: Entry, reason: str) -> None:
        raise AssertionError(reason)

    def rejoin(self, _sink: str) -> None:
        self.position = lanes.rejoin(self.position, self.head)

    async def wait(self, after_seq: int, timeout_s: float) -> bool:
        next_s = self.began_s + (after_seq + 1 - self.rows) / 10 - now_s()
        await asyncio.sleep(max(0.0, min(timeout_s, next_s + 1e-6)))
        return self.head > after_seq + 1


_ROW = reading()


@dataclass
class Tally:
    """Takes a window in some milliseconds, as a broker near by does. old: rows of the backlog by second; late_s: how
    long live rows waited."""

    log: Backlog
    window_s: float = 0.008
    old: Counter[int] = field(default_factory=Counter)
    late_s: list[float] = field(default_factory=list)
    done_s: float = 0.0

    async def send(self, window: Sequence[Entry]) -> Sequence[Verdict]:
        await asyncio.sleep(self.window_s)
        for entry in window:
            if entry.seq > self.log.rows:
                born_s = self.log.began_s + (entry.seq - self.log.rows) / 10
                self.late_s.append(now_s() - born_s)
            else:
                self.old[int(now_s() - self.log.began_s)] += 1
                self.done_s = now_s() - self.log.began_s
        return [ACCEPT] * len(window)


def replayed(rows: int, limit: float, within_s: float, window: int = 100) -> Tally:
    async def life() -> Tally:
        log = Backlog(rows)
        tally = Tally(log)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(within_s):
                await forward(log, "mqtt", tally.send, window=window, replay_per_s=limit)
        return tally

    return virtual_time.run(life())


def test_a_backlog_goes_out_no_faster_than_the_site_says_and_live_rows_pass_it() -> None:
    tally = replayed(rows=10_000, limit=500, within_s=30.0)
    assert sum(tally.old.values()) == 10_000
    assert max(tally.old.values()) <= 600, "the limit, and a window that had begun"
    assert tally.done_s == pytest.approx(20.0, abs=0.2)
    assert len(tally.late_s) >= 290
    assert max(tally.late_s) < 0.05


def test_a_window_that_is_larger_than_the_limit_is_cut_to_it() -> None:
    tally = replayed(rows=200, limit=10, within_s=30.0, window=1000)
    assert sum(tally.old.values()) == 200
    assert max(tally.old.values()) <= 10
    assert tally.done_s == pytest.approx(19.0, abs=0.2)
    assert max(tally.late_s) < 0.05


@pytest.mark.slow
def test_by_default_more_than_two_thousand_rows_a_second_go_out_and_no_more_than_five() -> None:
    tally = replayed(rows=50_000, limit=REPLAY_LIMIT, within_s=20.0)
    assert sum(tally.old.values()) == 50_000
    assert 50_000 / tally.done_s > 4_000
    assert max(tally.old.values()) <= 5_100
    unbounded = replayed(rows=50_000, limit=float("inf"), within_s=20.0)
    assert 50_000 / unbounded.done_s > 10_000
