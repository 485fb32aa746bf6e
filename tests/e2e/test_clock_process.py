"""The agent as a process whose wall clock is turned under it, while monotonic and boot time run on (libfaketime).

Nothing here may call time.sleep under it: that fails with EINVAL and can hang; asyncio does not.
"""

import json
import os
import time
from pathlib import Path

import pytest
from running import Agent, command, eventually
from small_site import WORKSHOP

pytestmark = pytest.mark.e2e
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def steps(site: Path) -> list[list[str]]:
    """Evidence of each `clock_step`, the first one first."""
    told = json.loads(command("events", str(site), "--json").stdout)["events"]
    found = sorted(
        (one for one in told if one["kind"] == "clock_step"), key=lambda one: int(one["id"].rsplit("-", 1)[1])
    )
    return [one["evidence"] for one in found]


def test_each_step_of_the_wall_clock_is_an_event_and_nothing_else_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LIBRARY, "libfaketime is not here: run tests/support/install-servers.sh"
    file, turned = tmp_path / "site.toml", tmp_path / "turned"
    file.write_text(WORKSHOP, encoding="utf-8")
    turned.write_text("+0\n", encoding="ascii")
    with monkeypatch.context() as preloaded:
        preloaded.setenv("LD_PRELOAD", str(LIBRARY))
        preloaded.setenv("DONT_FAKE_MONOTONIC", "1")
        preloaded.setenv("FAKETIME_NO_CACHE", "1")
        preloaded.setenv("FAKETIME_TIMESTAMP_FILE", str(turned))
        running = Agent(file, tmp_path / "log")
    assert "LD_PRELOAD" not in os.environ
    try:
        eventually("it runs", lambda: "agent.started" in running.log, 30)
        # The bound of a clock that its kernel disciplines may be none, or fine: either way a step is followed.
        for number, (written, said) in enumerate(
            (("+1h", "+59 min|+1 h"), ("-25h", "-1 d 1 h|-1 d 2 h"), ("+2y", "+7")), 1
        ):
            turned.write_text(f"{written}\n", encoding="ascii")
            eventually(f"step {written}", lambda n=number: running.log.count("clock.step ") == n)  # type: ignore[misc]
            assert any(word in steps(file)[-1][0] for word in said.split("|"))
        began_s = time.monotonic()
        status = json.loads(command("status", str(file), "--json").stdout)
        assert time.monotonic() - began_s < 10
        assert status["clock"]["suspended_s"] == 0.0, "the machine did not sleep"
        assert running.process.poll() is None
        assert "Traceback" not in running.log
        assert "error" not in running.log.lower().replace("error=", "")
    finally:
        code, took_s = running.stop()
    assert (code, took_s < 5) == (0, True)
