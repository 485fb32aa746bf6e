"""Real lines in one loop, one of them in trouble: nothing false is handed on, the line comes back by itself, and the
others do not feel it. Each trouble is one that gateways, serial servers and adapters make in the field."""

import asyncio
import contextlib
import ctypes
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from polled import Polled, holds, polled, unit
from ptys import Pty
from scripted_peer import RTU_REQUEST, Step, boot_us, on_pty, on_tcp, sealed

from drivers.line import Line, RtuOverTcpEndpoint, SerialPort, TcpEndpoint

pytestmark = pytest.mark.e2e

NOBODY_ASKED = sealed(bytes((9, 3, 40)) + bytes(40))
# Linux, asm-generic/socket.h and linux/filter.h; python has no names for them
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
BPF_RET_K = 0x06


def rtu_reply(request: bytes, of: int | None = None) -> bytes:
    who, function, address, count = struct.unpack(">BBHH", request[:6])
    return sealed(bytes((of or who, function, 2 * count)) + holds(of or who, address, count))


def tcp_reply(request: bytes, of: int | None = None) -> bytes:
    transaction, _, _, who, function, address, count = struct.unpack(">HHHBBHH", request)
    head = struct.pack(">HHHBBB", transaction, 0, 3 + 2 * count, of or who, function, 2 * count)
    return head + holds(of or who, address, count)


def answers_tcp(number: int, request: bytes) -> Iterable[Step]:
    yield tcp_reply(request)


def answers_rtu(number: int, request: bytes) -> Iterable[Step]:
    yield 0.002
    yield rtu_reply(request)


def tcp_line(port: int, name: str = "hall") -> Line:
    return Line(name, TcpEndpoint("127.0.0.1", port), boot_us)


@asynccontextmanager
async def beside_a_healthy_one(line: Line, *units: int) -> AsyncIterator[tuple[Polled, Polled]]:
    async with on_tcp(answers_tcp) as peer:
        healthy = (tcp_line(peer.port, "healthy"), [unit(1)])
        async with polled((line, [unit(number) for number in units]), healthy) as (sick, well):
            yield sick, well


async def at_ease(healthy: Polled, for_s: float, meter: str = "m1") -> None:
    """The healthy line, polled ten times a second, keeps its pace meanwhile, as far as the machine lets it run."""
    started_s, waited_s = time.monotonic(), waited_for_cpu_s()
    await asyncio.sleep(for_s)
    had_s = for_s - (waited_for_cpu_s() - waited_s)
    assert healthy.count(meter, started_s) >= 0.85 * had_s / 0.1


def waited_for_cpu_s() -> float:
    """What this thread has waited in all while it could have run, and others did (the kernel's sched-stats)."""
    return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


# --- gateways on Modbus TCP


def swaps(number: int, request: bytes) -> Iterable[Step]:
    """The right transaction id, another unit's reply."""
    yield tcp_reply(request, of=3 - request[6] if number % 5 == 4 else None)


def resets(number: int, request: bytes) -> Iterable[Step]:
    yield tcp_reply(request)[:11] if number % 7 == 6 else tcp_reply(request)
    if number % 7 == 6:
        yield 0.01
        yield "reset"


def talks_unasked(number: int, request: bytes) -> Iterable[Step]:
    """Frames of a transaction that nobody began."""
    yield tcp_reply(request)
    if number % 7 == 6:
        yield tcp_reply(bytes((request[0] ^ 0x80,)) + request[1:6] + b"\x09" + request[7:])


@pytest.mark.parametrize(("script", "outcome"), [(swaps, "foreign"), (resets, "down"), (talks_unasked, "foreign")])
async def test_a_gateway_that_errs_now_and_then(script: Callable[[int, bytes], Iterable[Step]], outcome: str) -> None:
    async with on_tcp(script) as peer, beside_a_healthy_one(tcp_line(peer.port), 1, 2) as (sick, healthy):
        await at_ease(healthy, 3.0)
    assert sick.wrong() == healthy.wrong() == []
    assert min(sick.count("m1"), sick.count("m2")) >= 15
    assert sick.line.counters.reconnects >= 3
    if script is swaps:
        assert sick.line.counters.foreign >= 3
    assert {miss.outcome for miss in sick.misses} <= {outcome, "down", "silent"}


async def test_a_gateway_that_accepts_and_answers_only_later() -> None:
    deaf = True

    def script(number: int, request: bytes) -> Iterable[Step]:
        if not deaf:
            yield tcp_reply(request)

    async with on_tcp(script) as peer, beside_a_healthy_one(tcp_line(peer.port), 1, 2) as (sick, healthy):
        await at_ease(healthy, 2.5)
        assert not sick.samples
        assert {miss.outcome for miss in sick.misses} == {"silent"}
        deaf = False
        took_s = [await sick.until(meter, 2.0) for meter in ("m1", "m2")]
    assert peer.heard.connections == 1
    assert max(took_s) < 1.5


@asynccontextmanager
async def on_raw_tcp(serve: Callable[[socket.socket], object]) -> AsyncIterator[int]:
    """Each connection's socket is handed to ``serve`` before anything is read from it; then requests are answered."""
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    loop = asyncio.get_running_loop()
    clients: list[asyncio.Task[None]] = []

    async def client(sock: socket.socket) -> None:
        serve(sock)
        with sock, contextlib.suppress(ConnectionError):
            while request := await loop.sock_recv(sock, 12):
                with contextlib.suppress(BrokenPipeError):
                    await loop.sock_sendall(sock, tcp_reply(request))

    async def accept() -> None:
        while True:
            sock, _ = await loop.sock_accept(server)
            clients.append(asyncio.create_task(client(sock)))

    accepting = asyncio.create_task(accept())
    try:
        yield server.getsockname()[1]
    finally:
        for task in (accepting, *clients):
            task.cancel()
        await asyncio.gather(accepting, *clients, return_exceptions=True)
        server.close()


async def test_a_gateway_that_stops_acknowledging_is_given_up_and_found_again() -> None:
    """As after its power was cut: the kernel's filter drops whatever comes, so that not even an ACK goes back."""
    nothing = struct.pack("HBBI", BPF_RET_K, 0, 0, 0)
    code = ctypes.create_string_buffer(nothing, len(nothing))
    program = struct.pack("HL", 1, ctypes.addressof(code))
    accepted: list[socket.socket] = []
    async with on_raw_tcp(accepted.append) as port, beside_a_healthy_one(tcp_line(port), 1, 2) as (sick, healthy):
        await sick.until("m2", 2.0)
        accepted[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        gone_s = time.monotonic()
        await at_ease(healthy, 2.0)
        assert sick.line.state == "open"
        await sick.until("m1", 12.0)
        took_s = time.monotonic() - gone_s
    assert code.raw == nothing
    assert 4.0 < took_s < 12.0  # TCP_USER_TIMEOUT is 5 s, counted from the first byte that is not acknowledged
    assert len(accepted) == 2
    assert sick.wrong() == []


async def test_a_gateway_that_ends_its_half_of_the_connection_is_asked_on_a_new_one() -> None:
    """FIN, but the socket stays open and takes what we send: nothing would ever come."""

    def half_close(sock: socket.socket) -> None:
        accepted.append(sock)
        if len(accepted) == 1:
            asyncio.get_running_loop().call_later(0.5, sock.shutdown, socket.SHUT_WR)

    accepted: list[socket.socket] = []
    async with on_raw_tcp(half_close) as port, beside_a_healthy_one(tcp_line(port), 1, 2) as (sick, healthy):
        await at_ease(healthy, 0.6)
        assert await sick.until("m1", 1.0) < 0.5
        await at_ease(healthy, 1.0)
    assert len(accepted) == 2
    assert sick.count("m1") >= 12


async def test_a_server_that_floods_is_cut_off_and_the_log_is_not_filled(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(NOBODY_ASKED * 1000)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    for mad in (Line("mad", TcpEndpoint(host, port), boot_us), Line("mad", RtuOverTcpEndpoint(host, port), boot_us)):
        caplog.clear()
        async with beside_a_healthy_one(mad, 1) as (sick, healthy):
            await healthy.until("m1", 2.0)
            busy_s = time.process_time()
            started_s = time.monotonic()
            await at_ease(healthy, 5.0)
            while mad.counters.reconnects < 2 and time.monotonic() - started_s < 30:  # noqa: ASYNC110 - a counter
                await asyncio.sleep(0.05)
            busy_s = (time.process_time() - busy_s) / (time.monotonic() - started_s)
        said = [text for record in caplog.records if "line=mad" in (text := record.getMessage())]
        ups_and_downs = [text.split()[0] for text in said if text.startswith(("line.up", "line.down"))]
        assert sick.samples == []
        assert mad.counters.reconnects >= 2
        assert ups_and_downs in (["line.up", "line.down"], ["line.up", "line.down", "line.up"])
        assert len(said) <= 6
        assert busy_s < 0.25  # of a core, the flooding end included
    server.close()


# --- serial servers: RTU over TCP


async def test_a_serial_server_that_is_one_reply_behind_is_never_believed() -> None:
    """For a while each request is answered by what should have answered the one before."""
    held: list[bytes] = []

    def script(number: int, request: bytes) -> Iterable[Step]:
        if 10 <= number < 22:
            held.append(request)
            if len(held) > 1:
                yield rtu_reply(held.pop(0))
        else:
            yield from (rtu_reply(old) for old in held)
            held.clear()
            yield rtu_reply(request)

    async with (
        on_tcp(script, RTU_REQUEST) as peer,
        beside_a_healthy_one(Line("yard", RtuOverTcpEndpoint("127.0.0.1", peer.port), boot_us), 1, 2) as (
            sick,
            healthy,
        ),
    ):
        await at_ease(healthy, 3.0)
        while len(peer.heard.requests) < 40:  # noqa: ASYNC110 - the peer is a script
            await asyncio.sleep(0.05)
        await sick.until("m1", 10.0)
        await sick.until("m2", 10.0)
    assert sick.wrong() == []
    assert sick.line.counters.late >= 5
    assert peer.heard.connections == 1


# --- serial lines


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    with Pty(tmp_path / "port") as made:
        yield made


@asynccontextmanager
async def flooding(pty: Pty, data: bytes, every_s: float) -> AsyncIterator[None]:
    async def flood() -> None:
        while True:
            with contextlib.suppress(BlockingIOError):
                os.write(pty.fd, data)
            await asyncio.sleep(every_s)

    task = asyncio.create_task(flood())
    try:
        yield
    finally:
        task.cancel()


@pytest.mark.parametrize(
    ("data", "every_s"),
    [(NOBODY_ASKED, 0.02), (b"\x55\xaa\x01\x03", 0.004), (bytes(range(256)), 0.05)],
)
async def test_a_unit_that_floods_a_serial_line(
    pty: Pty, data: bytes, every_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line("bus", SerialPort(pty.path, 115200), boot_us)
    async with (
        on_pty(pty, answers_rtu),
        flooding(pty, data, every_s),
        beside_a_healthy_one(line, 1, 2) as (sick, healthy),
    ):
        await sick.until("m1", 3.0)
        busy_s = time.process_time()
        await at_ease(healthy, 3.0)
        busy_s = time.process_time() - busy_s
    assert min(sick.count("m1"), sick.count("m2")) >= 12
    assert sick.wrong() == []
    assert line.counters.foreign_frames + line.counters.noise_bytes > 20
    assert sum("line.foreign_master" in record.getMessage() for record in caplog.records) == 1
    assert busy_s < 0.75  # a quarter of a core, the slaves included


async def test_an_endless_stream_is_cut_off_and_does_not_stall_the_other_lines(pty: Pty) -> None:
    """What no real serial line can bring: megabytes a second."""
    line = Line("bus", SerialPort(pty.path, 115200), boot_us)
    async with flooding(pty, bytes(4000), 0.001), beside_a_healthy_one(line, 1) as (sick, healthy):
        await healthy.until("m1", 2.0)
        await at_ease(healthy, 4.0)
    assert sick.samples == []
    assert line.counters.reconnects >= 2
