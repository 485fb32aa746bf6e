"""Modbus TCP without a network: strict headers, known-late replies, any pieces."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_peer import tcp_exception, tcp_reply, words

from drivers.modbus.outcome import Exchange, LineCounters
from drivers.modbus.pdu import Read, ReadDeviceId, ReadServerId, Request
from drivers.modbus.tcp import TcpMaster, frame

READ = Read(3, 10, 4)
TIMEOUT = 300_000


class Wire:
    def __init__(self, first: int = 0x0FFF) -> None:
        self.now_us = 1_000_000
        self.counters = LineCounters()
        self.master = TcpMaster(first, self.counters)
        self.master.opened(self.now_us, False)

    def ask(self, unit: int = 1, read: Request = READ) -> bytes:
        self.now_us += 1000
        return self.master.request(unit, read, None, TIMEOUT, self.now_us)

    def hear(self, data: bytes) -> Exchange | None:
        self.now_us += 1000
        return self.master.receive(data, self.now_us)


def test_a_request_as_the_implementation_guide_lays_it_out() -> None:
    # Messaging on TCP/IP guide V1.0b, 3.1.3: transaction, protocol 0, length, unit, PDU
    assert frame(0x1501, 0xFF, Read(4, 8, 1)) == bytes.fromhex("1501 0000 0006 FF 04 0008 0001")


def test_broadcast_is_refused() -> None:
    for unit in (0, -1, 256):
        with pytest.raises(ValueError, match="1 to 255"):
            Wire().ask(unit)


def test_a_reply_gives_data_and_instants() -> None:
    wire = Wire()
    request = wire.ask()
    assert wire.hear(tcp_reply(request)) == Exchange("answered", words(10, 4), 1_001_000, 1_002_000)
    assert not wire.master.broken


def test_transactions_count_on_from_a_given_start_and_wrap() -> None:
    wire = Wire(0xFFFE)
    ids = []
    for _ in range(3):
        request = wire.ask()
        ids.append(int.from_bytes(request[:2], "big"))
        wire.hear(tcp_reply(request))
    assert ids == [0xFFFF, 0, 1]


@given(st.lists(st.integers(0, 60), max_size=8))
def test_any_split_of_several_frames_gives_the_same_result(cuts: list[int]) -> None:
    wire = Wire()
    late = wire.ask()
    assert wire.master.expire(wire.now_us).outcome == "silent"
    data = tcp_reply(late) + tcp_reply(wire.ask())
    edges = [0, *sorted({min(cut, len(data)) for cut in cuts}), len(data)]
    results = [wire.hear(data[a:b]) for a, b in itertools.pairwise(edges)]
    assert [result.data for result in results if result is not None] == [words(10, 4)]
    assert (wire.counters.late, wire.master.broken) == (1, "")


def test_a_late_reply_behind_the_current_one_is_dropped_too() -> None:
    wire = Wire()
    late = wire.ask()
    wire.master.expire(wire.now_us)
    request = wire.ask()
    result = wire.hear(tcp_reply(request) + tcp_reply(late))
    assert result is not None
    assert (result.outcome, wire.counters.late, wire.master.broken) == ("answered", 1, "")


def test_a_late_reply_between_requests_is_dropped() -> None:
    wire = Wire()
    late = wire.ask()
    wire.master.expire(wire.now_us)
    assert wire.hear(tcp_reply(late)) is None
    assert (wire.counters.late, wire.master.broken) == (1, "")


def test_a_late_reply_is_known_once() -> None:
    wire = Wire()
    late = wire.ask()
    wire.master.expire(wire.now_us)
    wire.hear(tcp_reply(late) * 2)
    assert "never asked" in wire.master.broken


def test_only_late_replies_is_another_thing_than_silence() -> None:
    wire = Wire()
    late = wire.ask()
    wire.master.expire(wire.now_us)
    wire.ask()
    wire.hear(tcp_reply(late))
    assert wire.master.expire(wire.now_us).outcome == "foreign"


def test_half_a_reply_is_garbled_and_its_end_is_late() -> None:
    wire = Wire()
    reply = tcp_reply(wire.ask())
    wire.hear(reply[:11])
    assert wire.master.expire(wire.now_us).outcome == "garbled"
    request = wire.ask()
    result = wire.hear(reply[11:] + tcp_reply(request))
    assert result is not None
    assert (result.outcome, wire.counters.late) == ("answered", 1)


@pytest.mark.parametrize("code", [0x00, 0x02, 0x0A, 0x0B, 0xFF])
def test_exceptions_are_refused_with_their_code(code: int) -> None:
    wire = Wire()
    result = wire.hear(tcp_exception(wire.ask(), code))
    assert result is not None
    assert (result.outcome, result.code, wire.master.broken) == ("refused", code, "")


def header(request: bytes, *, transaction: int = 0, protocol: int = 0, length: int = 11, unit: int = 1) -> bytes:
    own = int.from_bytes(request[:2], "big")
    return struct.pack(">HHHB", (own + transaction) & 0xFFFF, protocol, length, unit)


@pytest.mark.parametrize(
    ("wrong", "body", "outcome"),
    [
        ({"protocol": 1}, "0308" + "00" * 8, "garbled"),
        ({"length": 0}, "0308" + "00" * 8, "garbled"),
        ({"length": 1}, "0308" + "00" * 8, "garbled"),
        ({"length": 255}, "0308" + "00" * 8, "garbled"),
        ({"length": 65535}, "0308" + "00" * 8, "garbled"),
        ({"length": 10}, "0308" + "00" * 8, "garbled"),
        ({"length": 12}, "0308" + "00" * 9, "garbled"),
        ({"length": 2}, "03", "garbled"),
        ({"transaction": 1}, "0308" + "00" * 8, "foreign"),
        ({"transaction": -1}, "0308" + "00" * 8, "foreign"),
        ({"unit": 2}, "0308" + "00" * 8, "foreign"),
        ({"unit": 0}, "0308" + "00" * 8, "foreign"),
        ({}, "0408" + "00" * 8, "foreign"),
        ({"length": 3}, "8402", "foreign"),
        ({"length": 9}, "0306" + "00" * 6, "garbled"),
        ({}, "0306" + "00" * 8, "garbled"),
        ({"length": 13}, "030A" + "00" * 10, "garbled"),
    ],
)
@pytest.mark.parametrize("glued", [True, False])
def test_what_does_not_fit_ends_the_connection(wrong: dict[str, int], body: str, outcome: str, glued: bool) -> None:
    wire = Wire()
    data = header(wire.ask(), **wrong) + bytes.fromhex(body)
    results = [wire.hear(data)] if glued else [wire.hear(bytes((byte,))) for byte in data]
    assert [result.outcome for result in results if result is not None] == [outcome]
    assert wire.master.broken
    assert wire.hear(b"more") is None


def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    wire = Wire()
    assert wire.hear(header(wire.ask()[:0] + b"\x33\x33") + bytes(10)) is not None
    wire = Wire()
    assert wire.hear(b"\x33\x33\0\0\0\x03\x01\x83\x02") is None
    assert wire.master.broken == "transaction 13107 was never asked"


def test_a_good_reply_counts_though_rubbish_follows_it() -> None:
    wire = Wire()
    request = wire.ask()
    result = wire.hear(tcp_reply(request) + b"HTTP/1.1 400 Bad Request\r\n")
    assert result is not None
    assert result.outcome == "answered"
    assert wire.master.broken


def test_a_late_reply_under_another_units_name_ends_the_connection() -> None:
    wire = Wire()
    late = wire.ask(1)
    wire.master.expire(wire.now_us)
    wire.ask(2)
    swapped = bytearray(tcp_reply(late))
    swapped[6] = 2
    result = wire.hear(bytes(swapped))
    assert result is not None
    assert result.outcome == "foreign"


def test_a_new_connection_starts_clean() -> None:
    wire = Wire()
    late = wire.ask()
    wire.hear(tcp_reply(late)[:9])
    assert wire.master.lost(wire.now_us) == 1_001_000
    assert wire.master.lost(wire.now_us) == 0
    wire.master.opened(wire.now_us, False)
    result = wire.hear(tcp_reply(wire.ask()))
    assert result is not None
    assert result.outcome == "answered"
    wire.hear(tcp_reply(late))
    assert wire.master.broken


def test_late_ids_are_not_kept_for_ever() -> None:
    wire = Wire()
    for _ in range(2000):
        wire.ask()
        wire.master.expire(wire.now_us)
    first = wire.ask()
    wire.master.expire(wire.now_us)
    for _ in range(100):
        wire.now_us += 61_000_000
        wire.hear(tcp_reply(wire.ask()))
    assert wire.hear(tcp_reply(first)) is None
    assert wire.master.broken == ""
    for _ in range(600):
        wire.hear(tcp_reply(wire.ask()))
    late = wire.ask()
    wire.master.expire(wire.now_us)
    wire.now_us += 61_000_000
    wire.hear(tcp_reply(wire.ask()))
    wire.hear(tcp_reply(late))
    assert "never asked" in wire.master.broken


def test_identification_is_answered_with_everything_behind_the_function() -> None:
    wire = Wire()
    request = wire.ask(read=ReadServerId())
    result = wire.hear(request[:4] + b"\0\x05\x01\x11\x02\xff\x42")
    assert result is not None
    assert result.data == b"\x02\xff\x42"
    request = wire.ask(read=ReadDeviceId())
    result = wire.hear(request[:4] + b"\0\x0c\x01" + bytes.fromhex("2B0E010100000100024142"))
    assert result is not None
    assert result.data == bytes.fromhex("0E010100000100024142")


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_no_bytes_raise_or_are_believed(chunks: list[bytes]) -> None:
    wire = Wire()
    wire.ask()
    results = [wire.hear(chunk) for chunk in chunks]
    assert all(result is None or result.outcome != "answered" for result in results)


@given(st.data())
def test_no_reply_of_another_shape_is_believed(data: st.DataObject) -> None:
    wire = Wire()
    request = wire.ask()
    pdu = data.draw(st.binary(min_size=1, max_size=20).map(lambda tail: b"\x03" + tail))
    result = wire.hear(request[:4] + struct.pack(">HB", 1 + len(pdu), 1) + pdu)
    assert result is not None
    assert (result.outcome == "answered") == (len(pdu) == 10 and pdu[1] == 8)
