"""Where the minutes of interruptions lie: each local day has what was lost on it. Pure.

Indices and major event days count all minutes of an interruption on the day on which it began, as IEEE 1366 has it.
Drawn by day that puts three days of silence on the first of them, more than a day has minutes. Here a loss, or a
silence, that goes on over midnight is on each day for the part that lies there:

    surely    the part of what was surely lost, and what of the shortest duration finds no room on other days
    perhaps   the part of what may have been lost, never more than the longest duration of all

An interruption is sustained or not as a whole. What began before the period is there with what lies in it.
"""

from collections.abc import Iterable, Mapping, Sequence

from agent.records import MINUTE_US
from agent.report.figures import NOTHING, Bounds, Span, total_us
from agent.report.reliability.indices import Asked, Judged
from agent.report.reliability.outages import Group, Interruption

Place = tuple[str, Group]


def by_calendar_day(found: Iterable[Interruption], asked: Asked, days: Mapping[int, Span]) -> Mapping[int, Bounds]:
    """SAIDI of each day, in minutes; days on which nothing can have been lost are not there. days: each within the
    period"""
    of_places: dict[Place, list[Judged]] = {}
    for one in found:
        judged = Judged(one, asked.sustained_min)
        if judged.sustained_min.high:
            of_places.setdefault((one.place, one.group), []).append(judged)
    told = {}
    for day, span in days.items():
        lost = sum((_of_place(own, span) for own in of_places.values()), NOTHING)
        if lost.high:
            told[day] = lost.scaled(1 / asked.served)
    return told


def _of_place(own: Sequence[Judged], day: Span) -> Bounds:
    """Customer-minutes. Nobody is without supply for longer than the day."""
    lost = sum((_lost_min(one, day) for one in own), NOTHING)
    longest_min = day.length_us / MINUTE_US
    return Bounds(min(lost.low, longest_min), min(lost.high, longest_min)).scaled(own[0].customers)


def _lost_min(judged: Judged, day: Span) -> Bounds:
    one, all_min = judged.one, judged.sustained_min
    perhaps_min = _minutes(one.possible, day)
    high = min(perhaps_min, all_min.high)
    elsewhere_min = total_us(one.possible) / MINUTE_US - perhaps_min
    sure_min = _minutes(judged.sustained_spans, day) if all_min.low else 0.0
    return Bounds(min(high, max(sure_min, all_min.low - elsewhere_min)), high)


def _minutes(spans: Iterable[Span], day: Span) -> float:
    return total_us(span.within(day) for span in spans) / MINUTE_US
