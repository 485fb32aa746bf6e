"""Values as people read them: gauges with the digits a meter really gave, once, where they are made. Pure.

Counters stay as they are: an energy of 12 345 678.9 kWh has more than 7 digits, and all of them count.
"""

from collections.abc import Mapping

from agent.records import Event, Reading
from agent.replaced import replaced
from drivers.quantities import CATALOGUE

_COUNTERS = frozenset(quantity.id for quantity in CATALOGUE.values() if quantity.counter)


def tidy(value: float) -> float:
    """7 significant digits, all that a float32 register carries: 99.73, not 99.72999572753906."""
    return float(f"{value:.7g}")


def tidied_reading(reading: Reading) -> Reading:
    """Numbers that stand in it more than once are rounded once."""
    known: dict[float, float] = {}
    values = _tidied(reading.values, known)
    # Of a single look all three are one.
    low = values if reading.min is reading.values else _tidied(reading.min, known)
    high = low if reading.max is reading.min else _tidied(reading.max, known)
    return Reading(
        reading.meter,
        reading.time_us,
        reading.window_s,
        reading.quality,
        reading.flags,
        values,
        low,
        high,
        reading.seen_s,
    )


def tidied_event(event: Event) -> Event:
    return replaced(
        event,
        reference_v=_tidy(event.reference_v),
        residual_v=_tidy(event.residual_v),
        residual_pct=_tidy(event.residual_pct),
        peak_v=_tidy(event.peak_v),
        peak_pct=_tidy(event.peak_pct),
        i_before=_tidy(event.i_before),
        i_during=_tidy(event.i_during),
        sag_energy_s=_tidy(event.sag_energy_s),
        unbalance_pct=_tidy(event.unbalance_pct),
        unbalance_nema_pct=_tidy(event.unbalance_nema_pct),
        change_pct=_tidy(event.change_pct),
        extreme_by_channel=tidied_values(event.extreme_by_channel),
    )


def _tidy(value: float | None) -> float | None:
    return None if value is None else tidy(value)


def tidied_values(values: Mapping[str, float]) -> dict[str, float]:
    """Gauges tidy, counters with every digit."""
    return _tidied(values, {})


def _tidied(values: Mapping[str, float], known: dict[float, float]) -> dict[str, float]:
    tidied = {}
    for key, value in values.items():
        if key in _COUNTERS:
            tidied[key] = value
            continue
        near = known.get(value)
        if near is None:
            near = known[value] = tidy(value)
        tidied[key] = near
    return tidied
