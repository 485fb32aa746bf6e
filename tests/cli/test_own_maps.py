"""Maps of a site's own, in `models/` beside the site file: they add, they override, and nobody reads the others."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine
from hand_meters import Sdm630, TcpLine

PACKAGED = Path(__file__).resolve().parents[2] / "drivers" / "models" / "eastron-sdm630.toml"
SITE = """
[site]
name = "workshop"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
[lines.cabinet]
tcp = "127.0.0.1:{port}"
[meters.main]
line = "cabinet"
unit = 1
model = "{model}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a site: a map with L1 and L2 exchanged, under a new name and under a packaged one; and a broken one."""
    own = PACKAGED.read_text(encoding="utf-8")
    own = own.replace('address =   0, quantity = "voltage_l1"', 'address =   2, quantity = "voltage_l1"')
    own = own.replace('address =   2, quantity = "voltage_l2"', 'address =   0, quantity = "voltage_l2"')
    (tmp_path / "models").mkdir()
    for name in ("ours", "eastron-sdm630"):
        (tmp_path / "models" / f"{name}.toml").write_text(own, encoding="utf-8")
    (tmp_path / "models" / "broken.toml").write_text("vendor = 3\n", encoding="utf-8")
    return tmp_path


def site(folder: Path, model: str, port: int = 1) -> Path:
    path = folder / "site.toml"
    path.write_text(SITE.format(port=port, model=model), encoding="utf-8")
    return path


@pytest.mark.parametrize("model", ["ours", "eastron-sdm630"])
def test_a_map_beside_the_site_is_checked_and_read(lamplighter: CommandLine, folder: Path, model: str) -> None:
    with TcpLine([Sdm630(1)]) as line:
        path = site(folder, model, line.port)
        assert lamplighter("check", path).code == 0
        done = lamplighter("read", path, "--json")
    assert done.code == 0, done.err
    values = json.loads(done.out)["readings"][0]["values"]
    assert (values["voltage_l1"], values["voltage_l2"]) == (231.0, 230.0)


def test_a_broken_map_disturbs_only_who_uses_it(lamplighter: CommandLine, folder: Path) -> None:
    assert lamplighter("check", site(folder, "ours")).code == 0
    done = lamplighter("check", site(folder, "broken"))
    assert (done.code, "broken.toml" in done.err, "Traceback" in done.err) == (2, True, False)


def test_the_list_of_models_names_a_broken_map_after_the_others(lamplighter: CommandLine, folder: Path) -> None:
    done = lamplighter("models", "--beside", folder)
    assert done.code == 2
    assert "\nours" in done.out
    assert done.err.count("\n") == 1
    assert "broken.toml: " in done.err
