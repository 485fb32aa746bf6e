"""`scan` at a simulated cabinet that it knows nothing of: on a pty at line speed, and on the network."""

import asyncio
import json
import os
import signal
import subprocess
import time
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from ptys import Pty
from running import LAMPLIGHTER, command
from scan_cabinet import MODELS, scenario

from agent.field.scan import words
from agent.field.scan.plan import QUESTION
from agent.site import load_site
from drivers.modbus.rtu import frame
from simulators.scenario import parse_scenario
from simulators.server import Simulation

pytestmark = pytest.mark.e2e

TWO = {3: "siemens-pac3200", 40: "eastron-sdm630"}
# As it was written by hand, with a comment and an order of its own.
BY_HAND = """\
# the cabinet at the pump
[site]
gateway = "gw-01"
name = "pump"   # short
nominal_voltage = 230
state_dir = "state"

[lines.bus]
tcp = "{place}"

[meters.incomer]
line = "bus"
unit = 3
model = "siemens-pac3200"
"""


@asynccontextmanager
async def cabinet(tmp_path: Path, models: dict[int, str], kind: str = "serial") -> AsyncIterator[str]:
    """Its port, or its place."""
    simulation = Simulation(parse_scenario(scenario(models, kind), "cabinet.toml"))
    async with simulation:
        line = tomllib.loads(simulation.site_toml(tmp_path / "state"))["lines"]["bus"]
        yield line.get("serial") or line.get("tcp") or line["rtu_over_tcp"]


async def scanned(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(command, "scan", *args, timeout_s=150.0)


async def test_eight_meters_are_found_in_two_minutes_knowing_nothing(tmp_path: Path) -> None:
    out = tmp_path / "site.toml"
    async with cabinet(tmp_path, MODELS) as port:
        began_s = time.monotonic()
        done = await scanned("--serial", port, "--out", out)
        assert time.monotonic() - began_s < 120
    assert done.returncode == 0, done.stdout + done.stderr
    site = load_site(out)
    assert {meter.unit: meter.model.id for meter in site.meters.values()} == MODELS
    assert "listening whether another master talks" in done.stderr
    assert command("check", out).returncode == 0


async def test_a_file_that_is_there_is_added_to_and_otherwise_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "site.toml"
    async with cabinet(tmp_path, TWO, "tcp") as place:
        before = BY_HAND.format(place=place)
        out.write_text(before, encoding="utf-8")
        done = await scanned("--tcp", place, "--units", "1-41", "--out", out)
        assert done.returncode == 0, done.stdout + done.stderr
        after = out.read_text(encoding="utf-8")
        again = await scanned("--tcp", place, "--units", "1-41", "--out", out)
    assert after.startswith(before)
    assert {name: meter.unit for name, meter in load_site(out).meters.items()} == {"incomer": 3, "bus-unit-40": 40}
    assert out.read_text(encoding="utf-8") == after
    assert "has them all already" in again.stderr


async def test_a_serial_server_is_told_from_modbus_tcp(tmp_path: Path) -> None:
    async with cabinet(tmp_path, TWO, "rtu_over_tcp") as place:
        done = await scanned("--tcp", place, "--units", "3", "--json")
    told = json.loads(done.stdout)
    assert [(each["line"], each["unit"], each["model"]) for each in told["meters"]] == [
        ([f'rtu_over_tcp = "{place}"'], 3, "siemens-pac3200")
    ]


async def test_on_request_it_stops_and_keeps_what_was_found(tmp_path: Path) -> None:
    async with cabinet(tmp_path, TWO, "tcp") as place:
        process = await asyncio.create_subprocess_exec(
            LAMPLIGHTER, "scan", "--tcp", place, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        async with asyncio.timeout(60):
            await process.stderr.readline()  # units 1 and 2 are silent for a second each, 3 answers
            await asyncio.sleep(4.5)
            process.send_signal(signal.SIGINT)
            said, _ = await process.communicate()
    told = said.decode()
    assert (process.returncode, "Traceback" in told) == (1, False)
    assert words.STOPPED in told
    assert f"{place}  3 " in told


async def test_where_another_master_talks_nobody_is_asked(tmp_path: Path) -> None:
    with Pty(tmp_path / "tty") as pty:
        process = await asyncio.create_subprocess_exec(
            LAMPLIGHTER, "scan", "--serial", pty.path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(30):
            while process.returncode is None:
                os.write(pty.fd, frame(9, QUESTION))
                await asyncio.sleep(0.1)
            said, _ = await process.communicate()
        with pytest.raises(BlockingIOError):
            os.read(pty.fd, 1)
    assert process.returncode == 1
    assert words.OTHER_MASTER in said.decode()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "--serial, --tcp: found none"),
        (["--serial", "/dev/null", "--units", "0"], "--units: found 0"),
        (["--serial", "/dev/null", "--parity", "X"], "--parity: found X"),
        (["--tcp", "a:b:c"], "--tcp: found a:b:c"),
    ],
)
def test_wrong_use_is_told(args: list[str], says: str) -> None:
    done = command("scan", *args)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert says in done.stderr


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--serial", "/dev/null"], words.PORT_CLOSED),
        (["--serial", "/dev/no-such-port"], words.PORT_CLOSED),
        (["--tcp", "127.0.0.1:1"], words.NO_ANSWER),
    ],
)
def test_a_line_that_is_not_there_is_told_with_its_code(args: list[str], code: str) -> None:
    done = command("scan", *args)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert code in done.stdout


def test_a_site_file_with_mistakes_is_told_before_anybody_is_asked(tmp_path: Path) -> None:
    out = tmp_path / "site.toml"
    out.write_text("[site]\nname = 7\n", encoding="utf-8")
    done = command("scan", "--tcp", "127.0.0.1:1", "--out", out)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert out.read_text(encoding="utf-8") == "[site]\nname = 7\n"
