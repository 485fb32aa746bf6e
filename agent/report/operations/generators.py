"""Mobile generators by their frequency: supporting evidence, and only where meters resolve it. Pure.

A set runs on its own where its frequency differs from that of its neighbours on the grid by more than 0.1 Hz for a
while: no two places of one grid do. Whether it is a generator, and whose, the frequency does not say.

What the grid's is say the others: two of them at least, and more than half of all meters, lie within 0.05 Hz of the
others' median. In a minute in which they do not, or in which the meter says nothing, it is not known whether a set ran.

    a minute on a frequency of its own    the set ran in it, for some of it at least
    hours                                 from these minutes less the first and the last, up to all of them with those
                                          on either side, and with minutes beside them of which nothing is known
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from agent.records import MINUTE_US
from agent.report.figures import Bounds, Span

# facts: a generator's governor does not hold the grid's frequency (general).
APART_HZ = 0.1
# A register that counts by more than this cannot tell.
COARSEST_HZ = 0.05
_MINUTES = 3
_NEIGHBOURS = 2
# Stretches with no more unknown minutes between them are one run.
_JOINED = 10
_UNKNOWN, _GRID, _ABOVE, _BELOW = range(4)
_STRETCHES = re.compile(b"\x02+|\x03+")


@dataclass(frozen=True, slots=True)
class Run:
    """Minutes on a frequency of its own. apart_hz: the mean difference from the neighbours' median; hours: between
    bounds; during: ids of losses of what feeds it, which it may have stood in for"""

    meter: str
    span: Span
    apart_hz: float
    hours: Bounds
    during: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """One meter against the others. known: of how many minutes there is a verdict; of: how many there were"""

    runs: tuple[Run, ...]
    known: int
    of: int


def compared(hertz: Mapping[str, Sequence[float]], from_us: int) -> Mapping[str, Compared]:
    """hertz: by meter a frequency for each minute from that instant on, 0 where it is not known."""
    length = min((len(one) for one in hertz.values()), default=0)
    states = {meter: bytearray([_GRID]) * length for meter in hertz}
    apart: dict[str, dict[int, float]] = {meter: {} for meter in hertz}
    for n, together in enumerate(zip(*hertz.values(), strict=True)):
        # Nearly every minute: all are known, and none is apart.
        if min(together) > 0 and max(together) - min(together) <= APART_HZ and len(together) > _NEIGHBOURS:
            continue
        known = sorted(hz for hz in together if hz > 0)
        low, high = _agreeing(known)
        for meter, hz in zip(hertz, together, strict=True):
            if low <= hz <= high:
                continue
            by_hz = _apart(known, hz) if hz > 0 else None
            if by_hz is None or abs(by_hz) <= APART_HZ:
                states[meter][n] = _UNKNOWN if by_hz is None else _GRID
            else:
                states[meter][n] = _ABOVE if by_hz > 0 else _BELOW
                apart[meter][n] = by_hz
    return {meter: _compared(meter, bytes(state), apart[meter], from_us) for meter, state in states.items()}


def _compared(meter: str, states: bytes, apart: Mapping[int, float], from_us: int) -> Compared:
    runs = tuple(_runs(meter, states, apart, from_us))
    return Compared(runs, len(states) - states.count(_UNKNOWN), len(states))


def _agreeing(known: Sequence[float]) -> tuple[float, float]:
    """Between what the frequencies of most of them lie: one of these is not apart from the others. known: in order."""
    middle = known[len(known) // 2] if len(known) > _NEIGHBOURS else 0.0
    first, after = bisect_left(known, middle - APART_HZ / 2), bisect_right(known, middle + APART_HZ / 2)
    if after - first <= _NEIGHBOURS or 2 * (after - first) <= len(known):
        return inf, -inf
    return known[first], known[after - 1]


def _apart(known: Sequence[float], own: float) -> float | None:
    """By how much one of them is; None where too few of the others agree. known: all of a minute, in order."""
    if len(known) <= _NEIGHBOURS:
        return None
    if known[-1] - known[0] <= APART_HZ:
        return 0.0
    others = list(known)
    others.remove(own)
    middle = len(others) // 2
    median = others[middle] if len(others) % 2 else (others[middle - 1] + others[middle]) / 2
    agreeing = bisect_right(others, median + APART_HZ / 2) - bisect_left(others, median - APART_HZ / 2)
    on_grid = agreeing + (abs(own - median) <= APART_HZ / 2)
    return own - median if agreeing >= _NEIGHBOURS and 2 * on_grid > len(known) else None


def _runs(meter: str, states: bytes, apart: Mapping[int, float], from_us: int) -> Iterator[Run]:
    """Of at least 3 minutes in a row."""
    together: list[tuple[int, int]] = []
    for found in _STRETCHES.finditer(states):
        begin, end = found.span()
        if together and not _joins(states, together[-1], (begin, end)):
            yield from _run(meter, states, together, apart, from_us)
            together = []
        together.append((begin, end))
    yield from _run(meter, states, together, apart, from_us)


def _joins(states: bytes, one: tuple[int, int], other: tuple[int, int]) -> bool:
    between = states[one[1] : other[0]]
    return states[one[0]] == states[other[0]] and len(between) <= _JOINED and not between.strip(b"\x00")


def _run(
    meter: str, states: bytes, stretches: Sequence[tuple[int, int]], apart: Mapping[int, float], from_us: int
) -> Iterator[Run]:
    if not any(end - begin >= _MINUTES for begin, end in stretches):
        return
    begin, end = stretches[0][0], stretches[-1][1]
    minutes = [n for first, after in stretches for n in range(first, after)]
    before = begin - len(states[:begin].rstrip(b"\x00"))
    after_it = len(states[end:]) - len(states[end:].lstrip(b"\x00"))
    hours = Bounds((len(minutes) - 2) / 60, (end - begin + before + after_it + 2) / 60)
    span = Span(from_us + begin * MINUTE_US, from_us + end * MINUTE_US)
    yield Run(meter, span, sum(apart[n] for n in minutes) / len(minutes), hours)
