"""Looks gathered, so that what needs means costs one `list.append` per look: blocks of up to 64 looks, and minutes.

A block's mean is the plain one while its voltages hardly differ; where they do it is the root of the mean square,
each look weighed by the time since the look before it: the pace changes in the middle of things. (Sums kept up to
date at each look were tried: six multiplications a look, twice the cost of the whole quiet path.)
"""

from collections.abc import Collection, Sequence
from math import sqrt
from operator import sub
from typing import NamedTuple

from agent.detect.thresholds import Rules
from agent.detect.voltage import Look
from agent.records import MINUTE_US

LOOKS = 64
# Of looks that come faster than this, one in so much time is kept: no window is much shorter.
SPACING_US = 190_000
# A look stands for the time since the one before it, but never for more than this; where the site asks for looks that
# are further apart, for one period of them and what a look may be late.
LONGEST_US = 10_000_000
LATE = 1.1
# So much of a minute must have been seen.
COVERED = 0.8
# Up to this spread, of the nominal voltage, plain and RMS mean differ by less than 0.02 %, whatever the pace.
_EVEN = 0.03

Volts = tuple[float | None, ...]
_Column = tuple[float | None, float | None, float | None, int]


class Block(NamedTuple):
    """bound_us: when the first request had left, moved back by age and window; end_us: last reply; means, lows, highs:
    volts by channel, None if it was never read; covered_us: by channel, the time that the means stand for."""

    looks: Sequence[Look]
    bound_us: int
    end_us: int
    means: Volts
    lows: Volts
    highs: Volts
    covered_us: tuple[int, ...]


def block_of(looks: Sequence[Look], since_us: int | None, rules: Rules) -> Block:
    """since_us: when the look before these had arrived; None: there was none."""
    begin_us = looks[0].received_boot_us if since_us is None else since_us
    end_us = looks[-1].received_boot_us
    even_v = _EVEN * rules.nominal_v
    longest_us = stands_for_us(rules)
    whole = _no_gap(looks, begin_us, longest_us)
    columns = [
        (whole and _plain(column, end_us - begin_us, even_v)) or _weighed(column, looks, begin_us, longest_us)
        for column in zip(*[look.volts for look in looks], strict=True)
    ]
    means, lows, highs, covered_us = zip(*columns, strict=True)
    return Block(looks, looks[0].sent_boot_us - rules.reach_us, end_us, means, lows, highs, covered_us)


def stands_for_us(rules: Rules) -> int:
    """How long one look may stand for the voltage."""
    return max(LONGEST_US, int(LATE * rules.watch_us))


def _no_gap(looks: Sequence[Look], begin_us: int, allowed_us: int) -> bool:
    """No look was further from the one before than what it can stand for: not even eight of them together were."""
    end_us = looks[-1].received_boot_us
    if end_us - begin_us <= allowed_us:
        return True
    times = [look.received_boot_us for look in looks[::8]]
    longest_us: int = max(map(sub, [*times, end_us], [begin_us, *times]))
    return longest_us <= allowed_us


def _plain(column: tuple[float | None, ...], spent_us: int, even_v: float) -> _Column | None:
    """The usual case: no value missing, hardly any spread. None if it is not."""
    try:
        total = sum(column)  # type: ignore[arg-type]
    except TypeError:
        return None
    low, high = min(column), max(column)  # type: ignore[type-var]
    return (total / len(column), low, high, spent_us) if high - low <= even_v else None  # type: ignore[operator]


def _weighed(column: tuple[float | None, ...], looks: Sequence[Look], begin_us: int, longest_us: int) -> _Column:
    """RMS mean, lowest, highest, and the time they stand for."""
    times = [look.received_boot_us for look in looks]
    read = [
        (volts, min(spent_us, longest_us))
        for volts, spent_us in zip(column, map(sub, times, [begin_us, *times]), strict=False)
        if volts is not None
    ]
    if not read:
        return None, None, None, 0
    volts, spent_us = zip(*read, strict=True)
    low, high, total_us = min(volts), max(volts), sum(spent_us)
    if not total_us:
        return sum(volts) / len(volts), low, high, 0
    return sqrt(sum(one * one * spent for one, spent in read) / total_us), low, high, total_us


class Minute(NamedTuple):
    """A minute of means: volts by channel, None where too little of it was seen. Bounds as in `Block`.

    lines: mean line-line voltages, where they are known; lines_missing: they usually are, but not in this minute
    """

    bound_us: int
    end_us: int
    means: Volts
    lines: tuple[float, float, float] | None = None
    lines_missing: bool = False

    def without(self, channels: Collection[int]) -> "Minute":
        """What is left where these say nothing."""
        if not channels:
            return self
        means = tuple(None if i in channels else mean for i, mean in enumerate(self.means))
        return self._replace(means=means, lines=None)


class Minutes:
    """The minute in the making. It ends on the wall clock's minute, so that it can be found in other records; one
    that begins with an event lasts its own minute."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._has_lines = False
        self.restart(0, 0)

    def restart(self, now_us: int, wait_us: int, least_us: int = MINUTE_US) -> None:
        """A minute that ends wait_us after now_us. Cut short it counts only if it was to last least_us."""
        self.end_us = now_us + wait_us
        self._least_us = COVERED * max(least_us, 1)
        self._bound_us: int | None = None
        self._last_us = 0
        self._squares = [0.0] * self._channels
        self._covered_us = [0] * self._channels
        self._lines: list[tuple[float, float, float]] = []

    def add(self, block: Block) -> None:
        if self._bound_us is None:
            self._bound_us = block.bound_us
        self._last_us = block.end_us
        for i, (mean, covered_us) in enumerate(zip(block.means, block.covered_us, strict=True)):
            if mean is not None:
                self._squares[i] += mean * mean * covered_us
                self._covered_us[i] += covered_us

    def add_lines(self, volts: tuple[float, float, float]) -> None:
        """Line-line voltages of a full set, on a meter that is judged line-to-neutral."""
        self._lines.append(volts)
        self._has_lines = True

    def minute(self) -> Minute | None:
        """None if no channel was seen for long enough."""
        means = tuple(
            sqrt(square / covered_us) if covered_us >= self._least_us else None
            for square, covered_us in zip(self._squares, self._covered_us, strict=True)
        )
        if self._bound_us is None or not any(mean is not None for mean in means):
            return None
        missing = self._has_lines and not self._lines
        return Minute(self._bound_us, self._last_us, means, _mean_of(self._lines), missing)


def _mean_of(lines: list[tuple[float, float, float]]) -> tuple[float, float, float] | None:
    if not lines:
        return None
    first, second, third = (sum(volts) / len(lines) for volts in zip(*lines, strict=True))
    return first, second, third
