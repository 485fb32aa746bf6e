"""What stands open in a database and is unknown to the journal is closed there: a real one, behind a journal that is
gone."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import servers
from samples import MIDNIGHT_US, entries, event, incident
from timers import Timers

from agent.journal.entries import Entry
from agent.journal.file import FILE_NAME, PAGE_BYTES
from agent.journal.journal import Journal
from agent.publish.forwarder import ACCEPT
from agent.publish.influx_post import Poster
from agent.publish.influx_rules import Answer
from agent.publish.influxdb import InfluxSink
from agent.publish.left_open import LeftOpen
from agent.publish.line_protocol import LineEncoder
from agent.publish.points import open_event, open_incident, points
from agent.publish.resolver import Resolver
from agent.records import Event, Incident, Record
from agent.secret import Secret
from agent.site import InfluxSite

TOKEN = "canary-32"
NOW_US = MIDNIGHT_US + 3_600_000_000
SAG = event(
    id="gw-01-aa-1", revision=3, peak_v=None, classes={"itic": "violates"}, because=("gw-01-aa-0", "gw-01-aa-7"),
    evidence=("L1 at 40 %, L2 at 90 %", "of its counter"), line=None, open_at_start=True, direction="upstream",
)  # fmt: skip
OUTAGE = incident(id="gw-01-aa-i-1", revision=2)
# As a database gives a point back.
EVENT: dict[str, Any] = {
    "id": "gw-01-aa-1", "kind": "sag", "state": "open", "revision": 3, "scope": "meter", "basis": "measured",
    "meter": "tx1", "feeder": "F12", "reported_us": MIDNIGHT_US, "start_us": MIDNIGHT_US,
    "start_earliest_us": MIDNIGHT_US - 1, "absent": "", "evidence": "L1 at 40 %",
}  # fmt: skip


class Rig:
    def __init__(self, database: servers.Influx, url: str, state_dir: Path) -> None:
        self.database = database
        self.state_dir = state_dir
        site = InfluxSite(url, "ops", "lamplighter", Secret(TOKEN), None, None, None)
        self.sink = InfluxSink(site, LineEncoder("dashi", "gw-01", {"tx1": "F12"}))
        self.poster = Poster(site, Resolver())

    async def send(self, *records: Record) -> None:
        assert set(await self.sink.send(entries(*records))) == {ACCEPT}

    def left_open(self, journal: Journal) -> LeftOpen:
        return LeftOpen(journal, self.poster.ask, "dashi", "gw-01", lambda: NOW_US)

    @asynccontextmanager
    async def journal(self) -> AsyncIterator[Journal]:
        async with Journal.open(
            self.state_dir, ("influxdb",), "gw-01", now_us=lambda: NOW_US, call_later=Timers().call_later
        ) as journal:
            yield journal

    async def told(self, journal: Journal) -> list[Record]:
        """What goes to the sinks."""
        found = list((await journal.fetch("influxdb", "live", 100)).entries)
        await self.sink.send([Entry(one.seq, one.record) for one in found])
        return [one.record for one in found]

    def states(self, measurement: str) -> dict[str, str]:
        rows = self.database.query(f'SELECT "id", "state" FROM "{measurement}"')  # noqa: S608
        assert len({row["id"] for row in rows}) == len(rows), "one point each"
        return {row["id"]: row["state"] for row in rows}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with servers.influxd(tmp_path) as database, servers.influx_v2_shim(tmp_path, database, TOKEN) as shim:
        yield Rig(database, shim.url, tmp_path / "state")


async def answer(rig: Rig, measurement: str) -> Answer:
    return await rig.poster.ask(f'SELECT * FROM "{measurement}"')  # noqa: S608


@pytest.mark.e2e
async def test_an_event_comes_back_as_it_was_written(rig: Rig) -> None:
    await rig.send(SAG)
    (point,) = points(await answer(rig, "event"))
    assert open_event(point) == replace(SAG, evidence=("L1 at 40 %, L2 at 90 %,of its counter",))


@pytest.mark.e2e
async def test_a_number_that_a_later_revision_has_not_does_not_come_back(rig: Rig) -> None:
    await rig.send(replace(SAG, revision=1, peak_v=250.0, duration_min_s=1.0, duration_max_s=1.1))
    await rig.send(SAG)
    (point,) = points(await answer(rig, "event"))
    found = open_event(point)
    assert (found.peak_v, found.duration_min_s, found.revision) == (None, None, 3)


@pytest.mark.e2e
async def test_an_incident_comes_back_as_it_was_written(rig: Rig) -> None:
    await rig.send(OUTAGE)
    (point,) = points(await answer(rig, "incident"))
    assert open_incident(point) == replace(OUTAGE, words=(" ".join(OUTAGE.words),))


@pytest.mark.e2e
async def test_what_a_lost_journal_left_open_is_closed_once_and_no_end_is_claimed(rig: Rig) -> None:
    gone = [replace(SAG, id=f"gw-01-aa-{n}", start_us=SAG.start_us + n * 1_000_000) for n in range(45)]
    over = replace(SAG, id="gw-01-aa-99", state="closed", kind="swell")
    await rig.send(*gone, over, OUTAGE)
    async with rig.journal() as journal:
        assert await rig.left_open(journal).look()
        told = await rig.told(journal)
        events = [one for one in told if isinstance(one, Event)]
        (case,) = (one for one in told if isinstance(one, Incident))
        assert [one.id for one in events] == [one.id for one in gone]
        first = events[0]
        assert (first.state, first.revision, first.end_us, first.start_us) == ("closed", 104, None, SAG.start_us)
        assert "its end is not known" in first.evidence[-1]
        assert (case.state, case.end_us, case.revision) == ("closed", None, 102)
        assert "its end is not known" in case.words[-1]
        assert set(rig.states("event").values()) == {"closed"}
        assert rig.states("incident") == {OUTAGE.id: "closed"}
        assert await rig.left_open(journal).look()
        assert journal.head == len(told) + 1, "nothing more is told"


@pytest.mark.e2e
async def test_what_the_journal_knows_is_left_to_it(rig: Rig) -> None:
    async with rig.journal() as journal:
        mine = replace(SAG, id=f"gw-01-{journal.epoch}-4")
        await rig.send(SAG, OUTAGE, mine)
        journal.add_event(replace(SAG, state="closed", revision=4))
        await journal.add_incident(OUTAGE)
        head = journal.head
        assert await rig.left_open(journal).look()
        assert journal.head == head, "one it has closed itself and still has to send, one it has open, one of this run"


@pytest.mark.e2e
async def test_a_damaged_journal_says_first_what_can_be_salvaged_of_it(rig: Rig) -> None:
    """What was over in it, and had not been sent, is over as it was."""
    await rig.send(SAG, replace(SAG, id="gw-01-aa-2"))
    over = replace(SAG, state="closed", revision=4, end_us=NOW_US, end_earliest_us=NOW_US)
    async with rig.journal() as journal:
        await journal.add_event(SAG)
        await journal.add_event(over)
    file = rig.state_dir / FILE_NAME
    file.write_bytes(bytes(PAGE_BYTES) + file.read_bytes()[PAGE_BYTES:])
    async with rig.journal() as journal:
        left = rig.left_open(journal)
        assert not await left.look(), "its salvage has not begun"
        while not await left.look():  # noqa: ASYNC110 - it ends by itself
            await asyncio.sleep(0.01)
        assert await journal.event(SAG.id) == over
        other = await journal.event("gw-01-aa-2")
        assert other is not None
        assert (other.state, other.end_us) == ("closed", None)


@pytest.mark.e2e
async def test_points_of_other_gateways_are_theirs(rig: Rig) -> None:
    other = InfluxSink(rig.poster._site, LineEncoder("dashi", "gw-02", {}))
    await other.send(entries(SAG))
    async with rig.journal() as journal:
        assert await rig.left_open(journal).look()
        assert journal.head == 1


@pytest.mark.e2e
async def test_a_point_that_is_not_understood_is_said_and_the_others_are_closed(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.send(SAG)
    rig.database.write(b'event,feeder=F12,gateway=gw-01,kind=bogus,meter=tx1,site=dashi id="gw-01-x-1",state="open" 5')
    async with rig.journal() as journal:
        assert await rig.left_open(journal).look()
        assert [one.id for one in await rig.told(journal) if isinstance(one, Event)] == [SAG.id]
    assert "influxdb.left_open_strange id=gw-01-x-1: kind 'bogus' is not known" in caplog.text


@pytest.mark.e2e
async def test_a_database_that_gives_no_answer_is_asked_again_and_that_is_said_once(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.send(SAG)
    async with rig.journal() as journal:
        left = rig.left_open(journal)
        rig.database.server.kill()
        assert not await left.look()
        assert not await left.look()
        assert caplog.text.count("influxdb.left_open_unknown") == 1
        rig.database.server.restart()
        assert await left.look()
        assert journal.head == 2


def _said(measurement: str, rows: Sequence[dict[str, Any]]) -> Answer:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    values = [[row.get(key) for key in columns] for row in rows]
    series = [{"name": measurement, "columns": columns, "values": values}] if rows else []
    # As `bounded` cuts it.
    return Answer(200, json.dumps({"results": [{"series": series}]})[: 64 * 1024])


class Scripted:
    """Stands where a database is: its rows, by the LIMIT and OFFSET that are asked for. asked: the pages."""

    def __init__(self, events: Sequence[dict[str, Any]], *, same_page: bool = False) -> None:
        self.events = events
        self.same_page = same_page
        self.asked: list[tuple[int, int]] = []

    async def ask(self, question: str) -> Answer:
        if '"event"' not in question:
            return _said("incident", [])
        limit, at = (int(part) for part in re.findall(r"(?:LIMIT|OFFSET) (\d+)", question))
        self.asked.append((limit, at))
        at = 0 if self.same_page else at
        return _said("event", self.events[at : at + limit])


@asynccontextmanager
async def looking(state_dir: Path, scripted: Scripted) -> AsyncIterator[tuple[LeftOpen, Journal]]:
    async with Journal.open(
        state_dir, ("influxdb", "mqtt"), "gw-01", now_us=lambda: NOW_US, call_later=Timers().call_later
    ) as journal:
        yield LeftOpen(journal, scripted.ask, "dashi", "gw-01", lambda: NOW_US), journal


def _rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [EVENT | {"id": f"gw-01-aa-{n}", "start_us": MIDNIGHT_US + n} | changes for n in range(1, count + 1)]


STRANGE = [
    {"evidence": "\ud800"}, {"id": "gw-01-aa-\ud800"}, {"start_us": 10**30}, {"start_us": 9223372036854775807},
    {"revision": 1e300}, {"revision": float("inf")}, {"meter": "a/b/#"}, {"id": {"a": 1}}, {"channels": 7},
]  # fmt: skip


@pytest.mark.parametrize("change", STRANGE, ids=repr)
async def test_one_strange_point_is_said_once_and_the_others_are_closed_and_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: dict[str, Any]
) -> None:
    good, other = _rows(2)
    async with looking(tmp_path, Scripted([good, EVENT | {"id": "gw-01-aa-7"} | change, other])) as (left, journal):
        assert await left.look()
        assert await left.look()
        assert caplog.text.count("influxdb.left_open_strange") == 1
        assert "close it there by hand" in caplog.text
        caplog.records[0].getMessage().encode()
        assert await journal.stored(journal.head - 1, 5)
        assert {one.id: one.state for one in await journal.events()} == {
            "gw-01-aa-1": "closed", "gw-01-aa-2": "closed"
        }  # fmt: skip


async def test_pages_that_are_too_long_to_be_read_are_asked_for_in_smaller_ones(tmp_path: Path) -> None:
    scripted = Scripted(_rows(30, evidence="x" * 20_000))
    async with looking(tmp_path, scripted) as (left, journal):
        assert await left.look()
        assert len(await journal.events()) == 30
    assert scripted.asked[:5] == [(20, 0), (10, 0), (5, 0), (2, 0), (2, 2)]


async def test_a_point_that_is_too_long_by_itself_is_named_and_holds_nothing_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = _rows(3)
    rows[1] |= {"evidence": "x" * 70_000}
    async with looking(tmp_path, Scripted(rows)) as (left, journal):
        assert await left.look()
        assert sorted(one.id for one in await journal.events()) == ["gw-01-aa-1", "gw-01-aa-3"]
    assert caplog.text.count("influxdb.left_open_strange") == 1
    assert 'by hand: SELECT "id" FROM "event" WHERE' in caplog.text
    assert "LIMIT 1 OFFSET 1" in caplog.text


async def test_a_database_that_gives_the_same_page_for_ever_is_left_and_each_point_is_closed_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scripted = Scripted(_rows(20), same_page=True)
    async with looking(tmp_path, scripted) as (left, journal):
        assert await left.look()
        assert journal.head == 21
    assert len(scripted.asked) == 100
    assert "over 2000 stand open as event" in caplog.text
