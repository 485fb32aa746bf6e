"""Our master against libmodbus, compiled here: a C slave that shares nothing with us but the standard."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ptys import Cable
from scripted_peer import boot_us, words

from drivers.line import Line, LineConfig, SerialPort, TcpEndpoint
from drivers.modbus.pdu import Read

pytestmark = pytest.mark.e2e
SOURCE = Path(__file__).parent.parent / "support" / "libmodbus_peer.c"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None or not Path("/usr/include/modbus/modbus.h").exists():
        pytest.fail("this test builds a libmodbus slave: apt-get install gcc libmodbus-dev")
    built = tmp_path_factory.mktemp("libmodbus") / "peer"
    command = ["gcc", "-O1", "-I/usr/include/modbus", "-o", str(built), str(SOURCE), "-lmodbus"]
    subprocess.run(command, check=True, timeout=60)
    return built


@asynccontextmanager
async def running(program: Path, *arguments: str) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(program, *arguments, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 5.0) == b"ready\n"
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def check_reads(config: LineConfig) -> None:
    async with Line("peer", config, boot_us) as line:
        for read in (Read(3, 0, 1), Read(4, 0, 125), Read(3, 875, 125), Read(4, 500, 2)):
            result = await line.exchange(1, read, 2.0)
            assert (result.outcome, result.data) == ("answered", words(read.address, read.count))
            assert 0 < result.sent_boot_us <= result.received_boot_us
        bits = await line.exchange(1, Read(1, 0, 10), 2.0)
        assert bits.data == bytes((0b01001001, 0b10))
        assert (await line.exchange(1, Read(2, 3, 1), 2.0)).data == b"\x01"
        refused = await line.exchange(1, Read(3, 999, 2), 2.0)
        assert (refused.outcome, refused.code) == ("refused", 2)
        assert line.counters.reconnects == 0


async def test_libmodbus_on_tcp_is_read(program: Path) -> None:
    port = free_port()
    async with running(program, "tcp", str(port)):
        await check_reads(TcpEndpoint("127.0.0.1", port))


async def test_libmodbus_on_a_pty_is_read(program: Path, tmp_path: Path) -> None:
    with Cable(tmp_path) as cable:
        async with running(program, "rtu", cable.far.path, "19200"):
            await check_reads(SerialPort(cable.near.path, 19200))


async def test_another_unit_of_libmodbus_is_silent(program: Path, tmp_path: Path) -> None:
    with Cable(tmp_path) as cable:
        line = Line("peer", SerialPort(cable.near.path, 19200), boot_us)
        async with running(program, "rtu", cable.far.path, "19200"), line:
            assert (await line.exchange(9, Read(3, 0, 1), 0.1)).outcome == "silent"
            # libmodbus waits 0.5 s for the answer of the unit it heard asked, and misses what comes meanwhile
            await asyncio.sleep(0.6)
            assert (await line.exchange(1, Read(3, 0, 1), 1.0)).outcome == "answered"
