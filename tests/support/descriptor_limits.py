"""A process that may open nothing more."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """This process, until the block is left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # What is open stays open whatever the limit; a new one would get the lowest free number.
    resource.setrlimit(resource.RLIMIT_NOFILE, (_lowest_free(), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _lowest_free() -> int:
    free = os.open("/dev/null", os.O_RDONLY)
    os.close(free)
    return free
