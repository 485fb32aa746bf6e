"""Every panel's query, with its variables and times put in as Grafana does it, against a real InfluxDB that holds a
simulated day: what it answers equals what the day's records say."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from dashboard_day import DAY_S, FOLDER, GATEWAY, HOUR_S, MIDNIGHT_US, SITE
from dashboard_expected import EXPECTED, OF_THE_SITE
from dashboard_truth import Truth, answer_of, differences, says_something
from grafana_queries import ALL, Shown, in_parentheses, milliseconds, side_by_side
from servers import Influx

from agent.dashboards.library import ALL as DASHBOARDS
from agent.dashboards.library import dashboards
from agent.dashboards.model import Dashboard, Panel, Query
from agent.dashboards.options import options_of
from agent.site import load_site

pytestmark = pytest.mark.e2e

_MIDNIGHT_MS = MIDNIGHT_US // 1000
_EVERYTHING = {
    "site": [ALL], "gateway": [ALL], "feeder": [ALL], "meter": [ALL], "kind": [ALL], "low": ["205"], "high": ["216"],
    "customers": ["331"], "sustained": ["180"],
}  # fmt: skip
WHOLE_DAY = Shown(_MIDNIGHT_MS, _MIDNIGHT_MS + DAY_S * 1000, _EVERYTHING, 600_000, in_parentheses)
# One feeder, of which two meters are chosen, from before an outage began to while a sag lasts.
MORNING = Shown(
    _MIDNIGHT_MS + 6 * HOUR_S * 1000 + 301_000, _MIDNIGHT_MS + 9 * HOUR_S * 1000 + 2_500,
    {**_EVERYTHING, "site": [SITE], "gateway": [GATEWAY, "gw-02"], "feeder": ["F12"], "meter": ["street", "hospital"],
     "kind": ["sag", "comms_loss"]},
    60_000, side_by_side,
)  # fmt: skip
ONE_METER = {"lamplighter-voltage"}
# Of what this day has none.
NEVER = {
    ("lamplighter-network", "Customers without supply now", "C"),  # everybody wrote down their customers
    ("lamplighter-events", "ITIC: kept", "A"),  # between two polls of a second a sag may have been deeper
}


def _queries(made: tuple[Dashboard, ...] = DASHBOARDS) -> Iterator[tuple[Dashboard, Panel, Query]]:
    for dashboard in made:
        for panel in dashboard.panels:
            for query in panel.queries:
                yield dashboard, panel, query


def _of_the_site() -> list[tuple[Dashboard, Panel, Query]]:
    """As `lamplighter dashboards --site` writes them for the day's own site file: where they ask something else."""
    made = dashboards(options_of(load_site(FOLDER / "site.toml", FOLDER)))
    asked = {query.influxql for _, _, query in _queries()}
    return [one for one in _queries(made) if one[2].influxql not in asked]


OF_SITE_FILE = _of_the_site()


def _id(one: tuple[Dashboard, Panel, Query]) -> str:
    dashboard, panel, query = one
    return f"{dashboard.uid.removeprefix('lamplighter-')}: {panel.title} {query.ref}"


def _on(shown: Shown, dashboard: Dashboard, panel: Panel, truth: Truth) -> Shown:
    """As that dashboard shows it, with an event that has a trace."""
    traces = [row for row in truth.rows["trace"] if shown.from_ms <= row.at_ms <= shown.to_ms]
    chosen = dict(shown.variables) | {"event": [traces[0]["event"]]}
    if dashboard.uid in ONE_METER:
        chosen["meter"] = ["village"] if ALL in chosen["meter"] else ["street"]
    step_ms = milliseconds(panel.step) if panel.step else 0
    return replace(shown, variables=chosen, interval_ms=max(shown.interval_ms, step_ms))


@pytest.mark.parametrize("one", list(_queries()), ids=_id)
@pytest.mark.parametrize("shown", [WHOLE_DAY, MORNING], ids=["day", "morning"])
def test_a_query_answers_what_the_day_was(
    one: tuple[Dashboard, Panel, Query], shown: Shown, influx: Influx, truth: Truth
) -> None:
    dashboard, panel, query = one
    shown = _on(shown, dashboard, panel, truth)
    found = answer_of(influx.series(shown.query(query.influxql)))
    wanted = EXPECTED[dashboard.uid, panel.title, query.ref](truth, shown)
    assert differences(found, wanted) == [], shown.query(query.influxql)


@pytest.mark.parametrize("one", OF_SITE_FILE, ids=_id)
@pytest.mark.parametrize("shown", [WHOLE_DAY, MORNING], ids=["day", "morning"])
def test_a_query_made_for_a_site_file_answers_what_the_day_was(
    one: tuple[Dashboard, Panel, Query], shown: Shown, influx: Influx, truth: Truth
) -> None:
    dashboard, panel, query = one
    morning = shown is MORNING
    shown = _on(shown, dashboard, panel, truth)
    found = answer_of(influx.series(shown.query(query.influxql)))
    wanted = OF_THE_SITE[dashboard.uid, panel.title, query.ref](truth, shown)
    assert differences(found, wanted) == [], shown.query(query.influxql)
    # Every meter of this day has a feeder, and the morning is F12's.
    silent = {"Supply of no feeder", *["Supply of F11"] * morning}
    assert says_something(wanted) == (panel.title not in silent)


def test_every_query_made_for_a_site_file_has_its_truth() -> None:
    assert {(dashboard.uid, panel.title, query.ref) for dashboard, panel, query in OF_SITE_FILE} == OF_THE_SITE.keys()


def test_every_query_has_something_to_say_of_this_day(truth: Truth) -> None:
    silent = set()
    for dashboard, panel, query in _queries():
        key = (dashboard.uid, panel.title, query.ref)
        answers = (EXPECTED[key](truth, _on(shown, dashboard, panel, truth)) for shown in (MORNING, WHOLE_DAY))
        if not any(map(says_something, answers)):
            silent.add(key)
    assert silent == NEVER


def test_every_query_has_its_truth_and_every_truth_its_query() -> None:
    asked = {(dashboard.uid, panel.title, query.ref) for dashboard, panel, query in _queries()}
    assert asked == EXPECTED.keys()
