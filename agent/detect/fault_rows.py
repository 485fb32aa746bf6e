"""The conditions of faults that only look like a sag or a loss: one row each, run by `agent.detect.faults`.

Voltages are of the declared voltage, currents of those before; "before" is the mean of the last looks that cannot have
a part of it in their window.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from agent.detect.displaced import even_side_v, fits, side_v, star_point_v
from agent.detect.table import Indices
from agent.detect.thresholds import Rules
from agent.detect.voltage import Amps, Look
from agent.records import Kind, VoltageBasis

Volts = tuple[float | None, ...]
Lines = tuple[float, float, float]

# A channel whose voltage circuit has failed reads less than this, before it more than that; back, it is well above.
# Where all are gone there is less still: a short circuit leaves the loads nothing to keep their current with.
GONE, SOUND, BACK, ALL_GONE = 0.30, 0.50, 0.80, 0.10
# Judged line to line, one fuse leaves the two voltages of its phase at 0.58 (star) or 0.50 (open delta) of theirs.
_HALF = (0.40, 0.65)
# A current that goes on as before; and, looked at for half a minute, one that goes on at all.
_AS_BEFORE, _GOES_ON = (0.80, 1.25), (0.50, 2.00)
# Of the nominal voltage: what the other channels may move by meanwhile.
_STILL, _STILL_LONG = 0.05, 0.10
# Above the noise floor by so many times, a current can be compared; without anything before it, must be.
_CLEAR, _CLEAR_ALONE = 2.0, 10.0
# A network of its own without an earthed star point is displaced by a few percent all the time.
DISPLACED, MIDDLE = 0.20, 0.15
# More than that before, and it is no network that something new has happened to.
_DISPLACED_BEFORE = 0.12
# Line-line voltages as they were; without any before, around the declared one.
INTACT, INTACT_ALONE = 0.05, 0.10
SPREAD, TOGETHER = 0.20, 0.15
# A star point that leaves the middle so far that voltages are 20 % apart has lowered one by 6 % and raised another by
# 6 %, less what the supply itself has moved by (`agent.detect.displaced`).
_APART_BY = 0.04
# Loads of constant power draw more as the voltage falls, down to two thirds of it: see `agent.detect.side`.
_RISE, _LEAST_LEFT = 1.10, 2 / 3
_ROOT3 = sqrt(3)
_PHASES = ("l1", "l2", "l3")


class Before(NamedTuple):
    """Means of looks before: volts by channel, amps by phase."""

    volts: Volts
    amps: Amps


@dataclass(frozen=True, slots=True)
class Sight:
    """One look as the rows see it. volts: without the channels whose voltage circuit is known to have failed;
    lines: line-line voltages as read since it began; doubted: its currents once were not as before"""

    look: Look
    volts: Volts
    before: Before | None
    rules: Rules
    floor_a: float
    lines: Lines | None = None
    doubted: bool = False

    def pu(self, i: int) -> float:
        volts = self.volts[i]
        return 0.0 if volts is None else volts / self.rules.nominal_v

    @property
    def known(self) -> Indices:
        return tuple(i for i, volts in enumerate(self.volts) if volts is not None)

    @property
    def three(self) -> Lines | None:
        """All three voltages, where they are known."""
        if len(self.volts) != 3:
            return None
        one, two, three = self.volts
        return None if one is None or two is None or three is None else (one, two, three)

    @property
    def side(self) -> float:
        """What the line-line voltage was before."""
        volts = () if self.before is None else [one for one in self.before.volts if one is not None]
        return side_v(volts) if len(volts) == 3 else _ROOT3 * self.rules.nominal_v

    @property
    def was_even(self) -> bool:
        """Before, the star point was where it belongs, or nothing is known of it."""
        volts = () if self.before is None else [one for one in self.before.volts if one is not None]
        return len(volts) < 3 or star_point_v(volts, side_v(volts)) <= _DISPLACED_BEFORE * self.rules.nominal_v

    @property
    def all_dead(self) -> bool:
        return bool(self.known) and all((self.volts[i] or 0.0) < self.rules.levels.loss for i in self.known)


@dataclass(frozen=True, slots=True)
class FaultRow:
    """bases: on which it is judged; may: from the lowest voltage and the spread of all, in pu, and the basis, whether
    it is worth looking at all (asked at every look inside an event); suspects: the channels that look like it, none if
    nothing does; confirms: everything else agrees, too; ends: at this look it is over; takes: what it was taken for
    until then; wait_us: it must have lasted so long, and two looks; long_us: instead, where nothing was seen before it,
    or a look did not agree."""

    kind: Kind
    bases: tuple[VoltageBasis, ...]
    may: Callable[[float, float, VoltageBasis], bool]
    suspects: Callable[[Sight], Indices]
    confirms: Callable[[Sight, Indices], bool]
    ends: Callable[[Sight, Indices], bool]
    takes: tuple[Kind, ...]
    wait_us: int
    long_us: int
    inside: tuple[Kind, ...] = ()


def phases_of(rules: Rules, crossed: Indices) -> Indices:
    """The phases whose voltage circuits these channels have in common; all of theirs where they have none."""
    named = [{_PHASES.index(name) for name in rules.phases[i].split("_")} for i in crossed]
    common = set.intersection(*named) if rules.basis == "ll" and len(named) == 2 else set.union(*named)
    return tuple(sorted(common))


def _may_be_gone(lowest: float, spread: float, basis: VoltageBasis) -> bool:
    return lowest <= (_HALF[1] if basis == "ll" else GONE)


def _gone(sight: Sight) -> Indices:
    """Channels without voltage that had some before; none where all are gone but not gone for good."""
    before = sight.before
    wired = range(len(sight.volts))
    if len(sight.known) == len(wired) and all(sight.pu(i) < ALL_GONE for i in wired):
        return tuple(i for i in wired if _had(before, i, sight.rules)) if _any_had(before, sight.rules) else ()
    if sight.rules.basis == "ll":
        return _half(sight)
    gone = tuple(i for i in sight.known if sight.pu(i) < GONE and _had(before, i, sight.rules))
    return gone if len(gone) < len(wired) else ()


def _half(sight: Sight) -> Indices:
    half = tuple(i for i in sight.known if _HALF[0] <= sight.pu(i) <= _HALF[1] and _had(sight.before, i, sight.rules))
    whole = [i for i in sight.known if sight.pu(i) > BACK]
    return half if len(half) == 2 and len(whole) == 1 else ()


def _had(before: Before | None, i: int, rules: Rules) -> bool:
    return before is None or before.volts[i] is None or (before.volts[i] or 0.0) >= SOUND * rules.nominal_v


def _any_had(before: Before | None, rules: Rules) -> bool:
    return before is None or any(_had(before, i, rules) for i in range(len(before.volts)))


def _flows(sight: Sight, crossed: Indices) -> bool:
    """The current of these phases goes on, and nothing else has moved: what is gone is the voltage circuit."""
    concerned, amps, before = phases_of(sight.rules, crossed), sight.look.amps, sight.before
    if before is None:
        return _flows_alone(sight, concerned)
    read = [i for i in concerned if before.amps[i] is not None and amps[i] is not None]
    clear = [i for i in read if (before.amps[i] or 0.0) >= _CLEAR * sight.floor_a]
    if not read or len(clear) < len(read):
        return False
    if sight.doubted:
        return _as_before(sight, before, read, _GOES_ON) and _others_still(sight, before, crossed, _STILL_LONG)
    return _as_before(sight, before, range(3), _AS_BEFORE) and _others_still(sight, before, crossed, _STILL)


def _flows_alone(sight: Sight, concerned: Indices) -> bool:
    """Nothing was seen before. What lasts for longer than any fault does, with no voltage left to speak of, and a
    current like that of the others."""
    amps = sight.look.amps
    here = [amps[i] for i in concerned]
    least_a = max(_CLEAR_ALONE * sight.floor_a, 0.5 * max((one for one in amps if one is not None), default=0.0))
    clearly = all(sight.pu(i) < ALL_GONE or abs(sight.pu(i) - 1) <= MIDDLE for i in sight.known)
    return clearly and all(one is not None and one >= least_a for one in here)


def _as_before(sight: Sight, before: Before, phases: Sequence[int], within: tuple[float, float]) -> bool:
    """Currents too small to compare are as they were if they are small now."""
    for i in phases:
        before_a, now_a = before.amps[i], sight.look.amps[i]
        if before_a is None or now_a is None:
            continue
        if max(before_a, now_a) >= _CLEAR * sight.floor_a and not within[0] * before_a <= now_a <= within[1] * before_a:
            return False
    return True


def _others_still(sight: Sight, before: Before, crossed: Indices, within: float) -> bool:
    for i in sight.known:
        was, now = before.volts[i], sight.volts[i]
        if i in crossed or was is None or now is None:
            continue
        if abs(now - was) > within * sight.rules.nominal_v:
            return False
    return True


def _back(sight: Sight, crossed: Indices) -> bool:
    volts = sight.look.volts
    return all((volts[i] or 0.0) >= BACK * sight.rules.nominal_v for i in crossed)


def intact(sight: Sight) -> bool:
    """The voltages from line to line are even and as before: as read, or else by geometry."""
    three, within = sight.three, INTACT if sight.before is not None else INTACT_ALONE
    if sight.lines is not None:
        side = even_side_v(sight.lines, INTACT)
        return side is not None and abs(side - sight.side) <= within * sight.side
    return three is not None and fits(three, sight.side, within)


def moved_v(sight: Sight) -> float:
    """How far the star point is from the middle; 0 where a voltage is not known."""
    three = sight.three
    if three is None:
        return 0.0
    return star_point_v(three, side_v(three) if fits(three, sight.side, INTACT_ALONE) else sight.side)


def _displaced(sight: Sight) -> Indices:
    """Voltages to earth: the lines that have lost some, at least the lowest."""
    if moved_v(sight) < DISPLACED * sight.rules.nominal_v or sight.all_dead or not sight.was_even:
        return ()
    low = tuple(i for i in sight.known if (sight.volts[i] or 0.0) < sight.rules.levels.sag)
    return low or (min(sight.known, key=sight.pu),)


def _centred(sight: Sight, crossed: Indices) -> bool:
    """No longer displaced; where one is not known, the others are where they belong; or everything is dead."""
    if sight.all_dead:
        return True
    if sight.three is not None:
        return intact(sight) and moved_v(sight) <= MIDDLE * sight.rules.nominal_v
    return bool(sight.known) and all(abs(sight.pu(i) - 1) <= MIDDLE for i in sight.known)


def spread_pu(sight: Sight) -> float:
    three = sight.three
    return 0.0 if three is None else (max(three) - min(three)) / sight.rules.nominal_v


def _apart(sight: Sight) -> Indices:
    """Voltages to neutral that have come apart: those beyond the band, at least the lowest and the highest."""
    if spread_pu(sight) <= SPREAD or sight.all_dead or not sight.was_even:
        return ()
    levels, lowest, highest = sight.rules.levels, min(sight.known, key=sight.pu), max(sight.known, key=sight.pu)
    beyond = {i for i in sight.known if not levels.sag <= (sight.volts[i] or 0.0) <= levels.swell}
    return tuple(sorted(beyond | {lowest, highest}))


def _both_ways(sight: Sight) -> bool:
    """One voltage fell and another rose. Three magnitudes alone do not tell a sag of one phase to 80 % from a neutral
    that has moved in a network of lower voltage; only the neutral raises another phase. Without looks before, one must
    be too low and another too high."""
    if sight.lines is not None:
        return True
    volts, before, levels = sight.three, sight.before, sight.rules.levels
    if volts is None:
        return False
    was = () if before is None else [one for one in before.volts if one is not None]
    if len(was) < len(volts):
        return min(volts) < levels.sag and max(volts) > levels.swell
    moved, least_v = [now - then for now, then in zip(volts, was, strict=True)], _APART_BY * sight.rules.nominal_v
    return min(moved) <= -least_v and max(moved) >= least_v


def _nothing_drawn(sight: Sight) -> bool:
    """No phase with a low voltage draws more than loads do by themselves: a short circuit or a motor that starts would
    move the neutral of a long cable, too."""
    if sight.before is None:
        return True
    for i in sight.known:
        before_a, now_a, left = sight.before.amps[i], sight.look.amps[i], sight.pu(i)
        if before_a is None or now_a is None or left >= 1 or now_a < _CLEAR * sight.floor_a:
            continue
        if now_a > _RISE * before_a / max(left, _LEAST_LEFT):
            return False
    return True


def _together(sight: Sight, crossed: Indices) -> bool:
    return sight.all_dead or (sight.three is not None and spread_pu(sight) <= TOGETHER)


ROWS = (
    FaultRow(
        "vt_failure", ("ln", "ll", "le"), _may_be_gone, _gone, _flows, _back,
        takes=("sag", "supply_loss", "phase_loss"), wait_us=900_000, long_us=30_000_000, inside=("earth_fault",),
    ),
    FaultRow(
        "earth_fault", ("le",), lambda lowest, spread, basis: spread > DISPLACED,
        _displaced, lambda sight, crossed: intact(sight), _centred,
        takes=("sag", "swell", "phase_loss"), wait_us=0, long_us=0,
    ),
    FaultRow(
        "neutral_fault", ("ln",), lambda lowest, spread, basis: spread > SPREAD,
        _apart, lambda sight, crossed: intact(sight) and _both_ways(sight) and _nothing_drawn(sight), _together,
        takes=("sag", "swell", "phase_loss"), wait_us=900_000, long_us=900_000,
    ),
)  # fmt: skip
