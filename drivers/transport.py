"""Byte transports of the lines: a serial port (pyserial opens it), a TCP connection.

Both hand over what they hear at once and say at most once that they are gone; what the bytes mean is not theirs.
"""

import asyncio
import contextlib
import errno
import os
import re
import select
import socket
import stat
import termios
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from drivers.errors import LineError
from drivers.readers import Readers

if TYPE_CHECKING:
    import serial

OnBytes = Callable[[bytes | memoryview], None]
OnLost = Callable[[str], None]

_READ_BYTES = 1024
# A connection whose bytes nobody acknowledges is given up after this; the next one is tried within 2 s.
_UNACKNOWLEDGED_MS = 5000
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))

# Linux Documentation/admin-guide/devices.txt: Unix98 pty slaves, ACM modems. Their baud rate is a fiction.
_UNPACED_MAJORS = (*range(136, 144), 166)


class Transport(Protocol):
    """paced: whether its bytes really take their computed time on the wire."""

    paced: bool

    def hear(self) -> None:
        """Hand over what has come but was not yet read."""

    def write(self, frame: bytes) -> None:
        """OSError when the frame cannot leave whole."""

    def close(self) -> None: ...


class SerialTransport:
    """An open terminal, read and written by the loop through its descriptor."""

    def __init__(self, port: "serial.Serial", on_bytes: OnBytes, on_lost: OnLost) -> None:
        self._port = port
        self._fd = port.fileno()
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self.paced = os.major(os.fstat(self._fd).st_rdev) not in _UNPACED_MAJORS
        self._loop.add_reader(self._fd, self._readable)

    def hear(self) -> None:
        try:
            waiting = self._port.in_waiting
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        if waiting:
            self._readable()

    def write(self, frame: bytes) -> None:
        written = os.write(self._fd, frame)
        if written < len(frame):
            raise OSError(errno.EAGAIN, f"{written} of {len(frame)} bytes written")

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        # Without this a close may wait half a minute for bytes that will never leave.
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)
        with contextlib.suppress(OSError):
            self._port.close()

    def _readable(self) -> None:
        try:
            chunk = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        if chunk:
            self._on_bytes(chunk)
        elif _ready(self._fd):
            # Ready for good, but nothing to read: unplugged. Ready no more: `hear` had it, a loop turn earlier.
            self._lose("hung up")

    def _lose(self, text: str) -> None:
        self._loop.remove_reader(self._fd)
        self._on_lost(f"{self._port.name}: {text}")


def _ready(fd: int) -> bool:
    asked = select.poll()
    asked.register(fd, select.POLLIN)
    return bool(asked.poll(0))


class TcpTransport:
    """A connected socket, read and written by itself: asyncio's transport around it costs a third more a reply, and its
    stock protocol three times as much, for it allocates 256 KiB for every receive."""

    paced = False

    def __init__(self, sock: socket.socket, address: str, readers: Readers, on_bytes: OnBytes, on_lost: OnLost) -> None:
        self._sock = sock
        self._address = address
        self._readers = readers
        self._view = memoryview(bytearray(_READ_BYTES))
        self._on_bytes = on_bytes
        self._on_lost = on_lost
        self._over = False
        _set_options(sock)
        readers.add(sock.fileno(), self._readable)

    def hear(self) -> None:
        """The loop has it all."""

    def write(self, frame: bytes) -> None:
        if self._over:
            raise OSError(errno.ENOTCONN, "not connected")
        try:
            whole = self._sock.send(frame) == len(frame)
        except BlockingIOError:
            whole = False
        except OSError as error:
            self._lose_soon(_words(error))
            return
        if not whole:
            self._lose_soon("takes no more bytes")

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            self._over = True
            self._readers.remove(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        try:
            size = self._sock.recv_into(self._view)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(_words(error))
            return
        if size:
            self._on_bytes(self._view[:size])
        else:
            self._lose("closed by the other end")

    def _lose_soon(self, why: str) -> None:
        """Whoever writes is not told that the line is gone before it has done with writing."""
        asyncio.get_running_loop().call_soon(self._lose, why)

    def _lose(self, text: str) -> None:
        if not self._over:
            self.close()
            self._on_lost(f"{text} {self._address}")


def _set_options(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)


def _words(error: Exception) -> str:
    """``connection refused``, without the addresses that asyncio puts in. Several failed addresses of one name are
    reported without an errno, as one text: the first tells."""
    code = getattr(error, "errno", None)
    told = re.search(r"\[Errno (\d+)\]", str(error))
    if code is None and told is not None:
        code = int(told[1])
    if isinstance(code, int) and code > 0:  # negative: the resolver's own, with its own words
        return os.strerror(code).lower()
    return str(getattr(error, "strerror", None) or error).lower()


async def open_tcp(
    host: str, port: int, timeout_s: float, readers: Readers, on_bytes: OnBytes, on_lost: OnLost
) -> TcpTransport:
    """OSError with words for a log line: ``connection refused 10.0.0.7:502``."""
    address = f"{host}:{port}"
    try:
        async with asyncio.timeout(timeout_s):
            sock = await _connected(host, port)
        try:
            return TcpTransport(sock, address, readers, on_bytes, on_lost)
        except OSError:  # no descriptor is left to wait with
            sock.close()
            raise
    except TimeoutError as error:
        raise OSError(errno.ETIMEDOUT, f"no answer within {timeout_s:.1f} s {address}") from error
    except OSError as error:
        raise OSError(error.errno or errno.EIO, f"{_words(error)} {address}") from error


async def _connected(host: str, port: int) -> socket.socket:
    """To the first address of the host that takes the connection; OSError of the first where none does."""
    refused: OSError | None = None
    for family, kind, protocol, _, place in await _places(host, port):
        sock = socket.socket(family, kind, protocol)
        connected = False
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, place)
            connected = True
            return sock
        except OSError as error:
            refused = refused or error
        finally:
            if not connected:
                sock.close()
    raise refused or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


async def _places(host: str, port: int) -> list[tuple[Any, ...]]:
    """What getaddrinfo says, in a thread where a name server may have to be asked."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def open_serial(
    path: str, baud: int, parity: str, stop_bits: int, timeout_s: float, on_bytes: OnBytes, on_lost: OnLost
) -> SerialTransport:
    """OSError with words for a log line; LineError when the path exists and is no terminal."""
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(None, _open_port, path, baud, parity, stop_bits)
    taken = False
    try:
        done, _ = await asyncio.wait((opening,), timeout=timeout_s)
        taken = bool(done)
    finally:
        if not taken:
            opening.add_done_callback(_close_late)
    if not taken:
        raise OSError(errno.ETIMEDOUT, f"{path}: opening took more than {timeout_s:.1f} s")
    return SerialTransport(opening.result(), on_bytes, on_lost)


def _close_late(opening: "asyncio.Future[serial.Serial]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _open_port(path: str, baud: int, parity: str, stop_bits: int) -> "serial.Serial":
    """Runs in a thread: opening a terminal may block."""
    import serial  # late: who has no serial line does without

    if not Path(path).exists():
        raise FileNotFoundError(errno.ENOENT, f"{path}: no such port")
    if not stat.S_ISCHR(Path(path).stat().st_mode):
        raise _no_terminal(path)
    try:
        port = serial.Serial(path, baud, parity=parity, stopbits=stop_bits, timeout=0, exclusive=True)
    except (OSError, termios.error) as error:
        raise _explained(path, error) from error
    # A pty has no latency to lower (ENOTTY), nor have many adapters.
    with contextlib.suppress(OSError, ValueError):
        port.set_low_latency_mode(True)
    return port


def refuse_no_terminal(path: str) -> None:
    """LineError when the path exists and is no terminal. A port that is absent or not ours to open may come yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        if not os.isatty(descriptor):
            raise _no_terminal(path)
    finally:
        os.close(descriptor)


def refuse_no_device(path: str) -> None:
    """What of `refuse_no_terminal` can be told without opening the port: a file, a directory."""
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return
    if not stat.S_ISCHR(mode):
        raise _no_terminal(path)


def _no_terminal(path: str) -> LineError:
    return LineError(errno.ENOTTY, f"{path}: no terminal; a serial line needs a port such as /dev/serial/by-id/...")


def _explained(path: str, error: Exception) -> OSError:
    code = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    if code == errno.ENOTTY or "Inappropriate ioctl" in str(error):
        return _no_terminal(path)
    if code in (errno.EAGAIN, errno.EBUSY):
        return OSError(code, f"{path}: locked by {holder(path) or 'another program'}")
    if code == errno.EACCES:
        return OSError(code, f"{path}: permission denied; is the user in the group of the port?")
    return OSError(code if isinstance(code, int) else errno.EIO, f"{path}: {_words(error)}")


def holder(path: str, proc: Path = Path("/proc")) -> str:
    """``NAME (pid N)`` of a process that holds the port open, empty where none can be seen. Best effort: the
    descriptors of other users' processes are hidden."""
    wanted = str(Path(path).resolve())
    for entry in proc.glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(entry.readlink()) == wanted:
                name = (entry.parent.parent / "comm").read_text().strip()
                return f"{name} (pid {entry.parts[-3]})"
    return ""
