"""A damaged file is moved aside, and what still reads of it is there again: the rest is said in gap records."""

import asyncio
import random
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from samples import MIDNIGHT_US, event, incident, reading, trace
from timers import Timers

from agent.journal.batches import Commit
from agent.journal.entries import Damage, DeadLetter, Entry
from agent.journal.file import FILE_NAME, PAGE_BYTES
from agent.journal.journal import Journal
from agent.journal.salvage import UNKNOWN_TAIL
from agent.journal.store import Store
from agent.records import Event, Gap

GROUP = 40
GROUPS = 30


def opened(state_dir: Path, sinks: Iterable[str] = ("mqtt",), **options: Any) -> AbstractAsyncContextManager[Journal]:
    options = {"call_later": Timers().call_later, "now_us": lambda: MIDNIGHT_US} | options
    return Journal.open(state_dir, list(sinks), "gw-01", **options)


def noise(group: int, number: int) -> dict[str, float]:
    """Values that take their room: a chunk of them is some pages long."""
    chance = random.Random(f"{group} {number}")  # noqa: S311
    return {f"q{i}": chance.random() for i in range(10)}


async def filled(state_dir: Path) -> int:
    """30 groups of 40 readings and an event, some traces and an incident; mqtt has the first 200. The head."""
    async with opened(state_dir) as journal:
        for group in range(GROUPS):
            for number in range(GROUP):
                journal.add_reading(reading(group, meter=f"tx{number}", values=noise(group, number)))
            await journal.add_event(event(id=f"ev-{group}", state="open" if group == 3 else "closed"))
            journal.add_trace(trace(event=f"ev-{group}"))
        journal.add_incident(incident())
        journal.keep("modes", '{"tx1": "test"}')
        journal.advance("mqtt", "live", 200)
        journal.advance("mqtt", "trace", 200)
        head = journal.head
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db, db:
        db.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")  # as a cut leaves it: only then a start looks closely
    return head


def spoil(state_dir: Path, sql: str) -> None:
    """Overwrite the page on which some bytes of the file lie."""
    file = state_dir / FILE_NAME
    with closing(sqlite3.connect(file)) as db:
        (body,) = db.execute(sql).fetchone()
    content = bytearray(file.read_bytes())
    page = bytes(content).index(body[:60]) // PAGE_BYTES * PAGE_BYTES
    content[page : page + PAGE_BYTES] = random.Random(1).randbytes(PAGE_BYTES)  # noqa: S311
    file.write_bytes(content)


async def salvaged(journal: Journal) -> None:
    async with asyncio.timeout(20):
        while journal._writer.held_below:
            await journal.stats()


async def everything(journal: Journal, sink: str = "mqtt") -> list[Entry]:
    found: list[Entry] = []
    for lane in ("backlog", "live", "trace"):
        found += (await journal.fetch(sink, lane, 10**6)).entries  # type: ignore[arg-type]
    return found


def explained(entries: list[Entry]) -> set[int]:
    gaps = [entry.record for entry in entries if isinstance(entry.record, Gap)]
    told = {seq for gap in gaps for seq in range(gap.seq_lo, gap.seq_hi + 1)}
    return told | {entry.seq for entry in entries}


LEAF_OF_CHUNKS = (
    "SELECT substr(body, 1, 200) FROM chunk WHERE seq_lo = (SELECT min(seq_lo) FROM chunk WHERE seq_lo > 400)"
)
LEAF_OF_EVENTS = "SELECT CAST(substr(body, 1, 200) AS BLOB) FROM event WHERE seq > 600 LIMIT 1"


@pytest.mark.parametrize("spoilt", [LEAF_OF_CHUNKS, LEAF_OF_EVENTS], ids=["readings", "events"])
async def test_all_but_the_damaged_page_is_taken_over_and_the_loss_is_said(tmp_path: Path, spoilt: str) -> None:
    head = await filled(tmp_path)
    spoil(tmp_path, spoilt)
    async with opened(tmp_path) as journal:
        assert journal.head == head
        assert not journal.left_clean
        assert [found.id for found in journal.open_events()] == ["ev-3"]
        assert [one.id for one in journal.open_incidents()] == ["in-1"]
        assert journal.kept("modes") == '{"tx1": "test"}'
        await salvaged(journal)
        await journal.add_event(event(id="after"))
        entries = await everything(journal)
        assert explained(entries) == set(range(200, journal.head))
        lost = sum(entry.record.seq_hi - entry.record.seq_lo + 1 for entry in entries if isinstance(entry.record, Gap))
        assert 0 < lost <= 4 * GROUP if "chunk" in spoilt else 0 < lost <= 15
        if "chunk" in spoilt:
            assert {found.id for found in await journal.events(limit=100)} >= {f"ev-{n}" for n in range(GROUPS)}
        assert "moved to" in (await journal.stats()).note
        (damage,) = journal.damages()
        assert (damage.salvaged, damage.lost, journal.damages()) == (True, lost, ())
        assert (
            damage.words()[1] == f"what reads of it was taken over; {lost} entries that were still to be sent are gone"
        )
    async with opened(tmp_path) as journal:
        assert journal._writer.held_below == 0


async def test_live_data_flows_while_older_rows_are_still_being_taken_over(tmp_path: Path) -> None:
    head = await filled(tmp_path)
    spoil(tmp_path, LEAF_OF_CHUNKS)
    async with opened(tmp_path) as journal:
        assert journal._writer.held_below == head
        journal.add_event(event(id="now"))
        live = await journal.fetch("mqtt", "live", 100)
        assert [entry.record.id for entry in live.entries if isinstance(entry.record, Event)] == ["now"]
        backlog = await journal.fetch("mqtt", "backlog", 100)
        assert (backlog.entries, backlog.next) == ((), 200)
        journal.advance("mqtt", "backlog", backlog.next)
        await salvaged(journal)
        assert (await journal.fetch("mqtt", "backlog", 100)).entries[0].seq == 200


@pytest.mark.slow
async def test_a_salvage_that_is_cut_off_goes_on_at_the_next_start(tmp_path: Path) -> None:
    head = await filled(tmp_path)
    spoil(tmp_path, LEAF_OF_CHUNKS)
    async with opened(tmp_path) as journal:
        assert journal._writer.held_below == head
    async with opened(tmp_path) as journal:
        assert journal._writer.held_below == head
        assert (await journal.stats()).sinks["mqtt"].backlog == (200, head)
        await salvaged(journal)
        entries = await everything(journal)
    assert explained(entries) >= set(range(200, head))
    assert sum(not isinstance(entry.record, Gap) for entry in entries) > head - 200 - 4 * GROUP


def forget_aside(state_dir: Path) -> None:
    for file in list(state_dir.glob("*.bad-*")):
        file.unlink()


async def test_nothing_is_lost_silently_where_the_aside_file_is_gone_before_all_was_taken_over(tmp_path: Path) -> None:
    head = await filled(tmp_path)
    spoil(tmp_path, LEAF_OF_CHUNKS)
    async with opened(tmp_path):
        pass
    forget_aside(tmp_path)
    async with opened(tmp_path) as journal:
        await salvaged(journal)
        assert explained(await everything(journal)) >= set(range(200, head))


async def test_seqs_go_on_behind_a_tail_that_does_not_read(tmp_path: Path) -> None:
    head = await filled(tmp_path)
    last = "SELECT substr(body, 1, 200) FROM chunk WHERE seq_lo = (SELECT max(seq_lo) FROM chunk)"
    spoil(tmp_path, last)
    async with opened(tmp_path) as journal:
        first = journal.head
        assert first >= head
        await salvaged(journal)
        assert explained(await everything(journal)) >= set(range(200, first))


async def test_what_may_never_have_been_written_is_told_apart_from_what_is_gone(tmp_path: Path) -> None:
    """The last page of events does not read: how many there were beyond it is known to nobody."""
    head = await filled(tmp_path)
    spoil(tmp_path, "SELECT CAST(substr(body, 1, 200) AS BLOB) FROM event WHERE seq = (SELECT max(seq) FROM event)")
    async with opened(tmp_path) as journal:
        first = journal.head
        assert first == head + UNKNOWN_TAIL
        await salvaged(journal)
        entries = await everything(journal)
        assert explained(entries) >= set(range(200, first))
        (damage,) = journal.damages()
        assert (damage.perhaps, 0 < damage.lost < 20) == (UNKNOWN_TAIL, True)
        gone = f"{damage.lost} entries and up to 1000 more that were still to be sent are gone"
        assert damage.words()[1] == f"what reads of it was taken over; {gone}"
        unsure = Gap(first - UNKNOWN_TAIL, first - 1, "damaged, perhaps never written", MIDNIGHT_US)
        assert unsure in [entry.record for entry in entries]


def test_a_loss_is_said_as_it_is_known() -> None:
    said = [Damage("", True, *numbers).words()[1].split("; ")[1] for numbers in ((0, 0), (3, 0), (0, 9), (3, 9))]
    assert said == [
        "nothing unsent is gone",
        "3 entries that were still to be sent are gone",
        "up to 9 entries that were still to be sent are gone",
        "3 entries and up to 9 more that were still to be sent are gone",
    ]


async def test_a_file_that_breaks_while_in_use_gives_back_what_reads(tmp_path: Path) -> None:
    head = await filled(tmp_path)
    timers = Timers()
    async with opened(tmp_path, call_later=timers.call_later) as journal:
        await journal.add_event(event(id="before"))
        store = journal._writer._store
        await asyncio.get_running_loop().run_in_executor(journal._writer._thread, store._drop_connection)
        spoil(tmp_path, LEAF_OF_CHUNKS)
        await journal.add_event(event(id="during"))
        assert journal._writer.held_below == head + 1
        live = await journal.fetch("mqtt", "live", 100)
        assert live.next == head + 1
        await salvaged(journal)
        await journal.add_event(event(id="after"))
        entries = await everything(journal)
        assert explained(entries) == set(range(200, journal.head))
        assert {found.id for found in await journal.events(limit=100)} >= {"before", "during", "after", "ev-0"}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
async def test_wherever_pages_are_spoilt_the_start_is_not_refused_and_nothing_is_missing_unsaid(
    tmp_path: Path, seed: int
) -> None:
    head = await filled(tmp_path)
    chance = random.Random(seed)  # noqa: S311
    content = bytearray((tmp_path / FILE_NAME).read_bytes())
    for _ in range(chance.choice([1, 1, 3, 10])):
        at = chance.randrange(1, len(content) // PAGE_BYTES) * PAGE_BYTES
        content[at : at + PAGE_BYTES] = chance.randbytes(PAGE_BYTES)
    (tmp_path / FILE_NAME).write_bytes(content)
    async with opened(tmp_path) as journal:
        await salvaged(journal)
        await journal.add_event(event(id="after"))
        for _ in range(3):  # what only shows when it is read, then its gap records
            entries = await everything(journal)
            await journal.add_event(event(id="after"))
        assert explained(entries) >= set(range(200, min(head, journal.head - 3)))


def beside(state_dir: Path, pattern: str) -> list[Path]:
    return list(state_dir.glob(pattern))


@pytest.mark.parametrize("destroyed", ["zeros", pytest.param("noise", marks=pytest.mark.slow), "schema"])
async def test_without_its_first_page_a_file_is_taken_over_whole(tmp_path: Path, destroyed: str) -> None:
    head = await filled(tmp_path)
    file = tmp_path / FILE_NAME
    content = file.read_bytes()
    noise = random.Random(1).randbytes(PAGE_BYTES)  # noqa: S311
    page = {"zeros": bytes(PAGE_BYTES), "noise": noise, "schema": content[:100] + noise[100:]}[destroyed]
    file.write_bytes(page + content[PAGE_BYTES:])
    async with opened(tmp_path) as journal:
        await salvaged(journal)
        assert explained(await everything(journal)) == set(range(200, head))
        assert [found.id for found in journal.open_events()] == ["ev-3"]
        (damage,) = journal.damages()
        assert damage.words()[1] == "what reads of it was taken over; nothing unsent is gone"
    (kept,) = beside(tmp_path, "*-page1")
    assert kept.read_bytes() == page


async def test_a_file_that_never_was_a_journal_is_left_as_it_was(tmp_path: Path) -> None:
    text = b"a shopping list\n" * 100
    (tmp_path / FILE_NAME).write_bytes(text)
    async with opened(tmp_path) as journal:
        (damage,) = journal.damages()
        assert damage.words()[1] == "nothing of it could be taken over; what was still to be sent is gone"
    (moved,) = beside(tmp_path, "*.bad-*")
    assert moved.read_bytes() == text


def test_of_refused_letters_those_are_taken_over_that_still_are_words(tmp_path: Path) -> None:
    """A torn page may give a column any type; the look at the start takes over what reads."""
    file = tmp_path / FILE_NAME
    store = Store(file, "aa", "gw-01", 512 << 20)
    store.start(MIDNIGHT_US)
    letters = tuple(DeadLetter("mqtt", seq, "refused", "{}", MIDNIGHT_US) for seq in (1, 2, 3))
    store.commit(Commit((), {}, dead=letters), MIDNIGHT_US)
    store.close(clean=True)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_master SET sql = replace(sql, 'body TEXT', 'body') WHERE name = 'dead'")
        db.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE dead SET body = 7 WHERE seq = 2")
        db.execute("PRAGMA writable_schema=ON")
        db.execute("UPDATE sqlite_master SET sql = replace(sql, 'body NOT', 'body TEXT NOT') WHERE name = 'dead'")
    store = Store(file, "bb", "gw-01", 512 << 20)
    found = store.start(MIDNIGHT_US)
    store.close(clean=False)
    assert found.head > 0
    assert list(tmp_path.glob(f"{FILE_NAME}.bad-*")), "moved aside"
    with closing(sqlite3.connect(file)) as db:
        assert [seq for (seq,) in db.execute("SELECT seq FROM dead ORDER BY seq")] == [1, 3]
