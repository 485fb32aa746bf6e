"""A Modbus TCP line against peers that do what servers and gateways in the field do."""

import asyncio
import itertools
import socket
import struct
import time
from collections.abc import Iterable

import pytest
from scripted_peer import Script, Step, boot_us, on_tcp, tcp_exception, tcp_reply, words

from drivers.line import Line, TcpEndpoint
from drivers.modbus.pdu import Read

READ = Read(3, 10, 4)
DATA = words(10, 4)


def line_to(port: int, clock: "Clock | None" = None) -> Line:
    return Line("hall", TcpEndpoint("127.0.0.1", port), clock or boot_us, jitter=lambda: 1.0)


class Clock:
    """The boot-time clock plus what the test adds to it."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def __call__(self) -> int:
        return boot_us() + self.ahead_us


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(number: int, request: bytes) -> Iterable[Step]:
    yield tcp_reply(request)


def first(steps: Script) -> Script:
    """The first request is served by ``steps``, the others are answered."""
    return lambda number, request: steps(number, request) if number == 0 else answers(number, request)


async def test_a_read_is_answered_within_its_instants() -> None:
    async with on_tcp(answers) as peer, line_to(peer.port) as line:
        assert line.state == "closed"
        before_us = boot_us()
        result = await line.exchange(1, READ, 1.0)
        assert (result.outcome, result.data, result.questionable) == ("answered", DATA, False)
        assert before_us <= result.sent_boot_us <= result.received_boot_us <= boot_us()
        assert (line.state, line.error, line.counters.answered) == ("open", "", 1)


async def test_many_reads_share_one_connection() -> None:
    async with on_tcp(answers) as peer, line_to(peer.port) as line:
        for count in range(1, 126):
            assert (await line.exchange(1, Read(4, 0, count), 1.0)).data == words(0, count)
        assert (peer.heard.connections, line.counters.reconnects) == (1, 0)
        ids = [int.from_bytes(request[:2], "big") for request in peer.heard.requests]
        assert [(b - a) & 0xFFFF for a, b in itertools.pairwise(ids)] == [1] * 124


async def test_calls_at_the_same_time_go_one_after_the_other() -> None:
    outstanding = 0
    most = 0

    def slowly(number: int, request: bytes) -> Iterable[Step]:
        nonlocal outstanding, most
        outstanding += 1
        most = max(most, outstanding)
        yield 0.01
        outstanding -= 1
        yield tcp_reply(request)

    async with on_tcp(slowly) as peer, line_to(peer.port) as line:
        reads = [Read(3, number, 2) for number in range(5)]
        results = await asyncio.gather(*(line.exchange(1, read, 1.0) for read in reads))
        assert [result.data for result in results] == [words(read.address, 2) for read in reads]
        assert most == 1


async def test_a_late_reply_is_dropped_and_the_next_request_gets_its_own() -> None:
    async with on_tcp(first(lambda _, request: [0.08, tcp_reply(request)])) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, Read(3, 100, 4), 0.05)).outcome == "silent"
        await asyncio.sleep(0.05)
        result = await line.exchange(1, READ, 1.0)
        assert (result.data, line.counters.late, peer.heard.connections) == (DATA, 1, 1)


async def test_a_late_reply_that_comes_while_the_next_is_asked_is_dropped() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield 0.08 if number == 0 else 0.06
        yield tcp_reply(request)

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, Read(3, 100, 4), 0.05)).outcome == "silent"
        result = await line.exchange(1, READ, 1.0)
        assert (result.data, line.counters.late) == (DATA, 1)


async def test_a_reply_in_pieces_is_put_together() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        for byte in tcp_reply(request):
            yield bytes((byte,))
            yield 0.001

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, READ, 1.0)).data == DATA


async def test_a_trickle_runs_into_the_deadline() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        for byte in tcp_reply(request):
            yield bytes((byte,))
            yield 0.03

    async with on_tcp(first(script)) as peer, line_to(peer.port) as line:
        started = time.monotonic()
        result = await line.exchange(1, READ, 0.1)
        assert 0.09 < time.monotonic() - started < 0.4
        assert result.outcome == "garbled"
        assert "incomplete" in result.detail


async def test_a_reset_in_the_middle_of_a_reply_is_down_and_then_opened_again() -> None:
    script = first(lambda _, request: [tcp_reply(request)[:9], 0.02, "reset"])
    async with on_tcp(script) as peer, line_to(peer.port, clock := Clock()) as line:
        result = await line.exchange(1, READ, 1.0)
        assert result.outcome == "down"
        assert result.detail == f"connection reset by peer 127.0.0.1:{peer.port}"
        assert (line.state, line.error) == ("closed", result.detail)
        started_us = clock()
        assert (await line.exchange(1, READ, 1.0)).data == DATA
        assert clock() - started_us >= 50_000  # nothing was ever answered: the short back-off was waited out
        assert (line.counters.reconnects, peer.heard.connections) == (1, 2)


async def test_a_connection_that_worked_is_opened_again_at_once() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield tcp_reply(request)
        if number == 0:
            yield "close"

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, READ, 1.0)).data == DATA
        await asyncio.sleep(0.02)
        assert line.state == "closed"
        assert (await line.exchange(1, READ, 1.0)).data == DATA
        assert line.counters.reconnects == 1


async def test_a_server_that_accepts_and_never_answers_is_silent_and_keeps_its_connection() -> None:
    async with on_tcp(lambda number, request: []) as peer, line_to(peer.port) as line:
        outcomes = [(await line.exchange(unit, READ, 0.02)).outcome for unit in (1, 2, 3)]
        assert outcomes == ["silent"] * 3
        assert (peer.heard.connections, line.state) == (1, "open")


async def test_a_refused_connection_is_down_at_once_and_backed_off_from() -> None:
    port = free_port()
    clock = Clock()
    async with line_to(port, clock) as line:
        result = await line.exchange(1, READ, 1.0)
        assert (result.outcome, result.detail) == ("down", f"connection refused 127.0.0.1:{port}")
        assert (result.sent_boot_us, line.counters.down) == (0, 1)
        while line.counters.down < 3:
            await line.exchange(1, READ, 1.0)
        async with on_tcp(answers, port=port):
            assert (await line.exchange(1, READ, 1.0)).outcome == "down"  # the third back-off: 0.2 to 0.4 s
            clock.ahead_us += 400_000
            assert (await line.exchange(1, READ, 1.0)).outcome == "answered"


async def test_the_back_off_doubles_to_two_seconds() -> None:
    """On a clock that stands still between two looks, so that nothing is late and every bound is exact."""
    now_us = [1_000_000]
    async with on_tcp(lambda number, request: ["close"]) as peer:
        async with Line("hall", TcpEndpoint("127.0.0.1", peer.port), lambda: now_us[0], jitter=lambda: 1.0) as line:
            assert (await line.exchange(1, READ, 1.0)).sent_boot_us == now_us[0]
            for wait_us in (100_000, 200_000, 400_000, 800_000, 1_600_000, 2_000_000, 2_000_000):
                again_us = now_us[0] + wait_us
                # What is left of it is waited out within the exchange if it is 0.15 s or less.
                for early_us in range(150_001, wait_us, 50_000):
                    now_us[0] = again_us - early_us
                    assert (await line.exchange(1, READ, 1.0)).sent_boot_us == 0
                now_us[0] = again_us
                assert (await line.exchange(1, READ, 1.0)).sent_boot_us == again_us
        assert peer.heard.connections == 8


@pytest.mark.e2e
async def test_a_black_hole_costs_no_more_than_the_connect_timeout() -> None:
    with socket.socket() as full, socket.socket() as filler, socket.socket() as another:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for client in (filler, another):
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        async with line_to(full.getsockname()[1]) as line:
            started = time.monotonic()
            result = await line.exchange(1, READ, 0.1)
            assert result.outcome == "down"
            assert "no answer within 1.1 s" in result.detail
            assert time.monotonic() - started < 1.6


@pytest.mark.parametrize("code", [0x0A, 0x0B])
async def test_a_gateways_own_exceptions_are_refusals_and_no_reason_to_reconnect(code: int) -> None:
    async with on_tcp(first(lambda _, request: [tcp_exception(request, code)])) as peer, line_to(peer.port) as line:
        result = await line.exchange(7, READ, 1.0)
        assert (result.outcome, result.code) == ("refused", code)
        assert (await line.exchange(8, READ, 1.0)).data == DATA
        assert peer.heard.connections == 1


def spoilt(request: bytes, at: int, value: int) -> bytes:
    reply = bytearray(tcp_reply(request))
    reply[at] = value
    return bytes(reply)


@pytest.mark.parametrize(
    ("at", "value", "outcome"),
    [
        (1, None, "foreign"),  # transaction
        (3, 1, "garbled"),  # protocol
        (5, 9, "garbled"),  # a length that lies: too short
        (4, 1, "garbled"),  # too long
        (6, 2, "foreign"),  # another unit: a gateway that swaps replies
        (7, 4, "foreign"),  # another function
        (8, 6, "garbled"),  # another byte count
    ],
)
async def test_what_does_not_fit_closes_the_connection(at: int, value: int | None, outcome: str) -> None:
    def wrong(number: int, request: bytes) -> Iterable[Step]:
        yield spoilt(request, at, request[at] ^ 0x40 if value is None else value)

    async with on_tcp(first(wrong)) as peer, line_to(peer.port, clock := Clock()) as line:
        result = await line.exchange(1, READ, 1.0)
        assert (result.outcome, line.state) == (outcome, "closed")
        assert str(peer.port) in line.error
        clock.ahead_us += 150_000
        assert (await line.exchange(1, READ, 1.0)).data == DATA
        assert peer.heard.connections == 2


async def test_two_units_whose_replies_are_swapped_are_never_believed() -> None:
    held: list[bytes] = []

    def swap(number: int, request: bytes) -> Iterable[Step]:
        held.append(request)
        if len(held) == 2:
            one, two = held
            yield two[:2] + tcp_reply(one)[2:]

    async with on_tcp(swap) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, READ, 0.03)).outcome == "silent"
        assert (await line.exchange(2, READ, 0.5)).outcome == "foreign"


async def test_a_server_that_floods_is_cut_off_and_stalls_nobody() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"\xaa" * 65536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, line_to(port) as mad, on_tcp(answers) as healthy, line_to(healthy.port) as line:
        for _ in range(20):
            assert (await mad.exchange(1, READ, 0.2)).outcome in ("garbled", "down")
            assert (await line.exchange(1, READ, 0.5)).outcome == "answered"


async def test_a_cancelled_exchange_leaves_the_line_as_a_timeout_would() -> None:
    async with on_tcp(first(lambda _, request: [0.05, tcp_reply(request)])) as peer, line_to(peer.port) as line:
        task = asyncio.create_task(line.exchange(1, Read(3, 100, 4), 1.0))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        result = await line.exchange(1, READ, 1.0)
        assert (result.data, line.counters.late, peer.heard.connections) == (DATA, 1, 1)


async def test_closing_ends_an_exchange_and_nothing_is_opened_any_more() -> None:
    async with on_tcp(lambda number, request: []) as peer:
        line = line_to(peer.port)
        async with line:
            task = asyncio.create_task(line.exchange(1, READ, 5.0))
            await asyncio.sleep(0.02)
        assert (await task).outcome == "down"
        assert (await line.exchange(1, READ, 1.0)).detail == "line closed"
        assert peer.heard.connections == 1


async def test_a_unit_that_does_not_exist_is_an_error_of_the_caller() -> None:
    async with on_tcp(answers) as peer, line_to(peer.port) as line:
        for unit in (0, 256):
            with pytest.raises(ValueError, match="1 to 255"):
                await line.exchange(unit, READ, 1.0)
        assert (await line.exchange(255, READ, 1.0)).outcome == "answered"
        assert len(peer.heard.requests) == 1


async def test_a_forged_write_does_not_leave() -> None:
    forged = Read(3, 0, 1)
    object.__setattr__(forged, "function", 6)
    async with on_tcp(answers) as peer, line_to(peer.port) as line:
        with pytest.raises(ValueError, match="must not leave"):
            await line.exchange(1, forged, 1.0)
        assert (await line.exchange(1, READ, 1.0)).data == DATA
        assert len(peer.heard.requests) == 1


async def test_a_back_off_starts_anew_once_the_line_has_worked() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number < 4:
            yield "close"
        else:
            yield spoilt(request, 3, 1) if number == 5 else tcp_reply(request)

    async with on_tcp(script) as peer, line_to(peer.port, clock := Clock()) as line:
        outcomes = []
        for ahead_us in (0, 2_000_000, 2_000_000, 2_000_000, 2_000_000, 0, 150_000):
            clock.ahead_us += ahead_us
            outcomes.append((await line.exchange(1, READ, 1.0)).outcome)
        assert outcomes == ["down"] * 4 + ["answered", "garbled", "answered"]


async def test_an_earlier_deadline_that_was_kept_does_not_end_a_later_request() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number:
            yield 0.25
        yield tcp_reply(request)

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, READ, 0.2)).data == DATA
        assert (await line.exchange(1, READ, 1.0)).data == DATA


async def test_a_shorter_deadline_after_a_longer_one_is_kept() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        return answers(number, request) if number == 0 else []

    async with on_tcp(script) as peer, line_to(peer.port) as line:
        await line.exchange(1, READ, 5.0)
        for timeout_s in (0.05, 0.1, 0.03):
            started = time.monotonic()
            assert (await line.exchange(1, READ, timeout_s)).outcome == "silent"
            assert timeout_s - 0.005 < time.monotonic() - started < timeout_s + 0.3


async def test_going_down_and_coming_up_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    port = free_port()
    clock = Clock()
    async with line_to(port, clock) as line:
        for _ in range(5):
            await line.exchange(1, READ, 1.0)
            clock.ahead_us += 3_000_000
        async with on_tcp(answers, port=port):
            await line.exchange(1, READ, 1.0)
            await line.exchange(1, READ, 1.0)
    said = [record.getMessage() for record in caplog.records if record.name == "lamplighter.line"]
    assert said == [
        f"line.down line=hall error='connection refused 127.0.0.1:{port}'",
        f"line.up line=hall address=127.0.0.1:{port}",
        f"line.down line=hall error='closed by the other end 127.0.0.1:{port}'",
    ]


def test_the_peer_of_these_tests_frames_as_the_guide_does() -> None:
    request = struct.pack(">HHHBBHH", 0x1501, 0, 6, 1, 4, 8, 1)
    assert tcp_reply(request)[:9] == bytes.fromhex("1501 0000 0005 01 04 02")
