"""What came back on a line after one request, byte by byte, and what that says. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from drivers.modbus.overhear import is_request
from drivers.modbus.pdu import EXCEPTION_FLAG, Read
from drivers.modbus.rtu import frame, survey

# late: whole, but after the wait; twice: two answers; other_unit: of another unit; damaged: of this unit, check wrong
# cut: its end is missing; echo: nothing but our own request; dull: only 00 and FF; noise: none of these
Kind = Literal[
    "answered", "refused", "silent", "late", "twice", "other_unit", "damaged", "cut", "echo", "dull", "noise", "down"
]
DULL = frozenset((0x00, 0xFF))
_REPLY_HEAD, _CHECK = 3, 2


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that came together, so long after the request had left."""

    after_us: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """What one request came to. code: of an exception; unit: who answered instead; took_us: to its end."""

    kind: Kind
    data: bytes = b""
    code: int = 0
    unit: int = 0
    took_us: int = 0
    noise_bytes: int = 0
    detail: str = ""


def judged(unit: int, read: Read, pieces: Iterable[Piece], wait_us: int) -> Heard:
    """wait_us: how long the agent would have waited; the pieces reach further."""
    pieces = tuple(pieces)
    heard = b"".join(piece.data for piece in pieces)
    request = frame(unit, read)
    echoed = heard.startswith(request)
    heard = heard[len(request) :] if echoed else heard
    if not heard:
        return Heard("echo" if echoed else "silent")
    frames = [each for each in survey(heard) if not is_request(each)]
    answers = [each for each in frames if _answers(unit, read, each)]
    noise_bytes = len(heard) - sum(map(len, frames))
    if len(answers) > 1:
        return Heard("twice", noise_bytes=noise_bytes)
    if answers:
        return _answer(answers[0], pieces, wait_us, noise_bytes)
    if frames:
        return Heard("other_unit", unit=frames[0][0], noise_bytes=noise_bytes)
    return Heard(_spoilt(unit, read, heard), noise_bytes=noise_bytes)


def _answers(unit: int, read: Read, each: bytes) -> bool:
    refusal = each[1] == read.function | EXCEPTION_FLAG
    whole = each[1] == read.function and len(each) == _REPLY_HEAD + read.byte_count + _CHECK
    return each[0] == unit and (refusal or whole)


def _answer(answer: bytes, pieces: tuple[Piece, ...], wait_us: int, noise_bytes: int) -> Heard:
    took_us = pieces[-1].after_us
    if answer[1] & EXCEPTION_FLAG:
        return Heard("refused", code=answer[2], took_us=took_us, noise_bytes=noise_bytes)
    data = answer[_REPLY_HEAD:-_CHECK]
    return Heard("late" if took_us > wait_us else "answered", data, took_us=took_us, noise_bytes=noise_bytes)


def _spoilt(unit: int, read: Read, heard: bytes) -> Kind:
    if DULL.issuperset(heard):
        return "dull"
    head = bytes((unit, read.function, read.byte_count))
    size = _REPLY_HEAD + read.byte_count + _CHECK
    if head in heard:
        return "cut" if len(heard) - heard.index(head) < size else "damaged"
    return "cut" if head.startswith(heard) else "damaged" if len(heard) >= size - 1 else "noise"
