"""What the machine's time zone is changes nothing that is stored, sent or shown;
the site's own time is shown beside UTC, on the days of the year, too, that have 23 or 25 hours."""

import asyncio
import csv
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from command_line import CommandLine
from rigged import Rig
from samples import MIDNIGHT_US, event, incident, reading, trace
from timers import Timers

from agent.cli.logs import ForPeople
from agent.clock import parse_rfc3339, rfc3339
from agent.journal.csv_rows import RowMaker
from agent.journal.journal import Journal
from agent.mode_calendar import instant_us
from agent.sitefile.values import read_zone
from agent.wire import reading_to_json

S = 1_000_000
# Whole hours, halves and quarters, a day ahead, summer in January, a rule without a name, an hour back in winter.
ZONES = (
    "UTC", "Europe/Berlin", "Asia/Shanghai", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati",
    "Australia/Lord_Howe", "Europe/Dublin", "CET-1CEST,M3.5.0,M10.5.0/3",
)  # fmt: skip
# When clocks were put forward and back: zone, UTC of the change, by how many minutes.
CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z", 60),
    ("Europe/Berlin", "2026-10-25T01:00:00Z", -60),
    ("America/New_York", "2026-03-08T07:00:00Z", 60),
    ("America/New_York", "2026-11-01T06:00:00Z", -60),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z", 30),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", -30),
]


@contextmanager
def machine_in(zone: str) -> Iterator[None]:
    """The time zone of this process, as TZ or /etc/localtime sets it."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        del os.environ["TZ"]
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@pytest.fixture
def site(site_file: Path) -> Path:
    """Of Berlin, its journal filled."""

    async def run() -> None:
        timers = Timers()
        state = site_file.parent / "state"
        opened = Journal.open(state, ["mqtt"], "gw-01", now_us=lambda: MIDNIGHT_US, call_later=timers.call_later)
        async with opened as journal:
            journal.add_reading(reading(meter="main"))
            journal.add_event(event(meter="main", state="closed", end_us=MIDNIGHT_US + S, end_earliest_us=MIDNIGHT_US))
            journal.add_incident(incident(events=("ev-1",)))
            journal.add_trace(trace(meter="main"))

    asyncio.run(run())
    text = site_file.read_text(encoding="utf-8")
    site_file.write_text(text.replace("[site]", '[site]\ntime_zone = "Europe/Berlin"'), encoding="utf-8")
    return site_file


def everything_told(lamplighter: CommandLine, site: Path) -> list[str]:
    said = [lamplighter("events", site, *words).out for words in ((), ("--json",), ("--plot", "ev-1"))]
    folder, file = site.parent / "csv", site.parent / "kept.jsonl"
    said.append(lamplighter("journal", site, "--csv", folder, "--from", "2026-11-23T00:30", "--json").out)
    assert lamplighter("journal", site, "--export", file).code == 0
    said.append(file.read_text())
    file.unlink()
    for table in sorted(folder.iterdir()):
        said.append(table.read_text())
        table.unlink()
    return said


@pytest.mark.parametrize("zones", [("UTC", "America/St_Johns"), pytest.param(ZONES, marks=pytest.mark.slow)])
def test_the_machines_time_zone_changes_no_word(lamplighter: CommandLine, site: Path, zones: tuple[str, ...]) -> None:
    told = {}
    for zone in zones:
        with machine_in(zone):
            told[zone] = everything_told(lamplighter, site)
    assert "2026-11-23 00:00:00.000" in told["UTC"][0]
    assert "2026-11-23 01:00:00.000" in "".join(told["UTC"][5:])
    assert [zone for zone in zones if told[zone] != told["UTC"]] == []


@pytest.mark.parametrize(("zone", "change", "by_min"), CHANGES)
def test_around_a_change_of_the_clocks_utc_goes_on_and_local_time_is_what_clocks_show(
    zone: str, change: str, by_min: int
) -> None:
    """The machine's C library is the oracle; it reads the same rules, but with code of its own."""
    at, maker = datetime.fromisoformat(change), RowMaker(ZoneInfo(zone), zone)
    shown = []
    with machine_in(zone):
        for minutes in range(-90, 91, 10):
            moment = at + timedelta(minutes=minutes)
            body = reading_to_json(reading(time_us=parse_rfc3339(moment.isoformat())))
            (row,) = maker.rows({"record": "reading", **body})
            shown.append((row.cells["time (UTC)"], row.cells[f"time ({zone})"]))
            by_libc = time.strftime("%Y-%m-%d %H:%M:%S.000", time.localtime(moment.timestamp()))
            assert shown[-1] == (moment.strftime("%Y-%m-%d %H:%M:%S.000"), by_libc)
    utc, local = ([datetime.fromisoformat(one[side]) for one in shown] for side in (0, 1))
    assert {b - a for a, b in pairwise(utc)} == {timedelta(minutes=10)}
    assert sorted({b - a for a, b in pairwise(local)}) == sorted(
        {timedelta(minutes=10), timedelta(minutes=10 + by_min)}
    ), "once, the local clock jumps"


@pytest.mark.parametrize(("zone", "change", "by_min"), CHANGES)
def test_readings_and_events_go_on_through_a_change_of_the_clocks(zone: str, change: str, by_min: int) -> None:
    at_us = parse_rfc3339(change)
    with machine_in(zone):
        rig = Rig(wall_us=at_us - 30 * S)
        rig.answer(220, 221, 219)
        rig.answer(full=True)
        rig.hold(27, 220, 221, 219)
        rig.hold(4, 220, 88, 219)
        rig.hold(30, 220, 221, 219)
    times = [one.time_us for one in rig.kept.readings[1:]]
    assert all(0 < b - a <= 10 * S for a, b in pairwise(times))
    assert times[-1] - times[0] > 40 * S
    assert [(one.kind, one.state) for one in rig.kept.events] == [("sag", "open"), ("sag", "closed")]
    sag = rig.kept.events[-1]
    assert sag.end_us is not None
    assert sag.start_us < at_us < sag.end_us
    assert (sag.end_us - sag.start_us) / S == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize(
    ("zone", "written", "utc"),
    [
        ("Europe/Berlin", "2026-07-01T12:00", "2026-07-01T10:00:00.000000Z"),
        ("Europe/Berlin", "2026-12-01T12:00", "2026-12-01T11:00:00.000000Z"),
        # Clocks go from 2:00 to 3:00: half past two is half an hour after two.
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30:00.000000Z"),
        # Half past two comes twice: the first one is meant, unless the offset is written.
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00.000000Z"),
        ("Europe/Berlin", "2026-10-25T02:30+01:00", "2026-10-25T01:30:00.000000Z"),
        ("Asia/Kathmandu", "2026-10-25T02:30", "2026-10-24T20:45:00.000000Z"),
        ("Pacific/Kiritimati", "2026-10-25T02:30", "2026-10-24T12:30:00.000000Z"),
    ],
)
def test_a_time_of_the_calendar_is_the_sites_whatever_the_machine_has_set(zone: str, written: str, utc: str) -> None:
    for machine in ZONES:
        with machine_in(machine):
            assert rfc3339(instant_us(written, zone)) == utc


def test_a_day_of_an_export_has_23_or_25_hours_where_the_clocks_change(lamplighter: CommandLine, site: Path) -> None:
    """Rows every quarter of an hour of three days, and the days are asked for as they are called there."""

    async def run() -> None:
        timers = Timers()
        opened = Journal.open(
            site.parent / "state", ["mqtt"], "gw-01", now_us=lambda: MIDNIGHT_US, call_later=timers.call_later
        )
        async with opened as journal:
            for day in ("2026-03-28", "2026-10-24"):
                start_us = parse_rfc3339(f"{day}T00:00:00Z")
                for number in range(4 * 72):
                    journal.add_reading(reading(meter="main", time_us=start_us + number * 900 * S))

    asyncio.run(run())
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        folder = site.parent / day
        done = lamplighter("journal", site, "--csv", folder, "--from", f"{day}T00:00", "--to", f"{day}T23:59:59")
        assert done.code == 0, done.err
        with (folder / "readings-main.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 4 * hours
        assert {row["time (Europe/Berlin)"][:10] for row in rows} == {day}


def test_lines_of_the_log_are_utc_and_say_so() -> None:
    record = logging.LogRecord("lamplighter", logging.INFO, "", 0, "agent.started", None, None)
    record.created = MIDNIGHT_US / S
    record.msecs = 7.0
    for zone in ZONES:
        with machine_in(zone):
            assert ForPeople().format(record) == "2026-11-23T00:00:00.007Z INFO    agent.started"


def test_every_zone_of_these_tests_is_one_that_a_site_may_have() -> None:
    assert [read_zone(zone) for zone, _, _ in CHANGES] == [zone for zone, _, _ in CHANGES]
