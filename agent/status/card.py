"""What is known of the medium beneath the journal: what is written to it, and how worn it says it is. From sysfs.

All that is written counts, by whomever: that is what a card wears by. Only eMMC says how worn it is; SD cards and USB
sticks do not.
"""

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from agent.records import HOUR_US

SYSFS = Path("/sys")
# Linux, Documentation/block/stat.rst: 512-byte sectors written are the 7th number, flushes the 16th (Linux 5.5 on).
_SECTORS_WRITTEN, _FLUSHES, _SECTOR_BYTES = 6, 15, 512
# JESD84-B51, DEVICE_LIFE_TIME_EST_TYP_A and _B: 0x01 is up to 10 % used, 0x02 up to 20 %, 0x0A all; 0x0B is beyond.
_BEYOND = 0x0B
_WORN = 0x09
# JESD84-B51, PRE_EOL_INFO: of the blocks held in reserve 80 % are used at 0x02, 90 % at 0x03.
_RESERVE = {1: "normal", 2: "warning", 3: "urgent"}
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Card:
    """written_bytes, flushes: since the machine started, None where the kernel does not count them; life: steps of 10 %
    used, of the worse kind of its cells, and reserve: None where it does not say."""

    device: str
    written_bytes: int | None = None
    flushes: int | None = None
    life: int | None = None
    reserve: int | None = None

    @property
    def life_words(self) -> str:
        if self.life is None:
            return ""
        return "all" if self.life >= _BEYOND else f"{10 * self.life - 10} to {10 * self.life} %"

    @property
    def reserve_words(self) -> str:
        return _RESERVE.get(self.reserve or 0, "")

    @property
    def trouble(self) -> str | None:
        """Why it should be replaced; empty while there is no reason, None where it says nothing of itself."""
        if self.life is None and self.reserve is None:
            return None
        if (self.life or 0) >= _WORN:
            return f"{self.life_words} of its life is used; replace it"
        if (self.reserve or 0) > 1:
            return f"{80 if self.reserve == 2 else 90} % of its spare blocks are used; replace it"
        return ""


@dataclass(frozen=True, slots=True)
class Wear:
    """What is written in a day, as it was over the last `over_s`."""

    written_bytes_day: float | None
    flushes_day: float | None
    over_s: float


def device_beneath(directory: Path, sysfs: Path = SYSFS, numbers: tuple[int, int] | None = None) -> Path | None:
    """Where sysfs tells of the whole disk that holds this directory; None where it is no disk, as in memory.

    numbers: major and minor of that filesystem, taken from the directory by default
    """
    if numbers is None:
        try:
            device = directory.stat().st_dev
        except OSError:
            return None
        numbers = os.major(device), os.minor(device)
    place = (sysfs / "dev" / "block" / f"{numbers[0]}:{numbers[1]}").resolve()
    if (place / "partition").exists():
        place = place.parent
    return place if (place / "stat").exists() else None


def look(place: Path) -> Card:
    """place: of `device_beneath`. What cannot be read is left out."""
    counted = _numbers(place / "stat", 10)
    lives = _numbers(place / "device" / "life_time", 16)
    reserve = _numbers(place / "device" / "pre_eol_info", 16)
    sectors = counted[_SECTORS_WRITTEN] if len(counted) > _SECTORS_WRITTEN else None
    return Card(
        place.name,
        None if sectors is None else sectors * _SECTOR_BYTES,
        counted[_FLUSHES] if len(counted) > _FLUSHES else None,
        max(lives, default=0) or None,
        max(reserve, default=0) or None,
    )


class Diary:
    """What a card counted, an hour after the other, for a day."""

    def __init__(self) -> None:
        self._told: deque[tuple[int, Card]] = deque(maxlen=25)

    def note(self, now_us: int, card: Card) -> None:
        """now_us: of the boot clock, on which these counters began."""
        self._told.append((now_us, card))

    @property
    def due_us(self) -> int | None:
        """When to look again; None: at once."""
        return self._told[-1][0] + HOUR_US if self._told else None

    def wear(self, now_us: int, card: Card) -> Wear | None:
        """By what it counts now; None for the first hour, of which a start is a good part."""
        if not self._told or now_us - self._told[0][0] < HOUR_US:
            return None
        then_us, then = self._told[0]
        over_s = (now_us - then_us) / 1e6

        def a_day(now: int | None, before: int | None) -> float | None:
            return None if now is None or before is None or now < before else (now - before) * _DAY_S / over_s

        written = a_day(card.written_bytes, then.written_bytes)
        return Wear(written, a_day(card.flushes, then.flushes), over_s)


def _numbers(file: Path, base: int) -> list[int]:
    try:
        return [int(word, base) for word in file.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []
