"""Lines: one half-duplex resource each, one outstanding request, opened and re-opened as the exchanges need it."""

import asyncio
import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from drivers.errors import LineError
from drivers.modbus.outcome import Exchange, LineCounters, Outcome
from drivers.modbus.pdu import Read, Request, guard
from drivers.modbus.rtu import char_s, silence_s
from drivers.modbus.rtu_master import RtuMaster
from drivers.modbus.tcp import TcpMaster
from drivers.transport import OnBytes, OnLost, Transport, open_serial, open_tcp, refuse_no_terminal

__all__ = [
    "Exchange", "Line", "LineConfig", "LineCounters", "Outcome", "RtuOverTcpEndpoint", "SerialPort", "TcpEndpoint",
]  # fmt: skip

log = logging.getLogger("lamplighter.line")

_CONNECT_S = 3.0
_BACKOFF_FIRST_S = 0.1
_BACKOFF_CAP_S = 2.0

# A serial server far away does not tell its baud rate: t3.5 of the slowest common one, by the book.
_FAR_BAUD = 9600
_FAR_BITS = 11


@dataclass(frozen=True, slots=True)
class SerialPort:
    """An RTU line on a terminal. parity: N, E or O."""

    path: str
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    @property
    def bits_per_char(self) -> int:
        """Start, eight data, parity, stop."""
        return 1 + 8 + (self.parity != "N") + self.stop_bits


@dataclass(frozen=True, slots=True)
class TcpEndpoint:
    """A Modbus TCP server or gateway."""

    host: str
    port: int = 502


@dataclass(frozen=True, slots=True)
class RtuOverTcpEndpoint:
    """A serial server that passes raw RTU frames through a TCP stream."""

    host: str
    port: int


LineConfig = SerialPort | TcpEndpoint | RtuOverTcpEndpoint


# A back-off this short is waited out within the exchange.
_WORTH_WAITING_S = 0.15


class _Master(Protocol):
    """The sans-I/O half of a line: see RtuMaster and TcpMaster."""

    function_at: int
    broken: str
    again_us: int | None

    def opened(self, now_us: int, paced: bool) -> None: ...
    def clear_us(self, asked_us: int, patience_us: int) -> int: ...
    def request(self, unit: int, wanted: Request, spare: Read | None, timeout_us: int, now_us: int) -> bytes: ...
    def again(self, now_us: int) -> bytes: ...
    def receive(self, chunk: bytes | memoryview, now_us: int) -> Exchange | None: ...
    def expire(self, now_us: int) -> Exchange: ...
    def lost(self, now_us: int) -> int: ...


class _Backoff:
    """When the next attempt to open may be made: at once after a port that worked, else 0.1 s doubling to 2 s."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures = 0
        self.until_us = 0

    def worked(self) -> None:
        self._failures = 0

    def failed(self, now_us: int) -> None:
        delay_s = min(_BACKOFF_CAP_S, _BACKOFF_FIRST_S * 2 ** min(self._failures, 10))
        self._failures += 1
        self.until_us = now_us + int(delay_s * (0.5 + 0.5 * self._jitter()) * 1e6)


class Line:
    """One line, owned by one task. Use it as an async context manager; it opens with the first exchange.

    state is "open" or "closed", error says why it is not open. now_us gives boot-time microseconds.
    """

    def __init__(
        self, name: str, config: LineConfig, now_us: Callable[[], int], *, jitter: Callable[[], float] = random.random
    ) -> None:
        self.name = name
        self.config = config
        self.counters = LineCounters()
        self.error = ""
        self._now_us = now_us
        self._master = _master(config, self.counters, jitter)
        self._backoff = _Backoff(jitter)
        self._lock = asyncio.Lock()
        self._port: Transport | None = None
        self._waiter: asyncio.Future[Exchange] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._tried = False
        self._answered = False
        self._shut = False

    @property
    def state(self) -> str:
        return "closed" if self._port is None else "open"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut = True
        self._drop("line closed")
        if self._timer is not None:
            self._timer.cancel()

    def refuse_no_terminal(self) -> None:
        """LineError for a serial path that exists and is no terminal: a mistake in the site file, said at the start."""
        if isinstance(self.config, SerialPort):
            refuse_no_terminal(self.config.path)

    async def exchange(self, unit: int, read: Request, timeout_s: float, spare: Read | None = None) -> Exchange:
        """Ask and wait for the reply. ``timeout_s`` counts from writing and covers the whole reply.

        spare: another read that covers ``read``, sent instead while a late reply to ``read`` may still come.
        Trouble on the line is an outcome, not an exception; only the first opening of a serial path that exists
        and is no terminal is a LineError, and a unit or a spare that cannot be is a ValueError. Cancelled, it
        leaves the line as a timeout would.
        """
        async with self._lock:
            if self._port is None and not await self._open(timeout_s):
                return self._count(Exchange("down", detail=self.error))
            await self._silence(timeout_s)
            return await self._ask(unit, read, timeout_s, spare)

    async def _silence(self, timeout_s: float) -> None:
        asked_us = now_us = self._now_us()
        patience_us = int(timeout_s * 1e6)
        while self._port is not None:
            self._port.hear()
            wait_us = self._master.clear_us(asked_us, patience_us) - now_us
            if wait_us <= 0:
                return
            # The loop's timers round up to a millisecond. Sleeping the rest in the thread was tried: it holds up the
            # other lines, and three lines at 115200 baud fell from 93 to 78 % of what is legal.
            await asyncio.sleep(wait_us / 1e6)
            now_us = self._now_us()

    async def _ask(self, unit: int, read: Request, timeout_s: float, spare: Read | None) -> Exchange:
        if self._port is None:
            return self._count(Exchange("down", detail=self.error))
        frame = self._master.request(unit, read, spare, int(timeout_s * 1e6), self._now_us())
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Exchange] = loop.create_future()
        self._waiter = waiter
        self._arm(loop, loop.time() + timeout_s)
        try:
            self._write(frame)
            return await waiter
        finally:
            if self._waiter is waiter:  # cancelled: the reply may still come
                self._waiter = None
                self._master.expire(self._now_us())

    def _write(self, frame: bytes) -> None:
        guard(frame[self._master.function_at])
        if self._port is None:
            return
        try:
            self._port.write(frame)
        except OSError as error:
            self._drop(f"cannot write: {error.strerror or error}")

    def _arm(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        """One timer serves many requests: it is left running and looks, when it fires, whether it was meant."""
        self._due_s = due_s
        if self._timer is not None:
            if self._timer.when() <= due_s:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due_s, self._on_timer, loop)

    def _on_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if loop.time() < self._due_s:
            self._timer = loop.call_at(self._due_s, self._on_timer, loop)
            return
        self._finish(self._master.expire(self._now_us()))

    def _on_bytes(self, chunk: bytes | memoryview) -> None:
        master = self._master
        result = master.receive(chunk, self._now_us())
        if result is not None:
            self._finish(result)
        if master.broken:
            self._drop(f"{master.broken} {_address(self.config)}")
        elif master.again_us is not None:
            self._ask_again_at(master.again_us)

    def _ask_again_at(self, again_us: int) -> None:
        delay_s = max(0, again_us - self._now_us()) / 1e6
        asyncio.get_running_loop().call_later(delay_s, self._ask_again, again_us)

    def _ask_again(self, again_us: int) -> None:
        if self._waiter is None or self._master.again_us != again_us:
            return
        if self._now_us() < again_us:
            self._ask_again_at(again_us)
            return
        self._write(self._master.again(self._now_us()))

    def _finish(self, result: Exchange) -> None:
        waiter = self._waiter
        self._waiter = None
        if waiter is not None and not waiter.done():
            waiter.set_result(self._count(result))

    def _count(self, result: Exchange) -> Exchange:
        if result.outcome == "answered":
            self.counters.answered += 1
        else:
            setattr(self.counters, result.outcome, getattr(self.counters, result.outcome) + 1)
        if not self._answered and result.outcome in ("answered", "refused"):
            self._answered = True
            self._backoff.worked()
        return result

    async def _open(self, timeout_s: float) -> bool:
        remaining_s = (self._backoff.until_us - self._now_us()) / 1e6
        if self._shut or remaining_s > min(_WORTH_WAITING_S, timeout_s):
            return False
        if remaining_s > 0:
            # What one unit did to the connection must not look like the silence of the next one.
            await asyncio.sleep(remaining_s)
        first, self._tried = not self._tried, True
        limit_s = min(_CONNECT_S, timeout_s + 1.0)
        try:
            port = await _open_port(self.config, limit_s, self._on_bytes, self._on_lost)
        except LineError as error:
            if first:
                raise
            self._note_down(error.strerror or str(error))
        except OSError as error:
            self._note_down(error.strerror or str(error))
        else:
            self._note_up(port)
        return self._port is not None

    def _on_lost(self, text: str) -> None:
        self._drop(text, at_once=self._answered)

    def _drop(self, text: str, at_once: bool = False) -> None:
        """Close first: a held descriptor makes a replugged adapter come back under another name."""
        port, self._port = self._port, None
        if port is not None:
            port.close()
        now_us = self._now_us()
        sent_us = self._master.lost(now_us)
        self._note_down(text, at_once)
        self._finish(Exchange("down", sent_boot_us=sent_us, detail=text))

    def _note_down(self, text: str, at_once: bool = False) -> None:
        if not at_once:
            self._backoff.failed(self._now_us())
        if not self.error and not self._shut:
            log.warning("line.down line=%s error=%r", self.name, text)
        self.error = text

    def _note_up(self, port: Transport) -> None:
        if self.counters.opened:
            self.counters.reconnects += 1
        self.counters.opened += 1
        self._port = port
        self._answered = False
        self._master.opened(self._now_us(), port.paced)
        log.info("line.up line=%s address=%s", self.name, _address(self.config))
        self.error = ""


def _address(config: LineConfig) -> str:
    return config.path if isinstance(config, SerialPort) else f"{config.host}:{config.port}"


def _master(config: LineConfig, counters: LineCounters, jitter: Callable[[], float]) -> _Master:
    if isinstance(config, TcpEndpoint):
        return TcpMaster(int(jitter() * 0x10000), counters)
    if isinstance(config, SerialPort):
        return RtuMaster(
            math.ceil(silence_s(config.baud, config.bits_per_char) * 1e6),
            char_s(config.baud, config.bits_per_char) * 1e6,
            counters,
        )
    return RtuMaster(math.ceil(silence_s(_FAR_BAUD, _FAR_BITS) * 1e6), 0, counters)


async def _open_port(config: LineConfig, timeout_s: float, on_bytes: OnBytes, on_lost: OnLost) -> Transport:
    if isinstance(config, SerialPort):
        return await open_serial(
            config.path, config.baud, config.parity, config.stop_bits, timeout_s, on_bytes, on_lost
        )
    return await open_tcp(config.host, config.port, timeout_s, on_bytes, on_lost)
