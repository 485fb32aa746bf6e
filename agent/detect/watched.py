"""How much of an event was really watched. Pure.

An event is seen at single looks. What lies between two of them is taken for more of the same only where the second
came as soon as the pace of looks explains: within three of its periods, or within what a reading reaches back anyway.
A longer pause ends one piece of evidence and begins the next; in between the event may have ended and come again.

    watched   the longest piece: from its first look to its last, less what a reading reaches back. So long lasted it,
              if it was one event with one level
    proven    of that piece, only what no other story explains. A window of which several short dips took a part reads
              like one that was low all the time: of a window that shows m it is proven that 1 - (m / 0.9)² of it was
              below 90 %, had the voltage been 0 then and 90 % in the rest (power-quality.md 9.6 with the voltage
              outside at its least favourable). A window of about a cycle is what the standards themselves judge by,
              and is taken as it is
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agent.detect.thresholds import Rules
from agent.records import Kind

# Periods of the looks that a pause may last: two replies in a row are lost now and then.
_PERIODS = 3
# A pace that is only known from looks that came is not believed beyond this: they may all have been late.
_SLOWEST_US = 10_000_000
CYCLE_US = 25_000
# No resonance does more than double a voltage for long (thresholds.py): the most a short swell can have had.
_HIGHEST = 2.0


def longest_pause_us(rules: Rules, shortest_us: int) -> int:
    """How long nobody need have looked without a piece ending. shortest_us: from one look to the next, as seen."""
    return max(_PERIODS * max(rules.watch_us, min(shortest_us, _SLOWEST_US)), rules.reach_us)


def part_proven(kind: Kind, volts: Sequence[float], rules: Rules) -> float:
    """The part of a window that must have been beyond the threshold. volts: of the channels that have to be."""
    if rules.window_us <= CYCLE_US or not volts:
        return 1.0
    levels, reference_v = rules.levels, rules.reference_v
    if kind == "swell":
        outside, most = levels.swell**2, (_HIGHEST * reference_v) ** 2
        return min(1.0, max(0.0, (max(volts) ** 2 - outside) / (most - outside)))
    shown_v = min(volts) if kind == "sag" else max(volts)
    return max(0.0, 1 - (shown_v / levels.sag) ** 2)


# A named tuple, as `agent.detect.tracking.Tracking` is: there is a new one at each look inside an event.
class Watched(NamedTuple):
    """since_us: when the first look of this piece had arrived; until_us: when the last one was asked for; seen_us: of
    the time between, what is proven; part: of the window that the last look showed.
    reach_us: how far a reading reaches back; watched_us, proven_us: the most that an earlier piece had; unseen_us: the
    longest pause."""

    since_us: int
    until_us: int
    reach_us: int
    part: float = 1.0
    seen_us: float = 0.0
    watched_us: int = 0
    proven_us: int = 0
    unseen_us: int = 0

    def shown(self, sent_us: int, received_us: int, part: float, pause_us: int) -> "Watched":
        """With one more look that proves the event. pause_us: the longest that is no gap."""
        spent_us = sent_us - self.until_us
        if spent_us > pause_us:
            return self.paused(received_us, sent_us, part, spent_us)
        # Between two looks the lesser of what they show: where the register turned from one to the other is not known.
        seen_us = self.seen_us + min(part, self.part) * max(0, spent_us)
        return self._replace(until_us=sent_us, part=part, seen_us=seen_us)

    def paused(self, since_us: int, until_us: int, part: float, spent_us: int) -> "Watched":
        """A new piece, after a time in which nobody looked."""
        return Watched(
            since_us, until_us, self.reach_us, part,
            watched_us=self.longest_us, proven_us=self.surely_us, unseen_us=max(self.unseen_us, spent_us),
        )  # fmt: skip

    @property
    def longest_us(self) -> int:
        return max(self.watched_us, self.until_us - self.reach_us - self.since_us)

    @property
    def surely_us(self) -> int:
        return max(self.proven_us, min(int(self.seen_us), self.until_us - self.reach_us - self.since_us))


def best(pieces: Iterable[Watched | None]) -> Watched | None:
    """Of channels that were watched each by itself: as the last of them goes on, with the most that one had."""
    known = [one for one in pieces if one is not None]
    if not known:
        return None
    last = max(known, key=lambda one: (one.until_us, one.longest_us))
    return last._replace(
        watched_us=max(one.longest_us for one in known),
        proven_us=max(one.surely_us for one in known),
        unseen_us=max(one.unseen_us for one in known),
    )
