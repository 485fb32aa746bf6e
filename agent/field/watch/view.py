"""What a person looks at, and what keys do to it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

PAGES = ("meters", "events", "lines", "sinks")
# xterm's control sequences: arrows and keys of pages, in both of its modes.
_NAMED = {
    "\x1b[A": "up", "\x1bOA": "up", "k": "up", "\x1b[B": "down", "\x1bOB": "down", "j": "down",
    "\x1b[C": "right", "\x1bOC": "right", "l": "right", "\t": "right",
    "\x1b[D": "left", "\x1bOD": "left", "h": "left", "\x1b[Z": "left",
    "\x1b[5~": "page_up", "\x1b[6~": "page_down", " ": "page_down", "\x1b[H": "home", "g": "home",
    "?": "help", "q": "quit", "Q": "quit", "\x03": "quit", "\x04": "quit", "1": "1", "2": "2", "3": "3", "4": "4",
}  # fmt: skip
# ECMA-48: CSI, parameters, intermediates, one final byte; SS3 and one byte; a lone escape or any other character.
_KEY = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|.", re.DOTALL)
_MOVES = {"up": -1, "down": 1, "page_up": -10, "page_down": 10}


@dataclass(frozen=True, slots=True)
class View:
    """page: one of PAGES; top: the first row of its body that is shown; over: somebody wants to leave."""

    page: str = PAGES[0]
    top: int = 0
    helped: bool = False
    over: bool = False

    def after(self, key: str) -> "View":
        """The view once a key was pressed."""
        if key == "quit":
            return replace(self, over=True)
        if key == "help" or self.helped:
            return replace(self, helped=not self.helped)
        if key in _MOVES:
            return replace(self, top=max(0, self.top + _MOVES[key]))
        if key == "home":
            return replace(self, top=0)
        return replace(self, page=self._turned(key), top=0)

    def _turned(self, key: str) -> str:
        if key.isdigit():
            return PAGES[int(key) - 1]
        return PAGES[(PAGES.index(self.page) + (1 if key == "right" else -1)) % len(PAGES)]


def keys(text: str) -> Iterator[str]:
    """Names of the keys that were pressed; what is no key of ours is left out."""
    return (_NAMED[found] for found in _KEY.findall(text) if found in _NAMED)
