"""72 hours without broker and database, then both back at once: 2.07 million readings of 40 meters, by the agent's own
journal and forwarders. Time that would only be waited is skipped, work is not. The backlog has to go out at 50 times
real time and more, in order and whole, while live readings reach both sinks within 2 s (p99), from at most 120 MB on
the disk. Then the same of 4 hours with a real mosquitto and InfluxDB. Some 30 minutes; `--hours 2` takes two."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

from outage_real import real_outage
from outage_trial import Outcome, Replay, outage
from skipping_time import run

TIMES_REAL = 50
LIVE_S = 2.0
HOURS = 72.0
# A MB is a million bytes; the write-ahead log, which does not grow with the outage, is part of it.
DISK_MB = 120.0
WAL_MB = 6.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hours", type=float, default=HOURS)
    options.add_argument("--real-hours", type=float, default=4.0)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    logging.disable(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="lamplighter-outage-") as place:
        began_s = time.monotonic()
        found = run(outage(Path(place, "state"), asked.hours, asked.seed, tell=tell))
        sound = judged(found, "skipped time", time.monotonic() - began_s)
        began_s = time.monotonic()
        found = asyncio.run(real_outage(Path(place, "real"), asked.real_hours))
        real = judged(found, "real servers, real time", time.monotonic() - began_s)
    tell("ok" if sound and real else "FAILED")
    return 0 if sound and real else 1


def judged(found: Outcome, how: str, took_s: float) -> bool:
    disk_mb, allowed_mb = found.disk_bytes / 1e6, min(DISK_MB, DISK_MB * found.hours / HOURS + WAL_MB)
    for replay in found.replays:
        tell(words(replay, found.rows))
    sound = found.times_real >= TIMES_REAL and disk_mb <= allowed_mb
    sound = sound and all(not one.wrong and one.late_at(0.99) <= LIVE_S for one in found.replays)
    tell(
        f"{how}: {'ok' if sound else 'FAILED'}, {found.hours:g} h, {found.rows} rows, {found.events} events, "
        f"{disk_mb:.1f} MB on disk (allowed {allowed_mb:.0f}), {found.disk_bytes / found.rows:.1f} bytes a row, "
        f"replayed at {found.times_real:.0f} times real time (wanted {TIMES_REAL}); in {took_s:.0f} s"
    )
    return sound


def words(replay: Replay, rows: int) -> str:
    wire = f", {replay.wire_bytes / 1e6:.0f} MB" if replay.wire_bytes else ""
    return (
        f"{replay.sink}: {rows} rows in {replay.took_s:.0f} s ({rows / replay.took_s:.0f}/s{wire}), {replay.again} "
        f"twice; {len(replay.late_s)} live rows after p50 {replay.late_at(0.5):.2f}, p99 {replay.late_at(0.99):.2f}, "
        f"most {replay.late_s[-1]:.2f} s; wrong: {'; '.join(replay.wrong) or 'nothing'}"
    )


def tell(what: str) -> None:
    print(f"outage: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
