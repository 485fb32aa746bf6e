"""The picture of one event: what a drawing of its traces has to show, whatever it is drawn on. Pure.

Made of the JSON of the contract, so that the running agent's answer and the journal's rows look the same. Times are
seconds from the event's start, voltages percent of its reference.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from agent.clock import parse_rfc3339
from agent.detect.recorder import TRACED
from agent.detect.thresholds import PROFILES

# Longer than so many usual intervals without a word: something is missing, whatever it was.
_HOLE = 3.5
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
_MOST_TICKS = 100
_WORDS = {"omission": "not recorded at full rate", "restart": "the agent was away"}


@dataclass(frozen=True, slots=True)
class Point:
    t_s: float
    value: float
    questionable: bool = False


Run = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity. runs: samples that followed each other with nothing missing between."""

    name: str
    runs: tuple[Run, ...]

    @property
    def points(self) -> Iterator[Point]:
        return (point for run in self.runs for point in run)


@dataclass(frozen=True, slots=True)
class Pause:
    from_s: float
    to_s: float
    words: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """The true start or end lies in (earliest, latest]."""

    words: str
    earliest_s: float
    latest_s: float


@dataclass(frozen=True, slots=True)
class Picture:
    """voltages in percent, currents in A; levels: (percent, what it is); span_s: first and last sample."""

    title: str
    facts: tuple[str, ...]
    voltages: tuple[Curve, ...]
    currents: tuple[Curve, ...]
    levels: tuple[tuple[float, str], ...]
    bounds: tuple[Bounds, ...]
    pauses: tuple[Pause, ...]
    lost_s: tuple[float, ...]
    span_s: tuple[float, float]

    @property
    def range_pct(self) -> tuple[float, float]:
        """Lowest and highest percent that a drawing needs: every sample, and the levels that were near."""
        values = [point.value for curve in self.voltages for point in curve.points]
        low, high = min([85.0, *values]), max([105.0, *values])
        margin = 0.04 * (high - low)
        return max(0.0, low - margin), high + margin


@dataclass(frozen=True, slots=True)
class _Sample:
    t_s: float
    values: Mapping[str, float | None]
    questionable: bool


def drawable(event: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there is a sample, and a voltage to measure it by: silence inside a sag has no reference of its own."""
    return "reference_v" in event and any(part["t_s"] for part in traces)


def picture(event: Mapping[str, Any], traces: Sequence[Mapping[str, Any]]) -> Picture:
    """An event and the parts that show it, as the JSON of the contract; to be `drawable`."""
    zero_us = parse_rfc3339(event["start"])
    found = sorted(_samples(traces, zero_us), key=lambda sample: sample.t_s)
    lost_s = tuple(sorted(t + _shift_s(part, zero_us) for part in traces for t in part.get("lost_s", ())))
    pauses = tuple(sorted(_pauses(traces, found, zero_us), key=lambda pause: pause.from_s))
    names = dict.fromkeys(name for part in traces for name in part["values"])
    breaks = _breaks(found, lost_s, pauses)
    reference_v = event["reference_v"]

    def curves(prefix: str, scale: float) -> tuple[Curve, ...]:
        return tuple(Curve(name, _runs(found, name, scale, breaks)) for name in names if name.startswith(prefix))

    return Picture(
        title=f"{event['kind']} {event['id']}",
        facts=tuple(_facts(event)),
        voltages=curves("voltage_", 100 / reference_v),
        currents=curves("current_", 1.0),
        levels=_levels(event),
        bounds=tuple(_bounds(event, zero_us)),
        pauses=pauses,
        lost_s=lost_s,
        span_s=(min([found[0].t_s, *lost_s]), max([found[-1].t_s, *lost_s])),
    )


def why_none(event: Mapping[str, Any], evicted: int) -> str:
    """Why an event of which nothing can be drawn has no trace, as far as can be told."""
    name = f"{event['id']} has no trace: "
    if event["kind"] not in TRACED:
        return f"{name}a {event['kind']} gets none; {', '.join(sorted(TRACED))} do"
    if event.get("basis") != "measured":
        return f"{name}it was not measured by polling"
    reasons = ["the meter lost every reply", "it has had very many events within the hour", "an older version saw it"]
    if evicted:
        reasons.insert(0, f"its trace made room for younger ones ({evicted} parts did so far)")
    return f"{name}{', or '.join(reasons)}; its readings are in the database all the same"


def _shift_s(part: Mapping[str, Any], zero_us: int) -> float:
    """A part counts from the start of the event that began its trace."""
    return (parse_rfc3339(part["start"]) - zero_us) / 1e6


def _samples(traces: Iterable[Mapping[str, Any]], zero_us: int) -> Iterator[_Sample]:
    for part in traces:
        shift_s, doubtful = _shift_s(part, zero_us), set(part.get("questionable", ()))
        columns = part["values"]
        for i, t_s in enumerate(part["t_s"]):
            yield _Sample(t_s + shift_s, {name: values[i] for name, values in columns.items()}, i in doubtful)


def _pauses(traces: Iterable[Mapping[str, Any]], found: Sequence[_Sample], zero_us: int) -> Iterator[Pause]:
    for part in traces:
        if "gap_before" not in part:
            continue
        to_s = min([*part["t_s"], *part.get("lost_s", ())]) + _shift_s(part, zero_us)
        before = [sample.t_s for sample in found if sample.t_s < to_s]
        if before:
            yield Pause(before[-1], to_s, _WORDS.get(part["gap_before"], part["gap_before"]))


def _breaks(
    found: Sequence[_Sample], lost_s: Sequence[float], pauses: Sequence[Pause]
) -> Callable[[float, float], bool]:
    usual_s = median([b.t_s - a.t_s for a, b in pairwise(found)] or [0.0])

    def broken(a_s: float, b_s: float) -> bool:
        if b_s - a_s > _HOLE * usual_s:
            return True
        return any(a_s < t <= b_s for t in lost_s) or any(a_s < pause.to_s <= b_s for pause in pauses)

    return broken


def _runs(found: Sequence[_Sample], name: str, scale: float, broken: Callable[[float, float], bool]) -> tuple[Run, ...]:
    runs: list[list[Point]] = [[]]
    last_s: float | None = None
    for sample in found:
        value = sample.values.get(name)
        if runs[-1] and (value is None or (last_s is not None and broken(last_s, sample.t_s))):
            runs.append([])
        if value is not None:
            runs[-1].append(Point(sample.t_s, scale * value, sample.questionable))
        last_s = sample.t_s
    return tuple(tuple(run) for run in runs if run)


def _levels(event: Mapping[str, Any]) -> tuple[tuple[float, str], ...]:
    thresholds = PROFILES.get(event.get("profile", ""), PROFILES["iec"])
    return (
        (100 * thresholds.sag, "sag"),
        (100 * thresholds.swell, "swell"),
        (100 * thresholds.interruption, "supply loss"),
    )


def _bounds(event: Mapping[str, Any], zero_us: int) -> Iterator[Bounds]:
    for word in ("start", "end"):
        if word in event:
            earliest_us, latest_us = (parse_rfc3339(event[key]) for key in (f"{word}_earliest", word))
            yield Bounds(word, (earliest_us - zero_us) / 1e6, (latest_us - zero_us) / 1e6)


def _facts(event: Mapping[str, Any]) -> Iterator[str]:
    yield f"{event.get('meter', event['scope'])}, start {event['start'].replace('T', ' ')} = 0 s, {event['state']}"
    parts = [f"reference {event['reference_v']:g} V"]
    if "residual_pct" in event:
        parts.append(f"at most {event['residual_pct']:.1f} % remained")
    if "peak_pct" in event:
        parts.append(f"at least {event['peak_pct']:.1f} % was reached")
    if "duration_min_s" in event and "duration_max_s" in event:
        parts.append(f"lasted {event['duration_min_s']:.2f} to {event['duration_max_s']:.2f} s")
    yield ", ".join(parts)


class Axis:
    """Time to 0..1. A long pause takes `share` of the width: an hour in which nothing was recorded is no hour of it."""

    def __init__(self, span_s: tuple[float, float], pauses: Sequence[Pause], share: float = 0.05) -> None:
        low, high = span_s
        shown_s = max(high - low - sum(pause.to_s - pause.from_s for pause in pauses), 1e-6)
        share = min(share, 0.5 / max(1, len(pauses)))
        room = 1.0 - share * len(pauses)
        self._marks: list[tuple[float, float]] = [(low, 0.0)]
        for pause in pauses:
            self._go_on(pause.from_s, room / shown_s)
            self._marks.append((pause.to_s, self._marks[-1][1] + share))
        self._go_on(high, room / shown_s)

    def _go_on(self, to_s: float, per_s: float) -> None:
        from_s, at = self._marks[-1]
        self._marks.append((to_s, at + (to_s - from_s) * per_s))

    def at(self, t_s: float) -> float:
        for (from_s, a), (to_s, b) in pairwise(self._marks):
            if t_s <= to_s:
                return a if to_s <= from_s else a + (b - a) * max(0.0, t_s - from_s) / (to_s - from_s)
        return 1.0

    def ticks(self, least_share: float) -> list[float]:
        """Round seconds, at least so far apart, none inside a pause."""
        for step in _STEPS_S:
            found = self._round(step)
            if all(self.at(b) - self.at(a) >= least_share for a, b in pairwise(found)):
                return found
        return [0.0]

    def _round(self, step: float) -> list[float]:
        shown = [(a[0], b[0]) for a, b in list(pairwise(self._marks))[::2]]
        if sum(high - low for low, high in shown) / step > _MOST_TICKS:
            return [0.0, 0.0]  # too many by far: try a longer step
        return [i * step for low, high in shown for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
