"""The one place where time is read: boot-time microseconds for everything, wall time at the edges.

CLOCK_BOOTTIME never steps and counts through suspend. The wall clock is derived from it by the offset
between the two, taken anew by `Clock.tick` so that a slewed or stepped wall clock is followed.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.records import ClockState

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def boot_us() -> int:
    """Microseconds of CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def boot_id(environ: Mapping[str, str] = os.environ, file: Path = _BOOT_ID) -> str:
    """Another for each boot of the machine: while it is the same, so is the boot clock. Empty where nobody says it; the
    service manager does where /proc is hidden."""
    told = environ.get("LAMPLIGHTER_BOOT_ID", "")
    try:
        return (told or file.read_text("ascii")).strip().replace("-", "")
    except (OSError, ValueError):
        return ""


def _wall_us() -> int:
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


@dataclass(frozen=True, slots=True)
class SyncSource:
    """Asks systemd-timesyncd's flag files whether the wall clock is disciplined."""

    directory: Path = Path("/run/systemd/timesync")

    def state(self) -> ClockState:
        if not self.directory.is_dir():
            return ClockState(None, None)
        synced = (self.directory / "synchronized").exists()
        # timesyncd leaves its flag once it has set the clock: better than 1 s is all it promises without asking it.
        return ClockState(synced, 1.0 if synced else None)


class Clock:
    """Boot-time instants, and the wall time that belongs to them: `offset_us` later by the count."""

    def __init__(
        self,
        boot_us: Callable[[], int] = boot_us,
        wall_us: Callable[[], int] = _wall_us,
        source: SyncSource | None = None,
        boot: str | None = None,
    ) -> None:
        """boot: id of this boot of the machine, if it is not to be asked for."""
        self.boot_us = boot_us
        self.boot_id = boot_id() if boot is None else boot
        self._read_wall_us = wall_us
        self._source = source or SyncSource()
        self.offset_us = 0
        self.state = ClockState(None, None)
        self.tick()

    def tick(self) -> None:
        """Take the offset and the sync state anew. Called once a second by the agent."""
        before = self.boot_us()
        wall = self._read_wall_us()
        self.offset_us = wall - (before + self.boot_us()) // 2
        self.state = self._source.state()

    def wall_us(self, at_boot_us: int | None = None) -> int:
        """UTC microseconds of a boot-time instant; of now without one."""
        return (self.boot_us() if at_boot_us is None else at_boot_us) + self.offset_us

    def from_wall_us(self, at_us: int) -> int:
        """Boot-time instant of a wall time, by today's offset; negative for times before this boot."""
        return at_us - self.offset_us


# Nothing was ever measured by this program before it was written: 2026-11-01T00:00:00Z.
BUILT_US = 1_793_491_200_000_000


@dataclass(frozen=True, slots=True)
class ClockHold:
    """Whether wall times may go into a database, where a wrong one stays for ever.

    trust:   the site's ``clock``: `auto` holds, `trusted` takes the wall clock as it is
    last_us: UTC of the newest row of earlier runs
    """

    trust: str
    clock: Clock
    last_us: int

    def reason(self) -> str | None:
        """Why rows must wait, None to go ahead."""
        if self.trust == "trusted":
            return None
        now_us = self.clock.wall_us()
        if self.clock.state.synced is False:
            return "the clock is not synchronised yet (systemd-timesyncd); rows wait"
        if now_us < max(BUILT_US, self.last_us):
            floor = rfc3339(max(BUILT_US, self.last_us))
            return f'the clock says {rfc3339(now_us)}, which is before {floor}; set it, or site.clock = "trusted"'
        return None
