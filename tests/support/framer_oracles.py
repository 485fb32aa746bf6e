"""What strict readers that only know the standard make of a stream of broken, foreign and honest frames."""

import struct
from collections.abc import Iterator

from fuzz_dice import Dice
from scripted_peer import crc

from drivers.modbus.pdu import Read

READ = Read(3, 10, 4)


def broken(dice: Dice, frame: bytes) -> bytes:
    """The frame cut, stretched, with a byte or a bit changed, or whole."""
    kind = dice.below(6)
    at = dice.below(len(frame))
    if kind == 0:
        return frame[:at]
    if kind == 1:
        return frame[:at] + dice.some(1 + dice.below(3)) + frame[at:]
    if kind == 2:
        return frame[:at] + frame[at + 1 :]
    if kind == 3:
        return frame[:at] + bytes((dice.one_of((0, 1, 2, 255, frame[at] ^ 1)),)) + frame[at + 1 :]
    return frame


def rtu_believable(stream: bytes) -> set[tuple[str, bytes]]:
    """Every frame at any offset that answers READ of unit 1, by outcome."""
    found: set[tuple[str, bytes]] = set()
    for at in _each(stream, b"\x01\x03\x08"):
        reply = stream[at : at + 13]
        if len(reply) == 13 and crc(reply[:-2]) == reply[-2:]:
            found.add(("answered", reply[3:-2]))
    for at in _each(stream, b"\x01\x83"):
        refusal = stream[at : at + 5]
        if len(refusal) == 5 and crc(refusal[:3]) == refusal[3:]:
            found.add(("refused", refusal[2:3]))
    return found


def _each(stream: bytes, beginning: bytes) -> Iterator[int]:
    """Every place where this stands, overlapping ones too."""
    at = stream.find(beginning)
    while at >= 0:
        yield at
        at = stream.find(beginning, at + 1)


def tcp_verdict(stream: bytes, request: bytes, late: bytes) -> str:
    """What a strict reader makes of the stream: the outcome of the request, or open while it is not decided."""
    owed = {late[:2]}
    while len(stream) >= 7:
        transaction, protocol, length, unit = struct.unpack(">2sHHB", stream[:7])
        if protocol != 0 or length < 2 or length > 254:
            return "garbled"
        if unit != 1 or transaction not in (request[:2], *owed):
            return "foreign"
        body, stream = stream[7 : 6 + length], stream[6 + length :]
        if len(body) < length - 1:
            return "open"
        if transaction != request[:2]:
            owed.clear()
        elif body[0] == 0x83:
            return "refused" if len(body) == 2 else "garbled"
        elif body[0] != 3:
            return "foreign"
        else:
            return "answered" if len(body) == 10 and body[1] == 8 else "garbled"
    return "open"
