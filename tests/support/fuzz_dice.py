"""What is drawn for one input, out of its number and nothing else: any piece of a campaign makes the same inputs."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

Thing = TypeVar("Thing")

_BYTES = 64
_FEW = 4
# With fewer bits left than these, what is drawn out of them would not be even.
_ENOUGH = 1 << 64


class Dice:
    """Cheaper to begin, and to draw from, than `random.Random`: most inputs need no second hash."""

    __slots__ = ("_key", "_left", "_number", "_turn")

    def __init__(self, key: bytes, number: int) -> None:
        """key: of the campaign, 64 bytes at most."""
        self._key, self._number, self._turn, self._left = key, number, 0, 0

    def below(self, end: int) -> int:
        """0 to one less; end: at most 2^32."""
        left = self._left
        if left < _ENOUGH:
            left = self._more()
        self._left, drawn = divmod(left, end)
        return drawn

    def one_of(self, things: Sequence[Thing]) -> Thing:
        left = self._left
        if left < _ENOUGH:
            left = self._more()
        self._left, at = divmod(left, len(things))
        return things[at]

    def some(self, size: int) -> bytes:
        """So many bytes, at most 64."""
        if size <= _FEW:
            return self.below(1 << 8 * size).to_bytes(size, "big")
        self._left, drawn = divmod(self._more(), 1 << 8 * size)
        return drawn.to_bytes(size, "big")

    def _more(self) -> int:
        self._turn += 1
        drawn = b"%d %d" % (self._number, self._turn)
        return int.from_bytes(blake2b(drawn, digest_size=_BYTES, key=self._key).digest(), "big")
