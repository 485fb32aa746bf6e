"""At most is never less than at least: of the simulated day, and of events of any kind as they may come."""

from random import Random

import pytest
from dashboard_day import DAY_S, GATEWAY, MIDNIGHT_US, SITE, Day, Sent
from dashboard_expected import EXPECTED
from dashboard_truth import Answer, answer_of, differences, truth_of
from grafana_queries import ALL, Shown
from samples import event
from servers import Influx

from agent.dashboards.library import ALL as DASHBOARDS
from agent.dashboards.model import Panel
from agent.publish.line_protocol import LineEncoder
from agent.records import Event

pytestmark = pytest.mark.e2e

_SETS, _MOST_EVENTS = 24, 12
_METERS = ("street", "mill", None)
_BOUNDED = 4
_MIDNIGHT_MS = MIDNIGHT_US // 1000
_SHOWN = Shown(
    _MIDNIGHT_MS, _MIDNIGHT_MS + DAY_S * 1000,
    {"site": [ALL], "gateway": [ALL], "feeder": [ALL], "meter": [ALL], "customers": ["331"], "sustained": ["180"]},
)  # fmt: skip


def _indices() -> list[Panel]:
    (outages,) = (dashboard for dashboard in DASHBOARDS if dashboard.uid == "lamplighter-outages")
    return [panel for panel in outages.panels if len(panel.queries) == 3 and panel.index]


def _bounds(panel: Panel, influx: Influx, database: str, shown: Shown = _SHOWN) -> tuple[Answer, Answer]:
    least, most, _ = (answer_of(influx.series(shown.query(query.influxql), database)) for query in panel.queries)
    return least, most


def _value(answer: Answer, name: str) -> float:
    return float(answer[()][0][1][name] or 0) if answer else 0.0


def _drawn(dice: Random, number: int) -> Event:
    kind = dice.choice(["supply_loss", "supply_loss", "comms_loss", "stale_data", "gateway_outage"])
    meter = dice.choice(_METERS)
    start_us = MIDNIGHT_US + dice.randrange(DAY_S - 7_200) * 1_000_000 + number
    least_s, width_s = dice.uniform(0, 3_600), dice.choice([0.0, 1.0, 600.0])
    most = dice.randrange(1, 200)
    bounds = {} if dice.random() < 0.1 else {"duration_min_s": least_s, "duration_max_s": least_s + width_s}
    return event(
        id=f"ev-{number}", kind=kind, meter=meter, line=None if meter is None else "town",
        feeder=None if meter is None else "F12", start_us=start_us, start_earliest_us=start_us - 1_000_000,
        end_us=start_us + int(least_s * 1e6), end_earliest_us=start_us, mode=dice.choice(["normal"] * 5 + ["test"]),
        state=dice.choice(["closed"] * 5 + ["open", "retracted"]),
        customers=None if kind == "stale_data" or dice.random() < 0.1 else (dice.randrange(most + 1), most),
        because=("ev-other",) if kind == "supply_loss" and dice.random() < 0.5 else (), **bounds,
    )  # fmt: skip


@pytest.fixture(scope="module")
def sets(influx: Influx) -> list[tuple[str, Day]]:
    made = []
    for seed in range(_SETS):
        dice = Random(seed)  # noqa: S311
        told = [Sent(0.0, _drawn(dice, number)) for number in range(dice.randrange(1, _MOST_EVENTS))]
        day = Day(told, [], {"street": "F12", "mill": "F12"})
        influx.create(f"bounds_{seed}")
        status, body = influx.write(day.lines(LineEncoder(SITE, GATEWAY, day.feeders)), f"bounds_{seed}")
        assert status == 204, body
        made.append((f"bounds_{seed}", day))
    return made


def test_of_any_events_at_most_is_no_less_than_at_least(influx: Influx, sets: list[tuple[str, Day]]) -> None:
    lifted = 0
    for database, day in sets:
        truth = truth_of(day)
        for panel in _indices():
            least, most = _bounds(panel, influx, database)
            for ref, found in (("A", least), ("B", most)):
                wanted = EXPECTED["lamplighter-outages", panel.title, ref](truth, _SHOWN)
                assert differences(found, wanted) == [], (database, panel.title, ref)
            sure, perhaps = _value(least, "at least"), _value(most, "at most")
            assert perhaps >= sure, (database, panel.title)
            lifted += perhaps == sure > 0
    assert lifted, "no set has a loss that only rests on what was no silence"


def test_of_the_day_at_most_is_no_less_than_at_least(influx: Influx) -> None:
    panels = _indices()
    assert len(panels) == _BOUNDED
    for panel in panels:
        least, most = _bounds(panel, influx, "lamplighter")
        assert _value(most, "at most") >= _value(least, "at least") > 0, panel.title
