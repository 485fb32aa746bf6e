"""How often a meter renews what it measures, learnt from words that repeat. Pure.

Asked faster than it renews, a meter gives the same words again; asked slower, hardly ever. So a meter is tried at half
of what its refresh is believed to be, and the looks from one change to the next, a run, are counted:

    | found                               | then                                                              |
    |-------------------------------------|-------------------------------------------------------------------|
    | most looks have changed             | it may be faster: tried at half again, as far as the line allows; |
    |                                     | at that end, learnt: it is as fast as it was asked, or faster     |
    | runs of one length, give or take 1  | learnt: that many looks                                           |
    | runs of any length, or next to none | nothing learnt, the map's word stands                             |

A quiet feeder repeats its values by chance: a renewal nobody can see joins two runs into one of twice the length. So
the usual run is that which two of five do not exceed, and what is longer or shorter than that by half is left out.
Where that leaves too few, chance made the runs and not the meter. A plain mean was tried: with one chance repeat in
five it says a quarter too much. The mean of the shortest three quarters was, too: without chance repeats, and a refresh
that is no multiple of the pace, it says up to a fifth too little.
"""

from collections.abc import Sequence
from typing import NamedTuple

_LOOKS, _RUNS = 60, 24
# Then it is enough: a frozen meter, or one whose looks are lost more often than not, is not tried for ever.
_MOST_LOOKS = 400
_FEWEST_RUNS = 10
# Up to so many of the looks unchanged may be chance: a faster trial tells the two apart.
_REPEATS = 0.4
_USUAL, _FACTOR, _KEPT = 0.4, 1.5, 0.6
# A gap of so many looks is bridged when the words on both of its sides are the same.
_BRIDGED = 3
# Learnt within this of the map's word is the map's word.
_ALIKE = 0.2
# A pace is one of these, so that meters share their ticks; it may be so much slower than what was learnt.
_PACES_MS = (20, 25, 40, 50, 100, 125, 200, 250, 400, 500, 600, 750, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 10000)
_SLOWER = 1.1


class Trial(NamedTuple):
    """period_us: the pace tried; runs: looks from one change to the next; since: looks since the last change, -1 where
    there is no telling; lost: looks that told nothing; last: the words of the last one; taken_us: what they took"""

    period_us: int
    runs: tuple[int, ...] = ()
    since: int = -1
    looks: int = 0
    lost: int = 0
    last: bytes = b""
    taken_us: int = 0


class Learnt(NamedTuple):
    """refresh_us: what was found; None where nothing was, or where a faster trial at again_us must say"""

    refresh_us: int | None
    again_us: int | None = None


def saw(trial: Trial, words: bytes, after_us: int, taken_us: int) -> Trial:
    """One more look. after_us: from the tick of the one before it; taken_us: from request to reply."""
    steps, off = divmod(after_us, trial.period_us)
    last, trial = trial.last, trial._replace(last=words, taken_us=trial.taken_us + taken_us)
    changed = words != last
    if not last or off or not 1 <= steps <= _BRIDGED or (changed and steps > 1):
        return trial._replace(since=-1, lost=trial.lost + 1)
    trial = trial._replace(looks=trial.looks + 1)
    if trial.since < 0:
        return trial._replace(since=0) if changed else trial
    if not changed:
        return trial._replace(since=trial.since + steps)
    return trial._replace(runs=(*trial.runs, trial.since + 1), since=0)


def judged(trial: Trial, least_us: int) -> Learnt | None:
    """What the trial says; None while it goes on. least_us: a faster trial than this is not made."""
    runs = trial.runs
    if (len(runs) < _RUNS or trial.looks < _LOOKS) and trial.looks + trial.lost < _MOST_LOOKS:
        return None
    if len(runs) < _FEWEST_RUNS:
        return Learnt(None)
    faster_us = trial.period_us // 2
    if sum(runs) - len(runs) < _REPEATS * sum(runs) and faster_us >= least_us:
        return Learnt(None, faster_us)
    usual = _usual(runs)
    return Learnt(None if usual is None else round(usual * trial.period_us))


def pace_us(refresh_us: int, map_us: int, least_us: int) -> int:
    """The pace for a meter of this refresh: a shared tick, never slower than its map's word, nor faster than least_us
    unless that word is."""
    if refresh_us >= (1 - _ALIKE) * map_us:
        return map_us
    paces = (pace * 1000 for pace in _PACES_MS if least_us <= pace * 1000 <= _SLOWER * refresh_us)
    return min(map_us, max(paces, default=max(least_us, refresh_us)))


def mean_taken_us(trial: Trial) -> float:
    """What a look of this trial takes."""
    return trial.taken_us / max(1, trial.looks + trial.lost)


def _usual(runs: Sequence[int]) -> float | None:
    usual = sorted(runs)[int(_USUAL * len(runs))]
    low, high = min(usual - 1, usual / _FACTOR), max(usual + 1, usual * _FACTOR)
    kept = [run for run in runs if low <= run <= high]
    return sum(kept) / len(kept) if len(kept) >= _KEPT * len(runs) else None
