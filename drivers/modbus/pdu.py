"""Protocol data units: what a read-only master may ask, and how the answers read.

Limits and layouts: MODBUS Application Protocol Specification V1.1b3, sections 6.1-6.4, 6.13 and 6.21.
A PDU starts at the function code; unit ids, checks and headers belong to ``rtu.py`` and ``tcp.py``.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

# The whole read-only surface. There is no other encoder in the product, hence no write.
READ_ONLY_FUNCTIONS = frozenset({0x01, 0x02, 0x03, 0x04, 0x11, 0x2B})

EXCEPTION_FLAG = 0x80
MAX_PDU = 253

# V1.1b3, 6.1-6.4: quantities per request
_MAX_BITS = 2000
_MAX_WORDS = 125

_READ_HEAD = struct.Struct(">BHH")
_MEI_READ_DEVICE_ID = 0x0E
# Bytes before the first object: function, MEI type, code, conformity, more follows, next object, number
_DEVICE_ID_HEAD = 7

UNDECIDED = 0
IMPOSSIBLE = -1


@dataclass(frozen=True, slots=True)
class Read:
    """Bits (functions 1, 2) or 16-bit words (3, 4) from a zero-based wire address. ValueError beyond limits."""

    function: int
    address: int
    count: int

    def __post_init__(self) -> None:
        if self.function not in (1, 2, 3, 4):
            raise ValueError(f"function {self.function}: a read is 1, 2, 3 or 4")
        limit = _MAX_BITS if self.function <= 2 else _MAX_WORDS
        if not 1 <= self.count <= limit:
            raise ValueError(f"count {self.count}: function {self.function} reads 1 to {limit} at a time")
        if not (self.address >= 0 and self.address + self.count <= 0x10000):
            raise ValueError(f"address {self.address} + count {self.count}: must stay within 0 to 65536")

    @property
    def byte_count(self) -> int:
        """Data bytes of the normal reply."""
        return (self.count + 7) // 8 if self.function <= 2 else 2 * self.count

    def covers(self, other: "Read") -> bool:
        """Whether this read brings everything ``other`` asks for."""
        return (
            self.function == other.function
            and self.address <= other.address
            and other.address + other.count <= self.address + self.count
        )

    def cut(self, data: bytes, wanted: "Read") -> bytes:
        """The part of this read's data that ``wanted`` (covered by it) asked for."""
        skip = wanted.address - self.address
        if self.function > 2:
            return data[2 * skip : 2 * skip + wanted.byte_count]
        bits = int.from_bytes(data, "little") >> skip
        return (bits & ((1 << wanted.count) - 1)).to_bytes(wanted.byte_count, "little")


@dataclass(frozen=True, slots=True)
class ReadServerId:
    """Function 0x11: what the device says of itself, in the vendor's own layout."""

    function: int = field(default=0x11, init=False)


@dataclass(frozen=True, slots=True)
class ReadDeviceId:
    """Function 0x2B/0x0E. code: 1 basic, 2 regular, 3 extended (streams from ``object_id`` on), 4 one object."""

    code: int = 1
    object_id: int = 0
    function: int = field(default=0x2B, init=False)

    def __post_init__(self) -> None:
        if not (1 <= self.code <= 4 and 0 <= self.object_id <= 255):
            raise ValueError(f"code {self.code}, object {self.object_id}: codes are 1-4, objects 0-255")


Request = Read | ReadServerId | ReadDeviceId


@dataclass(frozen=True, slots=True)
class DeviceId:
    """One reply to ReadDeviceId. next_id: where the next request starts, None when this was the last."""

    code: int
    conformity: int
    next_id: int | None
    objects: Mapping[int, bytes]


def encode(request: Request) -> bytes:
    """The request's PDU. Nothing but READ_ONLY_FUNCTIONS can come out."""
    if isinstance(request, Read):
        return _READ_HEAD.pack(request.function, request.address, request.count)
    if isinstance(request, ReadServerId):
        return b"\x11"
    return bytes((0x2B, _MEI_READ_DEVICE_ID, request.code, request.object_id))


def guard(function: int) -> None:
    """The last look at a frame before it leaves. ValueError unless its function only reads."""
    if function not in READ_ONLY_FUNCTIONS:
        raise ValueError(f"function {function:#04x} must not leave: a read-only master sends 01-04, 11 and 2B")


def reply_size(request: Request, data: bytes | bytearray | memoryview, at: int, end: int) -> int:
    """Bytes of the reply PDU to ``request`` that begins at ``at`` with its function code, as its own fields
    within ``data[at:end]`` tell: UNDECIDED while they are not all there, IMPOSSIBLE when it is no such reply."""
    if at >= end:
        return UNDECIDED
    if data[at] == request.function | EXCEPTION_FLAG:
        return 2
    if data[at] != request.function:
        return IMPOSSIBLE
    if isinstance(request, ReadDeviceId):
        return _device_id_size(request, data, at, end)
    if at + 1 >= end:
        return UNDECIDED
    promised = data[at + 1]
    if isinstance(request, Read):
        return 2 + promised if promised == request.byte_count else IMPOSSIBLE
    return 2 + promised if 2 + promised <= MAX_PDU else IMPOSSIBLE


def _device_id_size(request: ReadDeviceId, data: bytes | bytearray | memoryview, at: int, end: int) -> int:
    """There is no length field (V1.1b3, 6.21): the objects are walked one by one."""
    if bytes(data[at + 1 : min(at + 3, end)]) != bytes((_MEI_READ_DEVICE_ID, request.code))[: end - at - 1]:
        return IMPOSSIBLE
    if at + _DEVICE_ID_HEAD > end:
        return UNDECIDED
    size = _DEVICE_ID_HEAD
    for _ in range(data[at + 6]):
        if at + size + 2 > end:
            return UNDECIDED if size + 2 <= MAX_PDU else IMPOSSIBLE
        size += 2 + data[at + size + 1]
    return size if size <= MAX_PDU else IMPOSSIBLE


def decode_device_id(body: bytes) -> DeviceId:
    """The reply to ReadDeviceId after its function code. ValueError when an object runs past the end."""
    if len(body) < _DEVICE_ID_HEAD - 1 or body[0] != _MEI_READ_DEVICE_ID:
        raise ValueError(f"device identification of {len(body)} bytes: no header")
    objects: dict[int, bytes] = {}
    at = _DEVICE_ID_HEAD - 1
    for _ in range(body[5]):
        head = body[at : at + 2]
        if len(head) < 2 or at + 2 + head[1] > len(body):
            raise ValueError(f"device identification: object at byte {at} runs past the end at {len(body)}")
        objects[head[0]] = body[at + 2 : at + 2 + head[1]]
        at += 2 + head[1]
    return DeviceId(body[1], body[2], body[4] if body[3] else None, objects)


def next_device_id(asked: ReadDeviceId, reply: DeviceId) -> ReadDeviceId | None:
    """The request for what follows; None at the end, and for a device whose stream does not advance:
    object ids only rise, so no device keeps its reader for more than 256 requests."""
    if reply.next_id is None or reply.next_id <= asked.object_id:
        return None
    return ReadDeviceId(asked.code, reply.next_id)
