"""Traces on the whole way: a foreign meter, a real broker and database, an agent killed inside an event."""

import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hand_meters import Sdm630, TcpLine
from running import Agent, Listener, agent, command, eventually
from servers import Influx, influx_v2_shim, influxd, mosquitto

pytestmark = pytest.mark.e2e

TOKEN = "canary-77aa"
SITE = """
[site]
name = "dashi"
gateway = "gw-01"
state_dir = "{state}"
nominal_voltage = 230
watch = "100ms"
poll = "2s"
publish_every = "2s"
[lines.a]
tcp = "127.0.0.1:{port}"
[meters.m]
line = "a"
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
    def __init__(self, tmp: Path, stack: ExitStack) -> None:
        self.meter = Sdm630(1)
        broker = stack.enter_context(mosquitto(tmp))
        self.influx: Influx = stack.enter_context(influxd(tmp))
        shim = stack.enter_context(influx_v2_shim(tmp, self.influx, TOKEN))
        line = stack.enter_context(TcpLine([self.meter]))
        self.site = tmp / "site.toml"
        (tmp / "token").write_text(TOKEN)
        (tmp / "token").chmod(0o600)
        self.site.write_text(SITE.format(state=tmp / "state", port=line.port, mqtt=broker.port, influx=shim.url))
        self.listener = stack.enter_context(Listener(broker.port))
        self.running: Agent = stack.enter_context(agent(self.site))
        eventually("a reading", lambda: self.listener.of("/m/reading"))

    def sag(self) -> None:
        self.meter.volts(230.0, 92.0, 229.0)

    def recover(self) -> None:
        self.meter.volts(230.0, 231.0, 229.0)

    def first_event(self) -> dict[str, Any]:
        return eventually("the sag", lambda: self.listener.of("/m/event"))[0]

    def parts(self) -> list[dict[str, Any]]:
        return self.listener.of("/m/trace")

    def plotted(self, id_: str, *words: str) -> dict[str, Any]:
        done = command("events", self.site, "--plot", id_, "--json", *words)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield Rig(tmp_path, stack)


def instants(parts: list[dict[str, Any]]) -> list[float]:
    return sorted({t_s for part in parts for t_s in part["t_s"]})


def test_a_sag_arrives_in_both_sinks_and_is_drawn_with_the_agent_up_and_down(rig: Rig, tmp_path: Path):
    time.sleep(5.5)
    rig.sag()
    opened = rig.first_event()
    before = eventually("what was before, at once", rig.parts, 2)
    assert before[0]["t_s"][0] == pytest.approx(-5, abs=0.3)
    assert before[0]["t_s"][-1] == 0
    time.sleep(1)
    rig.meter.hush()
    time.sleep(0.4)
    rig.meter.speak()
    rig.recover()
    eventually("the last part", lambda: any("of" in part for part in rig.parts()), 20)
    parts = rig.parts()
    assert [part["part"] for part in parts] == list(range(1, parts[-1]["of"] + 1))
    assert {(part["event"], part["kind"], part["start"]) for part in parts} == {(opened["id"], "sag", opened["start"])}
    closed = [body for body in rig.listener.of("/m/event") if body["state"] == "closed"][-1]
    end_s = seconds(closed["end"]) - seconds(closed["start"])
    assert instants(parts)[-1] == pytest.approx(end_s + 10, abs=0.3)
    assert sum(len(part.get("lost_s", ())) for part in parts) >= 1
    lowest = [v for part in parts for v, t in zip(part["values"]["voltage_l2"], part["t_s"], strict=True) if v < 200]
    assert set(lowest) == {92.0}
    assert parts[0]["values"]["current_l2"][0] == 11.25

    def stored() -> list[dict[str, Any]]:
        return rig.influx.query("SELECT * FROM trace")

    eventually("every sample in the database", lambda: len(stored()) == len(instants(parts)), 10)
    row = stored()[0]
    assert (row["meter"], row["site"], row["gateway"], row["feeder"]) == ("m", "dashi", "gw-01", "none")
    assert (row["event"], row["voltage_l2"], row["quality"]) == (opened["id"], 231.0, "good")
    assert row["time"] / 1e9 == pytest.approx(seconds(opened["start"]) + instants(parts)[0], abs=2e-6)

    up = rig.plotted(opened["id"])
    assert instants(up["traces"]) == instants(parts)
    drawing = command("events", rig.site, "--plot", opened["id"], "--svg", tmp_path / "sag.svg")
    assert drawing.returncode == 0, drawing.stderr
    assert max(map(len, drawing.stdout.splitlines()[:-1])) <= 80
    assert ET.fromstring((tmp_path / "sag.svg").read_text()).tag.endswith("svg")  # noqa: S314 - our own
    unknown = command("events", rig.site, "--plot", opened["id"][:-1] + "7")
    assert (unknown.returncode, f"did you mean {opened['id']}" in unknown.stderr) == (2, True)
    assert rig.running.stop()[0] == 0
    assert rig.plotted(opened["id"]) == up
    unknown = command("events", rig.site, "--plot", "x")
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (2, False)
    assert "Traceback" not in rig.running.log


def test_a_stop_inside_a_sag_keeps_every_sample_until_then(rig: Rig):
    time.sleep(1)
    rig.sag()
    opened = rig.first_event()
    time.sleep(3)
    stopped_s = time.time() - seconds(opened["start"])
    assert rig.running.stop()[0] == 0
    first, second = rig.plotted(opened["id"])["traces"]
    assert stopped_s - second["t_s"][-1] < 0.5
    assert second["t_s"][0] - first["t_s"][-1] < 0.3
    assert "of" not in second


def test_an_agent_killed_inside_a_sag_keeps_its_trace_and_goes_on_with_it(rig: Rig):
    time.sleep(2)
    rig.sag()
    opened = rig.first_event()
    eventually("the second part", lambda: len(rig.parts()) >= 2, 15)
    time.sleep(2.5)  # a second for the journal, and what the next part would have held
    killed_s = time.time() - seconds(opened["start"])
    rig.running.kill()
    kept = rig.plotted(opened["id"])["traces"]
    assert [part["part"] for part in kept] == [1, 2]
    assert killed_s - instants(kept)[-1] < 11
    rig.running.start()
    eventually("going on", lambda: command("status", rig.site).returncode == 0, 20)
    time.sleep(1)
    rig.recover()
    eventually("the last part", lambda: any("of" in part for part in rig.parts()), 20)
    last = rig.parts()[-1]
    told = rig.plotted(opened["id"])["traces"]
    assert [part["part"] for part in told] == list(range(1, last["of"] + 1))
    assert [part.get("gap_before") for part in told] == [None, None, "restart"] + [None] * (last["of"] - 3)
    assert {part["event"] for part in told} == {opened["id"]}
    assert instants(told) == instants(rig.parts())
    eventually("all of it in the database",
               lambda: len(rig.influx.query("SELECT * FROM trace")) == len(instants(told)), 10)  # fmt: skip
    assert "Traceback" not in rig.running.log


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
