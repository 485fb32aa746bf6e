"""Every map, there and back: a simulated meter of each model on TCP, answered by pymodbus, read by the real line."""

import pytest

from drivers.codec import compile_plan
from drivers.encodings import ENCODINGS
from drivers.library import load_model, model_names
from drivers.line import Line, TcpEndpoint
from drivers.model import Register
from drivers.plan import Plan, plan_reads
from simulators.scenario import parse_scenario
from simulators.server import Simulation, boot_us

SCENARIO = """
[scenario]
name = "lab"
nominal = 230
duration_s = 60
[lines.lan]
kind = "tcp"
[meters.m]
model = "{model}"
line = "lan"
unit = 1
load_kw = 40
refresh = "live"
turnaround_s = 0
"""
# A float32 has 24 significant bits.
FLOAT32 = 2.0**-24


class Stopwatch:
    """Boot time that stands still until it is moved: the truth holds while it is read."""

    def __init__(self) -> None:
        self.us = boot_us()

    def __call__(self) -> int:
        return self.us


async def read_all(plan: Plan, address: str) -> dict[str, float]:
    host, port = address.split(":")
    replies: dict[int, bytes] = {}
    async with Line("lan", TcpEndpoint(host, int(port)), boot_us) as line:
        for index, planned in enumerate(plan.reads):
            for asked in filter(None, (planned.spare, planned.read)):
                exchange = await line.exchange(1, asked, 2.0)
                assert (exchange.outcome, len(exchange.data)) == ("answered", asked.byte_count), (asked, exchange)
            replies[index] = exchange.data
    return compile_plan(plan).decode_round(replies)


def resolution(row: Register, value: float) -> float:
    """Half a step of an integer, one rounding of a float and of its scale."""
    if ENCODINGS[row.encoding].integer:
        step = row.multiply / row.divide
        for scale in row.scaled_by:
            up, down = scale.fraction(scale.simulated) or (0, 1)
            step *= up / down
        return 0.5 * step * (1 + 1e-9) + abs(value) * 1e-15
    return abs(value) * (2 * FLOAT32 if ENCODINGS[row.encoding].code == "f" else 1e-15)


@pytest.mark.parametrize("name", model_names())
async def test_what_a_simulated_meter_shows_is_what_the_line_reads(name: str) -> None:
    model = load_model(name)
    plan = plan_reads(model, [row.quantity for row in model.registers])
    clock = Stopwatch()
    async with Simulation(parse_scenario(SCENARIO.format(model=name), "lab.toml"), now_us=clock) as simulation:
        clock.us += 7_000_000
        truth = simulation.meters["m"].values(simulation.t_s())
        read = await read_all(plan, simulation.endpoints[0].address)
    shown = [row for row in model.registers if row.quantity in truth]
    assert shown
    for row in shown:
        value = truth[row.quantity]
        if value == 0 and 0 in row.sentinels:
            assert row.quantity not in read  # SunSpec: an accumulator at 0 does not accumulate
            continue
        assert read.pop(row.quantity) == pytest.approx(value, rel=0, abs=resolution(row, value)), row.quantity
    # What the simulated world does not know reads not available, or 0 where the meter has no word for that.
    assert read == {row.quantity: 0.0 for row in model.registers if row not in shown and not row.sentinels}
