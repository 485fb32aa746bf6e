"""One process per state directory: a lock file that the kernel lets go of however its holder ends."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import StateHeldError

LOCK_NAME = "agent.lock"
_ELSEWHERE = "or name another place with state_dir or --state-dir"


@contextmanager
def hold(state_dir: Path) -> Iterator[None]:
    """Hold the state directory; it is created (0700) where its parent exists.

    StateHeldError names the process that holds it; FileNotFoundError or PermissionError, with what to do, where
    the directory cannot be had.
    """
    _ensure(state_dir)
    lock = os.open(state_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.geteuid() == 0:  # a look by root must not leave a file that the agent's own user cannot open
            owner = state_dir.stat()
            os.fchown(lock, owner.st_uid, owner.st_gid)
        _lock(lock, state_dir)
        os.ftruncate(lock, 0)
        with suppress(OSError):  # on a full card nobody is told who holds it, and that is all
            os.write(lock, f"{os.getpid()}\n".encode())
        yield
        with suppress(OSError):  # a filesystem that fails takes no write any more; the lock goes all the same
            os.ftruncate(lock, 0)
    finally:
        os.close(lock)


def refuse_no_place(state_dir: Path) -> None:
    """What `hold` raises where the state directory cannot be, without making or holding anything."""
    with suppress(PermissionError):  # who asks may see less than the agent's own user
        if state_dir.exists() and not state_dir.is_dir():
            raise _no_directory(state_dir)
        if not state_dir.parent.exists():
            raise _no_parent(state_dir)


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


def _lock(lock: int, state_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
        raise StateHeldError(
            f"{state_dir}: held by another agent (process {holder}); stop it, ask it (`lamplighter status`), "
            "or use another --state-dir"
        ) from error
