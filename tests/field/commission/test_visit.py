"""`commission` at simulated cabinets over sockets and ptys: alone, beside a running agent, with nobody there."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from running import agent, command, eventually

from agent.field.commission import words
from agent.records import NOT_ISOLATION
from drivers.library import load_model
from simulators.meter import SimulatedMeter
from simulators.miswired import RIGHT, Cabinet, MiswiredFeeder, Wiring
from simulators.scenario import parse_scenario
from simulators.server import Simulation

pytestmark = pytest.mark.e2e

SCENARIO = """
[scenario]
name = "cabinet-7"
nominal = 230
duration_s = 3600
[lines.ethernet]
kind = "tcp"
[lines.bus]
kind = "serial"
baud = 19200
[meters.bakery]
model = "eastron-sdm630"
line = "bus"
unit = 2
turnaround_s = 0.005
refresh = "quick"
[meters.flats]
model = "siemens-pac3200"
line = "ethernet"
unit = 3
turnaround_s = 0.005
refresh = "quick"
"""
CABINET = Cabinet(amps=(160.0, 150.0, 170.0))


@asynccontextmanager
async def cabinet(tmp_path: Path, wired: Mapping[str, Wiring]) -> AsyncIterator[Path]:
    """The site file of a simulation whose meters are wired so."""
    scenario = parse_scenario(SCENARIO, "cabinet.toml")
    simulation = Simulation(scenario)
    simulation.meters = {
        name: SimulatedMeter(spec, load_model(spec.model), MiswiredFeeder(name, CABINET, wired[name]), scenario)
        for name, spec in scenario.meters.items()
    }
    async with simulation:
        path = tmp_path / "site.toml"
        path.write_text(
            simulation.site_toml(tmp_path / "state", site={"clock": "trusted", "publish_every": "1s", "poll": "1s"}),
            encoding="utf-8",
        )
        yield path


async def test_a_cabinet_that_is_right_passes(tmp_path: Path) -> None:
    async with cabinet(tmp_path, {"bakery": RIGHT, "flats": RIGHT}) as site:
        done = await asyncio.to_thread(command, "commission", site, "--for", "4", "--json")
    told = json.loads(done.stdout)
    assert [meter["findings"] for meter in told["meters"]] == [[], []]
    assert (done.returncode, told["outcome"], told["beside_agent"]) == (0, "pass", False)
    assert {meter["meter"]: meter["wiring"] for meter in told["meters"]} == {"bakery": "3p4w", "flats": "3p4w"}
    assert all(0.05 < meter["refresh_s"] < 1.0 for meter in told["meters"])


async def test_each_meters_fault_is_named_and_handed_over(tmp_path: Path) -> None:
    wired = {"bakery": Wiring(amp_signs=(1, -1, 1)), "flats": Wiring(volts=(0, 1, None))}
    out = tmp_path / "protocol.html"
    async with cabinet(tmp_path, wired) as site:
        done = await asyncio.to_thread(
            command, "commission", site, "--for", "3", "--engineer", "A. <Chen>", "--out", out
        )
    assert done.returncode == 1, done.stderr
    assert "FAIL: the current transformer of l2 faces the wrong way: current behind voltage by l1 18°, l2 -158°" in (
        done.stdout
    )
    assert "FAIL: voltage of l3 is missing" in done.stdout
    assert NOT_ISOLATION in done.stdout
    text = out.read_text(encoding="utf-8")
    assert "A. &lt;Chen&gt;" in text
    assert words.CT_REVERSED in text
    assert NOT_ISOLATION in text
    assert "http" not in text


async def test_beside_the_agent_its_readings_are_judged(tmp_path: Path) -> None:
    """A serial line has one master: nothing is opened."""
    wired = {"bakery": Wiring(amps=(1, 0, 2)), "flats": RIGHT}
    async with cabinet(tmp_path, wired) as site:
        done = await asyncio.to_thread(_beside, site)
    told = json.loads(done)
    assert told["beside_agent"] is True
    assert [meter["outcome"] for meter in told["meters"]] == ["fail", "pass"], told
    assert told["meters"][0]["findings"][0]["code"] == words.CTS_SWAPPED


def _beside(site: Path) -> str:
    with agent(site) as running:
        eventually("both are read", lambda: all(name in command("read", site).stdout for name in ("bakery", "flats")))
        done = command("commission", site, "--for", "6", "--json")
        assert running.process.poll() is None
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_nobody_there_is_exit_1_and_says_what_to_do(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        '[site]\nname = "a"\ngateway = "b"\nnominal_voltage = 230\nstate_dir = "state"\nclock = "trusted"\n'
        '[lines.l]\ntcp = "127.0.0.1:1"\n[meters.m]\nline = "l"\nunit = 1\nmodel = "eastron-sdm630"\n',
        encoding="utf-8",
    )
    done = command("commission", site, "--for", "1")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "FAIL: the meter does not answer: down" in done.stdout
    assert "lamplighter doctor SITE" in done.stdout


@pytest.mark.parametrize("more", [["nobody"], ["--for", "0"], ["--out", "/nowhere/at/all.html", "--for", "1"]])
def test_wrong_use_is_told_without_a_traceback(tmp_path: Path, more: list[str]) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        '[site]\nname = "a"\ngateway = "b"\nnominal_voltage = 230\nstate_dir = "state"\n'
        '[lines.l]\ntcp = "127.0.0.1:1"\n[meters.m]\nline = "l"\nunit = 1\nmodel = "eastron-sdm630"\n',
        encoding="utf-8",
    )
    done = command("commission", site, *more)
    assert (done.returncode, "Traceback" in done.stderr) == (1 if "--out" in more else 2, False)
    assert more[0] in done.stderr or more[1] in done.stderr
