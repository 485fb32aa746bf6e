"""How big an event is: what a change's voltages, currents and figures become in its record. Pure."""

from dataclasses import replace
from math import inf

from agent.detect.accuracy import Accuracy
from agent.detect.changes import Change
from agent.detect.classes import Classified, classes, locus_of
from agent.detect.curves import HIGHEST_OUTSIDE, LOWEST_OUTSIDE
from agent.detect.side import is_reason
from agent.detect.thresholds import Rules
from agent.detect.words import evidence
from agent.records import Event, Kind
from agent.replaced import replaced

_RISES: frozenset[Kind] = frozenset({"swell", "overvoltage"})
# Their voltages are not known, or say nothing of the supply; and what they were told with stays as it was.
_UNSIZED: frozenset[Kind] = frozenset({"vt_failure", "earth_fault", "stale_data"})
_OWN_WORDS = _UNSIZED | {"neutral_fault"}
# They begin and end far below 90 %: nothing says that the voltage around them was normal.
_DEEP: frozenset[Kind] = frozenset({"supply_loss", "phase_loss"})


def sized(event: Event, change: Change, rules: Rules) -> Event:
    """With the extremes, figures and words of this change."""
    if change.evidence or change.kind not in _OWN_WORDS:
        # Currents from before a restart are not gathered anew: what they said stays true.
        side = () if change.side else tuple(words for words in event.evidence if is_reason(words))
        event = replaced(event, evidence=(*evidence(change, rules), *side))
    if change.detector != "voltage":
        return replaced(event, because=change.because)
    volts = dict(zip(rules.channels, change.extremes, strict=True))
    event = replaced(
        event,
        extreme_by_channel={channel: value for channel, value in volts.items() if value is not None},
        channels=tuple(rules.channels[i] for i in change.crossed),
        phases=tuple(rules.phases[i] for i in change.crossed),
    )
    return _sided(_figured(event, change), change)


def _figured(event: Event, change: Change) -> Event:
    figure = change.figure
    if figure is not None and change.kind == "rapid_change":
        return replaced(event, change_pct=figure.percent)
    if figure is not None:
        return replaced(
            event, unbalance_pct=figure.percent, unbalance_method=figure.name, unbalance_nema_pct=figure.nema
        )
    if change.kind in _UNSIZED:
        return event
    reference_v = event.reference_v or 1.0
    if change.kind in _RISES or change.kind == "neutral_fault":
        peak_v = max(event.extreme_by_channel.values())
        event = replaced(event, peak_v=peak_v, peak_pct=100 * peak_v / reference_v)
    if change.kind in _RISES:
        return event
    residual_v = min(event.extreme_by_channel.values())
    return replaced(event, residual_v=residual_v, residual_pct=100 * residual_v / reference_v)


def _sided(event: Event, change: Change) -> Event:
    """A change that knows nothing of it takes nothing back."""
    if change.sag_energy_s is not None:
        event = replaced(event, sag_energy_s=change.sag_energy_s)
    if change.side is None:
        return event
    side = change.side
    return replaced(event, i_before=side.i_before, i_during=side.i_during, direction=side.direction)


def classed(event: Event, change: Change, rules: Rules, frequency_hz: float, accuracy: Accuracy) -> Event:
    """An ended event with what it would be called."""
    facts = _facts(event, change, rules, frequency_hz, accuracy)
    if facts is None:
        return event
    if change.sag_energy_s is not None and (locus := locus_of(facts)) is not None:
        # No refresh was skipped, so the window that shows the least bounds the duration, too: power-quality.md 9.6.
        event = replaced(event, duration_min_s=max(event.duration_min_s or 0.0, locus.shortest_possible_s))
    named = classes(facts)
    return replaced(event, classes=named, evidence=event.evidence + (accuracy.words if named else ()))


def deepest_v(event: Event, change: Change, rules: Rules, frequency_hz: float, accuracy: Accuracy) -> dict[str, float]:
    """By phase: as far as the voltage can have gone in an ended event of one level, in V. What the meter itself saw
    go further was another event."""
    facts = _facts(event, change, rules, frequency_hz, accuracy)
    if facts is None:
        return {}
    if facts.watched_s is not None:
        facts = replace(facts, duration_min_s=facts.watched_s)
    found: dict[str, float] = {}
    for phase, volts in zip(rules.phases, change.extremes, strict=True):
        pct = None if volts is None else 100 * volts / rules.nominal_v
        locus = locus_of(replace(facts, residual_pct=pct, peak_pct=pct))
        if locus is not None:
            found[phase] = rules.nominal_v * locus.harshest(locus.shortest_possible_s)
    return found


def _facts(event: Event, change: Change, rules: Rules, frequency_hz: float, accuracy: Accuracy) -> Classified | None:
    if event.duration_min_s is None or change.detector != "voltage":
        return None
    known = [volts for volts in change.extremes if volts is not None]
    proven_s = inf if change.proven_us is None else change.proven_us / 1e6
    return Classified(
        kind=event.kind,
        residual_pct=_of_nominal(event.residual_v, rules),
        peak_pct=_of_nominal(event.peak_v, rules),
        spared_pct=_of_nominal(max(known), rules) if known and len(known) == len(change.extremes) else None,
        duration_min_s=min(event.duration_min_s, proven_s),
        duration_max_s=event.duration_max_s,
        watched_s=None if change.watched_us is None else change.watched_us / 1e6,
        frequency_hz=frequency_hz,
        window_s=rules.window_us / 1e6,
        phases=event.phases,
        wired=len(rules.channels),
        gap_s=None if change.gap_us is None else (change.gap_us + rules.age_us) / 1e6,
        accuracy_pct=accuracy.reckoned_pct,
        outside=_outside(event, rules),
    )


def _of_nominal(volts: float | None, rules: Rules) -> float | None:
    """Curves and cells know no other reference, whatever the event was judged by."""
    return None if volts is None else 100 * volts / rules.nominal_v


def _outside(event: Event, rules: Rules) -> tuple[float, float]:
    """Lowest and highest the voltage can have been before and after, in pu of the declared one."""
    slid = (event.reference_v or rules.nominal_v) / rules.nominal_v
    inside = event.parent is not None or event.kind in _DEEP
    if event.kind in _RISES:
        return LOWEST_OUTSIDE * slid, inf if inside else HIGHEST_OUTSIDE * slid
    return 0.0 if inside else LOWEST_OUTSIDE * slid, HIGHEST_OUTSIDE * slid
