"""A journal without a state directory: everything in memory, within its bounds, until there is a place to store it."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, reading
from timers import Timers

from agent.errors import StateHeldError
from agent.journal.carried import Carried
from agent.journal.entries import Entry
from agent.journal.file import FILE_NAME
from agent.journal.intake import TAIL_MOST
from agent.journal.journal import Journal
from agent.journal.lanes import Position
from agent.journal.place import nowhere, take
from agent.journal.view import view
from agent.records import ClockState, Event, Gap, Reading

WHY = "/var/lib/lamplighter: Permission denied"


@asynccontextmanager
async def in_memory(*sinks: str) -> AsyncIterator[Journal]:
    place = await nowhere(WHY, cap_mib=8)
    async with Journal.at(place, sinks, now_us=lambda: MIDNIGHT_US, call_later=Timers().call_later) as journal:
        yield journal


@asynccontextmanager
async def on_disk(state_dir: Path, *sinks: str) -> AsyncIterator[Journal]:
    async with Journal.open(
        state_dir, sinks, "gw-01", now_us=lambda: MIDNIGHT_US, call_later=Timers().call_later
    ) as journal:
        yield journal


async def seqs(journal: Journal, lane: str = "live") -> list[int]:
    batch = await journal.fetch("mqtt", lane, 100_000)  # type: ignore[arg-type]
    return [entry.seq for entry in batch.entries]


async def test_what_is_added_is_seen_by_sinks_and_questions_and_is_not_durable() -> None:
    async with in_memory("mqtt") as journal:
        journal.add_reading(reading(0))
        durable = journal.add_event(event(id="ev-1"))
        assert await seqs(journal) == [1, 2]
        assert [found.id for found in await journal.events()] == ["ev-1"]
        assert len(await journal.readings(None, 10)) == 1
        assert not await journal.stored(2, 0.01)
        stats = await journal.stats()
        assert (stats.error, stats.uncommitted, journal.why_nowhere) == (WHY, 2, WHY)
        assert not durable.done()
    assert durable.cancelled()


async def test_databases_do_not_wait_for_a_text_that_cannot_be_kept() -> None:
    async with in_memory() as journal:
        journal.keep(":clock", "text")
        assert journal.is_kept(":clock")


async def test_memory_is_bounded_and_sinks_go_on_with_what_is_left() -> None:
    most = TAIL_MOST[Reading]
    async with in_memory("mqtt") as journal:
        for number in range(most + 1):
            journal.add_reading(reading(number % 8000))
        left = await seqs(journal)
        assert (left[0], len(left)) == (most // 10 + 2, most * 9 // 10 + 1)  # and the gap record
        stats = await journal.stats()
        assert stats.uncommitted == len(left)


async def test_all_of_it_is_stored_once_there_is_a_place(tmp_path: Path) -> None:
    async with on_disk(tmp_path, "mqtt") as journal:
        for number in range(3):
            await journal.add_event(event(id=f"before-{number}", state="closed"))
        journal.advance("mqtt", "live", 4)
    async with in_memory("mqtt") as journal:
        journal.add_reading(reading(0))
        journal.add_event(event(id="during", state="open"))
        carried = journal.carry()
    async with on_disk(tmp_path, "mqtt") as journal:
        journal.take_over(carried, 0)
        assert [one.id for one in journal.open_events()] == ["during"]
        assert await seqs(journal) == [4, 5]
        assert await journal.stored(5, 5.0)
        assert journal.add_reading(reading(1)) == 6
    with view(tmp_path) as seen:
        assert {one.id for one in seen.events()} == {"before-0", "before-1", "before-2", "during"}
        assert len(seen.readings(None, 10)) == 2


async def test_what_was_passed_on_counts_as_sent_and_what_is_owed_is_left_to_the_next_place() -> None:
    async with in_memory("mqtt", "influxdb") as journal:
        journal.add_reading(reading(0))
        journal.add_event(event(id="during"))
        for number in range(300):
            journal.add_reading(reading(number))
        for sink in ("mqtt", "influxdb"):
            journal.advance(sink, "live", journal.head)
            journal.owe(sink, [2], marked=sink == "mqtt")
        mqtt, influxdb = (await journal.stats()).sinks.values()
        assert (mqtt.rows, mqtt.marked, mqtt.oldest_us) == (0, 1, None)
        assert (influxdb.rows, influxdb.marked, influxdb.oldest_us) == (1, 0, event().reported_us)
        assert (journal.behind("mqtt"), journal.behind("influxdb")) == (1, 1), "neither has it for good"
        head = journal.head
        for number in range(300):
            journal.add_reading(reading(number))
        journal.rejoin("mqtt")
        assert (await seqs(journal, "backlog"))[0] == head, "nothing that went out goes out again"
        assert [entry.seq for entry in (await journal.owed("mqtt", 1, 2)).entries] == [2]
        assert journal.carry().positions["mqtt"].live == 2


async def test_what_a_sink_refused_is_kept_once_there_is_a_place(tmp_path: Path) -> None:
    async with on_disk(tmp_path, "mqtt") as journal:
        await journal.add_event(event(id="before"))
    async with in_memory("mqtt") as journal:
        journal.add_reading(reading(0))
        journal.add_event(event(id="during"))
        batch = await journal.fetch("mqtt", "live", 10)
        journal.reject("mqtt", batch.entries[1], "unable to parse")
        carried = journal.carry()
    async with on_disk(tmp_path, "mqtt") as journal:
        journal.take_over(carried, 60_000_000)
        assert await journal.stored(3, 5.0)
        assert (await journal.stats()).sinks["mqtt"].dead_letters == 1
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        rows = db.execute("SELECT sink, seq, reason, time_us FROM dead").fetchall()
        assert rows == [("mqtt", 3, "unable to parse", MIDNIGHT_US + 60_000_000)]
        assert db.execute("SELECT id FROM event WHERE seq = 3").fetchall() == [("during",)]


async def test_nothing_is_left_behind_that_could_be_called_lost(caplog: pytest.LogCaptureFixture) -> None:
    async with in_memory() as journal:
        journal.add_event(event())
        journal.carry()
    assert "stopped_with_loss" not in caplog.text
    async with in_memory() as journal:
        journal.add_event(event())
    assert "stopped_with_loss" in caplog.text


async def test_a_sink_that_had_all_goes_on_where_it_was_and_one_that_lacked_something_gets_all(tmp_path: Path) -> None:
    async with on_disk(tmp_path, "mqtt", "influxdb") as journal:
        await journal.add_event(event(id="before"))
        journal.advance("mqtt", "live", 2)
        journal.advance("mqtt", "trace", 2)
    async with in_memory("mqtt", "influxdb") as journal:
        for number in range(3):
            journal.add_reading(reading(number))
        for sink in ("mqtt", "influxdb"):
            journal.advance(sink, "live", 3)
            journal.advance(sink, "trace", 4)
        carried = journal.carry()
    async with on_disk(tmp_path, "mqtt", "influxdb") as journal:
        journal.take_over(carried, 0)
        assert await seqs(journal) == [4]
        assert (journal.behind("mqtt"), journal.behind("influxdb")) == (1, 4)


def carried(*records: Reading | Event | Gap, first: int = 1, guess_us: int | None = None) -> Carried:
    entries = tuple(Entry(first + n, record) for n, record in enumerate(records))
    return Carried(entries, first + len(records), {"mqtt": Position()}, {}, guess_us)


def test_gap_records_go_on_telling_of_what_they_told() -> None:
    left = carried(reading(0), Gap(1, 100, "not durable in time", MIDNIGHT_US), first=101)
    found = left.entries_from(5001, 0)
    assert [entry.seq for entry in found] == [5101, 5102]
    assert (found[1].record.seq_lo, found[1].record.seq_hi) == (5001, 5100)  # type: ignore[union-attr]


def test_what_a_guess_told_is_put_on_the_guess_of_now_and_stays_one() -> None:
    clock = ClockState(False, None)
    told = (replace(reading(0), flags=("clock",)), replace(event(end_us=None, end_earliest_us=None), clock=clock))
    left = carried(*told, guess_us=1_000_000)
    moved = [entry.record for entry in left.entries_from(1, left.slow_us(61_000_000))]
    assert moved[0] == replace(told[0], time_us=told[0].time_us + 60_000_000)
    assert isinstance(moved[1], Event)
    assert (moved[1].clock, moved[1].start_us) == (clock, told[1].start_us + 60_000_000)
    sure = carried(*told)
    assert [entry.record for entry in sure.entries_from(1, sure.slow_us(61_000_000))] == list(told)


async def test_a_place_is_held_until_it_is_left(tmp_path: Path) -> None:
    keeping = {"cap_mib": 8, "keep_us": None, "now_us": lambda: MIDNIGHT_US}
    place = await take(tmp_path / "state", "gw-01", **keeping)  # type: ignore[arg-type]
    with pytest.raises(StateHeldError):
        await take(tmp_path / "state", "gw-01", **keeping)  # type: ignore[arg-type]
    async with Journal.at(place, [], now_us=lambda: MIDNIGHT_US):
        pass
    again = await take(tmp_path / "state", "gw-01", **keeping)  # type: ignore[arg-type]
    again.leave()
