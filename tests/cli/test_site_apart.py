"""The site file read by a child: what comes over, what is said when something is wrong, who dies with whom."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from running import LAMPLIGHTER, command, eventually

pytestmark = pytest.mark.e2e

WITH_SECRETS = """
[mqtt]
url = "mqtts://broker.example:8883"
username = "gw-01"
password_file = "mqtt-password"
[influxdb]
url = "https://influx.example:8086"
token_file = "influx-token"
"""
# In a process of its own: a fork wants one without threads, which pytest's is not always.
SAME = """
import sys
from pathlib import Path
from agent.site import load_site
from agent.sitefile.apart import site_read_apart
path = Path(sys.argv[1])
with site_read_apart(path, Path("/elsewhere")) as site_read:
    site = site_read()
assert "pydantic" not in sys.modules
assert site == load_site(path, Path("/elsewhere"))
assert (site.mqtt.password.value, site.influxdb.token.value) == ("s3cret", "t0ken")
assert type(site.meters).__name__ == type(site.lines).__name__ == "mappingproxy"
assert site.meters["main"].model is site.meters["second"].model
"""


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`lamplighter run` on a site file that does not come: its child waits at a pipe that we hold and never write."""
    path = tmp_path / "site.toml"
    os.mkfifo(path)
    with subprocess.Popen([LAMPLIGHTER, "run", path], stderr=subprocess.PIPE, text=True) as process:
        end = eventually("somebody reads the site file", lambda: _held(path))
        yield process
        process.kill()
        os.close(end)


def _held(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody reads yet: fifo(7)
            return None
        raise


def child_of(process: subprocess.Popen[str]) -> int:
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    return int(child)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_the_same_site_comes_over_secrets_included(site_file: Path) -> None:
    text = site_file.read_text(encoding="utf-8")
    second = text[text.index("[meters.main]") :].replace("main", "second").replace("unit = 1", "unit = 2")
    site_file.write_text(text + second + WITH_SECRETS, encoding="utf-8")
    for name, secret in (("mqtt-password", "s3cret"), ("influx-token", "t0ken")):
        (site_file.parent / name).write_text(secret, encoding="utf-8")
        (site_file.parent / name).chmod(0o600)
    subprocess.run([sys.executable, "-c", SAME, site_file], check=True, timeout=20)


@pytest.mark.parametrize(
    ("old", "new"), [("unit = 1", "unit = 300\nx = 1"), ("[site]", "[site"), ("eastron-sdm630", "eastron")]
)
def test_a_wrong_file_is_told_as_in_one_process(lamplighter: CommandLine, site_file: Path, old: str, new: str) -> None:
    site_file.write_text(site_file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done, alone = command("run", site_file), lamplighter("run", site_file)
    assert (done.returncode, done.stdout, done.stderr) == (alone.code, alone.out, alone.err)
    assert done.returncode == 2


def test_a_child_that_is_killed_is_told(waiting: subprocess.Popen[str]) -> None:
    os.kill(child_of(waiting), signal.SIGKILL)
    _, said = waiting.communicate(timeout=10)
    assert waiting.returncode == 1
    assert "site.toml: not read: the process that reads it was killed" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_meanwhile_it_ends_and_the_child_with_it(
    waiting: subprocess.Popen[str], number: signal.Signals
) -> None:
    child = child_of(waiting)
    os.kill(child, number)  # as Ctrl-C and systemd do: both are told
    time.sleep(0.05)
    assert not is_gone(child)
    waiting.send_signal(number)
    _, said = waiting.communicate(timeout=10)
    assert (waiting.returncode, said) == (0, "")
    eventually("the child is gone", lambda: is_gone(child))


def test_the_child_does_not_outlive_a_parent_that_is_killed(waiting: subprocess.Popen[str]) -> None:
    child = child_of(waiting)
    waiting.kill()
    eventually("the child is gone", lambda: is_gone(child))
