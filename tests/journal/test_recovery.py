import asyncio
import os
import resource
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, reading
from timers import Timers

from agent.errors import StateHeldError
from agent.journal.file import FILE_NAME, JournalVersionError
from agent.journal.hold import LOCK_NAME
from agent.journal.journal import Journal
from agent.journal.view import view
from agent.records import Event, Gap, Reading


def opened(state_dir: Path, timers: Timers | None = None, cap_mib: int = 512) -> AbstractAsyncContextManager[Journal]:
    call_later = (timers or Timers()).call_later
    return Journal.open(
        state_dir, ["mqtt"], "gw-01", call_later=call_later, now_us=lambda: MIDNIGHT_US, cap_mib=cap_mib
    )


async def filled(state_dir: Path, rows: int = 300) -> None:
    async with opened(state_dir) as journal:
        for number in range(rows):
            journal.add_reading(reading(number))
            if number % 10 == 9:
                await journal.add_event(event(id=f"ev-{number}"))


def scribble(file: Path, start: int, length: int) -> None:
    with file.open("r+b") as opened_file:
        opened_file.seek(start)
        opened_file.write(b"\xa5" * length)


def moved_aside(state_dir: Path) -> list[str]:
    return sorted(path.name for path in state_dir.glob("*.bad-*") if not path.name.endswith("-page1"))


async def test_the_state_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    async with opened(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave files that others cannot open")
async def test_root_leaves_the_lock_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    async with opened(tmp_path):
        assert (tmp_path / LOCK_NAME).stat().st_uid == 1234


async def test_a_missing_parent_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"parent .*none does not exist; create it"):
        async with opened(tmp_path / "none" / "state"):
            pass


async def test_a_second_agent_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        holder = (tmp_path / LOCK_NAME).read_text().strip()
        with pytest.raises(StateHeldError, match=rf"held by another agent \(process {holder}\)"):
            async with opened(tmp_path):
                pass
        await journal.add_event(event())
    async with opened(tmp_path):
        pass


async def test_a_file_open_in_another_program_is_not_taken_for_damaged(tmp_path: Path) -> None:
    await filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateHeldError, match="open in another program"):
            async with opened(tmp_path):
                pass
    assert moved_aside(tmp_path) == []


@pytest.mark.parametrize(
    ("start", "length", "kept"),
    [(0, 100, 30), (0, 4096, 30), (4096, 20_000, 0)],
    ids=["header", "first page", "inside"],
)
async def test_a_damaged_file_is_moved_aside_and_the_agent_starts(
    tmp_path: Path, start: int, length: int, kept: int
) -> None:
    await filled(tmp_path)
    mark_unclean(tmp_path)
    scribble(tmp_path / FILE_NAME, start, length)
    async with opened(tmp_path) as journal:
        await journal.add_event(event())
        stats = await journal.stats()
        assert stats.note.startswith(f"{FILE_NAME} was moved to {FILE_NAME}.bad-20261123T")
        assert stats.events == kept + 1
    assert len(moved_aside(tmp_path)) == 1


def mark_unclean(state_dir: Path) -> None:
    """What a kill leaves in the file; only then a start looks at more than the header."""
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db, db:
        db.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")


async def test_a_foreign_file_is_moved_aside(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute("CREATE TABLE shopping (item)")
    async with opened(tmp_path) as journal:
        assert "is no journal" in (await journal.stats()).note


async def test_no_more_than_two_damaged_files_are_kept(tmp_path: Path) -> None:
    for start in range(4):
        (tmp_path / FILE_NAME).write_bytes(b"SQLite format 2\0" + bytes(5000))
        now_us = MIDNIGHT_US + start
        async with Journal.open(tmp_path, [], "gw-01", now_us=lambda now_us=now_us: now_us):  # type: ignore[misc]
            pass
    assert [name[-5:] for name in moved_aside(tmp_path)] == ["0002Z", "0003Z"]


@pytest.mark.slow
async def test_a_torn_tail_of_the_log_is_normal(tmp_path: Path) -> None:
    acknowledged = await killed_with_a_log(tmp_path)
    wal = tmp_path / f"{FILE_NAME}-wal"
    with wal.open("ab") as log:
        log.write(b"\x37" * 3000)  # half a frame of the commit that never ended
    async with opened(tmp_path) as journal:
        assert (await journal.stats()).note == ""
        assert len(await journal.events()) == acknowledged


async def killed_with_a_log(state_dir: Path) -> int:
    """An agent that ended without closing: what it acknowledged lies in the log only."""
    script = (
        "import asyncio, os, pathlib, sys\n"
        "from samples import event\n"
        "from agent.journal.journal import Journal\n"
        "async def main():\n"
        "    async with Journal.open(pathlib.Path(sys.argv[1]), ['mqtt'], 'gw-01') as journal:\n"
        "        for number in range(5):\n"
        "            await journal.add_event(event(id=str(number)))\n"
        "        os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(state_dir), env=environment)
    assert await child.wait() == 9
    return 5


async def test_a_newer_file_is_refused_and_not_a_byte_of_it_changes(tmp_path: Path) -> None:
    await filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.execute("PRAGMA user_version=7")
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(JournalVersionError, match="schema 7, this version of lamplighter reads up to 6; install"):
        async with opened(tmp_path):
            pass
    with pytest.raises(JournalVersionError), view(tmp_path):
        pass
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert moved_aside(tmp_path) == []


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        ("UPDATE chunk SET body = x'00112233' WHERE seq_lo = 12", (12, 21)),
        ("UPDATE event SET body = CAST(x'ff112233' AS TEXT) WHERE seq = 11", (11, 11)),
    ],
    ids=["chunk", "event"],
)
async def test_a_damaged_row_becomes_a_gap_record_and_the_rest_is_delivered(
    tmp_path: Path, damage: str, lost: tuple[int, int]
) -> None:
    await filled(tmp_path, rows=30)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute(damage)
    async with opened(tmp_path) as journal:
        await journal.fetch("mqtt", "live", 100)
        await journal.fetch("mqtt", "live", 100)
        await journal.add_event(event(id="after"))
        entries = (await journal.fetch("mqtt", "live", 100)).entries
        records = [entry.record for entry in entries]
        assert [record for record in records if isinstance(record, Gap)] == [Gap(*lost, "damaged", MIDNIGHT_US)]
        assert unexplained([entry.seq for entry in entries], records, journal.head) == set()
        assert (await journal.stats()).error == ""


def unexplained(seqs: list[int], records: list[Reading | Event | Gap], head: int) -> set[int]:
    told = {seq for gap in records if isinstance(gap, Gap) for seq in range(gap.seq_lo, gap.seq_hi + 1)}
    return set(range(1, head)) - set(seqs) - told


@contextmanager
def file_size_limit(size_bytes: int) -> Iterator[None]:
    """Writes of this process beyond that size of a file fail, as on a disk that is full or failing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def failure(journal: Journal) -> None:
    """Wait until a commit has failed. The file is closed then, which is how it shows."""
    async with asyncio.timeout(5):
        with pytest.raises(OSError, match="closed after an error"):  # noqa: PT012 - the loop is the point
            while True:
                await journal.stats()


async def test_when_the_disk_takes_nothing_entries_stay_visible_and_are_stored_later(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, timers) as journal:
        await journal.add_event(event(id="before"))
        journal.advance("mqtt", "live", 2)
        with file_size_limit(1):
            durable = journal.add_event(event(id="during"))
            journal.add_reading(reading())
            await failure(journal)
            assert not durable.done()
        assert [entry.seq for entry in (await journal.fetch("mqtt", "live", 10)).entries] == [2, 3]
        timers.advance(60)
        await durable
        assert (await journal.stats()).error == ""
        assert [entry.seq for entry in (await journal.fetch("mqtt", "live", 10)).entries] == [2, 3]
    assert moved_aside(tmp_path) == []
    async with opened(tmp_path) as journal:
        assert {found.id for found in await journal.events()} == {"before", "during"}


async def test_a_file_that_breaks_while_in_use_is_replaced_and_the_loss_is_said(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, timers) as journal:
        await journal.add_event(event(id="a"))
        await journal.add_event(event(id="b"))
        journal.advance("mqtt", "live", 2)
        with file_size_limit(1):
            durable = journal.add_event(event(id="c"))
            await failure(journal)
        for name in (FILE_NAME, f"{FILE_NAME}-wal"):
            scribble(tmp_path / name, 0, (tmp_path / name).stat().st_size)
        timers.advance(60)
        await durable
        await journal.add_event(event(id="d"))
        entries = (await journal.fetch("mqtt", "live", 10)).entries
        assert [entry.seq for entry in entries] == [3, 4, 5]
        assert entries[1].record == Gap(2, 2, "damaged", MIDNIGHT_US)
        assert "moved" in (await journal.stats()).note


@pytest.mark.slow
async def test_the_oldest_sent_readings_make_room_without_a_word(tmp_path: Path) -> None:
    async with opened(tmp_path, cap_mib=1) as journal:
        await overfill(journal, advancing=True)
        stats = await journal.stats()
        assert stats.size_bytes <= 1 << 20
        assert stats.gaps == 0
        assert len(await journal.readings(None, 10**6)) < 40 * 60
    assert (tmp_path / FILE_NAME).stat().st_size <= 1 << 20


@pytest.mark.slow
async def test_unsent_readings_are_evicted_with_gap_records_that_reach_the_sinks_and_events_stay(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, cap_mib=1) as journal:
        await overfill(journal, advancing=False)
        assert (await journal.stats()).size_bytes <= 1 << 20
        head = journal.head
    async with opened(tmp_path, cap_mib=1) as journal:
        entries = [
            *(await journal.fetch("mqtt", "backlog", 10**6)).entries,
            *(await journal.fetch("mqtt", "live", 10**6)).entries,
        ]
    records = [entry.record for entry in entries]
    assert any(isinstance(record, Gap) and record.reason == "evicted" for record in records)
    assert unexplained([entry.seq for entry in entries], records, head) == set()
    assert sum(isinstance(record, Event) for record in records) == 40


async def overfill(journal: Journal, *, advancing: bool) -> None:
    """Twice the room there is, in readings that do not compress; 40 events among them."""
    for number in range(40):
        for row in range(60):
            noise = {f"q{i}": hash((number, row, i)) / 7 for i in range(60)}
            journal.add_reading(reading(row, values=noise))
        await journal.add_event(event(id=f"ev-{number}"))
        if advancing:
            journal.advance("mqtt", "live", journal.head)


async def test_the_view_shows_what_a_killed_agent_left(tmp_path: Path) -> None:
    acknowledged = await killed_with_a_log(tmp_path)
    with view(tmp_path) as journal:
        assert len(journal.events(limit=acknowledged + 1)) == acknowledged
        stats = journal.stats()
        assert (stats.head, stats.events, stats.sinks["mqtt"].rows) == (6, 5, 5)
        assert stats.sinks["mqtt"].oldest_us == event().reported_us
        assert journal.readings(None, 10) == ()


async def test_the_view_is_refused_while_an_agent_runs(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(StateHeldError, match="lamplighter status"), view(tmp_path):
            pass


def test_the_view_of_nothing_says_so_and_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no journal here yet"), view(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


async def test_a_holder_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    await killed_with_a_log(tmp_path)
    assert (tmp_path / LOCK_NAME).read_text() != ""
    async with opened(tmp_path):
        pass
