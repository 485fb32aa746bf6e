"""An hour of one meter <-> bytes: its intervals as columns, read without an object for each of them. Pure.

The bytes are zlib's. Under it lies, for each kind that the hour has, one section after the other:

    length of the header      2 bytes
    header                    kind, how many intervals; names of values, of minima, of maxima: comma and newline
    codes                     a byte for each column: 5 x decimal digits + width, or 255
    bases                     8 bytes for each column
    columns                   start (in lengths of the kind since the hour), coverage, flagged share, values, minima,
                              maxima

A number is (base + offset) / 10^digits, bit for bit what was told; an offset has 0, 1, 2, 4 or 8 bytes. What is no
decimal number, or has gaps (nan), lies there as it is: code 255. Of numbers of 8 bytes those of one weight lie
together, where zlib finds most in them; for shorter ones that costs more time than it saves room.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import get_args

from agent.records import HOUR_US, LENGTH_US, Interval, IntervalKind
from agent.report.record.columns import Columns, columns_of

_KINDS: Mapping[str, IntervalKind] = {kind: kind for kind in get_args(IntervalKind)}
_AS_IT_IS = 255
_DIGITS = 10
# By the width in a code: bytes of an offset, and the type of an array of them.
_WIDTHS = ((0, ""), (1, "B"), (2, "H"), (4, "I"), (8, "Q"))
# By code: what a number is divided by, bytes of an offset, and the type.
_DECODED = tuple((10**digits, size, type_) for digits in range(_DIGITS) for size, type_ in _WIDTHS)
_SWAPPED = sys.byteorder == "big"
_EXACT = 1 << 53  # whole numbers up to here divide by a power of ten to the nearest float, as text reads to
_UNREADABLE = (ValueError, LookupError, TypeError, OverflowError, MemoryError, struct.error, zlib.error)


class HourError(ValueError):
    """The bytes are not what `encode` wrote."""


def encode(hour: int, intervals: Sequence[Interval]) -> bytes:
    """hour: since 1970; intervals: of one meter, those that begin in it."""
    ordered = sorted(intervals, key=lambda one: (LENGTH_US[one.kind], one.kind, one.start_us))
    return zlib.compress(b"".join(_section(hour, columns) for columns in columns_of(ordered)), 9)


def decode(hour: int, meter: str, body: bytes) -> tuple[Columns, ...]:
    """By kind. HourError where the bytes were never an hour."""
    try:
        return tuple(_sections(hour, meter, memoryview(zlib.decompress(body))))
    except _UNREADABLE as error:
        raise HourError(f"no hour: {error!r}") from error


# -- to bytes ---------------------------------------------------------------------------------------------------


def _section(hour: int, columns: Columns) -> bytes:
    length_us = LENGTH_US[columns.kind]
    places = [(at_us - hour * HOUR_US) / length_us for at_us in columns.start_us]
    numbers = (columns.values, columns.min, columns.max)
    head = "\n".join((f"{columns.kind},{len(places)}", *(",".join(one) for one in numbers))).encode()
    all_ = [places, columns.coverage, columns.flagged, *(column for one in numbers for column in one.values())]
    coded = [_coded(column) for column in all_]
    bases = struct.pack(f"<{len(coded)}q", *(base for _, base, _ in coded))
    codes = bytes(code for code, _, _ in coded)
    return b"".join((struct.pack("<H", len(head)), head, codes, _split(bases, 8), *(data for _, _, data in coded)))


def _coded(column: Sequence[float]) -> tuple[int, int, bytes]:
    """Code, base, offsets."""
    digits = max((len(repr(value).partition(".")[2]) for value in column), default=0)
    if digits < _DIGITS and all(map(isfinite, column)):
        whole = [round(value * 10**digits) for value in column]
        if all(number / 10**digits == value and abs(number) < _EXACT
               for number, value in zip(whole, column, strict=True)):  # fmt: skip
            return _offsets(digits, whole)
    return _AS_IT_IS, 0, _split(_bytes(array("d", column)), 8)


def _offsets(digits: int, whole: Sequence[int]) -> tuple[int, int, bytes]:
    base = min(whole)
    needed = (max(whole) - base).bit_length()
    width = next(n for n, (size, _) in enumerate(_WIDTHS) if needed <= 8 * size)
    size, type_ = _WIDTHS[width]
    offsets = _bytes(array(type_, [number - base for number in whole])) if size else b""
    data = _split(offsets, 8) if size == 8 else offsets
    return len(_WIDTHS) * digits + width, base, data


def _split(data: bytes, size: int) -> bytes:
    return b"".join(data[n::size] for n in range(size))


def _bytes(numbers: "array[float] | array[int]") -> bytes:
    if _SWAPPED:
        numbers.byteswap()
    return numbers.tobytes()


# -- and back ---------------------------------------------------------------------------------------------------


class _Lazy(Mapping[str, Sequence[float]]):
    """Columns that are read when they are asked for: a report asks for a few of them."""

    def __init__(self, section: "_Section", places: Mapping[str, int]) -> None:
        self._section = section
        self._places = places

    def __getitem__(self, name: str) -> Sequence[float]:
        return self._section.column(self._places[name])

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class _Section:
    """Where the columns of one section lie."""

    def __init__(self, data: memoryview, count: int, columns: int) -> None:
        self._data = data
        self._count = count
        self._codes = bytes(data[:columns])
        self._bases = _joined(data[columns : 9 * columns], 8, "q")
        self._at = _places(self._codes, count, 9 * columns)
        if self.end > len(data) or len(self._codes) != columns:
            raise ValueError("cut off")

    @property
    def end(self) -> int:
        return self._at[-1]

    def column(self, n: int) -> list[float]:
        code, base = self._codes[n], self._bases[n]
        if code == _AS_IT_IS:
            return list(_joined(self._data[self._at[n] : self._at[n + 1]], 8, "d"))
        scale, size, type_ = _DECODED[code]
        if not size:
            return [base / scale] * self._count
        data = self._data[self._at[n] : self._at[n + 1]]
        if size == 8 or _SWAPPED:
            return [(base + offset) / scale for offset in _joined(data, size, type_)]
        # Nearly every column, of hundreds of thousands: without a copy and without a call.
        return [(base + offset) / scale for offset in data.cast(type_)]  # type: ignore[call-overload]


@lru_cache(maxsize=64)
def _places(codes: bytes, count: int, first: int) -> tuple[int, ...]:
    at = [first]
    for code in codes:
        at.append(at[-1] + count * (8 if code == _AS_IT_IS else _DECODED[code][1]))
    return tuple(at)


def _joined(data: memoryview, size: int, type_: str) -> "array[float]":
    numbers: array[float] = array(type_)
    numbers.frombytes(_unsplit(data) if size == 8 else data)
    if _SWAPPED:
        numbers.byteswap()
    return numbers


def _unsplit(data: memoryview) -> bytearray:
    count = len(data) // 8
    joined = bytearray(len(data))
    for n in range(8):
        joined[n::8] = data[n * count : (n + 1) * count]
    return joined


@dataclass(frozen=True, slots=True)
class _Head:
    """What a section says of itself. names: of values, minima and maxima, each with the place of its column"""

    kind: IntervalKind
    count: int
    names: tuple[Mapping[str, int], ...]
    columns: int


@lru_cache(maxsize=256)
def _head(text: bytes) -> _Head:
    first, *lines = text.decode().split("\n")
    kind, count = first.split(",")
    names: list[Mapping[str, int]] = []
    columns = 3
    for line in lines:
        names.append({name: columns + n for n, name in enumerate(line.split(","))} if line else {})
        columns += len(names[-1])
    return _Head(_KINDS[kind], int(count), tuple(names), columns)


def _sections(hour: int, meter: str, data: memoryview) -> Iterator[Columns]:
    while data:
        (size,) = struct.unpack_from("<H", data)
        head = _head(bytes(data[2 : 2 + size]))
        section = _Section(data[2 + size :], head.count, head.columns)
        values, low, high = (_Lazy(section, names) for names in head.names)
        starts = _starts(hour * HOUR_US, head, section)
        yield Columns(head.kind, meter, starts, section.column(1), section.column(2), values, low, high)
        data = data[2 + size + section.end :]


def _starts(hour_us: int, head: _Head, section: _Section) -> Sequence[int]:
    length_us = LENGTH_US[head.kind]
    if head.count == HOUR_US // length_us:  # all there are: nearly every hour
        return range(hour_us, hour_us + HOUR_US, length_us)
    return [hour_us + round(place * length_us) for place in section.column(0)]
