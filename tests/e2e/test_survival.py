"""Servers that are late, killed or frozen, and an agent killed in the middle of an event."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hand_meters import Sdm630, TcpLine
from running import Listener, agent, command, eventually, retained
from servers import Influx, Server, influx_v2_shim, influxd, mosquitto

pytestmark = pytest.mark.e2e

TOKEN = "canary-51aa"
SITE = """
[site]
name = "dashi"
gateway = "gw-01"
state_dir = "{state}"
nominal_voltage = 230
watch = "100ms"
poll = "1s"
publish_every = "1s"
[lines.a]
tcp = "127.0.0.1:{port}"
[lines.absent]
tcp = "127.0.0.1:1"
[lines.unplugged]
serial = "/dev/serial/by-id/not-there"
[meters.m]
line = "a"
unit = 1
model = "eastron-sdm630"
[meters.elsewhere]
line = "absent"
unit = 1
model = "eastron-sdm630"
[meters.unplugged-1]
line = "unplugged"
unit = 1
model = "eastron-sdm630"
[mqtt]
url = "mqtt://127.0.0.1:{mqtt}"
[influxdb]
url = "{influx}"
org = "ops"
bucket = "lamplighter"
token_file = "token"
"""


class Rig:
    """One living meter, two dead lines, both servers; all can be killed."""

    def __init__(self, tmp: Path, stack: ExitStack) -> None:
        self.meter = Sdm630(1)
        self.broker: Server = stack.enter_context(mosquitto(tmp, persistence=True))
        self.influx: Influx = stack.enter_context(influxd(tmp))
        self.shim = stack.enter_context(influx_v2_shim(tmp, self.influx, TOKEN))
        line = stack.enter_context(TcpLine([self.meter]))
        self.site = tmp / "site.toml"
        (tmp / "token").write_text(TOKEN)
        (tmp / "token").chmod(0o600)
        self.site.write_text(
            SITE.format(state=tmp / "state", port=line.port, mqtt=self.broker.port, influx=self.shim.url)
        )

    def sag(self) -> None:
        self.meter.volts(100.0, 231.0, 229.0)

    def recover(self) -> None:
        self.meter.volts(230.0, 231.0, 229.0)

    def sag_for(self, seconds: float) -> None:
        self.sag()
        time.sleep(seconds)
        self.recover()
        time.sleep(0.5)

    def sags(self, where: str = "") -> list[dict[str, object]]:
        return self.influx.query(f"SELECT * FROM event WHERE kind = 'sag' {where}")  # noqa: S608 - a test's own words

    def own_events(self) -> list[dict[str, object]]:
        done = command("events", self.site, "--json")
        assert done.returncode == 0, done.stderr
        return [event for event in json.loads(done.stdout)["events"] if event["kind"] == "sag"]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield Rig(tmp_path, stack)


def closed_sags(listener: Listener) -> list[dict[str, object]]:
    return [body for body in listener.of("/m/event") if body["kind"] == "sag" and body["state"] == "closed"]


def test_everything_arrives_once_servers_that_were_absent_at_the_start_come(rig: Rig):
    rig.broker.kill()
    rig.influx.server.kill()
    with agent(rig.site) as running:
        eventually("the agent runs", lambda: "agent.started" in running.log)
        time.sleep(1)
        for _ in range(3):
            rig.sag_for(0.4)
        assert running.process.poll() is None
        rig.broker.start()
        rig.influx.server.start()
        with Listener(rig.broker.port) as listener:
            eventually("three sags in the database", lambda: len(rig.sags("AND state = 'closed'")) == 3, 30)
            eventually("online", lambda: listener.of("gw-01/state"), 30)
            eventually("closed sags at the broker or before us", lambda: len(rig.own_events()) == 3)
        assert "Traceback" not in running.log


def test_a_broker_killed_and_restarted_loses_no_event(rig: Rig):
    with agent(rig.site) as running, Listener(rig.broker.port) as listener:
        eventually("a reading", lambda: listener.of("/m/reading"))
        rig.sag_for(0.4)
        eventually("the first sag", lambda: closed_sags(listener))
        rig.broker.kill()
        rig.sag_for(0.4)
        rig.sag_for(0.4)
        rig.broker.start()

        def known() -> set[object]:
            return {body["id"] for body in closed_sags(listener)}

        eventually("all three sags at the broker", lambda: len(known()) == 3, 40)
        assert known() == {event["id"] for event in rig.own_events()}
        assert retained(rig.broker.port, "lamplighter/dashi/gw-01/state")["state"] == "online"
        assert retained(rig.broker.port, "lamplighter/dashi/gw-01/m/status")["supply"] == "live"
        assert "Traceback" not in running.log


def test_an_agent_killed_inside_a_sag_goes_on_with_it(rig: Rig):
    with agent(rig.site) as running, Listener(rig.broker.port) as listener:
        eventually("a reading", lambda: listener.of("/m/reading"))
        rig.sag()
        opened = eventually("the sag", lambda: [body for body in listener.of("/m/event") if body["kind"] == "sag"])[0]
        running.kill()
        state = "lamplighter/dashi/gw-01/state"
        eventually("the will", lambda: retained(rig.broker.port, state)["state"] == "offline")
        running.start()
        eventually("online again", lambda: retained(rig.broker.port, state)["state"] == "online", 20)
        status = "lamplighter/dashi/gw-01/m/status"
        eventually("said as open", lambda: opened["id"] in retained(rig.broker.port, status)["open_events"])
        rig.recover()

        def closed() -> list[dict[str, object]]:
            return [body for body in closed_sags(listener) if body["id"] == opened["id"]]

        assert eventually("closed", closed)[0]["start"] == opened["start"]
        eventually("no event open", lambda: not retained(rig.broker.port, status)["open_events"])
        eventually("one point, closed", lambda: [row["state"] for row in rig.sags()] == ["closed"])
        assert len(rig.own_events()) == 1


def test_no_event_is_lost_or_doubled_through_seeded_kills(rig: Rig):
    """Every event somebody has seen as stored survives; each is one point in the database."""
    with agent(rig.site) as running, Listener(rig.broker.port) as listener:
        for pause_s in (0.13, 0.41, 0.77, 1.21):
            eventually("a reading", lambda: listener.of("/m/reading"))
            rig.sag_for(0.3)
            time.sleep(pause_s)
            running.kill()
            running.start()
            eventually("back", lambda: command("status", rig.site).returncode == 0, 20)
        time.sleep(1)

        def settled() -> bool:
            rows, own = rig.sags(), rig.own_events()
            return {row["id"] for row in rows} == {event["id"] for event in own} and len(rows) == len(own) >= 4

        eventually("database and journal agree", settled, 40)
        assert {row["state"] for row in rig.sags()} == {"closed"}
        seen = {body["id"] for body in listener.of("/m/event") if body["kind"] == "sag"}
        assert seen == {event["id"] for event in rig.own_events()}
        assert running.stop()[0] == 0


def test_a_meter_taken_out_of_the_site_leaves_no_ghost(rig: Rig):
    with agent(rig.site) as running, Listener(rig.broker.port) as listener:
        eventually("a reading", lambda: listener.of("/m/reading"))
        rig.sag()
        opened = eventually("the sag", lambda: [body for body in listener.of("/m/event") if body["kind"] == "sag"])[0]
        assert running.stop()[0] == 0
        rig.site.write_text(rig.site.read_text().replace("[meters.m]", "[meters.renamed]"))
        running.start()
        eventually("the new name", lambda: listener.of("/renamed/reading"), 20)
        closed = eventually(
            "the old event closed", lambda: [e for e in closed_sags(listener) if e["id"] == opened["id"]]
        )
        assert "end" not in closed[0]
        assert retained(rig.broker.port, "lamplighter/dashi/gw-01/m/status") is None
        assert running.stop()[0] == 0
