"""The values of one read as columns, and the function that decodes them, written out in Python and compiled once.

Numbers and fractions are whole until the one division at the end: what a document says exactly comes out exactly.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from math import gcd, isfinite
from typing import Any

from drivers.encodings import shortest_float32, unfold_power_factor
from drivers.rows import Scale

Decode = Callable[[bytes], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Column:
    """One value of a read: raw number x multiply x factor / divide.

    offset:    words from the start of the read
    factor:    register -> primary, with the sign of the installation's direction
    scales:    registers it is still to be multiplied by
    sentinels: its "not available" numbers; alarms: the byte patterns of the same as they stand in a reply
    counter:   a float that counts, see `_exact`
    folded:    a four-quadrant power factor
    bit:       the value is this bit of the number; other columns may share the number. inverted: 1 where it is clear
    """

    name: str
    code: str
    offset: int
    order: str
    multiply: int
    divide: int
    factor: float
    scales: tuple[Scale, ...]
    sentinels: frozenset[float]
    alarms: tuple[bytes, ...]
    counter: bool
    folded: bool
    bit: int | None = None
    inverted: bool = False

    @property
    def field(self) -> tuple[int, str]:
        """Where its number stands, and the number's code in `struct`."""
        return self.offset, self.code

    @property
    def bare(self) -> bool:
        """Whether the number is the value as it stands."""
        return self.formula("number") == "number"

    def formula(self, number: str) -> str:
        """The value in Python, from the name of its number."""
        if self.bit is not None:
            return f"({number} >> {self.bit} & 1{' ^ 1' * self.inverted}) / 1"  # which makes a float of it
        if self.counter:
            return f"exact({number}, {self.multiply}, {self.divide}) * {self.factor!r}"
        multiply = self.multiply if self.factor == 1 else self.multiply * self.factor
        parts = [f"unfold({number})" if self.folded else number]
        if multiply != 1:
            parts.append(f" * {multiply!r}")
        # The true division of whole numbers is exact to the last bit, and makes a float of them.
        if self.divide != 1 or self.code not in "fd":
            parts.append(f" / {self.divide}")
        if self.folded or self.factor < 0:
            parts.append(" + 0.0")  # no power is 0.0, never -0.0
        return "".join(parts)


def scaled(column: Column, fractions: Mapping[Scale, tuple[int, int] | None]) -> Column | None:
    """The column with its scale registers taken into its own fraction; None without one of them."""
    multiply, divide = column.multiply, column.divide
    for scale in column.scales:
        fraction = fractions.get(scale)
        if fraction is None:
            return None
        multiply, divide = multiply * fraction[0], divide * fraction[1]
    common = gcd(multiply, divide)
    return replace(column, multiply=multiply // common, divide=divide // common, scales=())


@lru_cache(maxsize=256)
def compile_read(columns: tuple[Column, ...], count: int) -> Decode:
    """A decoder for replies of `count` words, shared by meters that are alike; one pass for each word order, which is
    one for nearly all meters."""
    passes = [
        _write([column for column in columns if column.order == order], count, swap=order == "lsw")
        for order in sorted({column.order for column in columns})
    ]
    if not passes:
        nothing = struct.Struct(f"{2 * count}x").unpack
        return lambda data: dict(nothing(data))
    if len(passes) == 1:
        return passes[0]
    return lambda data: dict(chain.from_iterable(decode(data).items() for decode in passes))


# The values are the attributes of an object: objects of one class share the table of their keys (PEP 412), up to 29 of
# them, so that nothing is hashed. Measured in bench/decode.py against the alternatives.
_TEMPLATE = """
def decode(data):
    values = Values()
    raw = ({targets},) = unpack({data})
    if {suspicion}:
        return sift(raw)
    {formulas}
    return values.__dict__

def sift(raw):
    {numbers}, = raw
    values = {{}}
    {guarded}
    return values
"""


def _write(columns: Sequence[Column], count: int, *, swap: bool) -> Decode:
    """The function for one word order, written out in Python: a dict of 30 values costs nearly twice as much when it is
    filled from a loop or from `zip`. Its text is made of catalogue names and numbers alone.

    Where the least significant word comes first, the bytes of each word are swapped: the whole is little-endian then.
    Where something may be not available, `sift` goes through it again, value by value.
    """
    # The bits of one register share its number.
    numbers = {field: f"n{place}" for place, field in enumerate(dict.fromkeys(column.field for column in columns))}
    placed = [(column, numbers[column.field]) for column in columns]
    alarms = tuple({alarm for column in columns for alarm in column.alarms})
    suspicions = [f"alarms[{place}] in data" for place in range(len(alarms))]
    if any(column.code in "fd" for column in columns):
        suspicions.insert(0, "not isfinite(sum(raw))")  # one NaN or infinity makes the sum one
    text = _TEMPLATE.format(
        targets=", ".join(dict.fromkeys(f"values.{c.name}" if c.bare else number for c, number in placed)),
        data="swapped(data)" if swap else "data",
        suspicion=" or ".join(suspicions) or "False",
        formulas="; ".join(f"values.{c.name} = {c.formula(number)}" for c, number in placed if not c.bare) or "pass",
        numbers=", ".join(numbers.values()),
        guarded="\n    ".join(
            f"if isfinite({number}) and {number} not in sentinels[{place}]: values[{c.name!r}] = {c.formula(number)}"
            for place, (c, number) in enumerate(placed)
        ),
    )
    names: dict[str, Any] = {
        "Values": type("Values", (), {}),
        "unpack": struct.Struct(layout(numbers, count, "<" if swap else ">")).unpack,
        "alarms": alarms,
        "sentinels": [column.sentinels for column in columns],
        "exact": _exact,
        "unfold": unfold_power_factor,
        "isfinite": isfinite,
        "swapped": _swapped,
    }
    exec(text, names)  # noqa: S102 (no text from outside, see above)
    decode: Decode = names["decode"]
    return decode


def _swapped(data: bytes) -> "array[int]":  # subscriptable at run time from Python 3.12 on
    words = array("H", data)
    words.byteswap()
    return words


@lru_cache(maxsize=1024)
def _exact(register: float, multiply: int, divide: int) -> float:
    """float32 counters in decimal, so that 4711.3 kWh is 4711300 Wh. They change slowly: the last results are kept."""
    return float(Decimal(shortest_float32(register)) * multiply / divide)


def layout(fields: Iterable[tuple[int, str]], count: int, endian: str) -> str:
    """The struct format of a read of `count` words, with pad bytes between its fields: offsets in words, and codes."""
    codes, word = [endian], 0
    for offset, code in fields:
        codes += [f"{2 * (offset - word)}x", code]
        word = offset + struct.calcsize(f">{code}") // 2
    return "".join([*codes, f"{2 * (count - word)}x"])
