"""A pseudo terminal whose one end is a path for the line and whose other end belongs to a test."""

import asyncio
import os
import tty
from pathlib import Path
from types import TracebackType
from typing import Self


class Pty:
    """fd: the far end; path: a link to the terminal, so that a replug can give it another name."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.path = str(link)
        self.fd = -1
        self._slave = -1

    def plug(self) -> None:
        self.fd, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.fd, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            os.close(self._slave)
            self.link.unlink(missing_ok=True)
            self.fd = self._slave = -1

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()


class Cable:
    """Two ptys joined: what is written to ``near`` is heard on ``far`` and the other way round, at once."""

    def __init__(self, directory: Path) -> None:
        self.near = Pty(directory / "near")
        self.far = Pty(directory / "far")

    def __enter__(self) -> Self:
        self.near.plug()
        self.far.plug()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.near.fd, _carry, self.near.fd, self.far.fd)
        loop.add_reader(self.far.fd, _carry, self.far.fd, self.near.fd)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self.near, self.far):
            asyncio.get_running_loop().remove_reader(end.fd)
            end.unplug()


def _carry(source: int, target: int) -> None:
    os.write(target, os.read(source, 1024))
