"""A million RTU transactions on bad lines, in virtual time: no value that the oracle would reject.

Late replies 5 %; garbled, foreign, noise-prefixed and echoed frames 1 % each; some exceptions, some lost replies.
Seconds: about 100 for the million.
"""

import argparse
import sys
import time

from campaign import Sum, campaign


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--transactions", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    started_s = time.monotonic()
    total = Sum()
    for total in campaign(asked.transactions, asked.seed):
        print(f"rtu campaign: {total.tally.transactions} of {asked.transactions}", flush=True)
    for example in total.tally.examples:
        print(f"  wrong: {example}")
    faults = ", ".join(f"{count} {fault}" for fault, count in total.faults.most_common())
    print(
        f"rtu campaign: {'ok' if total.tally.sound else 'FAILED'}, seed {asked.seed}, {total.tally}; {faults} answers; "
        f"{total.late_heard} late replies heard; {total.hours:.1f} h of lines in {time.monotonic() - started_s:.0f} s"
    )
    return 0 if total.tally.sound and total.tally.transactions == asked.transactions else 1


if __name__ == "__main__":
    sys.exit(main())
