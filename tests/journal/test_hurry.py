"""When a voltage leaves its band, what was read before it is stored at that moment, and what follows soon."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from samples import MIDNIGHT_US, reading
from timers import Timers

from agent.journal.journal import GROUP_S, Journal
from agent.journal.pace import HURRIED_S, HURRY_S
from agent.poll.window import Window
from agent.records import Sample

SUPPORT = Path(__file__).parents[1] / "support"
SECOND = 1_000_000


def opened(state_dir: Path, timers: Timers) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(state_dir, ["mqtt"], "gw-01", now_us=lambda: MIDNIGHT_US, call_later=timers.call_later)


async def committed(journal: Journal) -> int:
    """Wait until the thread has done what is due; the number of commits so far."""
    for _ in range(3):
        await asyncio.sleep(0)
        await journal.stats()
    return (await journal.stats()).commits


def test_leaving_the_band_is_said_once_until_all_voltages_are_back() -> None:
    said: list[int] = []
    keys = ("voltage_l1", "voltage_l2")
    window = Window("m", 220.0, keys, set(keys), 10 * SECOND, left_band=lambda: said.append(at))
    looks: Iterator[tuple[float, float]] = iter(
        [(220, 220), (204, 220), (204, 204), (220, 204), (220, 220), (220, 236), (236, 236)]
    )
    for at, (l1, l2) in enumerate(looks):
        window.add(Sample("m", 0, 0, {"voltage_l1": l1, "voltage_l2": l2}, False), at * SECOND, at * SECOND)
        window.add(Sample("m", 0, 0, {"frequency": 50.0}, True), at * SECOND, at * SECOND)  # says nothing of voltages
    assert said == [1, 5]
    at = 8
    calm = Sample("m", 0, 0, {"voltage_l1": 220.0, "voltage_l2": 220.0}, False)
    assert window.put_by(calm, (220.0, 220.0), 6 * SECOND + 1)
    window.add(calm._replace(values={"voltage_l1": 230.0, "voltage_l2": 250.0}), at * SECOND, at * SECOND)
    assert said == [1, 5, 8]


async def test_what_waits_is_stored_at_once_and_what_follows_within_a_second(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, timers) as journal:
        journal.add_reading(reading(1))
        journal.hurry()
        assert (await committed(journal), (await journal.stats()).uncommitted) == (1, 0)
        journal.add_reading(reading(2))
        timers.advance(HURRY_S)
        assert (await committed(journal), (await journal.stats()).uncommitted) == (2, 0)
        timers.advance(HURRIED_S)
        journal.add_reading(reading(3))
        timers.advance(GROUP_S - 0.1)
        assert (await committed(journal), (await journal.stats()).uncommitted) == (2, 1)
        timers.advance(0.1)
        assert await committed(journal) == 3


@pytest.mark.slow
async def test_a_hundred_meters_that_chatter_for_a_minute_cost_a_commit_a_second(tmp_path: Path) -> None:
    timers = Timers()
    async with opened(tmp_path, timers) as journal:
        for tenth in range(600):
            journal.add_reading(reading(tenth))
            for _ in range(100):
                journal.hurry()
            await committed(journal)
            timers.advance(0.1)
        assert 50 <= await committed(journal) <= 61


CUT = """
import asyncio, os, pathlib, sys
from samples import reading
from agent.journal.journal import Journal

async def main():
    async with Journal.open(pathlib.Path(sys.argv[1]), ["mqtt"], "gw-01") as journal:
        for number in range(10):
            journal.add_reading(reading(number))
        if sys.argv[2] == "leaves":
            journal.hurry()
        await asyncio.sleep(0)
        await journal.stats()
        os._exit(9)

asyncio.run(main())
"""


@pytest.mark.parametrize(("voltage", "kept"), [("stays", 0), ("leaves", 10)])
async def test_the_power_goes_right_after_a_voltage_has_left_its_band(tmp_path: Path, voltage: str, kept: int) -> None:
    environment = os.environ | {"PYTHONPATH": f"{SUPPORT.parents[1]}:{SUPPORT}"}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", CUT, str(tmp_path), voltage], env=environment, check=False
    )
    assert done.returncode == 9
    async with Journal.open(tmp_path, ["mqtt"], "gw-01") as journal:
        assert len(await journal.readings(None, 100)) == kept
