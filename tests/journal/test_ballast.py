"""A card that somebody else filled: events are kept, and all is normal again within seconds of there being room."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, reading
from timers import Timers

from agent.journal.ballast import BALLAST_BYTES, BALLAST_NAME, Ballast
from agent.journal.journal import Journal
from agent.records import Event, Gap


def opened(state_dir: Path, timers: Timers) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(state_dir, ["mqtt"], "gw-01", call_later=timers.call_later, now_us=lambda: MIDNIGHT_US)


async def within(journal: Journal, timers: Timers, durable: asyncio.Future[None], limit_s: float) -> None:
    """Let that much time pass in small steps until it is durable."""
    for _ in range(int(limit_s / 0.5)):
        for _ in range(6):  # what the journal's thread has to do
            await asyncio.get_running_loop().run_in_executor(journal._writer._thread, int)
            await asyncio.sleep(0)
        if durable.done():
            return
        timers.advance(0.5)
    raise AssertionError(f"not durable after {limit_s} s: {journal._writer.error}")


async def test_ballast_lies_there_as_real_bytes_from_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path, Timers()):
        told = (tmp_path / BALLAST_NAME).stat()
        assert (told.st_size, told.st_mode & 0o777) == (BALLAST_BYTES, 0o600)
        assert told.st_blocks * 512 >= BALLAST_BYTES
        assert len(set((tmp_path / BALLAST_NAME).read_bytes())) == 256


def test_it_is_thrown_off_once_with_spoilt_files_and_made_again_where_there_is_room(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, "j.bad-*")
    ballast.ensure()
    (tmp_path / "j.bad-1").write_bytes(b"x")
    (tmp_path / "other").write_bytes(b"x")
    assert ballast.drop()
    assert [file.name for file in tmp_path.iterdir()] == ["other"]
    assert not ballast.drop()
    ballast.ensure()
    assert (tmp_path / BALLAST_NAME).stat().st_size == BALLAST_BYTES


def test_one_that_was_cut_while_it_was_written_is_written_again(tmp_path: Path) -> None:
    (tmp_path / BALLAST_NAME).write_bytes(b"x")
    Ballast(tmp_path, "none").ensure()
    assert (tmp_path / BALLAST_NAME).stat().st_size == BALLAST_BYTES


def limit_pages(journal: Journal, more: int) -> None:
    """As a card on which only so many pages are free, without being root."""
    db = journal._writer._store._db
    assert db is not None
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages + more}").fetchall()


async def in_thread(journal: Journal, more: int) -> None:
    await asyncio.get_running_loop().run_in_executor(journal._writer._thread, limit_pages, journal, more)


async def fill(journal: Journal, groups: int) -> None:
    for group in range(groups):
        for number in range(100):
            noise = {f"q{i}": hash((group, number, i)) / 7e15 for i in range(20)}
            journal.add_reading(reading(number, values=noise))
        await journal.add_event(event(id=f"ev-{group}"))


@pytest.mark.slow
async def test_below_our_cap_the_ballast_goes_and_the_oldest_readings_make_room_for_events(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, timers) as journal:
        await fill(journal, 30)
        await in_thread(journal, 0)
        for number in range(60):
            durable = journal.add_event(event(id=f"full-{number}", evidence=("x" * 2000,)))
            await within(journal, timers, durable, 10)
        entries = (await journal.fetch("mqtt", "live", 10**6)).entries
        told = {entry.record.id for entry in entries if isinstance(entry.record, Event)}
        assert told >= {f"full-{n}" for n in range(60)} | {f"ev-{n}" for n in range(30)}
        gaps = [entry.record for entry in entries if isinstance(entry.record, Gap)]
        assert gaps
        lost = {seq for gap in gaps for seq in range(gap.seq_lo, gap.seq_hi + 1)}
        assert lost | {entry.seq for entry in entries} == set(range(1, journal.head))
        assert (await journal.stats()).error == ""


@pytest.mark.slow
async def test_while_nothing_fits_it_does_not_doom_more_and_more(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, timers) as journal:
        await fill(journal, 80)
        assert (await journal.stats()).size_bytes > 1 << 20
        store = journal._writer._store
        for _ in range(20):
            loop = asyncio.get_running_loop()
            doomed = journal._writer._doomed()
            more = await loop.run_in_executor(journal._writer._thread, store.room, {}, 1 << 20, doomed)
            if more is not None:
                journal._writer._evictions += (more,)
        assert sum(row.size_bytes for row in journal._writer._doomed()) < 2 << 20
        journal._writer._evictions = ()


@pytest.fixture
def small_card(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a filesystem")
    card = tmp_path / "card"
    card.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", card], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield card
    finally:
        subprocess.run(["umount", card], check=True)


def fill_card(card: Path) -> Path:
    """Somebody else takes every byte that is left."""
    filler = card / "filler"
    room = os.statvfs(card)
    descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, room.f_bavail * room.f_frsize)
    finally:
        os.close(descriptor)
    assert os.statvfs(card).f_bavail == 0
    return filler


@pytest.mark.slow
async def test_on_a_card_without_a_free_byte_events_are_kept_and_normal_is_back_within_5_s_of_room(
    small_card: Path,
) -> None:
    timers = Timers()
    state_dir = small_card / "state"
    async with opened(state_dir, timers) as journal:
        await fill(journal, 30)
        filler = fill_card(small_card)
        for number in range(300):
            durable = journal.add_event(event(id=f"full-{number}", evidence=("x" * 500,)))
            await within(journal, timers, durable, 10)
        assert not (state_dir / BALLAST_NAME).exists()
        fill_card_again(small_card)
        waiting = [journal.add_event(event(id=f"waits-{number}", evidence=("x" * 9000,))) for number in range(400)]
        with pytest.raises(AssertionError, match="full"):
            await within(journal, timers, waiting[-1], 20)
        assert (await journal.stats()).error != ""
        filler.unlink()
        (small_card / "more").unlink(missing_ok=True)
        await within(journal, timers, waiting[-1], 5)
        await journal.add_event(event(id="last"))
        assert (state_dir / BALLAST_NAME).stat().st_size == BALLAST_BYTES
    async with opened(state_dir, timers) as journal:
        assert (await journal.event("waits-399")) is not None
        assert (await journal.event("full-0")) is not None


def fill_card_again(card: Path) -> None:
    room = os.statvfs(card)
    if room.f_bavail:
        with (card / "more").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize)


async def test_a_start_on_a_full_card_throws_the_ballast_off(small_card: Path) -> None:
    timers = Timers()
    state_dir = small_card / "state"
    async with opened(state_dir, timers) as journal:
        await fill(journal, 3)
    fill_card(small_card)
    async with opened(state_dir, timers) as journal:
        await within(journal, timers, journal.add_event(event(id="still")), 5)
        assert not (state_dir / BALLAST_NAME).exists()
        assert (await journal.event("still")) is not None
