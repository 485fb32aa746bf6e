"""A card that stalls: each flush sleeps 5 s, while readings of 40 meters and events come. The event loop has to be late
by at most 20 ms in 999 of 1000 looks; what is not stored yet has to reach the sink. Half a minute."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from loop_lag import at, lags_s
from samples import event, reading
from torn_vfs import Recording, recorded, why_no_recording

from agent.journal.journal import Journal

ALLOWED_S = 0.02
METERS = 40


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--stall", type=float, default=5.0, help="seconds")
    options.add_argument("--for", dest="for_s", type=float, default=30.0, help="seconds")
    asked = options.parse_args()
    if why_no_recording():
        print(f"store stall: FAILED, nothing was slow: {why_no_recording()}")
        return 1
    with tempfile.TemporaryDirectory(prefix="lamplighter-stall-") as place:
        return asyncio.run(stalled(Path(place), asked.stall, asked.for_s))


async def stalled(state_dir: Path, stall_s: float, for_s: float) -> int:
    recording = Recording()
    with recorded(recording):
        async with Journal.open(state_dir, ["mqtt"], "gw-01") as journal:
            quiet = await lags_s(2.0)
            recording.before_sync = lambda _: time.sleep(stall_s) or 0
            feeding = asyncio.create_task(feed(journal))
            lags = await lags_s(for_s)
            recording.before_sync = lambda _: 0
            feeding.cancel()
            sent, made = await journal.fetch("mqtt", "live", 1), journal.head - 1
    stalls = sum(op.what == "sync" for op in recording.ops)
    sound = at(lags, 0.999) <= ALLOWED_S and bool(sent.entries)
    print(
        f"store stall: {'ok' if sound else 'FAILED'}, loop late by p50 {at(lags, 0.5) * 1000:.1f}, p99 "
        f"{at(lags, 0.99) * 1000:.1f}, p99.9 {at(lags, 0.999) * 1000:.1f} (allowed {ALLOWED_S * 1000:.0f}), most "
        f"{max(lags) * 1000:.1f} ms while flushes took {stall_s:g} s each ({stalls} flushes, {made} records); before: "
        f"p99.9 {at(quiet, 0.999) * 1000:.1f} ms"
    )
    return 0 if sound else 1


async def feed(journal: Journal) -> None:
    """Forty readings a second, an event every other, each at its own instant."""
    number = 0
    while True:
        journal.add_reading(reading(number, meter=f"tx{number % METERS}"))
        if number % (2 * METERS) == 0:
            journal.add_event(event(id=f"ev-{number}"))
        number += 1
        await asyncio.sleep(1 / METERS)


if __name__ == "__main__":
    sys.exit(main())
