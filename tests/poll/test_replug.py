"""A USB adapter is pulled and plugged again, often as another port: how long until its meters are read again.

The site file names the port by a link, as /dev/serial/by-id does; udev moves the link. Here the port is a pty.
"""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from polled import holds, polled, unit
from ptys import Pty
from scripted_peer import Step, boot_us, on_pty, sealed

from drivers.line import Line, SerialPort

pytestmark = pytest.mark.e2e

WITHIN_S = 2.0
BAUD = 19200


def answers(number: int, request: bytes) -> list[Step]:
    function, address, count = request[1], int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
    data = holds(request[0], address, count)
    return [0.01, sealed(bytes((request[0], function, len(data))) + data)]


class Adapter:
    """A pty with its slaves. Each time it is plugged it is another port: somebody still holds the old one."""

    def __init__(self, stack: AsyncExitStack, link: Path) -> None:
        self.pty = Pty(link)
        self.ports: list[Path] = []
        self._stack = stack
        self._slaves: AsyncExitStack | None = None

    async def plug(self) -> None:
        self.pty.plug()
        port = self.pty.link.readlink()
        assert port not in self.ports
        self.ports.append(port)
        keeper = os.open(port, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        self._stack.callback(os.close, keeper)
        self._slaves = AsyncExitStack()
        await self._slaves.enter_async_context(on_pty(self.pty, answers))

    async def pull(self) -> None:
        """At once, whatever is on the wire."""
        assert self._slaves is not None
        await self._slaves.aclose()
        self.pty.unplug()


@pytest.mark.parametrize(("units", "watch_s"), [(1, 0.1), (8, 0.5)])
async def test_every_meter_is_read_within_two_seconds_of_the_plug(units: int, watch_s: float, tmp_path: Path) -> None:
    took_s: list[float] = []
    async with AsyncExitStack() as stack:
        adapter = Adapter(stack, tmp_path / "usb-FTDI_FT232R-if00-port0")
        await adapter.plug()
        line = Line("bus", SerialPort(adapter.pty.path, BAUD), boot_us, jitter=lambda: 1.0)
        numbers = range(1, units + 1)
        (run,) = await stack.enter_async_context(polled((line, [unit(number, watch_s) for number in numbers])))
        for number in numbers:
            await run.until(f"m{number}", 5.0)
        for away_s in (0.05, 0.4, 1.1, 3.3, 11.0):
            await adapter.pull()
            await asyncio.sleep(away_s)
            assert line.state == "closed"
            plugged_s = time.monotonic()
            await adapter.plug()
            await asyncio.gather(*(run.until(f"m{number}", 3 * WITHIN_S) for number in numbers))
            took_s.append(time.monotonic() - plugged_s)
        await adapter.pull()
    assert max(took_s) < WITHIN_S, took_s
    assert line.counters.reconnects == len(took_s)
    assert run.wrong() == []
