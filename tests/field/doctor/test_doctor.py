"""`lamplighter doctor` as it is typed: without an agent, and beside one whose line it must leave alone."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from running import LAMPLIGHTER, agent, command, eventually
from server_process import free_port

from agent.clock import Clock
from agent.field.doctor import words
from agent.field.doctor.findings import chained, found
from agent.field.doctor.gateway import Machine, examine_backlog, this_machine
from agent.site import Site, load_site

pytestmark = pytest.mark.e2e


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """Of a simulation that runs: a substation in which nothing happens."""
    path = tmp_path / "site.toml"
    command_line = [str(LAMPLIGHTER), "simulate", "steady", "--site-file", str(path), "--json"]
    with subprocess.Popen(command_line, stdout=subprocess.DEVNULL) as child:
        try:
            eventually("the simulation listens", path.exists)
            yield path
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(10)


def told(site: Path) -> tuple[int, bool, list[tuple[str, str]]]:
    done = command("doctor", site, "--json", timeout_s=60)
    found = json.loads(done.stdout)
    causes = [(each["code"], each["subject"]) for each in found["findings"] if not each["because"]]
    return done.returncode, found["beside_agent"], causes


def test_a_sound_site_has_nothing_amiss(site: Path) -> None:
    done = command("doctor", site)
    assert (done.returncode, done.stdout) == (0, "nothing is amiss\n")


def test_the_first_cause_is_said_with_what_to_do_and_what_follows(site: Path) -> None:
    site.write_text(re.sub(r'tcp = "[^"]+"', f'tcp = "127.0.0.1:{free_port()}"', site.read_text(), count=1))
    done = command("doctor", site)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0].endswith(f"[{words.HOST_REFUSES}]")
    assert lines[1].startswith("    do: ")
    assert lines[2].startswith("    follows: meter ")


def test_a_broker_that_is_gone_and_the_rows_that_wait_for_it(site: Path) -> None:
    """An hour later, by the clock that doctor is given: with the agent and without."""
    site.write_text(f'{site.read_text()}\n[mqtt]\nurl = "mqtt://127.0.0.1:{free_port()}"\n')
    assert told(site) == (1, False, [(words.SINK_CLOSED, "mqtt")])
    loaded = load_site(site)
    later = replace(this_machine(), wall_us=lambda: Clock().wall_us() + 3_600_000_000)
    with agent(site) as running:
        eventually("rows wait", lambda: waiting(loaded, later) == [(words.BACKLOG, "mqtt")], within_s=20)
        running.stop()
    assert waiting(loaded, later) == [(words.BACKLOG, "mqtt")]
    linked = chained((*examine_backlog(loaded, later), found(words.SINK_CLOSED, "mqtt", sink="mqtt", host="h", port=1)))
    assert [each.because for each in linked] == ["", words.SINK_CLOSED]


def waiting(site: Site, machine: Machine) -> list[tuple[str, str]]:
    return [(each.code, each.subject) for each in examine_backlog(site, machine)]


def test_beside_an_agent_its_lines_are_left_to_it(site: Path) -> None:
    text = site.read_text()
    with agent(site):
        eventually("the agent answers", lambda: command("status", site).returncode == 0)
        eventually("all is well", lambda: told(site) == (0, True, []))
    site.write_text(re.sub(r'tcp = "[^"]+"', f'tcp = "127.0.0.1:{free_port()}"', text, count=1))
    with agent(site):
        eventually("the line is down", lambda: told(site)[2][:1] and told(site)[2][0][0] == words.HOST_REFUSES)


def test_a_site_file_that_is_not_there_is_exit_2(tmp_path: Path) -> None:
    done = command("doctor", tmp_path / "none.toml")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


def test_a_line_is_measured_or_its_agent_asked(site: Path) -> None:
    name = next(iter(load_site(site).lines))
    done = command("doctor", site, "--line", name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"up to \d+ ms +#{40} \d+", done.stdout)
    assert command("doctor", site, "--line", "nowhere").returncode == 2
    with agent(site):
        eventually("the agent answers", lambda: command("status", site).returncode == 0)
        beside = command("doctor", site, "--line", name)
    assert beside.returncode == 0
    assert "stop it to measure" in beside.stdout
