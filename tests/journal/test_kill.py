"""kill -9 at random instants: a cut of tests/soak/store_kills.py; and what a cut between two steps leaves behind."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from samples import event

from agent.journal.journal import Journal

SUPPORT = Path(__file__).parents[1] / "support"
CAMPAIGN = Path(__file__).parents[1] / "soak" / "store_kills.py"


@pytest.mark.e2e
def test_no_acknowledged_event_is_lost_and_no_seq_is_missing_after_kills() -> None:
    environment = os.environ | {"PYTHONPATH": f"{SUPPORT.parents[1]}:{SUPPORT}"}
    command = [sys.executable, CAMPAIGN, "--rounds", "40"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "store kills: ok, seed 1, 40 cuts" in done.stdout


CUT = """
import asyncio, os, pathlib, sys
from samples import event, reading
from agent.journal.journal import Journal

async def main():
    async with Journal.open(pathlib.Path(sys.argv[1]), ["mqtt"], "gw-01") as journal:
        await journal.add_event(event(id="first"))
        journal.advance("mqtt", "live", 2)
        await journal.add_event(event(id="second"))
        journal.add_reading(reading())
        journal.advance("mqtt", "live", 4)
        os._exit(9)

asyncio.run(main())
"""


async def test_a_cut_after_the_commit_and_before_the_position_repeats_and_loses_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{SUPPORT.parents[1]}:{SUPPORT}"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CUT, str(tmp_path), env=environment)
    assert await process.wait() == 9
    async with Journal.open(tmp_path, ["mqtt"], "gw-01") as journal:
        # Sent up to 3 and told so up to 1 with the second event: 2 is said again, 3 was a reading never committed.
        window = await journal.fetch("mqtt", "live", 10)
        assert [(entry.seq, entry.record) for entry in window.entries] == [(2, event(id="second"))]
        assert journal.head == 3
