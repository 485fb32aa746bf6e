"""300 kills of the whole agent with both real servers (see tests/support/agent_kills_campaign.py). Half an hour."""

import argparse
import sys
import tempfile
from pathlib import Path

from agent_kills_campaign import campaign


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lamplighter-kills-") as place:
        wrong, events = campaign(Path(place), asked.kills, asked.seed)
    for words in wrong:
        print(words)
    verdict = "FAILED" if wrong else "ok"
    print(f"agent kills: {verdict}, {asked.kills} kills (seed {asked.seed}), {events} events, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
