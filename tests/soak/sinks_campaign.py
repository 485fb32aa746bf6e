"""Both sinks, a real broker and a real database, and everything that may go wrong between them; in the end the history
is checked. Some 40 s a round with all faults there are. Root adds a network that goes dark without a word."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from half_open import why_no_cable
from hostile_sinks import campaign


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    why_not = why_no_cable()
    if why_not:
        print(f"sinks: no half-open TCP: {why_not}")
    logging.disable(logging.WARNING)  # each fault is said by the sinks
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        done = asyncio.run(campaign(Path(place), asked.rounds, asked.seed, tell=partial(print, flush=True)))
    for words in (*done.wrong, *done.dead):
        print(words)
    failed = bool(done.wrong or done.dead)
    twice = ", ".join(f"{sink} {count}" for sink, count in sorted(done.twice.items()))
    print(
        f"sinks: {'FAILED' if failed else 'passed'}, seed {asked.seed}: {sum(done.met.values())} faults of"
        f" {len(done.met)} kinds, {done.made} records, {done.connections} connections and {done.requests} posts in"
        f" {time.monotonic() - began_s:.0f} s; acknowledged twice: {twice}; broken promises: {len(done.wrong)},"
        f" refused for good: {len(done.dead)}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
