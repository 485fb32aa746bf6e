"""`lamplighter dashboards`."""

import json
from pathlib import Path

from command_line import CommandLine

from agent.dashboards.grafana import dashboard_text, file_name
from agent.dashboards.library import ALL


def test_it_writes_one_file_for_each_dashboard_and_says_so(lamplighter: CommandLine, tmp_path: Path) -> None:
    done = lamplighter("dashboards", "--out", tmp_path / "boards")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"written: {tmp_path / 'boards' / file_name(made)}" for made in ALL]
    assert {file.name for file in (tmp_path / "boards").iterdir()} == {file_name(made) for made in ALL}
    for made in ALL:
        assert (tmp_path / "boards" / file_name(made)).read_text(encoding="utf-8") == dashboard_text(made)


def test_with_a_site_they_begin_with_it(lamplighter: CommandLine, tmp_path: Path, site_file: Path) -> None:
    done = lamplighter("dashboards", "--out", tmp_path / "boards", "--site", site_file)
    assert done.code == 0
    network = json.loads((tmp_path / "boards" / "lamplighter-network.json").read_text(encoding="utf-8"))
    chosen = {variable["name"]: variable["current"]["value"] for variable in network["templating"]["list"]}
    assert (chosen["site"], chosen["gateway"], chosen["meter"]) == (["workshop"], ["gw-01"], ["$__all"])


def test_alert_rules_go_into_a_file_of_their_own(lamplighter: CommandLine, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    done = lamplighter("dashboards", "--out", tmp_path / "boards", "--alerts", rules)
    assert (done.code, done.out.splitlines()[-1]) == (0, f"written: {rules}")
    assert json.loads(rules.read_text(encoding="utf-8"))["groups"]


def test_a_site_file_that_is_wrong_is_told_and_nothing_is_written(
    lamplighter: CommandLine, tmp_path: Path, site_file: Path
) -> None:
    site_file.write_text(site_file.read_text().replace("nominal_voltage = 230", "nominal_voltage = -1"))
    done = lamplighter("dashboards", "--out", tmp_path / "boards", "--site", site_file)
    assert (done.code, done.out) == (2, "")
    assert "site.nominal_voltage" in done.err
    assert "allowed" in done.err
    assert not (tmp_path / "boards").exists()


def test_a_directory_that_cannot_be_is_named(lamplighter: CommandLine, tmp_path: Path) -> None:
    done = lamplighter("dashboards", "--out", tmp_path / "no" / "such")
    assert (done.code, done.out) == (1, "")
    assert f"{tmp_path / 'no' / 'such'}: No such file or directory; allowed: a directory" in done.err


def test_a_file_where_the_directory_belongs_is_left_as_it_is(lamplighter: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "boards").write_text("mine", encoding="utf-8")
    done = lamplighter("dashboards", "--out", tmp_path / "boards")
    assert (done.code, done.out) == (1, "")
    assert "--out" in done.err
    assert "nothing was written" in done.err
    assert (tmp_path / "boards").read_text(encoding="utf-8") == "mine"


def test_a_file_that_cannot_be_replaced_is_named_and_leaves_nothing_beside_it(
    lamplighter: CommandLine, tmp_path: Path
) -> None:
    """A directory stands where the first file belongs."""
    boards = tmp_path / "boards"
    (boards / file_name(ALL[0])).mkdir(parents=True)
    done = lamplighter("dashboards", "--out", boards)
    assert (done.code, done.out) == (1, "")
    assert f"{file_name(ALL[0])}: " in done.err
    assert "as it was before" in done.err
    assert [file.name for file in boards.iterdir()] == [file_name(ALL[0])]
