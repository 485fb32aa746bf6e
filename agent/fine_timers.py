"""An event loop whose short waits end to the microsecond, for the silences between frames on a serial line.

epoll waits whole milliseconds, rounded up: of the 1.75 ms that a line at 115200 baud must be silent before each request
that makes 2 to 3, and of the rate that the line could carry 82 to 93 % where select(), which counts in microseconds and
can wait for the epoll descriptor itself, reaches 94 to 96 % (paced slave, two loaded cores). It wakes up some 0.1 ms
late, so the last 0.1 ms of such a wait the loop turns: another 1 %, for 0.1 ms of a core per request.

Rejected: sleeping the rest in the thread (holds up the other lines), turning the loop all the time (a core busy for
half a millisecond per request), a timerfd per line (before Python 3.13 only through ctypes, whose import fails
where memory may not be made executable).
"""

import asyncio
import select
import selectors

# t3.5 at 9600 baud is 4 ms, and less at all faster ones; slower lines lose less than half a per cent by the rounding.
_SHORT_S = 0.0045
# By so much select() wakes up late: timer slack of 50 us, and the kernel's own way back.
_AWAKE_S = 0.0001


class FineSelector(selectors.EpollSelector):
    """EpollSelector with timeouts of less than 4.5 ms kept to the microsecond, never shortened."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and 0 < timeout < _SHORT_S:
            if timeout > _AWAKE_S:
                select.select((self.fileno(),), (), (), timeout - _AWAKE_S)
            timeout = 0
        return super().select(timeout)


def new_loop() -> asyncio.AbstractEventLoop:
    """For asyncio.Runner."""
    return asyncio.SelectorEventLoop(FineSelector())
