"""Asks the units of a line that carries RTU frames, and keeps every byte that comes: what a line's own master throws
away as noise tells why a meter is silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.clock import boot_us
from agent.field.doctor.capture import Piece
from drivers.endpoints import RtuOverTcpEndpoint, SerialPort
from drivers.modbus.pdu import Read, guard
from drivers.modbus.rtu import FUNCTION_AT, frame, silence_s
from drivers.readers import Readers
from drivers.transport import Transport, open_serial, open_tcp

_OPEN_S = 3.0
# Nothing more is on its way once so long nothing came: longer than the slowest adapter gathers (16 ms).
_QUIET_S = 0.06
# A line on which somebody talks all the time is never quiet; the longest frame at 2400 baud takes this.
_LONGEST_ANSWER_S = 1.2
# Behind a network bytes come in heaps.
_FAR_QUIET_S = 0.25


class Ear:
    """An open line. lost: why it is gone, empty while it is not."""

    def __init__(self, quiet_s: float) -> None:
        self.lost = ""
        self._quiet_s = quiet_s
        self._pieces: list[Piece] = []
        self._came = asyncio.Event()
        self._sent_us = boot_us()
        self.port: Transport | None = None

    def on_bytes(self, chunk: bytes | memoryview) -> None:
        self._pieces.append(Piece(boot_us() - self._sent_us, bytes(chunk)))
        self._came.set()

    def on_lost(self, why: str) -> None:
        self.lost = why
        self._came.set()

    async def listen(self, for_s: float) -> bytes:
        """What is said there while nobody is asked."""
        self._pieces.clear()
        await asyncio.sleep(for_s)
        return b"".join(piece.data for piece in self._pieces)

    async def ask(self, unit: int, read: Read, wait_s: float, linger_s: float = 0.0) -> tuple[Piece, ...]:
        """All that comes within this time, until it is quiet again. linger_s: quiet for so long at least, where a
        second answer may follow. OSError where the request cannot leave."""
        if self.port is None or self.lost:
            raise OSError(self.lost or "not open")
        request = frame(unit, read)
        guard(request[FUNCTION_AT])
        self._pieces.clear()
        self._came.clear()
        self.port.write(request)
        self._sent_us = boot_us()
        await self._until_quiet(request, wait_s, max(self._quiet_s, linger_s))
        return tuple(self._pieces)

    async def _until_quiet(self, request: bytes, wait_s: float, quiet_s: float) -> None:
        """An echo of the request is no answer: who waits goes on waiting behind it."""
        until_us = boot_us() + round(wait_s * 1e6)
        while not self.lost:
            answered = not request.startswith(b"".join(piece.data for piece in self._pieces))
            left_s = (until_us - boot_us()) / 1e6
            left_s = min(quiet_s, left_s + _LONGEST_ANSWER_S) if answered else left_s
            if left_s <= 0:
                return
            self._came.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._came.wait()
            except TimeoutError:
                return


@asynccontextmanager
async def ear(config: SerialPort | RtuOverTcpEndpoint) -> AsyncIterator[Ear]:
    """OSError, in the words of a line that cannot be opened."""
    listening = Ear(_QUIET_S if isinstance(config, SerialPort) else _FAR_QUIET_S)
    if isinstance(config, SerialPort):
        listening.port = await open_serial(
            config.path, config.baud, config.parity, config.stop_bits, _OPEN_S, listening.on_bytes, listening.on_lost
        )
    else:
        listening.port = await open_tcp(
            config.host, config.port, _OPEN_S, Readers(), listening.on_bytes, listening.on_lost
        )
    try:
        yield listening
    finally:
        listening.port.close()


def between_s(config: SerialPort | RtuOverTcpEndpoint) -> float:
    """The silence due before a request; behind a serial server that of 9600 baud."""
    if isinstance(config, SerialPort):
        return silence_s(config.baud, config.bits_per_char)
    return silence_s(9600, 11)
