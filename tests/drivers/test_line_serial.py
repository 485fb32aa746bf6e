"""An RTU line on a pty, against peers that do what serial lines in the field do."""

import asyncio
import itertools
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from ptys import Pty
from scripted_peer import Step, boot_us, on_pty, rtu_exception, rtu_reply, sealed, words

from drivers.errors import LineError
from drivers.line import Exchange, Line, SerialPort
from drivers.modbus.pdu import Read
from drivers.modbus.rtu import silence_s

READ = Read(3, 10, 4)
SPARE = Read(3, 10, 5)
DATA = words(10, 4)
BAUD = 115200


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    with Pty(tmp_path / "port") as made:
        yield made


def line_on(pty: Pty, baud: int = BAUD) -> Line:
    return Line("feeder-room", SerialPort(pty.path, baud), boot_us, jitter=lambda: 0.0, listen_s=0)


def answers(number: int, request: bytes) -> Iterable[Step]:
    yield rtu_reply(request)


@pytest.mark.parametrize(("parity", "stop_bits", "bits"), [("N", 1, 10), ("N", 2, 11), ("E", 1, 11), ("O", 2, 12)])
def test_a_character_has_its_bits(parity: str, stop_bits: int, bits: int) -> None:
    assert SerialPort("/dev/ttyS0", 9600, parity, stop_bits).bits_per_char == bits


async def test_a_read_is_answered_within_its_instants(pty: Pty) -> None:
    async with on_pty(pty, answers), line_on(pty) as line:
        before_us = boot_us()
        result = await line.exchange(1, READ, 1.0)
        assert (result.outcome, result.data, result.questionable) == ("answered", DATA, False)
        assert before_us <= result.sent_boot_us <= result.received_boot_us <= boot_us()
        assert (line.state, line.error) == ("open", "")


async def test_the_request_has_left_when_its_characters_have(pty: Pty) -> None:
    async with on_pty(pty, lambda number, request: [0.03, rtu_reply(request)]), line_on(pty, 9600) as line:
        before_us = boot_us()
        result = await line.exchange(1, READ, 1.0)
        wire_us = 8 * 10 / 9600 * 1e6
        assert before_us + wire_us <= result.sent_boot_us < result.received_boot_us - 10_000


@pytest.mark.parametrize("baud", [9600, 19200, 115200])
async def test_every_request_comes_after_the_due_silence(pty: Pty, baud: int) -> None:
    async with on_pty(pty, lambda number, request: [0.02, rtu_reply(request)]) as heard, line_on(pty, baud) as line:
        results = [await line.exchange(unit, READ, 1.0) for unit in (1, 2, 1, 2, 1, 1, 1)]
        # And not much longer: a busy machine is late at times, but not each time.
        while min(own_gaps_s(results, baud)) >= silence_s(baud, 10) + 0.003 and len(results) < 100:
            results.append(await line.exchange(1, READ, 1.0))
    heard_gaps_s = [b - a for a, b in zip(heard.replied_s, heard.arrived_s[1:], strict=False)]
    assert min(heard_gaps_s) >= silence_s(baud, 10)
    assert silence_s(baud, 10) <= min(own_gaps_s(results, baud)) < silence_s(baud, 10) + 0.003


def own_gaps_s(results: Iterable[Exchange], baud: int) -> list[float]:
    """What the line kept silent for between a reply and the next request."""
    wire_s = 8 * 10 / baud
    return [
        (after.sent_boot_us - before.received_boot_us) / 1e6 - wire_s for before, after in itertools.pairwise(results)
    ]


async def test_the_silence_counts_from_the_end_of_a_request_that_nobody_answered(pty: Pty) -> None:
    async with on_pty(pty, lambda number, request: []), line_on(pty, 1200) as line:
        first = await line.exchange(1, READ, 0.001)
        second = await line.exchange(2, READ, 0.001)
        assert (second.sent_boot_us - first.sent_boot_us) / 1e6 >= 8 * 10 / 1200 + silence_s(1200, 10)


async def test_noise_before_a_reply_does_not_lose_it(pty: Pty) -> None:
    def noisy(number: int, request: bytes) -> Iterable[Step]:
        yield bytes.fromhex("FF010300010300FF")[: number + 1]
        yield rtu_reply(request)

    async with on_pty(pty, noisy), line_on(pty) as line:
        for _ in range(8):
            assert (await line.exchange(1, READ, 0.5)).data == DATA
        assert line.counters.noise_bytes == sum(range(1, 9))


async def test_pieces_are_put_together_and_a_trickle_runs_into_the_deadline(pty: Pty) -> None:
    def trickle(number: int, request: bytes) -> Iterable[Step]:
        for byte in rtu_reply(request):
            yield bytes((byte,))
            yield 0.001 if number == 0 else 0.03

    async with on_pty(pty, trickle), line_on(pty) as line:
        assert (await line.exchange(1, READ, 1.0)).data == DATA
        started = time.monotonic()
        assert (await line.exchange(1, READ, 0.1)).outcome == "garbled"
        assert time.monotonic() - started < 0.3


async def test_a_late_reply_in_the_quiesce_is_not_the_next_ones(pty: Pty) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield 0.2 if number == 0 else 0.005
        yield rtu_reply(request)

    async with on_pty(pty, script), line_on(pty) as line:
        assert (await line.exchange(1, Read(3, 500, 4), 0.15)).outcome == "silent"
        result = await line.exchange(1, READ, 0.5)
        assert (result.data, result.questionable, line.counters.late) == (DATA, False, 1)


async def test_a_very_late_reply_is_told_by_the_shape_of_the_spare(pty: Pty) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number == 0:
            yield 0.26
        elif number == 1:
            yield 0.16
        yield rtu_reply(request)

    async with on_pty(pty, script) as heard, line_on(pty) as line:
        assert (await line.exchange(1, Read(3, 500, 4), 0.1)).outcome == "silent"
        result = await line.exchange(1, READ, 1.0, SPARE)
        assert (result.data, result.questionable, line.counters.late) == (DATA, False, 1)
        assert [request[5] for request in heard.requests] == [4, 5]


async def test_without_a_spare_the_next_reply_is_questionable(pty: Pty) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number:
            yield rtu_reply(request)

    async with on_pty(pty, script), line_on(pty) as line:
        assert (await line.exchange(1, READ, 0.03)).outcome == "silent"
        assert (await line.exchange(2, READ, 0.5)).questionable is False
        assert (await line.exchange(1, READ, 0.5)).questionable is True


async def test_an_exception_after_a_timeout_is_asked_again(pty: Pty) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number == 1:
            yield rtu_exception(request, 4)
        elif number > 1:
            yield rtu_reply(request)

    async with on_pty(pty, script) as heard, line_on(pty) as line:
        assert (await line.exchange(1, READ, 0.03)).outcome == "silent"
        result = await line.exchange(1, READ, 0.5, SPARE)
        assert (result.outcome, result.data) == ("answered", DATA)
        assert len(heard.requests) == 3


async def test_a_standing_exception_is_believed_the_second_time(pty: Pty) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number:
            yield rtu_exception(request, 2)

    async with on_pty(pty, script), line_on(pty) as line:
        assert (await line.exchange(1, READ, 0.03)).outcome == "silent"
        for _ in range(2):
            result = await line.exchange(1, READ, 0.5, SPARE)
            assert (result.outcome, result.code) == ("refused", 2)


@pytest.mark.parametrize(
    "foreign",
    [
        sealed(bytes((9, 3, 8)) + bytes(8)),
        sealed(bytes((1, 4, 8)) + bytes(8)),
        sealed(bytes((1, 3, 6)) + bytes(6)),
        sealed(bytes((1, 0x84, 2))),
    ],
)
async def test_a_foreign_frame_is_dropped_and_the_reply_still_taken(pty: Pty, foreign: bytes) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield foreign
        yield 0.01
        if number == 0:
            yield rtu_reply(request)

    async with on_pty(pty, script), line_on(pty) as line:
        assert (await line.exchange(1, READ, 0.5)).data == DATA
        assert (await line.exchange(1, READ, 0.05)).outcome == "foreign"
        assert line.counters.foreign_frames == 2


async def test_an_echo_split_or_glued_is_stripped_and_its_end_noticed(pty: Pty) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        reply = rtu_reply(request)
        if number == 0:
            yield request[:3]
            yield 0.005
            yield request[3:] + reply[:2]
            yield 0.005
            yield reply[2:]
        else:
            yield request + reply if number == 1 else reply

    async with on_pty(pty, script), line_on(pty) as line:
        for _ in range(5):
            assert (await line.exchange(1, READ, 0.5)).data == DATA
        assert (line.counters.echoes, line.counters.collisions, line.counters.noise_bytes) == (2, 3, 0)


async def test_a_unit_that_floods_does_not_starve_the_others(pty: Pty) -> None:
    babble = sealed(bytes((9, 3, 40)) + bytes(40))

    def script(number: int, request: bytes) -> Iterable[Step]:
        yield babble * 4
        yield 0.003
        yield babble + rtu_reply(request) + babble[:20]

    async with on_pty(pty, script), line_on(pty) as line:
        started = time.monotonic()
        for _ in range(20):
            assert (await line.exchange(1, READ, 0.2)).data == DATA
        assert time.monotonic() - started < 3.0
        assert line.counters.foreign_frames >= 99


async def test_a_line_that_is_never_silent_is_asked_all_the_same(pty: Pty) -> None:
    async def babble() -> None:
        while True:
            os.write(pty.fd, b"\x55\xaa")
            await asyncio.sleep(0.001)

    async with on_pty(pty, lambda number, request: [sealed(b"\x01\x83\x06")]), line_on(pty, 9600) as line:
        await line.exchange(1, READ, 0.1)
        babbling = asyncio.create_task(babble())
        try:
            started = time.monotonic()
            result = await line.exchange(1, READ, 0.1)
            assert (result.outcome, result.code) == ("refused", 6)
            assert time.monotonic() - started < 0.5
        finally:
            babbling.cancel()


async def test_a_reply_from_before_the_request_is_not_taken(pty: Pty) -> None:
    async with on_pty(pty, lambda number, request: []) as heard, line_on(pty) as line:
        await line.exchange(9, READ, 0.02)
        os.write(pty.fd, sealed(bytes((1, 3, 8)) + bytes(8)))
        assert (await line.exchange(1, READ, 0.05)).outcome == "silent"
        assert (len(heard.requests), line.counters.foreign_frames) == (2, 1)


async def test_a_reply_that_lies_unread_when_the_request_leaves_is_not_taken(pty: Pty) -> None:
    async with on_pty(pty, answers), line_on(pty) as line:
        await line.exchange(1, READ, 0.5)
        await asyncio.sleep(0.02)
        os.write(pty.fd, sealed(bytes((1, 3, 8)) + bytes(8)))
        time.sleep(0.01)  # noqa: ASYNC251 - the bytes arrive, and the loop does not turn before the request
        assert (await line.exchange(1, READ, 0.5)).data == DATA
        assert line.counters.foreign_frames == 1


async def test_a_dead_unit_costs_little_more_than_its_timeout(pty: Pty) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if request[0] != 7:
            yield rtu_reply(request)

    async with on_pty(pty, script), line_on(pty) as line:
        started = time.monotonic()
        for unit in (7, 1, 7, 2):
            timeout_s, expected = (0.05, "silent") if unit == 7 else (0.5, "answered")
            assert (await line.exchange(unit, READ, timeout_s)).outcome == expected
        assert time.monotonic() - started < 0.4


async def test_a_cancelled_exchange_leaves_the_line_as_a_timeout_would(pty: Pty) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield 0.05 if number == 0 else 0.005
        yield rtu_reply(request)

    async with on_pty(pty, script), line_on(pty) as line:
        task = asyncio.create_task(line.exchange(1, Read(3, 500, 4), 1.0))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        result = await line.exchange(1, READ, 0.5)
        assert (result.data, result.questionable, line.counters.late) == (DATA, False, 1)


async def until(line: Line, outcome: str, within_s: float) -> None:
    started = time.monotonic()
    while (await line.exchange(1, READ, 0.2)).outcome != outcome:
        assert time.monotonic() - started < within_s, f"no {outcome} exchange within {within_s} s"
        await asyncio.sleep(0.02)


async def test_an_absent_port_is_down_and_found_when_it_comes(pty: Pty) -> None:
    pty.unplug()
    async with line_on(pty) as line:
        result = await line.exchange(1, READ, 0.2)
        assert (result.outcome, result.detail) == ("down", f"{pty.path}: no such port")
        pty.plug()
        async with on_pty(pty, answers):
            await until(line, "answered", 2.0)


@pytest.mark.parametrize("when", ["idle", "asked", "mid-frame"])
async def test_an_unplugged_adapter_is_found_again_under_its_name(pty: Pty, when: str) -> None:
    def cut_off(number: int, request: bytes) -> Iterable[Step]:
        if when == "mid-frame":
            yield rtu_reply(request)[:6]

    async with line_on(pty) as line:
        async with on_pty(pty, answers):
            assert (await line.exchange(1, READ, 0.5)).data == DATA
        task = None
        if when != "idle":
            async with on_pty(pty, cut_off):
                task = asyncio.create_task(line.exchange(1, READ, 5.0))
                await asyncio.sleep(0.03)
        before = pty.link.readlink()
        keeper = os.open(before, os.O_RDONLY | os.O_NOCTTY)  # somebody else's, so that the name is not free again
        pty.unplug()
        if task is not None:
            assert (await task).outcome == "down"
        await until(line, "down", 1.0)
        assert line.state == "closed"
        pty.plug()
        assert pty.link.readlink() != before
        async with on_pty(pty, answers):
            await until(line, "answered", 2.0)
        os.close(keeper)
        assert line.counters.reconnects == 1


async def test_a_locked_port_names_its_holder(pty: Pty) -> None:
    async with on_pty(pty, answers), line_on(pty) as first, line_on(pty) as second:
        assert (await first.exchange(1, READ, 0.5)).outcome == "answered"
        result = await second.exchange(1, READ, 0.5)
        assert result.outcome == "down"
        assert result.detail.startswith(f"{pty.path}: locked by ")
        assert result.detail.endswith(f"(pid {os.getpid()})")
        assert (await first.exchange(1, READ, 0.5)).outcome == "answered"


async def test_a_file_or_a_device_that_is_no_terminal_is_an_error_once(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("")
    for path in (str(file), str(tmp_path), "/dev/null"):
        async with Line("a", SerialPort(path), boot_us, jitter=lambda: 0.0) as line:
            with pytest.raises(LineError, match="no terminal"):
                await line.exchange(1, READ, 0.1)
            await asyncio.sleep(0.06)
            result = await line.exchange(1, READ, 0.1)
            assert result.outcome == "down"
            assert "no terminal" in result.detail


async def test_broadcast_and_reserved_units_are_errors_of_the_caller(pty: Pty) -> None:
    async with on_pty(pty, answers) as heard, line_on(pty) as line:
        for unit in (0, 248, 255):
            with pytest.raises(ValueError, match="1 to 247"):
                await line.exchange(unit, READ, 0.1)
        assert heard.requests == []
        assert (await line.exchange(1, READ, 0.5)).outcome == "answered"


async def test_closing_gives_the_port_back(pty: Pty) -> None:
    async with on_pty(pty, answers):
        for _ in range(2):
            async with line_on(pty) as line:
                assert (await line.exchange(1, READ, 0.5)).outcome == "answered"
