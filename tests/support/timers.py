"""A loop's `call_later` whose time a test moves by hand."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False)
class Pending:
    at_s: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Timers:
    def __init__(self) -> None:
        self.now_s = 0.0
        self._pending: list[Pending] = []

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Pending:
        self._pending.append(Pending(self.now_s + delay_s, call))
        return self._pending[-1]

    def advance(self, by_s: float) -> None:
        """Run what falls due meanwhile, in order."""
        self.now_s += by_s
        due = sorted((timer for timer in self._pending if timer.at_s <= self.now_s), key=lambda timer: timer.at_s)
        self._pending = [timer for timer in self._pending if timer.at_s > self.now_s]
        for timer in due:
            if not timer.cancelled:
                timer.call()
