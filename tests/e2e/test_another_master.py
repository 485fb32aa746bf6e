"""An agent on a serial line that another master polls already: its log says so, and so does `lamplighter status`."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ptys import Pty
from running import agent, command, eventually
from scripted_peer import rtu_reply, sealed

SITE = """
[site]
name = "workshop"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
[lines.cabinet]
serial = "{port}"
[meters.main]
line = "cabinet"
unit = 1
model = "eastron-sdm630"
"""


@contextmanager
def another_master(pty: Pty) -> Iterator[None]:
    asks = sealed(bytes.fromhex("090300640014"))
    over = threading.Event()

    def talk() -> None:
        while not over.is_set():
            os.write(pty.fd, asks)
            time.sleep(0.02)
            os.write(pty.fd, rtu_reply(asks))
            time.sleep(0.05)

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        yield
    finally:
        over.set()
        talking.join()


@pytest.mark.e2e
def test_it_is_in_the_log_once_and_in_the_status(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    with Pty(tmp_path / "port") as pty, another_master(pty):
        site.write_text(SITE.format(port=pty.path), encoding="utf-8")
        with agent(site) as running:
            eventually("it is said", lambda: "line.foreign_master line=cabinet" in running.log)
            told = eventually("status answers", lambda: command("status", site, "--json").stdout)
            shown = command("status", site).stdout
            assert running.stop()[0] == 0
            assert running.log.count("line.foreign_master") == 1
    line = json.loads(told)["lines"]["cabinet"]
    assert line["foreign_master"].startswith("another master is on this line: ")
    assert line["counters"]["foreign_requests"] >= 1
    assert "another master" in " ".join(shown.split())
