"""Changes of one meter -> revisions of its events; and after a restart open events -> detector state.

Wall time is put on a start once, at the first revision, and never recomputed; on an end when it is seen. Durations
come from the boot clock, so a step of the wall clock changes none. Across a restart only the wall times are left:
the clock's uncertainty, then and now, is added to the durations.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol

from agent.detect import comms, voltage
from agent.detect.changes import Change, Detector, Span
from agent.detect.comms import COMMS_INITIAL, CommsState
from agent.detect.resume import crossed_of, span_of, track_of
from agent.detect.thresholds import Rules
from agent.detect.voltage import VoltageState
from agent.detect.words import evidence
from agent.records import ClockState, Event, Mode, Reading, State

_RESUMED = "the agent restarted inside it: times across the restart rest on the wall clock"
_STATES: dict[str, State] = {"open": "open", "update": "open", "close": "closed", "retract": "retracted"}


class WallClock(Protocol):
    """What `agent.clock.Clock` offers."""

    state: ClockState

    def wall_us(self, at_boot_us: int) -> int: ...

    def from_wall_us(self, at_us: int) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFacts:
    """What every event of a meter says of it. config: hash of site and map; customers: (fewest, most)."""

    meter: str
    rules: Rules
    config: str
    line: str | None = None
    feeder: str | None = None
    path: tuple[str, ...] = ()
    customers: tuple[int, int] | None = None
    accuracy_pct: float | None = None
    watch_s: float | None = None
    mode: Mode = "normal"


@dataclass(frozen=True, slots=True)
class Resumed:
    """orphans: open events of this meter that its rules cannot continue (a channel no longer wired, a second of
    one kind); what becomes of them is for the caller to decide."""

    voltage: VoltageState
    comms: CommsState
    orphans: tuple[Event, ...]


def id_maker(gateway: str, epoch: str) -> Callable[[], str]:
    """Ids for all meters of one run: ``gateway-epoch-1``, ``-2`` ..."""
    numbers = count(1)
    return lambda: f"{gateway}-{epoch}-{next(numbers)}"


def orphans(events: Iterable[Event], meters: Collection[str]) -> tuple[Event, ...]:
    """Open events of meters that the site no longer has."""
    return tuple(event for event in events if event.scope == "meter" and event.meter not in meters)


class Book:
    """The open events of one meter, as last told."""

    def __init__(self, facts: MeterFacts, clock: WallClock, next_id: Callable[[], str]) -> None:
        self._facts = facts
        self._clock = clock
        self._next_id = next_id
        self._open: dict[tuple[Detector, int], Event] = {}
        self._resumed: set[str] = set()

    @property
    def open_events(self) -> tuple[Event, ...]:
        return tuple(self._open.values())

    def revise(
        self, changes: Iterable[Change], reported_boot_us: int, watch_s: float | None = None
    ) -> tuple[Event, ...]:
        """The revisions these changes make, in the order to be told. KeyError: a change of an unknown event.

        watch_s: how long after the look before it the deciding look came; None: as the site asks
        """
        reported_us = self._clock.wall_us(reported_boot_us)
        events = tuple(self._revised(change, reported_us) for change in changes)
        return events if watch_s is None else tuple(replace(event, watch_s=watch_s) for event in events)

    def resume(self, events: Iterable[Event], readings: Collection[Reading] = ()) -> Resumed:
        """Take up this meter's open events where another run left them, before the first look.

        readings: the last ones that run kept of this meter; they bound the end of what is over by now
        """
        rules, from_wall_us = self._facts.rules, self._clock.from_wall_us
        mine = [event for event in events if event.meter == self._facts.meter]
        silences = [event for event in mine if event.kind == "comms_loss"][:1]
        by_kind = {event.kind: event for event in mine if crossed_of(event, rules)}
        keys = {event.id: key for key, event in enumerate(by_kind.values(), 1)}
        self._open |= {("voltage", keys[event.id]): event for event in by_kind.values()}
        self._open |= {("comms", key): event for key, event in enumerate(silences, comms.RESUMED_KEY)}
        self._resumed = {event.id for event in self._open.values()}
        tracks = tuple(track_of(event, keys, rules, from_wall_us, readings) for event in by_kind.values())
        states = [comms.resumed(span_of(event, from_wall_us), event.open_at_start) for event in silences]
        return Resumed(
            voltage=voltage.resumed(tracks, rules),
            comms=states[0] if states else COMMS_INITIAL,
            orphans=tuple(event for event in mine if event.id not in self._resumed),
        )

    def _revised(self, change: Change, reported_us: int) -> Event:
        name = (change.detector, change.key)
        before = self._first(change) if change.action == "open" else self._open[name]
        event = replace(
            self._sized(before, change),
            revision=before.revision + 1,
            state=_STATES[change.action],
            reported_us=reported_us,
            clock=_less_sure(before.clock, self._clock.state),
        )
        if event.state == "open":
            self._open[name] = event
            return event
        del self._open[name]
        return self._ended(event, change.span, before.clock)

    def _first(self, change: Change) -> Event:
        """The event before its first revision: what never changes. One that takes over takes over the start."""
        facts, span = self._facts, change.span
        start_us = self._clock.wall_us(span.start_boot_us)
        event = Event(
            id=self._next_id(),
            kind=change.kind,
            revision=0,
            state="open",
            scope="meter",
            basis="measured",
            reported_us=start_us,
            start_us=start_us,
            start_earliest_us=start_us - (span.start_boot_us - span.start_earliest_boot_us),
            meter=facts.meter,
            line=facts.line,
            feeder=facts.feeder,
            path=facts.path,
            mode=facts.mode,
            watch_s=facts.watch_s,
            clock=self._clock.state,
            profile=facts.rules.profile,
            config=facts.config,
            open_at_start=change.open_at_start,
        )
        return self._judged(event, change) if change.detector == "voltage" else event

    def _judged(self, event: Event, change: Change) -> Event:
        """What only voltage events have. Silence has no customers either: unknown is not an outage."""
        facts, rules = self._facts, self._facts.rules
        event = replace(
            event,
            parent=None if change.parent is None else self._open["voltage", change.parent].id,
            voltage_basis=rules.basis,
            reference_v=rules.reference_v,
            reference="declared",
            accuracy_pct=facts.accuracy_pct,
            window_s=rules.window_us / 1e6,
            customers=facts.customers,
        )
        for key in change.supersedes:
            old = self._open["voltage", key]
            event = replace(
                event,
                supersedes=(*event.supersedes, old.id),
                start_us=old.start_us,
                start_earliest_us=old.start_earliest_us,
                clock=old.clock,
            )
            if old.id in self._resumed:
                self._resumed.add(event.id)
        return event

    def _sized(self, event: Event, change: Change) -> Event:
        rules = self._facts.rules
        words = evidence(change, rules)
        if event.id in self._resumed:
            words = (*words, _RESUMED)
        if change.detector != "voltage":
            return replace(event, evidence=words)
        volts = dict(zip(rules.channels, change.extremes, strict=True))
        extremes = {channel: value for channel, value in volts.items() if value is not None}
        event = replace(
            event,
            evidence=words,
            extreme_by_channel=extremes,
            channels=tuple(rules.channels[i] for i in change.crossed),
            phases=tuple(rules.phases[i] for i in change.crossed),
        )
        if change.kind == "swell":
            peak_v = max(extremes.values())
            return replace(event, peak_v=peak_v, peak_pct=100 * peak_v / rules.reference_v)
        residual_v = min(extremes.values())
        return replace(event, residual_v=residual_v, residual_pct=100 * residual_v / rules.reference_v)

    def _ended(self, event: Event, span: Span, clock_then: ClockState) -> Event:
        """With end and durations; as it is if the span has none: a retracted event has not ended."""
        bounds = span.duration_us
        if bounds is None or span.end_boot_us is None or span.end_earliest_boot_us is None:
            return event
        slack_s = 0.0
        if event.id in self._resumed:
            slack_s = _uncertainty_s(clock_then) + _uncertainty_s(self._clock.state)
        end_us = self._clock.wall_us(span.end_boot_us)
        return replace(
            event,
            end_us=end_us,
            end_earliest_us=end_us - (span.end_boot_us - span.end_earliest_boot_us),
            duration_min_s=max(0.0, bounds[0] / 1e6 - slack_s),
            duration_max_s=bounds[1] / 1e6 + slack_s,
        )


def _less_sure(one: ClockState, other: ClockState) -> ClockState:
    """An event's times are no better than the worse of the clocks that gave them."""
    synced = None if None in (one.synced, other.synced) else True
    if False in (one.synced, other.synced):
        synced = False
    if one.uncertainty_s is None or other.uncertainty_s is None:
        return ClockState(synced, None)
    return ClockState(synced, max(one.uncertainty_s, other.uncertainty_s))


def _uncertainty_s(clock: ClockState) -> float:
    """What cannot be told adds nothing: the evidence says in words that the wall clock was used."""
    return 0.0 if clock.uncertainty_s is None else clock.uncertainty_s
