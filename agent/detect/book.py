"""Changes of one meter -> revisions of its events; and after a restart open events -> detector state.

Wall time is put on a start once, at the first revision, and never recomputed; on an end when it is seen. Durations
come from the boot clock, so a step of the wall clock changes none. Across a restart only the wall times are left:
the clock's uncertainty, then and now, is added to the durations.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol

from agent.detect import chatter, comms, voltage
from agent.detect.changes import Change, Detector, Span
from agent.detect.chatter import Chatter
from agent.detect.comms import COMMS_INITIAL, CommsState
from agent.detect.evidence import Finding
from agent.detect.merging import Known, Memory
from agent.detect.meter_log import Told
from agent.detect.resume import crossed_of, span_of, track_of
from agent.detect.sizes import classed, sized
from agent.detect.slow import SLOW_TABLE
from agent.detect.table import TABLE
from agent.detect.thresholds import Rules
from agent.detect.tracks import Track
from agent.detect.voltage import VoltageState
from agent.records import ClockState, Event, Kind, Mode, Reading, State

_RESUMED = "the agent restarted inside it: times across the restart rest on the wall clock"
_UNSEEN = "no look at the voltages showed it"
_STATES: dict[str, State] = {"open": "open", "update": "open", "close": "closed", "retract": "retracted"}
# What is judged look by look, by the reference; and what minute by minute, with the kinds whose place it takes.
_BY_LOOK: frozenset[Kind] = frozenset(row.kind for row in TABLE)
_BY_MINUTE: dict[Kind, frozenset[Kind]] = {row.kind: frozenset(row.replaces) for row in SLOW_TABLE}


class WallClock(Protocol):
    """What `agent.clock.Clock` offers."""

    state: ClockState

    def wall_us(self, at_boot_us: int) -> int: ...

    def from_wall_us(self, at_us: int) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFacts:
    """What every event of a meter says of it. config: hash of site and map; customers: (fewest, most); rules: as
    they are before a sliding reference has moved; latches: it keeps evidence of its own."""

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
    frequency_hz: float = 50.0
    latches: bool = False


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
        self._chatter = Chatter()
        self._memory = Memory(facts.rules, clock.wall_us, keeps=facts.latches)

    @property
    def open_events(self) -> tuple[Event, ...]:
        return tuple(self._open.values())

    def revise(
        self, changes: Iterable[Change], reported_boot_us: int, watch_s: float | None = None
    ) -> tuple[Event, ...]:
        """The revisions these changes make, in the order to be told. KeyError: a change of an unknown event.

        watch_s: how long after the look before it the deciding look came; None: as the site asks
        """
        events: list[Event] = []
        for change in changes:
            event = self._revised(change, reported_boot_us)
            events.append(event if watch_s is None else replace(event, watch_s=watch_s))
            if event.revision == 1:
                more = self._chatter.began(event.kind, event.id, change.span, reported_boot_us)
                events += [self._revised(one, reported_boot_us) for one in more]
        return tuple(events)

    def knows(self, finding: Finding) -> bool:
        """Whether there is an event that a finding of the meter's own registers is about."""
        return bool(self._memory.about(finding))

    def log(self, told: Iterable[Told], reported_boot_us: int) -> tuple[Event, ...]:
        """The revisions that the meter's own registers make: of the events they are about, or an event of their own."""
        events: list[Event] = []
        for one in told:
            known = self._memory.about(one.finding)
            shared = len(known) > 1
            events += [self._noted(each, one, reported_boot_us, shared=shared) for each in known]
            if not known and one.finding.kind != "comms_loss":
                events += self._logged(one, reported_boot_us)
        return tuple(events)

    def remember(self, events: Iterable[Event]) -> None:
        """Closed events of an earlier run, which the meter's own registers may still have to say something about."""
        from_wall_us = self._clock.from_wall_us
        for event in events:
            if event.state == "closed" and event.end_us is not None and event.end_earliest_us is not None:
                end_us = from_wall_us(event.end_us)
                span = span_of(event, from_wall_us).ended(end_us, end_us - (event.end_us - event.end_earliest_us))
                self._memory.put(event, span)

    def forget(self, before_boot_us: int | None) -> None:
        """Of what was over before that nothing more will be found in the meter's own registers; None: of anything."""
        self._memory.forget(before_boot_us)

    def settle(self, now_boot_us: int) -> tuple[Event, ...]:
        """Revisions that come of nothing having happened. Cheap while there is no chatter."""
        if not self._chatter.is_open:
            return ()
        kinds = {event.kind for event in self._open.values()}
        return tuple(self._revised(change, now_boot_us) for change in self._chatter.settled(now_boot_us, kinds))

    def resume(self, events: Iterable[Event], readings: Collection[Reading] = ()) -> Resumed:
        """Take up this meter's open events where another run left them, before the first look.

        readings: the last ones that run kept of this meter; they bound the end of what is over by now
        """
        rules, from_wall_us = self._facts.rules, self._clock.from_wall_us
        mine = [event for event in events if event.meter == self._facts.meter]
        silences = [event for event in mine if event.kind == "comms_loss"][:1]
        judged = _BY_LOOK | _BY_MINUTE.keys()
        by_kind = {event.kind: event for event in mine if event.kind in judged and crossed_of(event, rules)}
        keys = {event.id: key for key, event in enumerate(by_kind.values(), 1)}
        self._open |= {("voltage", keys[event.id]): event for event in by_kind.values()}
        self._open |= {("comms", key): event for key, event in enumerate(silences, comms.RESUMED_KEY)}
        self._resume_chatter([event for event in mine if event.kind == "chatter"][:1])
        self._resumed = {event.id for event in self._open.values()}
        for event in self._open.values():
            self._memory.put(event, span_of(event, from_wall_us))
        tracks = [track_of(event, keys, rules, from_wall_us, readings) for event in by_kind.values()]
        shut = frozenset[Kind]().union(
            *(kinds for kind, kinds in _BY_MINUTE.items() if kind in by_kind and by_kind[kind].supersedes)
        )
        by_look = tuple(track for track in tracks if track.kind in _BY_LOOK)
        states = [comms.resumed(span_of(event, from_wall_us), event.open_at_start) for event in silences]
        return Resumed(
            voltage=voltage.resumed(by_look, rules, shut - {track.kind for track in by_look}, len(keys) + 1),
            comms=states[0] if states else COMMS_INITIAL,
            orphans=tuple(event for event in mine if event.id not in self._resumed),
            slow=tuple(track for track in tracks if track.kind in _BY_MINUTE),
            reference_v=next((track.reference_v for track in by_look), None),
        )

    def _resume_chatter(self, events: Iterable[Event]) -> None:
        for event in events:
            now_boot_us = self._clock.from_wall_us(event.reported_us)
            self._chatter.resume(event, span_of(event, self._clock.from_wall_us), now_boot_us)
            self._open["chatter", chatter.RESUMED_KEY] = event

    def _revised(self, change: Change, reported_boot_us: int) -> Event:
        name = (change.detector, change.key)
        before = self._first(change) if change.action == "open" else self._open[name]
        event = replace(
            self._sized(before, change),
            revision=before.revision + 1,
            state=_STATES[change.action],
            reported_us=self._clock.wall_us(reported_boot_us),
            clock=_less_sure(before.clock, self._clock.state),
        )
        if event.state == "open":
            told = self._open[name] = self._memory.noted(event)
        else:
            del self._open[name]
            event = self._ended(event, change.span, before.clock)
            event = classed(event, change, self._facts.rules, self._facts.frequency_hz)
            told = self._memory.noted(event)
        self._memory.put(event, change.span)
        return told

    def _noted(self, known: Known, told: Told, reported_boot_us: int, *, shared: bool) -> Event:
        """The next revision of a known event, with what the meter's own registers say of it."""
        self._memory.note(known, told.finding, shared=shared)
        event, span = known.event, known.span
        event = replace(event, revision=event.revision + 1, reported_us=self._clock.wall_us(reported_boot_us))
        if not known.polled and span.end_boot_us is not None and span.end_boot_us < told.over_us:
            span = replace(span, end_boot_us=told.over_us)
            event = self._ended(event, span, event.clock)
        self._memory.put(event, span)
        event = self._memory.noted(event)
        self._open |= {name: event for name, each in self._open.items() if each.id == event.id}
        return event

    def _logged(self, told: Told, reported_boot_us: int) -> list[Event]:
        """An event that only the meter itself saw. Its counters name their phases, and no window."""
        finding, memory, rules = told.finding, self._memory, self._facts.rules
        span = Span(finding.until_us, finding.since_us).ended(told.over_us, finding.since_us)
        change = Change(action="open", detector="log", key=0, kind=finding.kind, span=span)
        named = finding.phases or (frozenset(rules.phases) if finding.kind == "supply_loss" else frozenset())
        event = replace(
            self._judged(self._first(change), change),
            revision=1,
            state="closed",
            basis="meter_log",
            reported_us=self._clock.wall_us(reported_boot_us),
            parent=memory.parent(finding),
            because=memory.silences(finding) if finding.kind == "supply_loss" else (),
            phases=tuple(sorted(named)),
            channels=tuple(rules.channels[i] for i, phase in enumerate(rules.phases) if phase in named),
            evidence=(_UNSEEN,),
            window_s=None,
            watch_s=None,
        )
        event = self._ended(event, span, event.clock)
        memory.note(Known(event, span), finding)
        more = self._chatter.began(event.kind, event.id, span, reported_boot_us)
        return [memory.noted(event), *(self._revised(one, reported_boot_us) for one in more)]

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
            reference_v=(change.reference_v if change.kind in _BY_LOOK else None) or rules.nominal_v,
            reference=rules.reference if change.kind in _BY_LOOK else "declared",
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
            self._memory.taken_over(old.id, event, change.span)
        return event

    def _sized(self, event: Event, change: Change) -> Event:
        event = sized(event, change, self._facts.rules)
        return replace(event, evidence=(*event.evidence, _RESUMED)) if event.id in self._resumed else event

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
