"""Files in the state directory hold what meters said of customers: nobody but their owner reads them, whatever umask
the agent was started with. A group that hands have let in stays; the rest of the world goes out."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

_OWNERS = 0o600
_OTHERS = 0o007
# What SQLite keeps beside a file.
_BESIDE = ("-wal", "-shm", "-journal")


def ensure_private(file: Path) -> None:
    """For whoever opens it by other means, as SQLite does: there from now on, empty where it was not; what a kill left
    beside it is shut as well. Where that cannot be, those other means say why."""
    _ensure(file, os.O_WRONLY | os.O_CREAT)
    for end in _BESIDE:
        _ensure(file.with_name(file.name + end), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def _ensure(file: Path, access: int) -> None:
    with suppress(OSError):
        descriptor = os.open(file, access, _OWNERS)
        try:
            _shut(descriptor)
        finally:
            os.close(descriptor)


def write_private(file: Path, content: bytes, *, flushed: bool = False) -> None:
    """In the place of what was there, if that is a file of one name: whoever owns the directory may have put a link
    there. flushed: it is on the disk, but for its name. OSError is the caller's."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, _OWNERS)
    with os.fdopen(descriptor, "wb") as out:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise OSError(errno.EINVAL, "no file of one name; remove it (it was not touched)", str(file))
        _shut(descriptor)
        out.truncate(0)
        out.write(content)
        if flushed:
            out.flush()
            os.fsync(descriptor)


def _shut(descriptor: int) -> None:
    mode = os.fstat(descriptor).st_mode
    if mode & _OTHERS:
        with suppress(PermissionError):  # another user's, that we may write all the same
            os.fchmod(descriptor, mode & 0o777 & ~_OTHERS)
