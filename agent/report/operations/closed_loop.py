"""From seen to verified: how long each step of an incident took, and which are overdue. Pure.

    seen       the first of its events was reported
    located    the incident was reported at the node that it stayed at
    restored   every meter that was dead in it is live again: the incident's end
    verified   and was within limits for 10 minutes after: minutes that were seen

Times are of reports, so they are what the desk knew when; how long people were without supply is another matter. The
target is from seen to restored, by who was without.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Literal

from agent.records import MINUTE_US, Incident, Interval, State
from agent.report.figures import Bounds, Verdict, judged

Step = Literal["seen", "located", "restored", "verified"]
STEPS: tuple[Step, ...] = ("seen", "located", "restored", "verified")
VERIFY_MIN = 10
_WHOLE = 0.99


@dataclass(frozen=True, slots=True)
class FirstReports:
    """When an incident was first told of, by its revisions and those of its events. None: that one is not kept any
    more. kept_us: the earliest report of it that is"""

    seen_us: int | None
    located_us: int | None
    kept_us: int | None = None


NOT_KEPT = FirstReports(None, None)


@dataclass(frozen=True, slots=True)
class Target:
    """within_s: from seen to restored, None where nobody set one; of_class: whose it is"""

    of_class: str
    within_s: float | None


@dataclass(frozen=True, slots=True)
class Loop:
    """One incident. None where a step was not reached, or is not known; waits_for: the next step; took_s: from seen to
    restored, or until now; verdict: of that against the target, None without one; unproven: meters that no ten good
    minutes are known of; detected_s: from the loss to its first report; steps_s: how long each step took after the one
    before, where both are known; slowest: which took the longest, None while one is not known"""

    incident: str
    node: str
    target: Target
    seen_us: int | None
    located_us: int | None
    restored_us: int | None
    verified_us: int | None
    waits_for: Step | None
    took_s: Bounds
    verdict: Verdict | None
    detected_s: Bounds | None
    unproven: tuple[str, ...]
    steps_s: Mapping[Step, float]
    slowest: Step | None

    @property
    def overdue(self) -> bool:
        """Surely; while it is not restored that can only get worse."""
        return self.verdict == "violated"


GoodFrom = Callable[[str, int], int | None]


def loop(incident: Incident, first: FirstReports, good_from: GoodFrom, target: Target, now_us: int) -> Loop:
    """incident: its latest revision; good_from: meter and instant -> when ten good minutes after it were over, None
    while that is not known."""
    restored_us = incident.end_us if incident.state == "closed" else None
    meters = dict.fromkeys((*incident.dead, *incident.restored))
    good = {meter: good_from(meter, restored_us) for meter in meters} if restored_us is not None else {}
    unproven = tuple(meter for meter, at_us in good.items() if at_us is None)
    proven = [at_us for at_us in good.values() if at_us is not None]
    verified_us = max(proven) if proven and not unproven else None
    took_s = _took_s(incident, first, now_us)
    steps_s = _steps_s((first.seen_us, first.located_us, restored_us, verified_us))
    return Loop(
        incident.id, incident.node, target, first.seen_us, first.located_us, restored_us, verified_us,
        _waits_for(incident, verified_us), took_s,
        None if target.within_s is None else _judged(took_s, target.within_s, incident.state),
        _detected_s(incident, first.seen_us), unproven, steps_s,
        _slowest(steps_s),
    )  # fmt: skip


def _steps_s(at: Sequence[int | None]) -> Mapping[Step, float]:
    """at: instants of all steps."""
    return {
        step: (after - before) / 1e6
        for step, (before, after) in zip(STEPS[1:], pairwise(at), strict=True)
        if before is not None and after is not None
    }


def _slowest(steps_s: Mapping[Step, float]) -> Step | None:
    known = sorted(steps_s, key=steps_s.__getitem__)
    return known[-1] if len(known) == len(STEPS) - 1 else None


def _waits_for(incident: Incident, verified_us: int | None) -> Step | None:
    """One that was closed without anybody knowing when it ended waits for nothing any more."""
    if incident.state == "open":
        return "restored"
    return "verified" if verified_us is None and incident.end_us is not None else None


def _took_s(incident: Incident, first: FirstReports, now_us: int) -> Bounds:
    """It was seen after it began, and before the earliest report of it that is kept; where its end is not known, it
    ended before it was closed."""
    least_us = most_us = now_us if incident.state == "open" else incident.end_us
    if least_us is None or most_us is None:
        least_us, most_us = incident.end_earliest_us or incident.start_us, incident.reported_us
    known_us = max(incident.start_us, first.kept_us if first.kept_us is not None else incident.reported_us)
    early_us, late_us = (incident.start_earliest_us, known_us) if first.seen_us is None else (first.seen_us,) * 2
    return Bounds(max(0.0, (least_us - late_us) / 1e6), max(0.0, (most_us - early_us) / 1e6))


def _judged(took_s: Bounds, within_s: float, state: State) -> Verdict:
    """What goes on may take for ever."""
    return judged(Bounds(took_s.low, inf) if state == "open" else took_s, within_s)


def _detected_s(incident: Incident, seen_us: int | None) -> Bounds | None:
    if seen_us is None:
        return None
    return Bounds(max(0.0, (seen_us - incident.start_us) / 1e6), max(0.0, (seen_us - incident.start_earliest_us) / 1e6))


def ten_good_minutes(
    minutes: Iterable[Interval], channels: Sequence[str], limits_v: tuple[float, float], after_us: int
) -> int | None:
    """When ten minutes in a row, wholly seen and within limits on all channels, were over; the first such ones."""
    low_v, high_v = limits_v
    count, expected_us = 0, 0
    for minute in minutes:
        if minute.start_us < after_us:
            continue
        volts = [value for key in channels for value in (minute.values.get(key), minute.min.get(key, low_v))]
        good = minute.coverage > _WHOLE and all(value is not None and low_v <= value <= high_v for value in volts)
        count = (count + 1 if minute.start_us == expected_us else 1) if good else 0
        expected_us = minute.start_us + MINUTE_US
        if count == VERIFY_MIN:
            return expected_us
    return None
