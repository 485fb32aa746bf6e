"""Hundreds of meters that cost next to nothing: Modbus TCP slaves on the event loop of whoever asks for them, registers
kept as bytes. They can sag, lose their supply, fall silent, refuse, be late; their lines can refuse and be reset.

They share nothing with the product: addresses and types are typed in from the vendor's table.
"""

import asyncio
import math
import random
import struct
import time
from collections.abc import Sequence
from contextlib import suppress

NOMINAL_V = 230.0
_HEALTHY = (NOMINAL_V, NOMINAL_V + 1, NOMINAL_V - 1)
_REGISTERS = 400
_BUSY = 6
# Below what a kernel gives to those who ask for any port: nobody takes it while a line is dead, and who calls a dead
# line is not connected to itself.
_PORTS = range(20_000, 32_000)


class Meter:
    """Eastron SDM630: input registers (04), IEEE 754 big end first; unassigned parameters read 0.

    own_supply: it lives on what it measures, and is silent without it; the others then read nothing but zeros.
    asked, looks: how often for anything, and for its voltages.
    """

    def __init__(self, name: str, unit: int, dice: random.Random, *, own_supply: bool) -> None:
        self.name, self.unit, self.own_supply = name, unit, own_supply
        self.silent = self.busy = False
        self.late_s = 0.0
        self.asked = self.looks = 0
        self._dice = dice
        self._volts = _HEALTHY
        self._image = bytearray(2 * _REGISTERS)
        self._kwh, self._renewed_s = dice.uniform(100.0, 9000.0), time.monotonic()

    def sag(self, part: float, phases: int = 3) -> None:
        self._volts = (*(part * volts for volts in _HEALTHY[:phases]), *_HEALTHY[phases:])  # type: ignore[assignment]

    def lose_supply(self) -> None:
        self._volts = (0.0, 0.0, 0.0)
        self.silent = self.own_supply

    def heal(self) -> None:
        self._volts, self.silent, self.busy, self.late_s = _HEALTHY, False, False, 0.0

    def answer(self, pdu: bytes) -> bytes:
        self.asked += 1
        function, address, count = struct.unpack(">BHH", pdu) if len(pdu) == 5 else (pdu[0], 0, 0)
        if self.busy:
            return bytes([function | 0x80, _BUSY])
        if function != 4:
            return bytes([function | 0x80, 1])
        if not 1 <= count <= 80 or address + count > _REGISTERS:
            return bytes([function | 0x80, 2])
        if address == 0:
            self._renew()
        return bytes([function, 2 * count]) + self._image[2 * address : 2 * (address + count)]

    def _renew(self) -> None:
        """Values that move, as living ones do."""
        self.looks += 1
        now_s, wobble = time.monotonic(), self._dice.uniform(-0.4, 0.4)
        volts = [one and one + wobble for one in self._volts]
        amps = [9.0 + n + wobble if one else 0.0 for n, one in enumerate(volts)]
        watts = [one * other for one, other in zip(volts, amps, strict=True)]
        self._kwh += sum(watts) * (now_s - self._renewed_s) / 3.6e6
        self._renewed_s = now_s
        struct.pack_into(">12f", self._image, 0, *volts, *amps, *watts, *watts)
        struct.pack_into(">f", self._image, 2 * 52, sum(watts))
        struct.pack_into(">f", self._image, 2 * 56, sum(watts))
        struct.pack_into(">2f", self._image, 2 * 70, 50.0 + wobble / 20 if any(volts) else 0.0, self._kwh)
        chained = [math.sqrt(a * a + b * b + a * b) for a, b in zip(volts, (*volts[1:], volts[0]), strict=True)]
        struct.pack_into(">3f", self._image, 2 * 200, *chained)


class Line:
    """One address with the meters behind it."""

    def __init__(self, name: str, meters: Sequence[Meter]) -> None:
        self.name = name
        self.port = 0
        self.connections = 0
        self.meters = {meter.unit: meter for meter in meters}
        self._server: asyncio.Server | None = None
        self.talks: set[asyncio.Transport] = set()

    async def open(self, port: int) -> None:
        """OSError where the port is taken."""
        server = await asyncio.get_running_loop().create_server(lambda: _Talk(self), "127.0.0.1", port)
        self._server, self.port = server, port

    async def reopen(self) -> None:
        """On the port that it had, as soon as it can be had."""
        while self._server is None:
            with suppress(OSError):
                await self.open(self.port)
                return
            await asyncio.sleep(0.5)

    def reset(self) -> None:
        for talk in list(self.talks):
            talk.abort()

    def close(self) -> None:
        """Whoever calls is refused."""
        if self._server is not None:
            self._server.close()
        self._server = None
        self.reset()


class _Talk(asyncio.Protocol):
    def __init__(self, line: Line) -> None:
        self._line, self._pending = line, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._line.talks.add(transport)
        self._line.connections += 1

    def connection_lost(self, _: Exception | None) -> None:
        self._line.talks.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while len(self._pending) >= 6 and len(self._pending) >= 6 + int.from_bytes(self._pending[4:6], "big"):
            end = 6 + int.from_bytes(self._pending[4:6], "big")
            frame, self._pending = self._pending[:end], self._pending[end:]
            meter = self._line.meters.get(frame[6])
            if meter is None or meter.silent:
                continue
            pdu = meter.answer(frame[7:])
            reply = frame[:4] + struct.pack(">HB", len(pdu) + 1, frame[6]) + pdu
            if meter.late_s:
                asyncio.get_running_loop().call_later(meter.late_s, self._transport.write, reply)
            else:
                self._transport.write(reply)


async def opened(lines: Sequence[Line], dice: random.Random) -> None:
    """Each on a port of its own that nobody has."""
    ports = iter(dice.sample(_PORTS, len(_PORTS)))
    for line in lines:
        while not line.port:
            with suppress(OSError):
                await line.open(next(ports))
