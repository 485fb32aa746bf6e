"""How long `lamplighter report` takes for a month of twenty meters, and how much memory: alone on the machine, or in
turn with another tree of the same program. Of every run its CPU seconds, its seconds and its peak.

    PYTHONPATH=.:tests/support .venv/bin/python tests/soak/report_speed.py --against ../before --rounds 7
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from report_site import MEASURED, PERIOD, month_of_twenty

HERE = Path(__file__).resolve().parent.parent.parent
ALLOWED_S = 5.0
ALLOWED_MB = 150.0
_COMMAND = "from agent.cli.entry import main; main()"


@dataclass(frozen=True)
class Run:
    cpu_s: float
    real_s: float
    peak_mb: float


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--against", type=Path, help="another tree, whose command is run in turn with this one's")
    asked = options.parse_args()
    trees = [HERE, *([asked.against.resolve()] if asked.against else [])]
    with tempfile.TemporaryDirectory() as directory:
        site = asyncio.run(month_of_twenty(Path(directory)))
        runs = [{tree: run(tree, site) for tree in trees} for _ in range(asked.rounds)]
    for tree in trees:
        print(f"{tree}: {told([each[tree] for each in runs])}")
    if asked.against:
        ratios = [each[HERE].cpu_s / each[trees[1]].cpu_s for each in runs]
        print(f"CPU, this tree over the other: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    seconds, peak_mb = median(each[HERE].cpu_s for each in runs), max(each[HERE].peak_mb for each in runs)
    verdict = seconds <= ALLOWED_S and peak_mb <= ALLOWED_MB
    print(
        f"report speed: {'passed' if verdict else 'FAILED'}, {seconds:.2f} s of CPU of {ALLOWED_S:g}, "
        f"{peak_mb:.0f} MB of {ALLOWED_MB:g}"
    )
    return 0 if verdict else 1


def run(tree: Path, site: Path) -> Run:
    command = [sys.executable, "-c", _COMMAND, "report", str(site), "--period", PERIOD, "--out", str(site) + ".html"]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], cwd=tree, env=environment, capture_output=True, check=True
    )
    cpu_s, peak_mb = map(float, done.stdout.split()[-2:])
    return Run(cpu_s, time.monotonic() - began_s, peak_mb)


def told(runs: list[Run]) -> str:
    cpu_s, real_s = (sorted(each) for each in ([one.cpu_s for one in runs], [one.real_s for one in runs]))
    return (
        f"{median(cpu_s):.2f} s of CPU ({cpu_s[0]:.2f} to {cpu_s[-1]:.2f}), {median(real_s):.2f} s, "
        f"{max(one.peak_mb for one in runs):.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())
