"""The wheel by itself: installed into an empty directory, used from another one, its data with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SITE = """
[site]
name = "workshop"
gateway = "gw-01"
nominal_voltage = 230
[lines.cabinet]
serial = "/dev/ttyUSB0"
[meters.main]
line = "cabinet"
unit = 1
model = "eastron-sdm630"
"""

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that holds the wheel's content and nothing else; its dependencies come from this environment."""
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = directory.glob("lamplighter-*.whl")
    target = directory / "target"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True, timeout=120)
    return target


def run(installed: Path, cwd: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def lamplighter(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(installed, cwd, str(installed / "bin" / "lamplighter"), *words)


def test_it_runs_its_own_code(installed: Path, tmp_path: Path) -> None:
    code = "import agent, drivers, simulators; print(agent.__file__, drivers.__file__, simulators.__file__)"
    done = run(installed, tmp_path, sys.executable, "-c", code)
    assert [Path(file).parent.parent for file in done.stdout.split()] == [installed] * 3


def test_the_meter_maps_are_in_it(installed: Path, tmp_path: Path) -> None:
    done = lamplighter(installed, tmp_path, "models", "--json")
    names = {model["model"] for model in json.loads(done.stdout)["models"]}
    assert names >= {"eastron-sdm630", "carlo-gavazzi-em24", "schneider-pm5000"}
    assert (installed / "drivers" / "models" / "eastron-sdm630.toml").is_file()


def test_the_scenarios_are_in_it(installed: Path, tmp_path: Path) -> None:
    done = lamplighter(installed, tmp_path, "simulate", "demo", "--for", "0.1", "--json")
    assert (done.returncode, json.loads(done.stdout)["scenario"]) == (0, "dashi"), done.stderr


def test_a_site_file_is_checked_from_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    done = lamplighter(installed, tmp_path, "check", "site.toml")
    assert done.returncode == 0, done.stderr
    assert "sound" in done.stdout


def test_nothing_but_the_three_packages_is_in_it(installed: Path) -> None:
    found = {path.name for path in installed.iterdir()} - {"bin"}
    assert {name for name in found if not name.endswith(".dist-info")} == {"agent", "drivers", "simulators"}
