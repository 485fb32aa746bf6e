"""What decoding costs beside the least it could cost: one precompiled `struct.unpack` of the same words.

Run: .venv/bin/python bench/decode.py [ROUNDS]

Both sides are timed in turn, ROUNDS times; shown is the median round and its ratio, so a busy machine slows both alike.
The goal is 3 for 30 values. Below the meters: the same 30 floats into a dict in other ways, without any check, to show
where the floor is.
"""

import struct
import sys
from collections.abc import Callable
from statistics import median
from timeit import Timer

from drivers.codec import compile_plan, encode
from drivers.library import load_model
from drivers.modbus.pdu import Read
from drivers.model import MeterModel, Register, Scale
from drivers.plan import Plan, PlannedRead, plan_reads
from drivers.quantities import CATALOGUE, CURRENTS, VOLTAGES_LN

CALLS = 1000
GAUGES = tuple(name for name, known in CATALOGUE.items() if not (known.counter or known.evidence))
FIELDS = {"f32": "f", "i32": "i", "i16": "h", "u16": "H", "u32": "I", "i64": "q"}

Unpack = Callable[[bytes], object]


def made_up(count: int, encoding: str, *, divide: int = 1, sentinels: tuple[int, ...] = ()) -> Plan:
    """A read of `count` gauges that follow each other."""
    rows = [
        Register(name, 3, 2 * place, 2, encoding, "msw", divide=divide, sentinels=sentinels)
        for place, name in enumerate(GAUGES[:count])
    ]
    fields = tuple((row, row.address) for row in rows)
    return Plan(load_model("eastron-sdm630"), (PlannedRead(Read(3, 0, 2 * count), fields, None),))


def first_read(model: MeterModel, quantities: tuple[str, ...]) -> Plan:
    plan = plan_reads(model, quantities)
    return Plan(model, (max(plan.reads, key=lambda planned: len(planned.fields)),))


def reply(plan: Plan) -> bytes:
    """Words of a meter in which every quantity has another value."""
    model, (planned,) = plan.model, plan.reads
    values = {row.quantity: 230.1 + 7.3 * place for place, (row, _) in enumerate(planned.fields)}
    image = encode(model, values) if planned.fields[0][0] in model.registers else None
    if image is None:
        numbers = [230.1 + 7.3 * place for place in range(len(planned.fields))]
        whole = planned.fields[0][0].encoding != "f32"
        return struct.pack(f">{len(numbers)}{'i' if whole else 'f'}", *(map(int, numbers) if whole else numbers))
    read = planned.read
    return b"".join(image[read.function, read.address + place].to_bytes(2, "big") for place in range(read.count))


def least(plan: Plan) -> Unpack:
    """One precompiled `struct.unpack` of just the words that values are made of."""
    (planned,) = plan.reads
    little = planned.fields[0][0].order == "lsw"
    codes, word = ["<" if little else ">"], 0
    fields: list[tuple[Register | Scale, int]] = [*planned.fields, *planned.scales]
    for row, offset in sorted(fields, key=lambda field: field[1]):
        codes += [f"{2 * (offset - word)}x", FIELDS[row.encoding.removesuffix("_pf4q")]]
        word = offset + row.words
    return struct.Struct("".join([*codes, f"{2 * (planned.read.count - word)}x"])).unpack


def side_by_side(mine: Timer, least: Timer, rounds: int) -> tuple[float, float, float]:
    """Median microseconds of each, and the median ratio of the rounds."""
    found = [[timer.timeit(CALLS) / CALLS * 1e6 for timer in (mine, least)] for _ in range(rounds)]
    return median(a for a, _ in found), median(b for _, b in found), median(a / b for a, b in found)


def show(what: str, count: int, mine: Timer, least: Timer, rounds: int) -> None:
    mine_us, least_us, ratio = side_by_side(mine, least, rounds)
    print(f"{what:44} {count:6d} {mine_us:9.3f} {least_us:9.3f} {ratio:7.2f}")


def meters(rounds: int) -> None:
    sdm630, em24, pm5000 = (load_model(name) for name in ("eastron-sdm630", "carlo-gavazzi-em24", "schneider-pm5000"))
    watched = (*VOLTAGES_LN, *CURRENTS)
    plans = {
        "29 floats": made_up(29, "f32"),
        "30 floats": made_up(30, "f32"),
        "30 floats, a sentinel": made_up(30, "f32", sentinels=(0x80008000,)),
        "30 integers / 10": made_up(30, "i32", divide=10),
        "SDM630, its longest read (floats, counters)": first_read(sdm630, sdm630.quantities),
        "SDM630, watched (6 floats)": first_read(sdm630, watched),
        "PM5000, its longest read (floats, kW)": first_read(pm5000, pm5000.quantities),
        "EM24, a read (integers, low word first)": first_read(em24, em24.quantities),
        "SunSpec 203, all of it (scale factors)": first_read(load_model("sunspec-meter"), GAUGES),
    }
    for what, plan in plans.items():
        names = {"decode": compile_plan(plan).decode, "unpack": least(plan), "data": reply(plan)}
        mine, floor = (Timer(side, globals=names) for side in ("decode(0, data)", "unpack(data)"))
        show(what, len(plan.reads[0].fields), mine, floor, rounds)


def floors(rounds: int) -> None:
    """Ways to put 30 unpacked floats under 30 names, without any check."""
    names, data = GAUGES[:30], reply(made_up(30, "f32"))
    unpack = struct.Struct(">30f").unpack
    blank = dict.fromkeys(names, 0.0)
    slots = ", ".join(f"values[{name!r}]" for name in names)
    numbers = ", ".join(f"n{place}" for place in range(30))
    shown = ", ".join(f"{name!r}: n{place}" for place, name in enumerate(names))
    ways = {
        "  dict(zip(names, unpack(data)))": "return dict(zip(names, unpack(data)))",
        "  a loop over zip": "values = {}\n    for n, v in zip(names, unpack(data)): values[n] = v\n    return values",
        "  a display, {'voltage_l1': n0, ...}": f"{numbers} = unpack(data); return {{{shown}}}",
        "  a copied dict filled by name": f"values = copy(); {slots} = unpack(data); return values",
    }
    for what, body in ways.items():
        space: dict[str, object] = {"unpack": unpack, "copy": blank.copy, "names": names}
        exec(f"def way(data):\n    {body}", space)  # noqa: S102 (written here)
        mine, floor = (Timer(side, globals=space | {"data": data}) for side in ("way(data)", "unpack(data)"))
        show(what, 30, mine, floor, rounds)


def main(rounds: int = 60) -> None:
    print(f"Python {sys.version.split()[0]}, median of {rounds} rounds of {CALLS} calls, µs")
    print(f"{'':44} {'values':>6} {'decode':>9} {'unpack':>9} {'ratio':>7}")
    meters(rounds)
    print("30 floats in other ways, unchecked")
    floors(rounds)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
