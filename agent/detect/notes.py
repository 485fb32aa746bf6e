"""What the meter's own registers said of one event, and what that makes of the event as it is told. Pure.

    said of it                                          words   depth
    --------------------------------------------------  ------  ------------------------------------------------------
    a counter of its phase moved                        yes     -
    an extreme moved, and the counter of its phase      yes     improved once the registers were read after its end,
    counted this event alone                                    unless the looks at it exclude that
    an extreme moved, and there is no such counter,     yes     as polling saw it: whose extreme it is nobody can tell
    or it counted others, or other events are met
    an extreme of an event of the meter's own           yes     as it is, of all that the event stands for

The registers of a voltage circuit that failed and of displaced voltages are words: they say nothing of the supply.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from agent.detect.evidence import Finding, Latch, Move, counted
from agent.detect.own_words import OWN, words_of
from agent.detect.thresholds import Rules
from agent.records import Event, Kind

_RISES: frozenset[Kind] = frozenset({"swell", "overvoltage"})
_SIZED: frozenset[Kind] = _RISES | {"sag", "phase_loss", "supply_loss", "undervoltage"}
# One that counts interruptions leaves out what is no deeper than a sag.
_ALL_COUNTED = ("sag_count", "swell_count", "overvoltage_count")


@dataclass(frozen=True, slots=True)
class Note:
    """What the meter's registers said of one event. moves: by register; shared: some of them are about another event
    as well; words: of an earlier run; counted: registers that have counted this event; first: by register, the earliest
    move that may be one of another event, which put off the count of this one"""

    moves: Mapping[str, Move] = field(default_factory=dict)
    shared: bool = False
    words: tuple[str, ...] = ()
    counted: frozenset[str] = frozenset()
    first: Mapping[str, Move] = field(default_factory=dict)

    def more(self, finding: Finding, *, shared: bool) -> "Note":
        moves = dict(self.moves)
        for move in finding.moves:
            moves[move.latch.name] = _both(moves.get(move.latch.name), move)
        return replace(self, moves=moves, shared=self.shared or shared)

    def and_of(self, other: "Note") -> "Note":
        """Both, of two events that turned out to be one."""
        new = [move for move in other.moves.values() if move != self.moves.get(move.latch.name)]
        moves = {**self.moves, **{move.latch.name: _both(self.moves.get(move.latch.name), move) for move in new}}
        shared, words = self.shared or other.shared, tuple(dict.fromkeys((*self.words, *other.words)))
        return Note(moves, shared, words, self.counted | other.counted, {**other.first, **self.first})

    def has(self, move: Move) -> bool:
        """It is part of what the register says of this event."""
        mine = self.moves.get(move.latch.name)
        return mine is not None and mine.asked_us <= move.asked_us and move.until_us <= mine.until_us

    @property
    def stands(self) -> bool:
        """A flag that was set because of it is still set."""
        return any(move.stands for move in self.moves.values())

    def has_set(self, latch: Latch) -> bool:
        """That flag, which is still set."""
        return latch.name in self.moves and self.moves[latch.name].stands

    @property
    def extremes(self) -> tuple[Move, ...]:
        """The meter's own, of each phase."""
        found = (move for move in self.moves.values() if move.latch.row.how in ("low", "high"))
        return tuple(move for move in found if move.latch.phase is not None)

    def is_alone(self, phase: str | None) -> bool:
        """The meter counted this event on that phase, and no other."""
        counts = [move for move in self.moves.values() if move.count and move.latch.phase == phase]
        mine = (move for move in counts if move.latch.stem in _ALL_COUNTED and move.latch.name in self.counted)
        return not self.shared and any(mine) and all(move.count == 1 for move in counts)

    def without(self, names: Collection[str]) -> "Note":
        """Of other registers only."""
        left = {name: move for name, move in self.moves.items() if name not in names}
        first = {name: move for name, move in self.first.items() if name not in names}
        return replace(self, moves=left, counted=self.counted.difference(names), first=first)

    def less(self, seen: Mapping[str, float]) -> "Note":
        """Without what will be found again. seen: the values from which registers are compared on"""
        moves = {name: _until(move, seen[name]) if name in seen else move for name, move in self.moves.items()}
        left = {name: move for name, move in moves.items() if move is not None}
        first = {name: move for name, move in self.first.items() if name in left}
        return replace(self, moves=left, counted=self.counted & left.keys(), first=first)


@dataclass(frozen=True, slots=True)
class Kept:
    """What another run needs to go on with an event. deepest, own: as in `agent.detect.known.Known`"""

    note: Note
    deepest: Mapping[str, float] = field(default_factory=dict)
    own: Mapping[str, float] | None = None


def said_before(event: Event) -> Note:
    """Of an event of an earlier run, of which nothing else was kept: what was said of it stays."""
    return Note(words=tuple(words for words in event.evidence if words.startswith(OWN)))


def noted(
    event: Event,
    note: Note,
    extremes: Mapping[str, float],
    rules: Rules,
    wall_us: Callable[[int], int],
) -> Event:
    """The event as it is told. extremes: of its phases, those of the meter's own that are its own."""
    if not (note.moves or note.words):
        return event
    said = (*note.words, *(words_of(move, wall_us) for move in note.moves.values()))
    event = replace(event, evidence=(*(words for words in event.evidence if not words.startswith(OWN)), *said))
    channels = zip(rules.phases, rules.channels, strict=True)
    volts = {channel: extremes[phase] for phase, channel in channels if phase in extremes}
    return _sized(event, volts) if volts and event.kind in _SIZED else event


def _sized(event: Event, volts: Mapping[str, float]) -> Event:
    """The meter saw more than polling: its extremes improve the bounds."""
    high = event.kind in _RISES
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


def _both(before: Move | None, move: Move) -> Move:
    """In the order in which they were read: what is given back comes late."""
    if before is None:
        return move
    return move.then(before) if move.until_us < before.until_us else before.then(move)


def _until(move: Move, seen: float) -> Move | None:
    """As far as the register had moved when it was read as that; None: it had not."""
    again = counted(move.latch, seen, move.after) or 0 if move.count else 0
    if not again:
        return move
    return replace(move, after=seen, count=move.count - again) if again < move.count else None
