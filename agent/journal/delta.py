"""The dense code of a chunk: readings as columns of whole numbers, as many bits each as the column needs. Pure.

A body is a varint, so many bytes of head, then the columns. The head is JSON, compressed: what the readings are called.
Readings with the same quantities are one table, sorted by meter; each quantity is a column with its minima and maxima.
A column says how its numbers were made whole (`_Whole`). Then follow, each with a least number and a width in bits, the
first reading of each meter, the steps from one reading of a meter to its next, and how far minima and maxima lie from
the values. What comes back is what went in, bit for bit: a way of making numbers whole that does not give the same bits
back is not taken. What is no float stays JSON, in the head.
"""

import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from agent.records import Quality, Reading
from agent.varint import varint

# How numbers were made whole. Up to _MOST_DECIMALS: times ten to that; beyond: the bits of the float.
_MOST_DECIMALS = 22  # 10.0 ** 22 is the last that a float64 holds exactly
_BITS_32, _BITS_64, _AS_JSON = 32, 64, 255
# What a float32 carries, and `agent.tidied` leaves.
_DIGITS = 7
# Counters have more digits than gauges.
_MORE_DECIMALS = (0, 3, 6)

# What heads are made of. A part of the code: a word that changes makes chunks unreadable that lie in files out there.
WORDS = (
    b"voltage_thd_l1voltage_thd_l2voltage_thd_l3current_thd_l1current_thd_l2current_thd_l3input_1operating_hours"
    b"power_failuresmax_demandpartialclockwarmupstaleout_of_rangetestmaintenancequestionableinvalid"
    b'reactive_energy_import","reactive_energy_export","active_energy_import","active_energy_export","'
    b'apparent_power_l1","apparent_power_l2","apparent_power_l3","apparent_power_total","'
    b'power_factor_l1","power_factor_l2","power_factor_l3","power_factor_total","'
    b'reactive_power_l1","reactive_power_l2","reactive_power_l3","reactive_power_total","'
    b'active_power_l1","active_power_l2","active_power_l3","active_power_total","frequency","current_n","'
    b'voltage_l1_l2","voltage_l2_l3","voltage_l3_l1","voltage_residual","'
    b'current_l1","current_l2","current_l3","voltage_l1","voltage_l2","voltage_l3"],["'
    b',"good",[],10.0],["",0,"good",[],1.0],["1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0'
)

Shape = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]  # the names in values, min and max
_Head = tuple[str, int, Quality, tuple[str, ...], float]  # meter, number of its shape, quality, flags, window_s
_PARTS = ("values", "min", "max")


@dataclass(frozen=True, slots=True)
class _Whole:
    """Numbers made whole: by `how`, then divided by what divides all of them."""

    how: int
    divisor: int
    numbers: list[int]


@dataclass(frozen=True, slots=True)
class _Table:
    """Readings of one shape in the order of their columns. rows: their places in the chunk; first: where in `rows` a
    meter begins; rest: the others."""

    shape: Shape
    rows: list[int]
    first: list[int]
    rest: list[int]


def encode_readings(readings: Sequence[Reading], words: bytes = WORDS) -> bytes:
    """words: what heads are made of; whoever reads needs the same."""
    shapes: dict[Shape, int] = {}
    heads: dict[_Head, int] = {}
    rows = []
    for reading in readings:
        shape = (tuple(reading.values), tuple(reading.min), tuple(reading.max))
        place = shapes.setdefault(shape, len(shapes))
        head = (reading.meter, place, reading.quality, reading.flags, reading.window_s)
        rows.append(heads.setdefault(head, len(heads)))
    odd: list[Any] = []
    columns = b"".join(
        column for table in _tables(rows, list(heads), list(shapes)) for column in _columns(table, readings, odd)
    )
    times = [reading.time_us for reading in readings]
    head_text = json.dumps([list(heads), list(shapes), _steps(rows), _steps(times), odd], separators=(",", ":"))
    # Of 2 kB: a greater effort takes no time that could be measured, and saves the card a hundredth.
    squeezer = zlib.compressobj(6, zdict=words)
    head_bytes = squeezer.compress(head_text.encode()) + squeezer.flush()
    return varint(len(head_bytes)) + head_bytes + columns


def glance_at_readings(body: bytes, words: bytes = WORDS) -> tuple[frozenset[str], int, int]:
    """The meters, and the least and the greatest time, at a fiftieth of the price. As `decode_readings` of others."""
    heads, _, _, time_steps, _ = _head(_Cursor(body, 0), words)
    times = list(accumulate(time_steps))
    return frozenset(head[0] for head in heads), min(times), max(times)


def _head(cursor: "_Cursor", words: bytes) -> Any:
    return json.loads(zlib.decompressobj(zdict=words).decompress(cursor.take(cursor.varint())))


def decode_readings(body: bytes, words: bytes = WORDS) -> list[Reading]:
    """ValueError, or what parsing raises, for bytes that `encode_readings` did not write."""
    cursor = _Cursor(body, 0)
    heads, shapes, row_steps, time_steps, odd = _head(cursor, words)
    rows, times = list(accumulate(row_steps)), list(accumulate(time_steps))
    # By the place in the chunk: values, min and max.
    found: list[tuple[dict[str, float], ...]] = [({}, {}, {}) for _ in rows]
    waiting = iter(odd)
    for table in _tables(rows, heads, shapes):
        _fill(found, table, cursor, waiting)
    readings = []
    for row, time_us, parts in zip(rows, times, found, strict=True):
        meter, _, quality, flags, window_s = heads[row]
        values, low, high = parts
        readings.append(Reading(meter, time_us, window_s, quality, tuple(flags), values, low, high))
    return readings


def _tables(rows: Sequence[int], heads: Sequence[Any], shapes: Sequence[Any]) -> Iterator[_Table]:
    """The same for who writes and who reads: by shape, then by meter, then as they lie in the chunk."""
    meters = {meter: number for number, meter in enumerate(dict.fromkeys(head[0] for head in heads))}
    order = [(head[1], meters[head[0]]) for head in heads]
    by_shape: dict[int, list[int]] = {number: [] for number in range(len(shapes))}
    for row in sorted(range(len(rows)), key=lambda row: order[rows[row]]):
        by_shape[order[rows[row]][0]].append(row)
    for number, members in by_shape.items():
        at = [order[rows[row]][1] for row in members]
        first = [n for n in range(len(at)) if n == 0 or at[n] != at[n - 1]]
        rest = [n for n in range(1, len(at)) if at[n] == at[n - 1]]
        values, low, high = shapes[number]
        yield _Table((tuple(values), tuple(low), tuple(high)), members, first, rest)


def _quantities(shape: Shape) -> Iterator[tuple[str, list[str]]]:
    """Every quantity of a shape and the parts that have it."""
    within = [(part, frozenset(names)) for part, names in zip(_PARTS, shape, strict=True)]
    for quantity in dict.fromkeys(name for names in shape for name in names):
        yield quantity, [part for part, names in within if quantity in names]


def _columns(table: _Table, readings: Sequence[Reading], odd: list[Any]) -> Iterator[bytes]:
    # Each part is turned round once: a look-up per value would cost as much as its code.
    turned: dict[str, Mapping[str, tuple[float, ...]]] = {}
    for part, names in zip(_PARTS, table.shape, strict=True):
        rows = [getattr(readings[row], part).values() for row in table.rows]
        turned[part] = dict(zip(names, zip(*rows, strict=True), strict=True))
    for quantity, parts in _quantities(table.shape):
        column = [value for part in parts for value in turned[part][quantity]]
        whole = _whole(column)
        if whole is None:
            odd.append(column)
            yield bytes((_AS_JSON,))
        else:
            yield bytes((whole.how,)) + varint(whole.divisor) + _packed_column(table, whole.numbers)


def _packed_column(table: _Table, numbers: list[int]) -> bytes:
    count = len(table.rows)
    base = numbers[:count]
    pieces = [_packed([base[n] for n in table.first]), _packed([_folded(base[n] - base[n - 1]) for n in table.rest])]
    parts = (numbers[start : start + count] for start in range(count, len(numbers), count))
    pieces += [_packed([a - b for a, b in zip(base, part, strict=True)]) for part in parts]
    return b"".join(pieces)


def _fill(
    found: list[tuple[dict[str, float], ...]], table: _Table, cursor: "_Cursor", odd: Iterator[list[float]]
) -> None:
    columns: dict[tuple[int, str], list[float]] = {}
    count = len(table.rows)
    for quantity, parts in _quantities(table.shape):
        how = cursor.take(1)[0]
        values = next(odd) if how == _AS_JSON else _unpacked_column(table, how, len(parts), cursor)
        for n, part in enumerate(parts):
            columns[_PARTS.index(part), quantity] = values[n * count : (n + 1) * count]
    for place, names in enumerate(table.shape):
        for name in names:  # in the order they were in
            for row, value in zip(table.rows, columns[place, name], strict=True):
                found[row][place][name] = value


def _unpacked_column(table: _Table, how: int, parts: int, cursor: "_Cursor") -> list[float]:
    divisor, count = cursor.varint(), len(table.rows)
    base = [0] * count
    for n, number in zip(table.first, cursor.unpack(len(table.first)), strict=True):
        base[n] = number
    for n, step in zip(table.rest, cursor.unpack(len(table.rest)), strict=True):
        base[n] = base[n - 1] + _unfolded(step)
    numbers = base[:]
    for _ in range(1, parts):
        numbers += [a - b for a, b in zip(base, cursor.unpack(count), strict=True)]
    return _floats(how, [number * divisor for number in numbers])


# -- floats <-> whole numbers ------------------------------------------------------------------------------------


def _whole(column: list[float]) -> _Whole | None:
    """None: not all of them are floats."""
    if set(map(type, column)) != {float}:
        return None
    exact = struct.pack(f"<{len(column)}d", *column)
    for how in _ways(column):
        numbers = _numbers(how, column)
        if numbers is not None and _bits(_floats(how, numbers)) == exact:
            divisor = math.gcd(*numbers) or 1
            return _Whole(how, divisor, [n // divisor for n in numbers] if divisor > 1 else numbers)
    return _Whole(_BITS_64, 1, list(struct.unpack(f"<{len(column)}Q", exact)))


def _ways(column: list[float]) -> Iterator[int]:
    """As many decimals as the smallest of them needs for all of a gauge's digits, or some more; the bits of float32."""
    smallest = min(filter(None, map(abs, column)), default=1.0)
    if 0.0 < smallest < math.inf:
        decimals = max(0, _DIGITS - 1 - math.floor(math.log10(smallest)))
        yield from (decimals + more for more in _MORE_DECIMALS if decimals + more <= _MOST_DECIMALS)
    yield _BITS_32


def _numbers(how: int, column: list[float]) -> list[int] | None:
    try:
        if how == _BITS_32:
            return list(struct.unpack(f"<{len(column)}I", struct.pack(f"<{len(column)}f", *column)))
        scale = 10.0**how
        return list(map(round, [value * scale for value in column]))
    except (OverflowError, ValueError):  # too great for a float32, infinite, not a number
        return None


def _floats(how: int, numbers: list[int]) -> list[float]:
    count = len(numbers)
    if how == _BITS_32:
        return list(struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *numbers)))
    if how == _BITS_64:
        return list(struct.unpack(f"<{count}d", struct.pack(f"<{count}Q", *numbers)))
    if how > _MOST_DECIMALS:
        raise ValueError(f"numbers made whole in a way that is not known: {how}")
    scale = 10.0**how
    return [number / scale for number in numbers]


def _bits(column: list[float]) -> bytes:
    return struct.pack(f"<{len(column)}d", *column)


# -- whole numbers <-> bytes -------------------------------------------------------------------------------------


def _steps(numbers: Sequence[int]) -> list[int]:
    """The first, then what is added to come to the next."""
    return [*numbers[:1], *(after - before for before, after in pairwise(numbers))]


def _folded(number: int) -> int:
    """0, -1, 1, -2 ... as 0, 1, 2, 3 ..."""
    return number << 1 if number >= 0 else ~(number << 1)


def _unfolded(number: int) -> int:
    return ~(number >> 1) if number & 1 else number >> 1


def _packed(numbers: list[int]) -> bytes:
    """The least, the width of what lies above it, and that. Nothing for nothing."""
    if not numbers:
        return b""
    least = min(numbers)
    width = (max(numbers) - least).bit_length()
    head = varint(_folded(least)) + varint(width)
    if not width:
        return head
    # Written out in binary, behind a one that keeps the zeros, and read as one number: 150 ns a value.
    above = (1 << width) - least
    text = "".join([bin(number + above)[3:] for number in numbers])
    return head + int(text, 2).to_bytes((len(text) + 7) // 8, "big")


@dataclass(slots=True)
class _Cursor:
    """Reads a body from the front."""

    body: bytes
    at: int

    def take(self, count: int) -> bytes:
        found = self.body[self.at : self.at + count]
        if len(found) != count:
            raise ValueError(f"{count} bytes were to follow byte {self.at} of {len(self.body)}")
        self.at += count
        return found

    def varint(self) -> int:
        found = shift = 0
        while True:
            byte = self.take(1)[0]
            found |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return found

    def unpack(self, count: int) -> list[int]:
        if not count:
            return []
        least, width = _unfolded(self.varint()), self.varint()
        if not width:
            return [least] * count
        packed = int.from_bytes(self.take((count * width + 7) // 8), "big")
        text = f"{packed:0{count * width}b}"
        return [least + int(text[n : n + width], 2) for n in range(0, count * width, width)]
