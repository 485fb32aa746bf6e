"""The file of the long record: other versions, damage, and a kill in the midst of a write."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, interval

from agent.records import HOUR_US
from agent.report.figures import Span
from agent.report.record.history import History, past
from agent.report.record.history_file import FILE_NAME, SCHEMA, opened

ALL = Span(0, 1 << 62)
HOURS = 60


def now_us() -> int:
    return MIDNIGHT_US


async def write(state_dir: Path, hours: int = 1) -> None:
    async with History.open(state_dir, now_us) as history:
        for n in range(hours):
            history.add(interval(start_us=MIDNIGHT_US - n * HOUR_US))


def kept(state_dir: Path) -> int:
    with past(state_dir) as found:
        return 0 if found is None else sum(len(columns.start_us) for columns in found.of_meter("tx1", ALL))


def call_it(state_dir: Path, schema: int) -> None:
    with closing(sqlite3.connect(state_dir / FILE_NAME)) as db:
        db.execute(f"PRAGMA user_version={schema}")


def names(state_dir: Path) -> set[str]:
    return {file.name for file in state_dir.iterdir()}


# -- other versions ---------------------------------------------------------------------------------------------


async def test_400_days_survive_a_version_that_is_installed_and_taken_back_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    aside = tmp_path / f"{FILE_NAME}.schema-{SCHEMA + 1}"
    for _ in range(3):
        await write(tmp_path, HOURS)
        call_it(tmp_path, SCHEMA + 1)
        content = (tmp_path / FILE_NAME).read_bytes()
        await write(tmp_path)
        assert aside.read_bytes() == content
        assert f"history.other_schema to={aside.name}" in caplog.text
        assert kept(tmp_path) == 1
        # As that version does once it is installed again: it finds ours, and puts its own back.
        ours = tmp_path / f"{FILE_NAME}.schema-{SCHEMA}"
        (tmp_path / FILE_NAME).rename(ours)
        aside.rename(tmp_path / FILE_NAME)
        await write(tmp_path)
        assert aside.read_bytes() == content
        assert kept(tmp_path) == 1
        assert names(tmp_path) == {FILE_NAME, aside.name}
        aside.rename(tmp_path / FILE_NAME)
        call_it(tmp_path, SCHEMA)
        assert kept(tmp_path) == HOURS


async def test_a_name_that_is_taken_is_not_taken_from_it(tmp_path: Path) -> None:
    first = tmp_path / f"{FILE_NAME}.schema-{SCHEMA + 1}"
    first.write_bytes(b"of before")
    await write(tmp_path, 30)
    call_it(tmp_path, SCHEMA + 1)
    await write(tmp_path)
    assert first.read_bytes() == b"of before"
    assert (tmp_path / f"{first.name}-2").stat().st_size > 4096


async def test_a_report_on_another_versions_record_says_so_and_touches_nothing(tmp_path: Path) -> None:
    await write(tmp_path)
    call_it(tmp_path, SCHEMA + 1)
    content = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(OSError, match=rf"schema {SCHEMA + 1}, this version of lamplighter has {SCHEMA}; make the"):
        kept(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


# -- damage -----------------------------------------------------------------------------------------------------


async def test_what_was_moved_aside_is_not_replaced_by_something_smaller(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for length in (900, 100, 50, 500):
        (tmp_path / FILE_NAME).write_bytes(b"x" * length)
        await write(tmp_path)
    bad = {name: (tmp_path / name).stat().st_size for name in names(tmp_path) if ".bad" in name}
    assert sorted(bad.values()) == [500, 900]
    assert caplog.text.count("history.removed") == 2


@pytest.mark.parametrize(
    ("sound", "damaged"),
    [
        (b"CREATE TABLE hour", b"CREATE TABLE hous"),
        (b"tablehourhour", b"tablehouthour"),
        (b"crc32 INTEGER", b"crc33 INTEGER"),
        (b"crc32 INTEGER", b"\xffrc32 INTEGER"),
        (b"hour (at", b"hour (\xe4t"),
        (b"PRIMARY KEY (at, meter)", b"PRIMARY KEY (at, matar)"),
        (b"body BLOB", b"body TLOB"),
        (b"SQLite format 3\0\x40\0\1", b"SQLite format 3\0\x40\0\3"),  # a version that SQLite does not write
    ],
)
async def test_a_letter_of_the_schema_is_damage_for_whoever_writes_and_an_error_for_whoever_reads(
    tmp_path: Path, sound: bytes, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await write(tmp_path, 30)
    content = (tmp_path / FILE_NAME).read_bytes()
    assert sound in content
    content = content.replace(sound, damaged, 1)
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(OSError, match=FILE_NAME):
        kept(tmp_path)
    await write(tmp_path)
    assert "history.failed" not in caplog.text
    assert kept(tmp_path) == 1
    assert (tmp_path / f"{FILE_NAME}.bad").read_bytes() == content


async def test_a_row_whose_hour_or_meter_is_something_else_is_no_hour(tmp_path: Path) -> None:
    await write(tmp_path, 3)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        for at in ("text", -(1 << 62), 1 << 62, b"bytes"):
            db.execute("INSERT INTO hour VALUES (?, 'tx1', 1, x'00')", (at,))
        db.execute("INSERT INTO hour VALUES (5, x'ff', 1, x'00')")
    with past(tmp_path) as found:
        assert found is not None
        assert found.meters() == ("tx1",)
        assert found.since_us() == 5 * HOUR_US
    assert kept(tmp_path) == 3


def test_a_write_of_many_meters_holds_half_a_megabyte_of_it_in_memory(tmp_path: Path) -> None:
    """What is more goes to the file before the transaction ends."""
    path = tmp_path / FILE_NAME
    with opened(path) as db:
        for n in range(300):
            db.execute("INSERT INTO hour VALUES (1, ?, 0, zeroblob(4000))", (f"m{n}",))
        assert path.stat().st_size > 600_000


@pytest.mark.parametrize("length", [900, 1100, 1300, 2000, 3900])
def test_an_hour_of_many_quantities_takes_little_more_than_its_bytes(tmp_path: Path, length: int) -> None:
    """As they grow: minutes are added to the youngest hour of each meter."""
    for at in range(20):
        for part in (0.5, 1.0):
            with opened(tmp_path / FILE_NAME) as db:
                for n in range(20):
                    told = (at, f"m{n}", int(part * length))
                    db.execute("INSERT OR REPLACE INTO hour VALUES (?, ?, 0, zeroblob(?))", told)
    assert (tmp_path / FILE_NAME).stat().st_size < 1.4 * 400 * length


# -- a kill -----------------------------------------------------------------------------------------------------


def cut_off(path: Path) -> None:
    """As a kill leaves it: pages are written, what they were lies beside."""
    child = os.fork()
    if not child:
        db = sqlite3.connect(path, isolation_level=None)
        db.executescript("PRAGMA cache_size=1; BEGIN IMMEDIATE; UPDATE hour SET body = zeroblob(4000)")
        os._exit(0)
    os.waitpid(child, 0)
    assert path.with_name(f"{path.name}-journal").stat().st_size


async def test_after_a_kill_in_the_midst_of_a_write_a_report_reads_what_was_before_it(tmp_path: Path) -> None:
    await write(tmp_path, 60)
    cut_off(tmp_path / FILE_NAME)
    with past(tmp_path) as found:
        assert found is not None
        assert sum(len(columns.start_us) for columns in found.of_meter("tx1", ALL)) == 60
        assert found.damaged == 0


async def test_what_is_half_written_goes_aside_with_its_file(tmp_path: Path) -> None:
    await write(tmp_path, 60)
    cut_off(tmp_path / FILE_NAME)
    content = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(content[:18] + b"\3" + content[19:])
    await write(tmp_path)
    assert names(tmp_path) == {FILE_NAME, f"{FILE_NAME}.bad", f"{FILE_NAME}.bad-journal"}
    assert kept(tmp_path) == 1


async def test_a_file_that_was_only_just_made_is_no_record_yet(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    assert kept(tmp_path) == 0
    await write(tmp_path)
    assert kept(tmp_path) == 1
