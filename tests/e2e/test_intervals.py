"""Minutes of a running agent, in the database, in an export and in the long record. Its wall clock is turned forward to
a quarter of a minute before the next one (libfaketime), so that nobody waits for it."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from running import Agent, command, eventually
from small_rig import SmallRig

from agent.records import MINUTE_US
from agent.report.figures import Span
from agent.report.record.history import past

pytestmark = pytest.mark.e2e
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
LEFT_S = 15


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SmallRig]:
    with ExitStack() as stack:
        yield SmallRig(tmp_path, stack)


@pytest.fixture
def running(rig: SmallRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    assert LIBRARY, "libfaketime is not here: run tests/support/install-servers.sh"
    with monkeypatch.context() as preloaded:
        preloaded.setenv("LD_PRELOAD", str(LIBRARY))
        preloaded.setenv("DONT_FAKE_MONOTONIC", "1")
        preloaded.setenv("FAKETIME", f"+{(60 - LEFT_S - time.time()) % 60:.0f}s")
        agent = Agent(rig.site, tmp_path / "log")
    yield agent
    if agent.process.poll() is None:
        agent.kill()


def test_a_minute_that_is_over_is_in_the_database_in_an_export_and_in_the_long_record(
    rig: SmallRig, running: Agent, tmp_path: Path
) -> None:
    rig.volts(230.0)
    (minute,) = eventually("a minute", lambda: _minutes(rig), LEFT_S + 25)
    assert minute["meter"] == "m"
    at_us = minute["time"] // 1000
    assert at_us % MINUTE_US == 0
    assert minute["voltage_l1"] == pytest.approx(230.0, abs=0.5)
    # Of the minute in which it started only the end was seen.
    assert 0.05 < minute["coverage"] < (LEFT_S + 2) / 60
    assert running.stop()[0] == 0
    assert "Traceback" not in running.log
    command("journal", rig.site, "--export", tmp_path / "kept.jsonl")
    told = [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert any(one["record"] == "interval" and one["coverage"] == minute["coverage"] for one in told)
    with past(rig.state) as found:
        assert found is not None
        kept = [columns for columns in found.of_meter("m", Span(0, 1 << 62)) if columns.kind == "interval_1min"]
    assert kept[0].start_us[0] == at_us
    assert kept[0].coverage[0] == pytest.approx(minute["coverage"])


def _minutes(rig: SmallRig) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = rig.influx.query("SELECT * FROM interval_1min")
    return rows[:1]
