"""What a report asks of a running agent: a page at a time, all of it, nothing twice."""

from typing import Any

import pytest
from samples import MIDNIGHT_US, event, incident

from agent.records import Event
from agent.report.gathering import PAGE, paged
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
