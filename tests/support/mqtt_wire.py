"""A wire between the MQTT sink and a real broker that knows where packets end, and does at each what a test wants.

It shares no code with the product, nor with paho.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from socket import IPPROTO_TCP, TCP_QUICKACK, socket

from serving import serving

PUBLISH, PUBACK = 3, 4
CONNACK = b"\x20\x02\0\0"
CONNACK_V5 = b"\x20\x03\0\0\0"


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one connection.

    up, down: so many packets reach the broker, or the agent, then both ends are reset
    swallow:  the share of PUBACKs that never arrive
    refuse:   reasons in turn: so each PUBLISH of a share is answered, which never reaches the broker; those alone that
              have `only` in them, and each so often in a row at most, if it matters
    instead:  what the agent is answered in the broker's place; trickle: a byte at a time, with so many seconds between
    """

    name: str = ""
    up: int | None = None
    down: int | None = None
    swallow: float = 0.0
    refuse: tuple[int, ...] = ()
    share: float = 1.0
    only: bytes = b""
    in_row: int | None = None
    instead: bytes | None = None
    trickle_s: float = 0.0
    hang_up: bool = False


@dataclass
class MqttWire:
    """plan: the faults of the next connections; those after them have none. published: PUBLISHes that were refused or
    passed on; refused: of these the first. eager: its kernel tells the broker at once that a packet has come; if not,
    40 ms late, as a proxy's does, and a broker without TCP_NODELAY holds back all PUBACKs but the first so long."""

    target: int
    port: int = 0
    eager: bool = True
    plan: list[Fault] = field(default_factory=list)
    connections: int = 0
    published: int = 0
    refused: int = 0
    swallowed: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - no secret
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    rows: Counter[bytes] = field(default_factory=Counter)

    def cut(self) -> None:
        """Ends every connection, by a reset."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        fault = self.plan.pop(0) if self.plan else Fault()
        try:
            if fault.instead is None:
                await self._between(fault, reader, writer)
            else:
                await self._answer(fault, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of them hung up
        finally:
            writer.transport.abort()

    async def _answer(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert fault.instead is not None
        await packet(reader)
        step = 1 if fault.trickle_s else len(fault.instead)
        for at in range(0, len(fault.instead), step or 1):
            writer.write(fault.instead[at : at + step])
            await writer.drain()
            await asyncio.sleep(fault.trickle_s)
        if not fault.hang_up:
            while await reader.read(65536):
                pass

    async def _between(self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers.append(far_writer)
        ways = (
            asyncio.create_task(self._up(fault, reader, far_writer, writer)),
            asyncio.create_task(self._down(fault, far_reader, writer, far_writer.get_extra_info("socket"))),
        )
        try:
            await asyncio.wait(ways, return_when="FIRST_COMPLETED")
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.transport.abort()

    async def _up(
        self, fault: Fault, reader: asyncio.StreamReader, far: asyncio.StreamWriter, near: asyncio.StreamWriter
    ) -> None:
        passed, reasons = 0, 0
        while fault.up is None or passed < fault.up:
            data = await packet(reader)
            passed += 1
            self.published += data[0] >> 4 == PUBLISH
            if fault.refuse and data[0] >> 4 == PUBLISH and self._refuses(fault, data):
                near.write(b"\x40\x03" + identifier(data) + bytes((fault.refuse[reasons % len(fault.refuse)],)))
                reasons += 1
                self.refused += 1
                continue
            far.write(data)
            await far.drain()
        # What was passed on has to be read before the reset: a broker may drop what it has not read yet.
        await asyncio.sleep(0.005)

    def _refuses(self, fault: Fault, publish: bytes) -> bool:
        at = _identifier_at(publish)
        what = publish[1:at] + publish[at + 2 :]
        again = fault.only in publish and self.dice.random() < fault.share
        self.rows[what] = self.rows[what] + 1 if again else 0
        if fault.in_row is None or self.rows[what] <= fault.in_row:
            return again
        self.rows[what] = 0
        return False

    async def _down(self, fault: Fault, far: asyncio.StreamReader, near: asyncio.StreamWriter, far_end: socket) -> None:
        passed = 0
        while fault.down is None or passed < fault.down:
            data = await packet(far)
            if self.eager:
                far_end.setsockopt(IPPROTO_TCP, TCP_QUICKACK, 1)  # the kernel forgets it
            passed += 1
            if data[0] >> 4 == PUBACK and self.dice.random() < fault.swallow:
                self.swallowed += 1
                continue
            near.write(data)
            await near.drain()
        await asyncio.sleep(0.005)


@asynccontextmanager
async def wire(
    target: int, listener: socket | None = None, seed: int = 1, *, eager: bool = True
) -> AsyncIterator[MqttWire]:
    """listener: where the agent is to connect, if not on this machine's loopback."""
    made = MqttWire(target, eager=eager, dice=random.Random(seed))  # noqa: S311 - no secret
    async with serving(made.serve, listener) as made.port:
        try:
            yield made
        finally:
            made.cut()


async def packet(reader: asyncio.StreamReader) -> bytes:
    """One packet, whole."""
    data = await reader.readexactly(2)
    while data[-1] & 128:
        data += await reader.readexactly(1)
    length = sum((byte & 127) << 7 * n for n, byte in enumerate(data[1:]))
    return data + await reader.readexactly(length)


def identifier(publish: bytes) -> bytes:
    at = _identifier_at(publish)
    return publish[at : at + 2]


def _identifier_at(publish: bytes) -> int:
    at = 2
    while publish[at - 1] & 128:
        at += 1
    return at + 2 + int.from_bytes(publish[at : at + 2], "big")


async def ended(made: MqttWire, timeout_s: float = 10.0) -> None:
    """Until every planned fault has met a connection."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while made.plan:  # noqa: ASYNC110 - what is waited for is a plain list
                await asyncio.sleep(0.005)
