"""What each alert rule says of a database: its query on a real InfluxDB, over points as the agent encodes them.

The three steps are those of Grafana: the query, the last number of each series, the threshold.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from grafana_queries import Shown
from servers import Influx, influxd

from agent.dashboards.alerts import ALL
from agent.dashboards.model import AlertRule
from agent.publish.line_protocol import LineEncoder
from agent.records import DAY_US, MINUTE_US, ClockState, Event, Health, Incident, Kind

pytestmark = pytest.mark.e2e
# Half a minute after five minutes of the clock began: the hardest moment for who counts by those.
NOW_US = 1_795_435_200_000_000 + 30_000_000
RULES = {rule.title: rule for rule in ALL}
FEEDERS = {"m1": "F12", "m2": "F12", "m3": "F13"}
GW1, GW2 = (LineEncoder("dashi", gateway, FEEDERS) for gateway in ("gw-01", "gw-02"))
CLOCK = ClockState(True, 0.01)
Fired = Mapping[tuple[str, ...], float]


def _event(kind: Kind, meter: str | None = "m1", ago_us: int = 30_000_000, **more: Any) -> Event:
    at_us = NOW_US - ago_us
    first = Event(
        id=f"{kind}-{meter}-{ago_us}-{len(more)}", kind=kind, revision=1, state="open", basis="measured",
        scope="meter" if meter else "gateway", reported_us=at_us, start_us=at_us, start_earliest_us=at_us - 1,
        meter=meter, feeder=FEEDERS.get(meter or ""), profile="iec", clock=CLOCK,
    )  # fmt: skip
    return replace(first, **more)


def _sag(meter: str = "m1", ago_us: int = MINUTE_US, **more: Any) -> Event:
    """Surely outside of SEMI F47, with two phases untouched."""
    volts = {"voltage_l1": 40.0, "voltage_l2": 228.0, "voltage_l3": 231.0}
    sized = {
        "voltage_basis": "ln",
        "reference_v": 230.0,
        "extreme_by_channel": volts,
        "classes": {"semi_f47": "violates"},
    }
    return _event("sag", meter, ago_us, **({"state": "closed"} | sized | more))


def _deep(l1: float, l2: float, l3: float, profile: str) -> dict[str, Any]:
    return {"extreme_by_channel": {"voltage_l1": l1, "voltage_l2": l2, "voltage_l3": l3}, "profile": profile}


def _minutes(encoder: LineEncoder, **numbers: float) -> list[bytes]:
    """Of the gateway itself, for an hour, each at the tick of its minute."""
    ticks = range(NOW_US // MINUTE_US * MINUTE_US - 60 * MINUTE_US, NOW_US, MINUTE_US)
    return [
        encoder.health(Health("gateway", "", at_us, {"uptime_s": 60.0, **numbers}), n) for n, at_us in enumerate(ticks)
    ]


def _lines(events: Iterable[Event], encoder: LineEncoder = GW1) -> list[bytes]:
    return [encoder.event(event) for event in events]


def _incident(node: str, feeder: str, **more: Any) -> bytes:
    first = Incident(
        id=node, revision=1, state="open", reported_us=NOW_US, cause="supply_loss", node=node, start_us=NOW_US - DAY_US,
        start_earliest_us=NOW_US - DAY_US, feeder=feeder, customers=(1, 2), clock=CLOCK,
    )  # fmt: skip
    return GW1.incident(replace(first, **more))


def _sink(name: str, age_s: float) -> bytes:
    return GW1.health(Health("sink", name, NOW_US - MINUTE_US, {"backlog_age_s": age_s}), 1)


# What must not fire: over, taken back, in a test, too old, of another kind.
_CLOSED = {"state": "closed", "end_us": NOW_US, "end_earliest_us": NOW_US, "revision": 2}
_BACK = {"state": "retracted", "revision": 2}

# Of each rule: what stands in the database, and which series fire with which number: by their tags, in order of name.
CASES: dict[str, tuple[list[bytes], Fired]] = {
    "Supply lost": (
        _lines([
            _event("supply_loss", "m1"), _event("supply_loss", "m2", 29 * DAY_US), _event("phase_loss", "m3"),
            _event("supply_loss", "m3", 2 * MINUTE_US, **_CLOSED), _event("supply_loss", "m3", 3 * MINUTE_US, **_BACK),
            _event("supply_loss", "m3", 4 * MINUTE_US, mode="test"), _event("supply_loss", "m3", 31 * DAY_US), _sag(),
            _event("comms_loss", "m3"),
        ]),
        {("F12", "gw-01", "supply_loss", "dashi"): 2, ("F13", "gw-01", "phase_loss", "dashi"): 1},
    ),
    "Incident open": (
        [_incident("tx-1", "F12"), _incident("tx-2", "F12"), _incident("tx-3", "F13", **_CLOSED),
         _incident("tx-4", "F13", **_BACK)],
        {("F12", "gw-01", "dashi"): 2},
    ),
    "Severe sag": (
        _lines([
            _sag(), _sag(classes={"itic": "violates", "semi_f47": "ok"}, mode="normal", basis="meter_log"),
            _sag("m3", **_deep(11.0, 11.0, 11.0, "iec")), _sag("m3", 2 * MINUTE_US, **_deep(22.0, 12.0, 22.0, "gb")),
            _sag("m3", 3 * MINUTE_US, **_BACK), _sag("m3", 4 * MINUTE_US, mode="maintenance"),
            _sag("m3", 61 * MINUTE_US), _sag("m3", 5 * MINUTE_US, classes={"itic": "ok", "semi_f47": "undecided"}),
        ]),
        {("F12", "gw-01", "dashi"): 2},
    ),
    "Low voltage": (
        _lines([_event("undervoltage", "m1"), _event("undervoltage", "m3", **_CLOSED), _event("overvoltage", "m3")]),
        {("F12", "gw-01", "dashi"): 1},
    ),
    # A danger is told in a test, too.
    "Neutral fault": (
        _lines([_event("neutral_fault", "m1", mode="test"), _event("neutral_fault", "m3", **_BACK)]),
        {("F12", "gw-01", "m1", "dashi"): 1},
    ),
    "Back-feed": (
        _lines([_event("backfeed", "m3", mode="maintenance"), _event("backfeed", "m1", **_CLOSED)]),
        {("F13", "gw-01", "m3", "dashi"): 1},
    ),
    "Meter or line silent": (
        _lines([_event("comms_loss", "m1"), _event("comms_loss", None, scope="line", line="a"),
                _event("comms_loss", "m3", **_CLOSED)]),
        {("F12", "gw-01", "dashi"): 1, ("none", "gw-01", "dashi"): 1},
    ),
    "Backlog": ([_sink("mqtt", 901.0), _sink("influxdb", 900.0)], {("gw-01", "mqtt", "dashi"): 901}),
    "Clock not set": (
        [*_minutes(GW1, clock_synced=0.0), *_minutes(GW2, clock_synced=1.0)], {("gw-01", "dashi"): 0}
    ),
    "Clock uncertain": (
        [*_minutes(GW1, clock_uncertainty_s=1.5), *_minutes(GW2, clock_uncertainty_s=0.02)], {("gw-01", "dashi"): 1.5}
    ),
    "Certificate runs out": (
        _lines([_event("certificate_expiry", None, 80 * DAY_US), _event("certificate_expiry", None, **_CLOSED)]),
        {("gw-01", "dashi"): 1},
    ),
    "Gateway needs hands": (
        _lines([_event("card_worn", None), _event("sink_blocked", None), _event("sink_blocked", None, MINUTE_US),
                _event("mains_loss", None), _event("store_corrupt", None, **_CLOSED)]),
        {("gw-01", "card_worn", "dashi"): 1, ("gw-01", "sink_blocked", "dashi"): 2},
    ),
    "Gateway without mains": (_lines([_event("mains_loss", None)], GW2), {("gw-02", "dashi"): 1}),
    "Gateway silent": ([*_minutes(GW1), *_minutes(GW2)[:-6]], {("gw-02", "dashi"): 0}),
}  # fmt: skip


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with influxd(tmp_path_factory.mktemp("influx"), ()) as running:
        yield running


def _fired(influx: Influx, rule: AlertRule, database: str, now_us: int = NOW_US) -> Fired:
    (query,) = rule.queries
    now_ms = now_us // 1000
    rows = influx.query(Shown(now_ms - 1000 * rule.range_s, now_ms).query(query.influxql), database)
    column = query.influxql.partition(" FROM ")[0].rpartition('AS "')[2].rstrip('"')
    assert rule.condition.reduce == "last"
    told = {tuple(row[tag] for tag in sorted(row) if tag not in ("time", column)): row[column] for row in rows}
    above, below = rule.condition.above, rule.condition.below
    return {
        series: value
        for series, value in told.items()
        if (above is not None and value > above) or (below is not None and value < below)
    }


def test_every_rule_has_its_case() -> None:
    assert list(CASES) == [rule.title for rule in ALL]


@pytest.mark.parametrize("title", CASES)
def test_a_rule_fires_for_what_it_is_about_and_for_nothing_else(influx: Influx, title: str) -> None:
    lines, fires = CASES[title]
    database = RULES[title].uid
    influx.create(database)
    assert influx.write(b"\n".join(lines), database) == (204, "")
    assert _fired(influx, RULES[title], database) == fires


@pytest.mark.parametrize("title", CASES)
def test_a_rule_is_quiet_over_a_healthy_hour(influx: Influx, title: str) -> None:
    influx.create("healthy")
    healthy = [*_minutes(GW1, clock_synced=1.0, clock_uncertainty_s=0.01), _sink("mqtt", 0.0)]
    assert influx.write(b"\n".join(healthy), "healthy") == (204, "")
    assert _fired(influx, RULES[title], "healthy") == {}


@pytest.mark.parametrize("title", CASES)
def test_an_empty_database_brings_no_series_so_that_no_data_decides(influx: Influx, title: str) -> None:
    influx.create("empty")
    assert _fired(influx, RULES[title], "empty") == {}


def test_a_silent_gateway_is_told_within_eight_minutes_and_for_a_week(influx: Influx) -> None:
    rule = RULES["Gateway silent"]
    influx.create("silence")
    influx.write(b"\n".join(_minutes(GW1)), "silence")
    # Its last word begins five minutes of the clock: the longest way to the next ones.
    fires = [minute for minute in range(12) if _fired(influx, rule, "silence", NOW_US + minute * MINUTE_US)]
    assert fires == list(range(5, 12))
    assert fires[0] * 60 + rule.for_s <= 8 * 60
    assert _fired(influx, rule, "silence", NOW_US + 6 * DAY_US) == {("gw-01", "dashi"): 0}
    assert _fired(influx, rule, "silence", NOW_US + 8 * DAY_US) == {}


def test_the_first_minute_of_five_looks_silent_and_ends_before_the_rule_fires(influx: Influx) -> None:
    rule = RULES["Gateway silent"]
    influx.create("beginning")
    influx.write(b"\n".join(_minutes(GW1)[:-1]), "beginning")
    assert _fired(influx, rule, "beginning") == {("gw-01", "dashi"): 0}
    assert rule.for_s > 2 * 60, "the next point comes within a minute, and may be a minute late"
