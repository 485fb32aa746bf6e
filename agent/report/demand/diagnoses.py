"""What a month of one meter says about its load, in figures. Pure. `agent.report.drawn.advice` makes sentences of them.

power factor   1 / sqrt(1 + (kvarh / kWh)^2), two decimals; kvarh inductive plus, where a meter has it, capacitive:
               Q1 + Q4, as tariffs count both
kvar           P (tan phi now - tan phi wanted), P the mean power of the month
load factor    mean power / highest block
night base     5th percentile of the blocks from 0 to 5 h local time
valley share   energy of the blocks from 23 to 7 h local time / all
unbalance      of currents: largest |I - mean| / mean; of powers: what moved from the fullest to the emptiest phase
               would level those two
loss factor    K = (I1^2 + I2^2 + I3^2 + In^2 Rn/R) / (3 mean^2): 1 is a balanced load
loading        apparent power / rated kVA, minutes by `interval_10min`
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import acos, ceil, isfinite, isnan, sqrt, tan

from agent.records import Interval
from agent.report.demand.compliance import Block
from agent.report.figures import Bounds, Span
from agent.report.record.columns import Columns
from agent.report.record.demand_blocks import REGISTER
from drivers.quantities import CURRENTS

# Tariff of power factors (GB, read in public articles): above 160 kVA industrial, above 100 kVA others, agriculture.
TARGETS: Mapping[str, float] = {"industry": 0.90, "other": 0.85, "agriculture": 0.80}
NIGHT_H = range(5)
VALLEY_H = (*range(23, 24), *range(7))
# Planning above 80 %, and light load below 30 %, where the transformer mostly heats itself.
FULL, PLAN, LIGHT = 1.0, 0.8, 0.3
_TEN_MIN = 10
_PHASE_POWERS = ("active_power_l1", "active_power_l2", "active_power_l3")
# What of ten minutes the diagnoses here ask for.
_APPARENT = "apparent_power_total"
OF_LOAD = (*CURRENTS, "current_n", *_PHASE_POWERS, _APPARENT)
_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class PowerFactor:
    """pf: two decimals, as tariffs have it; bounds: of the registers; kvar: to install for each target, rounded up"""

    pf: float
    bounds: Bounds
    mean_w: float
    kvar: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Load:
    """max_w, base_w: of blocks; valley_share: 0..1"""

    mean_w: float
    max_w: float
    base_w: float | None
    load_factor: float
    valley_share: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Unbalance:
    """Mean currents by phase, in A. worst: 0..; move_w: from the fullest to the emptiest, where powers are known"""

    currents_a: tuple[float, float, float]
    neutral_a: float | None
    worst: float
    loss_factor: float | None
    move_w: float | None
    fullest: str
    emptiest: str
    coverage: float


@dataclass(frozen=True, slots=True)
class Loading:
    """Minutes above and below parts of the rated power; hot_hours: local hours, the minutes above 80 % in each"""

    peak: float
    mean: float
    full_min: float
    plan_min: float
    light_min: float
    hot_hours: Mapping[int, float]
    coverage: float


@dataclass(frozen=True, slots=True)
class Passed:
    """What registers ran on in a period, by register."""

    energy: Mapping[str, Bounds]
    span: Span


def passed(first: Interval, last: Interval) -> Passed:
    """Between the starts of two `demand_15min` intervals; registers that fell in between are not there."""
    found = {}
    for key in first.values.keys() & last.values.keys():
        if key.endswith(REGISTER):
            low, high = last.min[key] - first.max[key], last.max[key] - first.min[key]
            if last.values[key] >= first.values[key]:
                found[key.removesuffix(REGISTER)] = Bounds(max(0.0, low), high)
    return Passed(found, Span(first.start_us, last.start_us))


def power_factor(month: Passed) -> PowerFactor | None:
    """None where the meter has no register of reactive energy, or nothing was used."""
    active = month.energy.get("active_energy_import")
    reactive = _counted(month.energy)
    if active is None or reactive is None or active.high <= 0:
        return None
    bounds = Bounds(_pf(active.low, reactive.high), _pf(active.high, reactive.low))
    middle_wh, middle_varh = (active.low + active.high) / 2, (reactive.low + reactive.high) / 2
    mean_w = middle_wh * 3_600e6 / month.span.length_us
    pf = _pf(middle_wh, middle_varh)
    ratio = middle_varh / middle_wh
    kvar = {name: max(0, ceil(mean_w * (ratio - tan(acos(target))) / 1000 - 1e-9)) for name, target in TARGETS.items()}
    return PowerFactor(round(pf, 2), bounds, mean_w, kvar)


def _counted(energy: Mapping[str, Bounds]) -> Bounds | None:
    q1, q4 = energy.get("reactive_energy_import_q1"), energy.get("reactive_energy_export_q4")
    if q1 is not None:
        return q1 + q4 if q4 is not None else q1
    return energy.get("reactive_energy_import")


def _pf(active: float, reactive: float) -> float:
    return 1 / sqrt(1 + (reactive / active) ** 2) if active > 0 else 0.0


def load(blocks: Sequence[Block], hour_of: Callable[[int], int], period: Span) -> Load | None:
    """hour_of: an instant -> its local hour."""
    if not blocks:
        return None
    watts = [block.value_w for block in blocks]
    mean_w, max_w = sum(watts) / len(watts), max(watts)
    night = sorted(block.value_w for block in blocks if hour_of(block.start_us) in NIGHT_H)
    valley = sum(block.value_w for block in blocks if hour_of(block.start_us) in VALLEY_H)
    total = sum(watts)
    return Load(
        mean_w, max_w, _percentile(night, 0.05), mean_w / max_w if max_w > 0 else 0.0,
        valley / total if total > 0 else 0.0, sum(block.coverage for block in blocks) * 900e6 / period.length_us,
    )  # fmt: skip


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share of them does not exceed (nearest rank)."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def unbalance(tens: Iterable[Columns], period: Span, rated_a: float, neutral_to_line: float = 1.0) -> Unbalance | None:
    """Over the hours in which there was a load: a tenth of rated_a. neutral_to_line: Rn/R of the conductors.

    None where the currents of three phases are not known.
    """
    loaded = [found for columns in tens if (found := _loaded(columns, 0.3 * rated_a)).start_us]
    if not loaded:
        return None
    amps = [mean for key in CURRENTS if (mean := _mean(loaded, key)) is not None]
    by_phase = dict(zip(("l1", "l2", "l3"), amps, strict=True))
    mean_a = sum(amps) / 3
    neutral = _mean(loaded, "current_n")
    powers = [_mean(loaded, key) for key in _PHASE_POWERS]
    fullest, emptiest = max(by_phase, key=by_phase.__getitem__), min(by_phase, key=by_phase.__getitem__)
    known = [power for power in powers if power is not None]
    return Unbalance(
        (by_phase["l1"], by_phase["l2"], by_phase["l3"]), neutral,
        max(abs(current - mean_a) for current in amps) / mean_a, _loss_factor(amps, neutral, neutral_to_line),
        (max(known) - min(known)) / 2 if len(known) == len(powers) else None, fullest, emptiest,
        sum(chain.from_iterable(columns.coverage for columns in loaded)) * 600e6 / period.length_us,
    )  # fmt: skip


def _loaded(columns: Columns, least_a: float) -> Columns:
    """Those in which the currents of three phases are known, and together more than that."""
    amps = [columns.values[key] for key in CURRENTS if key in columns.values]
    if len(amps) < len(CURRENTS):
        return columns.picked([False] * len(columns.start_us))
    return columns.only(OF_LOAD).picked([sum(together) > least_a for together in zip(*amps, strict=True)])


def _mean(some: Sequence[Columns], key: str) -> float | None:
    """Of what half of them know at least."""
    values = [value for columns in some for value in columns.values.get(key, ()) if not isnan(value)]
    enough = len(values) >= _ENOUGH * sum(len(columns.start_us) for columns in some)
    return sum(values) / len(values) if enough and values else None


def _loss_factor(currents_a: Sequence[float], neutral_a: float | None, neutral_to_line: float) -> float | None:
    if neutral_a is None:
        return None
    mean_a = sum(currents_a) / 3
    return (sum(current**2 for current in currents_a) + neutral_a**2 * neutral_to_line) / (3 * mean_a**2)


def loading(
    tens: Iterable[Columns], period: Span, rated_kva: float, hour_of: Callable[[int], int]
) -> Loading | None:  # fmt: skip
    """Of `interval_10min`s of the meter at a transformer. None where its apparent power is not known."""
    rated_va = 1000 * rated_kva
    found = [
        (at_us, seen, va / rated_va) for columns in tens if _APPARENT in columns.values
        for at_us, seen, va in zip(columns.start_us, columns.coverage, columns.values[_APPARENT], strict=True)
        if isfinite(va)
    ]  # fmt: skip
    if not found:
        return None
    hot: dict[int, float] = {}
    for at_us, seen, share in found:
        if share > PLAN:
            hour = hour_of(at_us)
            hot[hour] = hot.get(hour, 0.0) + _TEN_MIN * seen
    all_seen = sum(seen for _, seen, _ in found)

    def minutes(beyond: Callable[[float], bool]) -> float:
        return sum(_TEN_MIN * seen for _, seen, share in found if beyond(share))

    return Loading(
        max(share for _, _, share in found), sum(share * seen for _, seen, share in found) / all_seen,
        minutes(FULL.__lt__), minutes(PLAN.__lt__), minutes(LIGHT.__gt__), hot, all_seen * 600e6 / period.length_us,
    )  # fmt: skip
