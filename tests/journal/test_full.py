"""A disk that is full, fails, or takes no more writes: what is stored stays, what comes is kept in memory and seen by
the sinks, and no sound file is taken for damaged."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from power_cuts import LOGFLUSH, Disk, disk, small_memory_disk, why_no_disk
from samples import MIDNIGHT_US, event, reading
from timers import Timers

from agent.journal.batches import Commit
from agent.journal.entries import Entry
from agent.journal.file import FILE_NAME
from agent.journal.journal import Journal
from agent.journal.reader import Reader
from agent.journal.retention import LOW
from agent.journal.store import Store

WHY_NOT = why_no_disk()
needs_disk = pytest.mark.skipif(bool(WHY_NOT), reason=f"no disk failed and none was full: {WHY_NOT}")


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Disk]:
    with disk() as made:
        made.fresh()
        yield made


def opened(state_dir: Path, timers: Timers) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(state_dir, ["mqtt"], "gw-01", now_us=lambda: MIDNIGHT_US, call_later=timers.call_later)


async def until_failed(journal: Journal) -> None:
    async with asyncio.timeout(5):
        while not journal._writer.error:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.005)


async def until_retry(timers: Timers) -> None:
    """A commit in the thread has ended, and the next one is set."""
    async with asyncio.timeout(5):
        while not timers._pending:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.001)


async def ids(journal: Journal) -> list[str]:
    return sorted(found.id for found in await journal.events())


@pytest.mark.e2e
@needs_disk
async def test_a_full_disk_keeps_events_and_all_is_normal_within_5_s_of_space(tmp_path: Path) -> None:
    timers = Timers()
    with small_memory_disk(tmp_path, size_mib=4):
        async with opened(tmp_path / "state", timers) as journal:
            await journal.add_event(event(id="before"))
            filler = fill(tmp_path)
            for number in range(100):
                journal.add_reading(reading(number, flags=(os.urandom(2000).hex(),)))
            during = [journal.add_event(event(id=f"during-{n}")) for n in range(3)]
            await until_failed(journal)
            for _ in range(360):  # an hour, ten seconds at a time
                await until_retry(timers)
                timers.advance(10)
            await until_retry(timers)
            assert [entry.seq for entry in (await journal.fetch("mqtt", "live", 1000)).entries] == [*range(1, 105)]
            assert not any(durable.done() for durable in during)
            filler.unlink()
            timers.advance(5)
            await asyncio.wait_for(asyncio.gather(*during), 5)
            assert (await journal.stats()).error == ""
        async with opened(tmp_path / "state", timers) as journal:
            assert await ids(journal) == ["before", "during-0", "during-1", "during-2"]
            assert len(await journal.readings(None, 1000)) == 100


def fill(place: Path) -> Path:
    """Another program takes all there is."""
    filler = place / "filler"
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        room = os.statvfs(place)
        os.posix_fallocate(descriptor, 0, room.f_bavail * room.f_frsize)
    finally:
        os.close(descriptor)
    return filler


@pytest.mark.e2e
@needs_disk
async def test_a_file_on_a_filesystem_that_fails_is_not_taken_for_damaged(failing: Disk) -> None:
    timers = Timers()
    state_dir = failing.path / "state"
    async with opened(state_dir, timers) as journal:
        stored = [journal.add_event(event(id=f"stored-{n}")) for n in range(20)]
        await asyncio.gather(*stored)
        failing.shut_down(LOGFLUSH)
        during = journal.add_event(event(id="during"))
        await until_failed(journal)
        for _ in range(10):  # it is opened anew each time, and fails each time
            await until_retry(timers)
            timers.advance(30)
        assert not during.done()
        journal.advance("mqtt", "live", 21)
        assert [entry.record for entry in (await journal.fetch("mqtt", "live", 10)).entries] == [event(id="during")]
    failing.unmount()
    failing.mount()
    assert [path.name for path in state_dir.iterdir() if ".bad-" in path.name] == []
    async with opened(state_dir, timers) as journal:
        assert await ids(journal) == sorted(f"stored-{n}" for n in range(20))
        assert (await journal.stats()).note == ""


@pytest.mark.e2e
@needs_disk
async def test_a_filesystem_that_goes_read_only_is_waited_for_and_the_file_is_sound_afterwards(failing: Disk) -> None:
    timers = Timers()
    state_dir = failing.path / "state"
    async with opened(state_dir, timers) as journal:
        await journal.add_event(event(id="before"))
        failing.turn_readonly()
        during = journal.add_event(event(id="during"))
        await until_failed(journal)
        for _ in range(10):
            await until_retry(timers)
            timers.advance(30)
        assert not during.done()
        journal.advance("mqtt", "live", 2)
        assert [entry.record for entry in (await journal.fetch("mqtt", "live", 10)).entries] == [event(id="during")]
    failing.unmount()
    failing.mount()
    async with opened(state_dir, timers) as journal:
        assert await ids(journal) == ["before"]
        assert (await journal.stats()).note == ""


@pytest.mark.e2e
@needs_disk
async def test_a_start_on_a_read_only_filesystem_says_so(failing: Disk) -> None:
    async with opened(failing.path / "state", Timers()) as journal:
        await journal.add_event(event(id="before"))
    failing.remount(readonly=True)
    with pytest.raises(OSError, match=r"[Rr]ead-only"):
        async with opened(failing.path / "state", Timers()):
            pass
    failing.remount(readonly=False)
    async with opened(failing.path / "state", Timers()) as journal:
        assert await ids(journal) == ["before"]


def test_room_made_in_a_small_file_is_a_share_of_it_and_never_takes_the_events(tmp_path: Path) -> None:
    cap_bytes = 1 << 20
    store = Store(tmp_path / FILE_NAME, "aa", "gw", cap_bytes)
    store.start(MIDNIGHT_US)
    head = 1
    for number in range(40):
        rows = [Entry(head + n, reading(number * 20 + n, flags=(os.urandom(2000).hex(),))) for n in range(15)]
        entries = (*rows, Entry(head + 15, event(id=f"ev-{number}")))
        store.commit(Commit(tuple(entries), {}), MIDNIGHT_US)
        head += 16
        if store.ask(Reader.used_bytes) >= LOW * cap_bytes:
            break
    chosen = store.room({}, 1 << 20, ())
    assert chosen is not None
    assert {row.table for row in chosen.rows} == {"chunk"}
    assert len(chosen.rows) < number
    store.close(clean=True)
