"""The agent as a child process: modes over its socket, its own supply lost, the power gone, another boot."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from hand_meters import Sdm630, TcpLine
from nut_server import NutServer, nut_server
from running import Listener, agent, command, eventually, retained
from servers import mosquitto

from agent.journal.lives import SKIPPED

pytestmark = pytest.mark.e2e

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
state_dir = "state"
nominal_voltage = 230
time_zone = "Asia/Shanghai"
watch = "100ms"
poll = "1s"
publish_every = "1s"
[lines.a]
tcp = "127.0.0.1:{port}"
[meters.m]
line = "a"
unit = 1
model = "eastron-sdm630"
[mains]
nut = "ups@127.0.0.1:{nut}"
[mqtt]
url = "mqtt://127.0.0.1:{mqtt}"
"""


class Rig:
    def __init__(self, tmp: Path, stack: ExitStack) -> None:
        self.meter = Sdm630(1)
        self.broker = stack.enter_context(mosquitto(tmp))
        self.ups: NutServer = stack.enter_context(nut_server())
        line = stack.enter_context(TcpLine([self.meter]))
        self.site = tmp / "site.toml"
        self.site.write_text(SITE.format(port=line.port, nut=self.ups.port, mqtt=self.broker.port))
        self.listener: Listener = stack.enter_context(Listener(self.broker.port))

    def status(self) -> Any:
        return retained(self.broker.port, "lamplighter/dashi/gw-01/m/status")

    def mode(self, *words: str) -> str:
        done = command("mode", self.site, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def gateways(self, kind: str) -> list[Any]:
        return [body for body in self.listener.of("/gw-01/event") if body["kind"] == kind]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield Rig(tmp_path, stack)


def test_a_meter_under_test_is_marked_across_a_kill_and_counts_again_when_told(rig: Rig) -> None:
    with agent(rig.site) as running:
        eventually("a reading", lambda: rig.listener.of("/m/reading"))
        assert rig.mode("m", "test", "--for", "2h").startswith("m: test until 20")
        eventually("the status says so", lambda: rig.status()["mode"] == "test")
        eventually("readings say so", lambda: "test" in rig.listener.of("/m/reading")[-1]["flags"])
        running.kill()
        running.start()
        eventually("it goes on so", lambda: running.log.count("mode.is meter=m mode=test") == 2)
        rig.meter.volts(100.0, 231.0, 229.0)
        (sag,) = eventually("a sag", lambda: [one for one in rig.listener.of("/m/event") if one["kind"] == "sag"])[:1]
        assert sag["mode"] == "test"
        assert " test " in command("status", rig.site).stdout
        rig.meter.volts(230.0, 231.0, 229.0)
        assert json.loads(rig.mode("m", "normal", "--json")) == {"meter": "m", "mode": "normal"}
        eventually("the status says so", lambda: rig.status()["mode"] == "normal")
        past = command("mode", rig.site, "m", "test", "--until", "2020-01-01T00:00")
        assert (past.returncode, "--until: found 2019-12-31T16:00" in past.stderr) == (2, True)
        assert "Traceback" not in running.log


def test_the_last_gasp_is_at_the_broker_and_the_next_boot_tells_the_outage(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMPLIGHTER_BOOT_ID", "first")
    with agent(rig.site) as running:
        eventually("a reading", lambda: rig.listener.of("/m/reading"))
        assert "the gateway has its supply" in command("status", rig.site).stdout
        rig.ups.status = "OB DISCHRG"
        (gasp,) = eventually("the last gasp", lambda: rig.gateways("mains_loss"), 3.0)
        assert (gasp["state"], gasp["scope"], gasp["basis"]) == ("open", "gateway", "measured")
        told = command("status", rig.site).stdout
        assert "the gateway runs on its battery" in told
        before = len(rig.listener.of("/m/reading"))
        eventually("polling goes on", lambda: len(rig.listener.of("/m/reading")) > before + 1)
        running.kill()
        with closing(sqlite3.connect(rig.site.parent / "state" / "journal.sqlite3")) as left:
            assert left.execute("SELECT count(*) FROM event WHERE kind = 'mains_loss'").fetchone() == (1,)
        rig.ups.status = "OL CHRG"
        monkeypatch.setenv("LAMPLIGHTER_BOOT_ID", "second")
        running.start()
        (outage,) = eventually("the outage", lambda: rig.gateways("gateway_outage"))[:1]
        assert (outage["scope"], outage["basis"]) == ("gateway", "inferred")
        assert outage["start_earliest"] < outage["start"], "between its last sign of life and the next that never came"
        closed = eventually("the end", lambda: [one for one in rig.gateways("mains_loss") if one["state"] == "closed"])[
            0
        ]
        assert (closed["id"], closed["revision"]) == (gasp["id"], 2 + SKIPPED)
        listed = command("events", rig.site)
        assert ("gateway_outage" in listed.stdout, "No voltage measured is not proof" in listed.stdout) == (True, True)
        assert "Traceback" not in running.log


def test_an_agent_that_was_killed_alone_tells_no_outage(rig: Rig) -> None:
    with agent(rig.site) as running:
        eventually("a reading", lambda: rig.listener.of("/m/reading"))
        running.kill()
        running.start()
        count = len(rig.listener.of("/m/reading"))
        eventually("readings again", lambda: len(rig.listener.of("/m/reading")) > count + 1)
        assert rig.listener.of("/gw-01/event") == []


def test_a_ups_that_nobody_can_ask_stops_nothing_and_is_said(rig: Rig) -> None:
    rig.ups.verbatim = b"ERR DRIVER-NOT-CONNECTED\n"
    with agent(rig.site) as running:
        eventually("a reading", lambda: rig.listener.of("/m/reading"))
        eventually("it is said", lambda: "mains.unknown upsd says" in running.log)
        assert "supply is not known: upsd says" in command("status", rig.site).stdout
        assert rig.listener.of("/gw-01/event") == []
        assert running.log.count("mains.unknown") == 1
