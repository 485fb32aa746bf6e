"""Which event a finding of the meter's own registers belongs to, and what it adds to that event.

    what moved between two reads                           what becomes of it
    -----------------------------------------------------  --------------------------------------------------------
    a counter of a phase on which polled events of that    each of them gets a new revision that names it; what it
    kind meet the two reads, open or closed                counted beyond their number is an event of its own
    a minimum (maximum) of such a phase                    likewise; once the registers were read after the event it
                                                           improves its residual, if it is its own for sure:
                                                           `agent.detect.notes`. One that the event cannot have held, by
                                                           what the looks at it showed, is an event of its own, unless
                                                           the counter of the phase says that there was no other
    anything of another phase                              an event of its own
    what has no phase                                      told to all events of that kind that meet the two reads
    limits that their owner has set                        told to all events of the voltage that meet the two reads
    a flag that was cleared                                told to the events that were told that it was set; the end of
                                                           one of the meter's own, if no look showed that

An event of its own has `basis` ``meter_log``; it is told again of what moves on its phases, where it meets the reads
and its counters did not count again. One that names no phase is told of any, and goes on to name none: what comes later
may be of another cause, and its bounds are those of the first.

The interval of the reads begins with the age of the registers before the first of them: a read that was asked later
than that after the end of an event has said all about it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from agent.detect import notes
from agent.detect.changes import Span
from agent.detect.evidence import Finding, Move
from agent.detect.known import ABOUT, INSIDE, VOLTAGE, Known
from agent.detect.notes import Kept
from agent.detect.thresholds import Rules
from agent.records import Event

# Closed events that are kept while registers cannot be read; the oldest go.
_CLOSED_KEPT = 64


class Memory:
    """The events of one meter that a finding may be about, with what was found so far."""

    def __init__(self, rules: Rules, wall_us: Callable[[int], int], *, keeps: bool) -> None:
        """keeps: whether closed events are remembered: not where the meter has no such registers."""
        self._rules = rules
        self._wall_us = wall_us
        self._keeps = keeps
        self._known: dict[str, Known] = {}
        self._recalled: Mapping[str, Kept] = {}

    def put(self, event: Event, span: Span, deepest: Mapping[str, float] | None = None) -> None:
        """An event as it stands now, without what was found of it. deepest: None says nothing new."""
        known = self._known.pop(event.id, None)
        if event.state == "open" or (event.state == "closed" and self._keeps):
            before = self._first(event, span) if known is None else known
            deepest = before.deepest if deepest is None else deepest
            self._known[event.id] = replace(before, event=event, span=span, deepest=deepest)
        closed = [one.event.id for one in self._known.values() if one.event.state == "closed"]
        for id_ in closed[:-_CLOSED_KEPT]:
            del self._known[id_]

    def get(self, id_: str) -> Known | None:
        """An event that is open, or was lately."""
        return self._known.get(id_)

    def _first(self, event: Event, span: Span) -> Known:
        """As it is taken up from another run; or new, and nothing was said of it."""
        kept = self._recalled.get(event.id)
        if kept is None:
            return Known(event, span, notes.said_before(event), told=event)
        return Known(event, span, kept.note, kept.deepest, kept.own, event)

    def recall(self, kept: Mapping[str, Kept]) -> None:
        """What another run kept of its events, before they are put here."""
        self._recalled = kept

    def recalls(self, id_: str, *, is_over: bool) -> bool:
        """An event of another run of which more may be found: of one that was forgotten all was. is_over: its end is
        known; else a flag has to be still set."""
        return id_ in self._recalled and (is_over or self._recalled[id_].note.stands)

    def compared_from(self, values: Mapping[str, float]) -> None:
        """What the registers were when another run kept their reads: what moved since is found again."""
        self._known = {id_: replace(one, note=one.note.less(values)) for id_, one in self._known.items()}
        self._recalled = {}

    def to_keep(self) -> dict[str, Kept]:
        """What another run needs to know of its events."""
        return {id_: Kept(one.note, one.deepest, one.own) for id_, one in self._known.items()}

    def forget(self, before_us: int | None) -> tuple[Event, ...]:
        """Nothing more will be found of what was over before that; None: of anything that is over. Those of which not
        all was told that was found."""
        for one in [one for one in self._known.values() if one.own is None and one.is_read(before_us)]:
            self._known[one.event.id] = replace(one, own=self._sure(one))
        over = [one for one in self._known.values() if (one.is_over if before_us is None else one.may_go(before_us))]
        late = tuple(one.event for one in self._known.values() if one.own and self._noted(one) != one.told)
        for id_ in {one.event.id for one in over}.difference(event.id for event in late):
            del self._known[id_]
        return late

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
        waits = waits or not (finding.clears or all(one.polled for one, _ in shares))
        return bool(shares) and left is None and not waits

    def about(self, finding: Finding) -> tuple[Known, ...]:
        """The known events that some of it may be about."""
        return tuple(known for known, _ in self.shared_out(finding)[0])

    def shared_out(self, finding: Finding) -> tuple[tuple[tuple[Known, Finding], ...], Finding | None]:
        """Which of its moves are about which events, and those that are about none."""
        if finding.clears:
            return self._cleared(finding), None
        kept, rest = self._polled_first(finding)
        shares = [(self._known[id_], Finding(finding.kind, tuple(moves))) for id_, moves in kept.items()]
        if not rest:
            return tuple(shares), None
        left = Finding(finding.kind, tuple(rest))
        if left.kind == "supply_loss" and left.phases != finding.phases:
            left = replace(left, kind="sag")
        own = self._own(left)
        if own is None:
            return tuple(shares), left
        mine, others = (tuple(move for move in left.moves if own.names(move) == named) for named in (True, False))
        return (*shares, (own, replace(left, moves=mine))), replace(left, moves=others) if others else None

    def _polled_first(self, finding: Finding) -> tuple[dict[str, list[Move]], list[Move]]:
        """By the id of polled events what may be about them; and what is about none, or counts more than they are."""
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
        return kept, rest

    def _cleared(self, finding: Finding) -> tuple[tuple[Known, Finding], ...]:
        told = ((one, [move for move in finding.moves if one.note.has_set(move.latch)]) for one in self._known.values())
        return tuple((one, Finding(finding.kind, tuple(moves))) for one, moves in told if moves)

    def _polled(self, move: Move, finding: Finding) -> tuple[Known, ...]:
        """The polled events that it may be about: all of the likeliest kind there is."""
        if finding.by_owner:
            every = (one for one in self._known.values() if one.event.kind in VOLTAGE and one.polled)
            return tuple(one for one in every if one.may_be(finding))
        for kind in ABOUT[finding.kind]:
            found = [one for one in self._known.values() if one.event.kind == kind and one.polled]
            found = [one for one in found if one.concerns(move) and one.may_be(finding)]
            if found:
                return tuple(found)
        return ()

    def _own(self, finding: Finding) -> Known | None:
        """The last of the meter's own events that some of it may be about, if there is one."""
        for kind in ABOUT[finding.kind]:
            found = [one for one in self._known.values() if one.event.kind == kind and not one.polled]
            found = [one for one in found if one.may_be(finding) and one.is_on(finding)]
            if found:
                return found[-1]
        return None

    def _extra(self, move: Move, finding: Finding) -> int:
        """What it counted beyond the polled events that it may have counted."""
        kinds = ABOUT[finding.kind]
        met = [one for one in self._known.values() if one.polled and one.event.kind in kinds]
        met = [one for one in met if one.concerns(move) and one.may_be(finding)]
        if any(one.explains(finding) for one in met):
            return 0
        ids = {one.event.id for one in met}
        free = [one for one in met if one.event.parent not in ids and move.latch.name not in one.note.counted]
        return move.count - len(free)

    def parent(self, finding: Finding) -> str | None:
        """The id of the event that encloses it."""
        around = [one.event for one in self._known.values() if one.met_by(finding)]
        for kind in INSIDE.get(finding.kind, ()):
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
            if known.polled:
                mine = {move.latch.name: move for move in finding.moves if move.count}
                note = replace(note, first={**note.first, **_first(mine, [known for known, _ in shares])})
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
        """With what was found of it, as it goes out now."""
        known = self._known.get(event.id)
        if known is None:
            return event
        told = self._noted(replace(known, event=event))
        self._known[event.id] = replace(known, told=told)
        return told

    def _noted(self, known: Known) -> Event:
        extremes = (known.own or {}) if known.polled else _by_phase(known.note.extremes)
        return notes.noted(known.event, known.note, extremes, self._rules, self._wall_us)

    def _sure(self, known: Known) -> dict[str, float]:
        """The meter's own extremes that are of this event for sure: the meter counted no other at that time, and
        polling saw none."""
        near = (known.event.id, known.event.parent)
        others = [one for one in self._known.values() if one.event.id not in near and one.event.parent != near[0]]
        alone = (move for move in known.note.extremes if known.note.is_alone(move.latch.phase))
        mine = (move for move in alone if known.concerns(move) and known.can_hold(move))
        return _by_phase([move for move in mine if not any(one.may_hold(move) for one in others)])


def _by_phase(moves: Sequence[Move]) -> dict[str, float]:
    return {move.latch.phase: move.after for move in moves if move.latch.phase is not None}


def _first(moves: Mapping[str, Move], known: Sequence[Known]) -> dict[str, Move]:
    """By register: the first of its counts that may be of any of these events, or of one before them of which one of
    them took the count, so that its own was taken for the next one's."""
    earlier = {name: [one.note.first[name] for one in known if name in one.note.first] for name in moves}
    return {name: min((*earlier[name], move), key=lambda one: one.asked_us) for name, move in moves.items()}


def _since_first(move: Move, known: Sequence[Known]) -> Move:
    """Which of its counts was that of a known event is not known: the other may lie as far back as the first."""
    first = _first({move.latch.name: move}, known)[move.latch.name]
    return replace(move, before=first.before, asked_us=first.asked_us, since_us=first.since_us)


def _explained(finding: Finding) -> bool:
    """Its extremes are those of what was counted with them."""
    counted = {move.latch.phase for move in finding.moves if move.count}
    return all(move.latch.phase in counted for move in finding.moves if move.latch.row.how in ("low", "high"))
