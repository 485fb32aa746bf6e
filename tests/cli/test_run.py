"""`lamplighter run` as a child process: how it starts, how it ends, what others can ask it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import Agent, agent, catches_sigterm, command, eventually

pytestmark = pytest.mark.e2e


def up(running: Agent) -> bool:
    return "agent.started" in running.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_and_soon(site_file: Path, number: signal.Signals) -> None:
    with agent(site_file) as running:
        eventually("the agent has started", lambda: up(running))
        asked = time.monotonic()
        running.process.send_signal(number)
        assert running.process.wait(10) == 0
        assert time.monotonic() - asked < 5
        assert "Traceback" not in running.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.2, 0.4])
def test_a_signal_during_the_start_is_no_failure(site_file: Path, number: signal.Signals, after_s: float) -> None:
    with agent(site_file) as running:
        eventually("Python runs our first lines", lambda: catches_sigterm(running))
        time.sleep(after_s)
        running.process.send_signal(number)
        assert running.process.wait(10) == 0
        assert "Traceback" not in running.log


def test_nothing_has_to_be_loaded_before_signals_are_answered() -> None:
    code = "import os, sys; before = set(sys.modules); import agent.cli.entry; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['agent', 'agent.cli', 'agent.cli.entry']"


def test_sixty_meters_take_little_memory(site_file: Path) -> None:
    """A guard: what only the start needs may not stay. 34 MB were measured; pydantic alone would be 9 more."""
    text = site_file.read_text(encoding="utf-8")
    meter = text[text.index("[lines.cabinet]") :]
    more = (meter.replace("cabinet", f"l{n}").replace("main", f"m{n}").replace(":1", f":{n}") for n in range(2, 61))
    site_file.write_text(text + "".join(more), encoding="utf-8")
    with agent(site_file) as running:
        eventually("every meter was asked", lambda: running.log.count("meter.silent") == 60)
        status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="ascii")
    rss_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert rss_kb * 1024 < 40e6


def test_a_second_agent_on_the_same_state_is_exit_1(site_file: Path) -> None:
    with agent(site_file) as running:
        eventually("the agent has started", lambda: up(running))
        done = command("run", site_file)
    assert done.returncode == 1
    assert str(site_file.parent / "state") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_serial_path_that_is_no_terminal_is_exit_2(site_file: Path) -> None:
    text = site_file.read_text(encoding="utf-8").replace('tcp = "127.0.0.1:1"', f'serial = "{site_file}"')
    site_file.write_text(text, encoding="utf-8")
    done = command("run", site_file, timeout_s=15)
    assert done.returncode == 2
    assert f"{site_file}: no terminal" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_directory_without_a_parent_is_told_with_what_to_do_and_polling_goes_on(site_file: Path) -> None:
    site_file.write_text(site_file.read_text(encoding="utf-8").replace('"state"', '"no/such"'), encoding="utf-8")
    with agent(site_file) as running:
        eventually("the meter was asked", lambda: "meter.silent" in running.log)
        first = running.log.splitlines()[0]
        assert "ERROR" in first
        assert f"{site_file.parent / 'no'} does not exist; create it" in first
        assert running.stop()[0] == 0
        assert "Traceback" not in running.log


def test_after_five_short_lives_it_polls_at_once_and_an_end_in_order_is_no_short_life(site_file: Path) -> None:
    with agent(site_file) as running:
        for life in range(5):
            eventually("it was counted", lambda life=life: _lives(site_file) == life + 1)  # type: ignore[misc]
            eventually("it is up", lambda: command("status", site_file).returncode == 0)
            running.kill()
            running.start()
        eventually("a start that does less", lambda: "starts.restless short_lives=5" in running.log)
        eventually("it polls", lambda: "meter.silent" in running.log.partition("starts.restless")[2])
        assert running.stop()[0] == 0
    assert _lives(site_file) == 0


def _lives(site_file: Path) -> int:
    count = site_file.parent / "state" / "starts"
    return int(count.read_text() or 0) if count.exists() else 0


def test_the_running_agent_answers_every_question(site_file: Path) -> None:
    with agent(site_file) as running:
        eventually("the agent has started", lambda: up(running))
        status = eventually("the meter is lost", lambda: _lost(site_file))
        assert status["site"] == "workshop"
        assert status["meters"][0]["floor"][0].startswith("a sag to 50 % shorter than ")
        events = json.loads(command("events", site_file, "--json").stdout)["events"]
        assert [event["kind"] for event in events] == ["comms_loss"]
        sags = command("events", site_file, "--json", "--kind", "sag").stdout
        assert json.loads(sags) == {"events": [], "incidents": []}
        assert json.loads(command("journal", site_file, "--json").stdout)["sinks"] == {}
        silent = command("read", site_file)
        assert (silent.returncode, "main" in silent.stderr) == (1, True)
        assert "comms_loss" in command("events", site_file).stdout
        assert "proof of isolation" in command("events", site_file).stdout
        assert command("status", site_file).returncode == 0
        assert command("check", site_file).returncode == 0
        beside = command("check", site_file, "--live")
        assert (beside.returncode, "lamplighter status" in beside.stderr) == (1, True)
        assert command("journal", site_file).returncode == 0


def _lost(site_file: Path) -> dict[str, object] | None:
    told = json.loads(command("status", site_file, "--json").stdout)
    return told if told["meters"][0]["comms"] == "lost" else None


def test_what_it_kept_can_be_asked_when_it_is_gone(site_file: Path) -> None:
    with agent(site_file) as running:
        eventually("an event", lambda: "event.open" in running.log)
        assert running.stop()[0] == 0
    events = json.loads(command("events", site_file, "--json").stdout)["events"]
    assert [event["kind"] for event in events] == ["comms_loss"]
    assert command("journal", site_file).returncode == 0
    assert command("status", site_file).returncode == 1
