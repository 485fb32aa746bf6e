"""The main path as issue and contract describe it, on meters that share no code with the product.

SDM630, EM24 and PM5000 on two TCP endpoints and one serial line at 19200 baud, each with a script of disturbances
whose true instants are noted as the registers change; a real broker with a foreign subscriber; a real InfluxDB.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hand_meters import Em24, HandMeter, Pm5000, RtuLine, Sdm630, TcpLine
from running import Agent, Listener, agent, command, eventually, retained
from servers import Influx, influx_v2_shim, influxd, mosquitto

pytestmark = pytest.mark.e2e

TOKEN = "canary-7f3a"
SITE = """
[site]
name = "dashi"
gateway = "gw-01"
state_dir = "{state}"
nominal_voltage = 230
profile = "gb"
watch = "200ms"
publish_every = "2s"
poll = "2s"

[lines.ring-main]
tcp = "127.0.0.1:{tcp1}"
[lines.tx-room]
tcp = "127.0.0.1:{tcp2}"
[lines.feeder-room]
serial = "{pty}"
baud = 19200

[meters.incomer]
line = "ring-main"
unit = 1
model = "schneider-pm5000"
feeder = "F12"
customers = 182
[meters.tx-a]
line = "tx-room"
unit = 3
model = "eastron-sdm630"
upstream = "incomer"
[meters.tx-b]
line = "tx-room"
unit = 4
model = "carlo-gavazzi-em24"
upstream = "incomer"
[meters.pump-1]
line = "feeder-room"
unit = 7
model = "eastron-sdm630"
[meters.pump-2]
line = "feeder-room"
unit = 8
model = "carlo-gavazzi-em24"

[mqtt]
url = "mqtt://127.0.0.1:{mqtt}"
[influxdb]
url = "{influx}"
org = "ops"
bucket = "lamplighter"
token_file = "influx-token"
"""


@dataclass
class Truth:
    """What really happened: (meter, kind) -> (start, end) in wall seconds."""

    spans: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def during(
        self, meter: str, kind: str, begin: Callable[[], object], end: Callable[[], object], for_s: float
    ) -> None:
        start = time.time()
        begin()
        time.sleep(for_s)
        end()
        self.spans[meter, kind] = (start, time.time())


@dataclass
class Rig:
    meters: dict[str, HandMeter]
    broker: int
    influx: Influx
    site: Path
    listener: Listener
    running: Agent


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    tmp = tmp_path_factory.mktemp("acceptance")
    meters: dict[str, HandMeter] = {
        "incomer": Pm5000(1), "tx-a": Sdm630(3), "tx-b": Em24(4), "pump-1": Sdm630(7), "pump-2": Em24(8),
    }  # fmt: skip
    with (
        mosquitto(tmp) as broker,
        influxd(tmp) as influx,
        influx_v2_shim(tmp, influx, TOKEN) as shim,
        TcpLine([meters["incomer"]]) as ring,
        TcpLine([meters["tx-a"], meters["tx-b"]]) as room,
        RtuLine([meters["pump-1"], meters["pump-2"]], 19200) as serial,
        Listener(broker.port) as listener,
    ):
        token = tmp / "influx-token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        site = tmp / "site.toml"
        site.write_text(
            SITE.format(
                state=tmp / "state", tcp1=ring.port, tcp2=room.port, pty=serial.path, mqtt=broker.port, influx=shim.url
            )
        )
        with agent(site) as running:
            yield Rig(meters, broker.port, influx, site, listener, running)


def values(rig: Rig, meter: str) -> dict[str, float]:
    """Of the first reading: it follows the first full set. A later one has what was read since."""
    return rig.listener.of(f"/{meter}/reading")[0]["values"]


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_correct_readings_within_five_seconds_of_the_start(rig: Rig):
    started = time.monotonic()
    eventually("a reading of every meter", lambda: all(rig.listener.of(f"/{name}/reading") for name in rig.meters), 5)
    assert time.monotonic() - started < 5
    assert values(rig, "incomer")["voltage_l3"] == 231.5
    assert values(rig, "incomer")["active_power_total"] == 68500
    assert values(rig, "incomer")["active_energy_import"] == 9_876_543_210
    assert values(rig, "tx-a") | {"voltage_l1": 230, "current_l2": 11.25, "frequency": 50.02} == values(rig, "tx-a")
    assert values(rig, "tx-a")["active_energy_import"] == 12345670
    assert values(rig, "pump-1")["active_power_l1"] == 2300.5
    for em24 in ("tx-b", "pump-2"):
        assert values(rig, em24)["voltage_l2"] == 230.2
        assert values(rig, em24)["current_l3"] == 7
        assert values(rig, em24)["active_power_total"] == 4100
        assert values(rig, em24)["active_energy_import"] == 12345600


def test_four_disturbances_are_four_events_with_the_truth_inside(rig: Rig):
    truth = Truth()
    tx_a, pump, incomer, tx_b = (rig.meters[name] for name in ("tx-a", "pump-1", "incomer", "tx-b"))
    assert isinstance(tx_a, Sdm630)
    assert isinstance(pump, Sdm630)
    assert isinstance(incomer, Pm5000)
    time.sleep(1)
    truth.during("tx-a", "sag", lambda: tx_a.volts(230, 92, 229), lambda: tx_a.volts(230, 231, 229), 1.2)
    truth.during("pump-1", "swell", lambda: pump.volts(266, 267, 265), lambda: pump.volts(230, 231, 229), 1.5)
    truth.during("incomer", "supply_loss", lambda: incomer.volts(0, 0, 0), lambda: incomer.volts(230, 230, 230), 3.0)
    truth.during("tx-b", "comms_loss", tx_b.hush, tx_b.speak, 4.0)

    def closed() -> list[dict[str, Any]]:
        return [body for body in rig.listener.of("/event") if body["state"] == "closed"]

    eventually("four closed events", lambda: len(closed()) >= 4, 10)
    time.sleep(2)
    events = closed()
    assert sorted((body["meter"], body["kind"]) for body in events) == sorted(truth.spans)
    assert len({body["id"] for body in rig.listener.of("/event")}) == 4
    for body in events:
        check_bounds(body, *truth.spans[body["meter"], body["kind"]])
    by_kind = {body["kind"]: body for body in events}
    assert by_kind["sag"]["residual_v"] == pytest.approx(92, abs=0.01)
    assert by_kind["sag"]["phases"] == ["l2"]
    assert by_kind["swell"]["peak_v"] == pytest.approx(267, abs=0.01)
    assert by_kind["supply_loss"]["basis"] == "measured"
    assert by_kind["supply_loss"]["customers"] == [182, 182]


def retained_status(rig: Rig, meter: str) -> dict[str, Any]:
    return retained(rig.broker, f"lamplighter/dashi/gw-01/{meter}/status")


def check_bounds(body: dict[str, Any], start: float, end: float) -> None:
    slack = 0.005  # the register changed between the two looks at the clock
    assert seconds(body["start_earliest"]) - slack < start <= seconds(body["start"]) + slack, body
    assert seconds(body["end_earliest"]) - slack < end <= seconds(body["end"]) + slack, body
    assert body["duration_min_s"] - slack <= end - start <= body["duration_max_s"] + slack, body


def test_the_retained_status_follows(rig: Rig):
    incomer = rig.meters["incomer"]
    assert isinstance(incomer, Pm5000)
    eventually("live", lambda: retained_status(rig, "incomer")["supply"] == "live")
    incomer.volts(0, 0, 0)
    eventually("dead", lambda: retained_status(rig, "incomer")["supply"] == "dead")
    assert len(retained_status(rig, "incomer")["open_events"]) == 1
    incomer.volts(230, 230, 0)
    eventually("partial", lambda: retained_status(rig, "incomer")["supply"] == "partial")
    incomer.volts(229.5, 230.5, 231.5)
    eventually("live again", lambda: retained_status(rig, "incomer")["supply"] == "live")
    rig.meters["pump-2"].hush()
    eventually("lost", lambda: retained_status(rig, "pump-2")["comms"] == "lost")
    assert retained_status(rig, "pump-2")["supply"] == "unknown"
    rig.meters["pump-2"].speak()
    eventually("ok", lambda: retained_status(rig, "pump-2")["comms"] == "ok")
    assert retained(rig.broker, "lamplighter/dashi/gw-01/state")["state"] == "online"


def test_influxql_returns_what_happened(rig: Rig):
    def kinds() -> list[tuple[str, str]]:
        rows = rig.influx.query("SELECT * FROM event WHERE state = 'closed'")
        return sorted((row["meter"], row["kind"]) for row in rows)

    wanted = {("tx-a", "sag"), ("pump-1", "swell"), ("incomer", "supply_loss"), ("tx-b", "comms_loss")}
    eventually("the four events", lambda: wanted <= set(kinds()), 10)
    sag = rig.influx.query("SELECT * FROM event WHERE kind = 'sag' AND meter = 'tx-a'")
    assert len(sag) == 1
    assert sag[0]["residual_v"] == pytest.approx(92, abs=0.01)
    log = rig.influx.query("SELECT revision, state FROM event_log WHERE kind = 'sag' AND meter = 'tx-a'")
    assert [(row["revision"], row["state"]) for row in log] == [(1, "open"), (2, "closed")]
    volts = rig.influx.query("SELECT voltage_l2, voltage_l2_min FROM reading WHERE meter = 'tx-a'")
    assert min(row["voltage_l2_min"] for row in volts) == pytest.approx(92, abs=0.01)
    assert volts[0]["voltage_l2"] == pytest.approx(231, abs=0.01)


def test_the_command_line_asks_the_running_agent(rig: Rig):
    status = command("status", rig.site)
    assert status.returncode == 0, status.stderr
    assert "incomer" in status.stdout
    events = command("events", rig.site, "--json")
    assert events.returncode == 0, events.stderr
    assert "supply_loss" in events.stdout
    read = command("read", rig.site, "tx-a", "--json")
    assert read.returncode == 0, read.stderr
    assert "voltage_l1" in read.stdout
    assert command("journal", rig.site).returncode == 0
    again = command("run", rig.site)
    assert again.returncode == 1
    assert "Traceback" not in again.stderr


def test_sigterm_ends_it_cleanly_within_five_seconds(rig: Rig):
    code, took_s = rig.running.stop()
    assert (code, took_s < 5) == (0, True), rig.running.log
    assert retained(rig.broker, "lamplighter/dashi/gw-01/state")["state"] == "offline"
    assert TOKEN not in rig.running.log
    assert "Traceback" not in rig.running.log
