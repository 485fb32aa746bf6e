"""Modbus TCP: the header, and the master's side of one connection, sans-I/O.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3 (MBAP header).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from drivers.modbus.outcome import Exchange, LineCounters, Outcome
from drivers.modbus.pdu import EXCEPTION_FLAG, Read, Request, encode, reply_size

FUNCTION_AT = 7

# transaction id, protocol id, length of what follows it, unit
_MBAP = struct.Struct(">HHHB")
_COUNTED = 6  # header bytes before those that the length counts
_LENGTHS = range(2, 255)
_PLAIN_HEAD = _MBAP.size + 2  # then function and byte count

# An id is not used again while a reply to it may still come (facts/modbus.md, 6): at 1000 requests/s 65 s pass.
_LATE_US = 60_000_000
_MOST_LATE = 512


def frame(transaction: int, unit: int, request: Request) -> bytes:
    """The request as it goes on the wire. ValueError for unit 0 (broadcast)."""
    if not 1 <= unit <= 255:
        raise ValueError(f"unit {unit}: Modbus TCP addresses 1 to 255, 0 would be a broadcast")
    pdu = encode(request)
    return _MBAP.pack(transaction, 0, 1 + len(pdu), unit) + pdu


# A named tuple: one is made per request, and a dataclass costs three times as much to make.
class _Waiting(NamedTuple):
    """plain: the head of the whole and only frame that nearly every reply is; size: its bytes, -1 where there is no
    telling"""

    transaction: int
    unit: int
    request: Request
    sent_us: int
    plain: bytes
    size: int


_new = tuple.__new__  # what _Waiting(...) does, without its Python-level constructor


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What all requests of one read to one unit have in common: what follows the transaction id in the request, and in
    the head of its plain reply; bytes of that reply, -1 where there is no telling."""

    unit: int
    request: Request
    asks: bytes
    replies: bytes
    size: int


def _pattern(unit: int, request: Request) -> _Pattern:
    asks = frame(0, unit, request)[2:]
    if not isinstance(request, Read):
        return _Pattern(unit, request, asks, b"", -1)
    size = _MBAP.size + 2 + request.byte_count
    head = _MBAP.pack(0, 0, size - _COUNTED, unit)[2:] + bytes((request.function, request.byte_count))
    return _Pattern(unit, request, asks, head, size)


class _StreamError(Exception):
    """The stream cannot be trusted any more. outcome: what this makes of the outstanding request."""

    def __init__(self, outcome: Outcome, text: str) -> None:
        super().__init__(text)
        self.outcome: Outcome = outcome


class TcpMaster:
    """One connection. ``broken`` says why the stream is no longer trusted: the owner must close it."""

    prompt = True
    function_at = FUNCTION_AT
    again_us: int | None = None

    def __init__(self, first_transaction: int, counters: LineCounters) -> None:
        self.broken = ""
        self._transaction = first_transaction & 0xFFFF
        self._counters = counters
        self._buffer = bytearray()
        self._waiting: _Waiting | None = None
        self._late_frames = 0  # since the outstanding request had left
        self._pattern: _Pattern | None = None
        self._late: dict[int, tuple[int, int]] = {}  # transaction -> (unit, sent_us), oldest first

    def opened(self, now_us: int, paced: bool) -> None:
        """A new connection: no reply of the old one can come on it."""
        self.broken = ""
        self._buffer.clear()
        self._late.clear()

    def clear_us(self, asked_us: int, patience_us: int) -> int:
        """The transaction id tells a late reply: nothing to wait for."""
        return asked_us

    def request(self, unit: int, wanted: Request, spare: Read | None, timeout_us: int, now_us: int) -> bytes:
        """The frame to write at once. ValueError for unit 0."""
        pattern = self._pattern
        if pattern is None or pattern.request is not wanted or pattern.unit != unit:
            pattern = self._pattern = _pattern(unit, wanted)
        self._transaction = transaction = (self._transaction + 1) & 0xFFFF
        start = transaction.to_bytes(2, "big")
        waiting = transaction, unit, wanted, now_us, start + pattern.replies, pattern.size
        self._waiting = _new(_Waiting, waiting)
        self._late_frames = 0
        if self._late:
            self._forget(now_us)
        return start + pattern.asks

    def again(self, now_us: int) -> bytes:
        raise RuntimeError("Modbus TCP never asks twice")

    def receive(self, chunk: bytes | bytearray | memoryview, now_us: int) -> Exchange | None:
        """What came, in any pieces. The exchange when it ends with these bytes; see ``broken`` too."""
        if self.broken:
            return None
        waiting = self._waiting
        if waiting is not None and len(chunk) == waiting.size and not self._buffer:
            # The outstanding request's whole reply and nothing else: what comes nearly always, looked at in one go.
            data = bytes(chunk)
            if data.startswith(waiting.plain):
                self._waiting = None
                return _new(Exchange, ("answered", data[_PLAIN_HEAD:], waiting.sent_us, now_us, 0, "", False))
        if self._buffer:
            self._buffer += chunk
            chunk = bytes(self._buffer)
            self._buffer.clear()
        result = None
        try:
            for ended in self._frames(chunk, now_us):
                result = ended
        except _StreamError as error:
            return self._break(error, result)
        return result

    def expire(self, now_us: int) -> Exchange:
        """The deadline has passed: the reply, should it come, is known to be late."""
        rest = len(self._buffer)
        waiting = self._abandon()
        if rest:
            return Exchange("garbled", sent_boot_us=waiting.sent_us, detail=f"reply incomplete: {rest} bytes came")
        if self._late_frames:
            return Exchange("foreign", sent_boot_us=waiting.sent_us, detail="late replies to earlier requests only")
        return Exchange("silent", sent_boot_us=waiting.sent_us)

    def lost(self, now_us: int) -> int:
        """The connection is gone. Returns when the outstanding request had left, 0 without one."""
        self._buffer.clear()
        return self._abandon().sent_us if self._waiting is not None else 0

    def _abandon(self) -> _Waiting:
        waiting = self._waiting
        if waiting is None:
            raise RuntimeError("nothing is being asked")
        self._waiting = None
        self._late[waiting.transaction] = (waiting.unit, waiting.sent_us)
        if len(self._late) > _MOST_LATE:
            del self._late[next(iter(self._late))]
        return waiting

    def _forget(self, now_us: int) -> None:
        oldest = next(iter(self._late))
        if self._late[oldest][1] < now_us - _LATE_US:
            del self._late[oldest]

    def _frames(self, data: bytes | bytearray | memoryview, now_us: int) -> Iterator[Exchange]:
        """Every complete frame; an unfinished one is kept, once its header was found to be in order."""
        at = 0
        while len(data) - at >= _MBAP.size:
            transaction, protocol, length, unit = _MBAP.unpack_from(data, at)
            if protocol or length not in _LENGTHS:
                raise _StreamError("garbled", f"no Modbus TCP header: protocol {protocol}, length {length}")
            waiting = self._claim(transaction, unit)
            end = at + _COUNTED + length
            if len(data) < end:
                break
            if waiting is None:
                self._discard(transaction)
            else:
                yield self._accept(waiting, data, at + FUNCTION_AT, end, now_us)
            at = end
        self._buffer += data[at:]

    def _claim(self, transaction: int, unit: int) -> _Waiting | None:
        """Whose reply a header announces: the outstanding request's, or (None) a known late one's."""
        waiting = self._waiting
        if waiting is not None and waiting.transaction == transaction:
            if waiting.unit != unit:
                raise _StreamError("foreign", f"unit {unit} answered for unit {waiting.unit}")
            return waiting
        late = self._late.get(transaction)
        if late is None:
            raise _StreamError("foreign", f"transaction {transaction} was never asked")
        if late[0] != unit:
            raise _StreamError("foreign", f"unit {unit} answered late for unit {late[0]}")
        return None

    def _discard(self, transaction: int) -> None:
        del self._late[transaction]
        self._counters.late += 1
        self._late_frames += 1

    def _accept(
        self, waiting: _Waiting, data: bytes | bytearray | memoryview, at: int, end: int, now_us: int
    ) -> Exchange:
        request = waiting.request
        function = data[at]
        if function & ~EXCEPTION_FLAG != request.function:
            raise _StreamError("foreign", f"function {function} answered for function {request.function}")
        if reply_size(request, data, at, end) != end - at:
            raise _StreamError("garbled", f"reply of {end - at} bytes does not fit function {request.function}")
        self._waiting = None
        if function & EXCEPTION_FLAG:
            return Exchange("refused", b"", waiting.sent_us, now_us, data[at + 1])
        start = at + 2 if isinstance(request, Read) else at + 1
        return Exchange("answered", bytes(data[start:end]), waiting.sent_us, now_us)

    def _break(self, error: _StreamError, result: Exchange | None) -> Exchange | None:
        self.broken = str(error)
        self._buffer.clear()
        waiting = self._waiting
        if waiting is None:
            return result
        self._waiting = None
        return Exchange(error.outcome, sent_boot_us=waiting.sent_us, detail=self.broken)
