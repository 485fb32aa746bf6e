"""The physical side of simulated lines: ptys and TCP sockets, character times, silence. Knows no registers.

A pty has no baud rate: what is written arrives at once. So the request is taken as complete when its characters
would have been through and 3.5 characters of silence have followed, and the answer's bytes are handed over not
faster than their characters take. RTU over TCP is paced likewise: there is a serial line behind it.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import socket
import struct
import termios
import tty
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

from simulators.faults import Pieces
from simulators.scenario import LineSpec

# Modbus over serial line 1.02, 2.5.1.1: 3.5 characters, or 1.75 ms above 19200 baud.
_SILENCE_CHARS = 3.5
_SILENCE_FAST_S = 0.00175
_FAST_BAUD = 19200
# How long bytes gather before they are handed over, as USB adapters do; fewer wake-ups than one per character.
_GATHER_S = 0.004
_LONGEST_REQUEST = 260
_HEADER = 6

Ask = Callable[[bytes], None]


class Outlet:
    """Bytes on their way to the master, paced at ``char_s`` a character (0: at once), one after the other."""

    def __init__(self, write: Callable[[bytes], None], char_s: float) -> None:
        self._write = write
        self._char_s = char_s
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self._timers: set[asyncio.TimerHandle] = set()
        self._pumping = False

    def send(self, pieces: Pieces, still: Callable[[], bool]) -> None:
        """Start each piece after its delay, if ``still`` holds then: a meter that has died says no more."""
        now = self._loop.time()
        for delay_s, data in pieces:
            self._later(now + delay_s, partial(self._start, data, still))

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._waiting.clear()

    def _later(self, at: float, call: Callable[[], object]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            call()

        timer = self._loop.call_at(at, run)
        self._timers.add(timer)

    def _start(self, data: bytes, still: Callable[[], bool]) -> None:
        if not still():
            return
        if not self._char_s:
            self._write(data)
            return
        start = max(self._loop.time(), self._free_at)
        self._free_at = start + len(data) * self._char_s
        self._waiting.append((start, data))
        if not self._pumping:
            self._pump()

    def _pump(self) -> None:
        """Hand over what has been on the wire long enough; come again for the rest."""
        self._pumping = True
        now = self._loop.time()
        while self._waiting:
            start, data = self._waiting.popleft()
            through = min(len(data), max(0, int((now - start) / self._char_s + 1e-6)))
            if through:
                self._write(data[:through])
            if through < len(data):
                start += through * self._char_s
                self._waiting.appendleft((start, data[through:]))
                end = start + (len(data) - through) * self._char_s
                self._later(min(end, max(now + _GATHER_S, start + self._char_s)), self._pump)
                return
        self._pumping = False


class RtuInlet:
    """Characters from the master -> whole frames: what lies between two silences."""

    def __init__(self, ask: Ask, line: LineSpec) -> None:
        self._ask = ask
        self._char_s = line.char_s
        self._silence_s = _SILENCE_FAST_S if line.baud > _FAST_BAUD else _SILENCE_CHARS * line.char_s
        self._loop = asyncio.get_running_loop()
        self._heard = b""
        self._through_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def feed(self, data: bytes) -> None:
        self.close()
        self._heard = (self._heard + data)[-_LONGEST_REQUEST:]
        self._through_at = max(self._loop.time(), self._through_at) + len(data) * self._char_s
        self._timer = self._loop.call_at(self._through_at + self._silence_s, self._frame)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _frame(self) -> None:
        frame, self._heard, self._timer = self._heard, b"", None
        self._ask(frame)


class TcpInlet:
    """A byte stream -> Modbus TCP frames. ``refuse`` is called for a header that is none: the stream is lost."""

    def __init__(self, ask: Ask, refuse: Callable[[], None]) -> None:
        self._ask = ask
        self._refuse = refuse
        self._heard = b""

    def feed(self, data: bytes) -> None:
        self._heard += data
        while len(self._heard) > _HEADER:
            protocol, length = self._heard[2:4], int.from_bytes(self._heard[4:6], "big")
            if protocol != b"\x00\x00" or not 2 <= length <= _LONGEST_REQUEST - _HEADER:
                self._refuse()
                return
            if len(self._heard) < _HEADER + length:
                return
            frame, self._heard = self._heard[: _HEADER + length], self._heard[_HEADER + length :]
            self._ask(frame)

    def close(self) -> None:
        self._heard = b""


class Connection(asyncio.Protocol):
    """One TCP connection. ``wire`` puts a desk behind it: (write, abort) -> (feed, close)."""

    def __init__(self, wire: "Wiring", open_: set[asyncio.Transport]) -> None:
        self._wire = wire
        self._open = open_
        self._transport: asyncio.Transport | None = None
        self._feed: Callable[[bytes], None] = lambda data: None
        self._close: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        self._open.add(transport)
        self._feed, self._close = self._wire(transport.write, partial(_reset, transport))

    def data_received(self, data: bytes) -> None:
        self._feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._close()
        if self._transport is not None:
            self._open.discard(self._transport)


def _reset(transport: asyncio.Transport) -> None:
    """Ends a connection with RST, as a device does that knows nothing of it; abort() alone would say FIN."""
    linger_none = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
    transport.abort()


Wiring = Callable[[Callable[[bytes], None], Callable[[], None]], tuple[Callable[[bytes], None], Callable[[], None]]]


@contextlib.asynccontextmanager
async def tcp_line(line: LineSpec, wire: Wiring) -> AsyncIterator[str]:
    """Listens while entered; the address it has got, ``host:port``. OSError where it cannot."""
    open_: set[asyncio.Transport] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(wire, open_), line.host, line.port)
    try:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"{host}:{port}"
    finally:
        server.close()
        for transport in tuple(open_):
            transport.abort()
        await server.wait_closed()
        # An aborted transport closes its socket in the loop's next turn.
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def pty_line(line: LineSpec, wire: Wiring) -> AsyncIterator[str]:
    """Serves one end of a pty while entered; the other's path, or the line's link to it. OSError where it cannot."""
    loop = asyncio.get_running_loop()
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    path = os.ttyname(theirs)
    feed, close = wire(lambda data: _write(ours, data), lambda: None)

    def heard() -> None:
        # The pty lives as long as we hold its other end, and so would the exclusive mode of a master that has gone:
        # a real port loses it when it is closed.
        fcntl.ioctl(theirs, termios.TIOCNXCL)
        with contextlib.suppress(BlockingIOError):
            feed(os.read(ours, 4096))

    loop.add_reader(ours, heard)
    try:
        with _linked(path, line.link) as shown:
            yield shown
    finally:
        loop.remove_reader(ours)
        close()
        os.close(ours)
        os.close(theirs)


def _write(descriptor: int, data: bytes) -> None:
    """What does not fit is lost: nobody has read for 4 kB, and a UART would not have kept them either."""
    with contextlib.suppress(BlockingIOError):
        os.write(descriptor, data)


@contextlib.contextmanager
def _linked(path: str, link: str | None) -> Iterator[str]:
    if link is None:
        yield path
        return
    place = Path(link)
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        raise FileExistsError(errno.EEXIST, "is there and is no symbolic link", link)
    place.symlink_to(path)
    try:
        yield link
    finally:
        place.unlink(missing_ok=True)
