"""docs/operations.md and deploy/grafana keep up with the dashboards and the alert rules."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from agent.dashboards.alerting import DATA_SOURCE_UID, rules_text
from agent.dashboards.alerts import ALL
from agent.dashboards.library import dashboards
from agent.dashboards.model import AlertRule, Panel
from agent.dashboards.options import Options
from agent.records import NOT_ISOLATION, Kind

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
GRAFANA = ROOT / "deploy" / "grafana"
SECTIONS = dict(re.findall(r"^### (.+)\n((?:(?!^##).*\n)*)", PAGE, re.MULTILINE))


def _json(file: Path) -> Any:
    """Ours are JSON with lines of comment above, which is YAML."""
    return json.loads("\n".join(line for line in file.read_text().splitlines() if not line.startswith("#")))


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def test_the_rules_that_are_shipped_are_those_of_the_code() -> None:
    shipped = (GRAFANA / "provisioning" / "alerting" / "rules.json").read_text()
    assert shipped == rules_text(), "write it anew: lamplighter dashboards --alerts FILE"


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.uid)
def test_every_alert_has_an_entry_with_its_first_three_steps(rule: AlertRule) -> None:
    assert rule.page == f"docs/operations.md#{_anchor(rule.title)}"
    assert re.findall(r"^(\d)\. ", SECTIONS[rule.title], re.MULTILINE) == ["1", "2", "3"]
    assert rule.summary
    assert rule.what_to_do


def test_no_alert_without_an_entry_and_no_entry_without_an_alert() -> None:
    alerts = PAGE.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (.+)$", alerts, re.MULTILINE) == [rule.title for rule in ALL]


def test_only_a_silent_gateway_fires_where_there_is_no_data() -> None:
    assert {rule.title: rule.no_data for rule in ALL if rule.no_data != "OK"} == {"Gateway silent": "Alerting"}


def test_rules_have_names_of_their_own_and_one_number_each() -> None:
    assert len({rule.uid for rule in ALL}) == len({rule.title for rule in ALL}) == len(ALL)
    for rule in ALL:
        (query,) = rule.queries
        outer = query.influxql.partition(" FROM ")[0]
        assert (query.ref, query.format, outer.count(" AS ")) == ("A", "time_series", 1)
        assert "$timeFilter" in query.influxql
        assert (rule.condition.above is None) != (rule.condition.below is None)
        # Grafana: 40 characters at most.
        assert len(rule.uid) <= 40


def test_rules_name_kinds_of_events_that_there_are_and_leave_out_what_was_taken_back() -> None:
    named = {kind for rule in ALL for any_of in re.findall(r"/\^\((.*?)\)\$/", rule.queries[0].influxql)
             for kind in any_of.split("|")}  # fmt: skip
    assert named <= set(get_args(Kind))
    assert named >= {"supply_loss", "phase_loss", "undervoltage", "neutral_fault", "backfeed", "comms_loss"}
    of_events = [rule.queries[0].influxql for rule in ALL if '"event"' in rule.queries[0].influxql]
    assert all("\"state\" = 'open'" in one or "\"state\" != 'retracted'" in one for one in of_events)


def test_whoever_is_told_of_a_dead_feeder_is_told_that_this_is_no_isolation() -> None:
    dead = [rule for rule in ALL if rule.title in ("Supply lost", "Incident open", "Back-feed")]
    assert len(dead) == 3
    assert all(NOT_ISOLATION in rule.summary for rule in dead)
    assert f"**{NOT_ISOLATION}**" in PAGE


def test_grafana_takes_no_dollar_for_a_variable_that_is_none() -> None:
    """It puts environment variables into titles and labels, and ${...} into annotations."""
    for rule in json.loads(rules_text())["groups"][0]["rules"]:
        assert not any("$" in text for text in (rule["title"], rule["uid"], *_texts(rule["labels"])))
        assert not any("${" in text for text in _texts(rule["annotations"]))


def _panels() -> list[Panel]:
    return [panel for dashboard in dashboards(Options()) for panel in dashboard.panels]


def test_every_panel_is_explained_and_nothing_else_is() -> None:
    titles = {panel.title for panel in _panels()}
    tables = PAGE.partition("\n## Panels\n")[2]
    explained = re.findall(r"^\| \*\*(.+?)\*\* \| .+ \| .+ \|$", tables, re.MULTILINE)
    assert sorted(titles - set(explained)) == []
    assert sorted(set(explained) - titles) == []


def test_the_headings_of_panels_are_the_dashboards() -> None:
    tables = PAGE.partition("\n## Panels\n")[2]
    assert re.findall(r"^### (.+)$", tables, re.MULTILINE) == [
        dashboard.title.partition(": ")[2].capitalize() for dashboard in dashboards(Options())
    ]


def test_panels_that_the_page_sends_people_to_exist() -> None:
    titles = {panel.title for panel in _panels()}
    sent_to = set(re.findall(r"\*\*([A-Z][^*]+)\*\*", " ".join(PAGE.partition("\n## How to read")[0].split())))
    assert sent_to - {NOT_ISOLATION} - titles == set()
    assert len(sent_to & titles) >= 3


def test_data_sources_are_those_that_rules_and_dashboards_ask() -> None:
    sources = _json(GRAFANA / "provisioning" / "datasources" / "lamplighter.yaml")["datasources"]
    assert [(one["uid"], one["jsonData"]["dbName"]) for one in sources] == [
        (DATA_SOURCE_UID, "lamplighter"), ("lamplighter-years", "lamplighter_years")
    ]  # fmt: skip
    assert all("$" in one["secureJsonData"]["httpHeaderValue1"] for one in sources), "no secret in a file"
    (provider,) = _json(GRAFANA / "provisioning" / "dashboards" / "lamplighter.yaml")["providers"]
    assert f"`{provider['options']['path']}/`" in (GRAFANA / "README.md").read_text()


def test_contact_points_have_no_secret_in_them_and_policies_name_them() -> None:
    files = sorted((GRAFANA / "provisioning" / "alerting").glob("contact-*.yaml"))
    points = [point for file in files for point in _json(file)["contactPoints"]]
    assert {point["name"] for point in points} == {"lamplighter-mail", "lamplighter-webhook"}
    for point in points:
        settings = point["receivers"][0]["settings"]
        assert all(settings[key].startswith("${LAMPLIGHTER_") for key in settings if key in ("addresses", "url"))
        assert settings.get("authorization_credentials", "${LAMPLIGHTER_").startswith("${LAMPLIGHTER_")
    (policy,) = _json(GRAFANA / "optional" / "notification-policies.yaml")["policies"]
    receivers = {policy["receiver"], *(route["receiver"] for route in policy["routes"])}
    assert receivers == {point["name"] for point in points}


def test_the_commands_of_the_readme_install_what_is_there(tmp_path: Path) -> None:
    readme = (GRAFANA / "README.md").read_text()
    (script,) = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    lines = [line for line in script.splitlines() if not line.startswith("systemctl")]
    text = "\n".join(lines).replace("/var/lib/", f"{tmp_path}/var/").replace("/etc/systemd", f"{tmp_path}/systemd")
    text = re.sub(r"(?<![\w.])/etc/grafana/provisioning", f"{tmp_path}/etc", text)
    done = subprocess.run(["sh", "-eu", "-c", text], cwd=GRAFANA, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {file.name for file in (tmp_path / "etc" / "alerting").iterdir()} == {"rules.json", "contact-mail.yaml"}
    assert len(list((tmp_path / "var" / "grafana" / "lamplighter").iterdir())) == 6
    variables = set(re.findall(r"^(LAMPLIGHTER_\w+)=", readme, re.MULTILINE))
    used = {name for file in (GRAFANA / "provisioning").rglob("*.yaml") for text in _texts(_json(file))
            for name in re.findall(r"\$\{(\w+)\}", text)}  # fmt: skip
    assert variables == used
