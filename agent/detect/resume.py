"""An open event found in the journal -> what a detector needs to go on with it.

Nothing is known of the time between two runs, and of the run before only what the journal kept: its readings, each
with the highest and lowest voltage of its interval. The latest of them that proves the event bounds its end; without
one it may have ended as soon as it began. The first reading decides: recovered closes it, bad continues it. How long
it lasted at least is told by the longest row of such readings without a pause.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from agent.detect.book_state import Earlier
from agent.detect.changes import Figure, Span
from agent.detect.comms import CommsState
from agent.detect.ending import Across
from agent.detect.thresholds import Levels, Rules, levels_of
from agent.detect.tracks import Track
from agent.detect.voltage import VoltageState
from agent.detect.watched import part_proven
from agent.records import Event, Reading

# Between two readings of one row: they end on a grid, and so may begin a little late.
_NO_PAUSE_US = 500_000

Of = Callable[[Iterable[bool]], bool]


@dataclass(frozen=True, slots=True)
class Resumed:
    """slow: tracks of what is judged by the minute; reference_v: of the open events, where it slides.

    orphans: open events of this meter that its rules cannot continue (a channel no longer wired, a second of
    one kind); what becomes of them is for the caller to decide."""

    voltage: VoltageState
    comms: CommsState
    orphans: tuple[Event, ...]
    slow: tuple[Track, ...] = ()
    reference_v: float | None = None
    faults: tuple[Track, ...] = ()


def orphans(events: Iterable[Event], meters: Collection[str]) -> tuple[Event, ...]:
    """Open events of meters that the site no longer has."""
    return tuple(event for event in events if event.scope == "meter" and event.meter not in meters)


def span_of(event: Event, earlier: Earlier) -> Span:
    """Back to boot time; what began before this boot is negative."""
    start_us = earlier.start_us(event)
    return Span(start_us, start_us - (event.start_us - event.start_earliest_us))


def last_sign_us(events: Iterable[Event], readings: Iterable[Reading]) -> int | None:
    """UTC of the last that the run before left of a meter."""
    times = [time_us for event in events for time_us in (event.start_us, event.reported_us)]
    return max([*times, *(reading.time_us for reading in readings)], default=None)


def across(event: Event, rules: Rules, earlier: Earlier, now_us: int | None, readings: Collection[Reading]) -> Across:
    """What the restart means for this event."""
    exact, away_us, last_us = earlier.exact(event), None, earlier.last_us
    if exact and now_us is not None and last_us is not None and not earlier.stepped:
        away_us = max(0, now_us - earlier.from_wall_us(last_us))
    return Across(exact, proven_us(event, readings, rules), away_us, now_us, last_us, event.clock)


def crossed_of(event: Event, rules: Rules) -> tuple[int, ...]:
    """The channels that went beyond the threshold, as far as they are still wired."""
    told = set(event.channels) & event.extreme_by_channel.keys()
    return tuple(i for i, channel in enumerate(rules.channels) if channel in told)


def proven_until_us(event: Event, readings: Iterable[Reading], rules: Rules) -> int | None:
    """UTC of the start of the latest interval throughout which the event went on; None if no reading proves it."""
    return max((_interval(reading)[0] for reading in _proofs(event, readings, rules, any)), default=None)


def proven_us(event: Event, readings: Iterable[Reading], rules: Rules) -> int:
    """The longest row of readings that prove the event, less what their first and last look may reach back; and of
    that the part of a window that no row of short dips explains (`agent.detect.watched`). Of a sag they prove all its
    channels: it may part, and what one showed says nothing of another."""
    longest_us, began_us, ended_us, part = 0.0, 0, None, 1.0
    for reading in sorted(_proofs(event, readings, rules, all), key=_interval):
        from_us, until_us = _interval(reading)
        if ended_us is None or from_us - ended_us > _NO_PAUSE_US:
            began_us, part = from_us, 1.0
        ended_us, part = until_us, min(part, _part(event, reading, rules))
        longest_us = max(longest_us, part * (from_us - rules.reach_us - began_us))
    return int(longest_us)


def _part(event: Event, reading: Reading, rules: Rules) -> float:
    if event.kind in ("undervoltage", "overvoltage"):
        return 1.0  # its own measure is a mean
    nearest = reading.min if event.kind == "swell" else reading.max
    keys = (f"voltage_{rules.phases[i]}" for i in crossed_of(event, rules))
    return part_proven(event.kind, [nearest[key] for key in keys if key in nearest], rules)


def _proofs(event: Event, readings: Iterable[Reading], rules: Rules, of: Of) -> Iterable[Reading]:
    return (one for one in readings if _interval(one)[0] >= event.start_us and _proves(event, one, rules, of))


def _interval(reading: Reading) -> tuple[int, int]:
    return reading.time_us - round(reading.window_s * 1e6), reading.time_us


def _proves(event: Event, reading: Reading, rules: Rules, of: Of) -> bool:
    """of: of a sag, whether any channel below the threshold proves it, or all"""
    levels, keys = _levels(event, rules), [f"voltage_{phase}" for phase in rules.phases]
    crossed = [keys[i] for i in crossed_of(event, rules)]
    high = {key: reading.max[key] for key in keys if key in reading.max}
    match event.kind:
        case "sag":
            return of([key in high and high[key] < levels.sag for key in crossed])
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
    return Figure(event.unbalance_method, event.unbalance_pct, event.unbalance_nema_pct)


def track_of(
    event: Event,
    keys: Mapping[str, int],
    rules: Rules,
    earlier: Earlier,
    readings: Iterable[Reading] = (),
) -> Track:
    """keys: by event id, of the events that are taken up together; readings: what the journal has of the meter."""
    span, crossed = span_of(event, earlier), crossed_of(event, rules)
    # A wall clock that was set since then does not say where on the boot clock the readings lie.
    proven_us = None if earlier.stepped else proven_until_us(event, readings, rules)
    proven_boot_us = span.start_earliest_boot_us
    if proven_us is not None:
        proven_boot_us = span.start_boot_us + (proven_us - event.start_us) - rules.reach_us
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
