"""`lamplighter report`: from what the agent left in its state directory to the file an operator opens."""

import csv
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import CommandLine
from report_site import HEAD
from samples import MIDNIGHT_US, event, interval

from agent.clock import Clock
from agent.journal.journal import Journal
from agent.report.record.history import History

SITE = (
    HEAD
    + """
[meters.tx1]
line = "l"
unit = 1
model = "eastron-sdm630"
feeder = "F12"
customers = 100
"""
)
NOW_US = MIDNIGHT_US + 12 * 3_600_000_000
MIN = 60_000_000


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    """On 2026-11-23 UTC: two hours of minutes, ten of them low, and an outage of 20 minutes to the second."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "state").mkdir()
    async with History.open(tmp_path / "state", lambda: NOW_US) as history:
        for n in range(120):
            values = {f"voltage_l{phase}": 190.0 if n < 10 else 220.0 for phase in (1, 2, 3)}
            if not 60 <= n < 80:
                history.add(interval(n, values=values, coverage=1.0))
    from_us, to_us = MIDNIGHT_US + 60 * MIN, MIDNIGHT_US + 80 * MIN
    async with Journal.open(tmp_path / "state", [], "gw-01") as journal:
        await journal.add_event(
            event(
                kind="supply_loss",
                state="closed",
                start_us=from_us,
                start_earliest_us=from_us,
                end_us=to_us,
                end_earliest_us=to_us,
                duration_min_s=1200.0,
                duration_max_s=1200.0,
            )
        )
    return tmp_path / "site.toml"


PERIOD = "2026-11-23T00:00Z..2026-11-23T02:00Z"


def test_the_figures_of_two_hours_as_json(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("report", site, "--period", PERIOD, "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert told["reliability"]["areas"][0]["unplanned"]["customer_min"] == [2000, 2000]
    assert told["reliability"]["areas"][0]["unplanned"]["saidi_min"] == [20, 20]
    (meter,) = told["meters"]
    assert meter["quality"]["monitored_min"] == 100
    assert meter["quality"]["beyond"][0]["low_min"] == 10
    assert meter["low_customer_min"] == 1000
    assert told["voltage"]["feeders"][0]["name"] == "F12"


def test_the_page_is_written_where_it_is_said(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    page = tmp_path / "november.html"
    done = lamplighter("report", site, "--period", PERIOD, "--out", page)
    assert (done.code, done.out) == (0, f"written: {page}\n")
    assert "90.00\u00a0%" in page.read_text()


def test_tables_for_spreadsheets_have_the_same_numbers(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    done = lamplighter("report", site, "--period", PERIOD, "--csv", tmp_path / "tables")
    files = (
        "meters", "indices", "days", "interruptions", "silences", "events", "demand", "generators", "generator_runs",
        "incidents", "voltage_areas", "assessment", "ten_minutes", "sarfi", "complaints",
    )  # fmt: skip
    assert (done.code, done.out.splitlines()) == (0, [f"written: {tmp_path / 'tables' / name}.csv" for name in files])
    told = {
        name: list(csv.DictReader((tmp_path / "tables" / f"{name}.csv").read_text().splitlines())) for name in files
    }
    (meter,) = told["meters"]
    assert (meter["meter"], float(meter["rate_pct"]), float(meter["low_min"]), meter["mean_w"]) == ("tx1", 90, 10, "")
    saidi = next(row for row in told["indices"] if (row["area"], row["index"]) == ("site", "SAIDI"))
    assert (float(saidi["low"]), float(saidi["high"]), saidi["unit"]) == (20, 20, "min")
    assert told["days"] == [{"day": "2026-11-23", "saidi_low_min": "20.0", "saidi_high_min": "20.0", "major": ""}]
    (lost,) = told["interruptions"]
    assert (lost["place"], lost["customers"], lost["sure"], float(lost["lost_low_min"])) == ("tx1", "100", "true", 20)
    (event,) = told["events"]
    assert (event["kind"], event["start"]) == ("supply_loss", "2026-11-23T01:00:00.000000Z")
    assert told["demand"] == []


def test_tables_of_an_older_report_do_not_stay_beside(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    for name in ("demand_limits", "mine"):
        (tables / f"{name}.csv").write_text("of before")
    assert lamplighter("report", site, "--period", PERIOD, "--csv", tables).code == 0
    assert not (tables / "demand_limits.csv").exists()
    assert (tables / "mine.csv").read_text() == "of before"


def test_where_one_table_cannot_be_none_is_replaced(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    (tables / "events.csv").mkdir(parents=True)
    done = lamplighter("report", site, "--period", PERIOD, "--csv", tables)
    assert (done.code, [file.name for file in tables.iterdir()]) == (1, ["events.csv"])
    assert f"{tables}/events.csv: is a directory; no table was replaced" in done.err


def test_a_period_and_its_first_day_are_two_files(
    lamplighter: CommandLine, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    day = PERIOD[:10]
    for more in ((), ("--language", "zh")):
        assert lamplighter("report", site, "--period", day, *more).code == 0
    assert lamplighter("report", site, "--period", day[:7]).code == 0
    names = sorted(file.name.partition(day[:7])[2] for file in tmp_path.glob("report-*.html"))
    assert len(names) == 3
    assert any("_to_" in name for name in names)
    assert any(name.endswith("-zh.html") for name in names)


@contextmanager
def files_up_to(limit: int) -> Iterator[None]:
    """As on a card that is full: what is longer does not fit."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_tables_that_do_not_fit_leave_those_of_before(
    lamplighter: CommandLine, site: Path, tmp_path: Path
) -> None:
    async with Journal.open(tmp_path / "state", [], "gw-01") as journal:
        for n in range(600):
            await journal.add_event(
                event(id=f"ev-{n}", state="closed", end_us=MIDNIGHT_US, end_earliest_us=MIDNIGHT_US)
            )
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "meters.csv").write_text("of before")
    with files_up_to(1 << 16):
        done = lamplighter("report", site, "--period", PERIOD, "--csv", tmp_path / "tables")
    assert done.code == 1
    assert f"{tmp_path}/tables/events.csv: File too large; no table was replaced" in done.err
    assert done.out == ""
    assert [file.name for file in (tmp_path / "tables").iterdir()] == ["meters.csv"]
    assert (tmp_path / "tables" / "meters.csv").read_text() == "of before"


def test_a_page_that_does_not_fit_leaves_the_one_of_before(
    lamplighter: CommandLine, site: Path, tmp_path: Path
) -> None:
    page = tmp_path / "pages" / "november.html"
    page.parent.mkdir()
    page.write_text("of before")
    with files_up_to(1 << 12):
        done = lamplighter("report", site, "--period", PERIOD, "--out", page)
        new = lamplighter("report", site, "--period", PERIOD, "--out", page.with_name("new.html"))
    assert (done.code, done.out, done.err) == (1, "", f"{page}: File too large; the one of before is left\n")
    assert new.err == f"{page.with_name('new.html')}: File too large; nothing was written\n"
    assert page.read_text() == "of before"
    assert list(page.parent.iterdir()) == [page]


def test_a_page_takes_the_place_of_the_one_of_before_behind_its_link_and_who_may_read_it_stays(
    lamplighter: CommandLine, site: Path, tmp_path: Path
) -> None:
    page, link = tmp_path / "november.html", tmp_path / "last.html"
    page.write_text("of before")
    page.chmod(0o640)
    link.symlink_to(page)
    assert lamplighter("report", site, "--period", PERIOD, "--out", link).code == 0
    assert link.is_symlink()
    assert (page.read_text()[:15], page.stat().st_mode & 0o777) == ("<!doctype html>", 0o640)


def test_what_is_no_plain_file_is_written_as_it_is(lamplighter: CommandLine, site: Path) -> None:
    assert lamplighter("report", site, "--period", PERIOD, "--out", "/dev/null").out == "written: /dev/null\n"
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("second", ["--out", "--json"])
def test_two_forms_at_once_are_refused(lamplighter: CommandLine, site: Path, tmp_path: Path, second: str) -> None:
    to = tmp_path / "to"
    more = (second, to) if second == "--out" else (second,)
    done = lamplighter("report", site, "--period", PERIOD, "--csv", to, *more)
    assert (done.code, done.out) == (2, "")
    assert f"{second}" in done.err
    assert "--csv" in done.err
    assert not to.exists()


def test_in_chinese(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    page = tmp_path / "bg.html"
    assert lamplighter("report", site, "--period", PERIOD, "--out", page, "--language", "zh").code == 0
    assert "电压合格率" in page.read_text()


@pytest.mark.parametrize("text", ["yesterday", "2026-11-24..2026-11-23", "2999-01"])
def test_what_is_no_period_is_said_with_what_is_allowed(lamplighter: CommandLine, site: Path, text: str) -> None:
    done = lamplighter("report", site, "--period", text)
    assert done.code == 2
    assert done.err.startswith(f"--period: found {text}")
    assert "allowed:" in done.err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-11-24..2026-11-23", "does not end after it begins"),
        ("1990..2026-11", "1990: neither a day nor a month"),
        ("1990-01..2026-11", "longer than 400 days"),
        ("2026-02-30", "day is out of range for month"),
    ],
)
def test_what_is_wrong_with_a_period_is_said(lamplighter: CommandLine, site: Path, text: str, why: str) -> None:
    assert f"--period: found {text} ({why}); allowed: day" in lamplighter("report", site, "--period", text).err


async def test_what_the_record_says_of_a_time_that_is_to_come_is_not_taken(
    lamplighter: CommandLine, site: Path, tmp_path: Path
) -> None:
    """As after a clock that was ahead: of the period there may not be seen more than all of it."""
    now_us = Clock().wall_us()
    first = (now_us - MIDNIGHT_US) // MIN // 15 * 15 - 60
    async with History.open(tmp_path / "state", lambda: now_us + 86_400_000_000) as history:
        for n in range(first, first + 120, 15):
            said = {"active_power_demand": 1e3}
            history.add(interval(n, kind="demand_15min", values=said, min=said, max=said, coverage=1.0))
    begin, end = (datetime.fromtimestamp((MIDNIGHT_US + at * MIN) / 1e6, UTC) for at in (first, first + 120))
    done = lamplighter("report", site, "--period", f"{begin:%Y-%m-%dT%H:%M}Z..{end:%Y-%m-%dT%H:%M}Z", "--json")
    (meter,) = json.loads(done.out)["meters"]
    assert 4 <= len(meter["blocks"]) <= 6


def test_tables_that_cannot_be_written_are_said(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    done = lamplighter("report", site, "--period", PERIOD, "--csv", tmp_path / "no" / "where")
    assert (done.code, done.err) == (1, f"{tmp_path}/no/where: No such file or directory; no table was written\n")


def test_an_unknown_language_is_refused(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("report", site, "--language", "fr")
    assert done.code == 2
    assert "allowed: en, zh" in done.err


def test_a_page_that_cannot_be_written_is_said(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    done = lamplighter("report", site, "--period", PERIOD, "--out", tmp_path / "nowhere" / "page.html")
    assert done.code == 1
    assert "nowhere" in done.err
    assert "Traceback" not in done.err


def test_where_no_agent_ever_ran_it_says_what_to_do(lamplighter: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    done = lamplighter("report", tmp_path / "site.toml", "--period", PERIOD)
    assert done.code == 1
    assert "start the agent first" in done.err
