"""The slaves of `bad_wire` behind ptys, in real time, asked through the product's own lines."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from bad_wire import Mix, Slaves, Tally, Wire, judge
from campaign import READS
from ptys import Pty
from scripted_peer import RTU_REQUEST, boot_us

from drivers.line import Line, SerialPort
from drivers.modbus.pdu import Read

WIRES = {
    "slow": Wire(baud=9600, timeout_us=250_000),
    "usual": Wire(timeout_us=150_000, units=(1, 2)),
    "fast": Wire(baud=115200, timeout_us=60_000, units=tuple(range(1, 9)), sequential=frozenset(range(1, 9))),
}


class Bench:
    """One line on a pty and the slaves at its other end."""

    def __init__(self, seed: int, wire: Wire, pty: Pty) -> None:
        self.tally = Tally()
        self.slaves = Slaves(seed, wire, Mix())
        self.line = Line(pty.link.name, SerialPort(pty.path, wire.baud, "E"), boot_us)
        self._wire = wire
        self._pty = pty
        self._dice = random.Random(~seed)  # noqa: S311 - not a secret
        self._heard = bytearray()
        self._reads = [(Read(*read), None if spare is None else Read(*spare)) for read, spare in READS]

    async def poll_until(self, end_s: float) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pty.fd, self._hear)
        try:
            while time.monotonic() < end_s:
                await self._transact()
        finally:
            loop.remove_reader(self._pty.fd)

    async def _transact(self) -> None:
        unit = self._dice.choice(self._wire.units)
        read, spare = self._dice.choice(self._reads)
        self._hear()  # a request that was given up before its slave has read it belongs to the last transaction
        self.slaves.forget()
        asked_us = boot_us()
        result = await self.line.exchange(unit, read, self._wire.timeout_us / 1e6, spare)
        judge(self.tally, result, unit, read, self.slaves.asked, asked_us)

    def _hear(self) -> None:
        try:
            self._heard += os.read(self._pty.fd, 512)
        except BlockingIOError:
            return
        while len(self._heard) >= RTU_REQUEST:
            request = bytes(self._heard[:RTU_REQUEST])
            del self._heard[:RTU_REQUEST]
            now_us = boot_us()
            for at_us, data in self.slaves.hear(request, now_us):
                delay_s = (at_us - now_us) / 1e6
                asyncio.get_running_loop().call_later(delay_s, self._send, data)

    def _send(self, data: bytes) -> None:
        if self._pty.fd >= 0:
            os.write(self._pty.fd, data)


async def campaign(
    seconds: float, seed: int, directory: Path, progress: Callable[[Tally], None] | None = None
) -> tuple[Tally, Counter[str]]:
    """All of WIRES at once. progress: called every minute with the sum so far."""
    async with AsyncExitStack() as stack:
        benches = []
        for number, (name, wire) in enumerate(WIRES.items()):
            bench = Bench(seed + number, wire, stack.enter_context(Pty(directory / name)))
            benches.append(bench)
            await stack.enter_async_context(bench.line)
        end_s = time.monotonic() + seconds
        telling = asyncio.create_task(_tell(benches, progress or (lambda tally: None)))
        try:
            await asyncio.gather(*(bench.poll_until(end_s) for bench in benches))
        finally:
            telling.cancel()
        return _sum(benches), sum((bench.slaves.faults for bench in benches), Counter())


async def _tell(benches: list[Bench], progress: Callable[[Tally], None]) -> None:
    while True:
        await asyncio.sleep(60)
        progress(_sum(benches))


def _sum(benches: list[Bench]) -> Tally:
    total = Tally()
    for bench in benches:
        total += bench.tally
    return total
