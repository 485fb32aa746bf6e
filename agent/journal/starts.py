"""How often in a row the agent was started and did not live for long: the supply of a gateway may come and go.

Counted by lives and not by time, as the wall clock of such a gateway is seldom set: five in a row, none of which lasted
for two minutes, are five within ten.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

log = logging.getLogger("lamplighter.starts")

NAME = "starts"
# A start that comes after so many short lives does less.
SHORT_LIVES = 5
CALM_US = 120_000_000
_MOST = 9999


def is_restless(state_dir: Path) -> bool:
    """Counts this start. The caller holds the directory; one that takes no write is told by others."""
    lives = min(_before(state_dir), _MOST)
    with suppress(OSError):
        _put(state_dir / NAME, lives + 1)
    if lives < SHORT_LIVES:
        return False
    log.warning("starts.restless short_lives=%d: no checks, no salvage and no backlogs for %d s", lives, CALM_US / 1e6)
    return True


def forget(state_dir: Path) -> None:
    """This life has lasted, or it ends in order."""
    with suppress(OSError):
        (state_dir / NAME).unlink(missing_ok=True)


class Restless(Protocol):
    """What is needed of the journal's place. gentle: what can wait does, until `at_ease`."""

    @property
    def gentle(self) -> bool: ...

    def at_ease(self) -> None: ...


class Rest:
    """Comes once this life has lasted. now_us: on the boot clock"""

    def __init__(self, state_dir: Path, place: Restless, now_us: int) -> None:
        self._state_dir = state_dir
        self._place = place
        self._calm_us = now_us + CALM_US
        self._awaited = True

    def look(self, now_us: int) -> None:
        if not self._awaited or now_us < self._calm_us:
            return
        self._awaited = False
        forget(self._state_dir)
        if self._place.gentle:
            log.info("starts.calm: checks, salvage and backlogs from now on")
            self._place.at_ease()


def _before(state_dir: Path) -> int:
    """A file that was torn counts for nothing: the start is as any."""
    try:
        text = (state_dir / NAME).read_text("ascii")[:4]
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdecimal() else 0


def _put(file: Path, lives: int) -> None:
    # In its place and not renamed: one sector, written whole or not at all, and a flush less.
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, b"%04d" % lives)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
