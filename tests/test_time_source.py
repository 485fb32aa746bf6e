"""Who disciplines the clock: scripted answers, and chronyd itself."""

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.records import ClockState
from agent.time_source import TimeSource, chrony_state, run_chronyc, timesync_state

# Printed by chronyc 4.3 -c tracking.
SYNCED = "C0A80101,192.168.1.1,3,1795392000.123,-0.000012,0.000034,0.00005,-12.3,0.001,0.02,0.0102,0.0009,64.2,Normal\n"
UNSYNCED = "7F7F0101,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n"
NOBODY = ClockState(None, None)
# Where tests/support/install-servers.sh unpacks what it does not install.
UNPACKED = Path(sys.prefix) / "servers" / "usr"


def source(tmp_path: Path, answers: Sequence[str | None] = (), kernel: ClockState = NOBODY) -> TimeSource:
    """One with chronyd, if there are answers of it."""
    told = iter(answers)
    if answers:
        (tmp_path / "chrony").mkdir()

    async def run(command: Sequence[str], answer_s: float) -> str | None:
        return next(told)

    return TimeSource(
        timesync=tmp_path / "timesync", chrony=tmp_path / "chrony", command=(sys.executable,), kernel=lambda: kernel,
        boot_us=lambda: source_now_us[0], run=run,
    )  # fmt: skip


source_now_us = [0]


def test_the_bound_of_chrony_is_dispersion_half_the_delay_and_what_is_still_to_be_slewed() -> None:
    told = chrony_state(SYNCED)
    assert told.synced is True
    assert told.uncertainty_s == pytest.approx(0.0009 + 0.0051 + 0.000034)
    slewing = chrony_state(SYNCED.replace("-0.000012", "-7200.5"))
    assert slewing.uncertainty_s == pytest.approx(0.006 + 7200.5)
    assert chrony_state(UNSYNCED) == ClockState(False, None)


@pytest.mark.parametrize("text", ["", "506 Cannot talk to daemon", SYNCED.replace("0.0009", "x"), SYNCED[:40]])
def test_what_is_no_answer_of_chrony_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        chrony_state(text)


def test_timesyncd_tells_by_its_flag(tmp_path: Path) -> None:
    assert timesync_state(tmp_path / "none") == NOBODY
    assert timesync_state(tmp_path) == ClockState(False, None)
    (tmp_path / "synchronized").touch()
    assert timesync_state(tmp_path) == ClockState(True, 1.0)


async def test_chrony_goes_before_timesyncd_and_that_before_the_kernel(tmp_path: Path) -> None:
    kernel = ClockState(True, 0.2)
    found = source(tmp_path, [SYNCED], kernel)
    assert (found.state(), found.name) == (kernel, "adjtimex"), "chrony was not asked yet"
    (tmp_path / "timesync").mkdir()
    assert (found.state(), found.name) == (ClockState(False, None), "timesyncd")
    await found.ask()
    assert (found.state(), found.name) == (chrony_state(SYNCED), "chrony")


def test_a_kernel_that_nobody_disciplines_is_no_source(tmp_path: Path) -> None:
    found = source(tmp_path)
    assert (found.state(), found.name) == (NOBODY, "")


async def test_chrony_that_answers_no_more_is_believed_for_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source_now_us[0] = 0
    found = source(tmp_path, [SYNCED, None, "rubbish", SYNCED])
    await found.ask()
    source_now_us[0] = 60_000_000
    await found.ask()
    assert found.state().synced is True
    source_now_us[0] += 1
    await found.ask()
    assert found.state() == ClockState(False, None)
    await found.ask()
    assert found.state().synced is True
    said = [record.getMessage() for record in caplog.records]
    assert said.count("clock.source_asked source=chrony ok=False") == 1, "edges, not each time"


async def test_a_child_that_does_not_answer_is_ended_at_its_deadline() -> None:
    began_s = asyncio.get_running_loop().time()
    assert await run_chronyc((sys.executable, "-c", "import time; time.sleep(60)"), 0.3) is None
    assert asyncio.get_running_loop().time() - began_s < 5
    assert await run_chronyc(("/nonexistent/chronyc",), 1.0) is None
    assert await run_chronyc((sys.executable, "-c", "import sys; print(1); sys.exit(1)"), 5.0) is None
    assert await run_chronyc((sys.executable, "-c", "print(1)"), 5.0) == "1\n"


def program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin:{UNPACKED}/sbin:{UNPACKED}/bin")
    assert found, f"{name} is not here: run tests/support/install-servers.sh"
    return found


@pytest.mark.e2e
async def test_chronyd_itself_is_understood(tmp_path: Path) -> None:
    """With -x it leaves the machine's clock alone; a local reference makes it synchronised with itself."""
    config, pid = tmp_path / "chrony.conf", tmp_path / "pid"
    config.write_text(f"local stratum 5\nport 0\ncmdport 0\npidfile {pid}\nbindcmdaddress {tmp_path}/chronyd.sock\n")
    child = await asyncio.create_subprocess_exec(program("chronyd"), "-x", "-d", "-u", "root", "-f", str(config))
    try:
        command = (program("chronyc"), "-c", "-n", "-h", f"{tmp_path}/chronyd.sock", "tracking")
        for _ in range(100):
            text = await run_chronyc(command, 2.0)
            if text:
                break
            await asyncio.sleep(0.1)
        assert text is not None
        assert chrony_state(text).synced is not None
    finally:
        child.terminate()
        await child.wait()
