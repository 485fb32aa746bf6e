"""Torn images: what SQLite wrote for the store, cut at any write, with any of the sectors since the last sync there,
gone or junk. Then the same with a card that lies about its last 1 to 5 syncs: what was said to be stored may be gone,
but no gap is silent. Needs no rights. Some 8 ms an image, 16 minutes for all."""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from torn_campaign import Sum, campaign
from torn_vfs import why_no_recording


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--images", type=int, default=100_000)
    options.add_argument("--lying", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    logging.disable(logging.ERROR)  # of files moved aside there are thousands
    why_not = why_no_recording()
    if why_not:
        print(f"store torn: FAILED, nothing was torn: {why_not}")
        return 1
    honest = part("store torn", asked.images, asked.seed, lying=False)
    lied = part("store torn, lying card", asked.lying, asked.seed + 1, lying=True) if asked.lying else 0
    return honest or lied


def part(name: str, images: int, seed: int, *, lying: bool) -> int:
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    began_s = told_s = time.monotonic()
    total = Sum()
    with tempfile.TemporaryDirectory(prefix="lamplighter-torn-", dir=memory if memory.is_dir() else None) as place:
        for total in campaign(images, seed, Path(place, "state"), lying=lying):
            if time.monotonic() - told_s > 20:
                told_s = time.monotonic()
                print(
                    f"{name}: {total.images} of {images} images, {sum(total.lost.values())} promises broken", flush=True
                )
    sound = total.kept_promises and (lying or not total.moved + total.damaged)
    for example in total.examples[: 3 if sound else 20]:
        print(f"  {example}")
    lies = f"; {total.short} were short of what had been said to be stored" if lying else ""
    print(
        f"{name}: {'ok' if sound else 'FAILED'}, seed {seed}, {total}{lies}, in {time.monotonic() - began_s:.0f} s",
        flush=True,
    )
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
