"""An open event found in the journal -> what a detector needs to go on with it.

Nothing is known of the time between two runs: the event may have ended as soon as it began, so the last look that
proved it counts no later than start_earliest. The first reading decides: recovered closes it, bad continues it.
"""

from collections.abc import Callable, Mapping

from agent.detect.changes import Span
from agent.detect.thresholds import Rules
from agent.detect.tracks import Track
from agent.records import Event


def span_of(event: Event, from_wall_us: Callable[[int], int]) -> Span:
    """Back to boot time by today's wall clock; what began before this boot is negative."""
    start_us = from_wall_us(event.start_us)
    return Span(start_us, start_us - (event.start_us - event.start_earliest_us))


def crossed_of(event: Event, rules: Rules) -> tuple[int, ...]:
    """The channels that went beyond the threshold, as far as they are still wired."""
    told = set(event.channels) & event.extreme_by_channel.keys()
    return tuple(i for i, channel in enumerate(rules.channels) if channel in told)


def track_of(event: Event, keys: Mapping[str, int], rules: Rules, from_wall_us: Callable[[int], int]) -> Track:
    """keys: by event id, of the events that are taken up together."""
    span, crossed = span_of(event, from_wall_us), crossed_of(event, rules)
    worst = event.peak_v if event.kind == "swell" else event.residual_v
    return Track(
        kind=event.kind,
        key=keys[event.id],
        span=span,
        last_bad_us=span.start_earliest_boot_us,
        extremes=tuple(event.extreme_by_channel.get(channel) for channel in rules.channels),
        crossed=crossed,
        parent=None if event.parent is None else keys.get(event.parent),
        open_at_start=event.open_at_start,
        told_us=span.start_boot_us,
        told_worst=0.0 if worst is None else worst,
        told_crossed=len(crossed),
    )
