"""An event loop whose short waits end to the microsecond, for the silences between frames on a serial line.

epoll waits whole milliseconds, rounded up: of the 1.75 ms that a line at 115200 baud must be silent before each request
that makes 2 to 3, and of the rate that the line could carry 82 to 93 % where this loop reaches 94 to 96 % (paced slave,
two loaded cores). select() counts in microseconds, and can wait for the epoll descriptor itself. It costs one more
system call in each wait that is short enough to matter.

Rejected: sleeping the rest in the thread (holds up the other lines), turning the loop until the time has come (a core
busy for half a millisecond per request), a timerfd per line (before Python 3.13 only through ctypes, whose import fails
where memory may not be made executable).
"""

import asyncio
import select
import selectors

# t3.5 at 19200 baud is 2 ms, and less at all faster ones; slower lines lose less than 1 % by the rounding.
_SHORT_S = 0.0025


class FineSelector(selectors.EpollSelector):
    """EpollSelector with timeouts of less than 2.5 ms kept to the microsecond, never shortened."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and 0 < timeout < _SHORT_S:
            select.select((self.fileno(),), (), (), timeout)
            timeout = 0
        return super().select(timeout)


def new_loop() -> asyncio.AbstractEventLoop:
    """For asyncio.Runner."""
    return asyncio.SelectorEventLoop(FineSelector())
