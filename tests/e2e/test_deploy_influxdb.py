"""deploy/influxdb on a real 1.6.7, tried as its README says: the commands are taken from there."""

import math
import os
import random
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from running import eventually
from servers import Influx, influxd

from agent.publish.line_protocol import LineEncoder
from agent.records import HOUR_US, MINUTE_US, ClockState, Event, Incident, Interval, MeterInfo, Reading

pytestmark = pytest.mark.e2e
SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "influxdb"
README = (SHIPPED / "README.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
HOURS = (SHIPPED / "1.x" / "hours.influxql").read_text()
MEANS: list[str] = re.findall(r'AS "([a-z0-9_]+)", min', HOURS)
TEN_US = 10 * MINUTE_US
ENCODER = LineEncoder("dashi", "gw-01", {"m": "F12", "n": "F13"})
CLOCK = ClockState(True, 0.01)


@dataclass(frozen=True)
class Filled:
    """A database that was set up as the README says, beside which gateways went on writing."""

    influx: Influx
    tens: tuple[Interval, ...]
    hour_us: int

    def run(self, script: str) -> None:
        _sh(self.influx, script)


def _sh(influx: Influx, script: str) -> subprocess.CompletedProcess[str]:
    url = {"INFLUX_URL": f"http://127.0.0.1:{influx.port}"}
    where = SHIPPED if "cd 1.x" in script else SHIPPED / "1.x"
    done = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=where, env=os.environ | url, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    hour_us = int(time.time()) // 3600 * HOUR_US - 3 * HOUR_US
    tens = tuple(_tens(hour_us))
    lines = [ENCODER.interval(one) for one in tens]
    lines += [ENCODER.event(_event(hour_us)), ENCODER.event_log(_event(hour_us)), ENCODER.incident(_incident(hour_us))]
    lines += [ENCODER.meter_info(MeterInfo("m", hour_us, "eastron-sdm630", 1.0, 120.0, "0815"))]
    lines += [ENCODER.interval(Interval("demand_15min", "m", hour_us, 1.0, 0.0, {"active_energy_import": 250.0}))]
    lines += [ENCODER.reading(Reading("m", hour_us, 10.0, "good", (), {"voltage_l1": 230.0}), 1)]
    with influxd(tmp_path_factory.mktemp("influx"), (), continuous_queries=True) as influx:
        first, *rest = SHELL[0].splitlines(keepends=True)
        _sh(influx, first + rest[0])
        assert influx.write(b"\n".join(lines)) == (204, "")
        _sh(influx, SHELL[0])
        yield Filled(influx, tens, hour_us)


def _tens(hour_us: int) -> Iterator[Interval]:
    """Two hours of two meters, with holes: one missing ten minutes, missing quantities, all degrees of coverage."""
    dice = random.Random(9)  # noqa: S311
    for meter in ("m", "n"):
        for n in range(12):
            if (meter, n) == ("m", 4):
                continue
            values = {name: dice.uniform(-50, 400) for name in MEANS if dice.random() < 0.8}
            low = {name: value - dice.uniform(0, 9) for name, value in values.items() if name.startswith("voltage_l")}
            high = {name: value + dice.uniform(0, 9) for name, value in values.items() if name in low}
            seen = dice.choice((1.0, 0.95, 0.5, 0.01))
            start_us = hour_us + n * TEN_US
            yield Interval("interval_10min", meter, start_us, seen, dice.random(), values, low, high)


def _event(at_us: int) -> Event:
    return Event(
        id="e-1", kind="sag", revision=2, state="closed", scope="meter", basis="measured", reported_us=at_us + 5,
        start_us=at_us, start_earliest_us=at_us - 9, meter="m", feeder="F12", residual_pct=61.5, clock=CLOCK,
    )  # fmt: skip


def _incident(at_us: int) -> Incident:
    return Incident(
        id="i-1", revision=1, state="open", reported_us=at_us, cause="supply_loss", node="tx-1", start_us=at_us,
        start_earliest_us=at_us - 9, customers=(10, 20), words=("What", "who", "next"), clock=CLOCK,
    )  # fmt: skip


def _row(tens: list[Interval]) -> Mapping[str, float]:
    """What the hour of these is to be."""
    seen = sum(one.coverage for one in tens)
    row = {"coverage": seen / 6, "flagged": sum(one.flagged * one.coverage for one in tens) / seen}
    for name in {name for one in tens for name in one.values}:
        those = [(one.values[name], one.coverage) for one in tens if name in one.values]
        row[name] = sum(value * weight for value, weight in those) / sum(weight for _, weight in those)
    for name in {name for one in tens for name in one.min}:
        row[f"{name}_min"] = min(one.min[name] for one in tens if name in one.min)
        row[f"{name}_max"] = max(one.max[name] for one in tens if name in one.max)
    return row


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, value in row.items() if isinstance(value, int | float) and key != "time"}


def _years(filled: Filled, query: str) -> list[dict[str, Any]]:
    return filled.influx.query(query, "lamplighter_years")


def test_retention_is_as_the_readme_says(filled: Filled) -> None:
    for _ in range(2):
        filled.run("./influxql.sh databases.influxql")
    (live,) = filled.influx.query('SHOW RETENTION POLICIES ON "lamplighter"')
    (years,) = filled.influx.query('SHOW RETENTION POLICIES ON "lamplighter_years"')
    assert (live["duration"], live["shardGroupDuration"], live["default"]) == ("2160h0m0s", "24h0m0s", True)
    assert (years["duration"], years["shardGroupDuration"], years["default"]) == ("0s", "720h0m0s", True)
    assert "| `lamplighter` | 90 days |" in README


def test_continuous_queries_make_hours_of_tens_weighted_by_what_was_seen(filled: Filled) -> None:
    wanted = {
        (meter, at_us): _row([one for one in filled.tens if one.meter == meter and 0 <= one.start_us - at_us < HOUR_US])
        for meter in ("m", "n")
        for at_us in (filled.hour_us, filled.hour_us + HOUR_US)
    }
    one_of_each = ("coverage", "voltage_l1", "current_n", "frequency")
    counts = ", ".join(f'count("{name}") AS "{name}"' for name in one_of_each)
    ran = {name: len(wanted) for name in one_of_each}
    made = f'SELECT {counts} FROM "interval_1h"'  # noqa: S608
    eventually("all of them ran", lambda: [_numbers(row) for row in _years(filled, made)] == [ran], 20)
    rows = _years(filled, 'SELECT * FROM "interval_1h" GROUP BY "meter", "feeder", "site", "gateway"')
    found = {(row["meter"], row["time"] // 1000): row for row in rows}
    assert found.keys() == wanted.keys()
    assert {(row["meter"], row["feeder"], row["site"], row["gateway"]) for row in rows} == {
        ("m", "F12", "dashi", "gw-01"), ("n", "F13", "dashi", "gw-01")
    }  # fmt: skip
    for key, row in wanted.items():
        numbers = _numbers(found[key])
        assert numbers.keys() == row.keys()
        assert all(math.isclose(numbers[name], value, rel_tol=1e-12, abs_tol=1e-9) for name, value in row.items())
    assert len(MEANS) == 15


def test_what_is_kept_for_years_is_what_was_written_and_no_more(filled: Filled) -> None:
    filled.run("./influxql.sh keep.influxql")
    kept = ("event", "event_log", "incident", "meter_info", "interval_10min", "demand_15min")
    for name in kept:
        query = f'SELECT * FROM "{name}" GROUP BY *'  # noqa: S608
        assert filled.influx.query(query) != []
        assert _years(filled, query) == filled.influx.query(query)
        types = f'SHOW FIELD KEYS FROM "{name}"'
        assert _years(filled, types) == filled.influx.query(types)
    there = {row["name"] for row in _years(filled, "SHOW MEASUREMENTS")}
    assert there == {*kept, "interval_1h"}


def test_a_revision_that_comes_later_is_kept_by_the_next_night(filled: Filled) -> None:
    filled.run("./influxql.sh keep.influxql")
    filled.influx.write(ENCODER.event(replace(_event(filled.hour_us), revision=3, state="retracted")))
    filled.run("./influxql.sh keep.influxql")
    (row,) = _years(filled, 'SELECT "revision", "state" FROM "event"')
    assert (row["revision"], row["state"]) == (3, "retracted")


def test_users_may_do_what_they_are_for(filled: Filled, tmp_path: Path) -> None:
    file = tmp_path / "users.influxql"
    file.write_text(re.sub("@([A-Z]+)@", r"secret-\1", (SHIPPED / "1.x" / "users.influxql").read_text()))
    filled.run(f"./influxql.sh {file}")
    gateways = filled.influx.query('SHOW GRANTS FOR "gateways"')
    grafana = filled.influx.query('SHOW GRANTS FOR "grafana"')
    assert [(row["database"], row["privilege"]) for row in gateways] == [("lamplighter", "WRITE")]
    assert {(row["database"], row["privilege"]) for row in grafana} == {
        ("lamplighter", "READ"), ("lamplighter_years", "READ")
    }  # fmt: skip


def test_the_script_fails_where_a_statement_does_and_says_what_is_wrong(filled: Filled, tmp_path: Path) -> None:
    def said(file: Path, url: str) -> str:
        done = subprocess.run(
            [SHIPPED / "1.x" / "influxql.sh", file], env=os.environ | {"INFLUX_URL": url}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (1, 2)
        return done.stderr

    url = f"http://127.0.0.1:{filled.influx.port}"
    wrong = tmp_path / "wrong.influxql"
    wrong.write_text('SELECT * INTO "no"."such"."x" FROM "lamplighter"."autogen"."event"')
    assert "was refused, or a part of it" in said(wrong, url)
    wrong.write_text("SELEKT")
    assert "was refused, or a part of it" in said(wrong, url)
    assert "found no file" in said(tmp_path / "none", url)
    assert "Failed to connect" in said(wrong, "http://127.0.0.1:1")


def test_the_timer_and_the_service_are_sound(tmp_path: Path) -> None:
    for unit in ("lamplighter-keep.service", "lamplighter-keep.timer"):
        text = (SHIPPED / "1.x" / unit).read_text()
        # Its program is not installed here.
        (tmp_path / unit).write_text(re.sub("ExecStart=.*", "ExecStart=/bin/true", text))
    units = sorted(tmp_path.iterdir())
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
