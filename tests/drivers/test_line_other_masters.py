"""A serial line on which somebody else is at work already: noticed before we ask for the first time, and said."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest
from ptys import Pty
from scripted_peer import RTU_REQUEST, Step, boot_us, on_pty, on_tcp, rtu_reply, sealed, words

from drivers.line import Line, RtuOverTcpEndpoint, SerialPort
from drivers.modbus.pdu import Read

READ = Read(3, 10, 4)
BAUD = 9600
CHAR_S = 10 / BAUD
# Another master asks unit 9 for 20 words, as often as such a line carries it.
ASKS = sealed(bytes.fromhex("090300640014"))
REPLIES = rtu_reply(ASKS)


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    with Pty(tmp_path / "port") as made:
        yield made


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for record in caplog.records if "foreign_master" in (text := record.getMessage())]


@contextlib.asynccontextmanager
async def another_master(pty: Pty, rest_s: float = 0.03, reply: bytes = REPLIES) -> AsyncIterator[None]:
    """Writes what a tap of the line would hear, in pieces of two characters, as fast as 9600 baud."""

    async def talk() -> None:
        while True:
            for frame in (ASKS, reply):
                for at in range(0, len(frame), 2):
                    await asyncio.sleep(len(frame[at : at + 2]) * CHAR_S)
                    with contextlib.suppress(BlockingIOError):
                        os.write(pty.fd, frame[at : at + 2])
                await asyncio.sleep(rest_s)

    talking = asyncio.create_task(talk())
    try:
        yield
    finally:
        talking.cancel()


def answers(number: int, request: bytes) -> Iterable[Step]:
    yield rtu_reply(request)


async def test_another_master_is_noticed_before_our_first_request(pty: Pty, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        on_pty(pty, answers) as heard,
        another_master(pty),
        Line("a", SerialPort(pty.path, BAUD), boot_us) as line,
    ):
        first = asyncio.create_task(line.exchange(1, READ, 0.2))
        while line.foreign_master is None:
            await asyncio.sleep(0.005)
            assert len(heard.requests) <= 1  # it is said in the turn in which ours leaves
        await first
    assert line.foreign_master is not None
    assert (line.foreign_master.units, line.foreign_master.writes) == ((9,), 0)
    assert min(line.foreign_master.requests, line.counters.foreign_requests) >= 1
    assert len(said(caplog)) == 1
    assert said(caplog)[0].startswith("line.foreign_master line=a frames=")
    assert "another master is on this line" in said(caplog)[0]


async def test_it_is_said_once_and_our_reads_go_on(pty: Pty, caplog: pytest.LogCaptureFixture) -> None:
    async with on_pty(pty, answers), another_master(pty), Line("a", SerialPort(pty.path, BAUD), boot_us) as line:
        results = [await line.exchange(1, READ, 0.2) for _ in range(8)]
    assert len(said(caplog)) == 1
    assert {result.data for result in results if result.outcome == "answered"} <= {words(10, 4)}
    assert line.counters.answered >= 4


async def test_a_master_that_comes_later_is_said_too(pty: Pty, caplog: pytest.LogCaptureFixture) -> None:
    async with on_pty(pty, answers), Line("a", SerialPort(pty.path, BAUD), boot_us) as line:
        for _ in range(3):
            assert (await line.exchange(1, READ, 0.2)).data == words(10, 4)
        assert (line.foreign_master, said(caplog)) == (None, [])
        async with another_master(pty):
            started_s = time.monotonic()
            while line.foreign_master is None and time.monotonic() - started_s < 3.0:
                await line.exchange(1, READ, 0.2)
    assert len(said(caplog)) == 1


async def test_a_talker_with_other_settings_is_noise_that_is_said(pty: Pty, caplog: pytest.LogCaptureFixture) -> None:
    mangled = bytes(byte ^ 0x5A for byte in REPLIES)
    async with on_pty(pty, answers), Line("a", SerialPort(pty.path, BAUD), boot_us) as line:
        first = asyncio.create_task(line.exchange(1, READ, 0.2))
        await asyncio.sleep(0.1)
        os.write(pty.fd, mangled)
        assert (await first).data == words(10, 4)
    assert len(said(caplog)) == 1
    assert said(caplog)[0].endswith("noise, or a talker with other serial settings")


async def test_a_silent_line_is_listened_to_for_no_more_than_a_quarter_second(pty: Pty) -> None:
    async with on_pty(pty, answers), Line("a", SerialPort(pty.path, BAUD), boot_us) as line:
        started_s = time.monotonic()
        assert (await line.exchange(1, READ, 0.2)).data == words(10, 4)
        assert 0.25 <= time.monotonic() - started_s < 0.4
        started_s = time.monotonic()
        assert (await line.exchange(1, READ, 0.2)).data == words(10, 4)
        assert time.monotonic() - started_s < 0.1
    assert line.foreign_master is None


async def test_behind_a_serial_server_another_master_shows_as_well(caplog: pytest.LogCaptureFixture) -> None:
    def script(number: int, request: bytes) -> Iterable[Step]:
        yield ASKS + REPLIES
        yield 0.02
        yield rtu_reply(request)

    async with (
        on_tcp(script, RTU_REQUEST) as peer,
        Line("b", RtuOverTcpEndpoint("127.0.0.1", peer.port), boot_us) as line,
    ):
        for _ in range(3):
            assert (await line.exchange(1, READ, 0.5)).data == words(10, 4)
    assert len(said(caplog)) == 1
    assert line.foreign_master is not None
