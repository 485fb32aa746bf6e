"""From seen to verified: how long each step of an incident took, and which are overdue. Pure.

    seen       the first event of it was reported
    located    the incident was reported with its node
    restored   every meter that was dead in it is live again: the incident's end
    verified   and was within limits for 10 minutes after: minutes that were seen

Times are of reports, so they are what the desk knew when; how long people were without supply is another matter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from agent.records import MINUTE_US, Event, Incident, Interval

Step = Literal["seen", "located", "restored", "verified"]
VERIFY_MIN = 10
_WHOLE = 0.99


@dataclass(frozen=True, slots=True)
class Loop:
    """One incident. None where a step was not reached, or is not known; waits_for: the next step; overdue: it took, or
    takes, longer than its class may; unproven: meters that no ten good minutes are known of"""

    incident: str
    node: str
    seen_us: int | None
    located_us: int
    restored_us: int | None
    verified_us: int | None
    waits_for: Step | None
    overdue: bool
    unproven: tuple[str, ...] = ()

    @property
    def slowest(self) -> Step | None:
        """The step that took the longest."""
        steps: tuple[Step, ...] = ("seen", "located", "restored", "verified")
        at = (self.seen_us, self.located_us, self.restored_us, self.verified_us)
        took: dict[Step | None, int] = {
            step: after - before
            for step, (before, after) in zip(steps[1:], pairwise(at), strict=True)
            if before is not None and after is not None
        }
        return max(took, key=took.__getitem__) if took else None


GoodFrom = Callable[[str, int], int | None]


def loop(
    incident: Incident, first: Incident, events: Mapping[str, Event], good_from: GoodFrom, target_s: float, now_us: int
) -> Loop:
    """incident: its latest revision; first: its first one; events: first revisions by id; good_from: meter and instant
    -> when ten good minutes after it were over, None while that is not known; target_s: from seen to restored."""
    reported = [events[id_].reported_us for id_ in incident.events if id_ in events]
    seen_us = min(reported, default=None)
    restored_us = incident.end_us if incident.state == "closed" else None
    meters = (*incident.dead, *incident.restored)
    good = {meter: good_from(meter, restored_us) for meter in meters} if restored_us is not None else {}
    unproven = tuple(meter for meter, at_us in good.items() if at_us is None)
    proven = [at_us for at_us in good.values() if at_us is not None]
    verified_us = max(proven) if proven and not unproven else None
    waits_for: Step | None = "restored" if restored_us is None else "verified" if verified_us is None else None
    since_us = incident.start_us if seen_us is None else seen_us
    took_us = (now_us if restored_us is None else restored_us) - since_us
    return Loop(
        incident.id, incident.node, seen_us, first.reported_us, restored_us, verified_us, waits_for,
        took_us > target_s * 1e6, unproven,
    )  # fmt: skip


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
