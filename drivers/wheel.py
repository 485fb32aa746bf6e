"""One timer for all that waits: callbacks by the instant they are due.

The lines of a site tick together on one grid, so that many callbacks share an instant: one wake-up of the loop serves
them all. A timer of its own for each was measured at three times the cost.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable

Callback = Callable[[], None]


class Wheel:
    """now_us: boot-time microseconds. Used from one event loop."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._due: dict[int, list[Callback]] = {}
        self._instants: list[int] = []  # a heap of the keys
        self._timer: asyncio.TimerHandle | None = None

    def at(self, due_us: int, callback: Callback) -> None:
        """Call back once at this instant, or at the next turn of the loop if it has passed. There is no taking back:
        whoever lost interest does nothing when called."""
        waiting = self._due.get(due_us)
        if waiting is not None:
            waiting.append(callback)
            return
        self._due[due_us] = [callback]
        heapq.heappush(self._instants, due_us)
        if self._instants[0] == due_us:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay_s = max(0, self._instants[0] - self._now_us()) / 1e6
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._turn)

    def _turn(self) -> None:
        self._timer = None
        now_us = self._now_us()
        due: deque[Callback] = deque()
        while self._instants and self._instants[0] <= now_us:
            due += self._due.pop(heapq.heappop(self._instants))
        # Before the callbacks; what they add re-arms it if it comes earlier.
        if self._instants:
            self._arm()
        try:
            while due:
                due.popleft()()
        finally:
            for callback in due:  # one that raises must not take the others along
                self.at(now_us, callback)
