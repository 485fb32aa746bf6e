"""Register words <-> numbers, decode beside encode, and what "not available" looks like.

A word is 16 bits, most significant byte first on the wire. Values of several words come in one of two orders:
``msw`` (most significant word first) or ``lsw``.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Order = Literal["msw", "lsw"]
ORDERS = ("msw", "lsw")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one number is laid into words.

    code:   its ``struct`` format character
    folded: the number is a four-quadrant power factor, see `unfold_power_factor`
    """

    name: str
    words: int
    code: str
    folded: bool = False

    @property
    def integer(self) -> bool:
        return self.code not in "fd"


ENCODINGS: Mapping[str, Encoding] = MappingProxyType(
    {
        encoding.name: encoding
        for encoding in (
            Encoding("u16", 1, "H"),
            Encoding("i16", 1, "h"),
            Encoding("u32", 2, "I"),
            Encoding("i32", 2, "i"),
            Encoding("u64", 4, "Q"),
            Encoding("i64", 4, "q"),
            Encoding("f32", 2, "f"),
            Encoding("f64", 4, "d"),
            Encoding("f32_pf4q", 2, "f", folded=True),
        )
    }
)


def decode_words(encoding: Encoding, order: str, words: Sequence[int]) -> float:
    """The number in `words`, before any scale: the plain way that the compiled codec is checked against.
    NaN and infinities come through as they are."""
    raw = pack_words(words if order == "msw" else words[::-1])
    number = struct.unpack(f">{encoding.code}", raw)[0]
    return unfold_power_factor(number) if encoding.folded else number


def encode_words(encoding: Encoding, order: str, number: float) -> tuple[int, ...]:
    """Words that decode to `number`; integers are rounded and held at the end of their range, as meters do."""
    if encoding.integer:
        low, high = integer_range(encoding)
        number = min(max(round(number), low), high)
    raw = struct.pack(f">{encoding.code}", number)
    words = unpack_words(raw)
    return words if order == "msw" else words[::-1]


def unfold_power_factor(register: float) -> float:
    """Schneider's four-quadrant power factor -> |P|/S with the sign of P.

    One register tells both signs: |x| <= 1 is lagging and plain, 1 < |x| <= 2 is leading and stored as its
    distance from 2. So quadrant 1 (P > 0, lagging) is 0..1, quadrant 4 (P > 0, leading) 1..2, quadrant 3
    (P < 0, lagging) -1..0 and quadrant 2 (P < 0, leading) -2..-1: the sign that remains is that of P.
    Lead and lag are dropped here: they follow from the reactive power.
    """
    if register > 1.0:
        return 2.0 - register
    if register < -1.0:
        return -2.0 - register
    return register


def fold_power_factor(power_factor: float) -> float:
    """The inverse for a load that lags: the catalogue's power factor does not say that it leads."""
    return power_factor


def integer_range(encoding: Encoding) -> tuple[int, int]:
    bits = 16 * encoding.words
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if encoding.code.islower() else (0, (1 << bits) - 1)


def sentinel_number(encoding: Encoding, bits: int) -> float:
    """A sentinel as maps write it (the bits, 0x7FFF) -> the number that `bits` decode to."""
    number: float = struct.unpack(f">{encoding.code}", bits.to_bytes(2 * encoding.words, "big"))[0]
    return number


def sentinel_words(encoding: Encoding, order: str, bits: int) -> tuple[int, ...]:
    words = unpack_words(bits.to_bytes(2 * encoding.words, "big"))
    return words if order == "msw" else words[::-1]


def pack_words(words: Sequence[int]) -> bytes:
    return struct.pack(f">{len(words)}H", *words)


def unpack_words(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(data) // 2}H", data)


def shortest_float32(value: float) -> str:
    """The shortest decimal that is still this float32: "99.73", not 99.72999572753906.

    `value` is a finite number that came out of a float32. Nine significant digits always suffice
    (IEEE 754, conversion of binary32); six may, so six to nine are tried.
    """
    for digits in range(6, 9):
        text = f"{value:.{digits}g}"
        if struct.pack(">f", float(text)) == struct.pack(">f", value):
            return text
    return f"{value:.9g}"
