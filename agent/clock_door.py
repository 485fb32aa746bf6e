"""The last door before the journal: what was told by a clock that was not set yet is told right from the anchor on.

Whoever told an event goes on with the instants it gave out, and the same revisions; both are put right here, by id and
field. What it adds after the anchor is right already.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.clock import Clock
from agent.journal.shifts import FLAG, SURE_US, Shift, corrected_us, instants, shift_of
from agent.keeps import Keeps
from agent.records import ClockState, Event, Incident, Reading, Trace

# Of so many it is known what was told of them.
REMEMBERED = 4096
_STAMPS = 1000

Told = TypeVar("Told", Event, Incident)


@dataclass(slots=True)
class _Fix:
    """raw: what was told, by field; right: what it should have been; more: revisions told beside its teller's."""

    raw: dict[str, int]
    right: dict[str, int]
    clock: ClockState
    words: str
    more: int = 0


class TimeDoor:
    """Stands where the journal would.

    turn: how often wall times came again: readings of each have microseconds of their own
    """

    def __init__(self, journal: Keeps, clock: Clock) -> None:
        self.turn = 0
        self._journal = journal
        self._clock = clock
        self._raw: OrderedDict[str, Event | Incident] = OrderedDict()
        self._fixes: dict[str, _Fix] = {}
        self._untold: set[str] = set()

    def add_reading(self, reading: Reading) -> object:
        time_us, flags = reading.time_us, reading.flags
        if self.turn:
            time_us = time_us // _STAMPS * _STAMPS + self.turn % _STAMPS
        if self._is_doubtful() and FLAG not in flags:
            flags = tuple(sorted((*flags, FLAG)))
        if (time_us, flags) != (reading.time_us, reading.flags):
            reading = replace(reading, time_us=time_us, flags=flags)
        return self._journal.add_reading(reading)

    def add_event(self, event: Event) -> object:
        return self._journal.add_event(self._told(event))

    def add_incident(self, incident: Incident) -> object:
        return self._journal.add_incident(self._told(incident))

    def add_trace(self, trace: Trace) -> object:
        fix = self._fixes.get(trace.event)
        if fix is not None and trace.start_us == fix.raw["start_us"]:
            trace = replace(trace, start_us=fix.right["start_us"])
        return self._journal.add_trace(trace)

    def keep(self, name: str, text: str) -> object:
        return self._journal.keep(name, text)

    def remember(self, told: Event | Incident) -> None:
        """It was told before the anchor, by this run or another one."""
        self._raw[told.id] = told
        self._raw.move_to_end(told.id)
        if len(self._raw) > REMEMBERED:
            self._raw.popitem(last=False)

    def anchored(self, shifts: Sequence[Shift], words: str) -> None:
        """From now on everything is right."""
        for id_, told in self._raw.items():
            raw = instants(told)
            right = {name: corrected_us(at_us, shifts) for name, at_us in raw.items()}
            shift = shift_of(told.reported_us, shifts)
            if shift is None:
                continue
            bound_s = max(shift.bound_us(at_us) for at_us in right.values()) / 1e6
            self._fixes[id_] = _Fix(raw, right, ClockState(True, bound_s), words)
        self._untold = set(self._fixes)
        self._raw.clear()

    def forget(self) -> None:
        """What was told stays as it is."""
        self._raw.clear()

    @property
    def untold(self) -> frozenset[str]:
        """What was told wrong and not right yet."""
        return frozenset(self._untold)

    def tell_again(self, told: Event | Incident) -> None:
        """The youngest revision, as the journal now hands it out: once more, with what became of its times."""
        fix = self._fixes.get(told.id)
        if fix is None or told.id not in self._untold:
            return
        self._untold.discard(told.id)
        fix.more += 1
        changes = {"revision": told.revision + 1, "reported_us": self._clock.wall_us(), "clock": fix.clock}
        if isinstance(told, Event):
            self._journal.add_event(replace(told, **changes, evidence=(*told.evidence, fix.words)))  # type: ignore[arg-type]
        else:
            self._journal.add_incident(replace(told, **changes))  # type: ignore[arg-type]

    def _told(self, told: Told) -> Told:
        if self._clock.guess:
            self.remember(told)
            return told
        fix = self._fixes.get(told.id)
        if fix is None:
            return self._inherited(told)
        self._untold.discard(told.id)
        moved = {name: fix.right[name] for name, at_us in instants(told).items() if fix.raw.get(name) == at_us}
        told = replace(told, **moved, revision=told.revision + fix.more, clock=fix.clock)  # type: ignore[arg-type]
        if isinstance(told, Event) and fix.words not in told.evidence:
            return replace(told, evidence=(*told.evidence, fix.words))
        return told

    def _inherited(self, told: Told) -> Told:
        """A new one may take over the start of another that it supersedes."""
        if not self._fixes or not isinstance(told, Event):
            return told
        moved = {
            name: fix.right[name]
            for id_ in told.supersedes
            if (fix := self._fixes.get(id_)) is not None
            for name, at_us in instants(told).items()
            if name != "reported_us" and fix.raw.get(name) == at_us
        }
        return replace(told, **moved) if moved else told  # type: ignore[arg-type]

    def is_sure(self) -> bool:
        """Instants that are told now are right, to a second."""
        return not self._is_doubtful()

    def _is_doubtful(self) -> bool:
        state = self._clock.state
        return self._clock.guess or (state.uncertainty_s or 0.0) * 1e6 > SURE_US
