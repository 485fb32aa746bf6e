"""Incidents in the journal: beside the events, as durable as they are, and open again after a restart."""

import gzip
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from samples import MIDNIGHT_US, event, incident, reading, trace
from timers import Timers

from agent.journal.codec import ChunkError, decode_incident, encode_incident, record_text
from agent.journal.entries import Entry, Range
from agent.journal.file import _INCIDENTS, _LACKS, _MORE_INCIDENTS, FILE_NAME
from agent.journal.journal import Journal
from agent.journal.lanes import Position
from agent.journal.retention import Row, Table, choose, sent_by
from agent.journal.view import view
from agent.records import Gap, Incident

OLDER = Path(__file__).resolve().parent.parent / "cases" / "journal-schema-1.sqlite3.gz"


def opened(state_dir: Path, **options: Any) -> AbstractAsyncContextManager[Journal]:
    options = {"call_later": Timers().call_later, "now_us": lambda: MIDNIGHT_US} | options
    return Journal.open(state_dir, ("mqtt",), "gw-01", **options)


async def live(journal: Journal) -> list[Entry]:
    return list((await journal.fetch("mqtt", "live", 10_000)).entries)


def closed(**changes: Any) -> Incident:
    return incident(revision=2, state="closed", end_us=MIDNIGHT_US + 9, **changes)


def test_damage_is_found_out() -> None:
    body = encode_incident(incident())
    with pytest.raises(ChunkError, match="incident: checksum"):
        decode_incident(body, 1)


def test_a_dead_letter_shows_it_whole() -> None:
    assert record_text(incident()).startswith('{"id":"in-1","revision":1,"state":"open","cause":"supply_loss"')


async def test_it_is_durable_at_once_with_the_readings_and_in_order_with_the_events(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_reading(reading())
        journal.add_event(event())
        durable = journal.add_incident(incident())
        told = [Entry(1, reading()), Entry(2, event()), Entry(3, incident())]
        assert (await live(journal), durable.done()) == (told, False)
        await durable
        stats = await journal.stats()
        assert (stats.commits, stats.uncommitted, stats.events) == (1, 0, 1)
        assert await live(journal) == told
    async with opened(tmp_path) as journal:
        assert (journal.head, await live(journal)) == (4, told)


async def test_a_restart_finds_those_that_are_open_as_they_were_told_last(tmp_path: Path) -> None:
    later = replace(incident(), revision=2, customers=(90, 120))
    younger = incident(id="in-2", start_us=MIDNIGHT_US + 5)
    async with opened(tmp_path) as journal:
        assert journal.open_incidents() == ()
        for one in (younger, later, incident(), incident(id="in-3"), closed(id="in-3")):
            journal.add_incident(one)
    async with opened(tmp_path) as journal:
        assert journal.open_incidents() == (later, younger)
        assert journal.open_events() == ()


async def test_the_latest_revision_of_each_is_asked_for_whether_it_is_durable_or_not(tmp_path: Path) -> None:
    second = incident(id="in-2", start_us=MIDNIGHT_US + 20)
    async with opened(tmp_path) as journal:
        await journal.add_incident(incident())
        journal.add_incident(second)
        assert await journal.incidents() == (second, incident())
        await journal.add_incident(closed())
        assert await journal.incidents() == (second, closed())
        assert await journal.incidents(limit=1) == (second,)
        assert await journal.incidents(since_us=MIDNIGHT_US + 10) == (second,)
    with view(tmp_path) as kept:
        assert kept.incidents() == (second, closed())
        assert kept.incidents(since_us=MIDNIGHT_US + 10) == (second,)


@pytest.mark.slow
async def test_the_open_ones_are_the_last_to_go_from_a_full_file(tmp_path: Path) -> None:
    async with opened(tmp_path, cap_mib=1) as journal:
        await journal.add_incident(incident(id="open"))
        many = tuple(f"a meter with quite a long name, number {n}" for n in range(200))
        for number in range(120):
            journal.add_incident(incident(id=f"in-{number}", dead=many))
            await journal.add_incident(closed(id=f"in-{number}", dead=many))
        gaps = [entry.record for entry in await live(journal) if isinstance(entry.record, Gap)]
        assert any(gap.reason == "evicted" and gap.seq_lo > 1 for gap in gaps)
        assert "in-0" not in {one.id for one in await journal.incidents(limit=1000)}
        size = (await journal.stats()).size_bytes
    assert size <= 1 << 20
    async with opened(tmp_path) as journal:
        assert [one.id for one in journal.open_incidents()] == ["open"]


async def test_alone_in_a_file_it_is_the_oldest_entry(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add_incident(incident())
        assert (await journal.stats()).oldest == 1


def test_what_every_sink_has_goes_first_and_that_may_be_an_incident() -> None:
    stored = [Row("event", 5, 5, 100), Row("incident", 20, 20, 100)]

    def oldest(tables: Sequence[Table], within: Range) -> Iterator[Row]:
        return (row for row in stored if row.table in tables and within[0] <= row.seq_lo and row.seq_hi < within[1])

    behind = sent_by([Position(live=100, backlog_lo=1, backlog_hi=10)], 100)
    assert [row.table for row in choose(oldest, behind, 100, 100).rows] == ["incident"]
    assert [row.table for row in choose(oldest, behind, 100, 200).rows] == ["incident", "event"]


async def test_a_damaged_one_becomes_a_gap(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_incident(incident())
        journal.add_incident(incident(id="in-2"))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("UPDATE incident SET body = '{}' WHERE seq = 1")
    async with opened(tmp_path) as journal:
        assert [one.id for one in journal.open_incidents()] == ["in-2"]
        assert [entry.seq for entry in await live(journal)] == [2]
        await journal.add_event(event())
        assert Gap(1, 1, "damaged", MIDNIGHT_US) in [entry.record for entry in await live(journal)]


# -- the last sign of a run ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("add", "at_us"),
    [
        (lambda journal: journal.add_reading(reading(3)), MIDNIGHT_US + 30_000_000),
        (lambda journal: journal.add_event(event()), MIDNIGHT_US + 60_000_000),
        (lambda journal: journal.add_incident(incident(reported_us=5)), 5),
        (lambda journal: journal.add_trace(trace(count=3)), MIDNIGHT_US + 100_000),
    ],
    ids=["reading", "event", "incident", "trace"],
)
async def test_a_start_knows_when_the_run_before_gave_its_last_sign(tmp_path: Path, add: Any, at_us: int) -> None:
    async with opened(tmp_path) as journal:
        assert (journal.last_us, journal.left_clean) == (None, True)
        journal.add_reading(reading(0))
        add(journal)
    async with opened(tmp_path) as journal:
        assert (journal.last_us, journal.left_clean) == (at_us, True)


async def test_a_run_that_was_cut_off_is_known_for_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "running") as journal:
        await journal.add_event(event())
        shutil.copytree(tmp_path / "running", tmp_path / "left")  # as a cut leaves it now
    async with opened(tmp_path / "left") as journal:
        assert (journal.last_us, journal.left_clean) == (event().reported_us, False)


async def test_what_waits_is_stored_when_the_power_may_go(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_reading(reading())
        assert (await journal.stats()).uncommitted == 1
        journal.commit_now()
        for _ in range(3):  # the writer's turn, its thread, its settling
            await journal.stats()
        assert (await journal.stats()).uncommitted == 0


# -- older files -----------------------------------------------------------------------------------------------


def first_version(state_dir: Path) -> None:
    state_dir.mkdir()
    (state_dir / FILE_NAME).write_bytes(gzip.decompress(OLDER.read_bytes()))


def schema(state_dir: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(state_dir / FILE_NAME, timeout=0)) as db:
        return set(db.execute("SELECT name, sql FROM sqlite_master").fetchall())


async def older_one(state_dir: Path, version: int) -> None:
    """A journal of schema 1 as the first version wrote it, or one of schema 2."""
    if version == 1:
        first_version(state_dir)
        return
    async with opened(state_dir) as journal:
        journal.add_trace(trace())
        await journal.add_event(event())
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db:
        assert _LACKS[2] == ((_INCIDENTS, _MORE_INCIDENTS),)
        db.executescript("DROP TABLE incident; PRAGMA user_version=2; PRAGMA wal_checkpoint(TRUNCATE);")


@pytest.mark.parametrize("version", [1, 2])
async def test_an_older_journal_opens_with_everything_in_it_and_takes_incidents(tmp_path: Path, version: int) -> None:
    await older_one(tmp_path / "old", version)
    async with opened(tmp_path / "old") as journal:
        stats = await journal.stats()
        assert (stats.note, len(journal.open_events())) == ("", 1)
        assert stats.sinks["mqtt"].traces == (1 if version == 2 else 0)
        await journal.add_incident(incident())
    async with opened(tmp_path / "old") as journal:
        assert journal.open_incidents() == (incident(),)
    async with opened(tmp_path / "new"):
        pass
    assert schema(tmp_path / "old") == schema(tmp_path / "new")


@pytest.mark.parametrize("version", [1, 2])
async def test_a_look_at_an_older_journal_changes_nothing(tmp_path: Path, version: int) -> None:
    await older_one(tmp_path / "old", version)
    before = (tmp_path / "old" / FILE_NAME).read_bytes()
    with view(tmp_path / "old") as kept:
        assert kept.incidents() == ()
        assert kept.stats().head == (44 if version == 1 else 3)
    assert (tmp_path / "old" / FILE_NAME).read_bytes() == before
