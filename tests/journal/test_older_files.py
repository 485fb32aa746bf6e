"""A journal of every schema there ever was opens, and says what it said when it was written."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, event, health, incident, reading, trace
from timers import Timers

from agent.journal.file import FILE_NAME, SCHEMA, connect
from agent.journal.journal import Journal
from agent.journal.view import view
from agent.records import Reading

CASES = Path(__file__).resolve().parent.parent / "cases"
VERSIONS = range(2, SCHEMA + 1)  # the file of schema 1 holds something else: see test_traces, test_incidents

STOOD = [
    health(),
    health(1, "tx2", numbers={"live": 0.0, "unknown": 1.0, "of_a_later_version": 0.5}),
    health(1, "feeder-room", of="line", numbers={"exchanges_silent": 3.0}, texts={"line_error": ""}, instants={}),
]


def written_by(version: int, state_dir: Path) -> bytes:
    """What each of these files holds: 40 readings, mqtt at 32, an event that was closed and one that is open, a part of
    a trace, since schema 3 an incident, and since schema 6 how two meters stood, and a line."""
    content = gzip.decompress((CASES / f"journal-schema-{version}.sqlite3.gz").read_bytes())
    (state_dir / FILE_NAME).write_bytes(content)
    return content


def told() -> list[Reading]:
    marked = [reading(n, meter=f"tx{n % 4}", flags=("clock",) * (n % 7 == 0)) for n in range(20)]
    return marked + [reading(n, meter=f"tx{n % 4}") for n in range(20, 40)]


def query(state_dir: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db:
        return db.execute(sql).fetchall()


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_opens_with_everything_in_it_and_goes_on(tmp_path: Path, version: int) -> None:
    written_by(version, tmp_path)
    options = {"call_later": Timers().call_later, "now_us": lambda: MIDNIGHT_US}
    async with Journal.open(tmp_path, ["mqtt", "late"], "gw-01", **options) as journal:  # type: ignore[arg-type]
        assert (await journal.stats()).note == ""
        assert [*reversed(await journal.readings(None, 100))] == told()
        assert journal.open_events() == (event(id="open"),)
        assert journal.open_incidents() == ((incident(),) if version > 2 else ())
        assert [entry.record for entry in (await journal.fetch("late", "trace", 9)).entries] == [trace(event="closed")]
        assert (await journal.fetch("mqtt", "live", 1)).entries[0].seq == 32
        assert journal.head == (44 + (version > 2) + len(STOOD) * (version > 5))
        last = (await journal.fetch("late", "live", 100)).entries[-len(STOOD) :]
        assert ([entry.record for entry in last] == STOOD) is (version > 5)
        assert journal.kept("modes") == "{}"
        journal.add_reading(reading(41))
    assert query(tmp_path, "PRAGMA user_version") == [(SCHEMA,)]
    codecs = [1, 1, 2] if version < 4 else [2, 2, 2] if version < 6 else [2, 2, 4, 2]
    assert query(tmp_path, "SELECT codec FROM chunk ORDER BY seq_lo") == [(codec,) for codec in codecs]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_look_at_it_changes_nothing(tmp_path: Path, version: int) -> None:
    before = written_by(version, tmp_path)
    with view(tmp_path) as kept:
        assert [*reversed(kept.readings(None, 100))] == told()
    assert (tmp_path / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize("version", VERSIONS)
def test_once_taken_over_its_tables_lie_where_those_of_a_new_file_do(tmp_path: Path, version: int) -> None:
    """What lends a first page relies on it."""
    places = "SELECT name, rootpage FROM sqlite_master ORDER BY name"
    written_by(version, tmp_path)
    connect(tmp_path / FILE_NAME, 1 << 20).close()
    connect(tmp_path / "new", 1 << 20).close()
    with closing(sqlite3.connect(tmp_path / "new")) as db:
        assert query(tmp_path, places) == db.execute(places).fetchall()
