"""`simulate`, `read`, `check --live` and `demo` against simulated meters."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import LAMPLIGHTER, command, eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """The site file of a simulation that runs: the packaged substation in which nothing happens."""
    path = tmp_path / "site.toml"
    words = [str(LAMPLIGHTER), "simulate", "steady", "--site-file", str(path), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        try:
            eventually("the simulation listens", path.exists)
            yield path
        finally:
            child.send_signal(signal.SIGINT)
            out = child.communicate(timeout=10)[0]
    assert child.returncode == 0
    assert json.loads(out)["meters"]


def test_simulate_says_where_each_meter_listens(tmp_path: Path) -> None:
    done = command("simulate", "demo", "--for", "0.2")
    assert done.returncode == 0
    assert re.search(
        r"^blk-a +feeder-room +serial +/dev/pts/\d+ +2 +eastron-sdm630 +19200 8N1$", done.stdout, re.MULTILINE
    )


@pytest.mark.parametrize("name", ["dmeo", "/nowhere/at/all.toml"])
def test_simulate_without_its_scenario_is_exit_2(name: str) -> None:
    done = command("simulate", name)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "demo" in done.stderr


def test_simulate_of_a_wrong_scenario_is_exit_2(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("[scenario]\nname = 3\n", encoding="utf-8")
    done = command("simulate", path)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert str(path) in done.stderr


def test_read_shows_every_meter_once(site: Path) -> None:
    done = command("read", site, "--json")
    assert done.returncode == 0, done.stderr
    readings = json.loads(done.stdout)["readings"]
    assert readings
    for reading in readings:
        assert 190 < reading["values"]["voltage_l1"] < 260
        assert reading["trouble"] == ""


def test_read_of_one_meter_for_people(site: Path) -> None:
    name = json.loads(command("read", site, "--json").stdout)["readings"][0]["meter"]
    done = command("read", site, name)
    assert done.returncode == 0
    assert re.search(r"^voltage_l1 +2\d\d\.\d+ +V$", done.stdout, re.MULTILINE)
    assert command("read", site, "nobody").returncode == 2


def test_check_live_finds_all_well(site: Path) -> None:
    done = command("check", site, "--live", "--json")
    assert done.returncode == 0, done.stdout
    assert all(meter["trouble"] == "" for meter in json.loads(done.stdout)["live"]["meters"])


def test_demo_tells_its_first_events_and_ends_with_a_summary() -> None:
    done = command("demo", "--for", "9", timeout_s=40)
    assert done.returncode == 0, done.stderr
    assert "open sag, at" in done.stdout
    assert "at most 5" in done.stdout
    assert re.search(r"^\d+ readings of 7 meters; events: .*sag", done.stdout, re.MULTILINE)
    assert "No voltage measured is not proof of isolation." in done.stdout


def test_demo_for_programs_is_one_json_object() -> None:
    # On a busy machine the first reading takes longer than on an idle one.
    for for_s in ("3", "8", "20"):
        told = json.loads(command("demo", "--for", for_s, "--json", timeout_s=60).stdout)
        if told["readings"]:
            break
    assert told["meters"] == 7
    assert told["readings"] > 0


def test_demo_ends_well_on_ctrl_c() -> None:
    with subprocess.Popen([LAMPLIGHTER, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        time.sleep(2)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=15)
    assert (child.returncode, err) == (0, "")
