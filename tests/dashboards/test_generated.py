"""The dashboards that are handed out are the ones that the code makes."""

from pathlib import Path

from agent.dashboards.grafana import dashboard_text, file_name
from agent.dashboards.library import ALL

KEPT = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dashboards"
MAKE = "run `lamplighter dashboards --out deploy/grafana/dashboards`"


def test_the_files_handed_out_are_those_that_the_code_makes() -> None:
    for dashboard in ALL:
        kept = (KEPT / file_name(dashboard)).read_text(encoding="utf-8")
        assert kept == dashboard_text(dashboard), f"{file_name(dashboard)} is another one; {MAKE}"


def test_there_are_no_others() -> None:
    assert {file.name for file in KEPT.iterdir()} == {file_name(dashboard) for dashboard in ALL}


def test_made_twice_they_are_the_same() -> None:
    assert [dashboard_text(dashboard) for dashboard in ALL] == [dashboard_text(dashboard) for dashboard in ALL]
