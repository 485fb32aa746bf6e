"""Every trap of a serial line, in virtual time: bytes and instants in, exchanges out."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_peer import rtu_exception, rtu_reply, sealed, words

from drivers.modbus.outcome import Exchange, LineCounters
from drivers.modbus.pdu import Read, ReadServerId, Request
from drivers.modbus.rtu import frame
from drivers.modbus.rtu_master import RtuMaster

MS = 1000
TIMEOUT = 300 * MS
READ = Read(3, 10, 4)
SPARE = Read(3, 10, 5)
SILENCE = 2 * MS


class Wire:
    """A master and the hand that feeds it. The clock is moved by what happens."""

    def __init__(self, *, paced: bool = False) -> None:
        self.now_us = 1_000_000
        self.counters = LineCounters()
        self.master = RtuMaster(SILENCE, 573.0, self.counters)
        self.master.opened(self.now_us, paced)

    def ask(self, unit: int = 1, read: Request = READ, spare: Read | None = None) -> bytes:
        """Waits for silence, sends, and moves to where the request has left."""
        self.now_us = max(self.now_us, self.master.clear_us(self.now_us, TIMEOUT))
        request = self.master.request(unit, read, spare, TIMEOUT, self.now_us)
        self.now_us += len(request) * 573
        return request

    def hear(self, data: bytes, after_us: int = 10 * MS) -> Exchange | None:
        self.now_us += after_us
        return self.master.receive(data, self.now_us)

    def give_up(self) -> Exchange:
        self.now_us += TIMEOUT
        return self.master.expire(self.now_us)

    def good(self, unit: int = 1, read: Read = READ, spare: Read | None = None) -> Exchange:
        request = self.ask(unit, read, spare)
        result = self.hear(rtu_reply(request))
        assert result is not None
        return result


def test_a_reply_gives_data_and_instants() -> None:
    wire = Wire()
    request = wire.ask()
    sent_us = wire.now_us
    result = wire.hear(rtu_reply(request))
    assert result == Exchange("answered", words(10, 4), sent_us, sent_us + 10 * MS)


@given(st.lists(st.integers(0, 40), max_size=8), st.binary(max_size=8), st.binary(max_size=5))
def test_any_split_noise_before_and_bytes_behind_change_nothing(cuts: list[int], noise: bytes, tail: bytes) -> None:
    wire = Wire()
    data = noise + rtu_reply(wire.ask()) + tail
    edges = [0, *sorted({min(cut, len(data)) for cut in cuts}), len(data)]
    results = [wire.hear(data[a:b], MS) for a, b in itertools.pairwise(edges)]
    answers = [result for result in results if result is not None]
    assert [(answer.outcome, answer.data) for answer in answers] == [("answered", words(10, 4))]
    wire.ask()
    assert wire.counters.noise_bytes == len(noise) + len(tail)


@pytest.mark.parametrize("length", range(1, 9))
def test_noise_of_any_length_before_the_reply_is_counted_and_skipped(length: int) -> None:
    wire = Wire()
    result = wire.hear(bytes.fromhex("0103010300FF0103")[:length] + rtu_reply(wire.ask()))
    assert result is not None
    assert result.data == words(10, 4)
    assert wire.counters.noise_bytes == length


def test_nothing_heard_is_silence() -> None:
    wire = Wire()
    wire.ask()
    assert wire.give_up().outcome == "silent"


def test_bytes_without_a_valid_frame_are_garbage() -> None:
    wire = Wire()
    damaged = bytearray(rtu_reply(wire.ask()))
    damaged[5] ^= 0x10
    assert wire.hear(bytes(damaged)) is None
    result = wire.give_up()
    assert (result.outcome, result.detail) == ("garbled", f"{len(damaged)} bytes, no valid frame")


def test_half_a_reply_is_garbage() -> None:
    wire = Wire()
    wire.hear(rtu_reply(wire.ask())[:7])
    assert wire.give_up().outcome == "garbled"


@pytest.mark.parametrize(
    "other",
    [
        sealed(bytes((2, 3, 8)) + bytes(8)),  # another unit
        sealed(bytes((1, 4, 8)) + bytes(8)),  # another function
        sealed(bytes((1, 3, 6)) + bytes(6)),  # another byte count
        sealed(bytes((1, 0x84, 2))),  # an exception to another function
        sealed(bytes.fromhex("050600010002")),  # another master writes
    ],
)
def test_a_valid_frame_that_is_not_the_reply_is_dropped_and_the_timer_goes_on(other: bytes) -> None:
    wire = Wire()
    request = wire.ask()
    assert wire.hear(other) is None
    result = wire.hear(rtu_reply(request))
    assert result is not None
    assert result.data == words(10, 4)
    assert wire.counters.foreign_frames == 1
    wire.ask()
    wire.hear(other)
    assert wire.give_up().outcome == "foreign"


def test_writes_of_another_master_are_counted() -> None:
    wire = Wire()
    wire.hear(sealed(bytes.fromhex("05100001000204000A0102")))
    wire.ask()
    assert (wire.counters.foreign_writes, wire.counters.foreign_frames) == (1, 1)


def test_a_reply_split_by_the_bytes_of_nobody_is_lost_but_the_next_is_not() -> None:
    wire = Wire()
    reply = rtu_reply(wire.ask())
    assert wire.hear(reply[:5] + b"\x00" + reply[5:]) is None
    wire.give_up()
    assert wire.good().outcome == "answered"


@pytest.mark.parametrize("code", [0x00, 0x02, 0x0A, 0x0B, 0xFF])
def test_an_exception_is_refused_with_its_code(code: int) -> None:
    wire = Wire()
    result = wire.hear(rtu_exception(wire.ask(), code))
    assert result is not None
    assert (result.outcome, result.code) == ("refused", code)


def test_a_server_id_is_answered_with_everything_behind_the_function() -> None:
    wire = Wire()
    wire.ask(read=ReadServerId())
    result = wire.hear(sealed(bytes.fromhex("011103FF4142")))
    assert result is not None
    assert result.data == bytes.fromhex("03FF4142")


# Timing


def test_a_request_waits_for_t35_after_the_last_byte() -> None:
    wire = Wire()
    wire.good()
    assert wire.master.clear_us(wire.now_us, TIMEOUT) == wire.now_us + SILENCE
    wire.hear(b"\x00", 1 * MS)
    assert wire.master.clear_us(wire.now_us, TIMEOUT) == wire.now_us + SILENCE


def test_the_silence_counts_from_the_computed_end_of_our_own_bytes() -> None:
    wire = Wire()
    wire.now_us = wire.master.clear_us(wire.now_us, TIMEOUT)
    request = wire.master.request(1, READ, None, TIMEOUT, wire.now_us)
    wire.master.receive(rtu_reply(request), wire.now_us + 200)  # a pty whose other end knows no baud rate
    assert wire.master.clear_us(wire.now_us + 200, TIMEOUT) == wire.now_us + int(8 * 573.0) + SILENCE


def test_a_reply_before_the_computed_departure_moves_the_departure_back_to_the_writing() -> None:
    wire = Wire()
    wire.now_us = wire.master.clear_us(wire.now_us, TIMEOUT)
    request = wire.master.request(1, READ, None, TIMEOUT, wire.now_us)
    result = wire.master.receive(rtu_reply(request), wire.now_us + 200)
    assert result is not None
    assert (result.sent_boot_us, result.received_boot_us) == (wire.now_us, wire.now_us + 200)


def test_on_a_real_port_a_reply_before_the_request_has_left_is_an_old_one() -> None:
    wire = Wire(paced=True)
    wire.now_us = wire.master.clear_us(wire.now_us, TIMEOUT)
    request = wire.master.request(1, READ, None, TIMEOUT, wire.now_us)
    assert wire.master.receive(rtu_reply(request), wire.now_us + 200) is None
    result = wire.master.receive(rtu_reply(request), wire.now_us + 20 * MS)
    assert result is not None
    assert result.outcome == "answered"


def test_a_frame_from_before_the_request_is_not_its_reply() -> None:
    wire = Wire()
    request = wire.ask()
    wire.hear(rtu_reply(request))
    wire.hear(rtu_reply(request))  # once more, unasked
    wire.ask()
    assert wire.give_up().outcome == "silent"


def test_a_line_that_never_falls_silent_is_not_waited_for_for_ever() -> None:
    wire = Wire()
    asked_us = wire.now_us
    for _ in range(1000):
        wire.hear(b"\x55" * 20, 1 * MS)
        if wire.master.clear_us(asked_us, TIMEOUT) <= wire.now_us:
            break
    assert wire.now_us - asked_us == TIMEOUT


def test_a_flood_of_foreign_frames_does_not_hide_the_reply() -> None:
    wire = Wire()
    other = sealed(bytes((9, 3, 100)) + bytes(100))
    request = wire.ask()
    for _ in range(200):
        assert wire.hear(other * 3, 20 * MS) is None  # more than 115200 baud bring
    result = wire.hear(other + rtu_reply(request) + other)
    assert result is not None
    assert result.data == words(10, 4)
    assert wire.counters.foreign_frames > 400


# After a timeout


def test_after_a_timeout_the_line_is_listened_to() -> None:
    wire = Wire()
    wire.ask()
    wire.give_up()
    assert wire.master.clear_us(wire.now_us, TIMEOUT) == wire.now_us + 100 * MS
    wire.hear(b"\x00", 90 * MS)
    assert wire.master.clear_us(wire.now_us, TIMEOUT) == wire.now_us + 100 * MS


def test_a_unit_that_taught_its_delay_is_listened_for_that_long_and_others_for_theirs() -> None:
    wire = Wire()
    for _ in range(50):
        wire.good(1)
    wire.ask(1)
    wire.give_up()
    assert 14 * MS < wire.master.clear_us(wire.now_us, TIMEOUT) - wire.now_us < 20 * MS
    wire.good(2)
    wire.ask(3)
    wire.give_up()
    assert wire.master.clear_us(wire.now_us, TIMEOUT) - wire.now_us == 100 * MS


def test_a_short_timeout_does_not_cut_the_listening_short() -> None:
    wire = Wire()
    wire.ask()
    wire.give_up()
    assert wire.master.clear_us(wire.now_us, 10 * MS) == wire.now_us + 100 * MS


def test_listening_is_never_longer_than_the_timeout_it_follows() -> None:
    wire = Wire()
    wire.now_us = wire.master.clear_us(wire.now_us, TIMEOUT)
    wire.master.request(1, READ, None, 20 * MS, wire.now_us)
    wire.master.expire(wire.now_us + 20 * MS)
    assert wire.master.clear_us(wire.now_us + 20 * MS, TIMEOUT) == wire.now_us + 40 * MS


def test_a_late_reply_in_the_quiesce_is_counted_and_clears_the_doubt() -> None:
    wire = Wire()
    request = wire.ask()
    wire.give_up()
    wire.hear(rtu_reply(request), 50 * MS)
    result = wire.good()
    assert (result.outcome, result.questionable, wire.counters.late) == ("answered", False, 1)


def test_a_late_reply_in_two_halves_around_the_deadline_is_recognised() -> None:
    wire = Wire()
    reply = rtu_reply(wire.ask())
    wire.hear(reply[:6], 0)
    assert wire.give_up().outcome == "garbled"
    wire.hear(reply[6:], 5 * MS)
    assert (wire.good().questionable, wire.counters.late) == (False, 1)


def test_the_spare_is_asked_and_a_late_reply_is_not_taken_for_it() -> None:
    wire = Wire()
    first = wire.ask(spare=SPARE)
    wire.give_up()
    second = wire.ask(spare=SPARE)
    assert second == frame(1, SPARE)
    assert wire.hear(rtu_reply(first)) is None
    result = wire.hear(rtu_reply(second))
    assert result is not None
    assert (result.data, result.questionable) == (words(10, 4), False)
    assert wire.counters.late == 1


def test_a_spare_that_begins_earlier_is_cut_at_its_front() -> None:
    wire = Wire()
    wire.ask(spare=Read(3, 8, 6))
    wire.give_up()
    assert wire.good(spare=Read(3, 8, 6)).data == words(10, 4)


def test_without_a_spare_the_reply_is_questionable() -> None:
    wire = Wire()
    wire.ask()
    wire.give_up()
    result = wire.good()
    assert (result.outcome, result.questionable) == ("answered", True)


def test_a_questionable_reply_is_listened_after_so_that_replies_cannot_stay_off_by_one() -> None:
    wire = Wire()
    first = wire.ask()
    wire.give_up()
    second = wire.ask()
    late = wire.hear(rtu_reply(first))
    assert late is not None
    assert late.questionable
    assert wire.master.clear_us(wire.now_us, TIMEOUT) > wire.now_us + 50 * MS
    wire.hear(rtu_reply(second), 30 * MS)
    assert not wire.good().questionable


def test_a_spare_that_was_itself_not_answered_is_of_no_use() -> None:
    wire = Wire()
    for _ in range(2):
        wire.ask(spare=SPARE)
        wire.give_up()
    result = wire.good(spare=SPARE)
    assert result.questionable


def test_a_spare_that_does_not_cover_the_read_is_an_error_of_the_caller() -> None:
    wire = Wire()
    wire.ask()
    wire.give_up()
    with pytest.raises(ValueError, match="must cover"):
        wire.ask(spare=Read(3, 11, 4))


def test_with_time_the_doubt_goes() -> None:
    wire = Wire()
    wire.ask()
    wire.give_up()
    wire.now_us += 2_000 * MS
    assert not wire.good().questionable


def test_other_units_other_functions_and_other_lengths_are_not_in_doubt() -> None:
    wire = Wire()
    wire.ask()
    wire.give_up()
    assert not wire.good(2).questionable
    assert not wire.good(1, Read(4, 10, 4)).questionable
    assert not wire.good(1, Read(3, 10, 3)).questionable


def test_a_late_reply_to_another_unit_is_not_taken() -> None:
    wire = Wire()
    first = wire.ask(1)
    wire.give_up()
    second = wire.ask(2)
    assert wire.hear(rtu_reply(first)) is None
    result = wire.hear(rtu_reply(second))
    assert result is not None
    assert (result.data, wire.counters.late) == (words(10, 4), 1)


def test_a_lost_port_leaves_the_same_doubt() -> None:
    wire = Wire()
    wire.ask()
    assert wire.master.lost(wire.now_us) > 0
    assert wire.master.lost(wire.now_us) == 0
    wire.master.opened(wire.now_us, False)
    assert wire.good().questionable


# Exceptions after a timeout


def test_an_exception_after_a_timeout_is_asked_again_and_the_second_is_believed() -> None:
    wire = Wire()
    wire.ask(spare=SPARE)
    wire.give_up()
    request = wire.ask(spare=SPARE)
    assert wire.hear(rtu_exception(request, 2)) is None
    assert wire.master.again_us is not None
    assert wire.now_us < wire.master.again_us < wire.now_us + TIMEOUT
    wire.now_us = wire.master.again_us
    assert wire.master.again(wire.now_us) == request
    result = wire.hear(rtu_exception(request, 2))
    assert result is not None
    assert (result.outcome, result.code) == ("refused", 2)
    believed = wire.hear(rtu_exception(wire.ask(spare=SPARE), 2))
    assert believed is not None
    assert believed.outcome == "refused"


def test_a_late_exception_does_not_hide_the_true_reply() -> None:
    wire = Wire()
    first = wire.ask(spare=SPARE)
    wire.give_up()
    second = wire.ask(spare=SPARE)
    result = wire.hear(rtu_exception(first, 4) + rtu_reply(second))
    assert result is not None
    assert (result.outcome, result.data, wire.counters.late) == ("answered", words(10, 4), 1)
    assert wire.master.again_us is None


def test_a_request_sent_twice_may_be_answered_twice() -> None:
    wire = Wire()
    wire.ask(spare=SPARE)
    wire.give_up()
    request = wire.ask(spare=SPARE)
    wire.hear(rtu_exception(request, 4))
    assert wire.master.again_us is not None
    wire.now_us = wire.master.again_us
    wire.master.again(wire.now_us)
    result = wire.hear(rtu_reply(request))
    assert result is not None
    assert not result.questionable
    assert wire.ask(read=SPARE, spare=Read(3, 10, 6)) == frame(1, Read(3, 10, 6))


def test_asking_again_leaves_half_of_the_time_for_the_answer() -> None:
    wire = Wire()
    wire.ask()
    wire.give_up()
    wire.now_us = wire.master.clear_us(wire.now_us, TIMEOUT)
    request = wire.master.request(1, READ, None, 60 * MS, wire.now_us)
    wire.hear(rtu_exception(request, 4), 20 * MS)
    assert wire.master.again_us == wire.now_us + 20 * MS


def test_an_exception_without_time_to_ask_again_is_garbage_with_a_reason() -> None:
    wire = Wire()
    first = wire.ask()
    wire.give_up()
    wire.ask()
    wire.hear(rtu_exception(first, 4), 200 * MS)
    result = wire.give_up()
    assert (result.outcome, result.detail) == ("garbled", "exception 04 may answer an earlier request: not believed")


def test_an_exception_of_another_unit_or_function_is_believed_after_a_timeout() -> None:
    wire = Wire()
    wire.ask(1)
    wire.give_up()
    for unit, read in ((2, READ), (1, Read(4, 10, 4))):
        result = wire.hear(rtu_exception(wire.ask(unit, read), 2))
        assert result is not None
        assert result.outcome == "refused"


# Echo


def test_an_echo_is_stripped_split_or_glued() -> None:
    for cut in range(9):
        wire = Wire()
        request = wire.ask()
        data = request + rtu_reply(request)
        first = wire.hear(data[:cut], MS)
        second = wire.hear(data[cut:], MS)
        assert first is None
        assert second is not None
        assert second.data == words(10, 4)
        assert (wire.master.echo, wire.counters.echoes, wire.counters.noise_bytes) == (True, 1, 0)


def test_an_echo_while_the_request_leaves_does_not_move_its_departure() -> None:
    wire = Wire(paced=True)
    wire.now_us = wire.master.clear_us(wire.now_us, TIMEOUT)
    request = wire.master.request(1, READ, None, TIMEOUT, wire.now_us)
    departs_us = wire.now_us + int(8 * 573.0)
    wire.hear(request[:3], 2 * MS)
    wire.hear(request[3:], 4 * MS)
    result = wire.hear(rtu_reply(request))
    assert result is not None
    assert result.sent_boot_us == departs_us


def test_an_echo_alone_is_silence() -> None:
    wire = Wire()
    wire.hear(wire.ask())
    result = wire.give_up()
    assert (result.outcome, result.detail) == ("silent", "only the echo of the request came back")


def test_an_echo_that_reads_like_a_reply_is_told_by_identity() -> None:
    # 19 bits from 0x0300 + x: byte 2 of the request is 3, the byte count of the reply; the check is in its place
    read = Read(1, 0x0313, 19)
    wire = Wire()
    request = wire.ask(read=read)
    assert wire.hear(request) is None
    assert wire.give_up().outcome == "silent"


def test_only_one_copy_is_an_echo() -> None:
    read = Read(1, 0x0313, 19)
    wire = Wire()
    request = wire.ask(read=read)
    result = wire.hear(request + request)
    assert result is not None
    assert result.data == request[3:6]


def test_a_missing_copy_is_a_collision_and_three_end_the_property() -> None:
    wire = Wire()
    request = wire.ask()
    wire.hear(request + rtu_reply(request))
    for number in range(3):
        assert wire.master.echo
        assert wire.good().outcome == "answered"
        assert wire.counters.collisions == number + 1
    assert not wire.master.echo
    wire.good()
    assert wire.counters.collisions == 3


def test_an_echo_that_appears_after_a_replug_is_recognised() -> None:
    wire = Wire()
    wire.good()
    request = wire.ask()
    result = wire.hear(request + rtu_reply(request))
    assert result is not None
    assert wire.master.echo


def test_a_damaged_echo_does_not_lose_the_reply() -> None:
    wire = Wire()
    request = wire.ask()
    wire.hear(request + rtu_reply(request))
    request = wire.ask()
    result = wire.hear(bytes((request[0] ^ 0x40,)) + request[1:] + rtu_reply(request))
    assert result is not None
    assert (result.data, wire.counters.collisions) == (words(10, 4), 1)


# No noise may cost more than its bytes, none may raise


@given(st.lists(st.binary(max_size=600), max_size=6), st.booleans())
def test_no_bytes_raise_or_are_believed(chunks: list[bytes], paced: bool) -> None:
    wire = Wire(paced=paced)
    wire.ask()
    assert all(wire.hear(chunk, MS) is None for chunk in chunks)
    assert wire.give_up().outcome in ("silent", "garbled", "foreign")


@given(st.lists(st.sampled_from([b"\x01", b"\x03", b"\x08", b"\x83", b"\x01\x03\x08", b"\x01\x83\x02"]), max_size=200))
def test_no_crafted_bytes_are_believed(parts: list[bytes]) -> None:
    wire = Wire()
    request = wire.ask()
    assert wire.hear(b"".join(parts)) is None
    result = wire.hear(rtu_reply(request))
    assert result is not None
    assert result.data == words(10, 4)


def test_asking_again_or_giving_up_without_a_request_is_an_error_of_the_caller() -> None:
    wire = Wire()
    with pytest.raises(RuntimeError):
        wire.master.expire(0)
    with pytest.raises(RuntimeError):
        wire.master.again(0)


def rival_asks(unit: int = 1, address: int = 70, count: int = 4) -> bytes:
    return sealed(bytes((unit, 3)) + address.to_bytes(2, "big") + count.to_bytes(2, "big"))


def test_a_reply_after_another_masters_like_request_is_questionable() -> None:
    wire = Wire()
    request = wire.ask()
    assert wire.hear(rival_asks()) is None
    result = wire.hear(rtu_reply(request))
    assert result is not None
    assert result.questionable


@pytest.mark.parametrize("other", [rival_asks(unit=2), rival_asks(count=5)])
def test_after_one_that_brings_another_reply_it_is_not(other: bytes) -> None:
    wire = Wire()
    request = wire.ask()
    assert wire.hear(other) is None
    result = wire.hear(rtu_reply(request))
    assert result is not None
    assert not result.questionable


def test_while_another_masters_reply_is_due_our_request_takes_the_other_shape() -> None:
    wire = Wire()
    wire.hear(rival_asks())
    request = wire.ask(spare=SPARE)
    assert request[5] == SPARE.count
    assert wire.hear(sealed(bytes((1, 3, 8)) + bytes(8))) is None  # the rival's: 4 words
    result = wire.hear(rtu_reply(request))
    assert result is not None
    assert (result.data, result.questionable) == (words(10, 4), False)
    assert (wire.counters.late, wire.counters.foreign_requests, wire.counters.foreign_frames) == (0, 1, 2)
    assert wire.ask(spare=SPARE)[5] == READ.count  # it has had its reply


@pytest.mark.slow
@pytest.mark.parametrize("asking", [False, True])
def test_a_line_that_never_falls_silent_takes_no_more_memory_with_time(asking: bool) -> None:
    """300 kB, as fast as 115200 baud bring them: noise, heads of replies, frames and requests of others."""
    wire = Wire()
    if asking:
        wire.ask()
    frames = sealed(bytes((9, 3, 40)) + bytes(40)) * 3 + rival_asks() + rival_asks(unit=9)
    babble = (bytes(range(256)), b"\x01\x03\xc8" * 80, frames)
    for data in babble * 20:
        wire.hear(data, 22 * MS)
    tracemalloc.start()
    for data in babble * 380:
        wire.hear(data, 22 * MS)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert wire.master.broken == ""
    assert grown < 60_000
