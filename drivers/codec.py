"""Reply words -> primary values, compiled once per plan; and values -> register image for simulated meters.

Everything that an installation changes happens here and only here: VT and CT ratios, the network phase on each
terminal, the direction of the current transformers; so do the scale registers of a meter.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from types import MappingProxyType

from drivers.columns import Column, Decode, compile_read, layout, scaled
from drivers.encodings import (
    ENCODINGS,
    decode_words,
    encode_words,
    fold_power_factor,
    pack_words,
    sentinel_number,
    sentinel_words,
    unpack_words,
)
from drivers.model import MeterModel, Register, Scale
from drivers.plan import Plan, PlannedRead
from drivers.quantities import CATALOGUE, PHASES, VOLTAGES_LL

Image = Mapping[tuple[int, int], int]  # (function, address) -> 16-bit word

_POWERS = frozenset({"active_power", "reactive_power", "apparent_power", "active_energy", "reactive_energy"})
_SIGNED = frozenset({"active_power", "reactive_power", "power_factor"})
_ENERGIES = frozenset({"active_energy", "reactive_energy"})
_DEMANDS = frozenset({"max_demand", "active_power_demand"})
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


_NO_REPLIES: Mapping[int, bytes] = MappingProxyType({})


def published_name(quantity: str, installation: Installation) -> str | None:
    """A map's row (terminals, the meter's own direction) -> the quantity of the network it stands for. None where the
    reversed meter has no such value: its demand is then that of the wrong direction."""
    known = CATALOGUE[quantity]
    if installation.direction < 0 and quantity in _DEMANDS:
        return None
    if installation.direction < 0 and known.dimension in _ENERGIES:
        return _reversed_energy(quantity)
    network = dict(zip(PHASES, installation.phase_map, strict=True))
    if quantity in VOLTAGES_LL:
        pair = {network[phase] for phase in (known.phase or "").split("_")}
        return next(name for name in VOLTAGES_LL if set(name.removeprefix("voltage_").split("_")) == pair)
    if known.phase in network:
        return "_".join(network.get(part, part) for part in quantity.split("_"))
    return quantity


def compile_plan(plan: Plan, installation: Installation = Installation()) -> "Decoder":
    return Decoder(plan, installation)


class Decoder:
    """Turns replies to the reads of one plan into primary values.

    quantities: what a full round brings where everything is available, as published
    """

    def __init__(self, plan: Plan, installation: Installation) -> None:
        self.plan = plan
        self._columns = tuple(_columns(planned, installation) for planned in plan.reads)
        self.quantities = tuple(column.name for read in self._columns for column in read)
        # None where the values hang on scale registers: there the function depends on what those read.
        self._plain = tuple(
            None if any(column.scales for column in read) else compile_read(read, planned.read.count)
            for read, planned in zip(self._columns, plan.reads, strict=True)
        )
        self._scale_reads = tuple(_scale_reads(read, plan) for read in self._columns)
        # Scale registers hardly ever change: the functions for what they read lately are kept.
        self._scaled = lru_cache(maxsize=32)(self._compile_scaled)

    def decode(self, index: int, data: bytes, replies: Mapping[int, bytes] = _NO_REPLIES) -> dict[str, float]:
        """Values by quantity id in SI units; what is not available (sentinel, NaN, infinity) is absent, and so is what
        has no plausible scale.

        index: of the read in plan.reads; data: its register bytes, nothing more. ValueError on another length.
        replies: to other reads of the same round, where scale registers may stand
        """
        decode = self._plain[index]
        try:
            if decode is None:
                decode = self._scaled(index, self._scale_words(index, data, replies))
            return decode(data)
        except struct.error as error:
            raise ValueError(f"{len(data)} bytes in reply to {self.plan.reads[index].read}") from error

    def decode_round(self, replies: Mapping[int, bytes]) -> dict[str, float]:
        """The values of a whole round from its replies, by index of the read; reads that failed are left out."""
        values: dict[str, float] = {}
        for index, data in replies.items():
            values |= self.decode(index, data, replies)
        return values

    def _scale_words(self, index: int, data: bytes, replies: Mapping[int, bytes]) -> tuple[bytes, ...]:
        """What the scale registers of a read hold, in the order of its scale reads; nothing where one has no reply."""
        words: tuple[bytes, ...] = ()
        for each in self._scale_reads[index]:
            reply = data if each.index == index else replies.get(each.index)
            words += each.nothing if reply is None else each.unpack(reply)
        return words

    def _compile_scaled(self, index: int, words: tuple[bytes, ...]) -> Decode:
        scales = [scale for each in self._scale_reads[index] for scale in each.scales]
        fractions = {scale: _fraction(scale, held) for scale, held in zip(scales, words, strict=True)}
        columns = (scaled(column, fractions) for column in self._columns[index])
        count = self.plan.reads[index].read.count
        return compile_read(tuple(column for column in columns if column is not None), count)


@dataclass(frozen=True, slots=True)
class _ScaleRead:
    """A read that holds scale registers which another, or the same, hangs on. unpack: its words -> theirs."""

    index: int
    scales: tuple[Scale, ...]
    unpack: Callable[[bytes], tuple[bytes, ...]]

    @property
    def nothing(self) -> tuple[bytes, ...]:
        return (b"",) * len(self.scales)


def _scale_reads(columns: Sequence[Column], plan: Plan) -> tuple[_ScaleRead, ...]:
    needed = {scale for column in columns for scale in column.scales}
    found = []
    for index, planned in enumerate(plan.reads):
        places = [(scale, offset) for scale, offset in planned.scales if scale in needed]
        if places:
            fields = [(offset, f"{2 * scale.words}s") for scale, offset in places]
            unpack = struct.Struct(layout(fields, planned.read.count, ">")).unpack
            found.append(_ScaleRead(index, tuple(scale for scale, _ in places), unpack))
    return tuple(found)


def _fraction(scale: Scale, held: bytes) -> tuple[int, int] | None:
    if not held:
        return None
    return scale.fraction(int(decode_words(ENCODINGS[scale.encoding], scale.order, unpack_words(held))))


def _columns(planned: PlannedRead, installation: Installation) -> tuple[Column, ...]:
    return tuple(
        _column(row, offset, name, installation)
        for row, offset in planned.fields
        if (name := published_name(row.quantity, installation)) is not None
    )


def _column(row: Register, offset: int, name: str, installation: Installation) -> Column:
    encoding = ENCODINGS[row.encoding]
    return Column(
        name=name,
        code=encoding.code,
        offset=offset,
        order=row.order,
        multiply=row.multiply,
        divide=row.divide,
        factor=_factor(row.quantity, installation),
        scales=row.scaled_by,
        sentinels=frozenset(sentinel_number(encoding, bits) for bits in row.sentinels),
        alarms=tuple(pack_words(sentinel_words(encoding, row.order, bits)) for bits in row.sentinels),
        counter=encoding.code == "f" and CATALOGUE[row.quantity].counter,
        folded=encoding.folded,
        bit=row.bit,
        inverted=row.inverted,
    )


def _factor(quantity: str, installation: Installation) -> float:
    """Register -> primary, with the sign of the installation's direction."""
    dimension = CATALOGUE[quantity].dimension
    ratio = {"voltage": installation.vt, "current": installation.ct}.get(dimension, 1.0)
    if dimension in _POWERS:
        ratio = installation.vt * installation.ct
    return ratio * installation.direction if dimension in _SIGNED else ratio


def _reversed_energy(quantity: str) -> str:
    opposite = {"import": "export", "export": "import", **_OPPOSITE_QUADRANT}
    return "_".join(opposite.get(part, part) for part in quantity.split("_"))


def encode(
    model: MeterModel, values: Mapping[str, float], installation: Installation = Installation()
) -> dict[tuple[int, int], int]:
    """Primary values -> every word that a legal read may touch, as the meter would hold it.

    A value that is absent or not finite becomes the row's first sentinel, or 0 where the map has none; words between
    the rows are 0. Integers are held at the end of their range. Scale registers hold what the map says. A digital
    input that is absent is not active.
    """
    image = dict.fromkeys(model.readable, 0)
    for scale in model.scales:
        _place(image, scale, encode_words(ENCODINGS[scale.encoding], scale.order, scale.simulated))
    # Rows read alone may share words with others: the others are what stands in the image.
    for row in sorted(model.registers, key=lambda row: not row.alone):
        if row.bit is None:
            _place(image, row, _encode_row(row, values, installation))
        else:
            _place_bit(image, row, active=values.get(row.quantity, 0.0) >= 0.5)
    return image


def _place_bit(image: dict[tuple[int, int], int], row: Register, *, active: bool) -> None:
    word, bit = row.bit_place
    others = image[row.function, word] & ~(1 << bit)
    image[row.function, word] = others | (active != row.inverted) << bit


def _place(image: dict[tuple[int, int], int], row: Register | Scale, words: Sequence[int]) -> None:
    for place, word in enumerate(words):
        image[row.function, row.address + place] = word


def _encode_row(row: Register, values: Mapping[str, float], installation: Installation) -> Sequence[int]:
    encoding = ENCODINGS[row.encoding]
    name = published_name(row.quantity, installation)
    value = None if name is None else values.get(name)
    if value is None or not isfinite(value):
        return sentinel_words(encoding, row.order, row.sentinels[0] if row.sentinels else 0)
    multiply, divide = row.multiply, row.divide
    for scale in row.scaled_by:
        up, down = scale.fraction(scale.simulated) or (1, 1)
        multiply, divide = multiply * up, divide * down
    number = value / _factor(row.quantity, installation) * divide / multiply
    return encode_words(encoding, row.order, fold_power_factor(number) if encoding.folded else number)
