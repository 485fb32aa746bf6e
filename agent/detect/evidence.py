"""What the meter itself latched: registers that moved between two reads become findings.

    register                  moved when                     says                      where polling saw nothing of it
    ------------------------  -----------------------------  ------------------------  -------------------------------
    sag_count_*               it counted                     a sag on that phase       sag
    interruption_count_*      it counted                     no voltage on that phase  supply_loss if every one of them
                                                                                       moved, else sag
    voltage_*_min             it fell, and to below 90 %     a sag, so deep            sag
    swell_count_*             it counted                     a swell on that phase     swell
    overvoltage_count_*       it counted                     a swell on that phase     swell
    voltage_*_max             it rose, and to above 110 %    a swell, so high          swell
    power_failures            it counted                     the meter was dead        supply_loss if the meter lives on
                                                                                       the voltage it measures, else -
    restart_count             it counted                     the meter started anew    -
    power_failure_duration    it is another                  for how long              -
    undervoltage_flag         it was set                     voltage below the         sag
                                                             meter's threshold
    power_failure_flag        it was set                     loss of power or of a     sag
                                                             phase
    overvoltage_flag          it was set                     voltage above the         swell
                                                             meter's threshold
    restart_flag              it was set                     the meter started anew    -
    limit_bits                one more is set                a limit of its owner's    -
                                                             was passed
    operating_hours           it fell behind the clock       the meter stood still     supply_loss in a silence, if the
                                                                                       meter lives on what it measures
    active_energy_import      it went back by over 1 %       another meter, or reset   -

    -    words for the silence in which it moved, of limits for any event of the voltage; without one a line in the log

Where polling saw it the event that is known gets the words, see `agent.detect.merging`. By whose thresholds a meter
counts is the meter's own affair, and so is whether it counts at the beginning of a sag or at its end.

A counter of integers that goes back was at the end of its range and began anew at 0, if that is a small step;
otherwise it was reset, or the meter exchanged: then nothing that any register says is compared with what any of them
said before. A value that comes back at the next read was never gone (a meter that boots).

A flag that is cleared says that its cause is over by then. One that was set at the first read says nothing: it may be
one that stays. Limits are what their owner wants to know, and may be about a current: they never make an event.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from agent.detect.hours import UNKNOWN, Utc, least_us
from agent.records import Kind

How = Literal["count", "low", "high", "last", "hours", "witness", "flag", "bits"]
Family = Literal["low", "high", "power", "owner"]

# A step over the end of its range by more than this part of it is a reset.
_WRAP_PART = 64
# Hour counters have their own quartz and their own time of counting on.
_LAG_H = 0.02
_KIND_OF: Mapping[Family, Kind] = {"low": "sag", "high": "swell", "power": "comms_loss", "owner": "comms_loss"}
_WITNESS_LEAST = 0.99


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. family: with which others it may be about one cause; words: what the register is."""

    family: Family
    how: How
    words: str


LATCHES: Mapping[str, Row] = {
    "sag_count": Row("low", "count", "sag counter"),
    "interruption_count": Row("low", "count", "interruption counter"),
    "voltage_min": Row("low", "low", "lowest voltage"),
    "swell_count": Row("high", "count", "swell counter"),
    "overvoltage_count": Row("high", "count", "overvoltage counter"),
    "voltage_max": Row("high", "high", "highest voltage"),
    "power_failures": Row("power", "count", "power failure counter"),
    "restart_count": Row("power", "count", "restart counter"),
    "power_failure_duration": Row("power", "last", "record of its last power failure"),
    "undervoltage_flag": Row("low", "flag", "undervoltage flag"),
    "power_failure_flag": Row("low", "flag", "power failure flag (loss of power or of a phase)"),
    "overvoltage_flag": Row("high", "flag", "overvoltage flag"),
    "restart_flag": Row("power", "flag", "restart flag"),
    "limit_bits": Row("owner", "bits", "record of limits, which its owner has set,"),
    "operating_hours": Row("power", "hours", "hour counter"),
    "active_energy_import": Row("power", "witness", "energy counter"),
}


@dataclass(frozen=True, slots=True)
class Latch:
    """One such register of one meter.

    name:   as decoded; stem: its row of the table; phase: of the network, None where none applies
    turn:   the value at which it begins anew at 0, None where it does not
    step:   the least by which its value can change
    """

    name: str
    stem: str
    phase: str | None = None
    turn: float | None = None
    step: float = 1.0

    @property
    def row(self) -> Row:
        return LATCHES[self.stem]


class Seen(NamedTuple):
    """A value as read. asked_us: less the register's age, so that all before it is in the value; since_us: what polling
    cannot have missed had begun after that; was: what it was before it went back to this; utc: of a read in another
    boot of the gateway"""

    value: float
    asked_us: int
    since_us: int
    was: float | None = None
    utc: Utc | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A register is not what it was. count: by how many it counted, 0 of others; asked_us, since_us: of the read
    before (`Seen`); until_us: the reply that showed it had arrived; back: of a flag that was cleared again, the
    last read that had it set, as asked, and the reply that had not"""

    latch: Latch
    before: float
    after: float
    count: int
    asked_us: int
    since_us: int
    until_us: int
    back: tuple[int, int] | None = None

    @property
    def said(self) -> tuple[str, float, float]:
        """For the log."""
        return self.latch.name, self.before, self.after

    @property
    def uncounted(self) -> float:
        """What the register was without what it counted."""
        if not self.count:
            return self.before
        value = self.after - self.count * self.latch.step
        return value + self.latch.turn if value < 0 and self.latch.turn is not None else value

    @property
    def clears(self) -> bool:
        """It is a flag that was cleared, and no word of when it had been set."""
        return self.latch.row.how == "flag" and self.after < self.before

    @property
    def stands(self) -> bool:
        """It is a flag of the voltage that is still set."""
        return self.latch.row.how == "flag" and self.latch.row.family != "power" and self.after > self.before

    def then(self, later: "Move") -> "Move":
        """Both in one."""
        if later.clears:
            return replace(self, after=later.after, back=(later.asked_us, later.until_us))
        if self.latch.row.how == "bits":
            later = replace(later, after=float(round(self.after) | round(later.after)))
        return replace(later, before=self.before, count=self.count + later.count, asked_us=self.asked_us)


@dataclass(frozen=True, slots=True)
class Finding:
    """Moves of one read that may have one cause. kind: of the event it is where none is known; ``comms_loss`` for what
    only adds to one."""

    kind: Kind
    moves: tuple[Move, ...]

    @property
    def asked_us(self) -> int:
        return min(move.asked_us for move in self.moves)

    @property
    def since_us(self) -> int:
        return min(move.since_us for move in self.moves)

    @property
    def until_us(self) -> int:
        return max(move.until_us for move in self.moves)

    @property
    def clears(self) -> bool:
        """It only says that flags were cleared."""
        return all(move.clears for move in self.moves)

    @property
    def stands(self) -> bool:
        """A flag says that its cause may go on."""
        return any(move.stands for move in self.moves)

    @property
    def by_owner(self) -> bool:
        """It is about limits that somebody has set."""
        return all(move.latch.row.family == "owner" for move in self.moves)

    @property
    def stood(self) -> bool:
        """An hour counter says that the meter did not run all the time."""
        return any(move.latch.row.how == "hours" for move in self.moves)

    @property
    def counters(self) -> frozenset[str]:
        """Names of those that count events: one that counts again counts another."""
        return frozenset(move.latch.name for move in self.moves if move.count)

    @property
    def families(self) -> frozenset[Family]:
        """What is found in one of them in turn is told in turn."""
        return frozenset(move.latch.row.family for move in self.moves)

    @property
    def phases(self) -> frozenset[str]:
        return frozenset(move.latch.phase for move in self.moves if move.latch.phase is not None)


class Read(NamedTuple):
    """A read of some of them. Instants of the boot clock: sent and received; asked_us, since_us as in `Seen`; utc: of
    asked_us"""

    values: Mapping[str, float]
    asked_us: int
    since_us: int
    received_us: int
    utc: Utc = UNKNOWN


class Latches:
    """The registers of one meter as last read. Questionable reads never come here."""

    def __init__(self, latches: Sequence[Latch], low_v: float, high_v: float) -> None:
        """low_v, high_v: a voltage beyond them is a sag or a swell."""
        self.latches = tuple(latches)
        self.went_back: tuple[str, ...] = ()
        self.set_before: tuple[str, ...] = ()
        self._band_v = low_v, high_v
        self._seen: dict[str, Seen] = {}
        self._owed: dict[str, Seen] = {}  # hours of another boot, to be compared once the wall clock is known

    @property
    def oldest_us(self) -> int | None:
        """Nothing found from now on can be about what ended before; None: nothing was read yet."""
        return min((seen.asked_us for seen in self._seen.values()), default=None)

    @property
    def seen(self) -> Mapping[str, Seen]:
        """The last read of each."""
        return self._seen

    def resume(self, seen: Mapping[str, Seen]) -> None:
        """Go on from what another run read last."""
        self._seen = {latch.name: seen[latch.name] for latch in self.latches if latch.name in seen}
        self._owed = {}

    def read(self, read: Read) -> tuple[Move, ...]:
        """What moved since the last read of each. went_back: what was reset at this read; set_before: the flags that it
        is the first of, and found set."""
        given = [latch for latch in self.latches if latch.name in read.values]
        now = {latch.name: Seen(read.values[latch.name], read.asked_us, read.since_us) for latch in given}
        first = (latch for latch in given if latch.row.how == "flag" and latch.name not in self._seen)
        self.set_before = tuple(latch.name for latch in first if now[latch.name].value)
        back = [latch for latch in given if self._back(latch, now[latch.name].value)]
        self.went_back = tuple(latch.name for latch in back)
        if back:
            gone = {latch.name: now[latch.name]._replace(was=self._seen[latch.name].value) for latch in back}
            self._seen, self._owed = now | gone, {}  # never changed in place: `seen` may be kept
            return ()
        moves = [self._move(latch, now[latch.name], read) for latch in given if latch.name in self._seen]
        self._seen = self._seen | now
        return tuple(move for move in moves if move is not None)

    def _back(self, latch: Latch, value: float) -> bool:
        seen, how = self._seen.get(latch.name), latch.row.how
        if seen is None or value >= seen.value:
            return False
        if how == "count":
            return counted(latch, seen.value, value) is None
        return how == "hours" or (how == "witness" and value < _WITNESS_LEAST * seen.value)

    def _move(self, latch: Latch, now: Seen, read: Read) -> Move | None:
        seen, how = self._seen[latch.name], latch.row.how
        moved, count = False, 0
        match how:
            case "count" if seen.was is None or now.value < seen.was:
                count = counted(latch, seen.value, now.value) or 0
                moved = count > 0
            case "low":
                moved = 0 <= now.value < min(seen.value, self._band_v[0])
            case "high":
                moved = now.value > max(seen.value, self._band_v[1])
            case "flag" | "bits":
                moved = _flipped(latch.row, round(seen.value), round(now.value))
            case "last":
                moved = now.value != seen.value
            case "hours":
                seen = self._owed_of(latch, seen, read)
                elapsed_h = least_us(seen.asked_us, now.asked_us, seen.utc, read.utc) / 3.6e9
                moved = elapsed_h - (now.value - seen.value) > latch.step + _LAG_H
        if not moved:
            return None
        return Move(latch, seen.value, now.value, count, seen.asked_us, seen.since_us, read.received_us)

    def _owed_of(self, latch: Latch, seen: Seen, read: Read) -> Seen:
        """What hours are compared with: those of another boot only once it is known how long ago that was."""
        if seen.utc is not None and seen.utc.is_known:
            self._owed[latch.name] = seen
        return self._owed.pop(latch.name, seen) if read.utc.is_known else seen


def _flipped(row: Row, before: int, after: int) -> bool:
    """A bit was set; of flags of the voltage, or cleared."""
    cleared = row.how == "flag" and row.family != "power" and after < before
    return cleared or after & ~before > 0


def counted(latch: Latch, before: float, after: float) -> int | None:
    """By how many a counter went on; None where it was reset."""
    rise = after - before
    if rise < 0 and latch.turn is not None and rise + latch.turn <= latch.turn / _WRAP_PART:
        rise += latch.turn
    return round(rise / latch.step) if rise >= 0 else None


def findings(moves: Sequence[Move], latches: Sequence[Latch], *, lives_on_it: bool) -> tuple[Finding, ...]:
    """lives_on_it: the meter dies if, and only if, there is no voltage to measure."""
    cut = [move for move in moves if move.latch.stem == "interruption_count"]
    dead = [move for move in moves if move.latch.stem == "power_failures" and lives_on_it]
    if len(cut) < sum(latch.stem == "interruption_count" for latch in latches):
        cut = []
    losses = (*cut, *dead)
    cleared = [move for move in moves if move.clears]
    rest = [move for move in moves if move not in losses and not move.clears]
    lost = (Finding("supply_loss", losses),) if losses else ()
    return (*lost, *by_family(rest), *by_family(cleared))


def by_family(moves: Sequence[Move]) -> Iterator[Finding]:
    """What each of them is about where no other kind is known."""
    for family, kind in _KIND_OF.items():
        if group := tuple(move for move in moves if move.latch.row.family == family):
            yield Finding(kind, group)
