"""Does a map fit the words a meter answers with? Its voltages and frequency must be sane at the map's addresses and
not beside them, its powers must agree with its voltages and currents.

The same look through a map read wrongly (addresses one off, words exchanged) tells which mistake was made.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, sqrt

from drivers.encodings import ENCODINGS, decode_words, pack_words
from drivers.model import MeterModel, Register, Scale
from drivers.quantities import CURRENTS, PHASES, VOLTAGES_LL, VOLTAGES_LN
from drivers.rows import moved_register

Words = Mapping[tuple[int, int], int]  # (function, address) -> 16-bit word

VOLTAGES = (*VOLTAGES_LN, *VOLTAGES_LL)
_POWERS = tuple(f"{kind}_{phase}" for kind in ("active_power", "apparent_power", "power_factor") for phase in PHASES)
# What a map is judged by.
MARKS = (*VOLTAGES, "frequency", *CURRENTS, *_POWERS, "active_power_total")

# Line to neutral, without a word from the engineer: from voltage transformers (57.7 V, low) to 277 V and its swells.
_VOLTS = (40.0, 320.0)
_AROUND_NOMINAL = (0.7, 1.3)
_HERTZ = (45.0, 65.0)
_SPREAD = 0.2  # of the highest phase voltage
_LL_BY_LN = (1.6, 1.85)  # √3, with the unbalance of a bad day
# A float that is tiny but not 0 is a word out of place.
_TINY = 1e-3
# No transformer and no meter is made for more: a map read wrongly takes a neighbour's "not available" for a high word.
_MOST_AMPERES = 1e5
# Sum of U·I below which powers prove nothing, and how far P may be from U·I·pf of the same instant.
_LOAD_VA = 50.0
POWER_AGREES, POWER_DISAGREES = 0.05, 0.2


@dataclass(frozen=True, slots=True)
class Reading:
    """How a map is read. shift: registers later; swapped: most significant word where the map says least, and back."""

    shift: int = 0
    swapped: bool = False


AS_WRITTEN = Reading()
# The simplest first.
_MISTAKES = (Reading(1), Reading(-1), Reading(0, True), Reading(1, True), Reading(-1, True))


@dataclass(frozen=True, slots=True)
class Look:
    """What a map makes of the words.

    live, dead:   voltages that are sane, that read nothing; in volts by quantity
    wild:         what cannot be, in words
    frequency_hz: None where it is not mapped or was not read
    power_error:  largest disagreement of powers with U·I(·pf), as a part of the sum of U·I; None without load
    """

    live: Mapping[str, float]
    dead: tuple[str, ...]
    wild: tuple[str, ...]
    frequency_hz: float | None
    power_error: float | None

    @property
    def sane(self) -> bool:
        return bool(self.live) and not self.wild

    @property
    def consistent(self) -> bool:
        return self.power_error is None or self.power_error < POWER_DISAGREES


def marks(model: MeterModel) -> tuple[str, ...]:
    """The quantities of a map that it is judged by; the unproven ones too where no proven one is a voltage."""
    proven = tuple(quantity for quantity in model.quantities if quantity in MARKS)
    if not set(VOLTAGES).isdisjoint(proven):
        return proven
    return proven + tuple(quantity for quantity in model.unproven if quantity in MARKS)


def mistakes_of(model: MeterModel) -> tuple[Reading, ...]:
    """The usual mistakes, the simplest first, that would show in what the map is judged by."""
    judged = marks(model)
    several = any(row.words > 1 for row in model.registers if row.quantity in judged)
    return tuple(reading for reading in _MISTAKES if several or not reading.swapped)


def misread(row: Register, reading: Reading) -> Register:
    """The row as this reading has it, with what it is scaled by."""
    order = {"msw": "lsw", "lsw": "msw"}[row.order] if reading.swapped else row.order
    return replace(moved_register(row, reading.shift), order=order)


def look(model: MeterModel, words: Words, reading: Reading = AS_WRITTEN, nominal_v: float | None = None) -> Look:
    """What `model`, read so, makes of the words at hand; rows whose words are missing do not count.

    nominal_v: line to neutral, where the engineer gave it
    """
    values = dict(_values(model, words, reading))
    low, high = _VOLTS if nominal_v is None else (nominal_v * _AROUND_NOMINAL[0], nominal_v * _AROUND_NOMINAL[1])
    wild = list(_wild(values, low, high))
    live = {name: value for name, value in _judged(values).items() if low <= value <= _factor(name) * high}
    dead = tuple(name for name, value in _judged(values).items() if _reads_nothing(value, low))
    if live and max(live.values()) * (1 - _SPREAD) > min(live.values()):
        wild.append("phase voltages disagree: " + _listed(live.values(), "V"))
    if reading != AS_WRITTEN:  # as written, it may be a "not available" that the map does not know
        wild += (
            f"{name} would be {values[name]:.4g} A" for name in CURRENTS if abs(values.get(name, 0.0)) > _MOST_AMPERES
        )
    return Look(live, dead, tuple(wild), values.get("frequency"), _power_error(values, _phases(model)))


def _values(model: MeterModel, words: Words, reading: Reading) -> Iterator[tuple[str, float]]:
    judged = frozenset(marks(model))
    for row in model.registers:
        # Most rows of most maps were never read: not worth a copy.
        if row.quantity in judged and (row.function, row.address + reading.shift) in words:
            value = row_value(misread(row, reading), words)
            if value is not None:
                yield row.quantity, value


def row_value(row: Register, words: Words) -> float | None:
    """In SI units. None where words are missing, of the row or of what scales it, or mean "not available".

    The plain way, a row at a time: the compiled decoder of `codec.py` pays only where a read comes again and again.
    """
    number = _number(row, words, row.sentinels)
    if number is None:
        return None
    multiply, divide = row.multiply, row.divide
    for scale in row.scaled_by:
        factor = _number(scale, words)
        fraction = None if factor is None else scale.fraction(int(factor))
        if fraction is None:
            return None
        multiply, divide = multiply * fraction[0], divide * fraction[1]
    if row.bit is not None:
        return float((int(number) >> row.bit & 1) != row.inverted)
    return number * multiply / divide


def _number(row: Register | Scale, words: Words, sentinels: tuple[int, ...] = ()) -> float | None:
    raw = [words.get((row.function, address)) for address in range(row.address, row.end)]
    here = [word for word in raw if word is not None]
    bits = int.from_bytes(pack_words(here if row.order == "msw" else here[::-1]), "big")
    if len(here) < row.words or bits in sentinels:
        return None
    number = decode_words(ENCODINGS[row.encoding], row.order, here)
    return number if isfinite(number) else None


def _judged(values: Mapping[str, float]) -> dict[str, float]:
    """Line to neutral where there is such a voltage, else line to line."""
    to_neutral = {name: values[name] for name in VOLTAGES_LN if name in values}
    to_line = {name: values[name] for name in VOLTAGES_LL if name in values}
    return to_line if any(to_line.values()) and not any(to_neutral.values()) else to_neutral or to_line


def _factor(name: str) -> float:
    return sqrt(3.0) if name in VOLTAGES_LL else 1.0


def _reads_nothing(value: float, low: float) -> bool:
    return value == 0 or _TINY <= value < low


def _wild(values: Mapping[str, float], low: float, high: float) -> Iterator[str]:
    for name in VOLTAGES:
        value = values.get(name, 0.0)
        if not (_reads_nothing(value, low) or low <= value <= _factor(name) * high):
            yield f"{name} would be {value:.4g} V"
    hertz = values.get("frequency")
    dark = not any(values.get(name) for name in VOLTAGES)
    if hertz is not None and not (_HERTZ[0] <= hertz <= _HERTZ[1] or (dark and hertz == 0)):
        yield f"frequency would be {hertz:.4g} Hz"
    to_neutral = [values[name] for name in VOLTAGES_LN if values.get(name, 0.0) >= low]
    to_line = [values[name] for name in VOLTAGES_LL if values.get(name, 0.0) >= low]
    if len(to_neutral) == len(to_line) == len(PHASES):
        ratio = sum(to_line) / sum(to_neutral)
        if not _LL_BY_LN[0] <= ratio <= _LL_BY_LN[1]:
            yield f"line-to-line would be {ratio:.3g} x line-to-neutral"


def _phases(model: MeterModel) -> tuple[str, ...]:
    """Those that the map measures."""
    judged = frozenset(marks(model))
    return tuple(phase for phase in PHASES if not judged.isdisjoint((f"voltage_{phase}", f"current_{phase}")))


def _power_error(values: Mapping[str, float], phases: Sequence[str]) -> float | None:
    """A power of 0 says nothing: some firmware has registers that it does not serve. The total is compared with the
    phases only where none of `phases` is missing."""
    products = {
        phase: values[f"voltage_{phase}"] * values[f"current_{phase}"]
        for phase in PHASES
        if f"voltage_{phase}" in values and f"current_{phase}" in values
    }
    load = sum(abs(product) for product in products.values())
    if not _LOAD_VA <= load < 1e12:
        return None
    errors = [error for phase, product in products.items() for error in _phase_errors(values, phase, abs(product))]
    known = [power for phase in PHASES if (power := values.get(f"active_power_{phase}"))]
    total = values.get("active_power_total")
    if total and len(known) == len(PHASES):
        errors.append(abs(total - sum(known)))
    elif total and len(products) == len(phases):
        errors.append(max(0.0, abs(total) - load))
    return max(errors) / load if errors else None


def _phase_errors(values: Mapping[str, float], phase: str, product: float) -> Iterator[float]:
    """In VA. product: U·I of the phase."""
    active, apparent, factor = (
        values.get(f"{kind}_{phase}") for kind in ("active_power", "apparent_power", "power_factor")
    )
    if apparent:
        yield abs(abs(apparent) - product)
    if active is not None:
        yield max(0.0, abs(active) - product)
        if factor and abs(factor) <= 1:
            yield abs(abs(active) - product * abs(factor))


def _listed(values: Iterable[float], unit: str) -> str:
    return " ".join(f"{value:.1f}" for value in values) + f" {unit}"


def told(seen: Look) -> tuple[str, ...]:
    """The look in words, for people."""
    lines = []
    if seen.live:
        lines.append(f"voltages {_listed(seen.live.values(), 'V')}")
    if seen.dead:
        lines.append(f"{' '.join(seen.dead)} read nothing")
    if seen.frequency_hz is not None:
        lines.append(f"frequency {seen.frequency_hz:.2f} Hz")
    if seen.power_error is not None:
        agrees = "agree with" if seen.power_error <= POWER_AGREES else f"are {seen.power_error:.0%} off"
        lines.append(f"powers {agrees} U x I")
    return (*lines, *seen.wild)
