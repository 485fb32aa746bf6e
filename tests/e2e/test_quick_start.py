"""docs/quick-start.md as it stands: its commands, with a real broker and a real database, in less than ten minutes."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from running import LAMPLIGHTER, eventually
from servers import Influx, Shim, influx_v2_shim, influxd, mosquitto

from agent.site import load_site

pytestmark = pytest.mark.e2e

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "quick-start.md").read_text(encoding="utf-8")
COMMANDS: list[str] = re.findall(r"```sh\n(.*?)\n```", PAGE, re.DOTALL)
UNITS = {1, 2, 7, 33, 55, 100, 201, 247}


@contextmanager
def terminal(command: str, cwd: Path) -> Iterator[Path]:
    """One of its own, with what it prints; Ctrl-C in the end."""
    log = cwd / "terminal.log"
    with log.open("wb") as out:
        child = subprocess.Popen(command.split(), stdout=out, stderr=out, cwd=cwd, env=os.environ | {"COLUMNS": "200"})
        try:
            yield log
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(20)


def _newer(tmp_path: Path, database: Influx) -> AbstractContextManager[Shim]:
    """Debian's 1.6.7 with the write path of 1.8 and newer, which wants a token."""
    secret = tmp_path / "token"
    secret.write_text("quick")
    secret.chmod(0o600)
    return influx_v2_shim(tmp_path, database, "quick")


def typed(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-eu", "-c", command], cwd=cwd, capture_output=True, text=True, timeout=200, check=False
    )


def test_it_has_at_most_eight_commands() -> None:
    assert len(COMMANDS) == 8


@pytest.mark.slow
def test_each_command_does_what_the_page_says_in_less_than_ten_minutes(tmp_path: Path) -> None:
    began_s = time.monotonic()
    with mosquitto(tmp_path) as broker, influxd(tmp_path, ()) as database, _newer(tmp_path, database) as newer:

        def here(number: int) -> str:
            """The command, with the ports of the servers of this test."""
            command = COMMANDS[number - 1].replace(".venv/bin/lamplighter", str(LAMPLIGHTER))
            command = command.replace("127.0.0.1:8086", f"127.0.0.1:{database.port}")
            return command.replace("mosquitto_sub", f"mosquitto_sub -p {broker.port}")

        with terminal(here(1), tmp_path) as log:
            eventually("the port is printed", lambda: "/dev/pts/" in log.read_text())
            port = re.search(r"/dev/pts/\d+", log.read_text())
            assert port is not None
            done = typed(here(2).replace("/dev/pts/0", port[0]), tmp_path)
            assert done.returncode == 0, done.stdout + done.stderr
            site = tmp_path / "site.toml"
            assert {meter.unit for meter in load_site(site).meters.values()} == UNITS
            done = typed(here(3), tmp_path)
            assert (done.returncode, done.stdout.count(": pass"), done.stdout.count(": open")) == (1, 7, 2), done.stdout
            assert (tmp_path / "protocol.html").stat().st_size > 5000
            assert typed(here(4), tmp_path).returncode == 0
            assert typed(here(5), tmp_path).returncode == 0
            text = site.read_text()
            text = text.replace("http://127.0.0.1:8086", newer.url).replace(
                "mqtt://127.0.0.1", f"mqtt://127.0.0.1:{broker.port}"
            )
            site.write_text(text.replace("[influxdb]", '[influxdb]\ntoken_file = "token"'))
            with terminal(here(6), tmp_path):
                done = typed(here(7), tmp_path)
                assert (done.returncode, '"voltage_l1"' in done.stdout) == (0, True), done.stderr
                eventually("all are in the database", lambda: _rows(typed(here(8), tmp_path).stdout) == len(UNITS), 60)
    assert time.monotonic() - began_s < 600


def _rows(told: str) -> int:
    """Meters in the database's answer."""
    (answer,) = json.loads(told)["results"]
    return len({series["tags"]["meter"] for series in answer.get("series", ())})
