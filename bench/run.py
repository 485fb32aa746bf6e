"""The benchmark suite: lamplighter, its peers and the floor against the same slaves, in one run.

python bench/run.py                        everything, about 20 minutes
python bench/run.py --quick                a smoke of everything, under 4 minutes; no figures to keep
python bench/run.py --only collectd        one peer alone (repeatable)
python bench/run.py --part rtu             one part alone (repeatable): tcp, max, rtu, dead, latency, memory
python bench/run.py --write docs/performance.md    replaces the tables in that page; --json FILE keeps every figure
"""

import argparse
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import latency
import memory
import serial_lines
import throughput
from clients import LAMPLIGHTER, PEERS
from install import UnavailableError
from measure import pin_runner
from report import replace, report
from results import Results
from throughput import Length

PARTS = ("tcp", "max", "rtu", "dead", "latency", "memory")
# Baud rate and stop bits: characters of 10 and of 11 bits.
_BAUDS = ((9600, 1), (19200, 2), (38400, 2), (115200, 1))


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    tcp: Length
    flat_out: Length
    bauds: tuple[tuple[int, int], ...]
    rtu_s: tuple[float, float]
    dead: tuple[tuple[int, int], ...]
    dead_s: tuple[float, float]
    singles: int
    alls: int
    memory_s: float


FULL = Plan(
    tcp=Length(3, 4, 10), flat_out=Length(3, 3, 7), bauds=_BAUDS, rtu_s=(4, 14),
    # A unit that is dead from the start costs its timeouts once; what is looked at is the time after that.
    dead=((8, 0), (8, 1), (32, 0), (32, 16)), dead_s=(35, 50), singles=300, alls=12, memory_s=25,
)  # fmt: skip
QUICK = Plan(
    tcp=Length(1, 2, 3), flat_out=Length(1, 1.5, 2), bauds=(_BAUDS[1], _BAUDS[3]), rtu_s=(1.5, 4),
    dead=((8, 0), (8, 1)), dead_s=(5, 7), singles=60, alls=3, memory_s=9,
)  # fmt: skip


def main() -> int:
    asked = _arguments()
    if not LAMPLIGHTER.exists():
        print(f"{LAMPLIGHTER} is missing: run `make setup`, then this with .venv/bin/python", file=sys.stderr)
        return 2
    plan, only = QUICK if asked.quick else FULL, asked.only or PEERS
    results, started_s = Results(), time.monotonic()
    pin_runner()
    for part in asked.part or PARTS:
        print(f"{part}:", flush=True)
        try:
            _parts(results, only, plan)[part]()
        except UnavailableError as error:
            results.fail(part, "the bench itself", error)
    took_min = (time.monotonic() - started_s) / 60
    kind = "A quick smoke, no figures to keep," if asked.quick else "A full run"
    text = report(results, f"{kind} of {took_min:.0f} minutes on {time.strftime('%Y-%m-%d', time.gmtime())}:")
    print(f"\n{text}")
    if asked.json:
        asked.json.write_text(results.as_json())
    if asked.write:
        replace(asked.write, text)
    return 0


def _parts(results: Results, only: Collection[str], plan: Plan) -> dict[str, Callable[[], None]]:
    parts: dict[str, Callable[[], None]] = {
        "tcp": partial(throughput.at_10_hz, results, only, plan.tcp),
        "max": partial(throughput.flat_out, results, only, plan.flat_out),
        "rtu": partial(serial_lines.speed, results, only, plan.bauds, *plan.rtu_s),
        "dead": partial(serial_lines.dead_units, results, only, plan.dead, *plan.dead_s),
        "latency": lambda: None,
        "memory": lambda: None,
    }
    if "lamplighter" in only:
        parts["latency"] = partial(latency.latency, results, plan.singles, plan.alls)
        parts["memory"] = partial(memory.memory, results, plan.memory_s)
    return parts


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short windows, one round, fewer lines")
    parser.add_argument("--only", action="append", choices=PEERS, help="measure this peer alone")
    parser.add_argument("--part", action="append", choices=PARTS, help="run this part alone")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="replace the tables between the page's markers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every figure of every round")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
