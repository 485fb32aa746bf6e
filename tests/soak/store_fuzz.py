"""Recovery, fuzzed: journals with flipped bits, cut short, with junk, empty or misplaced pages, with junk for a log;
then such as are sound but for one page or key in the place of another. Every start has to succeed within 3 s, without
an exception, no seq may be there twice, and what is missing has to be told of: by a gap record, or by the word that the
file was moved aside. Some 20 ms a file, half an hour for all."""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from torn_campaign import Sum
from torn_fuzz import campaign, places
from torn_vfs import why_no_recording

SLOWEST_START_S = 3.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--files", type=int, default=100_000)
    options.add_argument("--places", type=int, default=20_000, help="files with a page or key in the place of another")
    options.add_argument("--seed", type=int, default=3)
    asked = options.parse_args()
    logging.disable(logging.ERROR)  # of files moved aside there are thousands
    why_not = why_no_recording()
    if why_not:
        print(f"store fuzz: FAILED, nothing was tried: {why_not}")
        return 1
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    with tempfile.TemporaryDirectory(prefix="lamplighter-fuzz-", dir=memory if memory.is_dir() else None) as place:
        state = Path(place, "state")
        sound = [
            _judged(what, sums, asked.seed, of)
            for what, of, sums in (
                ("store fuzz", asked.files, campaign(asked.files, asked.seed, state)),
                ("store fuzz of places", asked.places, places(asked.places, asked.seed, state)),
            )
            if of
        ]
    return 0 if sound and all(sound) else 1


def _judged(what: str, sums: Iterator[Sum], seed: int, of: int) -> bool:
    began_s = told_s = time.monotonic()
    total = Sum()
    for total in sums:
        if time.monotonic() - told_s > 20:
            told_s = time.monotonic()
            print(f"{what}: {total.images} of {of} files, {total.refused} starts refused", flush=True)
    sound = total.kept_promises and total.slowest_start_s <= SLOWEST_START_S
    told = sorted((words for words in total.examples if ".bad-" not in words), key=lambda words: ": I2: " in words)
    for example in told[: 3 if sound else 20]:
        print(f"  {example}")
    verdict = "ok" if sound else "FAILED"
    print(f"{what}: {verdict}, seed {seed}, {total}, in {time.monotonic() - began_s:.0f} s", flush=True)
    return sound


if __name__ == "__main__":
    sys.exit(main())
