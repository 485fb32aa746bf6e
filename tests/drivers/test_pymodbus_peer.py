"""Our master against pymodbus' server: two independent implementations read the same registers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ptys import Cable
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice
from scripted_peer import boot_us, words

from drivers.line import Line, LineConfig, RtuOverTcpEndpoint, SerialPort, TcpEndpoint
from drivers.modbus.pdu import Read

pytestmark = pytest.mark.e2e


def device() -> SimDevice:
    held = [(address * 7 + 3) & 0xFFFF for address in range(1000)]
    return SimDevice(id=1, simdata=[SimData(0, values=held, datatype=DataType.REGISTERS)])


@asynccontextmanager
async def tcp(framer: FramerType) -> AsyncIterator[int]:
    server = ModbusTcpServer(device(), framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    try:
        assert isinstance(server.transport, asyncio.Server)
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


async def check_reads(config: LineConfig) -> None:
    async with Line("peer", config, boot_us) as line:
        for read in (Read(3, 0, 1), Read(4, 10, 100), Read(3, 875, 125), Read(4, 500, 2)):
            result = await line.exchange(1, read, 2.0)
            assert (result.outcome, result.data) == ("answered", words(read.address, read.count))
        refused = await line.exchange(1, Read(3, 1000, 2), 2.0)
        assert (refused.outcome, refused.code) == ("refused", 2)
        assert line.counters.reconnects == 0


async def test_pymodbus_on_tcp_is_read() -> None:
    async with tcp(FramerType.SOCKET) as port:
        await check_reads(TcpEndpoint("127.0.0.1", port))


async def test_pymodbus_with_rtu_over_tcp_is_read() -> None:
    async with tcp(FramerType.RTU) as port:
        await check_reads(RtuOverTcpEndpoint("127.0.0.1", port))


async def test_pymodbus_on_a_pty_is_read(tmp_path: Path) -> None:
    with Cable(tmp_path) as cable:
        server = ModbusSerialServer(device(), port=cable.far.path, baudrate=19200)
        await server.serve_forever(background=True)
        try:
            await check_reads(SerialPort(cable.near.path, 19200))
        finally:
            await server.shutdown()  # type: ignore[no-untyped-call]


async def test_either_framing_on_the_wrong_port_is_not_an_answer() -> None:
    async with tcp(FramerType.SOCKET) as port, Line("peer", RtuOverTcpEndpoint("127.0.0.1", port), boot_us) as line:
        assert (await line.exchange(1, Read(3, 0, 1), 0.2)).outcome != "answered"
    async with tcp(FramerType.RTU) as port, Line("peer", TcpEndpoint("127.0.0.1", port), boot_us) as line:
        assert (await line.exchange(1, Read(3, 0, 1), 0.2)).outcome != "answered"
