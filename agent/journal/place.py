"""Where a journal lives: a state directory that is held, its file open; or nowhere, while there is none."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import get_native_id
from typing import Never, TypeVar

from agent.journal.batches import Found
from agent.journal.file import FILE_NAME, create
from agent.journal.hold import hold
from agent.journal.reader import Reader
from agent.journal.shifts import Shifts
from agent.journal.store import Store

T = TypeVar("T")


class NoStore:
    """In the place of `Store` where there is no state directory: it takes nothing, and knows nothing."""

    def __init__(self, why: str) -> None:
        self.shifts, self.gentle = Shifts(), False
        self._why = why
        self._reader: Reader | None = None

    def start(self, _: int) -> Found:
        db = sqlite3.connect(":memory:", isolation_level=None)
        create(db)
        self._reader = Reader(db, self.shifts)
        return Found(1, {}, ())

    def commit(self, *_: object) -> Never:
        raise OSError(self._why)

    room = salvage = commit

    def ask(self, question: Callable[[Reader], T]) -> T:
        """Answered by a journal without a row."""
        if self._reader is None:
            raise OSError(self._why)
        return question(self._reader)

    def close(self, *, clean: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Place:
    """epoch: names the run that lives here; why: what is wrong with the state directory, empty where it is held."""

    store: Store | NoStore
    thread: ThreadPoolExecutor
    found: Found
    epoch: str
    cap_mib: int
    why: str
    thread_id: int
    held: ExitStack

    def leave(self) -> None:
        self.held.close()

    @property
    def gentle(self) -> bool:
        """Whether what can wait does, until `at_ease`: checks, salvage, backlogs."""
        return self.store.gentle

    def at_ease(self) -> None:
        """What waited is done, from the next commit on."""
        self.store.gentle = False

    def on_disk(self) -> bool:
        """Whether its thread waits for the disk at this moment, and nothing can hurry it. proc(5): state D."""
        try:
            stat = Path(f"/proc/self/task/{self.thread_id}/stat").read_text("ascii", "replace")
        except OSError:
            return False
        return stat.rpartition(") ")[2].startswith("D")


async def take(
    state_dir: Path, gateway: str, *, cap_mib: int, keep_us: int | None, now_us: Callable[[], int],
    gentle: Callable[[Path], bool] = lambda _: False,
) -> Place:  # fmt: skip
    """Hold the state directory, recover its journal, begin a new epoch. gentle: asked, once the directory is held,
    whether what can wait is to be left alone for now.

    StateHeldError, JournalVersionError; OSError with what to do where the storage does not work.
    """
    epoch, loop = _new_epoch(), asyncio.get_running_loop()
    with ExitStack() as undo:
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        undo.callback(thread.shutdown, wait=False)
        # In its thread, too: the directory of a disk that hangs must not stop the loop.
        await loop.run_in_executor(thread, undo.enter_context, hold(state_dir))
        wanted = await loop.run_in_executor(thread, gentle, state_dir)
        store = Store(state_dir / FILE_NAME, epoch, gateway, cap_mib << 20, keep_us, gentle=wanted)
        found = await loop.run_in_executor(thread, store.start, now_us())
        thread_id = await loop.run_in_executor(thread, get_native_id)
        return Place(store, thread, found, epoch, cap_mib, "", thread_id, undo.pop_all())


async def nowhere(why: str, *, cap_mib: int) -> Place:
    """What a journal in memory lives on. why: there is no other place."""
    with ExitStack() as undo:
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        undo.callback(thread.shutdown, wait=False)
        store = NoStore(why)
        found = await asyncio.get_running_loop().run_in_executor(thread, store.start, 0)
        return Place(store, thread, found, _new_epoch(), cap_mib, why, 0, undo.pop_all())


def _new_epoch() -> str:
    """Like secrets.token_hex, which would bring hmac and half a megabyte."""
    return os.urandom(8).hex()
