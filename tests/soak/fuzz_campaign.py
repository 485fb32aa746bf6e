"""All that reads what others wrote, fed with what nearly is what it should be: what a broker sends (`inlet`), meters on
both kinds of line (`rtu`, `tcp`), a database's answers (`influx`, and byte by byte through the client, `answers`), site
files and maps (`site`, `map`). Nothing may be raised but what each says it raises, what is believed must be what an
oracle believes, and none may take more than 10 ms of CPU for a KiB. `--part` runs one, `--share 0.01` a hundredth; all
of it takes some five hours."""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

from fuzz_targets import targets
from fuzzing import fuzzed
from http_fuzz import fuzzed_answers

INPUTS = {
    "inlet": 10_000_000, "rtu": 10_000_000, "tcp": 10_000_000, "influx": 10_000_000, "site": 1_000_000,
    "map": 1_000_000, "answers": 100_000,
}  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--part", action="append", choices=INPUTS, help="run this one alone (repeatable)")
    options.add_argument("--share", type=float, default=1.0, help="of the inputs")
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    logging.disable(logging.ERROR)
    wanted = {name: max(1, round(INPUTS[name] * asked.share)) for name in asked.part or INPUTS}
    findings, began_s = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lamplighter-fuzz-") as place:
        for target in targets(Path(place)):
            if target.name in wanted:
                found = fuzzed(target, wanted[target.name], asked.seed, tell)
                findings += sum(found.kinds.values())
                told(str(found), found.examples)
    if "answers" in wanted:
        came, wrong = asyncio.run(fuzzed_answers(wanted["answers"], asked.seed, tell))
        findings += len(wrong)
        told(f"answers: {wanted['answers']} inputs {dict(came)}, {len(wrong)} findings", wrong[:20])
    tell(
        f"{'FAILED' if findings else 'ok'}, seed {asked.seed}, {sum(wanted.values())} inputs, {findings} findings, in "
        f"{time.monotonic() - began_s:.0f} s"
    )
    return 1 if findings else 0


def told(summary: str, examples: list[str]) -> None:
    tell(summary)
    for example in examples:
        print(f"  {example}", flush=True)


def tell(what: str) -> None:
    print(f"fuzz: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
