"""Low voltage: where to look for its cause first, and the figures that say so. Pure.

    one_phase   nine tenths of the low phase-minutes lie on one phase: unbalance
    peak_hours  four fifths of the low minutes lie in four hours of the day that follow each other: load
    head        the nearest meter upstream was low at least half as long: the tap, or what lies above
    tail        it was low at most a tenth as long: the line in between

Hints, no verdicts: several may hold, and where none does nothing is said. The shares are rules of thumb. What was low
on one day of several is an event's, as of a lost phase, and no habit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from agent.report.voltage.quality import Quality

Cause = Literal["one_phase", "peak_hours", "head", "tail"]
# Below so many minutes in the period there is nothing to explain.
LEAST_MIN = 30.0
_LEAST_DAYS = 2
_DAY_MIN = 1440
_ONE_PHASE, _PEAK, _HEAD, _TAIL = 0.9, 0.8, 0.5, 0.1
_PEAK_H = 4
_OF_DAY = range(24)


@dataclass(frozen=True, slots=True)
class Hint:
    """share: 0.., of low minutes on the phase or in the hours; of the head's low minutes to these; where: the channel,
    the head's meter, or the first hour"""

    cause: Cause
    low_min: float
    share: float
    where: str


def hints(own: Quality, head: tuple[str, Quality] | None) -> tuple[Hint, ...]:
    """head: the nearest meter upstream, by name."""
    low_min = own.beyond[0].low_min if own.beyond else 0.0
    days = (own.monitored_min + own.unknown_min + own.outage_min) / _DAY_MIN
    if low_min < LEAST_MIN or len(own.low_by_day) < min(_LEAST_DAYS, days):
        return ()
    return (*_phase(own, low_min), *_hours(own.low_by_hour, low_min), *_along(low_min, head))


def _phase(own: Quality, low_min: float) -> Iterator[Hint]:
    low = {channel: minutes for channel, (_, minutes) in own.beyond[0].by_channel.items()}
    worst = max(low, key=low.__getitem__)
    share = low[worst] / sum(low.values())
    if share >= _ONE_PHASE:
        yield Hint("one_phase", low_min, share, worst)


def _hours(low: Mapping[int, float], low_min: float) -> Iterator[Hint]:
    together = {first: sum(low.get((first + n) % 24, 0.0) for n in range(_PEAK_H)) for first in _OF_DAY}
    first = max(together, key=together.__getitem__)
    if together[first] >= _PEAK * low_min:
        begin = next(hour % 24 for hour in range(first, first + _PEAK_H) if low.get(hour % 24))
        yield Hint("peak_hours", low_min, together[first] / low_min, str(begin))


def _along(low_min: float, head: tuple[str, Quality] | None) -> Iterator[Hint]:
    if head is None or not head[1].monitored_min:
        return
    name, quality = head
    share = quality.beyond[0].low_min / low_min
    if share >= _HEAD:
        yield Hint("head", low_min, share, name)
    elif share <= _TAIL:
        yield Hint("tail", low_min, share, name)
