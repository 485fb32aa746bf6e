"""Mobile generators by their frequency: supporting evidence, and only where meters resolve it. Pure.

A set runs on its own where its frequency differs from that of its neighbours on the grid by more than 0.1 Hz for a
while: no two places of one grid do. Whether it is a generator, and whose, the frequency does not say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.records import MINUTE_US, Interval
from agent.report.figures import Span

# facts: a generator's governor does not hold the grid's frequency (general).
APART_HZ = 0.1
# A register that counts by more than this cannot tell.
COARSEST_HZ = 0.05
_MINUTES = 3
_NEIGHBOURS = 2


@dataclass(frozen=True, slots=True)
class Run:
    """Minutes on a frequency of its own. apart_hz: the mean difference from the neighbours' median"""

    meter: str
    span: Span
    apart_hz: float

    @property
    def hours(self) -> float:
        return self.span.length_us / 3_600e6


def own_frequency(
    meter: str, minutes: Sequence[Interval], neighbours: Sequence[Mapping[int, float]]
) -> tuple[Run, ...]:
    """Runs of at least 3 minutes. neighbours: of other meters the frequency by start of minute; at least two of them,
    which agree with each other, have to say what the grid's is."""
    runs: list[list[tuple[int, float]]] = []
    for minute in minutes:
        apart = _apart(minute, neighbours)
        if apart is None or abs(apart) <= APART_HZ:
            continue
        at_us = minute.start_us
        last = runs[-1] if runs else []
        if last and at_us - last[-1][0] <= MINUTE_US and (apart > 0) == (last[-1][1] > 0):
            last.append((at_us, apart))
        else:
            runs.append([(at_us, apart)])
    return tuple(_run(meter, run) for run in runs if len(run) >= _MINUTES)


def _apart(minute: Interval, neighbours: Sequence[Mapping[int, float]]) -> float | None:
    own = minute.values.get("frequency")
    others = sorted(known[minute.start_us] for known in neighbours if minute.start_us in known)
    if own is None or own <= 0 or len(others) < _NEIGHBOURS or others[-1] - others[0] > APART_HZ:
        return None
    middle = len(others) // 2
    median = others[middle] if len(others) % 2 else (others[middle - 1] + others[middle]) / 2
    return own - median


def _run(meter: str, run: Sequence[tuple[int, float]]) -> Run:
    span = Span(run[0][0], run[-1][0] + MINUTE_US)
    return Run(meter, span, sum(apart for _, apart in run) / len(run))
