"""A field that is renamed in the agent is noticed: the queries that ask for it no longer answer what the day was."""

import re

import pytest
from dashboard_day import GATEWAY, HOUR_S, MIDNIGHT_US, SITE, Day
from dashboard_expected import EXPECTED
from dashboard_truth import answer_of, differences, truth_of
from grafana_queries import ALL, Shown
from servers import Influx

from agent.dashboards.library import ALL as DASHBOARDS
from agent.publish.line_protocol import LineEncoder

pytestmark = pytest.mark.e2e

_FROM_MS = MIDNIGHT_US // 1000 + 6 * HOUR_S * 1000 - 600_000
_CHOSEN = {
    "site": [ALL], "gateway": [ALL], "feeder": [ALL], "meter": ["street"], "kind": [ALL], "low": ["205"],
    "high": ["216"], "customers": ["331"], "sustained": ["180"],
}  # fmt: skip
# Measurement, field -> a query that shows it.
RENAMED = {
    ("reading", "voltage_l1_min"): ("lamplighter-voltage", "Voltage, line to neutral"),
    ("interval_1min", "coverage"): ("lamplighter-outages", "Coverage"),
    ("interval_10min", "voltage_unbalance"): ("lamplighter-voltage", "Voltage unbalance"),
    ("demand_15min", "active_power_demand"): ("lamplighter-energy", "Demand"),
    ("event", "duration_max_s"): ("lamplighter-events", "Events"),
    ("event_log", "evidence"): ("lamplighter-events", "Revisions of this event"),
    ("incident", "most_max"): ("lamplighter-outages", "Customers without supply in the range"),
    ("trace", "voltage_l1"): ("lamplighter-events", "Trace: voltages"),
    ("status", "dead"): ("lamplighter-outages", "Supply of each meter"),
    ("gateway", "utilisation"): ("lamplighter-health", "Line utilisation"),
}


@pytest.fixture(scope="module")
def hour(day: Day) -> Day:
    """From before an outage to after it."""
    return day.between(6 * HOUR_S - 600, 7 * HOUR_S)


def _differences(influx: Influx, database: str, hour: Day, place: tuple[str, str]) -> list[str]:
    truth, (uid, title) = truth_of(hour), place
    chosen = {**_CHOSEN, "event": [truth.rows["trace"][0]["event"]]}
    shown = Shown(_FROM_MS, _FROM_MS + 4_000_000, chosen, 900_000)
    (panel,) = (panel for one in DASHBOARDS if one.uid == uid for panel in one.panels if panel.title == title)
    found = answer_of(influx.series(shown.query(panel.queries[0].influxql), database))
    return differences(found, EXPECTED[uid, title, panel.queries[0].ref](truth, shown))


def _renamed(lines: bytes, measurement: str, field: str) -> bytes:
    """In the points of one measurement."""
    old = re.compile(rf"(?<=[ ,]){field}(?==)".encode())
    start = f"{measurement},".encode()
    return b"\n".join(old.sub(b"renamed", line) if line.startswith(start) else line for line in lines.split(b"\n"))


def test_a_renamed_field_is_noticed(influx: Influx, hour: Day) -> None:
    lines = hour.lines(LineEncoder(SITE, GATEWAY, hour.feeders))
    broken = lines
    for measurement, field in RENAMED:
        before, broken = broken, _renamed(broken, measurement, field)
        assert broken != before, f"{measurement} has no field {field}"
    for database, told in (("as_it_is", lines), ("renamed", broken)):
        influx.create(database)
        status, body = influx.write(told, database)
        assert status == 204, body
    for name, place in RENAMED.items():
        assert _differences(influx, "as_it_is", hour, place) == [], place
        assert _differences(influx, "renamed", hour, place) != [], f"{name} was renamed and {place} does not mind"
