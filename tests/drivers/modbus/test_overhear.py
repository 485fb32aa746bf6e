"""Telling another master from the oddities of a bad cable."""

import pytest
from scripted_peer import rtu_exception, rtu_reply, sealed

from drivers.modbus.outcome import LineCounters
from drivers.modbus.overhear import Flood, Overheard, Overhearing, asked_read, is_request
from drivers.modbus.pdu import Read
from drivers.modbus.rtu_master import RtuMaster

SECOND = 1_000_000
ASKS = sealed(bytes.fromhex("0903000A0004"))
REPLIES = rtu_reply(ASKS)
SETS = sealed(bytes.fromhex("050600010002"))


class Ear:
    def __init__(self) -> None:
        self.told: list[Overheard | None] = []
        self.others = Overhearing(self.told.append)

    def hears(self, *frames: bytes, at_us: int = 0) -> int:
        """How often something was said."""
        for frame in frames:
            self.others.frame(frame, at_us)
        return len(self.told)


@pytest.mark.parametrize(
    ("frame", "asks"),
    [
        ("0903000A0004", True),  # V1.1b3, 6.3: a request
        ("090308" + "00" * 8, False),
        ("090303000000", True),  # no reply to function 3 has an odd count
        ("0901 03 000000", False),  # 6.1: 3 bytes of bits, as long as a request
        ("0901 0013 0025", True),
        ("0983 02", False),
        ("0506 0001 0002", True),
        ("0510 0001 0002 04 000A 0102", True),
        ("0510 0001 0002", False),
        ("0911", True),
        ("0911 03 41FF00", False),
        ("092B 0E 01 00", True),
    ],
)
def test_requests_are_told_from_replies(frame: str, asks: bool) -> None:
    assert is_request(sealed(bytes.fromhex(frame))) is asks


def test_what_another_master_reads_is_understood_and_nothing_else() -> None:
    assert asked_read(ASKS) == Read(3, 10, 4)
    assert asked_read(SETS) is None
    assert asked_read(REPLIES) is None
    assert asked_read(sealed(bytes.fromhex("0903FFFF0004"))) is None
    # either a request at 0x0300, or three bytes of bits: taken for both
    assert asked_read(sealed(bytes.fromhex("090103000010"))) == Read(1, 0x300, 16)


def test_a_request_and_its_reply_are_another_master() -> None:
    ear = Ear()
    assert ear.hears(ASKS) == 0
    assert ear.others.heard is None
    assert ear.hears(REPLIES) == 1
    assert ear.told == [Overheard(2, 1, 0, (9,), 0)]


def test_so_are_two_requests_that_nobody_answers() -> None:
    assert Ear().hears(ASKS, SETS) == 1


def test_one_reply_is_not_it_may_be_late_for_somebody_who_has_gone() -> None:
    assert Ear().hears(REPLIES) == 0
    assert Ear().hears(rtu_exception(ASKS, 2), REPLIES) == 0
    assert Ear().hears(REPLIES, REPLIES, REPLIES) == 1


def test_points_do_not_add_up_over_hours() -> None:
    ear = Ear()
    for minute in range(100):
        assert ear.hears(REPLIES, at_us=31 * SECOND * minute) == 0


def test_it_is_said_once_and_the_figures_go_on() -> None:
    ear = Ear()
    for second in range(100):
        ear.hears(ASKS, REPLIES, SETS, at_us=second * SECOND)
    assert len(ear.told) == 1
    assert ear.others.heard == Overheard(300, 200, 100, (5, 9), 0)
    assert str(ear.others.heard) == (
        "another master is on this line: 300 frames, 200 requests, 100 of them writes, units 5, 9"
    )


def test_when_nothing_is_heard_for_five_minutes_it_is_gone_and_said_anew() -> None:
    ear = Ear()
    ear.hears(ASKS, REPLIES)
    ear.others.sent(b"ours", 299 * SECOND)
    assert ear.others.heard is not None
    ear.others.sent(b"ours", 301 * SECOND)
    assert (ear.others.heard, ear.told[1:]) == (None, [None])
    assert ear.hears(ASKS, REPLIES, at_us=400 * SECOND) == 3


def test_a_talker_whose_requests_are_not_heard_is_not_called_a_master() -> None:
    ear = Ear()
    ear.hears(REPLIES, REPLIES, REPLIES)
    assert "a unit that talks unasked" in str(ear.others.heard)


def test_a_few_stray_bytes_are_nothing_and_many_are_said() -> None:
    ear = Ear()
    ear.others.noise(15, 0, at_start=True)
    assert ear.told == []
    ear.others.noise(1, 0, at_start=True)
    assert [str(heard) for heard in ear.told] == [
        "16 bytes that nobody here asked for: noise, or a talker with other serial settings"
    ]


def test_later_on_more_bytes_are_wanted_within_ten_seconds() -> None:
    ear = Ear()
    for second in range(0, 110, 11):
        ear.others.noise(200, second * SECOND, at_start=False)
    assert ear.told == []
    ear.others.noise(256, 200 * SECOND, at_start=False)
    assert len(ear.told) == 1


def test_noise_that_turns_out_to_be_frames_is_said_once_more() -> None:
    ear = Ear()
    ear.others.noise(300, 0, at_start=False)
    ear.hears(ASKS, REPLIES, ASKS, REPLIES)
    assert [heard is not None and heard.frames for heard in ear.told] == [0, 2]


def listening(ear: Ear) -> RtuMaster:
    master = RtuMaster(4_010, 1146.0, LineCounters(), ear.others, 250_000)
    master.opened(10 * SECOND, True)
    return master


def test_a_new_port_is_listened_to_before_the_first_request() -> None:
    ear = Ear()
    master = listening(ear)
    assert master.clear_us(10 * SECOND, SECOND) == 10 * SECOND + 250_000
    master.receive(ASKS[:5], 10 * SECOND + 10_000)
    master.receive(ASKS[5:] + REPLIES[:4], 10 * SECOND + 20_000)
    master.receive(REPLIES[4:], 10 * SECOND + 30_000)
    master.request(1, Read(3, 0, 2), None, SECOND, 10 * SECOND + 250_000)
    assert [str(heard) for heard in ear.told] == ["another master is on this line: 2 frames, 1 requests, units 9"]


def test_a_port_that_was_away_for_a_moment_is_not_listened_to_again() -> None:
    master = listening(Ear())
    master.lost(20 * SECOND)
    master.opened(22 * SECOND, True)
    assert master.clear_us(22 * SECOND, SECOND) < 22 * SECOND + 10_000
    master.lost(30 * SECOND)
    master.opened(40 * SECOND, True)
    assert master.clear_us(40 * SECOND, SECOND) == 40 * SECOND + 250_000


def test_the_late_echo_of_a_request_that_was_given_up_is_no_other_master() -> None:
    ear = Ear()
    counters = LineCounters()
    master = RtuMaster(4_010, 1146.0, counters, ear.others)
    master.opened(0, False)
    for second in range(1, 9):
        echo = master.request(second, Read(3, 0, 2), None, 50_000, second * SECOND)
        master.expire(second * SECOND + 50_000)
        master.receive(echo, second * SECOND + 90_000)
    master.request(1, Read(3, 0, 2), None, 50_000, 9 * SECOND)
    assert (ear.told, counters.foreign_frames, counters.echoes) == ([], 0, 8)


def test_a_flood_is_more_than_the_limit_within_a_second() -> None:
    flood = Flood(1000)
    assert not flood.exceeded(1000, 0)
    assert not flood.exceeded(1000, 1_000_001)
    assert flood.exceeded(1, 1_500_000)


@pytest.mark.parametrize("asking", [False, True])
def test_a_peer_that_floods_breaks_the_port(asking: bool) -> None:
    master = listening(Ear())
    if asking:
        master.request(1, Read(3, 0, 2), None, SECOND, 11 * SECOND)
    results = [master.receive(bytes(1024), 11 * SECOND + n) for n in range(40)]
    ended = [result.outcome for result in results if result is not None]
    assert ended == (["garbled"] if asking else [])
    assert master.broken.startswith("floods: more than 32768 bytes")
    master.lost(12 * SECOND)
    master.opened(13 * SECOND, True)
    assert master.broken == ""
