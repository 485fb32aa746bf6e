"""Points of `event` and `incident`, as a database gives them back, into what they were written from. Pure.

What a list was is told where no element of it can have a comma; words come back as one.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, get_args

from agent.publish.bounded import LONGEST_BODY
from agent.publish.influx_rules import Answer, meaning
from agent.publish.line_protocol import (
    INCIDENT_LISTS,
    INCIDENT_NUMBERS,
    INCIDENT_TEXTS,
    LISTS,
    NUMBERS,
    TEXTS,
)
from agent.publish.point_values import (
    Point,
    StrangePointError,
    identity,
    instant,
    long_text,
    name,
    number,
    one_of,
    required_text,
    shown,
    tag,
    text,
    truth,
    whole,
)
from agent.records import (
    CLASSES,
    Basis,
    Cause,
    ClockState,
    Direction,
    Event,
    Incident,
    Kind,
    Mode,
    Reference,
    Scope,
    VoltageBasis,
)
from drivers.quantities import PHASES

# Bounds of an end, and what follows from them: who is open has none, whatever an earlier revision said.
_OF_ENDS = ("duration_min_s", "duration_max_s", "duration_s")
_WORDS = ("evidence", "alarms")
_EXTREME = "extreme_"
_MOST_REVISIONS = 1_000_000
_MOST_CUSTOMERS = 1_000_000_000
# Texts of an event of which the record knows the words; empty where it has none.
_CHOICES = {
    "mode": get_args(Mode),
    "voltage_basis": get_args(VoltageBasis),
    "reference": get_args(Reference),
    "direction": get_args(Direction),
}
_REQUIRED = {"kind": get_args(Kind), "scope": get_args(Scope), "basis": get_args(Basis)}
# UTF-8 has no longer character, and what is cut may be cut inside one.
_LONGEST_CHARACTER = 4


def is_cut(answer: Answer) -> bool:
    """It was longer than is read of one."""
    return answer.status == 200 and len(answer.words.encode(errors="replace")) > LONGEST_BODY - _LONGEST_CHARACTER


def points(answer: Answer) -> Sequence[Point]:
    """Of one measurement. ValueError: it is no answer to that, in words."""
    if answer.status != 200:
        raise ValueError(meaning(answer)[1])
    with suppress(ValueError, RecursionError, KeyError, IndexError, TypeError):
        (result,) = json.loads(answer.words)["results"]
        if isinstance(result, dict) and "error" not in result:
            told = result["series"][0] if result.get("series") else {"columns": [], "values": []}
            if isinstance(told["columns"], list) and all(isinstance(column, str) for column in told["columns"]):
                return [dict(zip(told["columns"], row, strict=True)) for row in told["values"]]
    raise ValueError(shown(" ".join(answer.words.split()), 200))


def open_event(point: Point) -> Event:
    """StrangePointError: it is none that this version would have written."""
    told = _event_texts(point)  # first: a kind that is not known says most
    channels = [key for key in point if key.startswith(_EXTREME)]
    return Event(
        meter=tag(point, "meter"),
        feeder=tag(point, "feeder"),
        extreme_by_channel=_extremes(point, channels),
        classes={key: said for key in CLASSES if (said := text(point, f"class_{key}"))},
        customers=_bounds(point, "customers"),
        clock=_clock(point),
        open_at_start=bool(truth(point, "open_at_start")),
        **_stands(point),
        **told,
        **_lists(point, LISTS),
        **_numbers(point, _without_counts(NUMBERS)),
    )


def open_incident(point: Point) -> Incident:
    """StrangePointError: it is none that this version would have written."""
    by_phase = {phase: _bounds(point, f"customers_{phase}") for phase in PHASES}
    words = long_text(point, "words")
    told: dict[str, Any] = {key: text(point, key) for key in INCIDENT_TEXTS}
    return Incident(
        **(
            told
            | _stands(point)
            | {"cause": one_of(point, "cause", get_args(Cause)), "node": required_text(point, "node")}
        ),
        feeder=tag(point, "feeder"),
        customers=_bounds(point, "customers"),
        most=_bounds(point, "most"),
        by_phase={phase: bounds for phase, bounds in by_phase.items() if bounds},
        reclosed=whole(point, "reclosed", 0, _MOST_REVISIONS) or 0,
        locked_out=bool(truth(point, "locked_out")),
        clock=_clock(point),
        words=(words,) if words else (),
        **_lists(point, INCIDENT_LISTS),
        **_numbers(point, _without_counts(INCIDENT_NUMBERS)),
    )


def _stands(point: Point) -> dict[str, Any]:
    """What every point has."""
    one_of(point, "state", ("open",))
    revision = whole(point, "revision", 1, _MOST_REVISIONS)
    if revision is None:
        raise StrangePointError("it has no revision")
    instants = {key: instant(point, key) for key in ("reported_us", "start_us", "start_earliest_us")}
    return {"id": identity(point, "id"), "state": "open", "revision": revision, **instants}


def _event_texts(point: Point) -> dict[str, Any]:
    """Those there are."""
    told = {key: one_of(point, key, allowed, required=False) for key, allowed in _CHOICES.items()}
    told |= {key: one_of(point, key, allowed) for key, allowed in _REQUIRED.items()}
    told |= {key: text(point, key) for key in TEXTS if key not in (*told, "id", "state")}
    return {key: said for key, said in told.items() if said}


def _extremes(point: Point, keys: Sequence[str]) -> dict[str, float]:
    for key in keys:
        name({key: key}, key)  # it becomes the name of a field once more
    return {key.removeprefix(_EXTREME): at for key, at in _numbers(point, keys).items()}


def _without_counts(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(key for key in names if key not in ("revision", "reclosed"))


def _numbers(point: Point, names: Sequence[str]) -> dict[str, Any]:
    """Those that the last revision had: the point has what any of them had."""
    gone = {*required_text(point, "absent").split(","), *_OF_ENDS}
    told = {key: number(point, key) for key in names if key not in gone}
    return {key: at for key, at in told.items() if at is not None}


def _bounds(point: Point, of: str) -> tuple[int, int] | None:
    told = [whole(point, key, 0, _MOST_CUSTOMERS) for key in _numbers(point, (f"{of}_min", f"{of}_max"))]
    least, most = told if len(told) == 2 else (None, None)
    return None if least is None or most is None else (least, most)


def _lists(point: Point, names: Sequence[str]) -> dict[str, Any]:
    told = {key: said for key in names if (said := long_text(point, key))}
    return {key: (said,) if key in _WORDS else tuple(said.split(",")) for key, said in told.items()}


def _clock(point: Point) -> ClockState:
    uncertainty_s = _numbers(point, ("clock_uncertainty_s",)).get("clock_uncertainty_s")
    return ClockState(truth(point, "clock_synced"), uncertainty_s)
