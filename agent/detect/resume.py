"""An open event found in the journal -> what a detector needs to go on with it.

Nothing is known of the time between two runs, and of the run before only what the journal kept: its readings, each
with the highest and lowest voltage of its interval. The latest of them that proves the event bounds its end; without
one it may have ended as soon as it began. The first reading decides: recovered closes it, bad continues it.
"""

from collections.abc import Callable, Iterable, Mapping

from agent.detect.changes import Figure, Span
from agent.detect.thresholds import Levels, Rules, levels_of
from agent.detect.tracks import Track
from agent.records import Event, Reading


def span_of(event: Event, from_wall_us: Callable[[int], int]) -> Span:
    """Back to boot time by today's wall clock; what began before this boot is negative."""
    start_us = from_wall_us(event.start_us)
    return Span(start_us, start_us - (event.start_us - event.start_earliest_us))


def crossed_of(event: Event, rules: Rules) -> tuple[int, ...]:
    """The channels that went beyond the threshold, as far as they are still wired."""
    told = set(event.channels) & event.extreme_by_channel.keys()
    return tuple(i for i, channel in enumerate(rules.channels) if channel in told)


def proven_until_us(event: Event, readings: Iterable[Reading], rules: Rules) -> int | None:
    """UTC of the start of the latest interval throughout which the event went on; None if no reading proves it."""
    proofs = (
        reading.time_us - round(reading.window_s * 1e6)
        for reading in readings
        if reading.time_us - round(reading.window_s * 1e6) >= event.start_us and _proves(event, reading, rules)
    )
    return max(proofs, default=None)


def _proves(event: Event, reading: Reading, rules: Rules) -> bool:
    levels, keys = _levels(event, rules), [f"voltage_{phase}" for phase in rules.phases]
    crossed = [keys[i] for i in crossed_of(event, rules)]
    high = {key: reading.max[key] for key in keys if key in reading.max}
    match event.kind:
        case "sag":
            return any(high[key] < levels.sag for key in crossed if key in high)
        case "phase_loss":
            return all(key in high and high[key] < levels.phase for key in crossed)
        case "supply_loss":
            return all(key in high and high[key] < levels.loss for key in keys)
        case "swell":
            return any(reading.min[key] > levels.swell for key in crossed if key in reading.min)
        case "undervoltage":
            return any(high[key] < rules.limits_v[0] for key in crossed if key in high)
        case "overvoltage":
            return any(reading.min[key] > rules.limits_v[1] for key in crossed if key in reading.min)
        case _:
            return False


def _levels(event: Event, rules: Rules) -> Levels:
    """An event keeps the reference it began with."""
    if event.reference != "sliding" or event.reference_v is None:
        return rules.levels
    return levels_of(rules.thresholds, event.reference_v, rules.nominal_v)


def figure_of(event: Event) -> Figure | None:
    if event.unbalance_pct is None or event.unbalance_method is None:
        return None
    return Figure(event.unbalance_method, event.unbalance_pct)


def track_of(
    event: Event,
    keys: Mapping[str, int],
    rules: Rules,
    from_wall_us: Callable[[int], int],
    readings: Iterable[Reading] = (),
) -> Track:
    """keys: by event id, of the events that are taken up together; readings: what the journal has of the meter."""
    span, crossed = span_of(event, from_wall_us), crossed_of(event, rules)
    proven_us = proven_until_us(event, readings, rules)
    proven_boot_us = span.start_earliest_boot_us if proven_us is None else from_wall_us(proven_us) - rules.reach_us
    worst = event.unbalance_pct or event.peak_v or event.residual_v
    return Track(
        kind=event.kind,
        key=keys[event.id],
        span=span,
        last_bad_us=max(span.start_earliest_boot_us, proven_boot_us),
        extremes=tuple(event.extreme_by_channel.get(channel) for channel in rules.channels),
        crossed=crossed,
        parent=None if event.parent is None else keys.get(event.parent),
        open_at_start=event.open_at_start,
        reference_v=event.reference_v if event.reference == "sliding" else rules.reference_v,
        figure=figure_of(event),
        told_us=span.start_boot_us,
        told_worst=0.0 if worst is None else worst,
        told_crossed=len(crossed),
    )
