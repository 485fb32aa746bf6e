"""Who else talks on a serial line: what is heard there and answers nothing that we asked.

A line has one master. Another one is told from the oddities of a bad cable by points:

    | heard unasked                            | points |
    |------------------------------------------|--------|
    | a request, of whatever function          | 2      |
    | any other valid frame: a reply, a refusal | 1      |

Three points within a minute say so: a request and its reply, two requests, or three replies where the other master's
own wire is not heard. One frame alone may be the late reply to an agent that has just been started anew. Bytes that
are no frame, on a line that ought to be silent, say that something talks there with other settings.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from drivers.modbus.pdu import EXCEPTION_FLAG, Read

_WINDOW_US = 60_000_000
_ENOUGH = 3
_REQUEST, _OTHER = 2, 1
# Nothing heard for so long: gone, and said anew should it come back.
_GONE_US = 300_000_000

# Bytes without a frame: before anybody was asked, then within so long outside of our own exchanges.
_NOISE_AT_START = 16
_NOISE_LATER, _NOISE_WINDOW_US = 256, 10_000_000

_NOTHING, _NOISE, _FRAMES = range(3)

# An echo may come when its request was already given up.
_OWN = 2

_WRITES = (0x05, 0x06, 0x0F, 0x10)
_LAST_READ = 4
# Modbus application protocol V1.1b3, section 6, with unit and check: sizes of the requests that are fixed
_REQUEST_SIZE = {1: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8, 0x11: 4, 0x2B: 7}
_LONGEST_REPLY_HEAD = 3  # unit, function, byte count
_CHECK = 2


@dataclass(frozen=True, slots=True)
class Overheard:
    """What was heard since it began.

    frames: valid ones; requests, writes: those of them that only a master sends; units: asked or answering;
    noise_bytes: what was no frame. Without frames: somebody talks with other serial settings, or babbles.
    """

    frames: int = 0
    requests: int = 0
    writes: int = 0
    units: tuple[int, ...] = ()
    noise_bytes: int = 0

    def __str__(self) -> str:
        """For people, in one line."""
        if self.frames < _ENOUGH and not self.requests:
            return f"{self.noise_bytes} bytes that nobody here asked for: noise, or a talker with other serial settings"
        units = ", ".join(map(str, self.units))
        who = "another master is on this line" if self.requests else "another master, or a unit that talks unasked"
        writes = f", {self.writes} of them writes" if self.writes else ""
        return f"{who}: {self.frames} frames, {self.requests} requests{writes}, units {units}"


Tell = Callable[[Overheard | None], None]


def _ignore(heard: Overheard | None) -> None:
    """For a master whose owner does not mind."""


def is_request(frame: bytes) -> bool:
    """Whether a valid frame is a master's. Of single-bit writes and three-byte bit replies, which look alike in both
    directions, the writes count as requests: no slave writes."""
    function = frame[1]
    if function in (15, 16):
        return len(frame) > 8
    if function in (1, 2) and len(frame) == _LONGEST_REPLY_HEAD + frame[2] + _CHECK:
        return False
    return not function & EXCEPTION_FLAG and len(frame) == _REQUEST_SIZE.get(function)


def asked_read(frame: bytes) -> Read | None:
    """What another master's request reads, or would if the frame is one; None where it cannot be."""
    if len(frame) != _REQUEST_SIZE.get(frame[1]) or frame[1] > _LAST_READ:
        return None
    try:
        return Read(frame[1], int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big"))
    except ValueError:
        return None


class Overhearing:
    """Of one line. tell: called with what was heard once another talker shows, and with None when it is gone."""

    def __init__(self, tell: Tell = _ignore) -> None:
        self._tell = tell
        self._sum = Overheard()
        self._said = _NOTHING
        self._points: deque[tuple[int, int]] = deque(maxlen=_ENOUGH)
        self._own: deque[bytes] = deque(maxlen=_OWN)
        self._noise_from_us = 0
        self._noise = 0
        self._last_us = 0

    @property
    def heard(self) -> Overheard | None:
        return self._sum if self._said else None

    def sent(self, frame: bytes, now_us: int) -> None:
        """A request of ours leaves."""
        self._own.append(frame)
        if self._said and now_us - self._last_us > _GONE_US:
            self._said, self._sum = _NOTHING, Overheard()
            self._tell(None)

    def is_own(self, frame: bytes) -> bool:
        """Whether this is one of our last requests, come back as a late echo."""
        return frame in self._own

    def frame(self, frame: bytes, now_us: int) -> None:
        """A valid frame that answers nothing we asked and is no echo."""
        request = is_request(frame)
        self._last_us = now_us
        told = self._sum
        units = told.units if frame[0] in told.units else tuple(sorted((*told.units, frame[0])))
        self._sum = Overheard(
            told.frames + 1, told.requests + request, told.writes + (request and frame[1] in _WRITES), units,
            told.noise_bytes,
        )  # fmt: skip
        self._points.append((now_us, _REQUEST if request else _OTHER))
        recent = sum(points for at_us, points in self._points if at_us > now_us - _WINDOW_US)
        if recent >= _ENOUGH:
            self._say(_FRAMES)

    def noise(self, size: int, now_us: int, *, at_start: bool) -> None:
        """Bytes that are no frame, while nothing is being asked. at_start: nothing has been asked yet at all."""
        if now_us - self._noise_from_us > _NOISE_WINDOW_US:
            self._noise_from_us, self._noise = now_us, 0
        self._noise += size
        enough = self._noise >= (_NOISE_AT_START if at_start else _NOISE_LATER)
        if enough or self._said:
            self._last_us = now_us
        told = self._sum
        self._sum = Overheard(told.frames, told.requests, told.writes, told.units, told.noise_bytes + size)
        if enough:
            self._say(_NOISE)

    def _say(self, what: int) -> None:
        """Once, and once more when what was mere noise turns out to be frames."""
        if what > self._said:
            self._said = what
            self._tell(self._sum)


class Flood:
    """Whether a line brings more than ``limit`` bytes within a second."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._from_us = 0
        self._bytes = 0

    def exceeded(self, size: int, now_us: int) -> bool:
        if now_us - self._from_us > 1_000_000:
            self._from_us, self._bytes = now_us, 0
        self._bytes += size
        return self._bytes > self.limit
