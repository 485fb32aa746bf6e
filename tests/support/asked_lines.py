"""What the poller needs of a line, for lines of tests that have an `exchange`: asked by a task or by calls."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from drivers.line import Exchange
from drivers.modbus.pdu import Read


class AskedLine:
    """by_calls: whether it is ever prompt; tests run with both."""

    by_calls: ClassVar[bool] = False
    _asking: "asyncio.Task[Exchange] | None" = None

    async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
        raise NotImplementedError

    @property
    def prompt(self) -> bool:
        return self.by_calls and (self._asking is None or self._asking.done())

    def ask(self, unit: int, read: Read, timeout_us: int, heard: Callable[[Exchange], None]) -> None:
        assert self.prompt
        self._asking = asyncio.create_task(self.exchange(unit, read, timeout_us / 1e6))
        self._asking.add_done_callback(lambda done: None if done.cancelled() else heard(done.result()))

    def forget(self, heard: Callable[[Exchange], None]) -> None:
        if self._asking is not None:
            self._asking.cancel()
