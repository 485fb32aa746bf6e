"""A simulated meter counts what it really has, however it is read."""

import pytest
from desk_meters import simulated as simulated_meter
from hypothesis import given
from hypothesis import strategies as st

from drivers.codec import compile_plan
from drivers.plan import plan_reads
from simulators.feeder import Disturbance, steps_of
from simulators.latches import OwnCounts
from simulators.meter import SimulatedMeter

STEPS = """
[[steps]]
at_s = 10
do = "sag"
node = "m"
to_pu = 0.5
for_s = 0.1
phases = ["l1", "l3"]
[[steps]]
at_s = 20
do = "swell"
node = "m"
to_pu = 1.3
for_s = 0.1
phases = ["l2"]
[[steps]]
at_s = 30
do = "supply_loss"
node = "m"
for_s = 0.2
"""


def meter(model: str, keys: str = "") -> SimulatedMeter:
    return simulated_meter(model, f'refresh = "live"\n{keys}', STEPS)


def read(simulated: SimulatedMeter, t_s: float) -> dict[str, float]:
    """What the driver makes of its registers."""
    plan = plan_reads(simulated.model.trusting(), simulated.model.trusting().evidence)
    image, replies = simulated.image(t_s), {}
    for index, planned in enumerate(plan.reads):
        one = planned.read
        words = [image[one.function, one.address + place] for place in range(one.count)]
        replies[index] = b"".join(word.to_bytes(2, "big") for word in words)
    return compile_plan(plan).decode_round(replies)


def counts(values: dict[str, float], stem: str) -> list[float]:
    return [values[f"{stem}_count_l{n}"] for n in (1, 2, 3)]


def test_the_circutor_counts_its_sags_swells_and_interruptions():
    simulated = meter("circutor-cvm-d32")
    assert set(read(simulated, 9).values()) == {0}
    assert counts(read(simulated, 10.05), "sag") == [1, 0, 1]
    later = read(simulated, 40)
    assert [counts(later, stem) for stem in ("sag", "overvoltage", "interruption")] == [[2, 1, 2], [0, 1, 0], [1, 1, 1]]
    assert counts(read(simulated, 9.5), "sag") == [0, 0, 0]


def test_the_pac_keeps_its_extremes():
    simulated = meter("siemens-pac3200")
    quiet = read(simulated, 9)
    assert 225 < quiet["voltage_l1_min"] <= quiet["voltage_l1_max"] < 240
    assert read(simulated, 15)["voltage_l1_min"] == pytest.approx(116, abs=3)
    assert read(simulated, 15)["voltage_l2_min"] == pytest.approx(quiet["voltage_l2_min"], abs=1)
    assert read(simulated, 25)["voltage_l2_max"] == pytest.approx(303, abs=5)
    assert read(simulated, 40)["voltage_l2_min"] == 0


def flags(values: dict[str, float]) -> list[float]:
    return [values[f"{name}_flag"] for name in ("undervoltage", "power_failure", "overvoltage")]


@pytest.mark.parametrize("model", ["sunspec-meter", "sunspec-meter-float"])
def test_a_sunspec_meter_flags_what_it_sees_and_for_five_seconds_more(model: str):
    simulated = meter(model)
    assert flags(read(simulated, 9)) == [0, 0, 0]
    assert flags(read(simulated, 10.05)) == flags(read(simulated, 15.0)) == [1, 0, 0]
    assert flags(read(simulated, 15.2)) == [0, 0, 0]
    assert flags(read(simulated, 20.3)) == [0, 0, 1]
    assert flags(read(simulated, 31.0)) == [1, 1, 0]
    assert flags(read(simulated, 40.0)) == [0, 0, 0]


def test_a_meter_of_one_phase_flags_that_phase_alone():
    simulated = meter("sunspec-meter", 'wiring = "1p2w"')
    assert [flags(read(simulated, at_s)) for at_s in (12, 22)] == [[1, 0, 0], [0, 0, 0]]


def test_a_pac_that_was_off_says_that_it_started_anew():
    simulated = meter("siemens-pac3200", 'powered_by = "self"\nboot_s = 1')
    assert [read(simulated, at_s)["restart_flag"] for at_s in (9, 40, 50)] == [0, 1, 1]


def test_its_own_terminals_are_what_it_counts_by():
    simulated = meter("circutor-cvm-d32", 'phase_map = ["l2", "l3", "l1"]')
    assert counts(read(simulated, 15), "sag") == [0, 1, 1]


def test_a_meter_that_was_without_supply_has_started_anew():
    simulated = meter("schneider-pm5000", 'powered_by = "self"\nboot_s = 1')
    assert read(simulated, 9)["restart_count"] == 0
    assert read(simulated, 40)["restart_count"] == 1


@given(st.lists(st.floats(min_value=0.001, max_value=3), max_size=60))
def test_when_it_is_read_changes_nothing(gaps: list[float]):
    faults = [Disturbance("m", ("l1",), pu, at, at + 0.07) for at, pu in ((3.0, 0.5), (3.5, 0.91), (9.0, 1.3))]
    steps = steps_of(("m",), faults, float("inf"))
    often, once = (OwnCounts(steps, 230.0, lambda t_s: (230.0, 230.0, 230.0)) for _ in range(2))
    at_s = 0.0
    for gap_s in gaps:
        at_s += gap_s
        often.values(at_s)
    assert often.values(200.0) == once.values(200.0)
    assert once.values(200.0)["sag_count_l1"] == 1
