import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_peer import rtu_exception, rtu_reply, sealed

from drivers.modbus.pdu import Read, ReadDeviceId, ReadServerId, Request
from drivers.modbus.rtu import ReplySearch, char_s, frame, silence_s, survey

READ = Read(3, 0x6B, 3)
REQUEST = frame(0x11, READ)
REPLY = rtu_reply(REQUEST)


# facts/modbus.md, 3: t3.5 by baud at 11 bits
@pytest.mark.parametrize(
    ("baud", "expected_ms"), [(1200, 32.1), (2400, 16.0), (9600, 4.01), (19200, 2.01), (38400, 1.75), (115200, 1.75)]
)
def test_the_silence_before_a_request(baud: int, expected_ms: float) -> None:
    assert silence_s(baud, 11) * 1e3 == pytest.approx(expected_ms, abs=0.05)


def test_a_character_takes_its_bits() -> None:
    assert char_s(9600, 11) == pytest.approx(1.146e-3, rel=1e-3)


def test_the_request_every_manual_shows() -> None:
    assert frame(1, Read(3, 0, 2)) == bytes.fromhex("010300000002C40B")


@pytest.mark.parametrize("unit", [-1, 0, 248, 255, 256])
def test_broadcast_and_reserved_units_are_refused(unit: int) -> None:
    with pytest.raises(ValueError, match="1 to 247"):
        frame(unit, READ)


def found(unit: int, request: Request, chunks: list[bytes]) -> bytes | None:
    search, buffer = ReplySearch(unit, request), bytearray()
    for chunk in chunks:
        buffer += chunk
        hit = search.look(buffer)
        if hit is not None:
            return bytes(buffer[hit[0] : hit[0] + hit[1]])
    return None


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(0, 300), max_size=12), st.binary(max_size=40))
def test_any_split_behind_any_noise_gives_the_same_reply(cuts: list[int], noise: bytes) -> None:
    assert found(0x11, READ, pieces(noise + REPLY, cuts)) == REPLY


@pytest.mark.parametrize("noise", ["00", "FF", "11", "1103", "110306", "1183", "11110311", "00FF00FF00FF00FF"])
def test_noise_that_looks_like_a_beginning_does_not_lose_the_frame(noise: str) -> None:
    data = bytes.fromhex(noise) + REPLY
    assert found(0x11, READ, [bytes((byte,)) for byte in data]) == REPLY
    assert found(0x11, READ, [data]) == REPLY


def test_an_exception_is_a_reply() -> None:
    refusal = rtu_exception(REQUEST, 2)
    assert found(0x11, READ, [b"\x00" + refusal]) == refusal


@pytest.mark.parametrize("at", range(len(REPLY)))
@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_no_damaged_reply_passes(at: int, flip: int) -> None:
    damaged = bytearray(REPLY)
    damaged[at] ^= flip
    assert found(0x11, READ, [bytes(damaged)]) is None


def test_replies_without_a_length_field_are_found_too() -> None:
    device_id = sealed(bytes.fromhex("112B0E010100000200034142430101 5A"))
    assert found(0x11, ReadDeviceId(1), [bytes((b,)) for b in b"\x11\x2b" + device_id]) == device_id
    server_id = sealed(bytes.fromhex("11110301FF42"))
    assert found(0x11, ReadServerId(), [b"\x11" + server_id]) == server_id


def test_the_search_continues_behind_a_cut() -> None:
    search, buffer = ReplySearch(0x11, READ), bytearray(b"\x11\x03\x06" + REPLY[:4])
    assert search.look(buffer) is None
    assert search.undecided_from == 0
    del buffer[:3]
    search.restart()
    buffer += REPLY[4:]
    assert search.look(buffer) == (0, len(REPLY))


def test_of_two_replies_the_one_that_begins_first_counts() -> None:
    refusal = rtu_exception(REQUEST, 2)
    reply = sealed(b"\x11\x03\x06" + b"\x00" + refusal)
    assert found(0x11, READ, [reply]) == reply
    assert found(0x11, READ, [reply[:6], reply[6:]]) == reply


def test_a_survey_tells_frames_from_noise() -> None:
    write = sealed(bytes.fromhex("05060001000A"))
    many = sealed(bytes.fromhex("05100001000204000A0102"))
    other = rtu_reply(frame(9, Read(4, 0, 5)))
    refusal = rtu_exception(frame(9, Read(4, 0, 5)), 2)
    heard = b"\x00" + write + b"\xff\xff" + many + other + b"\x01" + refusal + frame(9, READ) + b"\x09\x03"
    assert list(survey(heard)) == [write, many, other, refusal, frame(9, READ)]


@pytest.mark.parametrize("length", range(8))
def test_a_survey_of_next_to_nothing_finds_nothing(length: int) -> None:
    for function in range(256):
        assert not list(survey(bytes((1, function, 3, 4, 5, 6, 7, 8))[:length]))


# facts/modbus.md, 12: no more than 10 ms per KB, whatever the noise
@pytest.mark.parametrize(
    ("count", "pattern"),
    [(3, b"\x03\xfa"), (3, b"\x11\x03\x06"), (3, b"\x11\x83"), (125, b"\x11\x03\xfa"), (125, b"\x11\x03\xfa\x11\x83")],
)
@pytest.mark.parametrize("size", [1, 7, 512])
def test_crafted_noise_buys_no_time(count: int, pattern: bytes, size: int) -> None:
    noise = (pattern * 512)[:512]
    spent_s = []
    for _ in range(5):
        started = time.process_time()
        search, buffer = ReplySearch(0x11, Read(3, 0, count)), bytearray()
        for at in range(0, 512, size):
            buffer += noise[at : at + size]
            search.look(buffer)
        list(survey(noise))
        spent_s.append(time.process_time() - started)
    assert 2 * min(spent_s) < 0.010


def test_a_survey_of_noise_full_of_long_beginnings_is_as_quick() -> None:
    noise = b"\x03\xfa" * 256
    spent_s = []
    for _ in range(5):
        started = time.process_time()
        list(survey(noise))
        spent_s.append(time.process_time() - started)
    assert min(spent_s) < 0.002
