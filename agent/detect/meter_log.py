"""The meter's own log, as far as its registers tell it: reads in, findings out once polling cannot say more.

    a finding   its event is known    no look since the read reaches past it   a look does
    ---------   -------------------   --------------------------------------   -----------------------
    new         told at once          waits                                    told
    waiting     told at once          waits, for a minute at most              told

What is found later of the same family of registers waits as well: whose the first count was decides whose the second
is. A look reaches past a finding when every voltage on the phases it names is in band.

An hour counter that stood still in a silence of its meter tells of a loss of supply, if the meter lives on what it
measures: that is told beside the words for the silence.

A flag that is set may mean that its cause goes on: without a look that shows every voltage in band after the read the
end is not known until the flag is cleared. What is cleared is told of the events that were told that it was set.

A meter may count a sag when it begins, and the sag may go on: the next looks tell. A look that shows every voltage in
band, and whose window reaches back no further than the read, bounds the end of what polling did not see: had it gone
on for longer, that window would have been full of it. Likewise the last look before the read before bounds the
beginning of what is counted at its end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.detect import log_state
from agent.detect.book_state import Earlier
from agent.detect.evidence import Finding, Latch, Latches, Read, Seen, findings
from agent.detect.hours import Utc
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look
from drivers.quantities import CATALOGUE

if TYPE_CHECKING:
    from agent.detect.book import WallClock

# Where no look comes any more.
_LONGEST_WAIT_US = 60_000_000
# Nobody asks who answers any more: longer than it is asked in vain.
_UNSURE_US = 900_000_000
# What was read is kept when it has moved, and else so often: a card wears out by what is written.
_KEEP_US = 600_000_000
_NEVER = -(2**63)


@dataclass(frozen=True, slots=True)
class Seeing:
    """What polling saw last. look: the last good one, None where there never was one"""

    look: Look | None
    rules: Rules

    @property
    def clear_us(self) -> int | None:
        """What lasted from before that until the look would have been seen in it; None where it shows a sag or swell
        or lacks a voltage, so that nothing can be said."""
        return self.clear_of(frozenset())

    def clear_of(self, phases: frozenset[str]) -> int | None:
        """The same of what was on these phases; of none: of any."""
        levels, look = self.rules.levels, self.look
        if look is None:
            return None
        on = (not phases or not phases.isdisjoint(phase.split("_")) for phase in self.rules.phases)
        volts = [one for one, concerned in zip(look.volts, on, strict=True) if concerned]
        if not volts or any(one is None or not levels.sag <= one <= levels.swell for one in volts):
            return None
        return look.sent_boot_us - self.rules.reach_us


@dataclass(frozen=True, slots=True)
class Told:
    """A finding that may be told. over_us: boot time at which its cause was over at the latest; None: it may go on."""

    finding: Finding
    over_us: int | None


class MeterLog:
    """One meter's. Without latches it does nothing."""

    def __init__(self, latches: Sequence[Latch], rules: Rules, *, lives_on_it: bool, made_by: str = "") -> None:
        """lives_on_it: the meter dies if, and only if, there is no voltage to measure; made_by: what a value rests on
        beside the meter: another one is not compared with it."""
        self._names = frozenset(latch.name for latch in latches)
        self.unpublished = frozenset(name for name in self._names if CATALOGUE[name].evidence)
        self._latches = Latches(latches, rules.levels.sag, rules.levels.swell)
        self._lives_on_it = lives_on_it
        self._waiting: tuple[Finding, ...] = ()
        self._settled: Mapping[str, Seen] = {}  # what was read before the first finding that waits
        self._given: tuple[Finding, ...] = ()
        self._kept: Mapping[str, Seen] = {}
        self._since_us: int | None = None
        self._calm: tuple[int, int] | None = None  # the last look in band: when it arrived, what it tells of
        self._calm_us = _NEVER
        self._made_by = made_by
        self._kept_us: int | None = None
        self._unsure_us: int | None = None
        self._away_us: int | None = None
        self.serial: str | None = None

    def __bool__(self) -> bool:
        return bool(self._names)

    @property
    def set_before(self) -> tuple[str, ...]:
        """Flags that the last read was the first of, and found set."""
        return self._latches.set_before

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    @property
    def seen(self) -> Mapping[str, Seen]:
        """What the next read is compared with."""
        return self._latches.seen

    @property
    def calm_us(self) -> int:
        """What had begun before that was over by the last read, was counted, and told."""
        return _NEVER if self._waiting else self._calm_us

    @property
    def oldest_us(self) -> int | None:
        """Nothing is found from now on about what was over before; None: nothing was read yet."""
        read_us, waiting = self._latches.oldest_us, (finding.asked_us for finding in self._waiting)
        return None if read_us is None else min(read_us, *waiting, read_us)

    def read(
        self, values: Mapping[str, float], sent_us: int, received_us: int, seeing: Seeing, clock: "WallClock"
    ) -> tuple[str, ...]:
        """Registers that were asked at sent_us. Returns the names of what was reset."""
        if self._names.isdisjoint(values):
            return ()
        asked_us, before = sent_us - seeing.rules.age_us, self._latches.seen
        if seeing.clear_us is not None:
            self._since_us = seeing.clear_us
        self._calmed(asked_us, seeing)
        since_us = asked_us if self._since_us is None else min(asked_us, self._since_us)
        utc = Utc(clock.wall_us(asked_us), clock.state.uncertainty_s)
        moves = self._latches.read(Read(values, asked_us, since_us, received_us, utc))
        back = self._latches.went_back
        if moves or back:
            self._kept_us = None
        found = findings(moves, self._latches.latches, lives_on_it=self._lives_on_it)
        self._settled = self._settled if self._waiting and not back else before
        self._waiting = found if back else self._waiting + found
        return back

    def _calmed(self, asked_us: int, seeing: Seeing) -> None:
        """A read that was asked after a look in band had arrived has all that was going on before that look."""
        look, clear_us = seeing.look, seeing.clear_us
        now = None if look is None or clear_us is None else (look.received_boot_us, clear_us)
        calm = [clear for arrived_us, clear in (one for one in (self._calm, now) if one) if arrived_us <= asked_us]
        self._calm_us, self._calm = max((self._calm_us, *calm)), now or self._calm

    def again(self, findings_: Sequence[Finding]) -> bool:
        """They were told of events that they are not about. Whether there were any: until they are told another run
        has to go on from before them, and that is to be kept with those events."""
        if not findings_:
            return False
        self._settled = self._settled if self._waiting else self._latches.seen
        self._given = (*findings_, *self._given_back)
        self._waiting = (*findings_, *self._waiting)
        self._kept_us = None
        return True

    @property
    def _given_back(self) -> tuple[Finding, ...]:
        """Those that still wait."""
        return tuple(one for one in self._given if one in self._waiting)

    def ready(self, seeing: Seeing, now_us: int, known: Callable[[Finding], object]) -> tuple[Told, ...]:
        """What waits no longer. known: whether the event of a finding is."""
        if self._unsure_us is not None and now_us - self._unsure_us < _UNSURE_US:
            return ()
        told: list[Told] = []
        waiting: list[Finding] = []
        for finding in self._waiting:
            adds = finding.kind == "comms_loss" and not finding.by_owner
            # What one of them becomes the book has to know before it can say whose the next one is.
            turn = not any(finding.families & one.families for one in waiting)
            first = turn and not any(finding.families & one.finding.families for one in told)
            if adds or (first and known(finding)) or (turn and _past(finding, seeing, now_us)):
                told.append(Told(finding, _over_us(finding, seeing)))
                if self._lives_on_it and finding.stood and known(finding):
                    told.append(replace(told[-1], finding=replace(finding, kind="supply_loss")))
            else:
                waiting.append(finding)
        if self._waiting and not waiting:
            self._kept_us = None
        self._waiting = tuple(waiting)
        return tuple(told)

    def to_keep(self, now_us: int, clock: "WallClock", *, stops: bool = False) -> str | None:
        """What another run should go on from, where it is time to store that; stops: nothing comes any more. Findings
        that wait were not told: the reads before them count. While nobody knows who answers what was kept stands, but
        for what is given back."""
        given, sure = self._given_back, self._unsure_us is None
        if sure:
            self._kept = self._settled if self._waiting else self._latches.seen
        if not self._kept or not (sure or given):
            return None
        if not stops and self._kept_us is not None and now_us - self._kept_us < _KEEP_US:
            return None
        self._kept_us = now_us
        seen = {**self._kept, **_before(given, self._kept)}
        return log_state.told(seen, self._rests_on, clock.wall_us, clock.state.uncertainty_s)

    @property
    def is_unsure(self) -> bool:
        """Whether it is not known who answers."""
        return self._unsure_us is not None

    def unsure(self, now_us: int) -> None:
        """It was away: before it says its serial number again nobody knows whether it is the same. Nothing is told so
        long."""
        if self.serial is not None:
            self._unsure_us = now_us
            self._away_us = now_us if self._away_us is None else self._away_us

    def still_unsure(self, now_us: int) -> None:
        """Its nameplate could not be read, or gave another number for the first time."""
        self._unsure_us = now_us

    def sure(self) -> None:
        """It said who it is."""
        self._unsure_us = self._away_us = None

    def anew(self, since_us: int | None = None) -> None:
        """It is another meter since then, or nobody knows: nothing of before is compared with what it says. What was
        found before, or before it was away, stays."""
        before = [us for us in (since_us, self._away_us) if us is not None]
        self._waiting = tuple(one for one in self._waiting if before and one.until_us <= max(before))
        self._latches.resume({})
        self._kept = {}
        self._kept_us = self._unsure_us = self._away_us = None

    @property
    def _rests_on(self) -> str:
        return self._made_by if self.serial is None else f"{self._made_by} {self.serial}"

    def resume(self, kept: str, earlier: Earlier, now_us: int, slack_us: int) -> None:
        """Go on from what another run kept. slack_us: what the wall clocks of then and now may be wrong by."""
        self.unsure(now_us)
        from_wall_us, other_boot = earlier.from_wall_us, not earlier.same_boot
        seen = log_state.understood(kept, self._rests_on, from_wall_us, now_us, slack_us, other_boot=other_boot)
        self._latches.resume(seen)
        self._kept = seen
        # Until a look shows every voltage in band, what is counted may go on since that run saw it so.
        self._since_us = min((one.since_us for one in seen.values()), default=None)


def _before(findings_: Sequence[Finding], settled: Mapping[str, Seen]) -> Mapping[str, Seen]:
    """The registers as they were read before what was found in them, where `settled` is of later."""
    moves = sorted((move for one in findings_ for move in one.moves), key=lambda move: move.until_us, reverse=True)
    known = (move for move in moves if move.latch.name in settled)
    late = (move for move in known if settled[move.latch.name].asked_us > move.asked_us)
    return {move.latch.name: Seen(move.uncounted, move.asked_us, move.since_us) for move in late}


def _past(finding: Finding, seeing: Seeing, now_us: int) -> bool:
    """No look to come can be about it."""
    return now_us - finding.until_us > _LONGEST_WAIT_US or _seen_over(finding, seeing)


def _seen_over(finding: Finding, seeing: Seeing) -> bool:
    clear_us = seeing.clear_of(finding.phases)
    return clear_us is not None and clear_us >= finding.until_us


def _over_us(finding: Finding, seeing: Seeing) -> int | None:
    if finding.clears or "power" in finding.families:
        return finding.until_us  # a meter that answers is no longer dead
    if seeing.look is None and not finding.stands:
        return finding.until_us
    if seeing.look is None or not _seen_over(finding, seeing):
        return None
    return max(seeing.look.received_boot_us, finding.until_us)
