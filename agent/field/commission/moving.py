"""What only time tells: whether values are renewed, how often, and whether the counter counts what flows. Pure."""

from collections.abc import Mapping

from agent.field.commission import words
from agent.field.commission.observed import Finding, Fitted, Seen, cannot_tell, failed
from drivers.quantities import TARIFFS

# Looks without a change, and over how long, before a meter is said to stand still.
_LOOKS, _STILL_S = 10, 10.0
_CHANGES = 5
# Of what the map says. A quiet network does not change every word at every renewal.
_SLOW = 3.0
# Steps of the counter that must be due before its standing still says something, and before its pace does.
_STEPS, _PACE_STEPS = 3.0, 8.0
_PACE = (0.6, 1.6)
_STEADY = 0.25
# So many times longer than it is uncertain the time must be.
_BLURS = 3.0


def renewal(fitted: Fitted, seen: Seen) -> list[Finding]:
    if seen.looks >= _LOOKS and seen.watched_s >= _STILL_S and not seen.changes:
        return [failed(words.FROZEN, seconds=seen.watched_s, looks=seen.looks)]
    found_s = refresh_s(seen)
    if found_s is not None and found_s > _SLOW * max(fitted.refresh_s, seen.watched_s / max(1, seen.looks)):
        return [cannot_tell(words.REFRESH_SLOW, found=found_s, expected=fitted.refresh_s)]
    return []


def refresh_s(seen: Seen) -> float | None:
    """How often its values were renewed: as the agent learnt it, or counted here; None where too few changes came."""
    if seen.refresh_s is not None:
        return seen.refresh_s
    return seen.watched_s / seen.changes if seen.changes >= _CHANGES else None


def counting(fitted: Fitted, seen: Seen) -> list[Finding]:
    """The energy counter against the power, in the direction in which that flows."""
    before_w, now_w = (values.get("active_power_total") for values in (seen.first, seen.values))
    if before_w is None or now_w is None or before_w * now_w <= 0.0 or not seen.elapsed_s:
        return []
    mean_w = (abs(before_w) + abs(now_w)) / 2.0
    name = f"active_energy_{'import' if now_w > 0.0 else 'export'}"
    start_wh, end_wh = _counted(seen.first, name), _counted(seen.values, name)
    if start_wh is None or end_wh is None:
        return []
    return _paced(fitted, seen, end_wh - start_wh, mean_w, steady=abs(abs(before_w) - abs(now_w)) < _STEADY * mean_w)


def _paced(fitted: Fitted, seen: Seen, counted_wh: float, mean_w: float, *, steady: bool) -> list[Finding]:
    """steady: the power was the same at both ends"""
    step_wh, expected_wh = fitted.energy_step_wh, mean_w * seen.elapsed_s / 3600.0
    if expected_wh < _STEPS * step_wh or seen.elapsed_s < _BLURS * seen.blur_s:
        step_s = 3600.0 * step_wh / mean_w
        slow = cannot_tell(words.COUNTER_SLOW, step_s=step_s, seconds=seen.elapsed_s, blur=seen.blur_s)
        return [] if counted_wh > 0.0 else [slow]
    facts = {"expected": expected_wh / 1000.0, "seconds": seen.elapsed_s}
    if counted_wh <= 0.0:
        return [failed(words.COUNTER_STANDS, **facts)]
    least_wh, most_wh = (mean_w * (seen.elapsed_s + way * seen.blur_s) / 3600.0 for way in (-1.0, 1.0))
    fits = _PACE[0] * least_wh <= counted_wh <= _PACE[1] * most_wh
    if steady and expected_wh >= _PACE_STEPS * step_wh and not fits:
        return [failed(words.COUNTER_PACE, ratio=counted_wh / expected_wh, counted=counted_wh / 1000.0, **facts)]
    return []


def _counted(values: Mapping[str, float], name: str) -> float | None:
    """The counter, or the sum of its tariffs where the meter has only those."""
    tariffs = [values[f"{name}_{tariff}"] for tariff in TARIFFS if f"{name}_{tariff}" in values]
    return values.get(name, sum(tariffs) if tariffs else None)
