"""`lamplighter report` of a site with a limit of demand: from the long record to the page and its tables."""

import csv
import json
from pathlib import Path

import pytest
from command_line import CommandLine
from samples import MIDNIGHT_US

from agent.journal.journal import Journal
from agent.records import Interval
from agent.report.record.history import History

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
time_zone = "Asia/Shanghai"
state_dir = "state"
[lines.l]
tcp = "127.0.0.1:1"
[meters.works]
line = "l"
unit = 1
model = "eastron-sdm630"
[demand.peak]
meter = "works"
limit_kw = 800
windows = ["09:00-10:00"]
from = "2026-11-23"
"""
DAY_US, QUARTER_US = 86_400_000_000, 900_000_000
# 09:00 in Shanghai on the day that begins at MIDNIGHT_US in UTC.
NINE_US = MIDNIGHT_US + 3_600_000_000


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    """From 8 to 11 o'clock on ten days 1000 kW, but on the last one 700 kW from 9 to 10."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "state").mkdir()
    async with History.open(tmp_path / "state", lambda: NINE_US + DAY_US) as history:
        for day in range(-9, 1):
            for place in range(-4, 8):
                kw = 700.0 if day == 0 and 0 <= place < 4 else 1000.0
                said = {"active_power_demand": 1000 * kw}
                start_us = NINE_US + day * DAY_US + place * QUARTER_US
                history.add(Interval("demand_15min", "works", start_us, 1.0, 0.0, said, said, said))
    async with Journal.open(tmp_path / "state", [], "gw-01"):
        pass
    return tmp_path / "site.toml"


def test_blocks_before_the_period_are_the_baseline(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("report", site, "--period", "2026-11-23", "--json")
    assert (done.code, done.err) == (0, "")
    (told,) = json.loads(done.out)["demand"]
    assert (told["name"], told["verdict"], told["used_wh"]) == ("peak", "kept", [700e3, 700e3])
    assert told["curtailed_wh"] == {"value": 300e3, "coverage": 1.0, "unit": "Wh", "why": ""}
    assert told["rebound_w"]["value"] == 0.0
    assert told["windows"][0]["window"]["span"]["from"] == "2026-11-23T01:00:00.000000Z"


def test_the_tables_have_a_row_for_each_limit_and_each_window(
    lamplighter: CommandLine, site: Path, tmp_path: Path
) -> None:
    assert lamplighter("report", site, "--period", "2026-11-23", "--csv", tmp_path / "tables").code == 0
    (limit,) = csv.DictReader((tmp_path / "tables" / "demand_limits.csv").read_text().splitlines())
    (window,) = csv.DictReader((tmp_path / "tables" / "demand_windows.csv").read_text().splitlines())
    assert (limit["limit"], limit["kept"], window["verdict"], float(window["headroom_low_w"])) == (
        "peak", "1", "kept", 100e3,
    )  # fmt: skip


def test_the_page_has_the_section_in_both_languages(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    for language, words in (("en", "Demand and peak shifting"), ("zh", "需量与错峰")):
        page = tmp_path / f"{language}.html"
        done = lamplighter("report", site, "--period", "2026-11-23", "--out", page, "--language", language)
        assert done.code == 0
        assert words in page.read_text(encoding="utf-8")


def test_a_limit_of_a_meter_that_is_not_there_is_said_with_its_key(lamplighter: CommandLine, site: Path) -> None:
    site.write_text(SITE.replace('meter = "works"', 'meter = "work"'))
    done = lamplighter("report", site)
    assert done.code == 2
    assert 'demand.peak.meter: found "work"; allowed: works; did you mean works?' in done.err
