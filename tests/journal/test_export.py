"""What is stored, page by page, as whoever asks for it wants it."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from samples import MIDNIGHT_US, event, health, incident, interval, reading, trace
from timers import Timers

from agent.journal.export import PAGE_ROWS, PAGE_SPAN, PAGE_TRACES, ExportQuery, known_kinds
from agent.journal.figures import backlog
from agent.journal.file import FILE_NAME
from agent.journal.journal import Journal
from agent.journal.shifts import Shift
from agent.journal.view import view

S = 1_000_000


async def stored(state_dir: Path, fill: Callable[[Journal], object]) -> None:
    timers = Timers()
    opened = Journal.open(state_dir, ["mqtt"], "gw", now_us=lambda: MIDNIGHT_US, call_later=timers.call_later)
    async with opened as journal:
        fill(journal)


def exported(state_dir: Path, query: ExportQuery) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    next_seq: int | None = query.from_seq
    with view(state_dir) as kept:
        while next_seq is not None:
            page = kept.look(replace(query, from_seq=next_seq).page)
            assert page.next is None or next_seq < page.next <= page.head
            rows += map(json.loads, page.lines)
            next_seq = page.next
    return rows


def one_of_each(journal: Journal) -> None:
    journal.add_reading(reading(0))
    journal.add_reading(reading(1, meter="tx2"))
    journal.add_event(event())
    journal.add_event(event(id="ev-2", kind="swell", meter="tx2"))
    journal.add_incident(incident())
    journal.add_trace(trace())
    journal.add_reading(reading(2))


def what(rows: list[dict[str, Any]]) -> list[str]:
    return [row["record"] for row in rows]


async def test_every_sort_of_record_is_there_in_order(tmp_path: Path) -> None:
    await stored(tmp_path, one_of_each)
    rows = exported(tmp_path, ExportQuery())
    assert [row["seq"] for row in rows] == list(range(1, 8))
    assert what(rows) == ["reading", "reading", "event", "event", "incident", "trace", "reading"]
    assert rows[5]["values"]["voltage_l1"] == [92.25, 93.25, 94.25]


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        (ExportQuery(meters=frozenset({"tx2"})), [2, 4, 5]),
        (ExportQuery(meters=frozenset({"tx1"})), [1, 3, 5, 6, 7]),
        (ExportQuery(kinds=frozenset({"reading"})), [1, 2, 7]),
        (ExportQuery(kinds=frozenset({"sag"})), [3, 6]),
        (ExportQuery(kinds=frozenset({"swell", "incident"})), [4, 5]),
        (ExportQuery(kinds=frozenset({"trace"})), [6]),
        (ExportQuery(kinds=frozenset({"event"}), meters=frozenset({"tx1"})), [3]),
        (ExportQuery(since_us=MIDNIGHT_US + 20 * S), [3, 4, 5, 7]),
        (ExportQuery(until_us=MIDNIGHT_US + 1), [1, 6]),
        (ExportQuery(until_us=MIDNIGHT_US), []),
        (ExportQuery(until_us=MIDNIGHT_US + 1, last_words=True), [1, 3, 4, 5, 6]),
        (ExportQuery(since_us=MIDNIGHT_US + 100_000, until_us=MIDNIGHT_US + 100_001), [6]),
        (ExportQuery(from_seq=6), [6, 7]),
    ],
)
async def test_what_is_asked_for_comes_and_nothing_else(tmp_path: Path, query: ExportQuery, seqs: list[int]) -> None:
    await stored(tmp_path, one_of_each)
    assert [row["seq"] for row in exported(tmp_path, query)] == seqs
    assert ExportQuery.asked(json.loads(json.dumps(query.told()))) == query


@pytest.mark.slow
def what_lies_in_chunks(journal: Journal) -> None:
    told = (reading(0), interval(0, "tx2"), health(0), health(1, "room", of="line"), health(2, "tx2"))
    for seq, one in enumerate(told, start=1):
        assert journal.add_reading(one) == seq


@pytest.mark.parametrize(
    ("query", "seqs"),
    [
        (ExportQuery(), [1, 2, 3, 4, 5]),
        (ExportQuery(kinds=frozenset({"interval"})), [2]),
        (ExportQuery(kinds=frozenset({"reading"})), [1]),
        (ExportQuery(kinds=frozenset({"health"})), [3, 4, 5]),
        (ExportQuery(kinds=frozenset({"health"}), meters=frozenset({"tx2"})), [4, 5]),
        (ExportQuery(kinds=frozenset({"health"}), meters=frozenset({"tx3"})), [4]),
        (ExportQuery(kinds=frozenset({"health"}), until_us=MIDNIGHT_US + 60 * S), [3]),
        (ExportQuery(kinds=frozenset({"event"})), []),
    ],
)
async def test_intervals_and_health_are_asked_for_by_their_names(
    tmp_path: Path, query: ExportQuery, seqs: list[int]
) -> None:
    await stored(tmp_path, what_lies_in_chunks)
    assert [row["seq"] for row in exported(tmp_path, query)] == seqs


async def test_no_page_holds_more_than_its_share_and_none_leaves_anything_out(tmp_path: Path) -> None:
    """Traces lie dense in one place, readings in another."""

    def fill(journal: Journal) -> None:
        for number in range(3 * PAGE_TRACES):
            journal.add_trace(trace(part=number + 1))
            journal.add_reading(reading(number))
        for number in range(2 * PAGE_ROWS):
            journal.add_reading(reading(1000 + number))

    await stored(tmp_path, fill)
    rows = exported(tmp_path, ExportQuery())
    assert [row["seq"] for row in rows] == list(range(1, 6 * PAGE_TRACES + 2 * PAGE_ROWS + 1))
    with view(tmp_path) as kept:
        page = kept.look(ExportQuery().page)
    assert len(page.lines) <= PAGE_ROWS + PAGE_TRACES
    assert sum('"record":"trace"' in line for line in page.lines) <= PAGE_TRACES


async def test_what_is_not_asked_for_is_passed_over_unread_in_spans_of_bounded_length(tmp_path: Path) -> None:
    """Days of readings lie before the hour that is wanted."""

    def fill(journal: Journal) -> None:
        for number in range(3000):
            journal.add_reading(reading(number, meter=f"tx{number // 1500}"))

    await stored(tmp_path, fill)
    last = ExportQuery(since_us=MIDNIGHT_US + 29_990 * S)
    first = ExportQuery(until_us=MIDNIGHT_US + 1, meters=frozenset({"tx0"}))
    nobody = ExportQuery(meters=frozenset({"tx9"}))
    none = ExportQuery(kinds=frozenset({"event"}))
    for query, seqs, chunks in ((last, [3000], 1), (first, [1], 1), (nobody, [], 0), (none, [], 0)):
        assert [row["seq"] for row in exported(tmp_path, query)] == seqs
        with view(tmp_path) as kept:
            page, decoded = kept.look(lambda reader, query=query: (query.page(reader), reader._decoded))  # type: ignore[misc]
        assert (page.next, len(decoded)) == (None, chunks)
    with view(tmp_path) as kept:
        page = kept.look(replace(nobody, from_seq=3000 - PAGE_SPAN).page)
    assert page.next == 3000


async def test_rows_whose_clock_was_set_later_are_found_by_the_time_they_really_had(tmp_path: Path) -> None:
    """They lie in the file a day too early."""
    day_us = 86_400 * S

    def fill(journal: Journal) -> None:
        for number in range(300):
            journal.add_reading(reading(number))
        journal.shift([Shift(1, 200, MIDNIGHT_US, day_us, 0, MIDNIGHT_US + day_us)])

    await stored(tmp_path, fill)
    tomorrow = exported(tmp_path, ExportQuery(since_us=MIDNIGHT_US + day_us))
    assert [row["seq"] for row in tomorrow] == list(range(1, 201))
    today = exported(tmp_path, ExportQuery(until_us=MIDNIGHT_US + day_us))
    assert [row["seq"] for row in today] == list(range(201, 301))


def test_rubbish_for_a_question_is_a_question_for_everything() -> None:
    assert ExportQuery.asked({"from_seq": "x", "since_us": None, "meters": None, "last_words": "yes"}) == ExportQuery()


def test_kinds_of_records_and_of_events_do_not_meet() -> None:
    assert len(set(known_kinds())) == len(known_kinds())


async def test_a_gap_is_told_with_what_is_missing_why_and_when(tmp_path: Path) -> None:
    def fill(journal: Journal) -> None:
        for number in range(4):
            journal.add_reading(reading(number, meter="tx2"))
        journal._intake.report_lost([(2, 5)], "damaged")

    await stored(tmp_path, fill)
    (row,) = exported(tmp_path, ExportQuery(meters=frozenset({"tx1"})))
    time = "2026-11-23T00:00:00.000000Z"
    assert row == {"seq": 5, "record": "gap", "gap": [2, 4], "reason": "damaged", "time": time}


async def test_a_backlog_counts_what_is_kept_and_not_what_had_to_go(tmp_path: Path) -> None:
    """An old event outlives the readings around it: between the two there is nothing any more."""

    def fill(journal: Journal) -> None:
        journal.add_event(event())
        for number in range(1000):
            journal.add_reading(reading(number))

    await stored(tmp_path, fill)
    await stored(tmp_path, lambda journal: [journal.add_reading(reading(1000 + number)) for number in range(100)])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.execute("DELETE FROM chunk WHERE seq_lo < 1000")
    with view(tmp_path) as kept:
        stats = kept.stats()
    assert (stats.rows, stats.sinks["mqtt"].rows) == (101, 101), "the event, and what is left of the readings"
    timers = Timers()
    opened = Journal.open(tmp_path, ["mqtt"], "gw", now_us=lambda: MIDNIGHT_US, call_later=timers.call_later)
    async with opened as journal:
        journal.add_reading(reading(2000))
        told = await journal.stats()
        assert (told.rows, told.sinks["mqtt"].rows) == (103, 103), "and what came now, with a gap record of what went"


def test_a_backlog_is_its_share_of_the_file_and_as_old_as_its_oldest_row() -> None:
    stats = {"rows": 100, "size_bytes": 3 << 20, "trace_bytes": 1 << 20}
    sink = {"rows": 50, "oldest_us": MIDNIGHT_US}
    assert backlog(sink, stats, MIDNIGHT_US + 9_000 * S) == {"backlog_mib": 1.0, "backlog_h": 2.5}
    assert backlog(sink, stats, MIDNIGHT_US - S)["backlog_h"] == 0, "a clock that was set back makes nobody wait"
    assert backlog({"rows": 0, "oldest_us": None}, stats, MIDNIGHT_US) == {"backlog_mib": 0.0, "backlog_h": 0.0}
