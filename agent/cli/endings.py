"""How commands end: what a person must act on becomes a message on stderr and an exit code, without a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import SiteError
from drivers.errors import LineError, ModelError

RAN_AND_FOUND_A_PROBLEM = 1
INVALID_INPUT = 2


@contextmanager
def errors_told() -> Iterator[None]:
    """Leaves by SystemExit where something happened that a user can act on."""
    try:
        yield
    except (SiteError, ModelError, OSError, ExceptionGroup) as error:
        leaves = list(_leaves(error))
        if any(_exit_code(leaf) is None for leaf in leaves):
            raise  # a defect of ours keeps its traceback
        for text in dict.fromkeys(map(_words, leaves)):
            print(text, file=sys.stderr)  # noqa: T201
        sys.exit(max(_exit_code(leaf) or 0 for leaf in leaves))


def _leaves(error: Exception) -> Iterator[Exception]:
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _exit_code(error: Exception) -> int | None:
    """None for what no user can act on."""
    # A LineError is raised where a path that exists is no terminal; a silent line raises nothing.
    if isinstance(error, SiteError | ModelError | LineError):
        return INVALID_INPUT
    return RAN_AND_FOUND_A_PROBLEM if isinstance(error, OSError) else None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
