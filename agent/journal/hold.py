"""One process per state directory: a lock file that the kernel lets go of however its holder ends."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import StateHeldError

LOCK_NAME = "agent.lock"
_ELSEWHERE = "or name another place with state_dir or --state-dir"


class LookedAtError(OSError):
    """No agent is there, but somebody looks at what is stored. Try again once that is over."""


@contextmanager
def hold(state_dir: Path) -> Iterator[None]:
    """Hold the state directory; it is created (0700) where its parent exists.

    StateHeldError names the process that holds it; LookedAtError: nobody does, and somebody looks; FileNotFoundError,
    PermissionError or another OSError, with what to do, where the directory cannot be had.
    """
    _ensure(state_dir)
    with _opened(state_dir, os.O_RDWR) as lock:
        _lock(lock, state_dir)
        os.ftruncate(lock, 0)
        with suppress(OSError):  # on a full card nobody is told who holds it, and that is all
            os.write(lock, f"{os.getpid()}\n".encode())
        yield
        with suppress(OSError):  # a filesystem that fails takes no write any more; the lock goes all the same
            os.ftruncate(lock, 0)


@contextmanager
def look(state_dir: Path) -> Iterator[None]:
    """Keep agents away while somebody looks; others may look as well. StateHeldError where an agent is."""
    with _opened(state_dir, os.O_RDONLY) as lock:
        if not _locked(lock, fcntl.LOCK_SH):
            raise _held(lock, state_dir)
        yield


@contextmanager
def _opened(state_dir: Path, access: int) -> Iterator[int]:
    """The lock file and nothing else: whoever owns the directory may have put a link there, and root may be asking."""
    file = state_dir / LOCK_NAME
    try:
        lock = os.open(file, access | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        raise _no_lock(file) from error
    try:
        found = os.fstat(lock)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise _no_lock(file)
        if found.st_uid == os.geteuid() == 0:  # a look by root must not leave what the agent's own user cannot open
            owner = state_dir.stat()
            os.fchown(lock, owner.st_uid, owner.st_gid)
        yield lock
    finally:
        os.close(lock)


def refuse_no_place(state_dir: Path) -> None:
    """What `hold` raises where the state directory cannot be, without making or holding anything."""
    with suppress(PermissionError):  # who asks may see less than the agent's own user, and write less
        if state_dir.exists() and not state_dir.is_dir():
            raise _no_directory(state_dir)
        if not state_dir.parent.exists():
            raise _no_parent(state_dir)
        takes_none = state_dir.exists() and not os.access(state_dir, os.W_OK | os.X_OK)
        if takes_none and os.geteuid() in (0, state_dir.stat().st_uid):
            raise _no_write(state_dir)


def _ensure(state_dir: Path) -> None:
    try:
        state_dir.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError as error:
        raise _no_parent(state_dir) from error
    except FileExistsError as error:
        raise _no_directory(state_dir) from error


def _no_parent(state_dir: Path) -> FileNotFoundError:
    why = f"the state directory's parent {state_dir.parent} does not exist; create it, {_ELSEWHERE}"
    return FileNotFoundError(errno.ENOENT, why, str(state_dir))


def _no_directory(state_dir: Path) -> FileExistsError:
    why = f"the state directory is something else: no directory; move it away, {_ELSEWHERE}"
    return FileExistsError(errno.EEXIST, why, str(state_dir))


def _no_write(state_dir: Path) -> OSError:
    why = f"the state directory takes no write; is its disk mounted read-only? Mount it anew, {_ELSEWHERE}"
    return OSError(errno.EROFS, why, str(state_dir))


def _no_lock(file: Path) -> OSError:
    why = f"{LOCK_NAME} is no lock of an agent; remove it, {_ELSEWHERE} (it was not touched)"
    return OSError(errno.EINVAL, why, str(file))


def _lock(lock: int, state_dir: Path) -> None:
    if _locked(lock, fcntl.LOCK_EX):
        return
    if _locked(lock, fcntl.LOCK_SH):  # beside looks there is room for one more; beside an agent there is none
        why = "somebody is looking at the journal (`lamplighter journal` or `events`); let that end"
        raise LookedAtError(errno.EBUSY, why, str(state_dir))
    raise _held(lock, state_dir)


def _locked(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(lock: int, state_dir: Path) -> StateHeldError:
    holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
    return StateHeldError(
        f"{state_dir}: held by another agent (process {holder}); stop it, ask it (`lamplighter status`), "
        "or use another --state-dir"
    )
