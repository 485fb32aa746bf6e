"""Sockets of many lines behind one descriptor of the loop: one call of the loop serves all that have heard something.

As a reader of the loop each socket costs a handle and a turn through the selector's Python for every reply: 3 µs of
some 10, more on cold caches.
"""

import asyncio
import select
from collections.abc import Callable

Readable = Callable[[], None]


class Readers:
    """Used from one event loop, which is the running one while there are any."""

    def __init__(self) -> None:
        self._readable: dict[int, Readable] = {}
        self._epoll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, fd: int, readable: Readable) -> None:
        """Call `readable` whenever bytes, or the end, can be read from this descriptor."""
        if self._epoll is None:
            self._epoll, self._loop = select.epoll(), asyncio.get_running_loop()
            self._loop.add_reader(self._epoll, self._hear)
        self._epoll.register(fd, select.EPOLLIN)
        self._readable[fd] = readable

    def remove(self, fd: int) -> None:
        """Before it is closed."""
        if self._epoll is None or self._loop is None or self._readable.pop(fd, None) is None:
            return
        self._epoll.unregister(fd)
        if not self._readable:
            self._loop.remove_reader(self._epoll)
            self._epoll.close()
            self._epoll = None

    def _hear(self) -> None:
        if self._epoll is None:
            return
        for fd, _ in self._epoll.poll(0):
            readable = self._readable.get(fd)
            if readable is not None:  # else one before it has closed it
                readable()
