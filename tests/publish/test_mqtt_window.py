"""What goes out when: as acknowledgements come in, fairly, and never more than a broker takes at once."""

import random
import tracemalloc
from collections.abc import Callable

import pytest

from agent.publish.mqtt_window import Stream, Window
from agent.publish.topics import Message


class Air:
    """A window, and the broker's side of it. sent: name and packet identifier of what is on its way, in order."""

    def __init__(self, most: int, *, v5: bool = False) -> None:
        self.now_s = 100.0
        self.sent: list[tuple[str, int]] = []
        self.pieces: list[int] = []
        self.timers: list[Callable[[], object]] = []
        self.full: list[str] = []
        self.window = Window(most, self._take, self._later, lambda: self.now_s, v5=v5)
        self._v5 = v5

    def _take(self, packets: bytes) -> None:
        before, at = len(self.sent), 0
        while at < len(packets):
            end = at + 2 + packets[at + 1]
            topic = 4 + packets[at + 3]
            self.sent.append((packets[at + 4 : at + topic].decode(), int.from_bytes(packets[at + topic :][:2], "big")))
            at = end
        self.pieces.append(len(self.sent) - before)

    def _later(self, _: float, call: Callable[[], object]) -> None:
        self.timers.append(call)

    def lingered(self) -> None:
        timers, self.timers = self.timers, []
        for call in timers:
            call()

    def open(self, name: str, count: int) -> Stream:
        return self.window.open([Message(f"{name}{n}", b"") for n in range(count)], lambda: self.full.append(name))

    def puback(self, place: int = 0, code: int = 0) -> str:
        name, mid = self.sent.pop(place)
        self.window.acknowledged(mid, code)
        return name


@pytest.mark.parametrize("v5", [False, True])
def test_each_acknowledgement_counts_for_its_own_message_in_any_order(*, v5: bool) -> None:
    air = Air(10, v5=v5)
    stream = air.open("a", 3)
    air.puback(2)
    _, mid = air.sent[0]
    air.puback(0, 0x87)
    air.window.acknowledged(mid, 0)  # said twice
    air.window.acknowledged(77, 0)  # of nobody's
    assert (stream.codes, air.full) == ([0x87, None, 0], [])
    air.puback(0, 0x10)
    assert (stream.codes, air.full) == ([0x87, 0x10, 0], ["a"])


@pytest.mark.slow
def test_an_identifier_is_not_given_again_while_its_message_is_unacknowledged() -> None:
    air = Air(2)
    slow = air.open("slow", 1)
    for _ in range(65535):
        one = air.open("a", 1)
        air.puback(1)
        assert one.codes == [0]
    assert slow.codes == [None]
    air.puback()
    assert (slow.codes, len(air.full)) == ([0], 65536)


def test_nothing_to_say_is_said_at_once() -> None:
    air = Air(4)
    assert (air.open("a", 0).codes, air.full, air.sent) == ([], ["a"], [])


def test_what_was_acknowledged_makes_room_for_the_next_ones_long_before_the_last_of_the_window() -> None:
    air = Air(20)
    air.open("a", 100)
    assert len(air.sent) == 20
    for _ in range(9):
        air.puback()
    assert len(air.sent) == 11
    air.puback()
    assert [name for name, _ in air.sent] == [f"a{n}" for n in range(10, 30)]
    assert air.pieces == [20, 10]


def test_a_first_acknowledgement_alone_makes_another_message_go_out_soon() -> None:
    """Behind a kernel that acknowledges late a broker tells the others only then."""
    air = Air(20)
    air.open("a", 100)
    air.puback()
    assert (len(air.sent), len(air.timers)) == (19, 1)
    air.lingered()
    assert [name for name, _ in air.sent] == [f"a{n}" for n in range(1, 21)]
    assert air.timers == []


def test_two_senders_share_and_neither_waits_for_the_end_of_the_other() -> None:
    air = Air(20)
    air.open("a", 100)
    air.open("b", 100)
    for _ in range(12):
        air.puback()
    air.lingered()
    on_the_way = [name[0] for name, _ in air.sent]
    assert (on_the_way.count("a"), on_the_way.count("b")) == (10, 10)


def test_a_sender_that_is_alone_again_has_the_whole_window() -> None:
    air = Air(20)
    air.open("a", 100)
    air.open("b", 1)
    for _ in range(30):
        air.puback()
        air.lingered()
    assert air.full == ["b"]
    assert len(air.sent) == 20


def test_who_has_left_sends_nothing_more_and_keeps_the_place_of_what_is_on_its_way() -> None:
    air = Air(4)
    gone = air.open("gone", 10)
    air.window.close(gone)
    air.open("b", 10)
    assert [name for name, _ in air.sent] == ["gone0", "gone1", "gone2", "gone3"]
    assert [air.puback() for _ in range(4)] == ["gone0", "gone1", "gone2", "gone3"]
    assert [name for name, _ in air.sent] == ["b0", "b1", "b2", "b3"]


def test_a_message_is_waited_for_since_the_one_before_it_was_acknowledged() -> None:
    """So a thin line has time for a whole window, and a PUBACK that vanished is missed though others come."""
    air = Air(20)
    stream = air.open("a", 20)
    for n in range(1, 9):
        air.now_s = 100.0 + n
        air.puback()
        assert stream.moved_s == 100.0 + n
    for n in range(9, 15):
        air.now_s = 100.0 + n
        air.puback(1)
    assert stream.moved_s == 108.0
    air.now_s = 120.0
    air.puback()
    assert (stream.moved_s, stream.oldest) == (120.0, 15)


def test_who_had_nothing_on_its_way_is_waited_for_since_it_has() -> None:
    air = Air(1)
    air.open("a", 1)
    second = air.open("b", 2)
    air.now_s = 105.0
    air.puback()
    assert (air.sent[0][0], second.moved_s) == ("b0", 105.0)


@pytest.mark.parametrize(("most", "counts"), [(1, (100, 1)), (2, (100, 50, 1)), (2, (100, 100, 100, 100, 1))])
def test_with_fewer_places_than_senders_they_take_turns(most: int, counts: tuple[int, ...]) -> None:
    air = Air(most)
    streams = [air.open(chr(ord("a") + n), count) for n, count in enumerate(counts)]
    for _ in range(2 * len(counts)):
        air.puback()
        air.lingered()
    assert streams[-1].acknowledged == 1
    out = [stream.out for stream in streams[:-1]]
    assert max(out) - min(out) <= most


def test_a_place_that_one_lingers_for_is_not_taken_by_who_came_later() -> None:
    air = Air(20)
    air.open("a", 100)
    patient, later = air.open("b", 100), air.open("c", 1)
    air.puback()
    assert (patient.out, later.out) == (0, 0)
    air.lingered()
    assert (patient.out, later.out) == (1, 0)


def test_who_waits_for_room_waits_since_the_broker_last_said_anything_and_then_since_it_is_on_its_way() -> None:
    air = Air(1)
    air.open("a", 2)
    second = air.open("b", 1)
    air.now_s = 109.0
    air.window.acknowledged(77, 0)  # of nobody's
    assert air.window.waits_since_s(second) == 100.0
    air.puback()
    air.now_s = 119.0
    assert (air.sent[0][0], air.window.waits_since_s(second)) == ("a1", 109.0)
    air.puback()
    air.now_s = 129.0
    third = air.open("c", 1)
    assert (air.sent[0][0], air.window.waits_since_s(second)) == ("b0", 119.0)
    assert air.window.waits_since_s(third) == 129.0


@pytest.mark.parametrize("most", [1, 2, 3, 20, 100])
def test_whatever_the_order_all_go_out_once_in_order_and_no_more_at_a_time_than_the_broker_takes(most: int) -> None:
    for seed in range(50):
        dice = random.Random(seed)  # noqa: S311 - an order, no secret
        air, streams, said = Air(most), list[tuple[int, Stream]](), dict[str, list[str]]()
        while len(streams) < 12 or air.sent or air.timers:
            if len(streams) < 12 and dice.random() < 0.2:
                count = dice.randint(1, 60)
                streams.append((count, air.open(f"s{len(streams)}-", count)))
            elif air.sent and dice.random() < 0.8:
                name = air.puback(dice.choice((0, 0, dice.randrange(len(air.sent)))), dice.choice((0, 0x10)))
                said.setdefault(name.partition("-")[0], []).append(name)
            else:
                air.lingered()
            assert len(air.sent) <= most
        assert len(air.full) == 12
        for number, (count, stream) in enumerate(streams):
            assert None not in stream.codes
            assert sorted(said[f"s{number}"]) == sorted(f"s{number}-{n}" for n in range(count))


def test_a_connection_of_weeks_takes_no_more_memory_than_a_new_one() -> None:
    """Identifiers that are remembered as they come round would be 2.6 MB a connection, most of it within the hour."""
    air = Air(100)
    messages = [Message("a", b"")] * 100

    def some(windows: int) -> None:
        for _ in range(windows):
            air.window.open(messages, bool)
            while air.sent:
                air.puback()

    tracemalloc.start()
    try:
        some(10)
        before, _ = tracemalloc.get_traced_memory()
        some(20)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000
