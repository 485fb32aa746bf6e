"""Whole numbers in as many bytes as they need: seven bits each, the lowest first; the eighth says that more follow.

The journal's chunks have them, and MQTT's packet lengths (MQTT 3.1.1, 2.2.3). Pure.
"""


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
