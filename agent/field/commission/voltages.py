"""What is wrong with the voltages a meter shows. Pure.

Voltages have a shape (how they stand to each other) and a level (how they stand to what is declared). A wrong shape is
told alone: what else looks wrong then follows from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from agent.field.commission import words
from agent.field.commission.observed import Finding, Fitted, failed, named, terminals
from drivers.quantities import PHASES, VOLTAGES_LL

# Less than this at the meter's own terminals is coupled in, or nothing.
_NOTHING_V = 10.0
_ROOT3 = sqrt(3.0)
# Of the highest: less is a phase that is missing. Sagging networks stay above it, and so does a drifted star point.
_MISSING = 0.55
# Of their mean: highest less lowest. EN 50160 allows networks an unbalance of 2 %, in places 3 %.
_EVEN, _EVEN_LINES, _UNEQUAL = 0.08, 0.04, 0.10
# Of the declared voltage. EN 50160: all 10-min means within +10 % and -15 %; 5 % more for the meter and the moment.
_LEVEL = (0.85, 1.15)
_NEAR_ROOT3 = (0.92 * _ROOT3, 1.10 * _ROOT3)
# Secondaries of voltage transformers (IEC 61869-3): 100 to 120 V between lines, or the root of 3 less.
_SECONDARY_V = (52.0, 132.0)
_HIGH_VOLTAGE_V = 1000.0


@dataclass(frozen=True, slots=True)
class Volts:
    """By phase, and by pair (``l1_l2``), as far as the meter tells them."""

    phases: Mapping[str, float]
    pairs: Mapping[str, float]


def volts_of(fitted: Fitted, values: Mapping[str, float]) -> Volts:
    wired = fitted.terminals[:1] if fitted.wiring == "1p2w" else PHASES
    phases = {phase: values[f"voltage_{phase}"] for phase in wired if f"voltage_{phase}" in values}
    pairs = {name.removeprefix("voltage_"): values[name] for name in VOLTAGES_LL if name in values}
    if fitted.wiring == "1p2w":
        pairs = {}
    return Volts({} if fitted.wiring == "3p3w" else phases, pairs)


def shape_of(fitted: Fitted, volts: Volts) -> Finding | None:
    """What is wrong with how the voltages stand to each other; None where nothing is."""
    shown = _judged(fitted, volts)
    if shown and max(shown.values()) < _NOTHING_V * fitted.vt:
        return failed(words.NO_VOLTAGE, volts=told(shown))
    if fitted.wiring == "1p2w":
        return None
    by_star = _star(fitted, volts) if len(volts.phases) == 3 else None
    return by_star or _lines(fitted, volts) or _unequal(fitted, volts)


def level_of(fitted: Fitted, volts: Volts) -> Finding | None:
    """What is wrong with how high they are."""
    shown = _judged(fitted, volts)
    if not shown:
        return None
    mean = sum(shown.values()) / len(shown)
    of_nominal = mean / fitted.nominal_v
    if _LEVEL[0] <= of_nominal <= _LEVEL[1]:
        return None
    facts = {"volts": told(shown), "nominal": fitted.nominal_v, "factor": f"{of_nominal:.3g}"}
    if fitted.vt > 1.0 and _LEVEL[0] <= of_nominal / fitted.vt <= _LEVEL[1]:
        return failed(words.VT_TWICE, **facts)
    if fitted.vt == 1.0 and fitted.nominal_v >= _HIGH_VOLTAGE_V and _between(mean, _SECONDARY_V):
        return failed(words.VT_LEFT_OUT, **facts)
    for factor in (_ROOT3, 1.0 / _ROOT3):
        if 0.92 <= of_nominal / factor <= 1.08:
            return failed(words.BASIS, wanted=float(f"{factor * fitted.nominal_v:.3g}"), basis=fitted.basis, **facts)
    return failed(words.NOMINAL, **facts)


def told(volts: Mapping[str, float]) -> str:
    """``l1 230.1 V, l2 0 V``; pairs as ``l1-l2``."""
    return ", ".join(f"{name.replace('_', '-')} {volt:.4g} V" for name, volt in volts.items())


def _judged(fitted: Fitted, volts: Volts) -> Mapping[str, float]:
    return volts.pairs if fitted.basis == "ll" and fitted.wiring != "1p2w" else volts.phases


def _between(value: float, span: tuple[float, float]) -> bool:
    return span[0] <= value <= span[1]


def _spread(volts: Mapping[str, float]) -> float:
    """Highest less lowest, of their mean."""
    return (max(volts.values()) - min(volts.values())) * len(volts) / (sum(volts.values()) or 1.0)


def _star(fitted: Fitted, volts: Volts) -> Finding | None:
    """From the voltages to neutral; those to earth drift by themselves where nothing is earthed."""
    even = _spread(volts.phases) < _UNEQUAL
    if even:
        return _same_phase(fitted, volts) or _turned(volts)
    if fitted.basis != "ln":
        return None
    return _neutral_swapped(fitted, volts) or _neutral_open(volts) or _missing(fitted, volts)


def _same_phase(fitted: Fitted, volts: Volts) -> Finding | None:
    for pair, volt in volts.pairs.items():
        phases = pair.split("_")
        if volt < 0.25 * max(volts.phases.values()):
            places = terminals(fitted, phases)
            return failed(words.VOLTAGE_DOUBLED, phases=named(phases), volts=told({pair: volt}), terminals=places)
    return None


def _turned(volts: Volts) -> Finding | None:
    """One of three transformers on its head: to both neighbours only what is to neutral, not the root of 3 of it."""
    mean = sum(volts.phases.values()) / 3.0
    low = [pair.split("_") for pair, volt in volts.pairs.items() if 0.85 < volt / mean < 1.2]
    if len(volts.pairs) != 3 or len(low) != 2:
        return None
    (phase,) = set(low[0]) & set(low[1])
    return failed(words.VT_REVERSED, phases=phase, volts=told(volts.pairs))


def _neutral_swapped(fitted: Fitted, volts: Volts) -> Finding | None:
    """One phase is as high as it should be, against the other two there are line-line voltages."""
    by_size = sorted(volts.phases, key=lambda phase: volts.phases[phase])
    low, mid, high = (volts.phases[phase] / fitted.nominal_v for phase in by_size)
    if _between(low, _LEVEL) and _between(mid / low, _NEAR_ROOT3) and _between(high / low, _NEAR_ROOT3):
        places = terminals(fitted, by_size[:1])
        return failed(words.NEUTRAL_SWAPPED, phases=by_size[0], volts=told(volts.phases), terminals=places)
    return None


def _neutral_open(volts: Volts) -> Finding | None:
    if len(volts.pairs) == 3 and _spread(volts.phases) > _EVEN and _spread(volts.pairs) < _EVEN_LINES:
        return failed(words.NEUTRAL_OPEN, volts=told(volts.phases), lines=told(volts.pairs))
    return None


def _missing(fitted: Fitted, volts: Volts) -> Finding | None:
    highest = max(volts.phases.values())
    gone = [phase for phase, volt in volts.phases.items() if volt < _MISSING * highest]
    if not gone:
        return None
    places = terminals(fitted, gone)
    return failed(words.VOLTAGE_MISSING, phases=named(gone), volts=told(volts.phases), terminals=places)


def _lines(fitted: Fitted, volts: Volts) -> Finding | None:
    """Without a neutral to measure against: what is common to two line-line voltages that are low."""
    if fitted.basis != "ll" or len(volts.pairs) != 3:
        return None
    low = [pair.split("_") for pair, volt in volts.pairs.items() if volt < 0.75 * max(volts.pairs.values())]
    if len(low) != 2:
        return None
    (phase,) = set(low[0]) & set(low[1])
    places = terminals(fitted, [phase])
    return failed(words.VOLTAGE_MISSING, phases=phase, volts=told(volts.pairs), terminals=places)


def _unequal(fitted: Fitted, volts: Volts) -> Finding | None:
    # To earth they may differ as they like: an earth fault of the network, told as an event.
    shown = volts.phases if fitted.basis == "ln" else volts.pairs
    if len(shown) == 3 and (spread := _spread(shown)) > _UNEQUAL:
        return failed(words.VOLTAGES_UNEQUAL, percent=100.0 * spread, volts=told(shown))
    return None
