"""How many files and connections this process has open, against how many it may."""

import asyncio
import errno
import logging
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger("lamplighter.descriptors")

OPEN = Path("/proc/self/fd")
# Told at the first, over again below the second.
FULL, ROOM = 0.80, 0.75
_EVERY = 10
# accept(2): what asyncio tries again after a second.
_NONE_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_QUIET_S = 60.0


def limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Descriptors:
    """Asked once a second, looks every ten."""

    def __init__(self, directory: Path = OPEN, most: Callable[[], int] = limit) -> None:
        self._directory = directory
        self._most = most
        self._asked = 0
        self._told = ""

    def trouble(self) -> str:
        """Empty while there is room."""
        if self._asked % _EVERY == 0:
            self._told = self._looked()
        self._asked += 1
        return self._told

    def _looked(self) -> str:
        most = self._most()
        try:
            used = len(os.listdir(self._directory))  # noqa: PTH208 - names are all that is wanted
        except OSError:  # none is left to open the directory with
            used = most
        if most == resource.RLIM_INFINITY or used < (ROOM if self._told else FULL) * most:
            return ""
        return f"{used} of {most} are open, and nothing can be opened beyond that; raise LimitNOFILE, and report it"


class NothingLeft:
    """For the loop: one line a minute where asyncio writes a traceback for each try to accept a connection."""

    def __init__(self) -> None:
        self._quiet_until_s = 0.0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _NONE_LEFT:
            loop.default_exception_handler(context)
        elif loop.time() >= self._quiet_until_s:
            self._quiet_until_s = loop.time() + _QUIET_S
            log.error("descriptors.none error=%s: whoever knocks waits", error.strerror)
