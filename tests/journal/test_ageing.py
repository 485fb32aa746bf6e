"""What the site keeps no longer than so many hours goes, sent or not; what was not sent is said."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, reading, trace
from timers import Timers

from agent.journal.ageing import AGED_ROWS
from agent.journal.journal import Journal
from agent.records import Gap, Reading

HOUR_US = 3_600_000_000
BEFORE_THE_BUILD_US = 300_000_000  # five minutes past midnight, 1970


class Wall:
    us = MIDNIGHT_US


def opened(state_dir: Path, wall: Wall, keep_us: int | None = 24 * HOUR_US) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(
        state_dir, ["mqtt"], "gw-01", now_us=lambda: wall.us, call_later=Timers().call_later, keep_us=keep_us
    )


async def hours(journal: Journal, wall: Wall, count: int, make: Callable[[int], Reading]) -> None:
    """A reading and an event each hour, each in a commit of its own."""
    for _ in range(count):
        journal.add_reading(make(wall.us))
        await journal.add_event(event(id=f"ev-{wall.us}", start_us=wall.us, reported_us=wall.us))
        wall.us += HOUR_US


def at(time_us: int) -> Reading:
    return reading(time_us=time_us)


async def settled(journal: Journal) -> None:
    """What a commit ordered goes with the next one."""
    for _ in range(2):
        journal.commit_now()
        await asyncio.sleep(0)
        await journal.stats()


@pytest.mark.parametrize("sent", [True, False])
async def test_readings_older_than_is_kept_go_and_events_stay(tmp_path: Path, sent: bool) -> None:
    wall = Wall()
    async with opened(tmp_path, wall) as journal:
        await hours(journal, wall, 30, at)
        if sent:
            journal.advance("mqtt", "live", journal.head)
        await hours(journal, wall, 10, at)
        await settled(journal)
        found = await journal.readings(None, 1000)
        assert wall.us - 24 * HOUR_US <= min(one.time_us for one in found) <= wall.us - 22 * HOUR_US
        assert len(await journal.events(limit=100)) == 40
        told = {
            seq
            for entry in (await journal.fetch("mqtt", "live", 1000)).entries
            if isinstance(entry.record, Gap) and entry.record.reason == "older than is kept"
            for seq in range(entry.record.seq_lo, entry.record.seq_hi + 1)
        }
    gone = 40 - len(found)
    assert len(told) == (0 if sent else gone)


async def test_parts_of_traces_age_like_readings(tmp_path: Path) -> None:
    wall = Wall()
    async with opened(tmp_path, wall) as journal:
        journal.add_trace(trace())
        journal.add_trace(trace(offset_us=MIDNIGHT_US + 30 * HOUR_US))
        await journal.add_event(event())
        wall.us += 25 * HOUR_US
        await settled(journal)
        assert (await journal.stats()).sinks["mqtt"].traces == 1


async def test_without_a_limit_nothing_ages(tmp_path: Path) -> None:
    wall = Wall()
    async with opened(tmp_path, wall, keep_us=None) as journal:
        await hours(journal, wall, 30, at)
        wall.us += 10_000 * HOUR_US
        await settled(journal)
        assert len(await journal.readings(None, 1000)) == 30


async def test_a_time_that_is_known_to_be_wrong_is_no_age_and_hides_none(tmp_path: Path) -> None:
    wall = Wall()
    async with opened(tmp_path, wall) as journal:
        await hours(journal, wall, 3, lambda us: at(BEFORE_THE_BUILD_US))
        await hours(journal, wall, 30, at)
        await settled(journal)
        times = [one.time_us for one in await journal.readings(None, 1000)]
        assert times.count(BEFORE_THE_BUILD_US) == 3
        assert len(times) <= 3 + 26


async def test_a_clock_that_jumps_ahead_takes_no_more_than_a_few_rows_with_each_commit(tmp_path: Path) -> None:
    wall = Wall()
    async with opened(tmp_path, wall, keep_us=20_000 * HOUR_US) as journal:
        await hours(journal, wall, 3 * AGED_ROWS, at)
        wall.us += 100_000 * HOUR_US
        await settled(journal)
        for _ in range(5):
            await journal.stats()
        assert len(await journal.readings(None, 1000)) == 2 * AGED_ROWS
