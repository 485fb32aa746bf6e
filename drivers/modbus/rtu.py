"""RTU frames: their timing on the wire, building them, and finding them in what was heard.

Source: MODBUS over Serial Line Specification and Implementation Guide V1.02, section 2.5.1.
"""

import heapq
from collections.abc import Iterator

from drivers.modbus.crc import checked, crc16
from drivers.modbus.pdu import EXCEPTION_FLAG, IMPOSSIBLE, UNDECIDED, Request, encode, reply_size

MAX_FRAME = 256
FUNCTION_AT = 1

# Serial Line guide V1.02, 2.5.1.1: above 19200 baud t3.5 is fixed
_FAST_BAUD = 19200
_FAST_SILENCE_S = 0.00175

# Serial Line guide V1.02, 2.2: 0 is broadcast, 248-255 are reserved
_UNITS = range(1, 248)

# CRC bytes that one survey may cost: four times a full buffer. Crafted noise cannot buy more.
_SURVEY_BUDGET = 2048


def char_s(baud: int, bits_per_char: int) -> float:
    """One character on the wire."""
    return bits_per_char / baud


def silence_s(baud: int, bits_per_char: int) -> float:
    """t3.5: the silence due before each transmission."""
    return _FAST_SILENCE_S if baud > _FAST_BAUD else 3.5 * char_s(baud, bits_per_char)


def frame(unit: int, request: Request) -> bytes:
    """The request as it goes on the wire. ValueError for unit 0 (broadcast) and the reserved ones."""
    if unit not in _UNITS:
        raise ValueError(f"unit {unit}: a serial line addresses 1 to 247, 0 would be a broadcast")
    return checked(bytes((unit,)) + encode(request))


class ReplySearch:
    """Looks at every offset of a growing buffer where the reply to one request could begin; the check decides.

    Each offset's check is computed once, so a byte costs the same however it arrives.
    """

    __slots__ = ("_open", "_request", "_seen", "_unit")

    def __init__(self, unit: int, request: Request) -> None:
        self._unit = unit
        self._request = request
        self._seen = 0
        self._open: list[tuple[int, int]] = []  # heap of (buffer length that decides, offset)

    def restart(self) -> None:
        """The buffer was cut at its front."""
        self._seen = 0
        self._open.clear()

    @property
    def undecided_from(self) -> int:
        """No reply begins before this offset."""
        return min((at for _, at in self._open), default=self._seen)

    def look(self, buffer: bytearray) -> tuple[int, int] | None:
        """(offset, size) of the first complete valid reply, None while there is none."""
        due = []
        while self._open and self._open[0][0] <= len(buffer):
            due.append(heapq.heappop(self._open)[1])
        for at in sorted((*due, *self._new(buffer))):
            size = self._size(buffer, at)
            if size > 0 and crc16(buffer[at : at + size]) == 0:
                return at, size
        return None

    def _new(self, buffer: bytearray) -> Iterator[int]:
        at = buffer.find(self._unit, self._seen)
        while at >= 0:
            yield at
            at = buffer.find(self._unit, at + 1)
        self._seen = len(buffer)

    def _size(self, buffer: bytearray, at: int) -> int:
        """Frame size when the whole candidate is there; an unfinished one is put off."""
        size = reply_size(self._request, buffer, at + 1, len(buffer))
        if size == IMPOSSIBLE:
            return IMPOSSIBLE
        needed = at + 1 + size + 2
        if size == UNDECIDED or needed > len(buffer):
            heapq.heappush(self._open, (max(needed, len(buffer) + 1), at))
            return UNDECIDED
        return size + 3


def survey(heard: bytes) -> Iterator[bytes]:
    """The valid frames, of whomever, in bytes that were not the reply; what lies between them is noise."""
    at = 0
    budget = _SURVEY_BUDGET
    while at + 4 <= len(heard) and budget > 0:
        for size in _sizes(heard, at):
            if at + size > len(heard):
                continue
            budget -= size
            if crc16(heard[at : at + size]) == 0:
                yield heard[at : at + size]
                at += size
                break
        else:
            at += 1


def _sizes(heard: bytes, at: int) -> tuple[int, ...]:
    """Sizes of the request and the reply that a function code at ``at + 1`` allows (V1.1b3, section 6)."""
    function, third = heard[at + 1], heard[at + 2]
    if function in (1, 2, 3, 4):
        return (8, 5 + third)
    if function in (5, 6):
        return (8,)
    if function in (15, 16):
        return (8, 9 + heard[at + 6]) if at + 6 < len(heard) else ()
    if function == 0x11:
        return (4, 5 + third)
    if function == 0x2B:
        return (7,)
    if function & EXCEPTION_FLAG and function & ~EXCEPTION_FLAG in (1, 2, 3, 4, 5, 6, 15, 16, 0x11, 0x2B):
        return (5,)
    return ()
