"""CRC-16/MODBUS: reflected polynomial 0xA001, start 0xFFFF, low byte first on the wire.

MODBUS over Serial Line Specification and Implementation Guide V1.02, section 2.5.1.2 and appendix B.
"""

from collections.abc import Iterable


def _entry(index: int) -> int:
    crc = index
    for _ in range(8):
        crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


_TABLE = tuple(_entry(index) for index in range(256))


def crc16(data: Iterable[int]) -> int:
    """Of a whole frame with its two check bytes it is 0."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def checked(body: bytes) -> bytes:
    """The body with its check bytes."""
    return body + crc16(body).to_bytes(2, "little")
