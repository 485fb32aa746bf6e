"""Limits of demand as tables for spreadsheets. Pure."""

from collections.abc import Callable, Iterator, Sequence
from math import isfinite

from agent.report.demand.compliance import Compliance
from agent.report.demand.part import DemandPart
from agent.report.figures import Bounds, Figure

Cell = str | int | float | None
LIMITS = (
    "limit", "meter", "limit_w", "ordered", "times", "days", "dates", "windows", "kept", "violated", "undecided",
    "verdict", "coverage", "allowed_wh", "used_low_wh", "used_high_wh", "curtailed_wh", "curtailed_coverage",
    "rebound_w", "rebound_coverage", "why",
)  # fmt: skip
WINDOWS = (
    "limit", "meter", "start", "end", "limit_w", "verdict", "blocks_above", "blocks", "coverage", "highest_start",
    "highest_w", "highest_low_w", "highest_high_w", "headroom_low_w", "headroom_high_w", "used_low_wh", "used_high_wh",
    "curtailed_wh", "curtailed_why", "rebound_w", "rebound_why",
)  # fmt: skip


def limits(parts: Sequence[DemandPart]) -> Iterator[Sequence[Cell]]:
    for part in parts:
        counts = (part.count(verdict) for verdict in ("kept", "violated", "undecided"))
        yield (
            part.name, part.meter, part.limit_w, str(part.ordered).lower(), part.times, part.days, part.dates,
            len(part.windows), *counts, part.verdict, part.coverage, part.allowed_wh, *_two(part.used_wh),
            _value(part.curtailed_wh), part.curtailed_wh.coverage, _value(part.rebound_w), part.rebound_w.coverage,
            part.why,
        )  # fmt: skip


def windows(parts: Sequence[DemandPart], when: Callable[[int], str]) -> Iterator[Sequence[Cell]]:
    return ((part.name, part.meter, *_window(one, when)) for part in parts for one in part.windows)


def _window(one: Compliance, when: Callable[[int], str]) -> Sequence[Cell]:
    worst = one.worst
    return (
        when(one.window.span.from_us), when(one.window.span.to_us), one.window.limit_w, one.verdict, one.violated,
        one.of, one.coverage, None if worst is None else when(worst.start_us), None if worst is None else worst.value_w,
        *_two(one.highest_w), *_two(one.headroom_w), *_two(one.used_wh), _value(one.curtailed_wh), one.curtailed_wh.why,
        _value(one.rebound_w), one.rebound_w.why,
    )  # fmt: skip


def _value(figure: Figure) -> float | None:
    return figure.value if isinstance(figure.value, float) else None


def _two(bounds: Bounds) -> tuple[float | None, float | None]:
    """What has no end has no number there."""
    low, high = (one if isfinite(one) else None for one in (bounds.low, bounds.high))
    return low, high
