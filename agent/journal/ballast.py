"""A file that is thrown off when the card is full: without a free byte SQLite can neither delete nor empty its log.

SQLite's own cap keeps the journal from filling the card; this is for the day on which somebody else did.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

BALLAST_NAME = "ballast"
BALLAST_BYTES = 1 << 20
# Made again only where so much is left beside it: a file that comes and goes on a full card helps nobody.
SPARE_BYTES = 4 << 20
# A commit takes some pages.
NOTHING_BYTES = 64 << 10


class Ballast:
    """beside: the pattern of other files in the directory that may go too, spoilt ones that are kept for a look."""

    def __init__(self, directory: Path, beside: str) -> None:
        self._file = directory / BALLAST_NAME
        self._beside = beside
        self._is_there = False

    def ensure(self) -> None:
        """Real bytes on the card: a hole, or zeros that a filesystem squeezes, would free nothing."""
        if self._is_there:
            return
        try:
            self._is_there = self._file.exists() and self._file.stat().st_size == BALLAST_BYTES
            if not self._is_there and self._free_bytes() >= BALLAST_BYTES + SPARE_BYTES:
                self._write()
        except OSError as error:
            log.debug("journal.no_ballast file=%s error=%s", self._file, error.strerror or error)
            self._unlink()

    def _write(self) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            left = memoryview(os.urandom(BALLAST_BYTES))
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._is_there = True

    def _free_bytes(self) -> int:
        room = os.statvfs(self._file.parent)
        return room.f_bavail * room.f_frsize

    @property
    def is_needed(self) -> bool:
        """Whether next to nothing is free."""
        try:
            return self._free_bytes() < NOTHING_BYTES
        except OSError:
            return False

    def drop(self) -> bool:
        """Whether there was anything to throw off."""
        spoilt = list(self._file.parent.glob(self._beside))
        dropped = [file for file in (self._file, *spoilt) if file.exists()]
        for file in spoilt:
            file.unlink(missing_ok=True)
        self._unlink()
        if dropped:
            log.error("journal.ballast_dropped files=%s", ",".join(file.name for file in dropped))
        return bool(dropped)

    def _unlink(self) -> None:
        self._is_there = False
        with suppress(OSError):
            self._file.unlink()
