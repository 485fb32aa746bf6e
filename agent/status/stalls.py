"""For how long nothing was done although the machine was awake: the process was stopped or starved, or its virtual
machine paused. Pure.
"""

from dataclasses import dataclass

# The loop's own turn comes every second. A second or two it may be late on a busy machine.
_EVERY_US = 1_000_000
_LATE_US = 2_000_000


@dataclass(slots=True)
class Stalls:
    """total_us: since the start."""

    total_us: int = 0
    _turned_us: int | None = None
    _suspended_us: int = 0

    def turn(self, now_us: int, suspended_us: int) -> int:
        """Once a second. The microseconds it stood still since the turn before, 0 where they are not worth a word;
        suspended_us: how long the machine slept until now, which is no stall."""
        still_us = 0
        if self._turned_us is not None:
            slept_us = suspended_us - self._suspended_us
            still_us = now_us - self._turned_us - slept_us - _EVERY_US
        self._turned_us, self._suspended_us = now_us, suspended_us
        if still_us <= _LATE_US:
            return 0
        self.total_us += still_us
        return still_us
