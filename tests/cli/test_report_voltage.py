"""`lamplighter report`: what the site file says of voltages, from its keys to the figures."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine
from report_site import HEAD
from samples import MIDNIGHT_US, interval

from agent.journal.journal import Journal
from agent.report.record.history import History

SITE = (
    HEAD
    + """
[lines.counts]
tcp = "127.0.0.1:2"
[meters.tx1]
line = "l"
unit = 1
model = "eastron-sdm630"
watch = "500ms"
assess_limits = [209.0, 225.0]
[meters.bus]
line = "l"
unit = 2
model = "eastron-sdm630"
watch = "500ms"
vt = "10000/100"
nominal_voltage = 5774
class = "A"
[meters.counting]
line = "counts"
unit = 1
model = "circutor-cvm-d32"
unproven = true
"""
)
PERIOD = "2026-11-23T00:00Z..2026-11-23T02:00Z"


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    """Two hours of tx1: 220 V, for ten minutes 190 V, for twenty 230 V; u2 of 3 %."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "state").mkdir()
    async with History.open(tmp_path / "state", lambda: MIDNIGHT_US) as history:
        for n in range(120):
            volts = 190.0 if n < 10 else 230.0 if n >= 100 else 220.0
            values = {f"voltage_l{phase}": volts for phase in (1, 2, 3)}
            history.add(interval(n, values=values, coverage=1.0))
            if n % 10 == 0:
                ten = values | {"voltage_unbalance": 3.0}
                history.add(interval(n, kind="interval_10min", values=ten, coverage=1.0))
    async with Journal.open(tmp_path / "state", [], "gw-01"):
        pass
    return tmp_path / "site.toml"


def test_class_and_both_pairs_of_limits_come_from_the_site_file(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("report", site, "--period", PERIOD, "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    tx1, bus, _ = told["meters"]
    assert (tx1["meter"]["voltage_class"], bus["meter"]["voltage_class"]) == ("D", "A")
    assert [beyond["low_min"] + beyond["high_min"] for beyond in tx1["quality"]["beyond"]] == [10, 30]
    assert [one["name"] for one in told["voltage"]["classes"]] == ["A", "D"]
    assert told["voltage"]["composite"]["lacking"] == ["A", "B", "C"]


def test_the_profiles_limits_are_those_of_its_ten_minutes(lamplighter: CommandLine, site: Path) -> None:
    told = json.loads(lamplighter("report", site, "--period", PERIOD, "--json").out)
    tx1, bus, _ = told["meters"]
    assert [(one["rule"]["source"], one["verdict"]) for one in tx1["tens"]["unbalance"]["ruled"]] == [
        ("GB/T 15543", "violated"), ("GB/T 15543", "kept"),
    ]  # fmt: skip
    # GB/T 14549: 10 kV between lines
    assert [rule["high"] for rule in bus["meter"]["rules"]["thd"]] == [4]
    assert bus["meter"]["rules"]["volts"] == []


def test_meters_of_one_pace_have_their_floor_and_one_with_counters_has_none(
    lamplighter: CommandLine, site: Path
) -> None:
    told = json.loads(lamplighter("report", site, "--period", PERIOD, "--json").out)
    counting, polled = told["voltage"]["sarfi"]
    assert (counting["meters"], counting["floor_s"]) == (["counting"], 0)
    assert polled["meters"] == ["tx1", "bus"]
    # Two on a line: looked at every 2 s at least while the other has an event; windows and renewals are 1 s.
    assert (polled["pace_s"], polled["floor_s"]) == (0.5, 3)


def test_the_page_says_them(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    for language, words in (("en", "By the limits for assessment"), ("zh", "按考核限值")):
        page = tmp_path / f"{language}.html"
        assert lamplighter("report", site, "--period", PERIOD, "--out", page, "--language", language).code == 0
        assert words in page.read_text()


def test_a_class_that_is_none_says_which_there_are(lamplighter: CommandLine, site: Path) -> None:
    site.write_text(SITE.replace('class = "A"', 'class = "E"'))
    done = lamplighter("report", site)
    assert done.code == 2
    assert 'meters.bus.class: found "E"' in done.err
    assert '"A" or "B" or "C" or "D"' in done.err
