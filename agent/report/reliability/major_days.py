"""Major event days: days on which so much was lost that they say nothing of the others. Pure.

IEEE 1366, 2.5 beta: of the daily SAIDI of up to five years before the period, days without any left out,

    T_MED = exp(mean of ln + 2.5 x standard deviation of ln)

A day above it is one. The standard wants five years and takes what there is; with less than one year there is no season
that it does not lack, and nothing is said. What is between bounds is taken at its lower one: what surely was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from statistics import mean, stdev

from agent.report.figures import Bounds

# IEEE 1366: five sequential years.
LONGEST_DAYS = 5 * 365
LEAST_DAYS = 365
# A standard deviation of fewer says nothing.
_LEAST_WITH = 10
_BETAS = 2.5
TOO_SHORT = "there is no year of days before it"
TOO_FEW = "fewer than ten days before it had an interruption"


@dataclass(frozen=True, slots=True)
class MajorDays:
    """threshold_min: None where there is none, and `why` says why; known_days: how many days were known before the
    period; with_some: on how many of them was an interruption; surely, perhaps: days since 1970"""

    threshold_min: float | None
    why: str
    known_days: int
    with_some: int
    surely: tuple[int, ...] = ()
    perhaps: tuple[int, ...] = ()


def major_days(before: Mapping[int, Bounds], known_days: int, days: Mapping[int, Bounds]) -> MajorDays:
    """before, days: SAIDI of local days, before the period and in it."""
    logs = [log(saidi.low) for saidi in before.values() if saidi.low > 0]
    if known_days < LEAST_DAYS:
        return MajorDays(None, TOO_SHORT, known_days, len(logs))
    if len(logs) < _LEAST_WITH:
        return MajorDays(None, TOO_FEW, known_days, len(logs))
    threshold_min = exp(mean(logs) + _BETAS * stdev(logs))
    surely = tuple(day for day, saidi in days.items() if saidi.low > threshold_min)
    perhaps = tuple(day for day, saidi in days.items() if saidi.low <= threshold_min < saidi.high)
    return MajorDays(threshold_min, "", known_days, len(logs), surely, perhaps)
