"""SIGHUP: asks a service to read its credentials anew, and ends what runs in a terminal that went away."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from running import LAMPLIGHTER, agent, catches_sigterm, eventually

pytestmark = pytest.mark.e2e


def test_a_service_reads_its_credentials_anew_and_goes_on(site_file: Path) -> None:
    site_file.write_text(site_file.read_text() + '[mqtt]\nurl = "mqtt://127.0.0.1:1"\n')
    with agent(site_file) as running:
        eventually("it has started", lambda: "agent.started" in running.log)
        eventually("it has tried", lambda: "mqtt.lost" in running.log)
        for number in (1, 2):
            running.process.send_signal(signal.SIGHUP)
            eventually(
                "it has heard",
                lambda n=number: running.log.count("credentials.asked sinks=mqtt") == n,  # type: ignore[misc]
            )
        assert running.process.poll() is None
        assert running.stop()[0] == 0
        assert "Traceback" not in running.log


@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.4, 0.8])
def test_a_service_that_is_asked_while_it_starts_does_so_once_it_is_up(site_file: Path, after_s: float) -> None:
    site_file.write_text(site_file.read_text() + '[mqtt]\nurl = "mqtt://127.0.0.1:1"\n')
    with agent(site_file) as running:
        eventually("Python runs our first lines", lambda: catches_sigterm(running))
        time.sleep(after_s)
        running.process.send_signal(signal.SIGHUP)
        eventually("it has heard", lambda: "credentials.asked sinks=mqtt" in running.log)
        assert running.stop()[0] == 0
        assert "Traceback" not in running.log


@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.4, 0.8])
def test_a_terminal_that_goes_away_during_the_start_is_no_failure(site_file: Path, after_s: float) -> None:
    ours, theirs = os.openpty()
    with agent(site_file, stdin=theirs) as running:
        os.close(theirs)
        eventually("Python runs our first lines", lambda: catches_sigterm(running))
        time.sleep(after_s)
        running.process.send_signal(signal.SIGHUP)
        assert running.process.wait(10) == 0
        assert "Traceback" not in running.log
    os.close(ours)


def test_what_runs_in_a_terminal_ends_in_order_with_it(site_file: Path) -> None:
    ours, theirs = os.openpty()
    log = site_file.with_suffix(".log")
    with log.open("wb") as out:
        child = subprocess.Popen([LAMPLIGHTER, "run", site_file], stdin=theirs, stdout=out, stderr=out)
    try:
        os.close(theirs)
        eventually("it has started", lambda: "agent.started" in log.read_text())
        child.send_signal(signal.SIGHUP)
        assert child.wait(10) == 0
        assert "agent.stopped" in log.read_text()
    finally:
        child.kill()
        child.wait(5)
        os.close(ours)
