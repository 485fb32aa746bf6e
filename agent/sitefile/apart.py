"""The site file read by a child of its own, forked for it: pydantic and what hangs on it, 20 MB, go with the child.

The child hands the finished objects over on a pipe, secrets included: no file and no argument ever holds them. Forked
and not started anew: two interpreters that import the same half of the agent poll 0.3 s later on one core. A fork wants
a process without threads: the console script takes this way before it has any, everybody else calls `load_site`.
"""

import copyreg
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Never

from agent.errors import SiteError
from agent.site import Site, load_site
from drivers.errors import ModelError

_LOOK_S = 0.2


@contextmanager
def site_read_apart(
    path: Path, state_dir: Path | None, load: Callable[[Path, Path | None], Site] = load_site
) -> Iterator[Callable[[], Site]]:
    """The reading begins at once; the function given waits for the site. It raises what `load` raises, and
    ChildProcessError where the child was killed. The child is gone when the block is left, however that happens."""
    end, childs_end = os.pipe()
    parent, child = os.getpid(), os.fork()
    if not child:
        _read(partial(load, path, state_dir), childs_end, parent)
    try:
        os.close(childs_end)
        with os.fdopen(end, "rb") as pipe:
            yield partial(_receive, pipe, path)
    finally:
        os.kill(child, signal.SIGKILL)  # a child that has ended stays ours until it is waited for: no other has its id
        os.waitpid(child, 0)


def _receive(pipe: BinaryIO, path: Path) -> Site:
    try:
        answer = pickle.load(pipe)  # noqa: S301 - written by our own child
    except (EOFError, pickle.UnpicklingError):
        why = "the process that reads it was killed, or failed as told above; is there memory enough? Start again"
        raise ChildProcessError(f"{path}: not read: {why}") from None
    if isinstance(answer, Exception):
        raise answer
    site: Site = answer
    return site


def _read(load: Callable[[], Site], end: int, parent: int) -> Never:
    """The child's whole life. It never returns: the parent's frames above must not be left twice."""
    try:
        _die_with(parent)
        copyreg.pickle(MappingProxyType, lambda view: (_view, (dict(view),)))
        answer: Site | Exception
        try:
            answer = load()
        except (SiteError, ModelError, OSError) as error:
            answer = error
        pipe = os.fdopen(end, "wb")  # open until the very end: at its closing the parent stops waiting
        pickle.dump(answer, pipe, pickle.HIGHEST_PROTOCOL)
        pipe.flush()
    finally:
        if sys.exc_info()[0] is not None:
            sys.excepthook(*sys.exc_info())  # a defect of ours keeps its traceback
        os._exit(0)


def _die_with(parent: int) -> None:
    """Ctrl-C and systemd tell both: the parent answers, and may be gone at once. The child looks for it even while it
    waits for a file, and complains to nobody."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, lambda *_: None if os.getppid() == parent else os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, _LOOK_S, _LOOK_S)


def _view(names: dict[str, object]) -> MappingProxyType[str, object]:
    """`MappingProxyType` itself has no name that pickle finds."""
    return MappingProxyType(names)
