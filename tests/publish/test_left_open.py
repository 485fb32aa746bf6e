"""What stands open in a database and is unknown to the journal is closed there: a real one, behind a journal that is
gone."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

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
