"""What to make of a wall clock: follow it, freeze a guess until it is set, go on alone when its source is gone. Pure.

    the source says            before this boot's first anchor                after it
    nothing (there is none)    the wall clock as it is                        on alone
    unsynchronised             a guess, frozen                                on alone, less sure by 50 ppm of the time
    synchronised               at once if nothing was guessed; else an        the wall clock as it is
                               anchor, after two looks that agree

A wall clock outside the years in which this program can run is no synchronised one, whatever its source says.
"""

from dataclasses import dataclass

from agent.records import ClockState

# Nothing was ever measured by this program before it was written: 2026-11-01T00:00:00Z.
BUILT_US = 1_793_491_200_000_000
_YEAR_US = 31_557_600_000_000
OVER_US = BUILT_US + 20 * _YEAR_US
# Two looks at a synchronised clock make an anchor: so far apart, and so much alike.
ANCHOR_US = 8_000_000
AGREE_US = 50_000
STEP_US = 500_000
# A quartz without a compensation, over the range of temperatures of a cabinet.
DRIFT = 50e-6
# Further anchors: when the wall clock was moved, and every hour; none too often, each is written.
_MOVED_US, _MOVED_AFTER_US, _ANCHOR_EVERY_US = 1_000, 600_000_000, 3_600_000_000
# What a source promises that does not say its bound; one that says more is not there yet.
_BOUND_S = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """The wall clock beside the boot clock: offset_us later by the count. told: by its source."""

    boot_us: int
    offset_us: int
    told: ClockState


@dataclass(frozen=True, slots=True)
class Anchor:
    """At this boot time UTC was offset_us later by the count, give or take err_us."""

    boot_us: int
    offset_us: int
    err_us: int


@dataclass(frozen=True, slots=True)
class Move:
    """The offset changed at once. anchor: where it took the place of a guess, None where the clock was stepped."""

    at_boot_us: int
    from_offset_us: int
    to_offset_us: int
    synced: bool | None
    anchor: Anchor | None = None

    @property
    def by_us(self) -> int:
        return self.to_offset_us - self.from_offset_us


class Discipline:
    """One boot's. trusted: the wall clock is taken as it is, whatever a source says.

    offset_us: from the boot clock to UTC; guess: it is one; anchor: the youngest of this boot
    """

    def __init__(self, *, trusted: bool = False) -> None:
        self.trusted = trusted
        self.offset_us = 0
        self.state = ClockState(None, None)
        self.guess = False
        self.anchor: Anchor | None = None
        self._first: Look | None = None
        self._begun = False

    def resume(self, look: Look, floor_us: int, guess_us: int | None, anchor: Anchor | None, *, doubt: bool) -> None:
        """Before anything was told. floor_us: no wall time may be before; guess_us, anchor: what an earlier run of this
        boot went by; doubt: rows of an earlier boot still wait for an anchor of this one."""
        if self.trusted:
            return
        self._begun, self._first = False, None
        self.anchor, self.guess = anchor, False
        if anchor is not None:
            self.offset_us = anchor.offset_us
        elif guess_us is not None or look.told.synced is False or (doubt and look.told.synced):
            self._begin_guess(look, floor_us)
            self.offset_us = self.offset_us if guess_us is None else guess_us
        self.take(look)

    def take(self, look: Look) -> Move | None:
        """One more look; the move it made."""
        synced = look.told.synced and _is_sure(look)
        if self.trusted or (synced is None and not self.guess and self.anchor is None):
            return self._follow(look, look.told)
        if not synced:
            self._alone(look)
            return None
        bound_s = _BOUND_S if look.told.uncertainty_s is None else look.told.uncertainty_s
        if self.guess:
            return self._anchored(look, round(bound_s * 1e6))
        move = self._follow(look, ClockState(True, bound_s))
        if move is not None or self._is_due(look):
            self.anchor = Anchor(look.boot_us, look.offset_us, round(bound_s * 1e6))
        return move

    def _is_due(self, look: Look) -> bool:
        if self.anchor is None:
            return True
        age_us, moved_us = look.boot_us - self.anchor.boot_us, abs(look.offset_us - self.anchor.offset_us)
        return age_us >= _ANCHOR_EVERY_US or (moved_us > _MOVED_US and age_us >= _MOVED_AFTER_US)

    def _follow(self, look: Look, state: ClockState) -> Move | None:
        before, self.offset_us, self.state = self.offset_us, look.offset_us, state
        begun, self._begun = self._begun or self.anchor is not None, True
        if not begun or abs(look.offset_us - before) <= STEP_US:
            return None
        return Move(look.boot_us, before, look.offset_us, state.synced)

    def _alone(self, look: Look) -> None:
        self._first = None
        if self.anchor is None:
            if not self.guess:
                self._begin_guess(look, look.boot_us + self.offset_us if self._begun else BUILT_US)
            self.state = ClockState(False, None)
            return
        self.state = ClockState(True, (self.anchor.err_us + DRIFT * (look.boot_us - self.anchor.boot_us)) / 1e6)

    def _begin_guess(self, look: Look, floor_us: int) -> None:
        self.guess = True
        self.state = ClockState(False, None)
        self.offset_us = max(look.boot_us + look.offset_us, BUILT_US, floor_us) - look.boot_us

    def _anchored(self, look: Look, bound_us: int) -> Move | None:
        first = self._first
        if first is None or abs(look.offset_us - first.offset_us) > max(AGREE_US, bound_us):
            self._first = look
            return None
        if look.boot_us - first.boot_us < ANCHOR_US:
            return None
        self.anchor = Anchor(look.boot_us, look.offset_us, bound_us + abs(look.offset_us - first.offset_us))
        move = Move(look.boot_us, self.offset_us, look.offset_us, True, self.anchor)
        self.guess, self._first, self._begun = False, None, True
        self.offset_us, self.state = look.offset_us, ClockState(True, self.anchor.err_us / 1e6)
        return move


def _is_sure(look: Look) -> bool:
    if (look.told.uncertainty_s or 0.0) > _BOUND_S:
        return False
    return BUILT_US <= look.boot_us + look.offset_us <= OVER_US
