import asyncio
import sqlite3
import threading
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from samples import MIDNIGHT_US, event, reading
from timers import Timers

from agent.journal.entries import Entry, Lane
from agent.journal.file import FILE_NAME
from agent.journal.journal import GROUP_ROWS, GROUP_S, POSITIONS_S, Journal
from agent.journal.lanes import LIVE_LAG
from agent.records import Event, Reading


def opened(state_dir: Path, *sinks: str, **options: Any) -> AbstractAsyncContextManager[Journal]:
    options = {"call_later": Timers().call_later, "now_us": lambda: MIDNIGHT_US} | options
    return Journal.open(state_dir, sinks or ("mqtt",), "gw-01", **options)


async def seqs(journal: Journal, lane: Lane = "live", sink: str = "mqtt") -> list[int]:
    return [entry.seq for entry in (await journal.fetch(sink, lane, 10_000)).entries]


async def committed(journal: Journal) -> int:
    """Wait until the thread has done what is due; the number of commits so far."""
    for _ in range(3):
        await asyncio.sleep(0)
        await journal.stats()
    return (await journal.stats()).commits


async def test_a_reading_is_fetched_at_once_and_durable_with_its_group(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, call_later=timers.call_later) as journal:
        assert journal.add_reading(reading(1)) == 1
        assert (await journal.fetch("mqtt", "live", 10)).entries == (Entry(1, reading(1)),)
        timers.advance(GROUP_S - 0.1)
        assert (await committed(journal), (await journal.stats()).uncommitted) == (0, 1)
        journal.add_reading(reading(2))
        timers.advance(0.2)
        assert (await committed(journal), (await journal.stats()).uncommitted) == (1, 0)
        assert await seqs(journal) == [1, 2]


async def test_many_readings_do_not_wait_for_their_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for number in range(GROUP_ROWS):
            journal.add_reading(reading(number))
        assert await committed(journal) == 1


async def test_an_event_is_durable_at_once_and_takes_the_readings_with_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_reading(reading())
        await journal.add_event(event())
        stats = await journal.stats()
        assert (stats.commits, stats.uncommitted) == (1, 0)


async def test_events_of_one_turn_share_a_commit(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await asyncio.gather(*(journal.add_event(event(id=f"ev-{i}")) for i in range(20)))
        assert (await journal.stats()).commits == 1


async def test_an_event_is_seen_by_forwarders_before_it_is_durable(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        durable = journal.add_event(event())
        assert (await journal.fetch("mqtt", "live", 1)).entries == (Entry(1, event()),)
        assert not durable.done()
        await durable


async def test_order_is_kept_across_file_and_memory_and_kinds(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for number in range(5):
            journal.add_reading(reading(number))
            journal.add_event(event(id=f"ev-{number}"))
        await journal.add_event(event(id="last"))
        journal.add_reading(reading(6))
        entries = (await journal.fetch("mqtt", "live", 100)).entries
        assert [entry.seq for entry in entries] == list(range(1, 13))
        kinds = [type(entry.record) for entry in entries]
        assert kinds == [Reading, Event] * 5 + [Event, Reading]
        window = await journal.fetch("mqtt", "live", 4)
        assert ([entry.seq for entry in window.entries], window.next) == ([1, 2, 3, 4], 5)


async def test_everything_comes_back_equal_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_reading(reading(1, flags=("clock",), quality="questionable"))
        await journal.add_event(event())
        before = (await journal.fetch("mqtt", "live", 10)).entries
    async with opened(tmp_path) as journal:
        assert (await journal.fetch("mqtt", "live", 10)).entries == before


async def test_every_start_is_a_new_epoch_and_seq_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_reading(reading())
        first = journal.epoch
    async with opened(tmp_path) as journal:
        assert journal.epoch != first
        assert journal.add_reading(reading()) == 2


async def test_positions_survive_a_clean_stop(tmp_path: Path) -> None:
    async with opened(tmp_path, "mqtt", "influxdb") as journal:
        for number in range(10):
            journal.add_reading(reading(number))
        journal.advance("mqtt", "live", 11)
        journal.advance("influxdb", "live", 4)
    async with opened(tmp_path, "mqtt", "influxdb") as journal:
        assert await seqs(journal, sink="mqtt") == []
        assert await seqs(journal, sink="influxdb") == list(range(4, 11))


async def test_positions_are_stored_within_30_s_even_if_nothing_else_is(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, call_later=timers.call_later) as journal:
        await journal.add_event(event())
        journal.advance("mqtt", "live", 2)
        timers.advance(POSITIONS_S - 0.1)
        assert await committed(journal) == 1
        timers.advance(0.2)
        assert await committed(journal) == 2


async def test_after_a_long_outage_and_a_restart_the_rest_is_backlog_and_news_is_live(tmp_path: Path) -> None:
    many = LIVE_LAG + 10
    async with opened(tmp_path) as journal:
        for number in range(many):
            journal.add_reading(reading(number))
    async with opened(tmp_path) as journal:
        new = journal.add_reading(reading(9999))
        assert await seqs(journal, "live") == [new]
        assert await seqs(journal, "backlog") == list(range(1, many + 1))
        journal.advance("mqtt", "backlog", 100)
        stats = (await journal.stats()).sinks["mqtt"]
        assert (stats.backlog, stats.rows, stats.oldest_us) == ((100, many + 1), many - 98, reading(99).time_us)
        assert journal.behind("mqtt") == many - 98


async def test_a_sink_that_rejoins_gets_live_first_and_nothing_is_lost_over_two_outages(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        got: set[int] = set()
        for _outage in range(2):
            for number in range(LIVE_LAG + 1):
                journal.add_reading(reading(number))
            journal.rejoin("mqtt")
            newest = journal.add_reading(reading())
            assert await seqs(journal, "live") == [newest]
            got.add(newest)
            journal.advance("mqtt", "live", newest + 1)
            window = await journal.fetch("mqtt", "backlog", 50)
            got |= {entry.seq for entry in window.entries}
            journal.advance("mqtt", "backlog", window.next)
        got |= set(await seqs(journal, "backlog"))
        assert got == set(range(1, journal.head))


async def test_a_sink_named_later_starts_with_the_oldest_entry(tmp_path: Path) -> None:
    async with opened(tmp_path, "mqtt") as journal:
        journal.add_reading(reading())
        journal.advance("mqtt", "live", 2)
    async with opened(tmp_path, "mqtt", "influxdb") as journal:
        assert await seqs(journal, sink="mqtt") == []
        assert await seqs(journal, sink="influxdb") == [1]


async def test_open_events_are_found_again_as_they_stood_last(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_event(event(id="a"))
        journal.add_event(event(id="b"))
        journal.add_event(event(id="b", revision=2, state="closed", end_us=MIDNIGHT_US))
        journal.add_event(event(id="c", revision=2, residual_pct=11.0))
        await journal.add_event(event(id="c", revision=1))  # the highest revision wins in any order of arrival
        assert journal.open_events() == ()
    async with opened(tmp_path) as journal:
        assert [(found.id, found.revision) for found in journal.open_events()] == [("a", 1), ("c", 2)]


async def test_events_lists_the_highest_revisions_youngest_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add_event(event(id="a", start_us=MIDNIGHT_US))
        await journal.add_event(event(id="b", start_us=MIDNIGHT_US + 5, meter="tx2", kind="swell"))
        journal.add_event(event(id="a", start_us=MIDNIGHT_US, revision=2, state="closed", end_us=MIDNIGHT_US + 3))
        assert [(found.id, found.revision) for found in await journal.events()] == [("b", 1), ("a", 2)]
        assert [found.id for found in await journal.events(limit=1)] == ["b"]
        assert [found.id for found in await journal.events(meter="tx1")] == ["a"]
        assert [found.id for found in await journal.events(kind="swell")] == ["b"]
        assert [found.id for found in await journal.events(since_us=MIDNIGHT_US + 4)] == ["b"]
        assert [found.id for found in await journal.events(since_us=MIDNIGHT_US + 3)] == ["b", "a"]


async def test_the_last_readings_of_a_meter_come_from_memory_and_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for number in range(60):
            journal.add_reading(reading(number, meter=("tx1", "tx2")[number % 2]))
            await journal.add_event(event(id=f"ev-{number}"))  # a chunk of its own for each reading
        journal.add_reading(reading(60, meter="tx1"))
        assert await journal.readings("tx1", 3) == (reading(60), reading(58), reading(56))
        assert len(await journal.readings("tx1", 100)) == 31
        assert await journal.readings("tx9", 3) == ()


async def test_wait_returns_when_something_new_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        assert not await journal.wait(0, timeout_s=0.001)
        waiting = asyncio.create_task(journal.wait(0, timeout_s=5))
        await asyncio.sleep(0)
        journal.add_reading(reading())
        assert await waiting
        assert await journal.wait(0, timeout_s=0)


async def test_a_commit_that_runs_while_a_window_is_read_hides_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add_event(event(id="stored"))
        journal.add_reading(reading())
        durable = journal.add_event(event(id="pending"))
        window, _ = await asyncio.gather(journal.fetch("mqtt", "live", 10), durable)
        assert [entry.seq for entry in window.entries] == [1, 2, 3]


async def test_a_stalled_disk_makes_nobody_wait_who_does_not_ask_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        stalled = threading.Event()
        slow = asyncio.create_task(journal._writer.ask(lambda _: stalled.wait(5)))
        await asyncio.sleep(0)
        durable = journal.add_event(event())
        journal.add_reading(reading())
        assert await seqs(journal) == [1, 2]
        assert not slow.done()
        assert not durable.done()
        stalled.set()
        await durable


async def test_refused_entries_are_kept_as_dead_letters_with_the_reason(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_reading(reading(meter="tx7"))
        journal.reject("mqtt", Entry(1, reading(meter="tx7")), "field type conflict")
        await journal.add_event(event())
        assert (await journal.stats()).sinks["mqtt"].dead_letters == 1
    (row,) = query(tmp_path, "SELECT sink, seq, reason, body FROM dead")
    assert row[:3] == ("mqtt", 1, "field type conflict")
    assert '"tx7"' in row[3]


async def test_dead_letters_are_bounded_and_the_newest_stay(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for number in range(1500):
            journal.reject("mqtt", Entry(number, reading(number)), "no")
            if number % 500 == 0:
                await journal.add_event(event(id=f"ev-{number}"))
    assert query(tmp_path, "SELECT count(*), max(seq) FROM dead") == [(1000, 1499)]


async def test_the_file_is_a_write_ahead_log_in_full_sync_and_exclusive(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            query(tmp_path, "SELECT * FROM meta")
        assert (tmp_path / f"{FILE_NAME}-wal").exists()
        assert not (tmp_path / f"{FILE_NAME}-shm").exists()


def query(state_dir: Path, sql: str) -> list[tuple[Any, ...]]:
    db = sqlite3.connect(state_dir / FILE_NAME, timeout=0)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()
