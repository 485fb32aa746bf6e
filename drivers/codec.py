"""Reply words -> primary values, compiled once per plan; and values -> register image for simulated meters.

Everything that an installation changes happens here and only here: VT and CT ratios, the network phase on each
terminal, the direction of the current transformers.

A read is decoded by one `struct` call and a few C-level passes over all its values. Rejected: a generated function
(needs exec, and on CPython 3.11 filling a copied dict is faster), and a loop per field (three times slower).
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import chain
from math import isfinite
from operator import mul, truediv
from struct import Struct

from drivers.encodings import (
    ENCODINGS,
    encode_words,
    fold_power_factor,
    pack_words,
    sentinel_number,
    sentinel_words,
    shortest_float32,
    unfold_power_factor,
)
from drivers.model import MeterModel, Register
from drivers.plan import Plan, PlannedRead
from drivers.quantities import CATALOGUE, PHASES, VOLTAGES_LL

Image = Mapping[tuple[int, int], int]  # (function, address) -> 16-bit word

_POWERS = frozenset({"active_power", "reactive_power", "apparent_power", "active_energy", "reactive_energy"})
_SIGNED = frozenset({"active_power", "reactive_power", "power_factor"})
_ENERGIES = frozenset({"active_energy", "reactive_energy"})
# A reversed current turns the plane of P and Q by half a circle.
_OPPOSITE_QUADRANT = {"q1": "q3", "q2": "q4", "q3": "q1", "q4": "q2"}


@dataclass(frozen=True, slots=True)
class Installation:
    """How a meter is built in.

    vt, ct:    register -> primary; 1.0 where the registers are primary already
    phase_map: the network phase on terminals 1, 2, 3
    direction: -1 where the current transformers face the wrong way
    """

    vt: float = 1.0
    ct: float = 1.0
    phase_map: tuple[str, str, str] = PHASES
    direction: int = 1

    def __post_init__(self) -> None:
        if not (self.vt > 0 and self.ct > 0 and isfinite(self.vt * self.ct)):
            raise ValueError(f"vt {self.vt}, ct {self.ct}: ratios are positive")
        if tuple(sorted(self.phase_map)) != PHASES:
            raise ValueError(f"phase_map {self.phase_map}: each of l1 l2 l3 once")
        if self.direction not in (1, -1):
            raise ValueError(f"direction {self.direction}: 1 or -1")


_Decode = Callable[[bytes], dict[str, float]]


def published_name(quantity: str, installation: Installation) -> str | None:
    """A map's row (terminals, the meter's own direction) -> the quantity of the network it stands for. None where the
    reversed meter has no such value: its maximum demand is then that of the wrong direction."""
    known = CATALOGUE[quantity]
    if installation.direction < 0 and quantity == "max_demand":
        return None
    if installation.direction < 0 and known.dimension in _ENERGIES:
        return _reversed_energy(quantity)
    network = dict(zip(PHASES, installation.phase_map, strict=True))
    if quantity in VOLTAGES_LL:
        pair = {network[phase] for phase in (known.phase or "").split("_")}
        return next(name for name in VOLTAGES_LL if set(name.removeprefix("voltage_").split("_")) == pair)
    if known.phase in network:
        return quantity.removesuffix(known.phase) + network[known.phase]
    return quantity


def compile_plan(plan: Plan, installation: Installation = Installation()) -> "Decoder":
    return Decoder(plan, installation)


class Decoder:
    """Turns replies to the reads of one plan into primary values.

    quantities: what a full round brings where everything is available, as published
    """

    def __init__(self, plan: Plan, installation: Installation) -> None:
        self.plan = plan
        columns = [_columns(planned, installation) for planned in plan.reads]
        self.quantities = tuple(column.name for read in columns for column in read)
        self._sizes = tuple(planned.read.byte_count for planned in plan.reads)
        self._decode = tuple(
            _compile_read(read, planned.read.count) for read, planned in zip(columns, plan.reads, strict=True)
        )

    def decode(self, index: int, data: bytes) -> dict[str, float]:
        """Values by quantity id in SI units; what is not available (sentinel, NaN, infinity) is absent.

        index: of the read in plan.reads; data: its register bytes, nothing more. ValueError on another length.
        """
        if len(data) != self._sizes[index]:
            raise ValueError(f"{len(data)} bytes in reply to {self.plan.reads[index].read}")
        return self._decode[index](data)


@dataclass(frozen=True, slots=True)
class _Column:
    """One value of a read.

    offset:    words from the start of the read
    alarms:    byte patterns of its sentinels as they stand in a reply
    sentinels: the same as numbers
    finish:    raw number -> value, where it takes more than multiply and divide
    """

    name: str
    code: str
    offset: int
    order: str
    multiply: float
    divide: int
    alarms: tuple[bytes, ...]
    sentinels: frozenset[float]
    finish: Callable[[float], float] | None

    def value(self, number: float) -> float:
        return self.finish(number) if self.finish else number * self.multiply / self.divide


def _compile_read(columns: Sequence[_Column], count: int) -> _Decode:
    """A decoder for replies of `count` words; one pass for each word order, which is one for nearly all meters."""
    passes = [
        _compile_pass([column for column in columns if column.order == order], count, swap=order == "lsw")
        for order in sorted({column.order for column in columns})
    ]
    if len(passes) == 1:
        return passes[0]
    return lambda data: dict(chain.from_iterable(decode(data).items() for decode in passes))


def _compile_pass(columns: Sequence[_Column], count: int, *, swap: bool) -> _Decode:
    """Where the least significant word comes first, the bytes of each word are swapped: the whole is little-endian
    then. All that can be decided beforehand is decided here, the inner function has only locals."""
    unpack = Struct(_layout(columns, count, "<" if swap else ">")).unpack
    names = tuple(column.name for column in columns)
    blank = dict.fromkeys(names, 0.0)
    floats = any(column.code in "fd" for column in columns)
    multiply, divide = _factors(columns)
    finishes = tuple((column.name, place, column.finish) for place, column in enumerate(columns) if column.finish)
    alarms = tuple({alarm for column in columns for alarm in column.alarms})

    def decode(data: bytes) -> dict[str, float]:
        raw = unpack(_swapped(data) if swap else data)
        # One NaN or infinity makes the sum one.
        if floats and not isfinite(sum(raw)):
            return _sift(columns, raw)
        for alarm in alarms:
            if alarm in data:
                return _sift(columns, raw)
        scaled = raw if multiply is None else map(mul, raw, multiply)
        if divide is not None:
            scaled = map(truediv, scaled, divide)
        values = blank.copy()
        values.update(zip(names, scaled))  # noqa: B905 (strict costs 0.1 µs, the lengths are fixed above)
        for name, place, finish in finishes:
            values[name] = finish(raw[place])
        return values

    return decode


def _sift(columns: Sequence[_Column], raw: Sequence[float]) -> dict[str, float]:
    """The slow way, value by value, where something may be not available."""
    return {
        column.name: column.value(number)
        for column, number in zip(columns, raw, strict=True)
        if isfinite(number) and number not in column.sentinels
    }


def _factors(columns: Sequence[_Column]) -> tuple[tuple[float, ...] | None, tuple[int, ...] | None]:
    """Multipliers and divisors of all columns; None where there is nothing to do."""
    plain = [column.finish is None for column in columns]
    multiply = tuple(column.multiply if is_plain else 1.0 for column, is_plain in zip(columns, plain, strict=True))
    divide = tuple(column.divide if is_plain else 1 for column, is_plain in zip(columns, plain, strict=True))
    # An integer that no factor touches still has to become a float.
    whole = any(column.code not in "fd" and column.divide == 1 for column in columns)
    return (
        multiply if whole or any(factor != 1.0 for factor in multiply) else None,
        divide if any(divisor != 1 for divisor in divide) else None,
    )


def _swapped(data: bytes) -> "array[int]":  # subscriptable at run time from Python 3.12 on
    words = array("H", data)
    words.byteswap()
    return words


def _layout(columns: Sequence[_Column], count: int, endian: str) -> str:
    """The struct format of a read of `count` words, with pad bytes where no column stands."""
    codes, word = [endian], 0
    for column in columns:
        codes += [f"{2 * (column.offset - word)}x", column.code]
        word = column.offset + Struct(f">{column.code}").size // 2
    return "".join([*codes, f"{2 * (count - word)}x"])


def _columns(planned: PlannedRead, installation: Installation) -> list[_Column]:
    return [
        _column(row, offset, name, installation)
        for row, offset in planned.fields
        if (name := published_name(row.quantity, installation)) is not None
    ]


def _column(row: Register, offset: int, name: str, installation: Installation) -> _Column:
    encoding = ENCODINGS[row.encoding]
    factor = _factor(row.quantity, installation)
    finish: Callable[[float], float] | None = None
    if encoding.folded:
        finish = _unfolder(row.multiply * factor / row.divide)
    elif factor < 0:
        finish = _turner(row.multiply * factor, row.divide)
    elif encoding.code == "f" and CATALOGUE[row.quantity].counter:
        finish = _counter(row.multiply, row.divide, factor)
    return _Column(
        name=name,
        code=encoding.code,
        offset=offset,
        order=row.order,
        multiply=row.multiply * factor,
        divide=row.divide,
        alarms=tuple(pack_words(sentinel_words(encoding, row.order, bits)) for bits in row.sentinels),
        sentinels=frozenset(sentinel_number(encoding, bits) for bits in row.sentinels),
        finish=finish,
    )


def _factor(quantity: str, installation: Installation) -> float:
    """Register -> primary, with the sign of the installation's direction."""
    dimension = CATALOGUE[quantity].dimension
    ratio = {"voltage": installation.vt, "current": installation.ct}.get(dimension, 1.0)
    if dimension in _POWERS:
        ratio = installation.vt * installation.ct
    return ratio * installation.direction if dimension in _SIGNED else ratio


def _unfolder(factor: float) -> Callable[[float], float]:
    return lambda register: unfold_power_factor(register) * factor + 0.0


def _turner(factor: float, divide: int) -> Callable[[float], float]:
    return lambda register: register * factor / divide + 0.0  # no power is 0.0, never -0.0


def _counter(multiply: int, divide: int, factor: float) -> Callable[[float], float]:
    """float32 counters in decimal, so that 4711.3 kWh is 4711300 Wh. They change slowly: the last results are kept."""

    @lru_cache(maxsize=8)
    def exact(register: float) -> float:
        return float(Decimal(shortest_float32(register)) * multiply / divide) * factor

    return exact


def _reversed_energy(quantity: str) -> str:
    opposite = {"import": "export", "export": "import", **_OPPOSITE_QUADRANT}
    return "_".join(opposite.get(part, part) for part in quantity.split("_"))


def encode(
    model: MeterModel, values: Mapping[str, float], installation: Installation = Installation()
) -> dict[tuple[int, int], int]:
    """Primary values -> every word that a legal read may touch, as the meter would hold it.

    A value that is absent or not finite becomes the row's first sentinel, or 0 where the map has none; words between
    the rows are 0. Integers are held at the end of their range.
    """
    image = dict.fromkeys(model.readable, 0)
    # Rows read alone may share words with others: the others are what stands in the image.
    for row in sorted(model.registers, key=lambda row: not row.alone):
        for place, word in enumerate(_encode_row(row, values, installation)):
            image[(row.function, row.address + place)] = word
    return image


def _encode_row(row: Register, values: Mapping[str, float], installation: Installation) -> Sequence[int]:
    encoding = ENCODINGS[row.encoding]
    name = published_name(row.quantity, installation)
    value = None if name is None else values.get(name)
    if value is None or not isfinite(value):
        return sentinel_words(encoding, row.order, row.sentinels[0] if row.sentinels else 0)
    number = value / _factor(row.quantity, installation) * row.divide / row.multiply
    return encode_words(encoding, row.order, fold_power_factor(number) if encoding.folded else number)
