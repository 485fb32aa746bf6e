"""kill -9 at random instants: what was acknowledged is there, no seq is missing, the next start needs no hands."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from samples import event

from agent.journal.file import FILE_NAME, connect_readonly
from agent.journal.journal import Journal
from agent.journal.reader import EventQuery, Reader

SUPPORT = Path(__file__).parents[1] / "support"
ROUNDS = 24
ROUNDS_PER_FILE = 6  # a fresh file now and then: first starts are cut too


def killed(state_dir: Path, seed: int) -> set[str]:
    """Let a victim write for a moment, kill it; the events it was told are durable."""
    environment = os.environ | {"PYTHONPATH": f"{SUPPORT.parents[1]}:{SUPPORT}"}
    command = [sys.executable, str(SUPPORT / "journal_victim.py"), str(state_dir), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"up\n"
        time.sleep(random.Random(seed).expovariate(1 / 0.08))  # noqa: S311
        victim.send_signal(signal.SIGKILL)
        said = victim.stdout.read()
    return set(said.decode().split("\n")[:-1])  # what follows the last line end was cut off in the middle


def check(state_dir: Path, acknowledged: set[str]) -> int:
    """The history so far against the file; returns how many entries it holds."""
    with closing(connect_readonly(state_dir / FILE_NAME)) as db:
        reader = Reader(db)
        head = reader.head()
        page, parts = reader.read((0, head), 10**6), reader.read((0, head), 10**6, traces=True)
        stored = {found.id for found in reader.latest_events(EventQuery(limit=10**6))}
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert reader.figures().note == ""
        assert acknowledged - stored == set(), "acknowledged events lost"
        seqs = sorted(entry.seq for entry in page.entries + parts.entries)
        assert seqs == list(range(1, head)), "a hole in the sequence"
        assert page.damaged + parts.damaged == ()
        for position in reader.positions().values():
            assert position.live <= head
            assert position.trace <= head
    return head - 1


@pytest.mark.e2e
def test_no_acknowledged_event_is_lost_and_no_seq_is_missing_after_kills(tmp_path: Path) -> None:
    acknowledged: dict[Path, set[str]] = {}
    stored: dict[Path, int] = {}
    for seed in range(ROUNDS):
        state_dir = tmp_path / f"state-{seed // ROUNDS_PER_FILE}"
        acknowledged.setdefault(state_dir, set()).update(killed(state_dir, seed))
        try:
            stored[state_dir] = check(state_dir, acknowledged[state_dir])
        except FileNotFoundError:
            assert not acknowledged[state_dir], "the whole file lost"
    assert sum(map(len, acknowledged.values())) >= 10, "the victims hardly got to work: nothing was tested"
    assert sum(stored.values()) >= 50


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
