"""What a database says of a point was written by whoever may write there: nothing of it is taken unlooked at."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from samples import MIDNIGHT_US

from agent.publish.influx_rules import Answer
from agent.publish.point_values import StrangePointError
from agent.publish.points import is_cut, open_event, open_incident, points
from agent.records import Event, Incident

EVENT = {
    "id": "gw-01-aa-1", "kind": "sag", "state": "open", "revision": 3, "scope": "meter", "basis": "measured",
    "meter": "tx1", "feeder": "F12", "reported_us": MIDNIGHT_US, "start_us": MIDNIGHT_US,
    "start_earliest_us": MIDNIGHT_US - 1, "absent": "peak_v", "evidence": "L1 at 40 %", "extreme_voltage_l1": 92.25,
    "customers_min": 180, "customers_max": 182, "open_at_start": True, "clock_synced": True,
}  # fmt: skip
INCIDENT = {
    "id": "gw-01-aa-i-1", "cause": "supply_loss", "state": "open", "revision": 2, "node": "tx-17", "feeder": "none",
    "reported_us": MIDNIGHT_US, "start_us": MIDNIGHT_US, "start_earliest_us": MIDNIGHT_US, "absent": "",
    "dead": "tx1,tx2", "reclosed": 1, "confidence": 0.75, "locked_out": False, "words": "No supply.",
}  # fmt: skip
TEXTS_THAT_ARE_NONE: list[Any] = ["\ud800", "a\x00b", "a\nb", "a\x1b[2Jb", 5, ["x"], {"a": 1}, True]
INSTANTS_THAT_ARE_NONE: list[Any] = [
    10**30, -(10**18), -1, 9223372036854775807, 7_258_118_400_000_000, 1.5, float("inf"), float("nan"), True, "5", None
]  # fmt: skip
WRONG_OF_EITHER: dict[str, list[Any]] = {
    "id": [*TEXTS_THAT_ARE_NONE, "", None, "a b", "a/b/#", "x" * 129],
    "state": [*TEXTS_THAT_ARE_NONE, "closed", None],
    "revision": [1e300, float("inf"), float("nan"), 0, -1, 1_000_001, 1.5, True, "3", [3], None],
    "reported_us": INSTANTS_THAT_ARE_NONE,
    "start_us": INSTANTS_THAT_ARE_NONE,
    "start_earliest_us": INSTANTS_THAT_ARE_NONE,
    "absent": [None, 5, ["peak_v"]],
    "feeder": [*TEXTS_THAT_ARE_NONE, "a/b", "a\\", "", "x" * 65],
    "clock_synced": ["perhaps", 1, []],
    "clock_uncertainty_s": [float("inf"), "much", True, 1e300],
    "customers_min": [float("nan"), -1, 1.5, 10**30, "many"],
}
WRONG_OF_AN_EVENT: dict[str, list[Any]] = {
    "kind": ["bogus", 5, None, ["sag"], {}],
    "scope": ["bogus", 5, None, ["x"]],
    "basis": ["bogus", None, ["x"]],
    "mode": ["bogus", 5, {}],
    "direction": ["sideways", 5],
    "voltage_basis": ["lx", 5],
    "reference": ["bogus", 5],
    "meter": [*TEXTS_THAT_ARE_NONE, "a/b/#", "+", "", "x" * 65],
    "evidence": TEXTS_THAT_ARE_NONE,
    "channels": [7, {"a": 1}, "\udfff"],
    "meter_serial": [*TEXTS_THAT_ARE_NONE, "x" * 1025],
    "class_itic": TEXTS_THAT_ARE_NONE,
    "extreme_voltage_l1": [float("inf"), "low", [], 10**400],
    "extreme_a b": [1.0],
    "open_at_start": ["yes", 1],
    "peak_pct": [float("nan"), "high", True],
}
WRONG_OF_AN_INCIDENT: dict[str, list[Any]] = {
    "cause": ["bogus", 5, None, ["x"], {}],
    "node": [*TEXTS_THAT_ARE_NONE, None],
    "device": TEXTS_THAT_ARE_NONE,
    "dead": TEXTS_THAT_ARE_NONE,
    "words": TEXTS_THAT_ARE_NONE,
    "reclosed": [float("inf"), -1, 1e9],
    "confidence": [float("nan"), "high"],
    "locked_out": ["yes", 1],
}


@pytest.mark.parametrize("key", WRONG_OF_EITHER | WRONG_OF_AN_EVENT)
def test_an_event_with_a_field_that_nobody_here_writes_is_strange(key: str) -> None:
    point = EVENT | ({"customers_max": 182} if "customers" in key else {})
    values = (WRONG_OF_EITHER | WRONG_OF_AN_EVENT)[key]
    name = key.partition("_min")[0]
    assert [value for value in values if name not in _said(open_event, point | {key: value})] == []


@pytest.mark.parametrize("key", WRONG_OF_EITHER | WRONG_OF_AN_INCIDENT)
def test_an_incident_with_a_field_that_nobody_here_writes_is_strange(key: str) -> None:
    point = INCIDENT | ({"customers_max": 182} if "customers" in key else {})
    values = (WRONG_OF_EITHER | WRONG_OF_AN_INCIDENT)[key]
    name = key.partition("_min")[0]
    assert [value for value in values if name not in _said(open_incident, point | {key: value})] == []


def _said(read: Callable[[Mapping[str, Any]], Event | Incident], point: Mapping[str, Any]) -> str:
    """Why it is strange; nothing of one that is understood."""
    try:
        read(point)
    except StrangePointError as error:
        return str(error)
    return ""


def test_what_is_as_it_is_written_here_is_understood() -> None:
    event = open_event(EVENT | {"mode": "", "direction": "", "peak_v": 250.0, "class_itic": "violates"})
    assert (event.revision, event.meter, event.customers, event.peak_v) == (3, "tx1", (180, 182), None)
    assert (event.evidence, event.extreme_by_channel) == (("L1 at 40 %",), {"voltage_l1": 92.25})
    assert (event.classes, event.direction, event.mode) == ({"itic": "violates"}, None, "normal")
    incident = open_incident(INCIDENT)
    assert (incident.dead, incident.feeder, incident.reclosed) == (("tx1", "tx2"), None, 1)


@pytest.mark.parametrize("read", [open_event, open_incident])
def test_a_point_that_lacks_all_is_strange(read: Callable[[Mapping[str, Any]], Event | Incident]) -> None:
    with pytest.raises(StrangePointError):
        read({})


def test_what_is_said_of_a_strange_value_is_short_and_has_no_character_of_it_that_acts() -> None:
    with pytest.raises(StrangePointError) as caught:
        open_event(EVENT | {"meter": "\x1b[2J\ud800" * 1000})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def _answer(columns: Any, *rows: Any) -> Answer:
    return Answer(200, json.dumps({"results": [{"series": [{"columns": columns, "values": rows}]}]}))


@pytest.mark.parametrize("columns", [[5], [None], [["id"]], [{}], "i", 7, None])
def test_columns_without_a_name_are_no_answer(columns: Any) -> None:
    with pytest.raises(ValueError, match="results"):
        points(_answer(columns, ["x"]))


def test_an_answer_of_which_the_end_was_not_read_is_told_from_a_whole_one() -> None:
    assert not is_cut(Answer(200, "x" * (64 * 1024 - 4)))
    assert is_cut(Answer(200, "x" * (64 * 1024)))
    assert is_cut(Answer(200, "\N{EURO SIGN}" * (64 * 1024 // 3))), "cut inside a character, which then goes"
    assert not is_cut(Answer(503, "x" * (64 * 1024)))
