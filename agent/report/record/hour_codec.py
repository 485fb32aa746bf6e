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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby
from math import isfinite
from typing import get_args

from agent.records import HOUR_US, LENGTH_US, Interval, IntervalKind
from agent.report.record.columns import Columns, columns_of

_KINDS: Mapping[str, IntervalKind] = {kind: kind for kind in get_args(IntervalKind)}
_AS_IT_IS = 255
_PARTS = 3  # values, minima, maxima
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
    return tuple(together(meter, sections(hour, body)))


def sections(hour: int, body: bytes) -> "tuple[Section, ...]":
    """A section for each kind. HourError where the bytes were never an hour."""
    try:
        return tuple(_sections(hour, memoryview(zlib.decompress(body))))
    except _UNREADABLE as error:
        raise HourError(f"no hour: {error!r}") from error


def together(meter: str, told: "Iterable[Section]") -> Iterator[Columns]:
    """By kind, of each in the order given; sections with the same columns that follow each other as one: whoever reads
    a month has a twentieth of the pieces."""
    by_kind: dict[IntervalKind, list[Section]] = {}
    for section in told:
        by_kind.setdefault(section.head.kind, []).append(section)
    for kind, own in by_kind.items():
        for names, alike in groupby(own, lambda one: one.head.names):
            yield _columns(kind, meter, names, list(alike))


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


@dataclass(frozen=True, slots=True)
class _Head:
    """What a section says of itself. names: of values, minima and maxima, each with the place of its column"""

    kind: IntervalKind
    count: int
    names: tuple[Mapping[str, int], ...]
    columns: int


class Section:
    """Intervals of one kind of an hour, and where their columns lie."""

    __slots__ = ("_at", "_bases", "_codes", "_data", "head", "starts")

    def __init__(self, hour_us: int, head: _Head, data: memoryview) -> None:
        columns = head.columns
        self.head = head
        self._data = data
        self._codes = bytes(data[:columns])
        self._bases = bytes(data[columns : 9 * columns])
        self._at = _places(self._codes, head.count, 9 * columns)
        if self.end > len(data) or len(self._codes) != columns:
            raise ValueError("cut off")
        self.starts = self._starts(hour_us)

    @property
    def end(self) -> int:
        return self._at[-1]

    def coded(self, n: int) -> tuple[int, int, Iterable[float]]:
        """Of a column the base, what its sums are divided by, and the offsets; by nothing where it lies as it is."""
        code = self._codes[n]
        if code == _AS_IT_IS:
            return 0, 0, ()
        base = int.from_bytes(self._bases[n :: self.head.columns], "little", signed=True)
        scale, size, type_ = _DECODED[code]
        if not size:
            return base, scale, bytes(self.head.count)
        data = self._data[self._at[n] : self._at[n + 1]]
        if size == 8 or _SWAPPED:
            return base, scale, _joined(data, size, type_)
        return base, scale, data.cast(type_)  # type: ignore[call-overload]  # nearly every column: without a copy

    def as_it_is(self, n: int) -> Sequence[float]:
        return _joined(self._data[self._at[n] : self._at[n + 1]], 8, "d")

    def _starts(self, hour_us: int) -> Sequence[int]:
        length_us = LENGTH_US[self.head.kind]
        if self.head.count == HOUR_US // length_us:  # all there are: nearly every hour
            return range(hour_us, hour_us + HOUR_US, length_us)
        return [hour_us + round(place * length_us) for place in _column((self,), 0)]


class _Lazy(Mapping[str, Sequence[float]]):
    """Columns that are read when they are asked for: a report asks for a few of them, of some more than once."""

    def __init__(self, told: Sequence[Section], places: Mapping[str, int]) -> None:
        self._told = told
        self._places = places
        self._read: dict[str, Sequence[float]] = {}

    def __getitem__(self, name: str) -> Sequence[float]:
        read = self._read.get(name)
        if read is None:
            read = self._read[name] = _column(self._told, self._places[name])
        return read

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _columns(
    kind: IntervalKind, meter: str, names: tuple[Mapping[str, int], ...], told: Sequence[Section]
) -> Columns:  # fmt: skip
    values, low, high = (_Lazy(told, places) for places in names)
    return Columns(kind, meter, _starts(told), _column(told, 1), _column(told, 2), values, low, high)


def _column(told: Sequence[Section], n: int) -> Sequence[float]:
    """Of hundreds of thousands of columns: all sections in one go."""
    coded = [section.coded(n) for section in told]
    if all(scale for _, scale, _ in coded):
        return [(base + offset) / scale for base, scale, offsets in coded for offset in offsets]
    numbers: list[float] = []
    for section, (base, scale, offsets) in zip(told, coded, strict=True):
        numbers += [(base + offset) / scale for offset in offsets] if scale else section.as_it_is(n)
    return numbers


def _starts(told: Sequence[Section]) -> Sequence[int]:
    starts = [section.starts for section in told]
    if all(isinstance(one, range) for one in starts) and len(starts) > 1:
        span = range(starts[0][0], starts[-1][-1] + 1, LENGTH_US[told[0].head.kind])
        if len(span) == sum(map(len, starts)):  # hours that follow each other
            return span
    return starts[0] if len(starts) == 1 else list(chain.from_iterable(starts))


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


@lru_cache(maxsize=256)
def _head(text: bytes) -> _Head:
    first, _, rest = text.decode().partition("\n")
    kind, count = first.split(",")
    names = _names(rest)
    return _Head(_KINDS[kind], int(count), names, 3 + sum(map(len, names)))


@lru_cache(maxsize=256)
def _names(text: str) -> tuple[Mapping[str, int], ...]:
    names: list[Mapping[str, int]] = []
    columns = 3
    for line in text.split("\n"):
        names.append({name: columns + n for n, name in enumerate(line.split(","))} if line else {})
        columns += len(names[-1])
    return tuple(names)


def _sections(hour: int, data: memoryview) -> Iterator[Section]:
    while data:
        (size,) = struct.unpack_from("<H", data)
        section = Section(hour * HOUR_US, _head(bytes(data[2 : 2 + size])), data[2 + size :])
        if len(section.head.names) != _PARTS:
            raise ValueError("no header")
        yield section
        data = data[2 + size + section.end :]
