"""What a day of the reference site writes: 40 meters x 5 s, 50 events with traces, two sinks, into a file that is full
and evicts. Bytes and flushes as the block device counts them, an ext4 on a loop device, in virtual time. Root needed.
The kernel's own timers, which write metadata every 5 to 30 s, run in real time: an agent that runs for a real day
writes a little more. Some three minutes."""

import argparse
import asyncio
import sys
import time

from power_cuts import Disk, disk, why_no_disk
from reference_site import STEPS_A_DAY, Site

from agent.journal.journal import GROUP_S, Journal

ALLOWED_GB = 0.25
ALLOWED_FLUSHES = 15_000
CAP_MIB = 16


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hours", type=float, default=24.0)
    options.add_argument("--fill-hours", type=float, default=24.0, help="before that, not counted")
    options.add_argument("--group", type=float, default=GROUP_S, help="seconds")
    options.add_argument("--cap", type=int, default=CAP_MIB, help="MiB")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    why_not = why_no_disk()
    if why_not:
        print(f"store wear: FAILED, nothing was written: {why_not}; run it as root on a machine with loop devices")
        return 1
    with disk(size_mib=256) as made:
        made.fresh()
        return asyncio.run(worn(made, asked))


async def worn(made: Disk, asked: argparse.Namespace) -> int:
    began_s = told_s = time.monotonic()
    site = Site(asked.seed)
    fill, steps = (round(hours / 24 * STEPS_A_DAY) for hours in (asked.fill_hours, asked.hours))
    before, commits = (0, 0), 0
    async with Journal.open(
        made.path / "state", ("mqtt", "influxdb"), "gw-01", group_s=asked.group, cap_mib=asked.cap, now_us=site.now_us,
        call_later=site.timers.call_later,
    ) as journal:  # fmt: skip
        async for step in site.run(journal, fill + steps):
            if step + 1 == fill or (not fill and not step):
                before, commits = made.written(), (await journal.stats()).commits
            if time.monotonic() - told_s > 20:
                told_s = time.monotonic()
                print(
                    f"store wear: {step / STEPS_A_DAY * 24:.1f} of {(fill + steps) / STEPS_A_DAY * 24:g} h", flush=True
                )
        stats, after = await journal.stats(), made.written()
    days = steps / STEPS_A_DAY
    gigabytes, flushes = (after[0] - before[0]) / days / 1e9, (after[1] - before[1]) / days
    sound = gigabytes <= ALLOWED_GB and flushes <= ALLOWED_FLUSHES and not stats.error and not stats.gaps
    print(
        f"store wear: {'ok' if sound else 'FAILED'}, seed {asked.seed}, per day {gigabytes:.3f} GB (allowed "
        f"{ALLOWED_GB}) and {flushes:.0f} flushes (allowed {ALLOWED_FLUSHES}) in "
        f"{(stats.commits - commits) / days:.0f} commits, groups of {asked.group:g} s; {asked.hours:g} h, "
        f"{stats.head - 1} records, {site.events} events, file {stats.size_bytes >> 10} of {asked.cap << 10} KiB; in "
        f"{time.monotonic() - began_s:.0f} s"
    )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
