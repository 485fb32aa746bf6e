"""Lines: one half-duplex resource each, one outstanding request, opened and re-opened as the exchanges need it."""

import asyncio
import logging
import random
from collections.abc import Callable
from types import TracebackType
from typing import Self

from drivers.backoff import BRIEF_US, Backoff, Edges
from drivers.endpoints import LineConfig, RtuOverTcpEndpoint, SerialPort, TcpEndpoint, address
from drivers.errors import LineError
from drivers.masters import master_of
from drivers.modbus.outcome import Exchange, LineCounters, Outcome
from drivers.modbus.overhear import Overheard, Overhearing
from drivers.modbus.pdu import Read, Request, guard
from drivers.outbox import Outbox
from drivers.readers import Readers
from drivers.transport import OnBytes, OnLost, Transport, open_serial, open_tcp, refuse_no_terminal
from drivers.wheel import Wheel

__all__ = [
    "Exchange", "Line", "LineConfig", "LineCounters", "Outcome", "RtuOverTcpEndpoint", "SerialPort", "TcpEndpoint",
]  # fmt: skip

log = logging.getLogger("lamplighter.line")

_CONNECT_S = 3.0
# Deadlines are looked at on a grid of 4 ms, so that lines which ask together wait together.
_COARSE_US = 0xFFF
_NEVER_US = 1 << 62
_BACKOFF_CAP_S = 2.0
# To look whether a port is there costs nothing, and a replugged one is to be back within two seconds.
_SERIAL_BACKOFF_CAP_S = 0.5
# A serial line is listened to before it is asked for the first time: another master would show.
_LISTEN_S = 0.25

# A back-off this short is waited out within the exchange.
_WORTH_WAITING_S = 0.15


# Told once what came of a request.
Heard = Callable[[Exchange], None]


class Line:
    """One line, owned by one task. Use it as an async context manager; it opens with the first exchange.

    state is "open" or "closed", error says why it is not open. now_us gives boot-time microseconds; listen_s: how long
    a serial line is listened to when it is opened.
    """

    def __init__(
        self,
        name: str,
        config: LineConfig,
        now_us: Callable[[], int],
        *,
        wheel: Wheel | None = None,
        outbox: Outbox | None = None,
        readers: Readers | None = None,
        jitter: Callable[[], float] = random.random,
        listen_s: float = _LISTEN_S,
    ) -> None:
        self.name = name
        self.config = config
        self.counters = LineCounters()
        self.error = ""
        self._now_us = now_us
        self._others = Overhearing(self._note_others)
        self._master = master_of(config, self.counters, jitter, self._others, round(listen_s * 1e6))
        self._backoff = Backoff(jitter, _SERIAL_BACKOFF_CAP_S if isinstance(config, SerialPort) else _BACKOFF_CAP_S)
        self._edges = Edges()
        self._lock = asyncio.Lock()
        self._callers = 0  # of `exchange`: who is in it, and who waits
        self._port: Transport | None = None
        self._heard: Heard | None = None  # while a request is outstanding: who is told what comes of it
        self._wheel = wheel or Wheel(now_us)
        self._outbox = outbox or Outbox()
        self._readers = readers or Readers()
        self._armed_us = _NEVER_US
        self._due_us = 0
        self._tried = False
        self._answered = False
        self._shut = False

    @property
    def state(self) -> str:
        return "closed" if self._port is None else "open"

    @property
    def foreign_master(self) -> Overheard | None:
        """Who else talks on this line; None while nobody was heard, and always on Modbus TCP."""
        return self._others.heard

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut = True
        self._drop("line closed")

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
        self._callers += 1
        try:
            async with self._lock:
                if self._port is None and not await self._open(timeout_s):
                    return self._count(Exchange("down", detail=self.error))
                await self._silence(timeout_s)
                return await self._ask(unit, read, timeout_s, spare)
        finally:
            self._callers -= 1

    async def _silence(self, timeout_s: float) -> None:
        asked_us = now_us = self._now_us()
        patience_us = int(timeout_s * 1e6)
        while self._port is not None:
            self._port.hear()
            wait_us = self._master.clear_us(asked_us, patience_us) - now_us
            if wait_us <= 0:
                return
            # A loop on epoll rounds this up to a millisecond; the agent's does not. Sleeping the rest in the thread was
            # tried: it holds up the other lines, and three at 115200 baud fell from 93 to 78 % of what is legal.
            await asyncio.sleep(wait_us / 1e6)
            now_us = self._now_us()

    async def _ask(self, unit: int, read: Request, timeout_s: float, spare: Read | None) -> Exchange:
        if self._port is None:
            return self._count(Exchange("down", detail=self.error))
        waiter: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()

        def heard(result: Exchange) -> None:
            if not waiter.done():
                waiter.set_result(result)

        self._write(self._made(unit, read, int(timeout_s * 1e6), spare, heard))
        try:
            return await waiter
        finally:
            self.forget(heard)

    @property
    def prompt(self) -> bool:
        """Whether `ask` may be called: the line is open and idle, and knows no silence between frames."""
        return self._port is not None and self._heard is None and not self._callers and self._master.prompt

    def ask(self, unit: int, read: Read, timeout_us: int, heard: Heard) -> None:
        """What `exchange` does, without a task: `heard` is called with what came of it, once. Only while `prompt`."""
        self._outbox.put(self._write, self._made(unit, read, timeout_us, None, heard))

    def forget(self, heard: Heard) -> None:
        """Nobody waits for this any more; the reply may still come. Nothing happens where it has been told."""
        if self._heard is heard:
            self._heard = None
            self._master.expire(self._now_us())

    def _made(self, unit: int, read: Request, timeout_us: int, spare: Read | None, heard: Heard) -> bytes:
        """The frame of a request that is outstanding from now on."""
        if self._heard is not None:
            # Whoever waits for that would wait for ever.
            raise RuntimeError(f"{self.name}: asked while a request is outstanding")
        now_us = self._now_us()
        frame = self._master.request(unit, read, spare, timeout_us, now_us)
        guard(frame[self._master.function_at])
        self._heard = heard
        self._due_us = due_us = now_us + timeout_us
        if due_us < self._armed_us:
            self._arm()
        return frame

    def _write(self, frame: bytes) -> None:
        if self._port is None:
            return
        try:
            self._port.write(frame)
        except OSError as error:
            self._drop(f"cannot write: {error.strerror or error}")

    def _arm(self) -> None:
        """One timer serves many requests: it is left running and looks, when it fires, whether it was meant."""
        instant_us = (self._due_us | _COARSE_US) + 1
        if instant_us < self._armed_us:
            self._armed_us = instant_us
            self._wheel.at(instant_us, self._on_timer)

    def _on_timer(self) -> None:
        if self._heard is None:
            self._armed_us = _NEVER_US
            return
        now_us = self._now_us()
        if now_us < self._armed_us:
            return  # armed anew since
        self._armed_us = _NEVER_US
        if now_us < self._due_us:
            self._arm()
        else:
            self._finish(self._master.expire(now_us))

    def _on_bytes(self, chunk: bytes | memoryview) -> None:
        master = self._master
        result = master.receive(chunk, self._now_us())
        if master.broken:
            self._break(result)
        elif result is not None:
            self._finish(result)
        elif master.again_us is not None:
            self._ask_again_at(master.again_us)

    def _break(self, result: Exchange | None) -> None:
        """The stream goes before its last result is told: who hears that may ask again at once."""
        heard, self._heard = self._heard, None
        if result is not None:
            self._count(result)
        self._drop(f"{self._master.broken} {address(self.config)}")
        if result is not None and heard is not None:
            heard(result)

    def _ask_again_at(self, again_us: int) -> None:
        delay_s = max(0, again_us - self._now_us()) / 1e6
        asyncio.get_running_loop().call_later(delay_s, self._ask_again, again_us)

    def _ask_again(self, again_us: int) -> None:
        if self._heard is None or self._master.again_us != again_us:
            return
        if self._now_us() < again_us:
            self._ask_again_at(again_us)
            return
        frame = self._master.again(self._now_us())
        guard(frame[self._master.function_at])
        self._write(frame)

    def _finish(self, result: Exchange) -> None:
        heard, self._heard = self._heard, None
        if heard is None:
            return
        if self._answered and result.outcome == "answered":
            self.counters.answered += 1
        else:
            self._count(result)
        heard(result)

    def _count(self, result: Exchange) -> Exchange:
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
            port = await _open_port(self.config, limit_s, self._readers, self._on_bytes, self._on_lost)
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
        if self._edges.down(text, self._now_us()) and not self._shut:
            log.warning("line.down line=%s error=%r", self.name, text)
        self.error = text

    def _note_up(self, port: Transport) -> None:
        if self.counters.opened:
            self.counters.reconnects += 1
        self.counters.opened += 1
        self._port = port
        self._answered = False
        self.error = ""
        now_us = self._now_us()
        self._master.opened(now_us, port.paced)
        if self._edges.up(now_us):
            self._say_up()
        else:
            asyncio.get_running_loop().call_later(BRIEF_US / 1e6, self._note_stays, port)

    def _note_stays(self, port: Transport) -> None:
        if self._port is port and self._edges.stays():
            self._say_up()

    def _say_up(self) -> None:
        log.info("line.up line=%s address=%s", self.name, address(self.config))

    def _note_others(self, heard: Overheard | None) -> None:
        if heard is None:
            log.info("line.foreign_master_gone line=%s", self.name)
            return
        units = ",".join(map(str, heard.units))
        log.warning(
            "line.foreign_master line=%s frames=%d requests=%d writes=%d units=%s noise_bytes=%d: %s",
            self.name, heard.frames, heard.requests, heard.writes, units, heard.noise_bytes, heard,
        )  # fmt: skip


async def _open_port(
    config: LineConfig, timeout_s: float, readers: Readers, on_bytes: OnBytes, on_lost: OnLost
) -> Transport:
    if isinstance(config, SerialPort):
        return await open_serial(
            config.path, config.baud, config.parity, config.stop_bits, timeout_s, on_bytes, on_lost
        )
    return await open_tcp(config.host, config.port, timeout_s, readers, on_bytes, on_lost)
