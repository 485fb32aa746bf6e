"""The one place where time is read: boot-time microseconds for everything, wall time at the edges.

CLOCK_BOOTTIME never steps and counts through suspend. The wall clock is derived from it by the offset
between the two, taken anew by `Clock.tick` so that a slewed or stepped wall clock is followed, and guessed while nobody
has set it (`agent.clock_discipline`).
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from agent.clock_discipline import BUILT_US, Anchor, Discipline, Look, Move
from agent.records import ClockState
from agent.time_source import TIMESYNC, TimeSource, timesync_state

log = logging.getLogger("lamplighter.clock")

NOT_SET = "the clock is not synchronised yet; rows wait until it is, for 24 h at most"
# Both clocks are read one after the other.
_SLEPT_US = 1_000_000

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def boot_us() -> int:
    """Microseconds of CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def _awake_us() -> int:
    return time.monotonic_ns() // 1000


_boot_us = boot_us


def boot_id(environ: Mapping[str, str] = os.environ, file: Path = _BOOT_ID) -> str:
    """Another for each boot of the machine: while it is the same, so is the boot clock. Empty where nobody says it; the
    service manager does where /proc is hidden."""
    told = environ.get("LAMPLIGHTER_BOOT_ID", "")
    try:
        return (told or file.read_text("ascii")).strip().replace("-", "")
    except (OSError, ValueError):
        return ""


def set_by_others_us() -> int:
    """Microseconds of UTC as the machine's clock has it, right or wrong."""
    return time.time_ns() // 1000


def rfc3339(us: int) -> str:
    """UTC microseconds -> ``2026-11-22T23:53:55.000001Z``. Plain arithmetic: no 32-bit time_t on the way."""
    return f"{(_EPOCH + timedelta(0, 0, us)).isoformat('T', 'microseconds')[:-6]}Z"


def parse_rfc3339(text: str) -> int:
    """``2026-11-22T23:53:55.000001Z`` -> UTC microseconds. ValueError if it is no such time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text}: a time without a zone; write it as ...Z")
    return (moment - _EPOCH) // timedelta(microseconds=1)


# A wall clock that has moved by more against the boot clock was set: what is kept says so anew.
STEP_US = 100_000


class Source(Protocol):
    """Who knows whether the wall clock is disciplined. Answers at once."""

    def state(self) -> ClockState: ...


@dataclass(frozen=True, slots=True)
class SyncSource:
    """Asks systemd-timesyncd's flag files alone."""

    directory: Path = TIMESYNC

    def state(self) -> ClockState:
        return timesync_state(self.directory)


class Clock:
    """Boot-time instants, and the wall time that belongs to them: `offset_us` later by the count.

    guess: the offset is one, until the wall clock is set; since_boot_us: since when it is as it is; suspended_us: how
    long the machine slept since this was made
    """

    def __init__(
        self,
        boot_us: Callable[[], int] = boot_us,
        wall_us: Callable[[], int] = set_by_others_us,
        source: Source | None = None,
        boot: str | None = None,
        *,
        trusted: bool = False,
        awake_us: Callable[[], int] | None = None,
    ) -> None:
        """boot: id of this boot of the machine, if it is not to be asked for; trusted: take the wall clock as it is;
        awake_us: a clock that stands still while the machine sleeps."""
        self.boot_us = boot_us
        self.boot_id = boot_id() if boot is None else boot
        self._read_wall_us = wall_us
        self._awake_us = awake_us or (_awake_us if boot_us is _boot_us else boot_us)
        self.source = source or SyncSource()
        self._discipline = Discipline(trusted=trusted)
        self._moves: list[Move] = []
        self.since_boot_us = boot_us()
        self.suspended_us = 0
        self._slept_us = boot_us() - self._awake_us()
        self.offset_us = 0
        self.state = ClockState(None, None)
        self.tick()

    @property
    def guess(self) -> bool:
        return self._discipline.guess

    @property
    def anchor(self) -> Anchor | None:
        """The youngest of this boot."""
        return self._discipline.anchor

    @property
    def trusted(self) -> bool:
        return self._discipline.trusted

    @property
    def source_name(self) -> str:
        """Who was asked last; empty where there is nobody."""
        return self.source.name if isinstance(self.source, TimeSource) else ""

    def tick(self) -> None:
        """Take the offset and the sync state anew. Called once a second by the agent."""
        self._note_sleep()
        move = self._discipline.take(self._look())
        if move is not None:
            self._moves.append(move)
        self._take_over()

    def resume(self, floor_us: int, guess_us: int | None, anchor: Anchor | None, *, doubt: bool) -> None:
        """Go on where an earlier run left off; see `Discipline.resume`. Before anything is told."""
        self._discipline.resume(self._look(), floor_us, guess_us, anchor, doubt=doubt)
        self._take_over()

    def moves(self) -> list[Move]:
        """Those since this was asked last."""
        moves, self._moves = self._moves, []
        return moves

    def _look(self) -> Look:
        before = self.boot_us()
        wall = self._read_wall_us()
        after = self.boot_us()
        return Look(after, wall - (before + after) // 2, self.source.state())

    def _take_over(self) -> None:
        discipline = self._discipline
        if discipline.state.synced != self.state.synced:
            self.since_boot_us = self.boot_us()
        self.offset_us, self.state = discipline.offset_us, discipline.state

    def _note_sleep(self) -> None:
        slept_us = self.boot_us() - self._awake_us()
        if slept_us - self._slept_us > _SLEPT_US:
            self.suspended_us += slept_us - self._slept_us
            log.warning("clock.suspended for_s=%.1f", (slept_us - self._slept_us) / 1e6)
            self._slept_us = slept_us

    def wall_us(self, at_boot_us: int | None = None) -> int:
        """UTC microseconds of a boot-time instant; of now without one."""
        return (self.boot_us() if at_boot_us is None else at_boot_us) + self.offset_us

    def from_wall_us(self, at_us: int) -> int:
        """Boot-time instant of a wall time, by today's offset; negative for times before this boot."""
        return at_us - self.offset_us


@dataclass(frozen=True, slots=True)
class ClockHold:
    """Whether wall times may go into a database, where a wrong one stays for ever.

    trust:   the site's ``clock``: `auto` holds, `trusted` takes the wall clock as it is
    last_us: UTC of the newest row of earlier runs
    waits:   why the rows of a clock that was not set yet must wait, or for their corrections to be stored
    """

    trust: str
    clock: Clock
    last_us: int
    waits: Callable[[], str | None] | None = None

    def reason(self) -> str | None:
        """Why rows must wait, None to go ahead."""
        if self.trust == "trusted":
            return None
        if self.waits is not None and (why := self.waits()):
            return why
        if self.clock.guess:
            return None if self.waits is not None else NOT_SET
        floor_us = max(BUILT_US, 0 if self.clock.state.synced else self.last_us)
        now_us = self.clock.wall_us()
        if now_us < floor_us:
            floor = rfc3339(floor_us)
            return f'the clock says {rfc3339(now_us)}, which is before {floor}; set it, or site.clock = "trusted"'
        return None
