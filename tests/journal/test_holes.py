"""Rows that are missing in a file that is sound otherwise: no gap is silent, and what everybody has may go."""

import asyncio
import random
import sqlite3
from contextlib import AbstractAsyncContextManager, closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, incident, reading, trace
from timers import Timers

from agent.journal.batches import Commit, Found
from agent.journal.entries import Entry
from agent.journal.file import FILE_NAME, PAGE_BYTES
from agent.journal.holes import ROWS, Holes
from agent.journal.journal import Journal
from agent.journal.lanes import Position
from agent.journal.retention import Eviction, Row
from agent.journal.store import Store
from agent.records import Gap

GROUP = 10


def opened(state_dir: Path) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(state_dir, ["mqtt"], "gw-01", now_us=lambda: MIDNIGHT_US, call_later=Timers().call_later)


def group(start: int) -> tuple[Entry, ...]:
    return tuple(Entry(start + n, reading(start + n)) for n in range(GROUP))


def filled(state_dir: Path, groups: int = 5, positions: dict[str, Position] | None = None) -> None:
    """Groups of ten readings, each a chunk: seqs 1..10, 11..20 and so on."""
    store = Store(state_dir / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    for number in range(groups):
        store.commit(Commit(group(1 + number * GROUP), positions or {}), MIDNIGHT_US)
    store.close(clean=True)


def without(state_dir: Path, *sql: str) -> None:
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db, db:
        for one in sql:
            db.execute(one)


def started(state_dir: Path) -> Found:
    store = Store(state_dir / FILE_NAME, "bb", "gw-01", 512 << 20)
    try:
        return store.start(MIDNIGHT_US)
    finally:
        store.close(clean=False)


async def gaps(journal: Journal) -> list[tuple[int, int, str]]:
    entries = [entry for lane in ("backlog", "live") for entry in (await journal.fetch("mqtt", lane, 1000)).entries]  # type: ignore[arg-type]
    records = (entry.record for entry in entries)
    return [(gap.seq_lo, gap.seq_hi, gap.reason) for gap in records if isinstance(gap, Gap)]


async def everything(journal: Journal) -> list[Entry]:
    lanes = [await journal.fetch("mqtt", lane, 1000) for lane in ("backlog", "live", "trace")]  # type: ignore[arg-type]
    return [entry for lane in lanes for entry in lane.entries]


async def settled(journal: Journal) -> list[Entry]:
    """What a sink gets that asks until it gets the same twice: damage may show only where it is read."""
    before: list[Entry] | None = None
    async with asyncio.timeout(20):
        while True:
            with suppress(OSError):
                found = await everything(journal)
                if found == before and not journal._writer.held_below:
                    return found
                before = found
            await asyncio.sleep(0)


async def test_rows_that_are_gone_from_the_middle_are_told_of_once(tmp_path: Path) -> None:
    filled(tmp_path)
    without(tmp_path, "DELETE FROM chunk WHERE seq_lo IN (11, 31)")
    for _ in range(2):
        async with opened(tmp_path) as journal:
            assert await gaps(journal) == [(11, 20, "damaged"), (31, 40, "damaged")]


async def test_a_file_that_lacks_nothing_says_nothing(tmp_path: Path) -> None:
    filled(tmp_path)
    async with opened(tmp_path) as journal:
        assert await gaps(journal) == []


async def test_the_first_rows_are_told_of_too_where_nothing_ever_had_to_make_room(tmp_path: Path) -> None:
    filled(tmp_path)
    without(tmp_path, "DELETE FROM chunk WHERE seq_lo <= 11")
    async with opened(tmp_path) as journal:
        assert await gaps(journal) == [(1, 20, "damaged")]


async def test_a_position_beyond_the_last_row_proves_that_rows_are_gone(tmp_path: Path) -> None:
    """Their seqs are not given out again."""
    filled(tmp_path, positions={"mqtt": Position(live=51, trace=51)})
    without(tmp_path, "DELETE FROM chunk WHERE seq_lo >= 31")
    async with opened(tmp_path) as journal:
        assert await gaps(journal) == [(31, 50, "damaged")]
        assert journal.head == 52


@pytest.mark.parametrize("damaged", [1 << 40, "x", b"x", -5, 2.5])
def test_a_position_that_cannot_be_is_as_if_it_were_not_there(
    tmp_path: Path, damaged: object, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path, positions={"mqtt": Position(live=21), "influxdb": Position(live=31)})
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("UPDATE position SET live = ? WHERE sink = 'mqtt'", (damaged,))
    found = started(tmp_path)
    assert found.head == 51
    assert found.positions["influxdb"] == Position(live=31)
    if damaged == 1 << 40:
        assert found.positions["mqtt"].live == 51
    else:
        assert "mqtt" not in found.positions
        assert "journal.position_damaged sink=mqtt" in caplog.text


def test_a_position_without_a_number_refuses_no_start(tmp_path: Path) -> None:
    filled(tmp_path, positions={"mqtt": Position(live=21)})
    without(
        tmp_path, "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'live INTEGER NOT NULL', 'live INTEGER') WHERE name = 'position'",
    )  # fmt: skip
    without(tmp_path, "UPDATE position SET live = NULL")
    assert started(tmp_path).positions == {}


@pytest.mark.parametrize("damaged", [None, 1 << 40, "x", b"x", -5])
async def test_the_next_seq_is_not_taken_from_a_damaged_column(tmp_path: Path, damaged: object) -> None:
    filled(tmp_path)
    without(
        tmp_path, "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'seq_hi INTEGER NOT NULL', 'seq_hi INTEGER') WHERE name = 'chunk'",
    )  # fmt: skip
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("UPDATE chunk SET seq_hi = ? WHERE seq_lo = 41", (damaged,))
    async with opened(tmp_path) as journal:
        await journal.add_event(event())
        assert journal.head < 60
        await gaps(journal)
        assert (41, 41, "damaged") in await gaps(journal), "and the row itself is told of"


def test_what_every_sink_has_may_go_without_a_word_and_what_goes_besides_may_not(tmp_path: Path) -> None:
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    everywhere = {"mqtt": Position(live=51)}
    for number in range(5):
        store.commit(Commit(group(1 + number * GROUP), {}), MIDNIGHT_US)
    gone = Eviction((Row("chunk", 1, 10, 0), Row("chunk", 21, 30, 0)), (), "evicted")
    store.commit(Commit((), everywhere, evictions=(gone,)), MIDNIGHT_US)
    store.close(clean=False)
    found = started(tmp_path)
    assert found.holes == Holes(((1, 11), (21, 31)), 31)
    assert found.holes.to_tell(found.positions.values()) == (), "what every sink has, went to make room"
    assert found.holes.to_tell([Position(live=51, backlog_lo=5, backlog_hi=8)]) == ((5, 8),), "this would not have"
    without(tmp_path, "DELETE FROM chunk WHERE seq_lo = 31")
    found = started(tmp_path)
    assert found.holes.to_tell(found.positions.values()) == ((31, 41),), "above what made room it is damage"


def test_a_gap_record_explains_a_hole(tmp_path: Path) -> None:
    filled(tmp_path)
    store = Store(tmp_path / FILE_NAME, "bb", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    told = Entry(51, Gap(11, 20, "evicted", MIDNIGHT_US))
    gone = Eviction((Row("chunk", 11, 20, 0),), ((11, 21),), "evicted")
    store.commit(Commit((told,), {}, evictions=(gone,)), MIDNIGHT_US)
    store.close(clean=False)
    assert started(tmp_path).holes == Holes((), 1)


def test_below_what_went_without_a_word_a_hole_is_told_of_where_a_sink_lacks_it() -> None:
    holes = Holes(((5, 8), (20, 30), (40, 42)), let_go=35)
    assert holes.to_tell([Position(live=100)]) == ((40, 42),)
    assert holes.to_tell([Position(live=100), Position(live=25)]) == ((25, 30), (40, 42))
    assert holes.to_tell([Position(live=100, backlog_lo=6, backlog_hi=22)]) == ((6, 8), (20, 22), (40, 42))


def test_a_file_that_never_said_what_made_room_is_taken_as_it_is(tmp_path: Path) -> None:
    """It may have let go of whatever it lacks, where every sink has it."""
    filled(tmp_path, positions={"mqtt": Position(live=51), "influxdb": Position(live=51, backlog_lo=41, backlog_hi=51)})
    without(tmp_path, "DELETE FROM chunk WHERE seq_lo IN (1, 11)", "DELETE FROM meta WHERE k = 'let_go'")
    found = started(tmp_path)
    assert found.holes == Holes(((1, 21),), 21)
    assert found.holes.to_tell(found.positions.values()) == ()
    without(tmp_path, "DELETE FROM chunk WHERE seq_lo = 31")
    found = started(tmp_path)
    assert found.holes.to_tell([]) == ((31, 41),)


async def test_of_a_file_that_never_said_what_made_room_a_sink_is_told_what_it_lacks(tmp_path: Path) -> None:
    """What some sink lacks never went without a word, so this is damage: here the only page of all readings."""
    filled(tmp_path, positions={"mqtt": Position(), "influxdb": Position(live=51)})
    store = Store(tmp_path / FILE_NAME, "bb", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    store.commit(Commit((Entry(51, event()),), {}), MIDNIGHT_US)
    store.close(clean=True)
    without(tmp_path, "DELETE FROM chunk", "DELETE FROM meta WHERE k = 'let_go'")
    for _ in range(2):
        async with opened(tmp_path) as journal:
            assert await gaps(journal) == [(1, 50, "damaged")]


def test_below_the_oldest_row_that_is_kept_a_sink_is_told_what_it_lacks(tmp_path: Path) -> None:
    """The sink is behind with its backlog, and much of what lay above that made room."""
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    behind = {"mqtt": Position(live=51, backlog_lo=11, backlog_hi=21)}
    for number in range(5):
        store.commit(Commit(group(1 + number * GROUP), behind), MIDNIGHT_US)
    gone = Eviction((Row("chunk", 1, 10, 0), Row("chunk", 31, 40, 0)), (), "evicted")
    store.commit(Commit((), behind, evictions=(gone,)), MIDNIGHT_US)
    store.close(clean=True)
    assert started(tmp_path).holes.to_tell(behind.values()) == ()
    without(tmp_path, "DELETE FROM chunk WHERE seq_lo < 41")
    assert started(tmp_path).holes.to_tell(behind.values()) == ((11, 21),)


async def test_a_sink_that_is_new_lacks_nothing_of_what_went_before_it_came(tmp_path: Path) -> None:
    """Even if it takes nothing for a while: what it starts with is the oldest row that is kept."""
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    for number in range(5):
        store.commit(Commit(group(1 + number * GROUP), {"influxdb": Position(live=51)}), MIDNIGHT_US)
    gone = Eviction((Row("chunk", 1, 10, 0), Row("chunk", 11, 20, 0)), (), "evicted")
    store.commit(Commit((), {"influxdb": Position(live=51)}, evictions=(gone,)), MIDNIGHT_US)
    store.close(clean=True)
    for _ in range(2):
        async with opened(tmp_path) as journal:
            assert (await journal.stats()).sinks["mqtt"].live == 21
            assert await gaps(journal) == []
            await journal.add_event(event())


@pytest.mark.slow
def test_a_look_ends_after_the_youngest_rows(tmp_path: Path) -> None:
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    store.commit(Commit(tuple(Entry(1 + n, event(id=f"ev-{n}")) for n in range(ROWS + 20)), {}), MIDNIGHT_US)
    store.close(clean=True)
    assert ROWS == 3000
    without(tmp_path, "DELETE FROM event WHERE seq IN (10, 3000)")
    assert started(tmp_path).holes.ranges == ((ROWS, ROWS + 1),)


def test_what_is_gone_when_the_file_is_opened_anew_in_use_is_told_of_with_the_next_commit(tmp_path: Path) -> None:
    """As after an error of the storage: what was said to be written was not."""
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    for number in range(3):
        store.commit(Commit(group(1 + number * GROUP), {}), MIDNIGHT_US)
    store._drop_connection()
    without(tmp_path, "DELETE FROM chunk WHERE seq_lo = 21")
    done = store.commit(Commit(group(31), {}), MIDNIGHT_US)
    assert done.holes.to_tell([]) == ((21, 31),)
    assert store.commit(Commit((), {}), MIDNIGHT_US).holes == Holes()
    store.close(clean=True)


def test_a_page_in_the_place_of_another_is_damage_and_no_row_is_there_twice(tmp_path: Path) -> None:
    """Each page is sound, and after an end in order nothing else is checked."""
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    dice = random.Random(1)  # noqa: S311 - not a secret
    for seq in range(1, 60):
        values = {f"q{n}": dice.random() for n in range(40)}
        store.commit(Commit((Entry(seq, replace(reading(seq), values=values, min={}, max={})),), {}), MIDNIGHT_US)
    store.close(clean=True)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        bodies = [body for (body,) in db.execute("SELECT body FROM chunk WHERE seq_lo IN (20, 40) ORDER BY seq_lo")]
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    here, there = (bytes(content).index(body) // PAGE_BYTES * PAGE_BYTES for body in bodies)
    content[there : there + PAGE_BYTES] = content[here : here + PAGE_BYTES]
    (tmp_path / FILE_NAME).write_bytes(content)
    again = Store(tmp_path / FILE_NAME, "bb", "gw-01", 512 << 20)
    again.start(MIDNIGHT_US)
    assert "lies behind seq" in again.ask(lambda reader: reader.figures().note)
    while not again.salvage().done:
        pass
    seqs = [entry.seq for entry in again.ask(lambda reader: reader.read((0, 100), 100)).entries]
    assert len(seqs) == len(set(seqs)) > 40
    again.close(clean=True)


def page(state_dir: Path, table: str) -> int:
    """Where the page lies on which a table begins."""
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db:
        (number,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return int((number - 1) * PAGE_BYTES)


def copied(state_dir: Path, table: str, onto: str) -> None:
    content = bytearray((state_dir / FILE_NAME).read_bytes())
    here, there = page(state_dir, table), page(state_dir, onto)
    content[there : there + PAGE_BYTES] = content[here : here + PAGE_BYTES]
    (state_dir / FILE_NAME).write_bytes(content)


# Of each table of `of_every_kind` the seq of its only row.
SEQS = {"gap": 2, "event": 3, "trace": 4, "incident": 5, "chunk": 6}


def of_every_kind(state_dir: Path) -> None:
    store = Store(state_dir / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    records = (Gap(1, 1, "evicted", MIDNIGHT_US), event(), trace(), incident(), reading())
    entries = tuple(Entry(2 + n, record) for n, record in enumerate(records))
    store.commit(Commit(entries, {"influxdb": Position(live=7)}), MIDNIGHT_US)
    store.close(clean=True)


@pytest.mark.parametrize("there", [*SEQS, "epoch"])
@pytest.mark.parametrize("here", [*SEQS, "epoch", "dead"])
async def test_the_page_of_one_table_in_the_place_of_another_doubles_nothing_and_what_it_hides_is_told_of(
    tmp_path: Path, here: str, there: str
) -> None:
    of_every_kind(tmp_path)
    copied(tmp_path, here, onto=there)
    async with opened(tmp_path) as journal:
        found = await settled(journal)
    seqs = [entry.seq for entry in found]
    records = (entry.record for entry in found)
    told = {seq for gap in records if isinstance(gap, Gap) for seq in range(gap.seq_lo, gap.seq_hi + 1)}
    assert len(seqs) == len(set(seqs))
    assert {*seqs, *told} >= set(range(1, 7))
    assert told - {1} == ({SEQS[there]} if there in SEQS and here != there else set())


def test_a_header_that_is_older_than_the_tables_refuses_no_start(tmp_path: Path) -> None:
    """As a card leaves it that lost one page of a migration."""
    filled(tmp_path)
    without(tmp_path, "PRAGMA user_version=1")
    store = Store(tmp_path / FILE_NAME, "bb", "gw-01", 512 << 20)
    assert store.start(MIDNIGHT_US).head == 51
    assert "cannot be brought to schema" in store.ask(lambda reader: reader.figures().note)
    store.close(clean=True)


def test_an_open_event_without_a_seq_is_not_salvaged(tmp_path: Path) -> None:
    """Another letter of the schema, after which the seq is a column like others."""
    store = Store(tmp_path / FILE_NAME, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    store.commit(Commit((Entry(1, event()), *group(2)), {}), MIDNIGHT_US)
    store.close(clean=True)
    content = (tmp_path / FILE_NAME).read_bytes()
    misspelt = content.replace(b"CREATE TABLE event (seq INTEGER", b"CREATE TABLE event (seq INTEGES")
    (tmp_path / FILE_NAME).write_bytes(misspelt.replace(b"CREATE TABLE gap (seq", b"CREATE TABLE gap (sfq"))
    assert started(tmp_path).head > 11


@pytest.mark.parametrize(
    ("table", "word", "misspelt"),
    [
        (b"event", b"crc32", b"crc33"), (b"event", b"latest", b"lateqt"), (b"chunk", b"codec", b"bodec"),
        (b"position", b"live", b"lIvd"), (b"meta", b"v NOT", b"w NOT"), (b"epoch", b"seq_lo", b"seq_ln"),
        (b"chunk", b"PRIMARY", b"PRIMAZY"), (b"trace_position", b"sink", b"sijk"), (b"position", b"sink", b"sijk"),
    ],
)  # fmt: skip
def test_a_letter_of_the_schema_refuses_no_start(tmp_path: Path, table: bytes, word: bytes, misspelt: bytes) -> None:
    filled(tmp_path, positions={"mqtt": Position(live=21)})
    file = tmp_path / FILE_NAME
    head, found, rest = file.read_bytes().partition(b"CREATE TABLE " + table)
    file.write_bytes(head + found + rest.replace(word, misspelt, 1))
    store = Store(file, "bb", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    store.commit(Commit((Entry(51, event()),), {}), MIDNIGHT_US)
    assert "was moved to" in store.ask(lambda reader: reader.figures().note)
    store.close(clean=True)


def test_a_schema_format_that_nobody_defined_is_damage_and_refuses_no_start(tmp_path: Path) -> None:
    filled(tmp_path)
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    # sqlite.org/fileformat2.html, section 1.3: the schema format number, big-endian, at offset 44; 1 to 4 are defined.
    assert int.from_bytes(content[44:48], "big") in range(1, 5)
    content[47] = 5
    (tmp_path / FILE_NAME).write_bytes(content)
    assert started(tmp_path).head == 51
    assert list(tmp_path.glob(f"{FILE_NAME}.bad-*")), "moved aside"
