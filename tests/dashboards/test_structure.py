"""Every dashboard's JSON by its structure: what Grafana would swallow without a word, and show wrong or not at all."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from agent.dashboards.grafana import dashboard_text
from agent.dashboards.library import ALL, dashboards
from agent.dashboards.model import COLUMNS, Dashboard, Panel, Query, Row
from agent.dashboards.options import Options, options_of
from agent.detect.curves import ITIC_LOWER
from agent.records import NOT_ISOLATION
from agent.site import load_site

Json = Mapping[str, Any]
TWO_FEEDERS = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
time_zone = "Asia/Shanghai"
[lines.a]
tcp = "127.0.0.1:1"
[meters.head]
line = "a"
unit = 1
model = "eastron-sdm630"
feeder = "F12"
limits = [198.0, 235.4]
[meters.end]
line = "a"
unit = 2
model = "eastron-sdm630"
upstream = "head"
customers = 181
limits = [198.0, 235.4]
[meters.other]
line = "a"
unit = 3
model = "eastron-sdm630"
feeder = "F13"
customers = 18
[meters.lonely]
line = "a"
unit = 4
model = "eastron-sdm630"
customers = 1
"""
TREE = [
    "- **F12** (181 customers)",
    "  - **head** (181 customers)",
    "    - **end** (181 customers)",
    "- **F13** (18 customers)",
    "  - **other** (18 customers)",
    "- **lonely** (1 customer)",
]
# Grafana's own macros, and what a link of it may name.
MACROS = {"timeFilter", "__interval", "__interval_ms", "__from", "__to"}
# Grafana's names of units that are used here.
UNITS = {
    "none", "volt", "amp", "watt", "voltampreact", "watth", "varh", "hertz", "percent", "percentunit", "s", "d",
    "suffix:min", "bytes", "dateTimeAsIso", "dateTimeFromNow",
}  # fmt: skip


def site_options(tmp_path: Path) -> Options:
    file = tmp_path / "site.toml"
    file.write_text(TWO_FEEDERS, encoding="utf-8")
    return options_of(load_site(file))


@pytest.fixture(params=["any site", "a site"])
def every(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Dashboard, ...]:
    return ALL if request.param == "any site" else dashboards(site_options(tmp_path))


@cache
def told(dashboard: Dashboard) -> Json:
    return json.loads(dashboard_text(dashboard))  # type: ignore[no-any-return]


def panels_of(dashboard: Json) -> Iterator[Json]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def shown(dashboard: Dashboard) -> Iterator[Json]:
    """Panels with a query."""
    return (panel for panel in panels_of(told(dashboard)) if panel["type"] not in ("row", "text"))


def test_ids_and_uids_are_one_of_a_kind(every: tuple[Dashboard, ...]) -> None:
    assert len(every) == 6
    assert len({dashboard.uid for dashboard in every}) == 6
    for dashboard in every:
        assert re.fullmatch(r"[a-z-]{1,40}", dashboard.uid)
        ids = [panel["id"] for panel in panels_of(told(dashboard))]
        assert len(ids) == len(set(ids)), dashboard.uid


def test_titles_are_one_of_a_kind_within_a_dashboard(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        twice = [title for title, times in Counter(panel.title for panel in dashboard.panels).items() if times > 1]
        assert twice == [], dashboard.uid


def test_no_panel_lies_on_another_or_outside_the_grid(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        top = told(dashboard)["panels"]
        for panel in top:
            at = panel["gridPos"]
            assert min(at["w"], at["h"]) > 0, panel["title"]
            assert 0 <= at["x"] <= COLUMNS - at["w"], panel["title"]
        for one, other in combinations(top, 2):
            assert apart(one["gridPos"], other["gridPos"]), (dashboard.uid, one["title"], other["title"])


def apart(one: Json, other: Json) -> bool:
    return bool(
        one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    )  # fmt: skip


def test_every_panel_says_what_it_means_and_what_stands_there_without_data(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        for panel in dashboard.panels:
            assert len(panel.description) > 30, panel.title
            assert panel.description.endswith("."), panel.title
        for written in shown(dashboard):
            assert written["fieldConfig"]["defaults"]["noValue"].strip(), written["title"]


def test_every_unit_is_one_that_grafana_knows(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        for panel in dashboard.panels:
            units = {panel.unit, panel.x.unit, panel.y.unit, *(one.unit for one in (*panel.columns, *panel.overrides))}
            assert units - {""} <= UNITS, panel.title


def test_the_id_that_leads_to_an_event_is_in_sight_without_scrolling(every: tuple[Dashboard, ...]) -> None:
    linked = [
        panel.columns[0].links for dashboard in every for panel in dashboard.panels
        if panel.kind == "table" and any(column.field == "id" for column in panel.columns)
    ]  # fmt: skip
    assert len(linked) == 3
    assert all("var-event=" in links[0].url for links in linked)


# Beside a panel on a screen of 1920 pixels: Grafana's folded menu, its margins and the scroll bar.
ROOM_PX = 1920 - 70


@pytest.mark.parametrize(("field", "least_px", "count"), [("words", 500, 2), ("evidence", 340, 4)])
def test_what_is_said_in_words_is_read_whole_without_scrolling(
    every: tuple[Dashboard, ...], field: str, least_px: int, count: int
) -> None:
    tables = 0
    for dashboard in every:
        for panel in dashboard.panels:
            names = [column.field for column in panel.columns]
            if field in names:
                tables += 1
                needed = panel.columns[: names.index(field) + 1]
                widths = [column.width for column in needed if column.width is not None]
                assert len(widths) == len(needed), panel.title
                assert sum(widths) <= ROOM_PX, panel.title
                assert widths[-1] >= least_px, panel.title
                written = next(one for one in shown(dashboard) if one["title"] == panel.title)
                (words,) = (one for one in written["fieldConfig"]["overrides"] if one["matcher"]["options"] == field)
                assert {"id": "custom.cellOptions", "value": {"type": "auto", "wrapText": True}} in words["properties"]
    assert tables == count


def test_no_heading_of_a_column_is_cut_off(every: tuple[Dashboard, ...]) -> None:
    """Headings are of 14 pixels, 7 a letter, within 6 on each side."""
    for dashboard in every:
        for panel in dashboard.panels:
            for column in panel.columns:
                needed = 7 * len(column.title or column.field) + 12
                assert column.width is None or column.width >= needed, (panel.title, column.title, needed)


def test_bars_are_few_enough_to_be_told_apart(every: tuple[Dashboard, ...]) -> None:
    found = 0
    for dashboard in every:
        steps = {panel.title for panel in dashboard.panels if panel.draw == "bars" and panel.step != "1d"}
        found += len(steps)
        for written in shown(dashboard):
            assert (written.get("maxDataPoints", 1e9) <= 100) == (written["title"] in steps), written["title"]
    assert found == 4


def test_a_logarithmic_axis_begins_above_0() -> None:
    for dashboard in ALL:
        for written in shown(dashboard):
            for override in written["fieldConfig"]["overrides"]:
                told_of = {one["id"]: one["value"] for one in override["properties"]}
                if told_of.get("custom.scaleDistribution", {}).get("type") == "log":
                    assert told_of["min"] > 0, written["title"]


def test_every_query_asks_the_database_that_is_chosen(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        whole = told(dashboard)
        source = whole["templating"]["list"][0]
        assert (source["name"], source["type"], source["query"]) == ("ds", "datasource", "influxdb")
        for panel in shown(dashboard):
            assert panel["targets"], panel["title"]
            for asked in (panel, *panel["targets"]):
                assert asked["datasource"] == {"type": "influxdb", "uid": "${ds}"}, panel["title"]
            refs = [target["refId"] for target in panel["targets"]]
            assert len(refs) == len(set(refs)), panel["title"]


def test_every_query_has_a_time_range_and_names_variables_that_are_there(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        known = MACROS | {variable.name for variable in dashboard.variables}
        for panel in dashboard.panels:
            for query in panel.queries:
                selects = query.influxql.count('FROM "')
                ranges = query.influxql.count("$timeFilter") + len(re.findall(r"time >=? \$", query.influxql))
                ends = query.influxql.count("$timeFilter") + len(re.findall(r"time <= \$", query.influxql))
                assert selects == ranges == ends, (panel.title, query.influxql)
                assert set(re.findall(r"\$\{?(\w+)", query.influxql)) <= known, query.influxql


def test_a_number_that_is_typed_in_goes_into_a_query_as_it_stands(every: tuple[Dashboard, ...]) -> None:
    """Some versions escape it where a regular expression is anywhere in the query: 235.4 becomes 235\\.4."""
    found = 0
    for dashboard in every:
        for name in (one.name for one in dashboard.variables if not one.influxql and one.name != "event"):
            for query in (query.influxql for panel in dashboard.panels for query in panel.queries):
                left = query.replace(f"${{{name}:raw}}", "")
                found += left != query
                assert not re.search(rf"[${{]{name}\b", left), query
    assert found >= 8


def test_each_variable_is_asked_of_those_before_it(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        before: set[str] = set()
        for variable in dashboard.variables:
            assert set(re.findall(r"\$(\w+)", variable.influxql)) <= before, variable.name
            before.add(variable.name)


def test_all_of_a_variable_takes_in_what_has_no_meter_and_no_feeder() -> None:
    """Events of a line or of the gateway have `none` there, which no list of meters has."""
    for dashboard in ALL:
        for variable in told(dashboard)["templating"]["list"]:
            if variable["type"] == "query" and variable["includeAll"]:
                assert variable["allValue"] == ".*"


def test_events_that_were_taken_back_are_nowhere() -> None:
    """`event_log` is the one place where they belong: it says what was said when."""
    for dashboard in ALL:
        for panel in dashboard.panels:
            for query in panel.queries:
                for source in ('"event"', '"incident"'):
                    asked, kept = query.influxql.count(f"FROM {source}"), query.influxql.count('"state" ')
                    assert kept >= asked, (panel.title, query.influxql)


def test_beside_every_index_stands_its_coverage(every: tuple[Dashboard, ...]) -> None:
    indices = [(row, panel) for dashboard in every for row in dashboard.rows for panel in row.panels if panel.index]
    assert len(indices) >= 10
    for row, panel in indices:
        beside = any(other.title == "Coverage" for other in row.panels)
        assert beside or any(column.field == "coverage" for column in panel.columns), panel.title


def test_coverage_below_95_percent_is_grey() -> None:
    from agent.dashboards.parts import COVERAGE_COLOURS, COVERAGE_COLUMN, COVERED, GREEN, GREY
    from agent.report.figures import COVERED as OF_REPORTS

    assert COVERED == OF_REPORTS
    assert [(step.above, step.colour) for step in COVERAGE_COLOURS] == [(None, GREY), (0.95, GREEN)]
    assert COVERAGE_COLUMN.thresholds == COVERAGE_COLOURS
    for panel in (panel for dashboard in ALL for panel in dashboard.panels if panel.title == "Coverage"):
        assert panel.thresholds == COVERAGE_COLOURS


def test_whoever_shows_a_dead_feeder_says_that_it_is_no_proof_of_isolation(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        asks_supply = any(
            re.search(r'"dead"|supply_loss|"voltage_|"event"', query.influxql)
            for panel in dashboard.panels
            for query in panel.queries
        )
        said = any(NOT_ISOLATION in panel.text for panel in dashboard.panels)
        assert said or not asks_supply, dashboard.uid


def test_a_table_shows_columns_that_its_query_brings_and_hides_the_rest(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        for panel in dashboard.panels:
            if panel.kind == "table":
                brought = brings(panel)
                missing = {column.field for column in panel.columns} - brought
                assert not missing, (panel.title, missing)
                written = next(one for one in shown(dashboard) if one["title"] == panel.title)
                first = written["fieldConfig"]["overrides"][0]
                names = [column.field for column in panel.columns]
                assert first["matcher"] == {"id": "byNames", "options": {"mode": "exclude", "names": names}}
                assert first["properties"] == [{"id": "custom.hidden", "value": True}]
                order = written["transformations"][0]["options"]["indexByName"]
                assert sorted(order, key=order.__getitem__) == names


def brings(panel: Panel) -> set[str]:
    """Names of columns as Grafana makes them of an answer."""
    return {"Time"}.union(*(_brings(query) for query in panel.queries))


def _brings(query: Query) -> set[str]:
    outer = query.influxql.split(" FROM ")[0]
    named = {alias or plain for plain, alias in re.findall(r'"(\w+)"(?:(?=,|$)| AS "(\w+)")', outer)}
    named |= set(re.findall(r' AS "(\w+)"', outer))
    by = query.influxql.rpartition(" GROUP BY ")[2] if not query.influxql.endswith(")") else ""
    return named | set(re.findall(r'"(\w+)"', by))


def test_what_a_table_is_sorted_by_is_the_title_of_one_of_its_columns(every: tuple[Dashboard, ...]) -> None:
    for dashboard in every:
        for panel in dashboard.panels:
            if panel.sort_by:
                assert panel.sort_by in {column.title or column.field for column in panel.columns}, panel.title


def test_a_link_to_an_event_finds_all_that_it_names(every: tuple[Dashboard, ...]) -> None:
    found = 0
    uids = {dashboard.uid for dashboard in every}
    for dashboard in every:
        for link in dashboard.links:
            assert link.url.split("?")[0].removeprefix("/d/") in uids
        for panel in dashboard.panels:
            for column in panel.columns:
                for link in column.links:
                    found += 1
                    assert link.url.split("?")[0].removeprefix("/d/") in uids
                    assert set(re.findall(r"__data\.fields\.(\w+)", link.url)) <= brings(panel), panel.title
    assert found >= 4


def test_clouds_of_a_scatter_are_of_columns_that_are_there_and_of_a_y_of_their_own() -> None:
    scatters = [panel for dashboard in ALL for panel in dashboard.panels if panel.kind == "xychart"]
    assert len(scatters) == 3
    for panel in scatters:
        assert {name for cloud in panel.clouds for name in (cloud.x, cloud.y)} <= brings(panel)
        assert len({cloud.y for cloud in panel.clouds}) == len(panel.clouds)


def test_each_scatter_has_its_curve_as_a_line_and_its_events_as_points() -> None:
    """In one frame: versions of Grafana look for a series in the frame of its number, and of no event there is none."""
    (events,) = (dashboard for dashboard in ALL if dashboard.uid == "lamplighter-events")
    scatters = [written for written in shown(events) if written["type"] == "xychart"]
    assert len(scatters) == 3
    for written in scatters:
        assert written["transformations"] == [{"id": "concatenate", "options": {"frameNameMode": "drop"}}]
        overrides = {one["matcher"]["options"]: one["properties"] for one in written["fieldConfig"]["overrides"]}
        assert {"id": "custom.show", "value": "lines"} in overrides["itic"]
        assert written["fieldConfig"]["defaults"]["custom"]["show"] == "points"
        assert {one["y"] for one in written["options"]["series"]} == {"shortest", "longest", "itic"}
        assert {one["frame"] for one in written["options"]["series"]} == {0}


def test_the_curve_that_is_drawn_is_the_one_that_events_are_judged_by() -> None:
    (panel, *others) = (panel for dashboard in ALL for panel in dashboard.panels if panel.title.startswith("ITIC"))
    drawn = re.findall(
        r'\* 0 \+ ([\d.]+) AS "itic_s", count\("coverage"\) \* 0 \+ ([\d.]+) AS', panel.queries[1].influxql
    )
    corners = [(float(at_s), float(level) / 100) for at_s, level in drawn]
    levels = [ITIC_LOWER[0].level, *(step.level for step in ITIC_LOWER[1:])]
    wanted = [
        (step.until_s, level) for step, *both in zip(ITIC_LOWER, levels, levels[1:], strict=False) for level in both
    ]
    assert corners == [*wanted, (100_000.0, ITIC_LOWER[-1].level)]
    assert all(other.queries[1] == panel.queries[1] for other in others)


def test_overrides_by_a_regular_expression_are_such() -> None:
    for dashboard in ALL:
        for panel in dashboard.panels:
            for override in panel.overrides:
                if override.field.startswith("/"):
                    assert override.field.endswith("/")
                    re.compile(override.field[1:-1])


def test_a_folded_row_holds_its_panels_and_takes_one_line() -> None:
    (dashboard, *_) = ALL
    folded = replace(dashboard, rows=(Row("Folded", dashboard.rows[0].panels, collapsed=True), *dashboard.rows[1:2]))
    first, second, *_ = told(folded)["panels"]
    assert (first["type"], first["collapsed"], len(first["panels"])) == ("row", True, len(dashboard.rows[0].panels))
    assert (second["type"], second["gridPos"]["y"]) == ("row", 1)


def test_the_site_file_gives_feeders_limits_customers_and_days(tmp_path: Path) -> None:
    network, voltage, _, outages, energy, _ = dashboards(site_options(tmp_path))
    headings = [row.title for row in network.rows]
    assert "Feeder F12: 2 meters, 181 customers" in headings
    assert "Feeder F13: 1 meter, 18 customers" in headings
    (tree,) = (panel.text for panel in network.panels if panel.title == "Network")
    assert tree.splitlines() == TREE
    assert {variable.name: variable.default for variable in voltage.variables if not variable.influxql} == {
        "low": "198", "high": "235.4",
    }  # fmt: skip
    assert next(variable.default for variable in outages.variables if variable.name == "customers") == "200"
    assert next(variable.default for variable in outages.variables if variable.name == "site") == "dashi"
    by_day = next(panel for panel in energy.panels if panel.title == "Energy a day")
    assert by_day.queries[0].influxql.endswith("tz('Asia/Shanghai')")


def test_a_feeder_of_a_site_shows_its_own_meters_only(tmp_path: Path) -> None:
    network, *_ = dashboards(site_options(tmp_path))
    (timeline,) = (panel for panel in network.panels if panel.title == "Supply of F12")
    assert "\"feeder\" = 'F12'" in timeline.queries[0].influxql
