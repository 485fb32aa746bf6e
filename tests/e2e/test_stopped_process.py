"""The agent is stopped for seconds (SIGSTOP, as a paused virtual machine or a starved process is), twice, and a sag
begins in one stop and ends in the other: what is said of it is true all the same."""

import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from running import Agent, Listener, agent, command, eventually
from small_rig import SmallRig

from agent.clock import parse_rfc3339

pytestmark = pytest.mark.e2e
STOP_S = 4.0
S = 1_000_000


class Watchdog:
    """systemd's end of the notify protocol: when it was fed."""

    def __init__(self, path: Path) -> None:
        self.fed_s: list[float] = []
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while text := self._socket.recv(4096).decode():
            self.said.append(text)
            if text == "WATCHDOG=1":
                self.fed_s.append(time.monotonic())

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def now_us() -> int:
    return time.time_ns() // 1000


@contextmanager
def stopped(running: Agent) -> Iterator[None]:
    """For STOP_S; what is done within is done a second after the beginning."""
    running.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(1.0)
        yield
        time.sleep(STOP_S - 1.0)
    finally:
        running.process.send_signal(signal.SIGCONT)


def sags(listener: Listener, state: str) -> list[dict[str, Any]]:
    return [one for one in listener.of("/m/event") if one["kind"] == "sag" and one["state"] == state]


def test_an_agent_that_was_stopped_says_so_and_its_bounds_know_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        rig = SmallRig(tmp_path, stack)
        watchdog = Watchdog(tmp_path / "notify")
        stack.callback(watchdog.close)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        listener = stack.enter_context(Listener(rig.broker.port))
        running = stack.enter_context(agent(rig.site))
        eventually("some readings", lambda: len(listener.of("/m/reading")) > 3, 30)
        eventually("the watchdog is fed", lambda: len(watchdog.fed_s) > 1, 10)

        with stopped(running):
            rig.volts(160.0)
            sagged_us = now_us()
        (opened,) = eventually("the sag", lambda: sags(listener, "open"))
        time.sleep(3.0)
        with stopped(running):
            rig.volts(230.0)
            recovered_us = now_us()
        closed = eventually("its end", lambda: sags(listener, "closed"))[-1]
        time.sleep(2.5)
        status = json.loads(command("status", rig.site, "--json").stdout)
        code, _ = running.stop()

    assert code == 0
    # The bounds are true, and as wide as nobody looked.
    start_earliest, start, end_earliest, end = (
        parse_rfc3339(closed[key]) for key in ("start_earliest", "start", "end_earliest", "end")
    )
    assert start_earliest <= sagged_us <= start
    assert end_earliest <= recovered_us <= end
    assert start - start_earliest > (STOP_S - 0.5) * S
    assert end - end_earliest > (STOP_S - 0.5) * S
    lasted_s = (recovered_us - sagged_us) / S
    assert closed["duration_min_s"] <= lasted_s <= closed["duration_max_s"]
    assert "duration_s" not in closed
    assert opened["id"] == closed["id"]
    assert {one["kind"] for one in listener.of("event")} == {"sag"}, "no meter was silent, no clock was set"

    # It is said: in the log, in the status, and to the service manager by saying nothing.
    told_s = [float(found) for found in re.findall(r"agent\.stalled for_s=([\d.]+)", running.log)]
    assert len(told_s) == 2
    assert all(2.0 < each < STOP_S + 1.5 for each in told_s)
    assert "clock.suspended" not in running.log
    assert status["clock"]["stalled_s"] == pytest.approx(sum(told_s), abs=0.2)
    assert status["clock"]["suspended_s"] == 0
    assert sum(b - a > STOP_S - 0.5 for a, b in pairwise(watchdog.fed_s)) == 2
    assert "watchdog.hungry" not in running.log

    # No reading claims to know of the time in which nobody looked.
    readings = listener.of("/m/reading")
    assert all(one["window_s"] <= 1.1 for one in readings)
    holes = [parse_rfc3339(b["time"]) - parse_rfc3339(a["time"]) for a, b in pairwise(readings)]
    assert sum(hole > 2 * S for hole in holes) == 2
    # The connection outlived it: to the broker the gateway was there all the time.
    assert [one["state"] for one in listener.of("gw-01/state")].count("online") >= 1
    assert listener.of("gw-01/state")[-1]["state"] == "offline"
    assert [one["state"] for one in listener.of("gw-01/state")][:-1].count("offline") == 0
