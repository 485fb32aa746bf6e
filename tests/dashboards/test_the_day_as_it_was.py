"""What panels say of the day against its own script, by hand: when who was really without supply, and for how long.

The other tests hold queries against what the agent told. This one holds the whole way, from the feeder to the panel,
against what was done to the feeder.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from dashboard_day import DAY_S, MIDNIGHT_US
from grafana_queries import ALL, Shown
from servers import Influx
from situation_script import BOOT_S, HOLD_UP_S

from agent.dashboards.library import ALL as DASHBOARDS
from agent.dashboards.model import Panel

pytestmark = pytest.mark.e2e

_MIDNIGHT_MS = MIDNIGHT_US // 1000
# At 21:00 the wall clock was put forward by this, and nobody put it back.
_FORWARD_S, _FORWARD_AT_S = 5.0, 75_600
_SHOWN = Shown(
    _MIDNIGHT_MS, _MIDNIGHT_MS + DAY_S * 1000,
    {"site": [ALL], "gateway": [ALL], "feeder": [ALL], "meter": [ALL], "kind": [ALL], "customers": ["331"],
     "sustained": ["180"], "low": ["205"], "high": ["235"]},
    86_400_000,
)  # fmt: skip
# By scenario.toml, in seconds of the day: F12 is opened twice, the second time until the day ends; the hospital changes
# over after 8 s, the street has a generator after 300 s. The village's meter dies with its supply.
STREET, HOSPITAL, VILLAGE = 200, 1, 90
INTERRUPTED = ((STREET, 1_500), (VILLAGE, 240), (STREET, 300))
LOSSES = (("street", 21_600, 23_100), ("hospital", 21_600, 21_608), ("street", 85_200, 85_500))
# A meter lives on for a moment without supply, and takes one to boot. The gateway's machine runs 20 s before its agent.
SILENCES = (
    ("mill", 46_800, 48_600), ("village", 39_600 + HOLD_UP_S, 39_840 + BOOT_S), ("none", 10_800, 11_400 - 20),
)  # fmt: skip
SAGS = (("street", 32_400, 32_404.4), ("street", 34_200, 34_200.8), ("village", 36_000, 36_003))
INCIDENTS = (("F12", 21_600, 23_100, STREET + HOSPITAL), ("street", 54_000, 54_600, STREET))
LAST_OPENED_S = 85_200


def _panel(uid: str, title: str) -> Panel:
    (panel,) = (panel for one in DASHBOARDS if one.uid == uid for panel in one.panels if panel.title == title)
    return panel


def _rows(influx: Influx, uid: str, title: str) -> list[dict[str, Any]]:
    (query,) = _panel(uid, title).queries
    series = influx.series(_SHOWN.query(query.influxql))
    return [dict(zip(one["columns"], row, strict=True)) for one in series for row in one["values"]]


def _wall_ms(at_s: float) -> float:
    return _MIDNIGHT_MS + 1000 * (at_s + (_FORWARD_S if at_s > _FORWARD_AT_S else 0.0))


def _of(rows: Sequence[dict[str, Any]], place: str, from_s: float, by: str = "meter") -> dict[str, Any]:
    """The one that began then, if its bounds are right."""
    at_ms = _wall_ms(from_s)
    found = [row for row in rows if row[by] == place and row["start_earliest"] - 1 <= at_ms <= row["start"] + 1]
    assert len(found) == 1, (place, from_s, len(found))
    return found[0]


def _holds(row: dict[str, Any], from_s: float, to_s: float) -> None:
    assert row["state"] == "closed", row
    assert row["duration_min_s"] <= to_s - from_s <= row["duration_max_s"], row
    assert row["duration_max_s"] - row["duration_min_s"] < 30 or row["kind"] == "gateway_outage", row


@pytest.mark.parametrize("lost", LOSSES, ids=str)
def test_each_loss_of_a_meter_is_told_within_bounds_that_hold_it(
    influx: Influx, lost: tuple[str, float, float]
) -> None:
    meter, from_s, to_s = lost
    row = _of(_rows(influx, "lamplighter-outages", "Supply losses in the range"), meter, from_s)
    _holds(row, from_s, to_s)
    at_ms = _wall_ms(to_s)
    assert row["end_earliest"] - 1 <= at_ms <= row["end"] + 1


@pytest.mark.parametrize("unheard", SILENCES, ids=str)
def test_each_silence_is_told_within_bounds_that_hold_it(influx: Influx, unheard: tuple[str, float, float]) -> None:
    meter, from_s, to_s = unheard
    _holds(_of(_rows(influx, "lamplighter-outages", "Silences in the range"), meter, from_s), from_s, to_s)


@pytest.mark.parametrize("sag", SAGS, ids=str)
def test_each_sag_is_told_within_bounds_that_hold_it(influx: Influx, sag: tuple[str, float, float]) -> None:
    meter, from_s, to_s = sag
    rows = [row for row in _rows(influx, "lamplighter-events", "Events") if row["kind"] == "sag"]
    _holds(_of(rows, meter, from_s), from_s, to_s)


@pytest.mark.parametrize("incident", INCIDENTS, ids=str)
def test_who_was_without_supply_last_night(influx: Influx, incident: tuple[str, float, float, int]) -> None:
    node, from_s, to_s, customers = incident
    rows = _rows(influx, "lamplighter-outages", "Customers without supply in the range")
    row = _of(rows, node, from_s, by="node")
    assert row["duration_min_s"] <= to_s - from_s <= row["duration_max_s"]
    assert row["most_min"] <= customers <= row["most_max"]
    assert (row["state"], row["customers_max"]) == ("closed", 0)


def test_who_is_without_supply_still(influx: Influx) -> None:
    rows = _rows(influx, "lamplighter-outages", "Customers without supply in the range")
    row = _of(rows, "F12", LAST_OPENED_S, by="node")
    assert row["state"] == "open"
    assert row["customers_min"] <= HOSPITAL + STREET <= row["customers_max"]
    assert len(rows) == len(INCIDENTS) + 1


def _index(influx: Influx, title: str) -> tuple[float, float]:
    least, most, _ = (
        influx.series(_SHOWN.query(query.influxql)) for query in _panel("lamplighter-outages", title).queries
    )
    return float(least[0]["values"][0][1]), float(most[0]["values"][0][1])


def test_the_true_indices_lie_between_at_least_and_at_most(influx: Influx) -> None:
    minutes = sum(customers * lasted_s / 60 for customers, lasted_s in INTERRUPTED)
    times = sum(customers for customers, _ in INTERRUPTED)
    true = {
        "Customer-minutes lost": minutes, "Customer interruptions": times,
        "SAIDI, minutes a customer": minutes / 331, "SAIFI, interruptions a customer": times / 331,
    }  # fmt: skip
    for title, value in true.items():
        least, most = _index(influx, title)
        assert least <= value <= most, title


def test_the_low_evening_of_the_village_is_counted(influx: Influx) -> None:
    """Two hours; a deep sag of six seconds lies in them."""
    series = influx.series(_SHOWN.query(_panel("lamplighter-voltage", "Voltage qualification").queries[0].influxql))
    low = {one["tags"]["meter"]: dict(zip(one["columns"], one["values"][0], strict=True))["low"] for one in series}
    assert low["village"] == pytest.approx(120, abs=3)
