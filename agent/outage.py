"""What a boot finds: how long the gateway was dark, and which meters were without supply meanwhile. Pure.

    boot id            wall clock now      found
    ---------------    ----------------    -----------------------------------------------------------------------
    as before          -                   the agent was away, the gateway was not: nothing
    another            synchronised        dark from the last sign of the run before until this boot
    another            cannot be asked     likewise, once this boot lies after that sign
    another            not synchronised    dark since then; until when is told once the clock is right
    not known          -                   as `another`, if this boot lies after that sign

A run that lives leaves a sign within a time that the sign itself names: what was cut off died within that time. A run
that was stopped in order promises nothing: the gateway may have gone on until just before this boot.

A meter had no supply meanwhile if its energy counter stood still: five steps or more are missing to what half the power
of before makes, and it counted no more than it may have before and after the dark. All it counted and one step more is
what it can have lived through. An hour counter that fell behind the clock says it without a word on power. A cache's
answer shows nothing: only counters of which one has left the value of before, and that of the first answer since, are
judged.

That a counter went on proves supply, by how much it counted: it leaves a longest time in which there can have been none
(`ran_on`). A loss that lasted for longer was none, if the meter had supply for most of the time. An energy that stands
still proves nothing of the kind: there may have been no load. So hours that ran on outvote it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.records import ClockState, Reading, Supply

# From the return of the power to the kernel's first moment: a Pi's boot loader takes seconds, a PC's self-test more.
FIRMWARE_US = 60_000_000
# What a sign says at most of the next one, if it does not say anything itself.
WITHIN_US = 65_000_000
_STEPS = 5.0
# The load may have changed meanwhile: what was drawn before may have been halved, or half as much again.
_LEAST_PART, _MOST_PART = 0.5, 1.5
# Hour counters have their own quartz and their own time of counting on.
LAG_H = 0.02
_US_PER_H = 3_600_000_000
# What counts for more than so many times the power known is another meter, or another load than one can judge by.
_CREDIBLE = 10.0
_FLOAT = 2.0**-23  # what a float32 register resolves


@dataclass(frozen=True, slots=True)
class Sign:
    """The last that is known of the run before. at_us: UTC; within_us: it would have left another one within that;
    boot_id: empty where it is not known."""

    at_us: int
    within_us: int
    boot_id: str
    clock: ClockState

    def text(self) -> str:
        rows = [self.at_us, self.within_us, self.boot_id, self.clock.synced, self.clock.uncertainty_s]
        return json.dumps(rows, separators=(",", ":"))


def sign_of(kept: str | None, last_us: int | None) -> Sign | None:
    """From what was kept as `Sign.text`, and the youngest entry of the journal, UTC; None where there was no run."""
    try:
        at_us, within_us, boot_id, synced, uncertainty_s = json.loads(kept or "")
        sign = Sign(int(at_us), int(within_us), str(boot_id), ClockState(synced, uncertainty_s))
    except (ValueError, TypeError):
        return None if last_us is None else Sign(last_us, WITHIN_US, "", ClockState(None, None))
    return Sign(max(sign.at_us, last_us or 0), sign.within_us, sign.boot_id, sign.clock)


@dataclass(frozen=True, slots=True)
class Boot:
    """This boot. at_us: UTC of the kernel's first moment, by the wall clock as it is now."""

    id: str
    at_us: int
    clock: ClockState

    def is_new(self, sign: Sign) -> bool:
        """Whether the gateway was down since that sign."""
        return self.id != sign.boot_id if self.id and sign.boot_id else self.at_us > sign.at_us

    def is_placed(self, sign: Sign) -> bool:
        """Whether its instant can be believed: a gateway without a battery for its clock boots in the past."""
        return self.clock.synced is True or (self.clock.synced is None and self.at_us > sign.at_us)


@dataclass(frozen=True, slots=True)
class Dark:
    """When the gateway was without power, UTC, bounds as of an event. slack_s: what both clocks may be wrong by."""

    start_earliest_us: int
    start_us: int
    end_earliest_us: int
    end_us: int
    slack_s: float

    @property
    def duration_min_s(self) -> float:
        return max(0.0, (self.end_earliest_us - self.start_us) / 1e6 - self.slack_s)

    @property
    def duration_max_s(self) -> float:
        return (self.end_us - self.start_earliest_us) / 1e6 + self.slack_s


def dark(sign: Sign, boot: Boot, *, clean: bool) -> Dark:
    """clean: the run before was stopped in order. A boot before the sign means that the clock was ahead then."""
    end_us = max(boot.at_us, sign.at_us)
    start_us = end_us if clean else min(end_us, sign.at_us + sign.within_us)
    end_earliest_us = max(sign.at_us, end_us - FIRMWARE_US)
    slack_s = (sign.clock.uncertainty_s or 0.0) + (boot.clock.uncertainty_s or 0.0)
    return Dark(sign.at_us, start_us, end_earliest_us, end_us, slack_s)


@dataclass(frozen=True, slots=True)
class Counters:
    """What a meter's counters said. at_us: UTC by which they were read; window_s: up to how much before that."""

    at_us: int
    window_s: float
    energy_wh: float | None
    hours_h: float | None
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """The least by which a meter's counters move."""

    energy_wh: float = 1.0
    hours_h: float = 1.0


@dataclass(frozen=True, slots=True)
class Stood:
    """How long a meter can have lived between two reads of its counters at most, and why, in words."""

    lived_us: int
    words: str


@dataclass(frozen=True, slots=True)
class Ran:
    """The longest time between two reads of its counters in which a meter can have been without supply."""

    without_s: float
    passed_s: float
    words: str

    def rules_out(self, lasted_s: float) -> bool:
        """Whether a loss of that length cannot have been; and for most of the time it had supply for sure, so that a
        load which swings for a moment does not decide."""
        return self.without_s < lasted_s and self.without_s <= 0.5 * self.passed_s


@dataclass(frozen=True, slots=True)
class Looked:
    """What its counters say of a meter while the gateway was dark. event: id of its loss; left: those still awaited;
    outage: id of the gateway_outage that it was heard last before"""

    meter: str
    supply: Supply
    dark: Dark
    event: str | None = None
    left: frozenset[str] = frozenset()
    outage: str = ""


def counters_before(readings: Sequence[Reading]) -> Counters | None:
    """From the last readings of a meter, youngest first. power_w: the median, if it drew any."""
    counted = [one for one in readings if {"active_energy_import", "operating_hours"} & one.values.keys()]
    if not counted:
        return None
    last = counted[0]
    powers = [one.values["active_power_total"] for one in readings if "active_power_total" in one.values]
    drawn = sorted(powers)[len(powers) // 2] if powers else 0.0
    return Counters(
        last.time_us, last.window_s, last.values.get("active_energy_import"), last.values.get("operating_hours"),
        drawn if drawn > 0 else None,
    )  # fmt: skip


def has_moved(before: Counters, now: Counters) -> bool:
    """Whether a counter has left its value: what shows the value of before may come from a cache."""
    pairs = ((before.energy_wh, now.energy_wh), (before.hours_h, now.hours_h))
    return any(then is not None and value is not None and then != value for then, value in pairs)


def stood_still(before: Counters, now: Counters, steps: Steps, dark: Dark, earlier_us: int = 0) -> Stood | None:
    """What counters that ought to have moved, and hardly did, prove of the time between; None where they prove nothing.
    earlier_us: for so long at least the gateway was dark between them before this dark time.

    Energy goes first where power was drawn: an hour counter may count hours under load. Hours that ran on for longer
    than the energy leaves room for prove supply in any case, and a load that was gone.
    """
    if before.energy_wh is None or now.energy_wh is None or not before.power_w:
        return _by_hours(before, now, steps.hours_h)
    stood = _by_energy(before, now, steps.energy_wh, earlier_us + max(0, dark.end_earliest_us - dark.start_us))
    ran = _hours_ran(before, now, steps.hours_h)
    if stood is not None and ran is not None and ran.passed_s - ran.without_s - before.window_s > stood.lived_us / 1e6:
        return _by_hours(before, now, steps.hours_h)
    return stood


def _by_energy(before: Counters, now: Counters, step_wh: float, dark_us: int) -> Stood | None:
    if before.energy_wh is None or now.energy_wh is None or not before.power_w:
        return None
    counted_wh, power_w = now.energy_wh - before.energy_wh, before.power_w
    passed_us = now.at_us - before.at_us
    around_us = passed_us - dark_us
    missing_wh = _LEAST_PART * power_w * passed_us / _US_PER_H - counted_wh
    around_wh = _MOST_PART * power_w * around_us / _US_PER_H + 2 * step_wh
    if not 0 <= counted_wh <= around_wh or missing_wh < _STEPS * step_wh:
        return None
    words = (
        f"its energy counter stood still while the gateway was dark: {before.energy_wh / 1e3:.10g} kWh before, "
        f"{now.energy_wh / 1e3:.10g} kWh after; the {power_w / 1e3:.3g} kW of before make "
        f"{power_w * passed_us / _US_PER_H / 1e3:.3g} kWh in that time"
    )
    return Stood(round((counted_wh + step_wh) / (_LEAST_PART * power_w) * _US_PER_H), words)


def resolved(steps: Steps, counters: Counters) -> Steps:
    """A float32 that counts for years moves in greater steps than its map says."""
    return replace(steps, energy_wh=max(steps.energy_wh, (counters.energy_wh or 0.0) * _FLOAT))


def ran_on(before: Counters, now: Counters, steps: Steps) -> Ran | None:
    """What counters that went on prove; None where they prove nothing. The one that leaves less time counts."""
    found = [one for one in (_hours_ran(before, now, steps.hours_h), _energy_ran(before, now, steps.energy_wh)) if one]
    return min(found, key=lambda one: one.without_s, default=None)


def _hours_ran(before: Counters, now: Counters, step_h: float) -> Ran | None:
    if before.hours_h is None or now.hours_h is None:
        return None
    counted_h, passed_h = now.hours_h - before.hours_h, _passed_s(before, now) / 3600
    if not 0 < counted_h <= passed_h + step_h + LAG_H:
        return None
    told = f"{before.hours_h:.10g} h before, {now.hours_h:.10g} h after, {passed_h:.3g} h later"
    without_s = 3600 * max(0.0, passed_h - counted_h + step_h + LAG_H)
    return Ran(without_s, 3600 * passed_h, f"its hour counter ran on: {told}")


def _energy_ran(before: Counters, now: Counters, step_wh: float) -> Ran | None:
    """It draws half as much again as known at most."""
    power_w = max(before.power_w or 0.0, now.power_w or 0.0)
    if before.energy_wh is None or now.energy_wh is None or not power_w:
        return None
    counted_wh, passed_s = now.energy_wh - before.energy_wh, _passed_s(before, now)
    if not step_wh < counted_wh <= _CREDIBLE * power_w * passed_s / 3600 + step_wh:
        return None
    words = (
        f"its energy counter ran on: {before.energy_wh / 1e3:.10g} kWh before, {now.energy_wh / 1e3:.10g} kWh after; "
        f"at the {power_w / 1e3:.3g} kW known, or half as much again, that takes most of the time"
    )
    return Ran(max(0.0, passed_s - (counted_wh - step_wh) / (_MOST_PART * power_w) * 3600), passed_s, words)


def _passed_s(before: Counters, now: Counters) -> float:
    """At most: the first may have been read as early as its window says."""
    return (now.at_us - before.at_us) / 1e6 + before.window_s


def _by_hours(before: Counters, now: Counters, step_h: float) -> Stood | None:
    if before.hours_h is None or now.hours_h is None or now.hours_h < before.hours_h:
        return None
    counted_h, passed_h = now.hours_h - before.hours_h, (now.at_us - before.at_us) / _US_PER_H
    if passed_h - counted_h <= step_h + LAG_H:
        return None
    words = (
        f"its hour counter fell behind while the gateway was dark: {before.hours_h:.10g} h before, "
        f"{now.hours_h:.10g} h after, {passed_h:.3g} h later"
    )
    return Stood(round((counted_h + step_h + LAG_H) * _US_PER_H), words)
