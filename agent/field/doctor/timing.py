"""How a line answers, from many requests to each of its meters: turn-around, losses, and what to wait. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.field.doctor.capture import Heard, Kind

# A reply that takes half as long again as the slowest of a sample is still waited for.
_MARGIN = 1.5
_STEP_MS = 10
# Upper edges of the histogram's classes.
_EDGES_MS = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
# So many more lost of those asked soon than of those asked late are no chance.
_CLEARLY = 4
_LOST: tuple[Kind, ...] = ("silent", "damaged", "cut", "noise", "other_unit", "dull", "echo", "late", "twice", "down")
_DAMAGED: tuple[Kind, ...] = ("damaged", "cut", "noise", "dull")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. rested: asked after a long pause; wire_us: what request and reply take without the meter."""

    heard: Heard
    rested: bool
    wire_us: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """up_to_ms: None for what is beyond the last class."""

    up_to_ms: int | None
    count: int


@dataclass(frozen=True, slots=True)
class MeterTiming:
    """Of one meter. Turn-around without the wire, None where nothing was answered; waits_ms: the longest that the agent
    waits for; proposed_ms: what to allow in its map; gap: whether it wants a pause between requests."""

    meter: str
    unit: int
    asked: int
    answered: int
    refused: int
    silent: int
    late: int
    damaged: int
    other: int
    noise_bytes: int
    median_ms: float | None
    slowest_ms: float | None
    waits_ms: float
    proposed_ms: int | None
    gap: bool
    histogram: tuple[Bar, ...]


def timing(meter: str, unit: int, waits_ms: float, asked: Sequence[Asked]) -> MeterTiming:
    """What these requests say of the meter."""
    kinds = [each.heard.kind for each in asked]
    took_ms = sorted(_turnaround_ms(each) for each in asked if each.heard.kind in ("answered", "refused", "late"))
    damaged = sum(kinds.count(kind) for kind in _DAMAGED)
    known = sum(kinds.count(kind) for kind in ("answered", "refused", "silent", "late"))
    return MeterTiming(
        meter, unit, len(asked), kinds.count("answered"), kinds.count("refused"), kinds.count("silent"),
        kinds.count("late"), damaged, len(asked) - known - damaged, sum(each.heard.noise_bytes for each in asked),
        _middle(took_ms), took_ms[-1] if took_ms else None, waits_ms, _proposed_ms(took_ms), _wants_gap(asked),
        _histogram(took_ms),
    )  # fmt: skip


def _turnaround_ms(each: Asked) -> float:
    return max(0, each.heard.took_us - each.wire_us) / 1e3


def _middle(ordered: Sequence[float]) -> float | None:
    return ordered[len(ordered) // 2] if ordered else None


def _proposed_ms(ordered: Sequence[float]) -> int | None:
    return math.ceil(ordered[-1] * _MARGIN / _STEP_MS) * _STEP_MS if ordered else None


def _wants_gap(asked: Iterable[Asked]) -> bool:
    """Whether requests that follow soon are lost, and those after a pause are not."""
    lost = [each.rested for each in asked if each.heard.kind in _LOST]
    return lost.count(False) - lost.count(True) >= _CLEARLY


def _histogram(ordered: Sequence[float]) -> tuple[Bar, ...]:
    bars, below = [], 0
    for edge in _EDGES_MS:
        count = sum(value <= edge for value in ordered)
        bars.append(Bar(edge, count - below))
        below = count
    return (*bars, Bar(None, len(ordered) - below))


def bars_of(told: MeterTiming) -> list[str]:
    """The histogram for people, without the empty classes at its ends."""
    shown = [at for at, bar in enumerate(told.histogram) if bar.count]
    if not shown:
        return []
    most = max(bar.count for bar in told.histogram)
    rows = []
    for bar in told.histogram[shown[0] : shown[-1] + 1]:
        edge = f"up to {bar.up_to_ms} ms" if bar.up_to_ms is not None else "longer"
        rows.append(f"  {edge:>13}  {'#' * math.ceil(40 * bar.count / most):<40} {bar.count}")
    return rows
