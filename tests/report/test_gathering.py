"""What a report asks of a running agent: a page at a time, all of it, nothing twice. And its JSON: names and units."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest
from samples import MIDNIGHT_US, event, incident

from agent.records import Event, Incident
from agent.report.document import Report
from agent.report.figures import Span
from agent.report.gathering import DURATIONS, PAGE, as_plain, key_of, paged
from agent.report.reliability.unseen import Silence
from agent.report.voltage.ten_minutes import Level
from agent.wire import event_to_json, incident_to_json


class Agent:
    """Answers as `agent.status.answers` does: the youngest first, at most `limit`."""

    def __init__(self, events: list[Event]) -> None:
        self.events = sorted(events, key=lambda one: one.start_us, reverse=True)
        self.asked = 0

    def __call__(self, *, limit: int, since_us: int, until_us: int) -> dict[str, Any]:
        self.asked += 1
        page = [one for one in self.events if since_us <= one.start_us <= until_us][:limit]
        return {"events": [event_to_json(one) for one in page], "incidents": [incident_to_json(incident())]}


@pytest.mark.parametrize("apart_us", [1_000_000, 100])  # by the hundred at one instant of those that follow each other
def test_all_events_come_page_by_page_and_none_twice(apart_us: int) -> None:
    many = [event(id=f"ev-{n}", start_us=MIDNIGHT_US + n // 50 * apart_us) for n in range(2 * PAGE + 500)]
    agent = Agent(many)
    events, incidents = paged(agent, MIDNIGHT_US, MIDNIGHT_US + 10**12)
    assert sorted(one.id for one in events) == sorted(one.id for one in many)
    assert incidents == [incident()]
    assert agent.asked == 3


def test_what_lies_outside_is_not_asked_for() -> None:
    agent = Agent([event(id="before", start_us=MIDNIGHT_US - 1), event(id="within", start_us=MIDNIGHT_US)])
    assert [one.id for one in paged(agent, MIDNIGHT_US, MIDNIGHT_US)[0]] == ["within"]


def test_an_agent_that_cannot_answer_says_why() -> None:
    with pytest.raises(OSError, match="the disk is gone"):
        paged(lambda **_: {"error": "the disk is gone"}, 0, 1)


def test_in_json_a_value_and_its_instant_have_a_name_each() -> None:
    told = as_plain(Level(217.5, 241.25, 239.0, MIDNIGHT_US, 1.0, 0.0, ()))
    assert (told["lowest"], told["highest"]) == (217.5, 241.25)
    assert told["highest_at"] == "2026-11-23T00:00:00.000000Z"
    assert as_plain(Level(None, None, None, None, 0.0, 0.0, ()))["highest_at"] is None


def test_in_json_durations_are_seconds() -> None:
    told = as_plain(Silence(Span(MIDNIGHT_US, MIDNIGHT_US + 60_000_000), 37_500_000, "ev-1"))
    assert told["span"] == {"from": "2026-11-23T00:00:00.000000Z", "to": "2026-11-23T00:01:00.000000Z"}
    assert (told["most_s"], "most" in told) == (37.5, False)


# All that a report has of microseconds: whoever adds one decides here what JSON makes of it.
INSTANTS = {
    "from_us", "to_us", "made_us", "start_us", "began_us", "since_us", "highest_us", "read_us", "seen_us", "located_us",
    "restored_us", "verified_us", "kept_us", "surely_us", "perhaps_us",
}  # fmt: skip


def kinds_in(kind: Any, known: set[type]) -> None:
    """All dataclasses that a type holds, at any depth. Events and incidents have a form of their own."""
    for one in get_args(kind):
        kinds_in(one, known)
    if is_dataclass(kind) and isinstance(kind, type) and kind not in {*known, Event, Incident}:
        known.add(kind)
        for one in get_type_hints(kind).values():
            kinds_in(one, known)


def of_a_report() -> Iterator[type]:
    known: set[type] = set()
    kinds_in(Report, known)
    return iter(known)


def test_no_two_names_of_a_report_are_one_in_json_and_every_microsecond_is_an_instant_or_a_duration() -> None:
    found = list(of_a_report())
    assert {Level, Silence, Span} <= set(found)
    for kind in found:
        names = [one.name for one in fields(kind)]
        keys = [key_of(name, names) for name in names]
        assert len(set(keys)) == len(keys), kind
        assert {name for name in names if name.endswith("_us")} <= INSTANTS | DURATIONS, kind
    assert not INSTANTS & DURATIONS
