"""One entry that no file can hold keeps nothing else from the file, and is said: in the log, and as a gap."""

import asyncio
import sqlite3
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from samples import MIDNIGHT_US, event, incident, reading, trace
from timers import Timers

from agent.journal.entries import Entry
from agent.journal.file import FILE_NAME
from agent.journal.journal import Journal
from agent.journal.unstorable import unstorable
from agent.records import Event, Gap, Incident, Reading, Record

HALF = "\ud800"
EVENTS: list[dict[str, Any]] = [
    {"evidence": (HALF,)}, {"id": HALF}, {"start_us": 10**30}, {"revision": 10**30}, {"start_us": 2**63}, {"id": None},
    {"meter": ["x"]}, {"evidence": ({1, 2},)}, {"revision": float("nan")},
]  # fmt: skip
_UNSORTED: Any = ({1},)
OTHERS: list[Record] = [
    incident(node=HALF), incident(start_us=10**30), reading(flags=_UNSORTED), trace(event=HALF),
    replace(trace(), part=10**30), Gap(1, 10**30, "x", MIDNIGHT_US),
]  # fmt: skip


def _journal(state_dir: Path) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(state_dir, ("mqtt",), "gw-01", now_us=lambda: MIDNIGHT_US, call_later=Timers().call_later)


def _append(journal: Journal, record: Record) -> asyncio.Future[None] | None:
    if isinstance(record, Event):
        return journal.add_event(record)
    if isinstance(record, Incident):
        return journal.add_incident(record)
    journal._append(record)
    return None


@pytest.mark.parametrize(
    "record", [*(event(**change) for change in EVENTS), *OTHERS], ids=lambda one: type(one).__name__
)
async def test_one_bad_entry_is_set_aside_and_all_others_are_stored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, record: Record
) -> None:
    async with _journal(tmp_path) as journal:
        journal.add_reading(reading(1))
        promise = _append(journal, record)
        journal.add_reading(reading(2))
        async with asyncio.timeout(5):
            await journal.add_event(event(id="gw-01-x-9"))
            await journal.add_event(event(id="gw-01-x-10"))
        assert promise is None or promise.cancelled()
        assert (await journal.stats()).uncommitted == 0
        assert journal.error == ""
    assert caplog.text.count("journal.unstorable seq=2") == 1
    assert "Traceback" not in caplog.text
    async with _journal(tmp_path) as journal:
        found = [(one.seq, one.record) for one in (await journal.fetch("mqtt", "backlog", 10)).entries]
        found += [(one.seq, one.record) for one in (await journal.fetch("mqtt", "live", 10)).entries]
        kept = dict(found)
        assert [seq for seq, one in kept.items() if isinstance(one, Reading)] == [1, 3]
        gaps = [(one.seq_lo, one.seq_hi, one.reason) for one in kept.values() if isinstance(one, Gap)]
        assert gaps == [(2, 2, "cannot be stored")], "and a later start finds no hole"
        assert {one.id for one in await journal.events()} == {"gw-01-x-9", "gw-01-x-10"}


async def test_what_is_appended_afterwards_is_taken_as_ever(tmp_path: Path) -> None:
    async with _journal(tmp_path) as journal:
        for number in range(20):
            journal.add_event(event(id=f"gw-01-x-{number}", evidence=(HALF,)))
        await journal.add_event(event())
        assert journal.add_reading(reading()) == journal.head - 1
        assert [one.id for one in await journal.events()] == ["ev-1"]


async def test_a_dead_letter_of_an_entry_that_no_file_can_hold_is_stored_with_escapes(tmp_path: Path) -> None:
    async with _journal(tmp_path) as journal:
        journal.reject("mqtt", Entry(1, event(evidence=(HALF,))), f"refused {HALF}")
        await journal.add_event(event())
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        ((reason, body),) = db.execute("SELECT reason, body FROM dead").fetchall()
    assert reason == "refused \\ud800"
    assert "\\ud800" in body


def test_of_a_run_of_readings_only_the_bad_one_is_named() -> None:
    found = unstorable([Entry(seq, reading(seq, flags=_UNSORTED if seq == 70 else ())) for seq in range(1, 200)])
    assert list(found) == [70]
    assert not unstorable([Entry(seq, reading(seq)) for seq in range(1, 200)])
