"""What may happen to an answer on its way: small pure transforms over its pieces.

A piece is (delay_s, bytes): the bytes start on the wire that long after the request was complete. A fault
takes the pieces of an answer and gives others; several apply one after the other. ``pieces`` is empty where the
unit is silent. What pymodbus cannot do is done here, so that a true late reply, an echo or a stray byte look on
the wire as they do in a cabinet.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from simulators.chance import some_bytes, unit
from simulators.steps import Step

Piece = tuple[float, bytes]
Pieces = tuple[Piece, ...]

# Modbus over serial line 1.02, 6.2.2: CRC-16, polynomial 0xA001 reflected, start 0xFFFF, low byte first.
_CRC_START = 0xFFFF
_CRC_POLYNOMIAL = 0xA001
_TCP_HEADER = 6  # Modbus messaging on TCP/IP 1.0b, 3.1.3: transaction, protocol, length; then the unit


def crc16(data: bytes) -> bytes:
    """Both bytes as they go on the wire. On purpose not the driver's: the two check each other."""
    crc = _CRC_START
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CRC_POLYNOMIAL if crc & 1 else 0)
    return crc.to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class Framing:
    """How frames look on this line: RTU with a CRC, or Modbus TCP with a header."""

    rtu: bool

    def open(self, frame: bytes) -> tuple[bytes, int, bytes]:
        """(transaction id or nothing, unit, PDU) of a whole frame."""
        if self.rtu:
            return b"", frame[0], frame[1:-2]
        return frame[:2], frame[_TCP_HEADER], frame[_TCP_HEADER + 1 :]

    def close(self, transaction: bytes, unit_id: int, pdu: bytes) -> bytes:
        """The inverse of `open`."""
        body = bytes((unit_id,)) + pdu
        if self.rtu:
            return body + crc16(body)
        return transaction + b"\x00\x00" + len(body).to_bytes(2, "big") + body


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a fault knows of the exchange it spoils. number: counts the requests of a line, so that chance differs."""

    framing: Framing
    request: bytes
    seed: int
    number: int


def spoil(steps: Sequence[Step], exchange: Exchange, pieces: Pieces) -> Pieces:
    """The pieces after every fault of ``steps`` that chance lets happen this time."""
    for step in sorted(steps, key=lambda each: _ORDER.index(each.do)):
        if unit(exchange.seed, step.do, step.target, exchange.number) < step.probability:
            pieces = FAULTS[step.do](step, exchange, pieces)
    return pieces


def _noise(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """Stray bytes right before the answer."""
    if not pieces:
        return pieces
    (delay_s, frame), *rest = pieces
    stray = some_bytes(exchange.seed, step.count, "noise", exchange.number)
    return ((delay_s, stray + frame), *rest)


def _bad_crc(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """One bit of the last byte turned over."""
    return tuple((delay_s, frame[:-1] + bytes((frame[-1] ^ 0x10,))) for delay_s, frame in pieces)


def _truncation(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """The last bytes never come; the first one always does."""
    return tuple((delay_s, frame[: max(1, len(frame) - step.count)]) for delay_s, frame in pieces)


def _echo(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """A two-wire adapter hears its own request, whether or not somebody answers."""
    return ((0.0, exchange.request), *pieces)


def _wrong_unit(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """The answer, valid in itself, in the name of the next unit."""
    return tuple((delay_s, _renamed(exchange.framing, frame)) for delay_s, frame in pieces)


def _renamed(framing: Framing, frame: bytes) -> bytes:
    transaction, unit_id, pdu = framing.open(frame)
    return framing.close(transaction, unit_id % 247 + 1, pdu)


def _foreign(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """Before the answer, a whole valid frame of another unit: traffic of another master."""
    if not pieces:
        return pieces
    delay_s, frame = pieces[0]
    return ((delay_s, _renamed(exchange.framing, frame)), *pieces)


def _exception(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """The unit refuses."""
    if not pieces:
        return pieces
    transaction, unit_id, pdu = exchange.framing.open(exchange.request)
    refusal = exchange.framing.close(transaction, unit_id, bytes((pdu[0] | 0x80, step.code)))
    return ((pieces[0][0], refusal),)


def _late(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """The right answer, too late; the next request may well be under way."""
    return tuple((delay_s + step.late_s, frame) for delay_s, frame in pieces)


def _slow(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """One byte a second."""
    return tuple((delay_s + at, frame[at : at + 1]) for delay_s, frame in pieces for at in range(len(frame)))


def _lost(step: Step, exchange: Exchange, pieces: Pieces) -> Pieces:
    """Nothing arrives."""
    return ()


# In the order in which they are applied: first what needs a whole frame, last what the adapter adds.
FAULTS: Mapping[str, Callable[[Step, Exchange, Pieces], Pieces]] = {
    "exception": _exception,
    "wrong_unit": _wrong_unit,
    "foreign": _foreign,
    "bad_crc": _bad_crc,
    "truncation": _truncation,
    "noise": _noise,
    "late": _late,
    "slow": _slow,
    "lost": _lost,
    "echo": _echo,
}
_ORDER = tuple(FAULTS)
