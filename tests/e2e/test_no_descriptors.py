"""No descriptor is left: nothing new can be opened, what is open goes on, and all is normal when there are some."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from running import Listener, eventually
from service import Service, service
from small_rig import SmallRig

pytestmark = pytest.mark.e2e


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SmallRig]:
    with ExitStack() as stack:
        yield SmallRig(tmp_path, stack)


def knock(rig: SmallRig) -> None:
    """At the local socket, without an answer."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(0.2)
        asking.connect(str(rig.state / "agent.sock"))
        with suppress(TimeoutError, ConnectionError):
            asking.sendall(b'{"ask": "status"}\n')
            asking.recv(1)


def readings(listener: Listener) -> int:
    return len(listener.of("/m/reading"))


def test_without_a_descriptor_to_spare_the_agent_goes_on_and_recovers(rig: SmallRig) -> None:
    with service(rig.site, rig.state) as running:
        with Listener(rig.broker.port) as listener:
            eventually("readings", lambda: readings(listener) > 2, 20)
            eventually("readings in the database", lambda: rig.influx.query("SELECT * FROM reading"), 20)
            running.limit_descriptors(0)
            eventually("an alarm", lambda: "alarm.begun kind=descriptors_low" in running.log, 20)
            for _ in range(3):
                knock(rig)
            before, pats = readings(listener), running.pats
            eventually("readings go on", lambda: readings(listener) > before + 3, 20)
            eventually("and so does the watchdog", lambda: running.pats > pats + 2)
        rig.broker.kill()
        rig.influx.server.kill()
        eventually("the broker is gone", lambda: "mqtt.lost" in running.log, 20)
        running.limit_descriptors(0)
        rig.broker.start()
        rig.influx.server.start()
        eventually("it cannot be had", lambda: "Too many open files" in running.log.partition("mqtt.lost")[2], 20)
        _stays_up(running)
        assert "mqtt.connected" not in running.log.partition("mqtt.lost")[2]
        running.lift_limit()
        with Listener(rig.broker.port) as listener:
            eventually("readings again", lambda: readings(listener) > 2, 70)
            eventually("no alarm any more", lambda: "alarm.over kind=descriptors_low" in running.log, 20)
        assert running.stop() == 0
        assert "Traceback" not in running.log


def _stays_up(running: Service) -> None:
    pats = running.pats
    eventually("five seconds more", lambda: running.pats >= pats + 5, 20)
    assert running.process.poll() is None
