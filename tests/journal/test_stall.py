"""A card that takes seconds to flush holds up the journal's thread and nothing else."""

import asyncio
import time
from pathlib import Path

import pytest
from loop_lag import lags_s
from samples import event, reading
from torn_vfs import Recording, recorded, why_no_recording

from agent.journal.journal import Journal

STALL_S = 1.0

pytestmark = pytest.mark.skipif(bool(why_no_recording()), reason=f"no sync can be made slow: {why_no_recording()}")


@pytest.mark.e2e
@pytest.mark.alone
async def test_the_event_loop_goes_on_while_a_flush_stalls(tmp_path: Path) -> None:
    recording = Recording()
    with recorded(recording):
        async with Journal.open(tmp_path, ["mqtt"], "gw-01") as journal:
            await journal.add_event(event(id="before"))
            recording.before_sync = slow
            began_s = time.monotonic()
            durable = journal.add_event(event(id="during"))
            measure = asyncio.create_task(lags_s(STALL_S))
            for number in range(100):
                journal.add_reading(reading(number))
                await asyncio.sleep(0.005)
            live = await asyncio.wait_for(journal.fetch("mqtt", "live", 200), STALL_S + 1)
            assert not durable.done() or time.monotonic() - began_s >= STALL_S
            lags = sorted(await measure)
            await durable
            assert time.monotonic() - began_s >= STALL_S
            assert len(live.entries) > 90
    # Beside whatever else this machine does; the campaign store_stall holds p99.9 against 20 ms.
    assert lags[len(lags) * 9 // 10] < 0.02
    assert lags[-1] < STALL_S / 2


def slow(_: str) -> int:
    time.sleep(STALL_S)
    return 0
