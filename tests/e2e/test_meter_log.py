"""What only the meter saw, on the whole way: a simulated meter that counts or flags its own sags, the agent, a real
broker."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from running import Listener, agent, eventually
from servers import mosquitto

from simulators.scenario import parse_scenario
from simulators.server import Simulation, boot_us

pytestmark = pytest.mark.e2e

SCENARIO = """
[scenario]
name = "lab"
nominal = 230
duration_s = 600
[lines.a]
kind = "tcp"
[meters.m]
line = "a"
unit = 1
model = "{model}"
powered_by = "dc"
refresh = "live"
"""
STEP = '[[steps]]\nat_s = {at_s}\ndo = "{do}"\nnode = "m"\nto_pu = {to_pu}\nfor_s = {for_s}\nphases = ["{phase}"]\n'
# Looks come at even seconds of the boot clock.
SITE = """
[site]
name = "dashi"
gateway = "gw-01"
state_dir = "{state}"
nominal_voltage = 230
watch = "2s"
poll = "2s"
publish_every = "2s"
[lines.a]
tcp = "{address}"
[meters.m]
line = "a"
unit = 1
model = "{model}"
unproven = true
powered_by = "dc"
[mqtt]
url = "mqtt://127.0.0.1:{mqtt}"
"""


@contextmanager
def simulated(steps: str, model: str) -> Iterator[Simulation]:
    """A running simulation in a loop of its own."""
    simulation = Simulation(parse_scenario(SCENARIO.format(model=model) + steps, "lab.toml"))
    loop, up = asyncio.new_event_loop(), threading.Event()
    over = asyncio.Event()

    async def run() -> None:
        async with simulation:
            up.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert up.wait(10)
        yield simulation
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def final(listener: Listener) -> list[dict[str, Any]]:
    """The highest revision of each event."""
    return list({body["id"]: body for body in listener.of("/m/event")}.values())


def test_a_sag_that_polling_cannot_see_is_told_and_one_that_both_see_is_told_once(tmp_path: Path):
    until_us = 2_000_000 - boot_us() % 2_000_000 + 900_000
    time.sleep(until_us / 1e6)  # the scenario's even seconds are odd ones of the boot clock, a little before
    steps = [
        STEP.format(at_s=8.0, do="sag", to_pu=0.5, for_s=0.1, phase="l1"),
        STEP.format(at_s=12.2, do="swell", to_pu=1.3, for_s=3.0, phase="l2"),
        STEP.format(at_s=20.2, do="sag", to_pu=0.5, for_s=3.0, phase="l3"),
        STEP.format(at_s=31.0, do="sag", to_pu=0.5, for_s=0.1, phase="l2"),
    ]
    text, model = "\n".join(steps), "circutor-cvm-d32"
    with mosquitto(tmp_path) as broker, simulated(text, model) as simulation, Listener(broker.port) as listener:
        started_s = time.time() - (boot_us() - simulation.started_boot_us) / 1e6
        site = tmp_path / "site.toml"
        address = simulation.endpoints[0].address
        site.write_text(SITE.format(state=tmp_path / "state", address=address, mqtt=broker.port, model=model))
        with agent(site) as running:
            eventually("a reading", lambda: listener.of("/m/reading"), 7)

            def told() -> bool:
                bodies = final(listener)
                return len(bodies) >= 3 and all(body["state"] == "closed" for body in bodies)

            eventually("three closed events", told, 35)
            time.sleep(2.5)
            stopped_s = time.time()
            assert running.stop()[0] == 0
            assert len(final(listener)) == 3
            time.sleep(max(0.0, started_s + 32 - time.time()))  # the last sag comes while no agent runs
            running.start()
            eventually("what was counted meanwhile", lambda: len(final(listener)) == 4, 15)
            assert "Traceback" not in running.log
    *first, missed = final(listener)
    bodies = {(body["kind"], body["basis"]): body for body in first}
    assert set(bodies) == {("sag", "meter_log"), ("swell", "measured"), ("sag", "measured")}
    unseen, swell, seen = bodies["sag", "meter_log"], bodies["swell", "measured"], bodies["sag", "measured"]
    start_s = started_s + 8.0
    assert seconds(unseen["start_earliest"]) < start_s <= seconds(unseen["start"])
    assert seconds(unseen["end_earliest"]) < start_s + 0.1 <= seconds(unseen["end"])
    assert unseen["duration_min_s"] == 0 <= 0.1 <= unseen["duration_max_s"]
    assert "duration_s" not in unseen
    assert (unseen["phases"], "watch_s" in unseen) == (["l1"], False)
    assert "the meter's own sag counter of l1 rose from 0 to 1 between " in " ".join(unseen["evidence"])
    assert "the meter's own overvoltage counter of l2 rose from 0 to 1" in " ".join(swell["evidence"])
    assert "the meter's own sag counter of l3 rose from 0 to 1" in " ".join(seen["evidence"])
    assert (missed["basis"], missed["kind"], missed["phases"]) == ("meter_log", "sag", ["l2"])
    assert seconds(missed["start_earliest"]) < stopped_s < started_s + 31.0 < seconds(missed["start"])
    assert all("count" not in name for reading in listener.of("/m/reading") for name in reading["values"])


def test_a_flag_tells_of_the_sag_that_polling_cannot_see(tmp_path: Path):
    until_us = 2_000_000 - boot_us() % 2_000_000 + 900_000
    time.sleep(until_us / 1e6)  # looks come at about a second after the scenario's even seconds
    steps = [
        STEP.format(at_s=8.0, do="sag", to_pu=0.5, for_s=0.1, phase="l1"),
        STEP.format(at_s=10.2, do="swell", to_pu=1.3, for_s=3.0, phase="l2"),  # after which the flags are read
    ]
    text, model = "\n".join(steps), "sunspec-meter"
    with mosquitto(tmp_path) as broker, simulated(text, model) as simulation, Listener(broker.port) as listener:
        started_s = time.time() - (boot_us() - simulation.started_boot_us) / 1e6
        site = tmp_path / "site.toml"
        address = simulation.endpoints[0].address
        site.write_text(SITE.format(state=tmp_path / "state", address=address, mqtt=broker.port, model=model))
        with agent(site) as running:
            eventually("a reading", lambda: listener.of("/m/reading"), 7)

            def cleared() -> bool:
                return any("and cleared between" in words for body in final(listener) for words in body["evidence"])

            eventually("a flag that was cleared", cleared, 25)
            time.sleep(1)
            assert running.stop()[0] == 0
            assert "Traceback" not in running.log
    bodies = {(body["kind"], body["basis"]): body for body in final(listener)}
    assert set(bodies) == {("sag", "meter_log"), ("swell", "measured")}
    unseen, swell = bodies["sag", "meter_log"], bodies["swell", "measured"]
    start_s = started_s + 8.0
    assert seconds(unseen["start_earliest"]) < start_s <= seconds(unseen["start"])
    assert seconds(unseen["end_earliest"]) < start_s + 0.1 <= seconds(unseen["end"])
    assert (unseen["state"], unseen["duration_min_s"], "phases" in unseen) == ("closed", 0, False)
    assert "the meter's own undervoltage flag was set between " in " ".join(unseen["evidence"])
    assert "the meter's own overvoltage flag was set between " in " ".join(swell["evidence"])
    assert all("flag" not in name for reading in listener.of("/m/reading") for name in reading["values"])
