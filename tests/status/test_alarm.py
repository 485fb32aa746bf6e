"""What only hands can put right is an event, told at its edges."""

from itertools import count

from samples import MIDNIGHT_US, event

from agent.records import Event
from agent.status.alarm import Alarm


class Told:
    def __init__(self, *, revises: bool = False) -> None:
        self.events: list[Event] = []
        ids = count(1)
        self.alarm = Alarm(
            "sink_blocked",
            lambda: event(id=f"gw-{next(ids)}", kind="sink_blocked", revision=0, scope="gateway", meter=None),
            self.events.append,
            lambda: MIDNIGHT_US + 90_000_000,
            revises,
        )

    @property
    def words(self) -> list[tuple[str, int, str]]:
        return [(one.state, one.revision, one.evidence[0]) for one in self.events]


def test_it_is_told_once_when_it_is_blocked_and_once_when_it_works_again() -> None:
    told = Told()
    for why in (None, "", "401: the token is refused", "401: the token is refused", "403: no right", "", ""):
        told.alarm.look({"influxdb": why, "mqtt": ""})
    why = "influxdb: 401: the token is refused"
    assert told.words == [("open", 1, why), ("closed", 2, why)]
    assert told.events[1].end_us == MIDNIGHT_US + 90_000_000
    assert told.events[0].id == told.events[1].id


def test_a_second_time_is_another_event() -> None:
    told = Told()
    for why in ("401", "", "401"):
        told.alarm.look({"influxdb": why})
    assert [one.id for one in told.events] == ["gw-1", "gw-1", "gw-2"]


def test_what_the_run_before_left_open_goes_on_until_the_sink_says_something() -> None:
    told = Told()
    told.alarm.resume([event(id="old", kind="sink_blocked", revision=1, evidence=("mqtt: refused",)), event(id="sag")])
    told.alarm.look({"mqtt": None})
    told.alarm.look({"mqtt": "refused"})
    assert told.events == []
    told.alarm.look({"mqtt": ""})
    assert [(one.id, one.state) for one in told.events] == [("old", "closed")]


def test_a_sink_that_the_site_names_no_more_is_not_blocked() -> None:
    told = Told()
    told.alarm.resume([event(id="old", kind="sink_blocked", revision=1, evidence=("mqtt: refused",))])
    told.alarm.look({"influxdb": ""})
    assert [(one.id, one.state) for one in told.events] == [("old", "closed")]


def test_a_path_with_a_colon_is_one_place() -> None:
    told = Told()
    told.alarm.resume([event(id="old", kind="sink_blocked", revision=1, evidence=("/mnt/a:b: read-only",))])
    told.alarm.look({"/mnt/a:b": "read-only"})
    assert told.events == []
    assert [one.id for one in told.alarm.standing] == ["old"]


def test_other_words_are_a_revision_only_where_they_mean_that_it_grew_worse() -> None:
    first, second = ("open", 1, "card: 70 %"), ("open", 2, "card: 80 %")
    for revises, words in ((False, [first]), (True, [first, second])):
        told = Told(revises=revises)
        for why in ("70 %", "70 %", "80 %", "80 %"):
            told.alarm.look({"card": why})
        assert told.words == words
