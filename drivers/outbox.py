"""Requests of many lines that leave together, at the end of a turn of the loop, with nothing done in between.

Sent one by one, each wakes a peer that sleeps: on a machine or a switch that serves many meters, once per request. So
a wake-up of a process or an interface is shared by all that are due on one tick.
"""

import asyncio
from collections.abc import Callable

Send = Callable[[bytes], None]


class Outbox:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Send, bytes]] = []

    def put(self, send: Send, frame: bytes) -> None:
        """Call `send` with the frame in the next turn of the loop. It must not raise."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._leave)
        self._waiting.append((send, frame))

    def _leave(self) -> None:
        waiting, self._waiting = self._waiting, []
        for send, frame in waiting:
            send(frame)
