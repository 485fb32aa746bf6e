"""What was told first of incidents, as the journal keeps it."""

from dataclasses import replace
from pathlib import Path

from samples import MIDNIGHT_US, event, incident

from agent.journal.first_reports import SLICE, Asked, Report
from agent.journal.journal import Journal
from agent.journal.view import view
from agent.records import Event, Incident
from agent.report.operations.closed_loop import FirstReports
from agent.report.operations.known import _stored, firsts

S = 1_000_000
FIRST = incident(revision=1, reported_us=MIDNIGHT_US + 20 * S, node="tx-17", events=("ev-1", "ev-2"))
EVENTS = tuple(
    event(id=id_, kind="supply_loss", revision=revision, reported_us=MIDNIGHT_US + at_s * S)
    for id_, revision, at_s in (("ev-2", 1, 9), ("ev-1", 1, 7), ("ev-1", 2, 8))
)


async def told(directory: Path, *records: Event | Incident, asked: Asked | None = None) -> list[Report]:
    async with Journal.open(directory, [], "gw-01") as journal:
        for one in records:
            added = journal.add_event(one) if isinstance(one, Event) else journal.add_incident(one)
        await added
    with view(directory) as kept:
        return list(_stored(kept.look, asked or Asked()))


def revision(number: int, at_s: int, node: str) -> Incident:
    return replace(FIRST, revision=number, reported_us=MIDNIGHT_US + at_s * S, node=node)


async def test_the_first_of_its_events_says_when_it_was_seen(tmp_path: Path) -> None:
    another = event(id="ev-3", revision=1, reported_us=MIDNIGHT_US)
    reports = await told(tmp_path, another, *EVENTS, FIRST, revision(2, 30, "tx-17"))
    at_us = MIDNIGHT_US + 20 * S
    assert reports[0] == Report("in-1", 1, at_us, "tx-17", MIDNIGHT_US + 7 * S)
    assert firsts(reports) == {"in-1": FirstReports(MIDNIGHT_US + 7 * S, at_us, at_us)}


async def test_it_was_located_when_it_was_first_told_where_it_stayed(tmp_path: Path) -> None:
    nodes = ("tx-17", "F12", "tx-17", "tx-17")
    reports = await told(tmp_path, *EVENTS, *(revision(n, 20 + n, node) for n, node in enumerate(nodes, start=1)))
    assert firsts(reports)["in-1"].located_us == MIDNIGHT_US + 23 * S


async def test_where_an_event_is_not_kept_any_more_nobody_knows_when_it_was_seen(tmp_path: Path) -> None:
    reports = await told(tmp_path, *EVENTS[1:], FIRST)
    assert firsts(reports)["in-1"] == FirstReports(None, FIRST.reported_us, FIRST.reported_us)


async def test_where_the_first_revisions_are_gone_the_place_is_known_from_where_it_changed(tmp_path: Path) -> None:
    same = [revision(7, 40, "F12"), revision(8, 50, "F12")]
    assert firsts(await told(tmp_path / "a", *EVENTS, *same))["in-1"] == FirstReports(None, None, same[0].reported_us)
    changed = [revision(7, 40, "F12"), revision(8, 50, "tx-17")]
    assert firsts(await told(tmp_path / "b", *EVENTS, *changed))["in-1"].located_us == MIDNIGHT_US + 50 * S


async def test_those_that_began_at_another_time_are_left_out(tmp_path: Path) -> None:
    later = replace(FIRST, id="in-2", start_us=MIDNIGHT_US + 3600 * S)
    asked = Asked(since_us=MIDNIGHT_US + 1800 * S)
    assert [one.incident for one in await told(tmp_path, FIRST, later, asked=asked)] == ["in-2"]
    with view(tmp_path) as kept:
        found = list(_stored(kept.look, Asked(until_us=MIDNIGHT_US + 1800 * S)))
    assert [one.incident for one in found] == ["in-1"]


async def test_all_of_them_come_a_slice_at_a_time(tmp_path: Path) -> None:
    many = [replace(FIRST, id=f"in-{n}") for n in range(2 * SLICE + 50)]
    reports = await told(tmp_path, *many)
    assert [one.incident for one in reports] == [one.id for one in many]
    with view(tmp_path) as kept:
        first = kept.look(Asked().slice)
        assert len(first.reports) == SLICE
        assert first.after is not None
        last = kept.look(Asked(after=first.after + SLICE).slice)
    assert (len(last.reports), last.after) == (50, None)


def test_what_came_over_the_socket_as_no_number_counts_as_not_said() -> None:
    assert Asked.of({"after": 3, "since_us": "soon", "until_us": 1 << 99}) == Asked(after=3)
