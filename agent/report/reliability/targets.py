"""Lost time against what the site sets itself for a year. Pure.

due      the part of the year's target that the period is of its year
so far   SAIDI from the first of January on, where the record reaches back so far: a year whose target is passed is
         missed, whatever follows
"""

from dataclasses import dataclass

from agent.report.figures import Bounds, Figure, Span, Verdict, judged

_YEAR_US = 365 * 86_400_000_000
NOT_SINCE = "what was lost since the first of January is not known"


@dataclass(frozen=True, slots=True)
class Against:
    """target_min: of a year; due_min: of the period; so_far: since the year began, in minutes; verdict: of the period
    against what was due, year: of what is known of the year against all of its target"""

    target_min: float
    due_min: float
    verdict: Verdict
    so_far: Figure
    year: Verdict | None


def against(target_min: float, saidi_min: Bounds, period: Span, so_far_min: Bounds | None, coverage: float) -> Against:
    """so_far_min: None where the record begins later than the year."""
    due_min = target_min * period.length_us / _YEAR_US
    so_far = Figure(so_far_min, coverage, "min", "" if so_far_min is not None else NOT_SINCE)
    year = None if so_far_min is None else judged(so_far_min, target_min)
    return Against(target_min, due_min, judged(saidi_min, due_min), so_far, year)
