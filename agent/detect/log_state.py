"""What was last read of a meter's own registers, as text that outlives the agent: what it counts while nobody asks is
told after the restart, between the last read before and the first after."""

import json
from collections.abc import Callable, Mapping

from agent.detect.evidence import Seen
from agent.detect.hours import Utc


def told(
    seen: Mapping[str, Seen], made_by: str, wall_us: Callable[[int], int], uncertainty_s: float | None = None
) -> str:
    """made_by: what a value rests on beside the meter; wall_us: boot clock -> UTC; uncertainty_s: of that, None: not
    known."""
    rows = {name: [one.value, wall_us(one.asked_us), wall_us(one.since_us)] for name, one in seen.items()}
    return json.dumps({"made_by": made_by, "seen": rows, "within_s": uncertainty_s}, separators=(",", ":"))


def uncertainty_s(text: str) -> float | None:
    """Of the wall clock of then; None where it is not known, or the text is another version's."""
    try:
        within_s = json.loads(text).get("within_s")
    except (ValueError, AttributeError):
        return None
    return float(within_s) if isinstance(within_s, int | float) else None


def newest_us(text: str) -> int | None:
    """UTC of the last of these reads, as the wall clock of then said."""
    seen = understood(text, None, lambda at_us: at_us, None, 0)
    return max((one.asked_us for one in seen.values()), default=None)


def understood(
    text: str, made_by: str | None, from_wall_us: Callable[[int], int], now_us: int | None, slack_us: int,
    *, other_boot: bool = False,
) -> dict[str, Seen]:  # fmt: skip
    """Nothing where the text is another version's, or speaks of another map or installation; or where by today's wall
    clock it was read in the future. slack_us: what the wall clock may be wrong by; made_by, now_us: None: whatever
    it says; other_boot: only the wall clock tells when it was read"""
    try:
        body = json.loads(text)
        rows = body["seen"].items() if made_by in (None, body["made_by"]) else ()
        seen = {name: Seen(float(value), *_instants(asked, since)) for name, (value, asked, since) in rows}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    within_s = uncertainty_s(text)
    placed = {
        name: one._replace(
            asked_us=from_wall_us(one.asked_us) - slack_us,
            since_us=from_wall_us(one.since_us) - slack_us,
            utc=Utc(one.asked_us, within_s) if other_boot else None,
        )
        for name, one in seen.items()
    }
    return placed if now_us is None or all(one.asked_us < now_us for one in placed.values()) else {}


def _instants(asked: object, since: object) -> tuple[int, int]:
    if not isinstance(asked, int) or not isinstance(since, int):
        raise TypeError("instants are whole microseconds")
    return asked, since
