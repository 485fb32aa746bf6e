"""Whether a meter renews its values more slowly than its map says, seen in passing at whatever pace it is watched.
Pure.

What an event's bounds rest on is how old a register may be. The map's word is taken until some changes were seen; where
most of them came after looks that brought the same words again, the usual time between two changes is what the meter
takes. Watched more slowly than it renews, a meter never repeats itself and nothing is found. A meter whose values
happen to stand still seems slower than it is: its bounds are then wider than they need be, never too narrow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_CHANGES = 12
# Of so many changes this part must have come after a repetition; what comes of chance is less.
_REPEATED = 2 / 3
# Slower than the map by less than this is as the map says.
_SLOWER = 1.1
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
    """seen: the meters that are looked at, and what was seen of them; map_us: by meter, what its map says."""

    def __init__(self, map_us: Mapping[str, int]) -> None:
        self._map_us = map_us
        self.seen: dict[str, _Seen | None] = dict.fromkeys(map_us)
        self._slower: set[str] = set()

    def __contains__(self, meter: object) -> bool:
        return meter in self.seen

    def anew(self, meter: str) -> None:
        """It may be another one than it was."""
        if meter in self._map_us:
            self.seen[meter] = None

    def look(self, meter: str, at_us: int, words: bytes) -> int | None:
        """One more look at a meter that is `in` this. How often it renews its values, once that is found to be slower
        than its map says; the map's word, once one that was slower is so no more."""
        seen = self.seen[meter]
        if seen is None:
            self.seen[meter] = _Seen(at_us, words)
            return None
        seen.look(at_us, words)
        if len(seen.spans_us) < _CHANGES and at_us - seen.begun_us < _MOST_US:
            return None
        del self.seen[meter]
        return self._concluded(meter, seen)

    def _concluded(self, meter: str, seen: _Seen) -> int | None:
        if len(seen.spans_us) < _CHANGES:
            return None
        map_us, usual_us = self._map_us[meter], sorted(seen.spans_us)[len(seen.spans_us) // 2]
        if seen.repeated >= _REPEATED * len(seen.spans_us) and usual_us > _SLOWER * map_us:
            self._slower.add(meter)
            return usual_us
        was_slower = meter in self._slower
        self._slower.discard(meter)
        return map_us if was_slower else None
