"""Files in the state directory hold what meters said of customers: nobody but their owner reads them, whatever umask
the agent was started with. A group that hands have let in stays; the rest of the world goes out."""

import os
from contextlib import suppress
from pathlib import Path

_OWNERS = 0o600
_OTHERS = 0o007


def ensure_private(file: Path) -> None:
    """For whoever opens it by other means, as SQLite does: there from now on, empty where it was not. Where that cannot
    be, those other means say why."""
    with suppress(OSError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, _OWNERS)
        try:
            _shut(descriptor)
        finally:
            os.close(descriptor)


def write_private(file: Path, content: bytes, *, flushed: bool = False) -> None:
    """In the place of what was there. flushed: it is on the disk, but for its name. OSError is the caller's."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNERS)
    with os.fdopen(descriptor, "wb") as out:
        _shut(descriptor)
        out.write(content)
        if flushed:
            out.flush()
            os.fsync(descriptor)


def _shut(descriptor: int) -> None:
    mode = os.fstat(descriptor).st_mode
    if mode & _OTHERS:
        with suppress(PermissionError):  # another user's, that we may write all the same
            os.fchmod(descriptor, mode & 0o777 & ~_OTHERS)
