"""All that reads what others wrote, fed with what nearly is what it should be: what a broker sends (`inlet`), meters on
both kinds of line (`rtu`, `tcp`), a database's answers (`influx`, and byte by byte through the client, `answers`), site
files and maps (`site`, `map`). Nothing may be raised but what each says it raises, what is believed must be what an
oracle believes, and none may take more than 10 ms of CPU for a KiB. `--part` runs one, `--share 0.01` a hundredth. In
pieces: `--part map --from 200000 --count 100000 --record pieces.jsonl`, as many as there are processes; `--sum
pieces.jsonl` adds up what came to its end."""

import argparse
import asyncio
import faulthandler
import gc
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from fuzz_record import added, record, recorded, told
from fuzz_targets import targets
from fuzzing import Findings, fuzzed
from http_fuzz import fuzzed_answers

INPUTS = {
    "inlet": 10_000_000, "rtu": 10_000_000, "tcp": 10_000_000, "influx": 10_000_000, "site": 1_000_000,
    "map": 1_000_000, "answers": 100_000,
}  # fmt: skip
# A part is run, and recorded, in so many pieces at least.
_PIECES = 200
# Where there is one, a file system without a disk: each site is a file.
_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
_TOLD_EVERY_S = 20.0
# A piece takes seconds: after so long some input never ends, and where it hangs is printed.
_STUCK_S = 900.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--part", action="append", choices=INPUTS, help="run this one alone (repeatable)")
    options.add_argument("--share", type=float, default=1.0, help="of the inputs")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--from", dest="first", type=int, default=0, help="the number of the first input")
    options.add_argument("--count", type=int, help="of inputs, in place of a share")
    options.add_argument("--record", type=Path, metavar="FILE", help="a line is put there for each piece that is done")
    options.add_argument("--sum", type=Path, nargs="+", metavar="FILE", help="add up such lines, and run nothing")
    asked = options.parse_args()
    logging.disable(logging.ERROR)
    began_s = time.monotonic()
    try:
        totals = added(recorded(asked.sum) if asked.sum else _run(asked))
    except (OSError, ValueError) as error:
        options.error(str(error))
    for total in totals:
        tell(told(total, INPUTS))
        for example in total.examples[:20]:
            print(f"  {example}", flush=True)
    findings, inputs = sum(sum(total.kinds.values()) for total in totals), sum(total.inputs for total in totals)
    took_s = time.monotonic() - began_s
    tell(f"{'FAILED' if findings else 'ok'}, {inputs} inputs, {findings} findings, in {took_s:.0f} s")
    return 1 if findings else 0


def _run(asked: argparse.Namespace) -> Iterable[Findings]:
    told_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lamplighter-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None) as place:
        feeds = _feeds(Path(place), asked.seed)
        # What the imports left would be looked through for garbage over and over, in the midst of some input.
        gc.collect()
        gc.freeze()
        for name, numbers in _pieces(asked):
            faulthandler.dump_traceback_later(_STUCK_S, repeat=True)
            found = feeds[name](numbers)
            faulthandler.cancel_dump_traceback_later()
            if asked.record:
                record(asked.record, found)
            if time.monotonic() - told_s > _TOLD_EVERY_S:
                told_s = time.monotonic()
                tell(f"{name}: up to {numbers.stop}, {sum(found.kinds.values())} findings in the last {len(numbers)}")
            yield found


def _feeds(place: Path, seed: int) -> dict[str, Callable[[range], Findings]]:
    feeds: dict[str, Callable[[range], Findings]] = {
        target.name: lambda numbers, target=target: fuzzed(target, numbers, seed) for target in targets(place)
    }
    return feeds | {"answers": lambda numbers: asyncio.run(fuzzed_answers(numbers, seed))}


def _pieces(asked: argparse.Namespace) -> Iterator[tuple[str, range]]:
    for name in asked.part or INPUTS:
        count = max(1, round(INPUTS[name] * asked.share)) if asked.count is None else asked.count
        size, end = max(1, INPUTS[name] // _PIECES), asked.first + count
        yield from ((name, range(first, min(first + size, end))) for first in range(asked.first, end, size))


def tell(what: str) -> None:
    print(f"fuzz: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
