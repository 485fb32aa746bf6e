"""What a stored reading costs: bytes and CPU per row of the journal's codecs, in one run on the same readings.

    PYTHONPATH=. .venv/bin/python bench/journal_codec.py

40 meters of the simulated feeder, a reading every 5 s in groups of 10 s, 34 numbers each. The meters of one run give
float32 registers with the noise of their class, those of the other whole numbers of 0.1 V, 1 mA and 1 W, as most do.
Times are the least of all groups: the machine may have other work. JSON writes each row anew.
"""

import random
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from agent.journal.delta import decode_readings, encode_readings
from agent.records import Reading
from agent.tidied import tidied_reading
from agent.wire import reading_text
from simulators.feeder import Feeder, Node

T = TypeVar("T")

METERS, GROUPS, LOOKS = 40, 30, 50
START_US = 1_795_392_000_000_000
WATCHED = [f"{name}_l{phase}" for name in ("voltage", "current") for phase in (1, 2, 3)]
POWERS = ["active_power_l1", "active_power_l2", "active_power_l3", "active_power_total", "reactive_power_total"]
REST = [*POWERS, "apparent_power_total", "power_factor_total", "frequency"]
COUNTERS = ["active_energy_import", "active_energy_export"]
STEPS = {"voltage": 0.1, "current": 0.001, "frequency": 0.01, "power_factor": 0.001}
NOISE = {"voltage": 1e-4, "frequency": 1e-5}


def world() -> Feeder:
    nodes = [Node("root", None, 230.0)]
    for number in range(METERS):
        watts = 2000.0 + 700.0 * number
        load, reactive = (watts, 0.8 * watts, 1.1 * watts), (0.3 * watts, 0.2 * watts, 0.3 * watts)
        nodes.append(Node(f"tx{number}-incomer", "root", 230.0, load, reactive, 0.02))
    return Feeder(nodes)


def as_read(quantity: str, value: float, whole: bool, chance: random.Random) -> float:
    kind = quantity.rsplit("_", 1)[0]
    value *= 1 + chance.gauss(0, NOISE.get(kind, 1e-3))
    if whole:
        step = STEPS.get(kind, 1.0)
        return round(value / step) * step
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def taken(feeder: Feeder, meter: int, second: int, whole: bool, chance: random.Random) -> Reading:
    name = f"tx{meter}-incomer"
    true = feeder.values(name, 1000.0 + second, 0.02)
    looks = {quantity: [as_read(quantity, true[quantity], whole, chance) for _ in range(LOOKS)] for quantity in WATCHED}
    values = {quantity: sum(seen) / LOOKS for quantity, seen in looks.items()}
    values |= {quantity: as_read(quantity, true[quantity], whole, chance) for quantity in REST}
    values |= {quantity: round(true[quantity] / 10) * 10.0 for quantity in COUNTERS}
    low, high = ({quantity: edge(seen) for quantity, seen in looks.items()} for edge in (min, max))
    return tidied_reading(Reading(name, START_US + second * 1_000_000, 5.0, "good", (), values, low, high))


def json_zlib(readings: Sequence[Reading]) -> bytes:
    return zlib.compress(b"[" + b",".join(map(reading_text, readings)) + b"]", 1)


def cost_us(work: Callable[[T], object], on: Sequence[T], rows: int) -> float:
    """Of a row, in the group that took least."""
    found_s = []
    for one in on:
        began_s = time.perf_counter()
        work(one)
        found_s.append(time.perf_counter() - began_s)
    return min(found_s) / rows * 1e6


def main() -> None:
    feeder, chance = world(), random.Random(1)
    for whole in (False, True):
        groups = [
            [taken(feeder, meter, 10 * group + at, whole, chance) for at in (5, 10) for meter in range(METERS)]
            for group in range(GROUPS)
        ]
        rows = len(groups[0])
        print("whole numbers" if whole else "float32 with noise")
        for name, encode in (("delta", encode_readings), ("JSON and zlib", json_zlib)):
            size = sum(len(encode(group)) for group in groups) / rows / GROUPS
            write_us = cost_us(encode, groups, rows)
            print(f"  {name:14} {size:6.1f} bytes a row, {write_us:5.1f} us to write", end="")
            print(f", {write_us * rows / 1000:4.1f} ms a group of {rows}")
        bodies = [encode_readings(group) for group in groups]
        print(f"  {'delta':14} {cost_us(decode_readings, bodies, rows):5.1f} us a row to read")


if __name__ == "__main__":
    main()
