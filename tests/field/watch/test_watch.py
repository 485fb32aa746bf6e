"""`lamplighter watch` in a terminal: over an agent, by itself, and how it leaves the terminal."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import LAMPLIGHTER, Agent, agent, command, eventually
from screens import in_terminal
from small_site import WORKSHOP

from agent.field.watch import words
from agent.records import NOT_ISOLATION

pytestmark = pytest.mark.e2e


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A site file and the simulation behind it, in which nothing happens by itself."""
    path = tmp_path / "site.toml"
    with subprocess.Popen([LAMPLIGHTER, "simulate", "steady", "--site-file", path], stdout=subprocess.DEVNULL) as child:
        try:
            eventually("the simulation listens", path.exists)
            yield path, child
        finally:
            child.kill()


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A site whose meter does not answer."""
    path = tmp_path / "site.toml"
    path.write_text(WORKSHOP, encoding="utf-8")
    return path


def in_memory() -> set[str]:
    """Directories of own polling, whoever has them."""
    return {path.name for path in Path("/dev/shm").glob("lamplighter-watch-*")}  # noqa: S108


@contextmanager
def started(site: Path) -> Iterator[Agent]:
    with agent(site) as running:
        eventually("the agent has started", lambda: "agent.started" in running.log)
        yield running


def test_over_the_running_agent_meters_turn_when_they_are_gone(
    simulated: tuple[Path, subprocess.Popen[bytes]],
) -> None:
    site, meters = simulated
    with started(site) as running, in_terminal(LAMPLIGHTER, "watch", site) as terminal:
        text = terminal.shows("all live, and their past", lambda text: " live " in text and "▅" in text)
        assert "running agent" in text
        assert "own polling" not in text
        terminal.press("3")
        terminal.shows("the page of lines", lambda text: "[3 lines]" in text and " open " in text)
        terminal.press("1")
        meters.kill()
        text = terminal.shows("they are gone", lambda text: " lost " in text and " live " not in text, 30)
        assert NOT_ISOLATION in text
        terminal.resize(120, 40)
        text = terminal.shows("the larger screen", lambda text: "going on" in text and len(text.splitlines()) == 40)
        assert "q: leave" in text.splitlines()[-1]
        terminal.press("q")
        assert (terminal.end(), terminal.as_before()) == (0, True)
        assert running.process.poll() is None


def test_an_agent_that_is_gone_leaves_nothing_live_and_is_found_again(
    simulated: tuple[Path, subprocess.Popen[bytes]],
) -> None:
    site, _ = simulated
    with started(site) as running, in_terminal(LAMPLIGHTER, "watch", site) as terminal:
        terminal.shows("all live", lambda text: "running agent" in text and " live " in text)
        running.kill()
        text = terminal.shows("it is gone", lambda text: words.AGENT_GONE in text)
        assert " live " not in text
        assert NOT_ISOLATION in text
        running.start()
        terminal.shows("it is back", lambda text: words.AGENT_GONE not in text and " live " in text)
        running.process.send_signal(signal.SIGSTOP)
        terminal.shows("it stands still", lambda text: words.AGENT_GONE in text and " live " not in text)
        terminal.press("\x03")
        assert (terminal.end(3), terminal.as_before()) == (0, True)


def test_own_polling_stores_nothing_and_makes_room_for_the_agent(
    simulated: tuple[Path, subprocess.Popen[bytes]],
) -> None:
    site, _ = simulated
    with in_terminal(LAMPLIGHTER, "watch", site, environ={"NO_COLOR": "1"}) as terminal:
        terminal.shows("own polling", lambda text: words.OWN_POLLING in text and " live " in text and "▅" in text)
        assert not (site.parent / "state").exists()
        with started(site):
            terminal.shows("its agent", lambda text: "running agent" in text and words.OWN_POLLING not in text)
            assert not terminal.screen.coloured
            terminal.press("q")
            assert (terminal.end(), terminal.as_before()) == (0, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_terminal_as_it_was(nobody: Path, number: signal.Signals) -> None:
    with in_terminal(LAMPLIGHTER, "watch", nobody) as terminal:
        terminal.shows("the meter is silent", lambda text: "unknown" in text and terminal.screen.second)
        terminal.process.send_signal(number)
        assert (terminal.end(), terminal.as_before()) == (0, True)
        assert "Traceback" not in terminal.screen.text


def test_a_terminal_that_goes_away_ends_it_in_order(nobody: Path) -> None:
    with in_terminal(LAMPLIGHTER, "watch", nobody) as terminal:
        terminal.shows("the meter is silent", lambda text: "unknown" in text and terminal.screen.second)
        mine = in_memory()
        assert mine
        terminal.hang_up()
        assert terminal.process.wait(10) == 0
        assert in_memory() < mine


def test_an_error_leaves_the_terminal_as_it_was_and_is_told_there(nobody: Path) -> None:
    (nobody.parent / "no-tty").write_text("", encoding="utf-8")
    serial = f'serial = "{nobody.parent}/no-tty"\nbaud = 9600'
    nobody.write_text(WORKSHOP.replace('tcp = "127.0.0.1:1"', serial), encoding="utf-8")
    with in_terminal(LAMPLIGHTER, "watch", nobody, size=(200, 24)) as terminal:
        assert (terminal.end(), terminal.as_before()) == (2, True)
        assert "no-tty" in terminal.screen.text
        assert "Traceback" not in terminal.screen.text


def test_own_polling_leaves_nothing_in_memory(nobody: Path) -> None:
    before = in_memory()
    with in_terminal(LAMPLIGHTER, "watch", nobody) as terminal:
        terminal.shows("own polling", lambda text: words.OWN_POLLING in text)
        during = in_memory() - before
        assert during
        terminal.press("q")
        assert terminal.end() == 0
    assert not during & in_memory()


def test_in_a_pipe_it_is_one_picture_without_control_sequences(
    simulated: tuple[Path, subprocess.Popen[bytes]],
) -> None:
    site, _ = simulated
    done = command("watch", site, timeout_s=40)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert words.OWN_POLLING in done.stdout
    assert " live " in done.stdout
    told = json.loads(command("watch", site, "--json", timeout_s=40).stdout)
    assert {meter["supply"] for meter in told["meters"]} == {"live"}
    assert all(200 < volt < 250 for meter in told["meters"] for volt in meter["volts"])


def test_on_a_dumb_terminal_it_is_one_picture_as_well(nobody: Path) -> None:
    with in_terminal(LAMPLIGHTER, "watch", nobody, environ={"TERM": "dumb", "LC_ALL": "C"}, size=(130, 60)) as terminal:
        assert terminal.end(30) == 0
        assert not terminal.screen.second
        assert words.NO_READING in terminal.screen.text.replace("\n", "")


def test_a_wrong_site_is_exit_2(tmp_path: Path) -> None:
    done = command("watch", tmp_path / "none.toml")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "none.toml" in done.stderr
