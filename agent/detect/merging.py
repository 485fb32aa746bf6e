"""Which event a finding of the meter's own registers belongs to, and what it adds to that event.

    what is known of this meter when a counter moved       what becomes of it
    -----------------------------------------------------  --------------------------------------------------------
    polled events of that kind whose intervals meet the    each gets a new revision that names the counter; once it
    two reads, open or closed                              is over also the meter's own extreme, if that is its own:
                                                           no other event is met, and no counter counted two
    else an event of the meter's own log that meets them,  the same
    and whose counters did not count again
    none                                                   an event of its own, `basis` ``meter_log``

Under- and overvoltages are met only where they begin or end: what is counted in the middle of one is another event
inside it.

The interval of the reads begins with the age of the registers before the first of them: a read that was asked later
than that after the end of an event has said all about it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from agent.detect.changes import Span
from agent.detect.evidence import Finding, Move
from agent.detect.own_words import OWN, words_of
from agent.detect.thresholds import Rules
from agent.records import Event, Kind

# The kinds that a finding may be about, the likeliest first.
_ABOUT: Mapping[Kind, tuple[Kind, ...]] = {
    "sag": ("sag", "phase_loss", "supply_loss", "undervoltage"),
    "swell": ("swell", "overvoltage"),
    "supply_loss": ("supply_loss",),
    "comms_loss": ("comms_loss",),
}
_SLOW: tuple[Kind, ...] = ("undervoltage", "overvoltage")
# What may enclose it, the closest first.
_INSIDE: Mapping[Kind, tuple[Kind, ...]] = {
    "sag": ("undervoltage",),
    "swell": ("overvoltage",),
    "supply_loss": ("phase_loss", "sag", "undervoltage"),
}
# Closed events that are kept while registers cannot be read; the oldest go.
_CLOSED_KEPT = 64


@dataclass(frozen=True, slots=True)
class Note:
    """What the meter's registers said of one event. moves: by register; shared: some of them are about another event
    as well; words: of an earlier run"""

    moves: Mapping[str, Move] = field(default_factory=dict)
    shared: bool = False
    words: tuple[str, ...] = ()

    def more(self, finding: Finding, *, shared: bool) -> "Note":
        moves = dict(self.moves)
        for move in finding.moves:
            before = moves.get(move.latch.name)
            moves[move.latch.name] = move if before is None else before.then(move)
        return replace(self, moves=moves, shared=self.shared or shared)

    def extremes(self, *, surely: bool) -> dict[str, float]:
        """The meter's own by phase; surely: leaving out those that may be another event's."""
        twice = {move.latch.phase for move in self.moves.values() if move.count > 1} if surely else set()
        return {
            move.latch.phase: move.after
            for move in self.moves.values()
            if move.latch.row.how in ("low", "high") and move.latch.phase is not None and move.latch.phase not in twice
        }


@dataclass(frozen=True, slots=True)
class Known:
    """An event, open or lately closed, as it is without the note. span: on the boot clock; its end is None while it is
    open."""

    event: Event
    span: Span
    note: Note = Note()

    @property
    def polled(self) -> bool:
        return self.event.basis != "meter_log"

    def met_by(self, finding: Finding) -> bool:
        """Their intervals meet."""
        end_us = self.span.end_boot_us
        return self.span.start_earliest_boot_us < finding.until_us and (end_us is None or end_us > finding.asked_us)

    def may_be(self, finding: Finding) -> bool:
        """The cause of it."""
        if not self.met_by(finding):
            return False
        if self.event.kind in _SLOW and self.span.end_boot_us is None:
            return self.span.start_boot_us > finding.asked_us
        return self.polled or finding.counters.isdisjoint(self.note.moves)


class Memory:
    """The events of one meter that a finding may be about, with what was found so far."""

    def __init__(self, rules: Rules, wall_us: Callable[[int], int], *, keeps: bool) -> None:
        """keeps: whether closed events are remembered: not where the meter has no such registers."""
        self._rules = rules
        self._wall_us = wall_us
        self._keeps = keeps
        self._known: dict[str, Known] = {}

    def put(self, event: Event, span: Span) -> None:
        """An event as it stands now, without what was found of it."""
        known = self._known.pop(event.id, None)
        if event.state == "open" or (event.state == "closed" and self._keeps):
            self._known[event.id] = Known(event, span, known.note if known else _kept(event))
        closed = [one.event.id for one in self._known.values() if one.event.state == "closed"]
        for id_ in closed[:-_CLOSED_KEPT]:
            del self._known[id_]

    def forget(self, before_us: int | None) -> None:
        """Nothing more will be found of what was over before that; None: of anything that is over."""
        ended = [
            one.event.id
            for one in self._known.values()
            if one.span.end_boot_us is not None and (before_us is None or one.span.end_boot_us <= before_us)
        ]
        for id_ in ended:
            del self._known[id_]

    def taken_over(self, id_: str, by: Event, span: Span) -> None:
        """One event turned out to be another: what was found of it stays true."""
        known = self._known.get(id_)
        if known is not None:
            self._known[by.id] = Known(by, span, known.note)

    def about(self, finding: Finding) -> tuple[Known, ...]:
        """The known events that it may be about: all that were polled, or else the last of the meter's own."""
        for kind in _ABOUT[finding.kind]:
            found = [one for one in self._known.values() if one.event.kind == kind and one.may_be(finding)]
            if found:
                return tuple(one for one in found if one.polled) or (found[-1],)
        return ()

    def parent(self, finding: Finding) -> str | None:
        """The id of the event that encloses it."""
        around = [one.event for one in self._known.values() if one.met_by(finding)]
        for kind in _INSIDE.get(finding.kind, ()):
            for event in around:
                if event.kind == kind:
                    return event.id
        return None

    def silences(self, finding: Finding) -> tuple[str, ...]:
        """Ids of the silences in which it came about."""
        met = (one.event for one in self._known.values() if one.event.kind == "comms_loss" and one.met_by(finding))
        return tuple(event.id for event in met)

    def note(self, known: Known, finding: Finding, *, shared: bool = False) -> None:
        """shared: the finding is about another event as well."""
        self._known[known.event.id] = replace(known, note=known.note.more(finding, shared=shared))

    def noted(self, event: Event) -> Event:
        """With what was found of it."""
        known = self._known.get(event.id)
        if known is None or not (known.note.moves or known.note.words):
            return event
        note = known.note
        said = (*note.words, *(words_of(move, self._wall_us) for move in note.moves.values()))
        event = replace(event, evidence=(*(words for words in event.evidence if not words.startswith(OWN)), *said))
        if event.state == "open" or note.shared:
            return event
        by_phase = note.extremes(surely=known.polled)
        channels = zip(self._rules.phases, self._rules.channels, strict=True)
        volts = {channel: by_phase[phase] for phase, channel in channels if phase in by_phase}
        return _sized(event, volts) if volts else event


def _kept(event: Event) -> Note:
    """An event of an earlier run keeps what was said of it."""
    return Note(words=tuple(words for words in event.evidence if words.startswith(OWN)))


def _sized(event: Event, volts: Mapping[str, float]) -> Event:
    """The meter saw more than polling: its extremes improve the bounds."""
    high = event.kind in ("swell", "overvoltage")
    worst = max if high else min
    extremes = dict(event.extreme_by_channel)
    for channel, value in volts.items():
        extremes[channel] = worst(extremes.get(channel, value), value)
    before, now = event.peak_v if high else event.residual_v, worst(extremes.values())
    if before is not None and worst(before, now) == before:
        return replace(event, extreme_by_channel=extremes)
    pct = 100 * now / (event.reference_v or 1.0)
    # Verdicts are about all that polling leaves possible. A deeper sag violates all the more; the rest is void.
    left = {name: word for name, word in event.classes.items() if word == "violates"}
    event = replace(event, extreme_by_channel=extremes, classes=left)
    if high:
        return replace(event, peak_v=now, peak_pct=pct)
    return replace(event, residual_v=now, residual_pct=pct)
