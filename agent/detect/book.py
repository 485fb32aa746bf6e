"""Changes of one meter -> revisions of its events; and after a restart open events -> detector state.

Wall time is put on a start once, at the first revision, and never recomputed; on an end when it is seen. Durations
come from the boot clock, so a step of the wall clock changes none; a restart of the agent does not stop it, one of the
gateway does: then only the wall times are left (`agent.detect.ending`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Protocol

from agent.detect import book_state, chatter, comms, voltage
from agent.detect.book_state import Earlier, Said
from agent.detect.changes import Change, Detector, Span
from agent.detect.chatter import Chatter
from agent.detect.children import Children
from agent.detect.comms import COMMS_INITIAL
from agent.detect.ending import Across, ended, endless, is_away, less_sure
from agent.detect.evidence import Finding, Seen
from agent.detect.faults import KINDS
from agent.detect.known import Known
from agent.detect.merging import Memory
from agent.detect.meter_log import MeterLog, Told
from agent.detect.opening import BY_LOOK, BY_MINUTE, MeterFacts, id_maker, judged, opened, taking_over, unheard
from agent.detect.plates import Swap, changed
from agent.detect.resume import Resumed, across, crossed_of, last_sign_us, orphans, span_of, track_of
from agent.detect.sizes import classed, deepest_v, sized
from agent.detect.two_clocks import Before
from agent.records import ClockState, Event, Kind, Reading, State
from agent.replaced import replaced

__all__ = ["Book", "MeterFacts", "Resumed", "WallClock", "id_maker", "orphans"]

_UNSEEN = "no look at the voltages showed it"
_ENDLESS = "no look at the voltages shows when it was over: its end is not known"
_STATES: dict[str, State] = {"open": "open", "update": "open", "close": "closed", "retract": "retracted"}
# Of these a meter has tracks of their own: see `agent.detect.faults`.
_FAULTS: frozenset[Kind] = KINDS | {"stale_data"}


class WallClock(Protocol):
    """What `agent.clock.Clock` offers."""

    state: ClockState

    def wall_us(self, at_boot_us: int) -> int: ...

    def from_wall_us(self, at_us: int) -> int: ...


class Book:
    """The open events of one meter, as last told. earlier: what the run before kept of them."""

    def __init__(self, facts: MeterFacts, clock: WallClock, next_id: Callable[[], str]) -> None:
        self._facts = facts
        self._clock = clock
        self._next_id = next_id
        self.mode = facts.mode
        self.serial: str | None = None
        self._open: dict[tuple[Detector, int], Event] = {}
        self._across: dict[str, Across] = {}
        self._reboot: Across | None = None
        self._other_boot = Before()
        self._children = Children()
        self.earlier = Earlier(clock.from_wall_us)
        self._chatter = Chatter()
        self.before = Before()
        self._memory = Memory(facts.rules, self._wall_us, keeps=facts.latches)

    @property
    def open_events(self) -> tuple[Event, ...]:
        return tuple(self._open.values())

    def revise(
        self, changes: Iterable[Change], reported_boot_us: int, watch_s: float | None = None
    ) -> tuple[Event, ...]:
        """The revisions these changes make, in the order to be told. KeyError: a change of an unknown event.

        watch_s: how long after the look before it the deciding look came, for what begins; None: as the site asks
        """
        events: list[Event] = []
        for change in changes:
            event = self._revised(change, reported_boot_us, watch_s)
            events.append(event)
            if event.revision == 1:
                more = self._chatter.began(event.kind, event.id, change.span, reported_boot_us)
                events += [self._revised(one, reported_boot_us) for one in more]
            if event.state == "retracted":
                events += self._orphaned(event.id, reported_boot_us)
        return tuple(events)

    def refreshes(self, age_us: int) -> None:
        """How old the meter's registers may be, as learnt."""
        self._facts = replace(self._facts, rules=replace(self._facts.rules, age_us=age_us))

    def knows(self, finding: Finding) -> bool:
        """Whether it can be told by now which event a finding of the meter's own registers is about."""
        return self._memory.knows(finding)

    def given_back(self) -> tuple[Finding, ...]:
        """What its registers said that turned out to be of other events than it was told of."""
        return self._memory.given_back()

    def log(self, told: Iterable[Told], reported_boot_us: int) -> tuple[Event, ...]:
        """The revisions that the meter's own registers make: of the events they are about, or an event of their own."""
        events: list[Event] = []
        for one in told:
            shares, rest = self._memory.shared_out(one.finding)
            self._memory.take(one.finding, shares)
            events += [self._noted(*share, one.over_us, reported_boot_us) for share in shares]
            if rest is not None and rest.kind != "comms_loss":
                events += self._logged(Told(rest, one.over_us), reported_boot_us)
        return tuple(events)

    def remember(self, events: Iterable[Event], seen: Mapping[str, Seen]) -> None:
        """Closed events of an earlier run, which the meter's own registers may still have to say something about.
        seen: what those are compared with from now on"""
        for event in (event for event in events if event.state == "closed"):
            span = span_of(event, self.earlier)
            if event.end_us is not None and event.end_earliest_us is not None:
                end_us = self.earlier.from_wall_us(event.end_us)
                span = span.ended(end_us, end_us - (event.end_us - event.end_earliest_us))
            if self._memory.recalls(event.id, is_over=span.end_boot_us is not None):
                self._memory.put(event, span)
        self._memory.compared_from({name: one.value for name, one in seen.items()})

    def forget(self, log: MeterLog, reported_boot_us: int) -> tuple[Event, ...]:
        """What nothing more will be found of in the meter's own registers. The revisions that say what is their own for
        sure, now that all was read."""
        late = self._memory.forget(log.oldest_us, log.calm_us)
        return tuple(self._again(event, reported_boot_us) for event in late)

    def swapped(self, swap: Swap, reported_boot_us: int) -> Event:
        """Another meter answers."""
        wall_us = self._clock.wall_us
        blank = opened(self._facts, swap.change, self._next_id(), wall_us, self._clock.state)
        return changed(replaced(blank, mode=self.mode), swap, wall_us(reported_boot_us), wall_us)

    def settle(self, now_boot_us: int) -> tuple[Event, ...]:
        """Revisions that come of nothing having happened. Cheap while there is no chatter."""
        if not self._chatter.is_open:
            return ()
        kinds = {event.kind for event in self._open.values()}
        return tuple(self._revised(change, now_boot_us) for change in self._chatter.settled(now_boot_us, kinds))

    def to_keep(self, boot_id: str, offset_us: int) -> str:
        """What another run needs beside the events. offset_us: from the boot clock to UTC."""
        known = filter(None, (self._memory.get(event.id) for event in self._open.values()))
        starts = {one.event.id: one.span.start_boot_us for one in known}
        said = Said(starts, *self._chatter.known, self._memory.to_keep())
        return book_state.told(said, boot_id, offset_us)

    def resume(
        self,
        events: Iterable[Event],
        readings: Collection[Reading] = (),
        *,
        earlier: Earlier | None = None,
        now_us: int | None = None,
        recent: Iterable[Event] = (),
    ) -> Resumed:
        """Take up this meter's open events where another run left them, before the first look.

        readings: the last ones that run kept of this meter; they bound the end of what is over by now
        earlier: what else it kept; now_us: on the boot clock; recent: its last events, those that are over
        """
        rules, mine = self._facts.rules, [event for event in events if event.meter == self._facts.meter]
        earlier = self.earlier = self._placed(earlier or self.earlier, mine, last_sign_us(mine, readings), now_us)
        self._memory.recall(earlier.said.notes)
        silences = [event for event in mine if event.kind == "comms_loss"][:1]
        judged_kinds = BY_LOOK | BY_MINUTE.keys() | _FAULTS
        by_kind = {event.kind: event for event in mine if event.kind in judged_kinds and crossed_of(event, rules)}
        keys = {event.id: key for key, event in enumerate(by_kind.values(), 1)}
        self._open |= {("voltage", keys[event.id]): event for event in by_kind.values()}
        self._open |= {("comms", key): event for key, event in enumerate(silences, comms.RESUMED_KEY)}
        self._resume_chatter([event for event in mine if event.kind == "chatter"][:1])
        for event in self._open.values():
            self._across[event.id] = across(event, rules, earlier, now_us, readings)
            self._memory.put(event, span_of(event, earlier))
        for event in recent:
            if event.meter == self._facts.meter and event.parent in self._across:
                self._children.put(event)
        tracks = [track_of(event, keys, rules, earlier, readings) for event in by_kind.values()]
        shut = frozenset[Kind]().union(
            *(kinds for kind, kinds in BY_MINUTE.items() if kind in by_kind and by_kind[kind].supersedes)
        )
        by_look = tuple(track for track in tracks if track.kind in BY_LOOK)
        states = [comms.resumed(span_of(event, earlier), event.open_at_start) for event in silences]
        return Resumed(
            voltage=voltage.resumed(by_look, rules, shut - {track.kind for track in by_look}, len(keys) + 1),
            comms=states[0] if states else COMMS_INITIAL,
            orphans=tuple(event for event in mine if event.id not in self._across),
            slow=tuple(track for track in tracks if track.kind in BY_MINUTE),
            reference_v=next((track.reference_v for track in by_look), None),
            faults=tuple(track for track in tracks if track.kind in _FAULTS),
        )

    def _placed(self, earlier: Earlier, mine: Sequence[Event], last_us: int | None, now_us: int | None) -> Earlier:
        """Where the run before lies on the boot clock: if that began anew, before all that this run can know of."""
        if last_us is None or now_us is None:
            return earlier
        since_us = now_us if earlier.same_boot else now_us - self._facts.rules.reach_us
        earlier = earlier.over_by(last_us, since_us - 1)
        if not earlier.same_boot and mine:
            then = reduce(less_sure, (event.clock for event in mine))
            self._other_boot = Before(since_us, -earlier.from_wall_us(0), then)
            self._reboot = Across(since_us=now_us, last_us=last_us, then=then)
        return earlier

    def _resume_chatter(self, events: Iterable[Event]) -> None:
        said = self.earlier.said
        self._chatter.recall(said.began)
        for event in events:
            told_us = self.earlier.from_wall_us(event.reported_us)
            self._chatter.resume(event, span_of(event, self.earlier), told_us, said.counts)
            self._open["chatter", chatter.RESUMED_KEY] = event

    def _revised(self, change: Change, reported_boot_us: int, watch_s: float | None = None) -> Event:
        name = (change.detector, change.key)
        before = self._first(change, watch_s) if change.action == "open" else self._open[name]
        event = replaced(
            before,
            revision=before.revision + 1,
            state=_STATES[change.action],
            reported_us=self._clock.wall_us(reported_boot_us),
            clock=less_sure(before.clock, self._clock.state),
            meter_serial=before.meter_serial or self.serial,
        )
        event = self._sized(event, change)
        if event.state == "open":
            told = self._open[name] = self._told(event, change.span)
            return told
        del self._open[name]
        event, facts = self._ended(event, change.span, change.seen_us), self._facts
        deepest = deepest_v(event, change, facts.rules, facts.frequency_hz, facts.accuracy)
        event = classed(event, change, facts.rules, facts.frequency_hz, facts.accuracy)
        return self._told(event, change.span, deepest)

    def _told(self, event: Event, span: Span, deepest: Mapping[str, float] | None = None) -> Event:
        """As it goes out: with what the meter's own registers say of it."""
        self._memory.put(event, span, deepest)
        event = self._memory.noted(event)
        self._children.put(event)
        return event

    def _orphaned(self, parent: str, reported_boot_us: int) -> tuple[Event, ...]:
        """The event they lay inside was retracted."""
        events = self._children.orphaned(parent, self._open.values())
        return tuple(self._again(event, reported_boot_us, parent=event.parent) for event in events)

    def _again(self, event: Event, reported_boot_us: int, **changes: Any) -> Event:
        """The next revision of an event, open or over, of which no detector said anything."""
        known = self._memory.get(event.id)
        changes |= {"revision": event.revision + 1, "reported_us": self._clock.wall_us(reported_boot_us)}
        event = replaced(event, **changes)
        if known is not None:
            event = self._told(replaced(known.event, **changes), known.span)
        self._children.put(event)
        self._open |= {name: event for name, each in self._open.items() if each.id == event.id}
        return event

    def _noted(self, known: Known, finding: Finding, over_us: int | None, reported_boot_us: int) -> Event:
        """The next revision of a known event, with what the meter's own registers say of it."""
        event, span = known.event, known.span
        if not known.polled:
            span = self._memory.over(known, finding, over_us)
            event = endless(event) if span.end_boot_us is None else self._ended(event, span)
            self._memory.put(event, span)
        return self._again(event, reported_boot_us)

    def _named(self, event: Event, phases: frozenset[str]) -> Event:
        rules = self._facts.rules
        channels = tuple(rules.channels[i] for i, phase in enumerate(rules.phases) if phase in phases)
        return replaced(event, phases=tuple(sorted(phases)), channels=channels)

    def _logged(self, told: Told, reported_boot_us: int) -> list[Event]:
        """An event that only the meter itself saw. Its counters name their phases, and no window."""
        finding, memory, rules = told.finding, self._memory, self._facts.rules
        span = Span(finding.until_us, finding.since_us)
        span = span if told.over_us is None else span.ended(told.over_us, finding.since_us)
        change = Change(action="open", detector="log", key=0, kind=finding.kind, span=span)
        named = finding.phases or (frozenset(rules.phases) if finding.kind == "supply_loss" else frozenset())
        event = replaced(
            judged(self._first(change, None), change, self._facts, memory.parent(finding)),
            revision=1,
            state="closed",
            basis="meter_log",
            meter_serial=self.serial,
            reported_us=self._clock.wall_us(reported_boot_us),
            because=memory.silences(finding) if finding.kind == "supply_loss" else (),
            evidence=(_UNSEEN if told.over_us is not None or finding.stands else _ENDLESS,),
            window_s=None,
            watch_s=None,
        )
        event = self._ended(self._named(event, named), span)
        memory.note(Known(event, span), finding)
        event = memory.noted(event)
        self._children.put(event)
        more = self._chatter.began(event.kind, event.id, span, reported_boot_us)
        return [event, *(self._revised(one, reported_boot_us) for one in more)]

    def _first(self, change: Change, watch_s: float | None) -> Event:
        """The event before its first revision: what never changes. One that takes over takes over the start."""
        wall_us = self._clock.wall_us if change.detector == "log" else self._polled_us
        event = opened(self._facts, change, self._next_id(), wall_us, self._clock.state)
        event = replaced(event, mode=self.mode, watch_s=event.watch_s if watch_s is None else watch_s)
        reboot, until_us = None if change.detector == "log" else self._reboot, self._other_boot.until_us
        if reboot is not None and until_us is not None and change.span.start_earliest_boot_us < until_us:
            self._across[event.id] = reboot
            event = replaced(event, clock=less_sure(event.clock, reboot.then))
        if change.detector != "voltage":
            return unheard(event, self._facts, self._open.values())
        parent = None if change.parent is None else self._open["voltage", change.parent].id
        event = judged(event, change, self._facts, parent)
        earlier = [self._open["voltage", key] for key in change.supersedes]
        for old in sorted(earlier, key=lambda one: one.start_us, reverse=True):  # the earliest start stays
            known = self._memory.get(old.id)
            same = known is None or known.span.start_boot_us == change.span.start_boot_us
            event = taking_over(event, old, same_start=same)
            if old.id in self._across:
                self._across[event.id] = self._across[old.id]
            self._memory.taken_over(old.id, event, change.span)
            self._children.taken_over(old.id, event.id)
        return event

    def _sized(self, event: Event, change: Change) -> Event:
        away = self._across.get(event.id)
        if away is None:
            return sized(event, change, self._facts.rules)
        # The pause that a restart makes is told in words of its own: the detector cannot know when it began.
        said = replaced(event, evidence=tuple(words for words in event.evidence if not is_away(words)))
        event = sized(said, replace(change, unseen_us=0), self._facts.rules)
        return replaced(event, evidence=(*event.evidence, away.words(self._clock.wall_us, self._clock.state)))

    def _ended(self, event: Event, span: Span, watched_us: int | None = None) -> Event:
        wall_us, now = self._clock.wall_us if event.basis == "meter_log" else self._polled_us, self._clock.state
        event = ended(event, span, wall_us, self._across.get(event.id), watched_us, now)
        return self.before.bounded(event, span)

    def _polled_us(self, at_boot_us: int) -> int:
        """UTC of what was seen; of what the run before saw as it was told then."""
        return self._other_boot.wall_us(at_boot_us, self._clock.wall_us)

    def _wall_us(self, at_boot_us: int) -> int:
        return self.before.wall_us(at_boot_us, self._clock.wall_us)
