"""`lamplighter report` of a long record that is damaged, or does not reach so far: what reads, and what did not."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command_line import CommandLine
from report_site import HEAD
from samples import MIDNIGHT_US, interval

from agent.journal.journal import Journal
from agent.records import HOUR_US
from agent.report.record.history import History
from agent.report.record.history_file import FILE_NAME

SITE = (
    HEAD
    + """
[meters.tx1]
line = "l"
unit = 1
model = "eastron-sdm630"
"""
)
HOURS = 48
PERIOD = "2026-11-21T00:00Z..2026-11-23T00:00Z"


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    """From 2026-11-21 UTC on 48 hours of 220 V, each minute with bytes of its own."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "state").mkdir()
    async with History.open(tmp_path / "state", lambda: MIDNIGHT_US) as history:
        for n in range(60 * HOURS):
            names = ("l1", "l2", "l3", "l1_l2", "l2_l3", "l3_l1")
            values = {f"voltage_{name}": 220.0 + n * at * 7919 % 997 / 100 for at, name in enumerate(names, 1)}
            history.add(interval(n - 60 * HOURS, values=values, coverage=1.0))
    async with Journal.open(tmp_path / "state", [], "gw-01"):
        pass
    return tmp_path / "site.toml"


def record(site: Path) -> Path:
    return site.parent / "state" / FILE_NAME


def told(lamplighter: CommandLine, site: Path, period: str = PERIOD) -> tuple[dict[str, object], float, str]:
    """Of the record, the minutes that were monitored, and what was said on stderr."""
    done = lamplighter("report", site, "--period", period, "--json")
    assert done.code == 0
    body = json.loads(done.out)
    return body["record"], body["meters"][0]["quality"]["monitored_min"], done.err


def page(lamplighter: CommandLine, site: Path, language: str = "en", period: str = PERIOD) -> str:
    out = site.parent / "page.html"
    assert lamplighter("report", site, "--period", period, "--out", out, "--language", language).code == 0
    return out.read_text()


def test_a_sound_record_says_since_when_it_is_and_nothing_else(lamplighter: CommandLine, site: Path) -> None:
    read, monitored_min, err = told(lamplighter, site)
    assert read == {"since": "2026-11-21T00:00:00.000000Z", "damaged_hours": 0, "error": ""}
    assert (monitored_min, err) == (60 * HOURS, "")
    assert "does not read" not in page(lamplighter, site)


def test_a_file_that_is_no_database_costs_the_minutes_and_not_the_report(lamplighter: CommandLine, site: Path) -> None:
    record(site).write_bytes(b"this is no database at all, whatever its name may say" * 100)
    read, monitored_min, err = told(lamplighter, site)
    assert "file is not a database" in str(read["error"])
    assert monitored_min == 0
    assert f"{site.parent}/state" in err
    assert "file is not a database" in err
    assert "The long record does not read" in page(lamplighter, site)
    assert str(site.parent) not in page(lamplighter, site)
    assert "长期记录无法读取" in page(lamplighter, site, "zh")


def test_rows_with_a_wrong_sum_are_said_and_the_others_counted(lamplighter: CommandLine, site: Path) -> None:
    with closing(sqlite3.connect(record(site))) as db, db:
        db.execute("UPDATE hour SET crc32 = crc32 + 1 WHERE at % 48 IN (3, 4)")
    read, monitored_min, err = told(lamplighter, site)
    assert (read["damaged_hours"], read["error"], monitored_min) == (2, "", 60 * (HOURS - 2))
    assert "2 hours" in err
    assert "2 hours of meters in the long record are damaged" in page(lamplighter, site)
    assert "2 个电表小时" in page(lamplighter, site, "zh")


@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_torn_page_costs_the_hours_on_it_alone(lamplighter: CommandLine, site: Path, which: str) -> None:
    lost = torn(site, which)
    read, monitored_min, err = told(lamplighter, site)
    assert read["error"] == ""
    assert (read["damaged_hours"], monitored_min) == (len(lost), 60 * (HOURS - len(lost)))
    assert f"{len(lost)} hours" in err


def torn(site: Path, which: str) -> set[int]:
    """One of the pages that hold hours; which hours were on it."""
    with closing(sqlite3.connect(record(site))) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        sql = "SELECT pageno FROM dbstat WHERE name = 'hour' AND pagetype = 'leaf' ORDER BY path"
        leaves = [leaf for (leaf,) in db.execute(sql)]
        hours = [at for (at,) in db.execute("SELECT at FROM hour ORDER BY at")]
    assert len(leaves) > 2
    leaf = {"first": leaves[0], "middle": leaves[len(leaves) // 2], "last": leaves[-1]}[which]
    body = bytearray(record(site).read_bytes())
    body[(leaf - 1) * size : leaf * size] = b"\xff" * size
    record(site).write_bytes(body)
    with closing(sqlite3.connect(record(site))) as db:
        return {at for at in hours if not reads(db, at)}


def reads(db: sqlite3.Connection, at: int) -> bool:
    try:
        return bool(db.execute("SELECT body FROM hour WHERE at = ? AND meter = 'tx1'", (at,)).fetchone())
    except sqlite3.DatabaseError:
        return False


@pytest.mark.parametrize("which", ["first", "last"])
def test_a_period_that_cuts_hours_of_a_torn_record_has_each_minute_that_reads(
    lamplighter: CommandLine, site: Path, which: str
) -> None:
    """It begins at half past and ends at a quarter past."""
    first = MIDNIGHT_US // HOUR_US - HOURS
    lost = {at - first for at in torn(site, which)}
    read, monitored_min, _ = told(lamplighter, site, "2026-11-21T00:30Z..2026-11-22T23:15Z")
    minutes = {0: 30, HOURS - 1: 15}
    assert monitored_min == sum(minutes.get(n, 60) for n in range(HOURS) if n not in lost)
    assert read["damaged_hours"] == len(lost)


def test_a_period_from_before_the_record_says_when_that_begins(lamplighter: CommandLine, site: Path) -> None:
    _, monitored_min, err = told(lamplighter, site, "2026-11-20")
    assert monitored_min == 0
    assert "The long record begins 2026-11-21 08:00" in err
    assert "The long record begins 2026-11-21 08:00" in page(lamplighter, site, period="2026-11-20")
    assert "长期记录始于 2026-11-21 08:00" in page(lamplighter, site, "zh", "2026-11-20")
