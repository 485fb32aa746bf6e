"""Whether the agent gets on with its work, and so whether the watchdog may be fed. Pure.

    what                                       is stuck when
    -----------------------------------------  ---------------------------------------------------------------
    a line's loop                              it has not gone round for a minute
    the journal's task, or its thread          the oldest entry still waits after two minutes, no commit failed,
                                               and the thread does not wait for the disk
    the event loop                             ten looks in a row came more than 5 s late

A disk that fails, is slow or hangs is none of these: a restart would end the polling and mend nothing.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# No line waits for more than a second without a look at the clock.
ROUND_US = 60_000_000
# Readings wait for 10 s, and a salvage or a card that cleans up for some more.
COMMIT_US = 120_000_000
LATE_US = 5_000_000
LATE_LOOKS = 10
LOOK_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Commits:
    """How the journal stands. first: the seq of the oldest entry that is not durable, None where all are; error: why
    commits fail; on_disk: whether its thread waits for the disk at this moment"""

    first: int | None
    error: str = ""
    on_disk: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Vigil:
    """Looks once a second, by the boot clock."""

    _first: int | None = None
    _since_us: int = 0
    _looked_us: int | None = None
    _late_us: deque[int] = field(default_factory=lambda: deque(maxlen=LATE_LOOKS))

    def stuck(self, now_us: int, rounds_us: Mapping[str, int], commits: Commits) -> tuple[str, ...]:
        """What does not get on, in words; rounds_us: when each line's loop last went round."""
        lines = [f"line {name} has not gone round" for name, us in rounds_us.items() if now_us - us >= ROUND_US]
        return (*lines, *self._commits(now_us, commits), *self._loop(now_us))

    def _commits(self, now_us: int, commits: Commits) -> list[str]:
        if commits.first is None or commits.first != self._first or commits.error:
            self._first, self._since_us = commits.first, now_us
        if now_us - self._since_us < COMMIT_US:
            return []
        if commits.on_disk():
            self._since_us = now_us
            return []
        return ["the journal commits nothing, and no error says why"]

    def _loop(self, now_us: int) -> list[str]:
        if self._looked_us is not None:
            self._late_us.append(now_us - self._looked_us - LOOK_US)
        self._looked_us = now_us
        slow = len(self._late_us) == LATE_LOOKS and min(self._late_us) > LATE_US
        return ["the event loop is late"] if slow else []
