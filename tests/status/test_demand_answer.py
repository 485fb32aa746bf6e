"""What `status` says of limits of demand: from readings through the blocks to the line that a person reads."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from agent.cli.status import demand_row
from agent.records import Reading
from agent.report.demand.known import open_blocks as read_back
from agent.report.figures import Bounds
from agent.report.record.interval_maker import IntervalMaker
from agent.site import load_site
from agent.status.demand_answer import demand_answer, open_blocks

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 230
time_zone = "Asia/Shanghai"
[lines.ring]
tcp = "127.0.0.1:1502"
[meters.works]
line = "ring"
unit = 1
model = "eastron-sdm630"
"""
LIMIT = '[demand.peak]\nmeter = "works"\nlimit_kw = 20\nwindows = ["09:00-12:00"]\n'
# 10:00 in Shanghai, on a Monday
T0 = int(datetime(2026, 11, 23, 2, tzinfo=UTC).timestamp()) * 1_000_000


class Nobody:
    def add_reading(self, reading: Reading) -> None: ...


class App:
    """As much of a running agent as the answer looks at. watts: since a minute before 10:00, read every ten seconds."""

    def __init__(
        self, directory: Path, text: str, watts: float = 18e3, minutes: float = 5.0, sure: bool = True
    ) -> None:
        (directory / "site.toml").write_text(SITE + text)
        self.site = load_site(directory / "site.toml")
        self.intervals = IntervalMaker(Nobody(), dict.fromkeys(self.site.meters, ()), [], lambda: sure)  # type: ignore[arg-type]
        self.now_us = T0 + 300_000_000
        self.clock = SimpleNamespace(wall_us=lambda: self.now_us)
        for end_s in range(-60, 301, 10):
            wh = 5000 + watts * (end_s + 60) / 3600
            values = {"active_energy_import": wh, "active_power_total": watts}
            self.intervals.add_reading(Reading("works", T0 + end_s * 1_000_000, 10.0, "good", (), values))


def answer(app: Any) -> dict[str, Any]:
    """As it comes out of the socket."""
    (told,) = json.loads(json.dumps(demand_answer(app), allow_nan=False))
    return dict(told)


def test_the_block_that_goes_on_and_where_it_will_end(tmp_path: Path) -> None:
    told = answer(App(tmp_path, LIMIT))
    assert (told["limit"], told["meter"], told["limit_w"], told["holds"]) == ("peak", "works", 20e3, True)
    assert told["window"] == ["2026-11-23T01:00:00.000000Z", "2026-11-23T04:00:00.000000Z"]
    assert told["block"] == ["2026-11-23T02:00:00.000000Z", "2026-11-23T02:15:00.000000Z"]
    assert told["read"] == "2026-11-23T02:05:00.000000Z"
    assert told["used_wh"][0] <= 1500 <= told["used_wh"][1]
    # 18 kW all the time: what a register lies within at either end is 50 Wh.
    low, high = told["forecast_w"]
    assert low <= 18e3 <= high
    assert high - low <= 4 * (50 + 50)
    assert (told["verdict"], told["exceeded"]) == ("kept", False)
    # 5000 Wh less 1500 in ten minutes
    assert told["may_draw_w"][0] <= 21e3 <= told["may_draw_w"][1]


def test_a_report_reads_the_same_block_from_the_answer(tmp_path: Path) -> None:
    app: Any = App(tmp_path, LIMIT)
    (block,) = read_back(json.loads(json.dumps({"blocks": list(open_blocks(app))}))).values()
    assert (block.meter, block.start_us, block.to_us, block.power_w) == ("works", T0, T0 + 300_000_000, 18e3)
    assert isinstance(block.used_wh, Bounds)
    assert 1500 in block.used_wh


def test_what_is_above_already_is_said_as_such(tmp_path: Path) -> None:
    told = answer(App(tmp_path, LIMIT, watts=100e3))
    assert (told["exceeded"], told["verdict"], told["may_draw_w"]) == (True, "violated", [0, 0])
    assert demand_row(told)[-1] == "violated already"


def test_while_the_wall_clock_is_not_set_nobody_knows_the_block(tmp_path: Path) -> None:
    told = answer(App(tmp_path, LIMIT, sure=False))
    assert (told["forecast_w"], told["used_wh"]) == (None, None)
    assert "the wall clock is not set" in told["why"]
    assert list(open_blocks(App(tmp_path, LIMIT, sure=False))) == []  # type: ignore[arg-type]


def test_a_site_without_limits_answers_nothing(tmp_path: Path) -> None:
    app: Any = App(tmp_path, "")
    assert demand_answer(app) == []


def test_the_line_that_a_person_reads(tmp_path: Path) -> None:
    limit, meter, kw, holds, used, forecast, room, verdict = demand_row(answer(App(tmp_path, LIMIT)))
    assert (limit, meter, kw, verdict) == ("peak", "works", "20", "kept")
    assert holds == "until 2026-11-23 04:00"
    assert used.endswith(" kWh")
    assert forecast.endswith(" kW")
    assert room.endswith(" kW")


def test_outside_of_its_windows_it_says_when_the_next_one_is_and_no_verdict(tmp_path: Path) -> None:
    row = demand_row(answer(App(tmp_path, LIMIT.replace("09:00-12:00", "18:00-21:00"))))
    assert row[3] == "from 2026-11-23 10:00"
    assert row[-2:] == ("-", "-")
