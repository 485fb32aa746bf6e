"""Two rows of a damaged file that claim one seq: one of them is taken over, and of the other a gap record tells."""

import asyncio
import sqlite3
from contextlib import AbstractAsyncContextManager, closing, suppress
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, incident, reading, trace
from timers import Timers

from agent.journal.batches import Commit
from agent.journal.codec import Chunk, encode
from agent.journal.entries import Entry
from agent.journal.file import FILE_NAME, connect
from agent.journal.holes import ROWS
from agent.journal.journal import Journal
from agent.journal.reader import Reader
from agent.journal.store import Store
from agent.journal.taking_over import Taken, missing, take_over
from agent.journal.view import view
from agent.records import Gap, Reading, Record

GAP = Gap(1, 2, "evicted", MIDNIGHT_US)
BELOW = 30


def chunk(first: int, last: int) -> Chunk:
    return encode([Entry(seq, reading(seq)) for seq in range(first, last + 1)])


def too_long(first: int, last: int, by: int) -> Chunk:
    made = chunk(first, last)
    return Chunk(made.seq_lo, made.seq_hi + by, made.codec, made.crc32, made.body)


def taken(tmp_path: Path, *rows: Taken) -> tuple[dict[int, Record], tuple[tuple[int, int], ...]]:
    """What is there afterwards, by seq, and what is told of: twice the same, as a salvage may be begun once more."""
    with closing(connect(tmp_path / FILE_NAME, 16 << 20)) as db:
        told = [missing(db, BELOW, take_over(db, rows, BELOW)) for _ in range(2)]
        assert told[0] == told[1]
        pages = [Reader(db).read((0, BELOW), BELOW, traces=traces) for traces in (False, True)]
        found = [entry for page in pages for entry in page.entries]
        assert [row for page in pages for row in page.damaged] == []
        assert len({entry.seq for entry in found}) == len(found)
        return {entry.seq: entry.record for entry in found}, told[0]


def test_rows_that_agree_are_all_taken_over(tmp_path: Path) -> None:
    records = (reading(1), reading(2), event(), trace(), incident(), GAP)
    single = tuple(Entry(1 + n, record) for n, record in enumerate(records))[2:]
    found, told = taken(tmp_path, *single, chunk(1, 2), chunk(7, 29))
    assert [found[seq] for seq in range(1, 7)] == list(records)
    assert (len(found), told) == (29, ())


@pytest.mark.parametrize("record", [event(), incident(), GAP, trace()])
@pytest.mark.parametrize("before", [True, False])
def test_a_row_in_the_midst_of_readings_costs_one_of_them_and_that_is_told(
    tmp_path: Path, record: Record, before: bool
) -> None:
    single, readings = Entry(15, record), chunk(1, 29)
    found, told = taken(tmp_path, *((single, readings) if before else (readings, single)))
    assert found == {seq: reading(seq) for seq in range(1, 30)} | {15: record}
    assert told == ((15, 16),)


@pytest.mark.parametrize("before", [True, False])
def test_an_event_stays_and_what_else_claims_its_seq_is_told(tmp_path: Path, before: bool) -> None:
    for other in (trace(), GAP, incident()):
        place = tmp_path / type(other).__name__
        place.mkdir()
        rows = (Entry(29, event()), Entry(29, other))
        found, told = taken(place, *(rows if before else rows[::-1]), chunk(1, 28))
        assert (found[29], told) == (event(), ((29, 30),))


@pytest.mark.parametrize("damaged_first", [True, False])
def test_a_chunk_whose_end_is_damaged_takes_no_place_of_others(tmp_path: Path, damaged_first: bool) -> None:
    rows = (too_long(1, 9, by=8), Entry(10, event()), chunk(11, 29))
    found, told = taken(tmp_path, *(rows if damaged_first else rows[::-1]))
    assert found == {10: event()} | {seq: reading(seq) for seq in range(11, 30)}
    assert told == ((1, 10),)


def test_two_chunks_that_overlap_and_read_share_no_seq(tmp_path: Path) -> None:
    moved = encode([Entry(20 + n, reading(n)) for n in range(1, 6)])
    found, told = taken(tmp_path, chunk(1, 22), moved, chunk(26, 29))
    assert found[22] == reading(22)
    assert found[23] == reading(3)
    assert (told, len(found)) == (((21, 23),), 29)


# The whole way: a file that is started, salvaged and read by a sink.


def opened(state_dir: Path) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(state_dir, ["mqtt"], "gw-01", now_us=lambda: MIDNIGHT_US, call_later=Timers().call_later)


def filled(state_dir: Path, *sql: str, events: int = 0) -> None:
    """Seqs 1..10, 12..20 readings, 11 an event, 21 part of a trace, and then events; then damaged by some SQL."""
    store = Store(state_dir / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    records = [reading(seq) for seq in range(1, 11)], [event()], [reading(seq) for seq in range(12, 21)], [trace()]
    entries = [Entry(1 + n, record) for n, record in enumerate(record for some in records for record in some)]
    entries += [Entry(22 + n, event(id=f"ev-{n + 2}")) for n in range(events)]
    store.commit(Commit(tuple(entries), {}), MIDNIGHT_US)
    store.close(clean=True)
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db, db:
        for one in sql:
            db.execute(one)


async def settled(journal: Journal) -> list[Entry]:
    """What a sink gets that asks until it gets the same twice: damage may show only where it is read."""
    before: list[Entry] | None = None
    async with asyncio.timeout(20):
        while True:
            with suppress(OSError):
                lanes = [await journal.fetch("mqtt", lane, 10_000) for lane in ("backlog", "live", "trace")]  # type: ignore[arg-type]
                found = [entry for lane in lanes for entry in lane.entries]
                if found == before and not journal._writer.held_below:
                    return found
                before = found
            await asyncio.sleep(0)


def told(found: list[Entry]) -> list[tuple[int, int]]:
    return sorted((entry.record.seq_lo, entry.record.seq_hi) for entry in found if isinstance(entry.record, Gap))


@pytest.mark.parametrize(
    ("damage", "gone"),
    [
        ("UPDATE event SET seq = 15 WHERE seq = 11", [(11, 11), (15, 15)]),
        ("UPDATE event SET seq = 21 WHERE seq = 11", [(11, 11), (21, 21)]),
        ("UPDATE trace SET seq = 11", [(11, 11), (21, 21)]),
        ("UPDATE chunk SET seq_hi = 11 WHERE seq_lo = 1", [(1, 10)]),
    ],
)
async def test_a_damaged_key_doubles_no_seq_and_nothing_goes_unsaid(
    tmp_path: Path, damage: str, gone: list[tuple[int, int]]
) -> None:
    filled(tmp_path, damage, events=1)
    for _ in range(2):
        async with opened(tmp_path) as journal:
            found = await settled(journal)
            assert len({entry.seq for entry in found}) == len(found)
            assert told(found) == gone
            assert {one.id for one in journal.open_events()} == {"ev-1", "ev-2"}
            lost = {seq for lo, hi in gone for seq in range(lo, hi + 1)}
            readings = {entry.seq for entry in found if isinstance(entry.record, Reading)}
            assert readings == {*range(1, 11), *range(12, 21)} - lost


@pytest.mark.slow
async def test_an_old_seq_that_is_there_twice_is_found_where_it_is_read(tmp_path: Path) -> None:
    """A start looks at the youngest rows only."""
    filled(tmp_path, "UPDATE event SET seq = 5 WHERE seq = 11", events=ROWS)
    async with opened(tmp_path) as journal:
        assert (await journal.stats()).note == ""
        found = await settled(journal)
        assert "was moved to" in (await journal.stats()).note
        assert len({entry.seq for entry in found}) == len(found)
        assert told(found) == [(5, 5), (11, 11)]
        assert {entry.seq for entry in found} >= {*range(1, 11), *range(12, ROWS)}


def test_a_look_that_meets_such_a_file_says_so(tmp_path: Path) -> None:
    filled(tmp_path, "UPDATE event SET seq = 5 WHERE seq = 11")
    with (
        pytest.raises(OSError, match="two rows hold one seq; an agent that reads it moves it aside"),
        view(tmp_path) as kept,
    ):
        kept.look(lambda reader: reader.read((0, 30), 30))
