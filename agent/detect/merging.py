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
    a register of a phase that a polled event has parted   taken back, and shared out anew
    with
    what was told of an event that is retracted            told of the one that took it over, or that it is a part of;
                                                           else taken back likewise
    a flag that was cleared                                told to the events that were told that it was set; the end of
                                                           one of the meter's own, if no look showed that

Each polled event is credited with one count of a register: the next one counts another event, which may lie as far back
as the first count that may have been its own.

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
from agent.detect.evidence import Finding, Move, by_family
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
        self._given_back: list[Finding] = []

    def put(self, event: Event, span: Span, deepest: Mapping[str, float] | None = None) -> None:
        """An event as it stands now, without what was found of it. deepest: None says nothing new."""
        known = self._known.pop(event.id, None)
        if known is not None and event.state == "retracted":
            self._hand_on(known)
        if event.state == "open" or (event.state == "closed" and self._keeps):
            before = self._first(event, span) if known is None else known
            deepest = before.deepest if deepest is None else deepest
            self._known[event.id] = self._narrowed(replace(before, event=event, span=span, deepest=deepest))
        closed = [one.event.id for one in self._known.values() if one.event.state == "closed"]
        for id_ in closed[:-_CLOSED_KEPT]:
            del self._known[id_]

    def _narrowed(self, known: Known) -> Known:
        """Without what was found of phases that it was thought to be on, and parted with: that is another's."""
        gone = [] if not known.polled else [move for move in known.note.moves.values() if not known.names(move)]
        if not gone:
            return known
        self._give_back(known, gone)
        return replace(known, note=known.note.without({move.latch.name for move in gone}))

    def _hand_on(self, known: Known) -> None:
        """It is retracted, and none took over all of it."""
        moves = known.note.moves
        taker = next((one for one in self._known.values() if one.may_take(known)), None)
        if taker is not None:
            left = {name for name, move in moves.items() if name in taker.note.moves or not taker.concerns(move)}
            note = taker.note.and_of(known.note.without(left))
            self._known[taker.event.id] = replace(taker, note=note)
            moves = {name: moves[name] for name in moves if name in left}
        self._give_back(known, [move for move in moves.values() if not self._is_told(move)])

    def _give_back(self, known: Known, gone: Sequence[Move]) -> None:
        """What it was told of, and is not about: of what counted, the one count that was taken for its own."""
        counted = known.note.counted
        left = [move if not move.count else replace(_since_first(move, [known]), count=1)
                for move in gone if not move.count or move.latch.name in counted]  # fmt: skip
        self._given_back += by_family(left)

    def _is_told(self, move: Move) -> bool:
        """It does not count, and was told of another event as well."""
        return not move.count and any(one.note.has(move) for one in self._known.values())

    def given_back(self) -> tuple[Finding, ...]:
        """What turned out to be no part of the events it was told of, to be shared out anew."""
        given, self._given_back = tuple(self._given_back), []
        return given

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

    def forget(self, before_us: int | None, calm_us: int) -> tuple[Event, ...]:
        """Nothing more will be found of what was over before that; None: of anything that is over. calm_us: as
        `MeterLog` has it. Those of which not all was told that was found."""
        every = self._known.values()
        for one in [one for one in every if one.own is None and one.is_read(before_us, calm_us)]:
            self._known[one.event.id] = replace(one, own=self._sure(one))
        undecided = [move for one in every if one.polled and one.own is None for move in one.note.extremes]
        over = [one for one in every if (one.is_over if before_us is None else one.may_go(before_us, calm_us))]
        over = [one for one in over if before_us is None or not any(map(one.may_hold, undecided))]
        late = tuple(one.event for one in self._known.values() if one.own and self._noted(one) != one.told)
        for id_ in {one.event.id for one in over}.difference(event.id for event in late):
            del self._known[id_]
        return late

    def taken_over(self, id_: str, by: Event, span: Span) -> None:
        """One event turned out to be another: what was found of it stays true."""
        known, before = self._known.pop(id_, None), self._known.get(by.id)
        if known is not None:
            note = known.note if before is None else known.note.and_of(before.note)
            self._known[by.id] = Known(by, span, note)

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
        since_us = own.span.start_earliest_boot_us
        near = {move for move in left.moves if move in finding.moves or move.since_us >= since_us}
        fits = {move: own.names(move) and move in near for move in left.moves}
        mine, others = (tuple(move for move in left.moves if fits[move] == named) for named in (True, False))
        if not mine:
            return tuple(shares), left
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
                rest.append(replace(_since_first(move, self._met(move, finding)), count=extra[move.latch.name]))
        return kept, rest

    def _cleared(self, finding: Finding) -> tuple[tuple[Known, Finding], ...]:
        told = ((one, [move for move in finding.moves if one.note.has_set(move.latch)]) for one in self._known.values())
        return tuple((one, Finding(finding.kind, tuple(moves))) for one, moves in told if moves)

    def _polled(self, move: Move, finding: Finding) -> tuple[Known, ...]:
        """The polled events that it may be about: all of the likeliest kind of which one was not counted yet."""
        if finding.by_owner:
            every = (one for one in self._known.values() if one.event.kind in VOLTAGE and one.polled)
            return tuple(one for one in every if one.may_be(finding))
        met = self._met(move, finding)
        for some in (self._free(move, met), met):
            for kind in ABOUT[finding.kind]:
                if any(one.event.kind == kind for one in some):
                    return tuple(one for one in met if one.event.kind == kind)
        return ()

    def _own(self, finding: Finding) -> Known | None:
        """The last of the meter's own events that some of it may be about, if there is one."""
        for kind in ABOUT[finding.kind]:
            found = [one for one in self._known.values() if one.event.kind == kind and not one.polled]
            found = [one for one in found if one.may_be(finding) and one.is_on(finding)]
            if found:
                return found[-1]
        return None

    def _met(self, move: Move, finding: Finding) -> list[Known]:
        """The polled events of any kind that it may be about."""
        kinds = ABOUT[finding.kind]
        met = [one for one in self._known.values() if one.polled and one.event.kind in kinds]
        return [one for one in met if one.concerns(move) and one.may_be(finding)]

    def _extra(self, move: Move, finding: Finding) -> int:
        """What it counted beyond the polled events that it may have counted."""
        met = self._met(move, finding)
        if any(one.explains(finding) for one in met):
            return 0
        return move.count - len(self._free(move, met))

    def _free(self, move: Move, met: Sequence[Known]) -> list[Known]:
        """Of these events those that it can have counted: it has not yet, nor the one that encloses it."""
        outer = [one for one in met if not one.is_inside(met)]
        return [one for one in outer if move.latch.name not in one.note.counted]

    def _counted(self, move: Move, finding: Finding) -> list[Known]:
        """Those that it is taken to have counted now."""
        free = self._free(move, self._met(move, finding))
        return sorted(free, key=lambda one: one.span.start_boot_us)[: move.count]

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

    def take(self, finding: Finding, shares: Sequence[tuple[Known, Finding]]) -> None:
        """What was shared out. Of a register that counted fewer than it may be about, it was the earliest. Where it
        counted more it is not known which count was whose; but each event has had its own: the next is another's, and
        lies as far back as the first (`_since_first`)."""
        counts = [move for move in finding.moves if move.count]
        first = {move.latch.name: _first(move, self._met(move, finding)) for move in counts}
        counted = [(one.event.id, move.latch.name) for move in counts for one in self._counted(move, finding)]
        for known, share in shares:
            shared = sum(not set(share.moves).isdisjoint(other.moves) for _, other in shares) > 1
            note = known.note.more(share, shared=shared)
            if known.polled:
                mine = {move.latch.name: first[move.latch.name] for move in share.moves if move.count}
                note = replace(note, first={**note.first, **mine})
            self._known[known.event.id] = replace(known, note=note)
        for id_, name in counted:
            known = self._known[id_]
            self._known[id_] = replace(known, note=replace(known.note, counted=known.note.counted | {name}))

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


def _first(move: Move, known: Sequence[Known]) -> Move:
    """The first of the register's counts that may be of any of these events, or of one before them of which one of them
    took the count, so that its own was taken for the next one's."""
    earlier = [one.note.first[move.latch.name] for one in known if move.latch.name in one.note.first]
    return min((*earlier, move), key=lambda one: one.asked_us)


def _since_first(move: Move, known: Sequence[Known]) -> Move:
    """Which of its counts was that of a known event is not known: the other may lie as far back as the first."""
    first = _first(move, known)
    return replace(move, before=first.before, asked_us=first.asked_us, since_us=first.since_us)


def _explained(finding: Finding) -> bool:
    """Its extremes are those of what was counted with them."""
    counted = {move.latch.phase for move in finding.moves if move.count}
    return all(move.latch.phase in counted for move in finding.moves if move.latch.row.how in ("low", "high"))
