"""How big an event is: what a change's voltages, currents and figures become in its record. Pure."""

from dataclasses import replace

from agent.detect.changes import Change
from agent.detect.classes import Classified, classes
from agent.detect.thresholds import Rules
from agent.detect.words import evidence
from agent.records import Event, Kind

_RISES: frozenset[Kind] = frozenset({"swell", "overvoltage"})


def sized(event: Event, change: Change, rules: Rules) -> Event:
    """With the extremes, figures and words of this change."""
    event = replace(event, evidence=evidence(change, rules))
    if change.detector != "voltage":
        return replace(event, because=change.because)
    volts = dict(zip(rules.channels, change.extremes, strict=True))
    event = replace(
        event,
        extreme_by_channel={channel: value for channel, value in volts.items() if value is not None},
        channels=tuple(rules.channels[i] for i in change.crossed),
        phases=tuple(rules.phases[i] for i in change.crossed),
    )
    return _sided(_figured(event, change), change)


def _figured(event: Event, change: Change) -> Event:
    figure = change.figure
    if figure is not None and change.kind == "rapid_change":
        return replace(event, change_pct=figure.percent)
    if figure is not None:
        return replace(event, unbalance_pct=figure.percent, unbalance_method=figure.name)
    reference_v = event.reference_v or 1.0
    if change.kind in _RISES:
        peak_v = max(event.extreme_by_channel.values())
        return replace(event, peak_v=peak_v, peak_pct=100 * peak_v / reference_v)
    residual_v = min(event.extreme_by_channel.values())
    return replace(event, residual_v=residual_v, residual_pct=100 * residual_v / reference_v)


def _sided(event: Event, change: Change) -> Event:
    """A change that knows nothing of it takes nothing back."""
    if change.sag_energy_s is not None:
        event = replace(event, sag_energy_s=change.sag_energy_s)
    if change.side is None:
        return event
    side = change.side
    return replace(event, i_before=side.i_before, i_during=side.i_during, direction=side.direction)


def classed(event: Event, change: Change, rules: Rules, frequency_hz: float) -> Event:
    """An ended event with what it would be called."""
    if event.duration_min_s is None:
        return event
    gap_s = None if change.gap_us is None else (change.gap_us + rules.age_us) / 1e6
    facts = Classified(
        kind=event.kind,
        residual_pct=event.residual_pct,
        peak_pct=event.peak_pct,
        duration_min_s=event.duration_min_s,
        duration_max_s=event.duration_max_s,
        frequency_hz=frequency_hz,
        window_s=rules.window_us / 1e6,
        phases=event.phases,
        wired=len(rules.channels),
        gap_s=gap_s,
        accuracy_pct=event.accuracy_pct or 0.0,
    )
    return replace(event, classes=classes(facts))
