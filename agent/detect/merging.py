"""Which event a finding of the meter's own registers belongs to, and what it adds to that event.

    what moved between two reads                           what becomes of it
    -----------------------------------------------------  --------------------------------------------------------
    a counter of a phase on which polled events of that    each of them gets a new revision that names it; what it
    kind meet the two reads, open or closed                counted beyond their number is an event of its own
    a minimum (maximum) of such a phase                    likewise; once the event is over it improves its residual,
                                                           if that is its own: no other event is met, no counter
                                                           counted two. One that the event cannot have held, by what
                                                           the looks at it showed, is an event of its own, unless the
                                                           counter of the phase says that there was no other
    anything of another phase                              an event of its own
    what has no phase                                      told to all events of that kind that meet the two reads
    limits that their owner has set                        told to all events of the voltage that meet the two reads
    a flag that was cleared                                told to the events that were told that it was set; the end of
                                                           one of the meter's own, if no look showed that

An event of its own has `basis` ``meter_log``; it is told again where it meets the reads and its counters did not count
again.

Under- and overvoltages are met only where they begin or end: what is counted in the middle of one is another event
inside it.

The interval of the reads begins with the age of the registers before the first of them: a read that was asked later
than that after the end of an event has said all about it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.detect.changes import Span
from agent.detect.evidence import Finding, Latch, Move
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
# What limits may be about.
_VOLTAGE: tuple[Kind, ...] = ("supply_loss", "phase_loss", "sag", "swell", "undervoltage", "overvoltage")
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
    as well; words: of an earlier run; counted: registers that have counted this event"""

    moves: Mapping[str, Move] = field(default_factory=dict)
    shared: bool = False
    words: tuple[str, ...] = ()
    counted: frozenset[str] = frozenset()

    def more(self, finding: Finding, *, shared: bool) -> "Note":
        moves = dict(self.moves)
        for move in finding.moves:
            before = moves.get(move.latch.name)
            moves[move.latch.name] = move if before is None else before.then(move)
        return replace(self, moves=moves, shared=self.shared or shared)

    @property
    def stands(self) -> bool:
        """A flag that was set because of it is still set."""
        return any(move.stands for move in self.moves.values())

    def has_set(self, latch: Latch) -> bool:
        """That flag, which is still set."""
        return latch.name in self.moves and self.moves[latch.name].stands

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
    open; deepest: by phase, how far by what the looks showed the voltage can have gone, in V."""

    event: Event
    span: Span
    note: Note = Note()
    deepest: Mapping[str, float] = field(default_factory=dict)

    @property
    def polled(self) -> bool:
        return self.event.basis != "meter_log"

    @property
    def is_over(self) -> bool:
        return self.span.end_boot_us is not None

    def concerns(self, move: Move) -> bool:
        """It is on that phase, or on a line-line voltage with it."""
        phase = move.latch.phase
        return phase is None or any(phase in each.split("_") for each in self.event.phases)

    def can_hold(self, move: Move) -> bool:
        """Nothing that the looks showed is against it. While it is open there is nothing that could be."""
        limit_v = self.deepest.get(move.latch.phase or "")
        if limit_v is None:
            return True
        return move.after <= limit_v if move.latch.row.how == "high" else move.after >= limit_v

    def may_go(self, before_us: int) -> bool:
        """It was over before that, and no flag of it is to be cleared."""
        return self.span.end_boot_us is not None and self.span.end_boot_us <= before_us and not self.note.stands

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

    def put(self, event: Event, span: Span, deepest: Mapping[str, float] | None = None) -> None:
        """An event as it stands now, without what was found of it. deepest: None says nothing new."""
        known = self._known.pop(event.id, None)
        if event.state == "open" or (event.state == "closed" and self._keeps):
            before = Known(event, span, _kept(event)) if known is None else known
            self._known[event.id] = Known(event, span, before.note, before.deepest if deepest is None else deepest)
        closed = [one.event.id for one in self._known.values() if one.event.state == "closed"]
        for id_ in closed[:-_CLOSED_KEPT]:
            del self._known[id_]

    def get(self, id_: str) -> Known | None:
        """An event that is open, or was lately."""
        return self._known.get(id_)

    def forget(self, before_us: int | None) -> None:
        """Nothing more will be found of what was over before that; None: of anything that is over."""
        over = [one for one in self._known.values() if (one.is_over if before_us is None else one.may_go(before_us))]
        for id_ in [one.event.id for one in over]:
            del self._known[id_]

    def taken_over(self, id_: str, by: Event, span: Span) -> None:
        """One event turned out to be another: what was found of it stays true."""
        known = self._known.get(id_)
        if known is not None:
            self._known[by.id] = Known(by, span, known.note)

    def knows(self, finding: Finding) -> bool:
        """All of it can be told now: whether an event held an extreme is known when it is over, and what no event
        seems to be about may be about one that the next look shows."""
        shares, left = self.shared_out(finding)
        waits = any(one.polled and not one.is_over for one, _ in shares) and not _explained(finding)
        # Whether an event of the meter's own goes on, the next looks tell.
        waits = waits or (finding.stands and not all(one.polled for one, _ in shares))
        return bool(shares) and left is None and not waits

    def about(self, finding: Finding) -> tuple[Known, ...]:
        """The known events that some of it may be about."""
        return tuple(known for known, _ in self.shared_out(finding)[0])

    def shared_out(self, finding: Finding) -> tuple[tuple[tuple[Known, Finding], ...], Finding | None]:
        """Which of its moves are about which events, and those that are about none."""
        if finding.clears:
            return self._cleared(finding), None
        extra = {move.latch.name: self._extra(move, finding) for move in finding.moves if move.count}
        doubtful = {move.latch.phase for move in finding.moves if extra.get(move.latch.name, 0) > 0}
        counted = {move.latch.phase for move in finding.moves if move.count} - doubtful
        kept: dict[str, list[Move]] = {}
        rest: list[Move] = []
        for move in finding.moves:
            sure = bool(move.count) or move.latch.phase in counted
            mine = [one for one in self._polled(move, finding) if sure or one.can_hold(move)]
            for one in mine:
                kept.setdefault(one.event.id, []).append(move)
            if not mine:
                rest.append(move)
            elif extra.get(move.latch.name, 0) > 0:
                rest.append(replace(_since_first(move, mine), count=extra[move.latch.name]))
        shares = [(self._known[id_], Finding(finding.kind, tuple(moves))) for id_, moves in kept.items()]
        if not rest:
            return tuple(shares), None
        left = Finding(finding.kind, tuple(rest))
        if left.kind == "supply_loss" and left.phases != finding.phases:
            left = replace(left, kind="sag")
        own = self._own(left)
        return (*shares, *((one, left) for one in own)), None if own else left

    def _cleared(self, finding: Finding) -> tuple[tuple[Known, Finding], ...]:
        told = ((one, [move for move in finding.moves if one.note.has_set(move.latch)]) for one in self._known.values())
        return tuple((one, Finding(finding.kind, tuple(moves))) for one, moves in told if moves)

    def _polled(self, move: Move, finding: Finding) -> tuple[Known, ...]:
        """The polled events that it may be about: all of the likeliest kind there is."""
        if finding.by_owner:
            every = (one for one in self._known.values() if one.event.kind in _VOLTAGE and one.polled)
            return tuple(one for one in every if one.may_be(finding))
        for kind in _ABOUT[finding.kind]:
            found = [one for one in self._known.values() if one.event.kind == kind and one.polled]
            found = [one for one in found if one.concerns(move) and one.may_be(finding)]
            if found:
                return tuple(found)
        return ()

    def _own(self, finding: Finding) -> tuple[Known, ...]:
        """The last of the meter's own events that it may be about, if there is one."""
        for kind in _ABOUT[finding.kind]:
            found = [one for one in self._known.values() if one.event.kind == kind and one.may_be(finding)]
            own = [one for one in found if not one.polled]
            if own:
                return (own[-1],)
        return ()

    def _extra(self, move: Move, finding: Finding) -> int:
        """What it counted beyond the polled events that it may have counted."""
        kinds = _ABOUT[finding.kind]
        met = [one for one in self._known.values() if one.polled and one.event.kind in kinds]
        met = [one for one in met if one.concerns(move) and one.may_be(finding)]
        ids = {one.event.id for one in met}
        free = [one for one in met if one.event.parent not in ids and move.latch.name not in one.note.counted]
        return move.count - len(free)

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

    def take(self, shares: Sequence[tuple[Known, Finding]], left: Finding | None) -> None:
        """What was shared out. Of a register that counted fewer than it may be about, it was the earliest; of one that
        counted more it is not known which, so that what it counts next may still be any of them."""
        others = [finding for known, finding in shares if not known.polled] + ([left] if left else [])
        unsure = {name for finding in others for name in finding.counters}
        counts: dict[str, int] = {}
        for known, finding in sorted(shares, key=lambda share: share[0].span.start_boot_us):
            counted = set(known.note.counted)
            for move in finding.moves:
                name = move.latch.name
                if move.count and name not in counted | unsure and counts.setdefault(name, move.count) > 0:
                    counts[name] -= 1
                    counted.add(name)
            shared = sum(not set(finding.moves).isdisjoint(other.moves) for _, other in shares) > 1
            note = replace(known.note.more(finding, shared=shared), counted=frozenset(counted))
            self._known[known.event.id] = replace(known, note=note)

    def over(self, known: Known, finding: Finding, over_us: int | None) -> Span:
        """The span of an event of the meter's own after this finding. over_us: as `Told.over_us`"""
        span, note = known.span, self._known[known.event.id].note
        if finding.clears and (span.end_boot_us is not None or note.stands):
            return span
        if over_us is None:
            return Span(span.start_boot_us, span.start_earliest_boot_us)
        if span.end_boot_us is not None and span.end_boot_us >= over_us:
            return span
        return span.ended(over_us, span.end_earliest_boot_us or span.start_earliest_boot_us)

    def note(self, known: Known, finding: Finding) -> None:
        """An event of the meter's own, which this finding is all about."""
        self._known[known.event.id] = replace(known, note=known.note.more(finding, shared=False))

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


def _since_first(move: Move, known: Sequence[Known]) -> Move:
    """Which of its counts was that of a known event is not known: the other may lie as far back as the first."""
    name = move.latch.name
    earlier = [one.note.moves[name] for one in known if name in one.note.moves]
    if not earlier:
        return move
    first = min(earlier, key=lambda one: one.asked_us)
    return replace(move, before=first.before, asked_us=first.asked_us, since_us=first.since_us)


def _explained(finding: Finding) -> bool:
    """Its extremes are those of what was counted with them."""
    counted = {move.latch.phase for move in finding.moves if move.count}
    return all(move.latch.phase in counted for move in finding.moves if move.latch.row.how in ("low", "high"))


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
