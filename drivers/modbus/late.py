"""Replies that may still come after their request was given up: what they look like, and how long to listen."""

import math
from dataclasses import dataclass

from drivers.modbus.pdu import EXCEPTION_FLAG, Read, Request

# No unit is waited for longer than this after a timeout, whatever it taught us.
CAP_US = 2_000_000
# Before a unit taught us anything.
UNKNOWN_US = 100_000
# A reply is taken to be lost for good after so many timeouts; up to 3 were seen in the field.
_FORGET_TIMEOUTS = 4
_MOST_OUTSTANDING = 256

_FINEST_US = 1024
_STEPS_PER_OCTAVE = 4
_BUCKETS = 64
# The histogram is halved when it holds this many: old habits fade, a percentile of 1/1000 stays meaningful.
_FADE_AT = 8192

ANY_LENGTH = -1


class Delays:
    """Reply delays of one unit as a histogram in quarter octaves from 1 ms to 1 min."""

    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._total = 0

    def add(self, delay_us: int) -> None:
        octaves = math.log2(max(delay_us, _FINEST_US) / _FINEST_US)
        self._counts[min(int(_STEPS_PER_OCTAVE * octaves), _BUCKETS - 1)] += 1
        self._total += 1
        if self._total >= _FADE_AT:
            self._counts = [count // 2 for count in self._counts]
            self._total = sum(self._counts)

    def p999_us(self) -> int | None:
        """Upper edge of the bucket that holds the 99.9 percentile; None before the first reply."""
        slower = 0
        for bucket in range(_BUCKETS - 1, -1, -1):
            slower += self._counts[bucket]
            if slower > self._total // 1000:
                return int(_FINEST_US * 2 ** ((bucket + 1) / _STEPS_PER_OCTAVE))
        return None


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A request given up, or another master's. byte_count: of its normal reply, ANY_LENGTH where that is not fixed."""

    unit: int
    function: int
    byte_count: int
    sent_us: int
    forget_us: int
    ours: bool = True

    def answered_by(self, frame: bytes) -> bool:
        """Whether a valid RTU frame could be its reply: everything that tells replies apart agrees."""
        if frame[0] != self.unit or frame[1] & ~EXCEPTION_FLAG != self.function:
            return False
        if frame[1] & EXCEPTION_FLAG or self.byte_count == ANY_LENGTH:
            return True
        return frame[2] == self.byte_count and len(frame) == 5 + self.byte_count


def byte_count(request: Request) -> int:
    return request.byte_count if isinstance(request, Read) else ANY_LENGTH


class Outstanding:
    """The requests of one line whose replies may still come, oldest first.

    An entry goes when a frame that fits is heard, or with time. It does not go when a later request of the unit is
    answered: a meter answers in order, but a gateway between may not.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[Abandoned] = []

    def add(self, unit: int, request: Request, sent_us: int, timeout_us: int, *, ours: bool = True) -> None:
        forget_us = sent_us + max(CAP_US, _FORGET_TIMEOUTS * timeout_us)
        self._entries.append(Abandoned(unit, request.function, byte_count(request), sent_us, forget_us, ours))
        del self._entries[:-_MOST_OUTSTANDING]

    def forget(self, now_us: int) -> None:
        if self._entries:
            self._entries = [entry for entry in self._entries if entry.forget_us > now_us]

    def take(self, frame: bytes) -> Abandoned | None:
        """The oldest request that the frame could answer, now answered."""
        for index, entry in enumerate(self._entries):
            if entry.answered_by(frame):
                return self._entries.pop(index)
        return None

    def ambiguous(self, unit: int, request: Request) -> bool:
        """Whether a normal reply to ``request`` could not be told from one that is still to come."""
        wanted = (unit, request.function)
        length = byte_count(request)
        return any(
            (entry.unit, entry.function) == wanted
            and (entry.byte_count == length or ANY_LENGTH in (entry.byte_count, length))
            for entry in self._entries
        )
