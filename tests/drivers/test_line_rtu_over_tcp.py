"""Raw RTU frames in a TCP stream: no transaction id, so everything of a serial line applies."""

import asyncio
from collections.abc import Iterable

from scripted_peer import RTU_REQUEST, Step, boot_us, on_tcp, rtu_exception, rtu_reply, sealed, words

from drivers.line import Line, RtuOverTcpEndpoint
from drivers.modbus.pdu import Read

READ = Read(3, 10, 4)
SPARE = Read(3, 10, 5)
DATA = words(10, 4)


def line_to(port: int) -> Line:
    return Line("yard", RtuOverTcpEndpoint("127.0.0.1", port), boot_us, jitter=lambda: 0.0, listen_s=0)


def answers(number: int, request: bytes) -> Iterable[Step]:
    yield rtu_reply(request)


async def test_a_read_is_answered_within_its_instants() -> None:
    async with on_tcp(answers, RTU_REQUEST) as peer, line_to(peer.port) as line:
        before_us = boot_us()
        result = await line.exchange(1, READ, 1.0)
        assert (result.outcome, result.data) == ("answered", DATA)
        assert before_us <= result.sent_boot_us <= result.received_boot_us <= boot_us()


async def test_requests_keep_their_distance() -> None:
    async with on_tcp(answers, RTU_REQUEST) as peer, line_to(peer.port) as line:
        for _ in range(5):
            await line.exchange(1, READ, 1.0)
        heard = peer.heard
        gaps_s = [b - a for a, b in zip(heard.replied_s, heard.arrived_s[1:], strict=False)]
        assert min(gaps_s) >= 3.5 * 11 / 9600  # nobody tells us the baud rate of the far side


async def test_noise_pieces_and_foreign_frames_do_not_lose_the_reply() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield b"\x00\xff\x01\x03" + sealed(bytes((9, 3, 8)) + bytes(8)) + rtu_reply(request)[:5]
        yield 0.005
        yield rtu_reply(request)[5:]

    async with on_tcp(script, RTU_REQUEST) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, READ, 0.5)).data == DATA
        assert (line.counters.foreign_frames, line.counters.noise_bytes) == (1, 4)


async def test_a_late_reply_is_told_by_the_shape_of_the_spare() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number < 2:
            yield (0.26, 0.16)[number]
        yield rtu_reply(request)

    async with on_tcp(script, RTU_REQUEST) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, Read(3, 500, 4), 0.1)).outcome == "silent"
        result = await line.exchange(1, READ, 1.0, SPARE)
        assert (result.data, result.questionable, line.counters.late) == (DATA, False, 1)
        assert peer.heard.connections == 1


async def test_a_late_reply_survives_a_new_connection_and_is_still_not_believed() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        if number == 0:
            yield rtu_reply(request)
        elif number == 1:
            yield "close"
        else:
            yield rtu_reply(request)

    async with on_tcp(script, RTU_REQUEST) as peer, line_to(peer.port) as line:
        await line.exchange(1, READ, 0.5)
        assert (await line.exchange(1, READ, 0.5)).outcome == "down"
        result = await line.exchange(1, READ, 0.5)
        assert (result.outcome, result.questionable) == ("answered", True)


async def test_gateway_exceptions_are_refusals() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield rtu_exception(request, 0x0B)

    async with on_tcp(script, RTU_REQUEST) as peer, line_to(peer.port) as line:
        result = await line.exchange(1, READ, 0.5)
        assert (result.outcome, result.code) == ("refused", 0x0B)


async def test_a_reset_is_down_and_opened_again() -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield rtu_reply(request)[:5] if number == 0 else rtu_reply(request)
        if number == 0:
            yield 0.01
            yield "reset"

    async with on_tcp(script, RTU_REQUEST) as peer, line_to(peer.port) as line:
        assert (await line.exchange(1, READ, 0.5)).outcome == "down"
        await asyncio.sleep(0.06)
        assert (await line.exchange(2, READ, 0.5)).data == DATA
