"""Points of `event` and `incident`, as a database gives them back, into what they were written from. Pure.

What a list was is told where no element of it can have a comma; words come back as one.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, get_args

from agent.publish.influx_rules import Answer, meaning
from agent.publish.line_protocol import (
    ABSENT,
    INCIDENT_LISTS,
    INCIDENT_NUMBERS,
    INCIDENT_TEXTS,
    LISTS,
    NUMBERS,
    TEXTS,
)
from agent.records import CLASSES, Cause, ClockState, Event, Incident, Kind
from drivers.quantities import PHASES

Point = Mapping[str, Any]

# Bounds of an end, and what follows from them: who is open has none, whatever an earlier revision said.
_OF_ENDS = ("duration_min_s", "duration_max_s", "duration_s")
_WHOLE = ("revision", "reclosed")
_WORDS = ("evidence", "alarms")
_EXTREME = "extreme_"


def points(answer: Answer) -> Sequence[Point]:
    """Of one measurement. ValueError: it is no answer to that, in words."""
    if answer.status != 200:
        raise ValueError(meaning(answer)[1])
    with suppress(ValueError, RecursionError, KeyError, IndexError, TypeError):
        (result,) = json.loads(answer.words)["results"]
        if isinstance(result, dict) and "error" not in result:
            told = result["series"][0] if result.get("series") else {"columns": [], "values": []}
            return [dict(zip(told["columns"], row, strict=True)) for row in told["values"]]
    raise ValueError(" ".join(answer.words.split())[:200])


def open_event(point: Point) -> Event:
    """ValueError: it is none that this version understands."""
    try:
        return _event(point)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks {error}") from None


def open_incident(point: Point) -> Incident:
    """ValueError: it is none that this version understands."""
    try:
        return _incident(point)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks {error}") from None


def _event(point: Point) -> Event:
    if point["kind"] not in get_args(Kind):
        raise ValueError(f"kind {point['kind']!r} is not known")
    numbers = _numbers(point, NUMBERS)
    channels = [key for key in point if key.startswith(_EXTREME)]
    return Event(
        kind=point["kind"],
        meter=_tag(point["meter"]),
        feeder=_tag(point["feeder"]),
        extreme_by_channel={key.removeprefix(_EXTREME): at for key, at in _numbers(point, channels).items()},
        classes={key: point[f"class_{key}"] for key in CLASSES if point.get(f"class_{key}")},
        customers=_bounds(point, "customers"),
        clock=_clock(point),
        open_at_start=bool(point.get("open_at_start")),
        **_instants(point),
        **_texts(point, TEXTS),
        **_lists(point, LISTS),
        **numbers,
    )


def _incident(point: Point) -> Incident:
    if point["cause"] not in get_args(Cause):
        raise ValueError(f"cause {point['cause']!r} is not known")
    by_phase = {phase: _bounds(point, f"customers_{phase}") for phase in PHASES}
    return Incident(
        feeder=_tag(point["feeder"]),
        customers=_bounds(point, "customers"),
        most=_bounds(point, "most"),
        by_phase={phase: bounds for phase, bounds in by_phase.items() if bounds},
        locked_out=bool(point.get("locked_out")),
        clock=_clock(point),
        words=(point["words"],) if point.get("words") else (),
        **_instants(point),
        **_texts(point, INCIDENT_TEXTS) | {"device": point.get("device") or ""},
        **_lists(point, INCIDENT_LISTS),
        **_numbers(point, INCIDENT_NUMBERS),
    )


def _numbers(point: Point, names: Sequence[str]) -> dict[str, Any]:
    """Those that the last revision had: the point has what any of them had."""
    gone = {*point["absent"].split(","), *_OF_ENDS}
    told = {name: point.get(name) for name in names if name not in gone}
    return {name: int(at) if name in _WHOLE else float(at) for name, at in told.items() if at is not None}


def _bounds(point: Point, name: str) -> tuple[int, int] | None:
    told = _numbers(point, (f"{name}_min", f"{name}_max"))
    return (int(told[f"{name}_min"]), int(told[f"{name}_max"])) if len(told) == 2 else None


def _instants(point: Point) -> dict[str, Any]:
    return {name: int(point[name]) for name in ("reported_us", "start_us", "start_earliest_us")}


def _texts(point: Point, names: Sequence[str]) -> dict[str, Any]:
    return {name: point[name] for name in names if point.get(name)}


def _lists(point: Point, names: Sequence[str]) -> dict[str, Any]:
    told = {name: point[name] for name in names if point.get(name)}
    return {name: (text,) if name in _WORDS else tuple(text.split(",")) for name, text in told.items()}


def _clock(point: Point) -> ClockState:
    uncertainty_s = _numbers(point, ("clock_uncertainty_s",)).get("clock_uncertainty_s")
    return ClockState(point.get("clock_synced"), uncertainty_s)


def _tag(text: str) -> str | None:
    return None if text == ABSENT else text
