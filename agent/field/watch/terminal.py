"""A terminal that is drawn on: its second screen, keys one by one, and all of it as it was on the way out.

Control sequences are those of ECMA-48, and of xterm for the second screen and the cursor, which every terminal of today
has. Rows that did not change are not sent again: the line to a site may be slow.
"""

import os
import select
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

from agent.field.watch.layout import Line, Size, Style

# Second screen, cursor off; and back: colours off, cursor on, first screen.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[0m\x1b[?25h\x1b[?1049l"
_SGR: Mapping[Style, str] = MappingProxyType(
    {"good": "32", "bad": "1;31", "warn": "33", "dim": "2", "head": "1", "chosen": "7"}
)
_DISABLED = b"\x00"
# Places in the list of tcgetattr.
_IFLAG, _LFLAG, _CC = 0, 3, 6


class Terminal:
    """Draws screens. colour: whether styles are sent; encoding: ``utf-8`` or ``ascii``."""

    def __init__(self, keys_fd: int, screen_fd: int, *, colour: bool, encoding: str) -> None:
        self.keys_fd = keys_fd
        self._fd = screen_fd
        self._colour = colour
        self._encoding = encoding
        self._size = Size(0, 0)
        self._drawn: tuple[Line, ...] = ()

    def size(self) -> Size:
        """What the terminal says now; 80x24 where it does not know, as behind a serial console."""
        with suppress(OSError):
            told = os.get_terminal_size(self._fd)
            return Size(told.columns or 80, told.lines or 24)
        return Size(80, 24)

    def keys(self) -> str:
        """What was typed since; OSError or an empty text where the terminal has gone."""
        return os.read(self.keys_fd, 1024).decode("utf-8", "replace")

    def draw(self, lines: tuple[Line, ...], size: Size) -> None:
        """A terminal that takes nothing now gets the next picture instead: nobody may wait for it."""
        if not select.select([], [self._fd], [], 0)[1]:
            return
        anew = size != self._size or len(lines) != len(self._drawn)
        before: tuple[Line | None, ...] = (None,) * len(lines) if anew else self._drawn
        text = "\x1b[2J" if anew else ""
        for row, (line, old) in enumerate(zip(lines, before, strict=True), start=1):
            if line != old:
                text += f"\x1b[{row};1H{self._styled(line)}\x1b[K"
        with suppress(OSError):  # it went away: the keys, or SIGHUP, say so
            self._write(text)
        self._size, self._drawn = size, lines

    def _styled(self, line: Line) -> str:
        parts = (
            f"\x1b[{_SGR[span.style]}m{span.text}\x1b[0m" if span.style and self._colour else span.text for span in line
        )
        return "".join(parts)

    def _write(self, text: str) -> None:
        data = text.encode(self._encoding, "replace")
        while data:
            data = data[os.write(self._fd, data) :]

    @contextmanager
    def taken(self) -> Iterator["Terminal"]:
        """However the block ends, the terminal is as it was before."""
        before = termios.tcgetattr(self.keys_fd)
        try:
            termios.tcsetattr(self.keys_fd, termios.TCSANOW, _one_by_one(before))
            self._write(_ENTER)
            yield self
        finally:
            with suppress(OSError):
                self._write(_LEAVE)
            # A terminal that went away has nothing to restore.
            with suppress(termios.error):
                termios.tcsetattr(self.keys_fd, termios.TCSAFLUSH, before)


def _one_by_one(before: list[Any]) -> list[Any]:
    """Keys at once and unseen. Ctrl-C still interrupts; Ctrl-Z and Ctrl-\\ would leave the second screen behind, Ctrl-S
    would stop it."""
    mode: list[Any] = [list(part) if isinstance(part, list) else part for part in before]
    mode[_LFLAG] &= ~(termios.ICANON | termios.ECHO)
    mode[_IFLAG] &= ~termios.IXON
    for index, value in ((termios.VMIN, 1), (termios.VTIME, 0), (termios.VSUSP, _DISABLED), (termios.VQUIT, _DISABLED)):
        mode[_CC][index] = value
    return mode
