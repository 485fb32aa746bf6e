"""Power cuts on a real ext4, by its shutdown ioctl: as the kills, and what was not flushed is gone. First a negative
control: a journal with synchronous=NORMAL has to lose, or the rig finds nothing. Root and loop devices are needed.
Some 100 ms a cut, 17 minutes for 10 000."""

import argparse
import sys
from functools import partial

from cut_campaign import PowerCut, run
from power_cuts import disk, why_no_disk


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=10_000)
    options.add_argument("--control", type=int, default=200, help="cuts of the negative control")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    why_not = why_no_disk()
    if why_not:
        print(f"store cuts: FAILED, nothing was cut: {why_not}; run it as root on a machine with loop devices")
        return 1
    with disk() as made:
        tell = partial(print, flush=True)
        blind = run("store cuts", PowerCut(made), asked.control, asked.seed, tell, weak=True) if asked.control else 0
        return run("store cuts", PowerCut(made), asked.rounds, asked.seed, tell) or blind


if __name__ == "__main__":
    sys.exit(main())
