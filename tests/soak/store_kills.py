"""kill -9 of the store at random instants: nothing that was said to be stored is lost, nothing is missing without a
word, every start needs no hands. Some 65 ms a kill, 11 minutes for 10 000."""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from cut_campaign import Kill, run


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=10_000)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lamplighter-kills-") as place:
        return run("store kills", Kill(Path(place, "state")), asked.rounds, asked.seed, partial(print, flush=True))


if __name__ == "__main__":
    sys.exit(main())
