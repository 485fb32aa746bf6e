"""Two hours of faults that never end, with 200 meters and both real servers, while the agent is looked at every 10 s.
Its RSS may never be above 110 MB, and after the first 20 min it may not grow by more than 1 MB/h; descriptors and
threads may not grow at all; and in the end nothing is missing anywhere. Root adds a network that goes dark."""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from half_open import why_no_cable
from memory_campaign import Outcome, Plan, Row, campaign
from memory_judge import Limits, judge, told

_TELL_S = 60.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=120.0)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--meters", type=int, default=200)
    options.add_argument("--table", type=Path, default=Path(tempfile.gettempdir(), "memory_soak.csv"), help="samples")
    asked = options.parse_args()
    if why_no_cable():
        print(f"memory soak: no half-open TCP: {why_no_cable()}")
    logging.disable(logging.WARNING)
    plan = Plan(60 * asked.minutes, asked.seed, asked.meters)
    with tempfile.TemporaryDirectory(prefix="lamplighter-soak-") as place:
        done = asyncio.run(campaign(Path(place), plan, asked.table, Teller(asked.minutes)))
    return verdict(done, asked.seed, asked.meters, asked.table)


class Teller:
    """A line a minute."""

    def __init__(self, minutes: float) -> None:
        self._minutes, self._told_s = minutes, -_TELL_S

    def __call__(self, row: Row) -> None:
        if row.at_s - self._told_s < _TELL_S - 1:
            return
        self._told_s = row.at_s
        print(
            f"memory soak: minute {row.at_s / 60:.0f} of {self._minutes:g}, RSS {row.rss_kib * 1024 / 1e6:.1f} MB, "
            f"{row.descriptors} descriptors, {row.threads} threads, {row.faults} faults; now {row.now or 'nothing'}",
            flush=True,
        )


def verdict(done: Outcome, seed: int, meters: int, table: Path) -> int:
    found = judge([row.sample for row in done.rows], Limits())
    wrong = [*found.wrong, *done.wrong, *done.left_over]
    for words in wrong[:50]:
        print(words)
    for name, count in sorted(done.met.items()):
        print(f"  {count:4} {name}")
    last = done.rows[-1]
    print(
        f"memory soak: {'FAILED' if wrong else 'ok'}, seed {seed}, {meters} meters, {last.at_s / 60:.0f} min, RSS at "
        f"most {found.peak_mb:.1f} MB, {told(found.trend)}; at rest {done.quiet[0].descriptors} descriptors and "
        f"{done.quiet[0].threads} threads before, {done.quiet[1].descriptors} and {done.quiet[1].threads} after "
        f"{done.met.total()} faults of {len(done.met)} kinds; {done.readings} readings, {done.kinds.total()} events, "
        f"{done.dips} dips shown, {done.connections} connections, {done.posts} posts, CPU "
        f"{100 * last.cpu_s / last.at_s:.1f} %; {len(wrong)} wrong; samples in {table}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
