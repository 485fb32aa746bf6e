"""When a port that failed is tried again, and which of its comings and goings are news. Pure."""

import re
from collections.abc import Callable

_FIRST_S = 0.1
# A port that lives no longer than this has not really come back; what it goes with is said again after so long.
BRIEF_US = 10_000_000
_SAY_AGAIN_US = 300_000_000
_NEVER_US = -(1 << 62)


class Backoff:
    """When the next attempt to open may be made: at once after a port that worked, else 0.1 s doubling to ``cap_s``."""

    def __init__(self, jitter: Callable[[], float], cap_s: float) -> None:
        self._jitter = jitter
        self._cap_s = cap_s
        self._failures = 0
        self.until_us = 0

    def worked(self) -> None:
        self._failures = 0

    def failed(self, now_us: int) -> None:
        delay_s = min(self._cap_s, _FIRST_S * 2 ** min(self._failures, 10))
        self._failures += 1
        self.until_us = now_us + int(delay_s * (0.5 + 0.5 * self._jitter()) * 1e6)


class Edges:
    """Of one port. Each method says whether the log should have it.

    A port that goes soon after it has come, time and again and with the same words, numbers apart, is said to be down
    once in five minutes: a peer that floods or closes at once would fill the log.
    """

    def __init__(self) -> None:
        self._up_us: int | None = _NEVER_US
        self._words = ""
        self._said_us = _NEVER_US
        self._flapping = False

    def up(self, now_us: int) -> bool:
        self._up_us = now_us
        return not self._flapping

    def stays(self) -> bool:
        """It has come, and is there still after BRIEF_US."""
        was, self._flapping = self._flapping, False
        return was

    def down(self, text: str, now_us: int) -> bool:
        up_us, self._up_us = self._up_us, None
        if up_us is None:
            return False
        words = re.sub(r"\d+", "", text)
        repeated = words == self._words and now_us - self._said_us < _SAY_AGAIN_US
        self._flapping = repeated and now_us - up_us < BRIEF_US
        if self._flapping:
            return False
        self._words, self._said_us = words, now_us
        return True
