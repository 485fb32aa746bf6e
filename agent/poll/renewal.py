"""Whether a meter renews its values more slowly than its map says, seen in passing at whatever pace it is watched.
Pure.

What an event's bounds rest on is how old a register may be. The map's word is taken until some changes were seen; where
most of them came after looks that brought the same words again, the usual time between two changes is what the meter
takes. Watched more slowly than it renews, a meter never repeats itself and nothing is found. A meter whose values
happen to stand still seems slower than it is: its bounds are then wider than they need be, never too narrow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_CHANGES = 12
# Of so many changes this part must have come after a repetition; what comes of chance is less.
_REPEATED = 2 / 3
# A meter that has not changed so often by then stands still: there is nothing to learn from it.
_MOST_US = 300_000_000


@dataclass(slots=True)
class _Seen:
    begun_us: int
    words: bytes
    changed_us: int | None = None
    repeats: int = 0
    spans_us: list[int] = field(default_factory=list)
    repeated: int = 0

    def look(self, at_us: int, words: bytes) -> None:
        if words == self.words:
            self.repeats += 1
            return
        if self.changed_us is not None:
            self.spans_us.append(at_us - self.changed_us)
            self.repeated += self.repeats > 0
        self.words, self.changed_us, self.repeats = words, at_us, 0


class Renewals:
    """The meters that are looked at. map_us: by meter, what its map says."""

    def __init__(self, map_us: Mapping[str, int]) -> None:
        self._map_us = map_us
        self._seen: dict[str, _Seen | None] = dict.fromkeys(map_us)

    def __contains__(self, meter: object) -> bool:
        return meter in self._seen

    def anew(self, meters: Iterable[str]) -> None:
        """They may be others than they were."""
        self._seen.update(dict.fromkeys(meters))

    def look(self, meter: str, at_us: int, words: bytes) -> int | None:
        """One more look at a meter that is `in` this. How often it renews its values, once that is found to be slower
        than its map says."""
        seen = self._seen[meter]
        if seen is None:
            self._seen[meter] = _Seen(at_us, words)
            return None
        seen.look(at_us, words)
        if len(seen.spans_us) < _CHANGES and at_us - seen.begun_us < _MOST_US:
            return None
        del self._seen[meter]
        if len(seen.spans_us) < _CHANGES or seen.repeated < _REPEATED * len(seen.spans_us):
            return None
        usual_us = sorted(seen.spans_us)[len(seen.spans_us) // 2]
        return usual_us if usual_us > 1.1 * self._map_us[meter] else None
