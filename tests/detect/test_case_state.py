"""What an incident is beside what is told of it, over a restart of the agent and over a boot of the gateway."""

from dataclasses import replace

import pytest

from agent.detect.book_state import Earlier
from agent.detect.case_state import taken_up, told, understood
from agent.detect.cases import Case, Loss
from agent.detect.register import Register
from agent.detect.tracking import Bounds
from agent.records import ClockState, Incident

S = 1_000_000
OFFSET_US = 1_795_000_000 * S
METERS = ("oak", "elm")


def from_wall_us(at_us: int) -> int:
    return at_us - OFFSET_US


def incident(**more: object) -> Incident:
    start_us = OFFSET_US + 60 * S
    fields = {
        "id": "i1", "revision": 3, "state": "open", "reported_us": start_us + 4 * S, "cause": "supply_loss",
        "node": "b1", "device": "fuse", "confidence": 0.9, "dead": ("oak",), "start_us": start_us,
        "start_earliest_us": start_us - S, "clock": ClockState(True, 1.0), **more,
    }  # fmt: skip
    return Incident(**fields)  # type: ignore[arg-type]


def resumed(one: Incident, text: str | None = None, boot: str = "a", earlier: Earlier | None = None) -> Case:
    kept = understood(text, boot).get(one.id)
    return taken_up(one, kept, earlier or Earlier(from_wall_us), Register(from_wall_us), METERS, 500 * S)


def test_in_the_same_boot_its_instants_hold_whatever_was_done_to_the_wall_clock():
    before = resumed(incident())
    before.former = None
    text = told([before], "a")
    after = resumed(incident(), text, earlier=Earlier(lambda at_us: from_wall_us(at_us) - 7200 * S))
    assert after.began == before.began
    assert after.former is None


def test_in_another_boot_only_the_wall_clock_tells():
    before = resumed(incident())
    before.former = None
    after = resumed(incident(), told([before], "a"), boot="b")
    assert after.former == incident()
    assert after.began is not None
    assert after.began.span == Bounds(59 * S, 60 * S)


def test_what_began_in_another_boot_stays_so_when_the_agent_restarts_again():
    text = told([resumed(incident())], "b")
    assert resumed(incident(), text, boot="b").former is not None


def test_how_sure_it_was_outlives_a_time_in_which_nothing_was_known():
    quiet = incident(confidence=0.0, dead=(), unknown=("oak",))
    text = told([resumed(incident())], "a")
    assert resumed(quiet, text).fault.confidence == 0.9
    assert resumed(quiet, text, boot="b").fault.confidence == 0.9


def test_what_was_found_out_afterwards_stays_that():
    before = resumed(incident())
    before.past, before.slack_s = True, 2.0
    after = resumed(incident(), told([before], "a"), boot="b")
    assert (after.past, after.slack_s) == (True, 2.0)


@pytest.mark.parametrize("text", [None, "", "x", "[]", '{"cases": 3}', '{"boot": "a", "cases": {"i1": [1]}}'])
def test_a_text_that_is_none_tells_nothing(text: str | None):
    assert understood(text, "a") == {}
    assert resumed(incident(), text).former is not None


def test_no_incident_is_no_text():
    assert told([], "a") == ""


def loss(id_: str, since_s: float, ended_s: float | None) -> Loss:
    since, ended = round(since_s * S), None if ended_s is None else Bounds(round(ended_s * S) - S, round(ended_s * S))
    return Loss(id_, "supply_loss", "oak", Bounds(since - S, since), ended, "open" if ended is None else "closed")


def test_events_side_by_side_are_no_return():
    case = resumed(incident())
    case.losses = {"oak": {one.id: one for one in (loss("a", 60, 200), loss("b", 65, 100), loss("c", 120, 200))}}
    assert case.seen_again() == 0


def test_what_begins_soon_after_all_were_over_came_back_once():
    case = resumed(incident())
    case.losses = {"oak": {one.id: one for one in (loss("a", 60, 200), loss("b", 65, 199), loss("c", 210, None))}}
    assert case.seen_again() == 1
    case.losses["oak"]["c"] = replace(case.losses["oak"]["c"], since=Bounds(390 * S, 391 * S))
    assert case.seen_again() == 0
