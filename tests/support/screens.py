"""A command in a terminal of a given size: what stands on its screen, and how it leaves it."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_SEQUENCE = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|\x1b.|([^\x1b])", re.DOTALL)


class Screen:
    """What a terminal shows. It knows the few sequences of ECMA-48 and xterm that are sent; others are an error."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.second = False
        self.cursor = True
        self.coloured = False
        self._cells = [[" "] * columns for _ in range(rows)]
        self._at = (0, 0)
        self._part = ""

    @property
    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self._cells)

    def resize(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]

    def feed(self, text: str) -> None:
        text = self._part + text
        cut = text.rfind("\x1b")
        self._part = text[cut:] if cut >= 0 and not re.match(r"\x1b\[\??[\d;]*[A-Za-z]", text[cut:]) else ""
        for values, final, plain in _SEQUENCE.findall(text[: len(text) - len(self._part)]):
            self._plain(plain) if plain else self._command(values, final)

    def _plain(self, character: str) -> None:
        row, column = self._at
        if character == "\n":
            self._at = (min(row + 1, self.rows - 1), column)
        elif character == "\r":
            self._at = (row, 0)
        elif row < self.rows and column < self.columns:
            self._cells[row][column] = character
            self._at = (row, column + 1)

    def _command(self, values: str, final: str) -> None:
        row, column = self._at
        match values, final:
            case "?1049", "h" | "l":
                self.second = final == "h"
            case "?25", "h" | "l":
                self.cursor = final == "h"
            case "2", "J":
                self._cells = [[" "] * self.columns for _ in range(self.rows)]
            case "", "K":
                if row < self.rows:
                    self._cells[row][column:] = [" "] * (self.columns - column)
            case _, "H":
                one, other = values.split(";")
                self._at = (int(one) - 1, int(other) - 1)
            case _, "m":
                self.coloured = self.coloured or values != "0"
            case _:
                raise AssertionError(f"a sequence that no test knows: {values!r} {final!r}")


class InTerminal:
    """A command in a session of its own, whose terminal is a pseudo terminal: Ctrl-C interrupts it."""

    def __init__(self, words: Sequence[str | Path], size: tuple[int, int], environ: Mapping[str, str]) -> None:
        # util-linux: the terminal becomes the session's, as a login makes it.
        self._ours, self._theirs = os.openpty()
        self._gone = False
        self.screen = Screen(*size)
        self._say_size(*size)
        self.before = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *map(str, words)], stdin=self._theirs, stdout=self._theirs, stderr=self._theirs,
            env=os.environ | {"TERM": "xterm", "LC_ALL": "C.UTF-8"} | dict(environ),
        )  # fmt: skip

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(columns, rows)
        self._say_size(columns, rows)

    def press(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def shows(self, what: str, condition: Callable[[str], object], within_s: float = 15.0) -> str:
        """The first screen for which `condition` holds; AssertionError with the screen when the time is up."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self._take(0.1)
            if condition(self.screen.text):
                return self.screen.text
        raise AssertionError(f"not within {within_s:g} s: {what}\n{self.screen.text}")

    def end(self, within_s: float = 10.0) -> int:
        """The exit code; what was said until then is on the screen."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None and time.monotonic() < deadline:
            self._take(0.05)
        code = self.process.wait(0.1)
        self._take(0.05)
        return code

    def as_before(self) -> bool:
        """Whether the terminal is as the command found it."""
        return (self.screen.second, self.screen.cursor, termios.tcgetattr(self._theirs)) == (False, True, self.before)

    def hang_up(self) -> None:
        """The terminal goes away, as when a connection breaks."""
        os.close(self._theirs)
        os.close(self._ours)
        self._gone = True

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        if not self._gone:
            self.hang_up()

    def _say_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def _take(self, wait_s: float) -> None:
        while select.select([self._ours], [], [], wait_s)[0]:
            self.screen.feed(os.read(self._ours, 65536).decode("utf-8", "replace"))
            wait_s = 0.0


@contextmanager
def in_terminal(
    *words: str | Path, size: tuple[int, int] = (80, 24), environ: Mapping[str, str] | None = None
) -> Iterator[InTerminal]:
    running = InTerminal(words, size, environ or {})
    try:
        yield running
    finally:
        running.close()
