"""Parts of traces in the journal: a lane of their own, a share of the file, a format of their own."""

import gzip
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import MIDNIGHT_US, event, reading, trace
from timers import Timers

from agent.detect.ring import ROWS
from agent.journal.codec import TRACE_ZLIB, ChunkError, decode_trace, encode_trace, record_text
from agent.journal.entries import Entry, Range
from agent.journal.file import FILE_NAME, SCHEMA
from agent.journal.intake import TAIL_MOST
from agent.journal.journal import TRACE_S, Journal
from agent.journal.lanes import Position
from agent.journal.retention import TRACE_SHARE, Row, Table, choose, sent_by, trace_excess_bytes
from agent.journal.view import view
from agent.records import Gap, Trace
from agent.trace_rows import QUESTIONABLE, TraceSample, pack

OLDER = Path(__file__).resolve().parent.parent / "cases" / "journal-schema-1.sqlite3.gz"


def opened(state_dir: Path, *sinks: str, **options: Any) -> AbstractAsyncContextManager[Journal]:
    options = {"call_later": Timers().call_later, "now_us": lambda: MIDNIGHT_US} | options
    return Journal.open(state_dir, sinks or ("mqtt",), "gw-01", **options)


async def lane(journal: Journal, name: Any = "trace", sink: str = "mqtt") -> list[Entry]:
    return list((await journal.fetch(sink, name, 10_000)).entries)


# -- format ----------------------------------------------------------------------------------------------------


def test_a_part_is_one_compressed_line_of_json_and_its_rows() -> None:
    part = trace(also=("ev-2",), closing="cut", follows="restart", event="ev-1 – während")
    body = encode_trace(part)
    assert decode_trace(TRACE_ZLIB, crc32(body), body) == part


ROW = st.tuples(st.integers(0, 1 << 40), st.integers(0, 2), st.floats(width=32), st.floats(width=32))


@given(st.lists(ROW, min_size=1, max_size=ROWS))
def test_rows_come_back_to_the_bit(rows: list[tuple[int, int, float, float]]) -> None:
    part = trace(rows=pack([TraceSample(at, mark, (a, b)) for at, mark, a, b in rows], 2))
    body = encode_trace(part)
    assert decode_trace(TRACE_ZLIB, crc32(body), body) == part


def test_damage_and_an_unknown_codec_are_found_out() -> None:
    body = encode_trace(trace())
    with pytest.raises(ChunkError, match="checksum"):
        decode_trace(TRACE_ZLIB, crc32(body) ^ 1, body)
    with pytest.raises(ChunkError, match="codec 9, known is 1"):
        decode_trace(9, crc32(body), body)


def test_a_dead_letter_names_the_part_and_spares_its_rows() -> None:
    assert record_text(trace(part=2)) == '{"trace":"ev-1","meter":"tx1","part":2,"samples":3}'


# -- lanes -----------------------------------------------------------------------------------------------------


async def test_parts_have_a_lane_of_their_own_and_are_in_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add_reading(reading(1))
        journal.add_trace(trace(1))
        await journal.add_event(event())
        journal.add_trace(trace(2))
        assert await lane(journal) == [Entry(2, trace(1)), Entry(4, trace(2))]
        live = await journal.fetch("mqtt", "live", 10)
        assert [entry.seq for entry in live.entries] == [1, 3]
    async with opened(tmp_path) as journal:
        assert await lane(journal) == [Entry(2, trace(1)), Entry(4, trace(2))]
        assert [entry.seq for entry in await lane(journal, "live")] == [1, 3]
        assert journal.head == 5


async def test_a_part_is_durable_within_a_second(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, call_later=timers.call_later) as journal:
        journal.add_trace(trace())
        timers.advance(TRACE_S - 0.1)
        assert (await journal.stats()).uncommitted == 1
        timers.advance(0.2)
        await journal.add_event(event())
        stats = await journal.stats()
        assert (stats.uncommitted, stats.sinks["mqtt"].traces) == (0, 1)


async def test_each_sink_has_its_place_among_the_parts_and_keeps_it(tmp_path: Path) -> None:
    async with opened(tmp_path, "mqtt", "influxdb") as journal:
        for part in (1, 2, 3):
            journal.add_trace(trace(part))
        journal.advance("mqtt", "trace", 3)
        journal.advance("influxdb", "live", 4)
    async with opened(tmp_path, "mqtt", "influxdb") as journal:
        assert [entry.seq for entry in await lane(journal)] == [3]
        assert [entry.seq for entry in await lane(journal, sink="influxdb")] == [1, 2, 3]
        stats = (await journal.stats()).sinks
        assert (stats["mqtt"].traces, stats["influxdb"].traces) == (1, 3)


async def test_a_rejoin_leaves_the_parts_where_they_are(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for number in range(300):
            journal.add_reading(reading(number))
        journal.add_trace(trace())
        journal.rejoin("mqtt")
        assert [entry.record for entry in await lane(journal)] == [trace()]


async def test_where_no_part_was_passed_no_page_is_written_for_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.add_event(event())
        journal.advance("mqtt", "live", 2)
        journal.advance("mqtt", "trace", 2)
        await journal.add_event(event(id="next"))
    assert query(tmp_path, "SELECT * FROM trace_position") == []


# -- questions -------------------------------------------------------------------------------------------------


async def test_the_parts_of_an_event_are_those_that_show_its_time_on_its_meter(tmp_path: Path) -> None:
    parts = [trace(part, count=100) for part in (1, 2)]  # 0 to 10 s
    other = trace(meter="tx2", event="ev-9")
    inside = event(id="ev-2", start_us=MIDNIGHT_US + 6_000_000, end_us=MIDNIGHT_US + 7_000_000)
    after = event(id="ev-3", start_us=MIDNIGHT_US + 30_000_000)
    async with opened(tmp_path) as journal:
        for part in (parts[0], other):
            journal.add_trace(part)
        await journal.add_event(inside)
        journal.add_trace(parts[1])
        assert await journal.traces(event()) == tuple(parts)
        assert await journal.traces(inside) == tuple(parts)
        assert await journal.traces(after) == ()
        assert await journal.event("ev-2") == inside
        assert await journal.event("ev-7") is None
        await journal.add_event(replace(inside, revision=2, state="closed"))
        found = await journal.event("ev-2")
        assert found is not None
        assert found.revision == 2
    with view(tmp_path) as kept:
        assert kept.traces(inside) == tuple(parts)
        assert kept.event_ids() == ("ev-2",)
        assert kept.stats().sinks["mqtt"].traces == 3


# -- bounds ----------------------------------------------------------------------------------------------------


def test_traces_beyond_their_share_go_down_to_nine_tenths_of_it() -> None:
    share = int(TRACE_SHARE * 8000)
    assert trace_excess_bytes(share, 8000) == 0
    assert trace_excess_bytes(share + 1, 8000) == share + 1 - int(0.9 * share)


STORED = [
    *(Row("chunk", lo, lo + 9, 100) for lo in range(0, 50, 10)),
    *(Row("trace", seq, seq, 100) for seq in range(50, 60)),
    Row("event", 60, 60, 100),
]


def stored(tables: Sequence[Table], within: Range) -> Iterator[Row]:
    lo, hi = within
    return (row for row in STORED if row.table in tables and lo <= row.seq_lo and row.seq_hi < hi)


def chosen(need_bytes: int, position: Position, traces_need: int = 0) -> list[tuple[str, int]]:
    found = choose(stored, sent_by([position], 100), 100, need_bytes, trace_need_bytes=traces_need)
    return [(row.table, row.seq_lo) for row in found.rows]


def test_traces_go_before_readings_those_that_every_sink_has_first() -> None:
    position = Position(live=20, trace=52)
    assert chosen(300, position) == [("trace", 50), ("trace", 51), ("chunk", 0)]
    assert chosen(500, position)[3:] == [("chunk", 10), ("trace", 52)]
    assert [table for table, _ in chosen(10**6, position)[4:12]] == ["trace"] * 8
    assert chosen(10**6, position)[-1] == ("event", 60)


def test_beyond_their_share_the_oldest_traces_go_and_nothing_else_does() -> None:
    assert chosen(0, Position(live=100, trace=51), traces_need=250) == [("trace", 50), ("trace", 51), ("trace", 52)]


def test_what_a_sink_lacked_of_the_evicted_is_said() -> None:
    found = choose(stored, sent_by([Position(live=100, trace=51)], 100), 100, 0, trace_need_bytes=300)
    assert found.lost == ((51, 53),)


def noise(part: int) -> Trace:
    rows = [
        TraceSample(part * 10**8 + n * 50_000, QUESTIONABLE, tuple(hash((part, n, i)) / 7e15 for i in range(2)))
        for n in range(ROWS)
    ]
    return trace(part, rows=pack(rows, 2))


@pytest.mark.slow
@pytest.mark.parametrize("sent", [True, False], ids=["sent", "unsent"])
async def test_traces_keep_to_their_share_and_what_went_is_counted(tmp_path: Path, sent: bool) -> None:
    async with opened(tmp_path, cap_mib=1) as journal:
        for number in range(100):
            journal.add_reading(reading(number))
            journal.add_trace(noise(number + 1))
            await journal.add_event(event(id=f"ev-{number}"))
            if sent:
                journal.advance("mqtt", "trace", journal.head)
        await journal.add_event(event(id="last"))
        stats = await journal.stats()
        assert stats.trace_bytes <= TRACE_SHARE * (1 << 20)
        assert 10 < stats.traces_evicted < 100
        assert len(await journal.readings(None, 1000)) == 100
        kept = [entry.seq for entry in await lane(journal)]
        live = await lane(journal, "live")
    told = {seq for e in live if isinstance(e.record, Gap) for seq in range(e.record.seq_lo, e.record.seq_hi + 1)}
    everything = set(range(1, journal.head))
    assert (not told and not kept) if sent else everything == told | set(kept) | {entry.seq for entry in live}
    assert (1 << 20) * TRACE_SHARE >= query(tmp_path, "SELECT sum(size) FROM trace")[0][0] == stats.trace_bytes


async def test_while_the_disk_takes_nothing_the_oldest_parts_go_and_that_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        most = TAIL_MOST[Trace]
        for part in range(most + 1):
            journal.add_trace(trace(part + 1))
        gone = most + 1 - most * 9 // 10
        (gap,) = [entry.record for entry in await lane(journal, "live")]
        assert gap == Gap(1, gone, "not durable in time", MIDNIGHT_US)
        assert len(await lane(journal)) == most * 9 // 10
        await journal.add_event(event())
        assert journal._tail.counts[Trace] == 0


async def test_a_damaged_part_becomes_a_gap_and_the_others_are_delivered(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for part in (1, 2, 3):
            journal.add_trace(trace(part))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("UPDATE trace SET body = x'00112233' WHERE seq = 2")
    async with opened(tmp_path) as journal:
        assert [entry.seq for entry in await lane(journal)] == [1, 3]
        await journal.add_event(event())
        assert Gap(2, 2, "damaged", MIDNIGHT_US) in [entry.record for entry in await lane(journal, "live")]


# -- older files -----------------------------------------------------------------------------------------------


def older(state_dir: Path) -> bytes:
    """A journal that the first version wrote: 40 readings, one closed and one open event, mqtt at 32."""
    content = gzip.decompress(OLDER.read_bytes())
    (state_dir / FILE_NAME).write_bytes(content)
    return content


async def test_a_journal_from_before_there_were_traces_opens_with_everything_in_it(tmp_path: Path) -> None:
    older(tmp_path)
    async with opened(tmp_path, "mqtt", "influxdb") as journal:
        assert (await journal.stats()).note == ""
        assert [found.id for found in journal.open_events()] == ["open"]
        assert (len(await journal.readings(None, 100)), len(await journal.events())) == (40, 2)
        assert (await lane(journal, "live"))[0].seq == 32
        journal.add_trace(trace())
    assert query(tmp_path, "PRAGMA user_version") == [(SCHEMA,)]
    async with opened(tmp_path) as journal:
        assert [entry.record for entry in await lane(journal)] == [trace()]


def test_a_look_at_an_older_journal_changes_nothing(tmp_path: Path) -> None:
    before = older(tmp_path)
    with view(tmp_path) as kept:
        (closed,) = [found for found in kept.events() if found.id == "closed"]
        assert kept.traces(closed) == ()
        stats = kept.stats()
        assert (stats.head, stats.trace_bytes, stats.sinks["mqtt"].traces) == (44, 0, 0)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def query(state_dir: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(state_dir / FILE_NAME, timeout=0)) as db:
        return db.execute(sql).fetchall()
