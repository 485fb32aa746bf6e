"""What the detector costs while nothing happens, beside a bare struct-unpack-and-compare loop over the same looks.

Run: .venv/bin/python bench/quiet.py [ROUNDS]

Both sides are timed in turn, ROUNDS times; shown are nanoseconds per look and the ratio of the median round, so a busy
machine slows both alike. The goal is 5. Voltages carry the noise of a real network; every detector of a meter runs:
sag, swell, losses, steps, 1-min means with under- and overvoltage and unbalance, and (last line) a sliding reference.
"""

import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from statistics import median
from timeit import Timer

from agent.detect.meter import MeterDetector
from agent.detect.thresholds import PROFILES, Rules
from agent.detect.voltage import Look

LOOKS = 10_000
NOMINAL_V = 230.0
CHANNELS = ("voltage_l1", "voltage_l2", "voltage_l3")
RULES = Rules("iec", PROFILES["iec"], NOMINAL_V, CHANNELS, ("l1", "l2", "l3"), 200_000, 200_000, "ln")
SLIDING = replace(RULES, reference="sliding", basis="ll")


def looks_at(hertz: float) -> list[Look]:
    random, period_us = Random(1), round(1e6 / hertz)
    return [
        Look(i * period_us, i * period_us + 5_000, tuple(random.gauss(NOMINAL_V, 0.8) for _ in CHANNELS))
        for i in range(LOOKS)
    ]


def bare(looks: Sequence[Look]) -> Callable[[], None]:
    replies = [struct.pack(">3f", *(volts or 0.0 for volts in look.volts)) for look in looks]

    def run() -> None:
        beyond = 0
        for reply in replies:
            for volts in struct.unpack(">3f", reply):
                if volts < 207.0 or volts > 253.0:
                    beyond += 1
        assert beyond == 0

    return run


def detector(looks: Sequence[Look], rules: Rules) -> Callable[[], None]:
    def run() -> None:
        judge = MeterDetector(rules).look
        for look in looks:
            assert not judge(look, look.received_boot_us)

    return run


def compare(name: str, hertz: float, rules: Rules, rounds: int) -> None:
    looks = looks_at(hertz)
    timers = Timer(bare(looks)), Timer(detector(looks, rules))
    times = [tuple(timer.timeit(1) / LOOKS * 1e9 for timer in timers) for _ in range(rounds)]
    ratio = median(ours / least for least, ours in times)
    print(f"{name:>20}  {median(t for t, _ in times):8.0f}  {median(t for _, t in times):8.0f}  {ratio:5.2f}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    print(f"{'':>20}  {'bare ns':>8}  {'ours ns':>8}  ratio")
    for hertz in (50, 20, 10, 5, 1):
        compare(f"{hertz} looks a second", hertz, RULES, rounds)
    compare("10 a second, sliding", 10, SLIDING, rounds)


if __name__ == "__main__":
    main()
