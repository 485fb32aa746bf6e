"""A slave that does what a test tells it, byte by byte. It shares no code with the product, nor with pymodbus.

A script is called with (number of the request from 0, request frame) and yields steps: bytes to send, seconds to
wait, or a word: "close", "reset".
"""

import asyncio
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ptys import Pty

Step = bytes | float | str
Script = Callable[[int, bytes], Iterable[Step]]

RTU_REQUEST = 8
TCP_REQUEST = 12


def _shifted(register: int) -> int:
    """Eight turns of the serial line guide's flow chart, bit by bit."""
    for _ in range(8):
        low = register & 1
        register >>= 1
        if low:
            register ^= 0xA001
    return register


_SHIFTED = [_shifted(low) for low in range(256)]


def crc(body: bytes) -> bytes:
    register = 0xFFFF
    for byte in body:
        register ^= byte
        register = register >> 8 ^ _SHIFTED[register & 0xFF]
    return struct.pack("<H", register)


def sealed(body: bytes) -> bytes:
    return body + crc(body)


def words(address: int, count: int, salt: int = 0) -> bytes:
    """What the register map holds: each word tells its own address."""
    return b"".join(struct.pack(">H", (a * 7 + 3 + salt) & 0xFFFF) for a in range(address, address + count))


def rtu_reply(request: bytes) -> bytes:
    unit, function, address, count = struct.unpack(">BBHH", request[:6])
    return sealed(bytes((unit, function, 2 * count)) + words(address, count))


def rtu_exception(request: bytes, code: int) -> bytes:
    return sealed(bytes((request[0], request[1] | 0x80, code)))


def tcp_reply(request: bytes) -> bytes:
    transaction, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", request)
    return struct.pack(">HHHBBB", transaction, 0, 3 + 2 * count, unit, function, 2 * count) + words(address, count)


def tcp_exception(request: bytes, code: int) -> bytes:
    return request[:4] + b"\0\x03" + bytes((request[6], request[7] | 0x80, code))


@dataclass
class Heard:
    """Requests, and for each the instants (monotonic) of its arrival and of the last write of the reply before it."""

    requests: list[bytes] = field(default_factory=list)
    arrived_s: list[float] = field(default_factory=list)
    replied_s: list[float] = field(default_factory=list)
    connections: int = 0


def _serve(script: Script, heard: Heard, request: bytes, write: Callable[[bytes | str], None]) -> asyncio.Task[None]:
    number = len(heard.requests)
    heard.requests.append(request)
    heard.arrived_s.append(time.monotonic())

    async def play() -> None:
        written_s = None
        for step in script(number, request):
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                written_s = time.monotonic()  # before it: a busy machine may let the other end have it, and us wait
                write(step)
        heard.replied_s.append(written_s or time.monotonic())

    return asyncio.create_task(play())


@asynccontextmanager
async def on_pty(pty: Pty, script: Script, size: int = RTU_REQUEST) -> AsyncIterator[Heard]:
    """Requests of ``size`` bytes each."""
    heard = Heard()
    buffer = bytearray()
    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()

    def write(step: bytes | str) -> None:
        assert isinstance(step, bytes)
        os.write(pty.fd, step)

    def readable() -> None:
        try:
            buffer.extend(os.read(pty.fd, 512))
        except OSError:  # nobody holds the other end at the moment
            return
        while len(buffer) >= size:
            request = bytes(buffer[:size])
            del buffer[:size]
            tasks.append(_serve(script, heard, request, write))

    loop.add_reader(pty.fd, readable)
    try:
        yield heard
    finally:
        loop.remove_reader(pty.fd)
        await _end(tasks)


@dataclass
class TcpPeer:
    port: int
    heard: Heard


@asynccontextmanager
async def on_tcp(script: Script, size: int = TCP_REQUEST, port: int = 0) -> AsyncIterator[TcpPeer]:
    heard = Heard()
    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []
    clients: set[asyncio.Task[None] | None] = set()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        writers.append(writer)
        clients.add(asyncio.current_task())
        try:
            while True:
                request = await reader.readexactly(size)
                tasks.append(_serve(script, heard, request, lambda step: _send(writer, step)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", port)
    try:
        yield TcpPeer(server.sockets[0].getsockname()[1], heard)
    finally:
        server.close()
        await _end(tasks)
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*filter(None, clients))


def _send(writer: asyncio.StreamWriter, step: bytes | str) -> None:
    if isinstance(step, bytes):
        writer.write(step)
    elif step == "reset":
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def boot_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
