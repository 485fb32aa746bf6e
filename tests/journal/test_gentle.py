"""A start that comes after several short lives looks at nothing that can wait, and sends nothing but what is live."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, reading
from timers import Timers

from agent.journal.batches import Commit
from agent.journal.file import FILE_NAME, PAGE_BYTES
from agent.journal.journal import Journal
from agent.journal.place import Place, take
from agent.journal.retention import Eviction
from agent.journal.store import Store


@asynccontextmanager
async def opened(state_dir: Path, *, gentle: bool) -> AsyncIterator[tuple[Journal, Place]]:
    keeping = {"cap_mib": 64, "keep_us": None, "now_us": lambda: MIDNIGHT_US, "gentle": lambda _: gentle}
    place = await take(state_dir, "gw-01", **keeping)  # type: ignore[arg-type]
    at = Journal.at(place, ["mqtt"], now_us=lambda: MIDNIGHT_US, call_later=Timers().call_later)
    async with at as journal:
        yield journal, place


async def filled(state_dir: Path, rows: int = 1000) -> None:
    async with opened(state_dir, gentle=False) as (journal, _):
        for number in range(rows):
            journal.add_reading(reading(number))
            if number % 100 == 99:
                await journal.add_event(event(id=f"ev-{number}", state="closed"))


def cut_off(state_dir: Path) -> None:
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db, db:
        db.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")


def moved_aside(state_dir: Path) -> list[str]:
    return [path.name for path in state_dir.glob("*.bad-*")]


async def seqs(journal: Journal, lane: str) -> list[int]:
    return [entry.seq for entry in (await journal.fetch("mqtt", lane, 10)).entries]  # type: ignore[arg-type]


async def test_a_backlog_waits_and_what_is_live_does_not(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with opened(tmp_path, gentle=True) as (journal, place):
        seq = journal.add_reading(reading(1))
        assert await seqs(journal, "live") == [seq]
        assert await seqs(journal, "backlog") == []
        assert (await journal.fetch("mqtt", "backlog", 10)).next == 1
        assert journal.behind("mqtt") == seq
        place.at_ease()
        assert await seqs(journal, "backlog") == list(range(1, 11))


@pytest.mark.slow
async def test_a_file_is_not_checked_and_damage_is_dealt_with_where_it_is_read(tmp_path: Path) -> None:
    await filled(tmp_path / "whole", 3000)
    cut_off(tmp_path / "whole")
    file = tmp_path / "whole" / FILE_NAME
    for page in range(file.stat().st_size // PAGE_BYTES - 1, 5, -1):
        kept = {}
        for gentle in (False, True):
            spoilt = tmp_path / f"{page}-{gentle}"
            shutil.copytree(tmp_path / "whole", spoilt)
            with (spoilt / FILE_NAME).open("r+b") as copy:
                copy.seek(page * PAGE_BYTES)
                copy.write(b"\xa5" * 200)
            async with opened(spoilt, gentle=gentle) as (journal, _):
                await journal.add_event(event(id="after"))
                kept[gentle] = moved_aside(spoilt)
        if kept[False] and not kept[True]:
            return
    raise AssertionError("each page that the check finds is read at the start anyway")


async def test_a_salvage_waits(tmp_path: Path) -> None:
    await filled(tmp_path)
    cut_off(tmp_path)
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.write(b"\xa5" * 100)
    async with opened(tmp_path, gentle=True) as (journal, place):
        assert len(moved_aside(tmp_path)) == 2  # the file, and its first page
        for number in range(20):
            await journal.add_event(event(id=f"live-{number}"))
        assert journal.damages() == ()
        place.at_ease()
        for number in range(20):
            await journal.add_event(event(id=f"later-{number}"))
        assert [damage.salvaged for damage in journal.damages()] == [True]


async def test_pages_are_not_given_back(tmp_path: Path) -> None:
    await filled(tmp_path, 4000)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as db:
        db.execute("DELETE FROM chunk")
        before = pages(db)
    for gentle in (True, False):
        store = Store(tmp_path / FILE_NAME, "aa", "gw", 4 * PAGE_BYTES, gentle=gentle)
        store.start(MIDNIGHT_US)
        store.commit(Commit((), {}, evictions=(Eviction((), (), ""),)), MIDNIGHT_US)
        store.close(clean=True)
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
            assert (pages(db) < before) is not gentle


def pages(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA page_count").fetchone()[0])
