"""`lamplighter report`: interruptions from the state directory to JSON, page and tables, by the site's own keys."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from report_site import HEAD
from samples import MIDNIGHT_US, event, interval

from agent.journal.journal import Journal
from agent.records import Event
from agent.report.record.history import History

SITE = (
    HEAD
    + """
[meters.tx1]
line = "l"
unit = 1
model = "carlo-gavazzi-em24"
node = "tx-1"
[meters.tx2]
line = "l"
unit = 2
model = "carlo-gavazzi-em24"
node = "tx-2"
[nodes.F12]
kind = "feeder"
[nodes.tx-1]
kind = "transformer"
parents = ["F12"]
customers = 100
mv_users = 2
[nodes.tx-2]
kind = "transformer"
parents = ["F12"]
customers = 100
[indices]
sustained_over = "2min"
target_saidi = "1h"
"""
)
MIN = 60_000_000
DAY = 1440
# Two days, from 08:00 in Shanghai on; minutes are counted from there.
PERIOD = "2026-11-13T00:00Z..2026-11-15T00:00Z"
FIRST = -10 * DAY
LINE_SILENT = (600, 660)


def at(minutes: float) -> int:
    return MIDNIGHT_US + round((FIRST + minutes) * MIN)


def lost(meter: str | None, from_min: float, to_min: float, **more: object) -> Event:
    """Known to the second."""
    known: dict[str, Any] = {
        "id": f"{meter}-{from_min}", "kind": "supply_loss", "state": "closed", "meter": meter, "line": "l",
        "start_us": at(from_min), "start_earliest_us": at(from_min), "end_us": at(to_min),
        "end_earliest_us": at(to_min), "duration_min_s": 60 * (to_min - from_min),
        "duration_max_s": 60 * (to_min - from_min), "customers": None, "residual_pct": None,
    }  # fmt: skip
    return event(**(known | more))


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    """An outage of 30 minutes in the period, one of planned 20, and one of 3; an hour's silence of the line, of which
    tx1 counted the hours and tx2 did not; and in the year before twelve outages of 4 minutes."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "state").mkdir()
    async with History.open(tmp_path / "state", lambda: at(2 * DAY)) as history:
        history.add(interval(FIRST - 370 * DAY))
        for meter in ("tx1", "tx2"):
            for n in range(2 * DAY):
                if not LINE_SILENT[0] <= n < LINE_SILENT[1]:
                    history.add(interval(FIRST + n, meter, values={f"voltage_l{phase}": 220.0 for phase in (1, 2, 3)}))
            for quarter in range(8 * 24):
                said = {"operating_hours_register": 1000 + quarter / 4} if meter == "tx1" else {}
                if not LINE_SILENT[0] < 15 * quarter < LINE_SILENT[1]:
                    start_us = at(15 * quarter)
                    history.add(interval(kind="demand_15min", meter=meter, start_us=start_us, values=said, min=said,
                                         max=said))  # fmt: skip
    async with Journal.open(tmp_path / "state", [], "gw-01") as journal:
        for one in (
            lost("tx1", 100, 130), lost("tx1", 200, 220, mode="maintenance"), lost("tx2", 300, 303),
            lost(None, *LINE_SILENT, id="silence", kind="comms_loss", scope="line"),
            *(lost("tx2", -30 * DAY * n, -30 * DAY * n + 4) for n in range(1, 13)),
        ):  # fmt: skip
            await journal.add_event(one)
    return tmp_path / "site.toml"


def test_the_sites_own_counting_target_and_major_days(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("report", site, "--period", PERIOD, "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)["reliability"]
    assert told["sustained_min"] == 2
    whole, feeder, by_mv_users, _ = told["areas"]
    assert (whole["name"], whole["served"], feeder["name"], by_mv_users["served"]) == ("", 200, "F12", 3)
    # 30 minutes and 3 of 100 each; tx1's counter leaves 0.01 h and 0.02 h of the silence, tx2's nothing of it away
    assert whole["unplanned"]["customer_min"] == [3300, 3300 + 6000]
    assert whole["unplanned"]["all_customer_min"] == [3300, 3300 + 6000 + 180]
    assert whole["everything"]["saidi_min"] == [26.5, 56.5]
    assert whole["planned"]["saidi_min"] == [10, 10]
    assert (told["unheard"]["perhaps_customer_min"], told["unheard"]["proven_customer_min"]) == (6180, 5820)
    # Twelve days of 2 min each: the outage of 30 min makes a major event day.
    assert told["major"]["threshold_min"] == pytest.approx(2.0)
    assert (told["major"]["with_some"], told["major"]["known_days"]) == (12, 370)
    assert whole["normal"]["saidi_min"][0] == 0
    target = told["target"]
    assert (target["target_min"], target["verdict"], target["year"]) == (60, "violated", "undecided")
    assert target["so_far"]["value"] == [16.5 + 10 * 2, 16.5 + 30 + 10 * 2]


def test_the_page_says_it(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert lamplighter("report", site, "--period", PERIOD, "--out", page).code == 0
    text = page.read_text().replace("\u00a0", " ")
    for words in (
        "Sustained is what lasts over 2 min",
        "Target 60.0 min a year, 0.3 min for this period: SAIDI 16.5 – 46.5 min: missed.",
        "Since the first of January 36.5 – 66.5 min of the 60.0 min of the year: undecided.",
        "Major event days (2.5 beta: daily SAIDI above 2.00 min, by 12 of 370 days): 2026-11-13.",
        "raises the upper bounds by 6,180 customer-minutes at most; counters prove supply in 5,820 more.",
    ):
        assert words in text


def test_and_so_do_the_tables(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    assert lamplighter("report", site, "--period", PERIOD, "--csv", tmp_path).code == 0

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((tmp_path / f"{name}.csv").read_text().splitlines()))

    whole = [row for row in rows("indices") if (row["area"], row["users"]) == ("site", "customers")]
    (rs_1,) = (row for row in whole if row["index"] == "RS-1")
    assert rs_1["of"] == "all"
    assert float(rs_1["high"]) == pytest.approx(1 - 26.5 / (2 * DAY))
    assert [(row["meter"], float(row["supply_proven_min"])) for row in rows("silences")] == [
        ("tx1", pytest.approx(58.2)), ("tx2", 0.0)
    ]  # fmt: skip
    assert [(row["day"], row["major"]) for row in rows("days")] == [("2026-11-13", "yes")]
