import inspect
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus import pdu
from drivers.modbus.pdu import (
    IMPOSSIBLE,
    READ_ONLY_FUNCTIONS,
    UNDECIDED,
    Read,
    ReadDeviceId,
    ReadServerId,
    Request,
    decode_device_id,
    encode,
    guard,
    next_device_id,
    reply_size,
)

# The examples of MODBUS Application Protocol V1.1b3, sections 6.1 to 6.4: request, request PDU, reply PDU
EXAMPLES = [
    (Read(1, 0x13, 0x13), "0100130013", "0103CD6B05"),
    (Read(2, 0xC4, 0x16), "0200C40016", "0203ACDB35"),
    (Read(3, 0x6B, 0x03), "03006B0003", "0306022B00000064"),
    (Read(4, 0x08, 0x01), "0400080001", "0402000A"),
]
# Laid out as in section 6.21: three objects, nothing follows
DEVICE_ID = bytes.fromhex("2B0E01010000 03 00 04") + b"ACME" + b"\x01\x03PM5" + b"\x02\x05V2.11"


@pytest.mark.parametrize(("read", "request_hex", "reply_hex"), EXAMPLES)
def test_the_examples_of_the_specification(read: Read, request_hex: str, reply_hex: str) -> None:
    reply = bytes.fromhex(reply_hex)
    assert encode(read) == bytes.fromhex(request_hex)
    assert reply_size(read, reply, 0, len(reply)) == len(reply)


def test_identification_requests_are_those_of_the_specification() -> None:
    assert encode(ReadServerId()) == b"\x11"
    assert encode(ReadDeviceId(1, 0)) == bytes.fromhex("2B0E0100")


def test_nothing_but_reads_can_be_built() -> None:
    for function in range(-1, 257):
        if function in (1, 2, 3, 4):
            assert encode(Read(function, 0, 1))[0] == function
        else:
            with pytest.raises(ValueError, match="a read is 1, 2, 3 or 4"):
                Read(function, 0, 1)


def test_every_encoder_of_the_module_stays_on_the_read_only_surface() -> None:
    requests: list[Request] = [Read(f, 7, 9) for f in (1, 2, 3, 4)]
    requests += [ReadServerId(), *(ReadDeviceId(code, 5) for code in (1, 2, 3, 4))]
    assert {type(request) for request in requests} == set(get_args(Request))
    assert {encode(request)[0] for request in requests} == {1, 2, 3, 4, 0x11, 0x2B}
    encoders = [name for name, _ in inspect.getmembers(pdu, inspect.isfunction) if "encode" in name]
    assert encoders == ["encode"]


def test_the_guard_stops_every_other_function() -> None:
    for function in sorted(set(range(256)) - {1, 2, 3, 4, 0x11, 0x2B}):
        with pytest.raises(ValueError, match=f"{function:#04x} must not leave"):
            guard(function)


def test_the_guard_lets_reads_pass() -> None:
    for function in READ_ONLY_FUNCTIONS:
        guard(function)


@pytest.mark.parametrize(
    ("function", "address", "count"),
    [(3, 0, 0), (3, 0, 126), (4, 0, 126), (1, 0, 2001), (2, 0, 2001), (3, -1, 1), (3, 65535, 2), (3, 65536, 1)],
)
def test_a_read_beyond_the_limits_cannot_be_made(function: int, address: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"count|address"):
        Read(function, address, count)


def test_the_limits_themselves_are_legal() -> None:
    assert Read(3, 65536 - 125, 125).byte_count == 250
    assert Read(1, 0, 2000).byte_count == 250
    assert Read(1, 0, 1).byte_count == 1


@given(st.integers(3, 4), st.integers(0, 60), st.integers(1, 60), st.integers(0, 10), st.integers(0, 10))
def test_a_spare_is_cut_to_the_asked_words(function: int, address: int, count: int, front: int, end: int) -> None:
    wanted = Read(function, address + front, count)
    spare = Read(function, address, front + count + end)
    assert spare.covers(wanted)
    data = b"".join(n.to_bytes(2, "big") for n in range(spare.address, spare.address + spare.count))
    words = [n.to_bytes(2, "big") for n in range(wanted.address, wanted.address + wanted.count)]
    assert spare.cut(data, wanted) == b"".join(words)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_a_spare_is_cut_to_the_asked_bits(bits: list[bool], data: st.DataObject) -> None:
    front = data.draw(st.integers(0, len(bits) - 1))
    count = data.draw(st.integers(1, len(bits) - front))
    spare, wanted = Read(1, 100, len(bits)), Read(1, 100 + front, count)
    # V1.1b3, 6.1: the first bit asked for is the lowest of the first byte
    packed = sum(1 << n for n, bit in enumerate(bits) if bit).to_bytes(spare.byte_count, "little")
    cut = spare.cut(packed, wanted)
    assert [bool(cut[n // 8] >> n % 8 & 1) for n in range(count)] == bits[front : front + count]
    assert len(cut) == wanted.byte_count


def test_reads_that_do_not_cover_each_other() -> None:
    assert not Read(3, 0, 4).covers(Read(4, 0, 4))
    assert not Read(3, 0, 4).covers(Read(3, 0, 5))
    assert not Read(3, 1, 4).covers(Read(3, 0, 2))


@pytest.mark.parametrize("count_byte", [0, 1, 5, 7, 8, 255])
def test_a_byte_count_that_was_not_asked_for_is_no_reply(count_byte: int) -> None:
    assert reply_size(Read(3, 0, 3), bytes((3, count_byte)) + bytes(9), 0, 11) == IMPOSSIBLE


def test_replies_of_other_functions_are_none() -> None:
    assert reply_size(Read(3, 0, 3), b"\x04\x06", 0, 2) == IMPOSSIBLE
    assert reply_size(Read(3, 0, 3), b"\x84\x02", 0, 2) == IMPOSSIBLE
    assert reply_size(Read(3, 0, 3), b"\x83", 0, 1) == 2


def test_a_report_of_the_server_id_takes_its_length_from_the_byte_count() -> None:
    assert reply_size(ReadServerId(), b"\x11\x05", 0, 2) == 7
    assert reply_size(ReadServerId(), b"\x11", 0, 1) == UNDECIDED
    assert reply_size(ReadServerId(), b"\x11\xff", 0, 2) == IMPOSSIBLE


@pytest.mark.parametrize("end", range(len(DEVICE_ID)))
def test_a_device_identification_is_undecided_until_its_last_object_is_named(end: int) -> None:
    size = reply_size(ReadDeviceId(1), DEVICE_ID, 0, end)
    assert size == (UNDECIDED if end < len(DEVICE_ID) - 5 else len(DEVICE_ID))


def test_a_device_identification_is_taken_apart() -> None:
    reply = decode_device_id(DEVICE_ID[1:])
    assert reply.objects == {0: b"ACME", 1: b"PM5", 2: b"V2.11"}
    assert (reply.code, reply.conformity, reply.next_id) == (1, 1, None)


@pytest.mark.parametrize("end", range(len(DEVICE_ID) - 1))
def test_an_object_that_runs_past_the_end_is_an_error(end: int) -> None:
    with pytest.raises(ValueError, match="device identification"):
        decode_device_id(DEVICE_ID[1 : 1 + end])


def test_objects_longer_than_a_pdu_are_no_reply() -> None:
    lying = bytes.fromhex("2B0E01010000 02 00 FA") + bytes(250)
    assert reply_size(ReadDeviceId(1), lying, 0, len(lying)) == IMPOSSIBLE
    assert reply_size(ReadDeviceId(1), bytes.fromhex("2B0E01010000FF") + bytes(600), 0, 600) == IMPOSSIBLE


def test_a_stream_of_objects_is_followed_only_while_it_advances() -> None:
    def more(next_id: int) -> pdu.DeviceId:
        return decode_device_id(bytes((0x0E, 3, 0x83, 0xFF, next_id, 0)))

    assert next_device_id(ReadDeviceId(3, 0), more(5)) == ReadDeviceId(3, 5)
    assert next_device_id(ReadDeviceId(3, 5), more(5)) is None
    assert next_device_id(ReadDeviceId(3, 5), more(2)) is None
    asked: ReadDeviceId | None = ReadDeviceId(3, 0)
    steps = 0
    while asked is not None:
        asked = next_device_id(asked, more(min(asked.object_id + 1, 255)))
        steps += 1
    assert steps == 256


@pytest.mark.parametrize(("code", "object_id"), [(0, 0), (5, 0), (1, -1), (1, 256)])
def test_an_identification_that_does_not_exist_cannot_be_asked(code: int, object_id: int) -> None:
    with pytest.raises(ValueError, match="codes are 1-4"):
        ReadDeviceId(code, object_id)


@given(st.sampled_from([Read(3, 0, 3), ReadServerId(), ReadDeviceId(1)]), st.binary(max_size=300), st.booleans())
def test_no_bytes_upset_the_measuring_of_a_reply(request_: Request, data: bytes, headed: bool) -> None:
    if headed:
        data = encode(request_)[:3] + data
    size = reply_size(request_, data, 0, len(data))
    assert size in (IMPOSSIBLE, UNDECIDED) or 2 <= size <= 253


@given(st.binary(max_size=300))
def test_no_bytes_upset_the_taking_apart_of_an_identification(body: bytes) -> None:
    try:
        reply = decode_device_id(b"\x0e" + body)
    except ValueError:
        return
    assert sum(2 + len(value) for value in reply.objects.values()) <= len(body)
