"""Ten minutes of three lines on ptys, through the product's own lines, in the fault mix of the RTU campaign."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bad_ptys import campaign
from bad_wire import Tally


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        tally, faults = asyncio.run(campaign(asked.seconds, asked.seed, Path(directory), _progress))
    for example in tally.examples:
        print(f"  wrong: {example}")
    happened = ", ".join(f"{count} {fault}" for fault, count in faults.most_common())
    verdict = "ok" if tally.sound else "FAILED"
    print(f"pty campaign: {verdict}, seed {asked.seed}, {asked.seconds:g} s, {tally}; {happened} answers")
    return 0 if tally.sound and tally.outcomes["answered"] else 1


def _progress(tally: Tally) -> None:
    print(f"pty campaign: {tally.transactions} so far", flush=True)


if __name__ == "__main__":
    sys.exit(main())
