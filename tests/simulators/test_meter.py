from collections.abc import Mapping

import pytest

from drivers.codec import compile_plan
from drivers.library import load_model
from drivers.plan import plan_reads
from simulators.meter import SimulatedMeter, build_feeder
from simulators.scenario import parse_scenario

SCENARIO = """
[scenario]
name = "lab"
nominal = 230
duration_s = 60
repeat = {repeat}
[lines.bus]
kind = "serial"
[meters.m]
line = "bus"
unit = 1
boot_s = {boot_s}
{meter}
{steps}
"""
LOSS = '[[steps]]\nat_s = 10\ndo = "supply_loss"\nnode = "m"\nfor_s = 4\n'
SELF, AUX = 'model = "eastron-sdm630"', 'model = "schneider-pm5000"'


def meter(keys: str, steps: str = "", repeat: str = "false", boot_s: float = 2) -> SimulatedMeter:
    scenario = parse_scenario(SCENARIO.format(meter=keys, steps=steps, repeat=repeat, boot_s=boot_s), "lab.toml")
    models = {name: load_model(name) for name in {spec.model for spec in scenario.meters.values()}}
    feeder = build_feeder(scenario, models)
    return SimulatedMeter(scenario.meters["m"], models[scenario.meters["m"].model], feeder, scenario)


def decoded(simulated: SimulatedMeter, t_s: float, *quantities: str) -> Mapping[str, float]:
    """What the driver makes of the registers."""
    plan = plan_reads(simulated.model, quantities)
    image = simulated.image(t_s)
    replies: dict[int, bytes] = {}
    for index, planned in enumerate(plan.reads):
        read = planned.read
        words = [image[read.function, read.address + place] for place in range(read.count)]
        replies[index] = b"".join(word.to_bytes(2, "big") for word in words)
    return compile_plan(plan).decode_round(replies)


@pytest.mark.parametrize("model", ["eastron-sdm630", "carlo-gavazzi-em24", "schneider-pm5000"])
def test_the_driver_reads_what_the_world_says(model: str) -> None:
    simulated = meter(f'model = "{model}"\nrefresh = "live"')
    wanted = ("voltage_l1", "voltage_l3", "current_l2", "active_power_total", "active_energy_import", "frequency")
    truth = simulated.values(7.0)
    read = decoded(simulated, 7.0, *wanted)
    assert set(read) == set(wanted)
    for name in wanted:
        assert read[name] == pytest.approx(truth[name], rel=1e-3)


def test_registers_change_only_when_the_meter_refreshes_them() -> None:
    simulated = meter(SELF)
    seen = [decoded(simulated, 5.0 + tick / 1000, "voltage_l1")["voltage_l1"] for tick in range(0, 1000, 20)]
    assert 10 <= len(set(seen)) <= 11  # a second at ten a second
    slow = meter(SELF + '\nrefresh = "model"')
    seen = [decoded(slow, 5.0 + tick / 1000, "voltage_l1")["voltage_l1"] for tick in range(0, 1000, 20)]
    assert len(set(seen)) <= 2  # a second at one a second


def test_a_self_powered_meter_dies_with_its_supply_and_boots_when_it_returns() -> None:
    simulated = meter(SELF, LOSS)
    assert [simulated.answers(t_s) for t_s in (9.99, 10.0, 14.0, 15.99, 16.0)] == [True, False, False, False, True]
    assert simulated.booted_s(20.0) == 16.0
    assert simulated.booted_s(9.0) == 0.0


def test_an_auxiliary_fed_meter_answers_with_zero_volts() -> None:
    simulated = meter(AUX, LOSS)
    assert simulated.answers(12.0)
    values = decoded(simulated, 12.0, "voltage_l1", "voltage_l2", "voltage_l3", "current_l1")
    assert set(values.values()) == {0.0}


@pytest.mark.parametrize(
    ("powered_by", "phases", "answers"),
    [
        ("self", '["l1", "l2"]', True),
        ("self:all", '["l1", "l2"]', True),
        ("self:l1", '["l1"]', False),
        ("ups", '["l1"]', True),
    ],
)
def test_what_a_meter_lives_on_decides_whether_it_survives(powered_by: str, phases: str, answers: bool) -> None:
    loss = f'[[steps]]\nat_s = 10\ndo = "phase_loss"\nnode = "m"\nphases = {phases}\nfor_s = 4\n'
    assert meter(f'{SELF}\npowered_by = "{powered_by}"', loss).answers(12.0) is answers


def test_a_short_loss_is_ridden_through_where_the_meter_can() -> None:
    short = '[[steps]]\nat_s = 10\ndo = "supply_loss"\nnode = "m"\nfor_s = 0.1\n'
    assert meter(f"{SELF}\nride_through_s = 0.2", short).answers(10.05)
    assert not meter(SELF, short).answers(10.05)


def test_silences_of_meter_cable_and_line() -> None:
    for step in ("meter_off\nmeter = m", "cable_dead\nmeter = m", "cable_dead\nline = bus", "line_silent\nline = bus"):
        do, target = step.split("\n")
        key, name = target.split(" = ")
        simulated = meter(AUX, f'[[steps]]\nat_s = 5\ndo = "{do}"\n{key} = "{name}"\nfor_s = 2\n')
        assert [simulated.answers(t_s) for t_s in (4.9, 5.0, 6.9, 9.1)] == [True, False, False, True]
        assert simulated.answers(7.0) is (do != "meter_off")  # only who was off has to boot


def test_a_boot_may_reach_into_the_next_cycle() -> None:
    late = '[[steps]]\nat_s = 57\ndo = "meter_off"\nmeter = "m"\nfor_s = 2\n'
    simulated = meter(AUX, late, repeat="true")
    assert [simulated.answers(t_s) for t_s in (0.5, 58.0, 60.5, 61.5, 118.0)] == [True, False, False, True, False]


def test_registers_after_a_boot_know_nothing_of_the_time_before() -> None:
    simulated = meter(f'{SELF}\nrefresh = "model"', LOSS, boot_s=0.2)  # one second's RMS
    seen = [decoded(simulated, 14.2 + tick / 20, "voltage_l1")["voltage_l1"] for tick in range(40)]
    assert min(seen) > 0.94 * 230


def test_a_loss_in_two_steps_is_one_loss_to_the_meter() -> None:
    deeper = '[[steps]]\nat_s = 8\ndo = "sag"\nnode = "m"\nto_pu = 0.3\nfor_s = 2\n'
    simulated = meter(SELF, deeper + LOSS)
    assert [(each.start_s, each.end_s) for each in simulated.silences] == [(8.0, 16.0)]


def test_hours_and_failures_count_the_supply_of_the_meter() -> None:
    calm, lost = meter(SELF), meter(SELF, LOSS)
    missing = calm.values(50.0)["operating_hours"] - lost.values(50.0)["operating_hours"]
    assert missing * 3600 == pytest.approx(6.0)
    assert [lost.values(t_s)["power_failures"] for t_s in (9.0, 50.0)] == [0.0, 1.0]


def test_inputs_are_open_but_for_the_contacts_that_the_scenario_closes() -> None:
    contact = '[[steps]]\nat_s = 10\ndo = "input_closed"\nmeter = "m"\ninput = 2\nfor_s = 5\n'
    simulated = meter('model = "carlo-gavazzi-em24"\nrefresh = "live"', contact)
    names = ("input_1", "input_2", "input_3")
    seen = [tuple(decoded(simulated, t_s, *names).values()) for t_s in (9.9, 10.0, 14.9, 15.0)]
    assert seen == [(0, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 0)]
    assert simulated.image(12.0)[4, 0x300] == 0b101  # a set bit is an open contact


def test_stuck_registers_keep_their_last_values() -> None:
    stuck = '[[steps]]\nat_s = 10\ndo = "stuck"\nmeter = "m"\nfor_s = 5\n'
    simulated = meter(AUX, stuck)
    assert simulated.image(10.0) == simulated.image(14.9)
    assert simulated.image(15.2) != simulated.image(14.9)


def test_wiring_decides_what_is_there() -> None:
    single = meter(SELF + '\nwiring = "1p2w"\nphase_map = ["l2", "l3", "l1"]').values(5.0)
    assert {name for name in single if name.startswith("voltage_l")} == {"voltage_l2"}
    assert single["active_power_total"] == single["active_power_l2"] > 9000 * 0.5
    three = meter(SELF + '\nwiring = "3p3w"').values(5.0)
    assert {name for name in three if name.startswith("voltage_l")} == {
        "voltage_l1_l2",
        "voltage_l2_l3",
        "voltage_l3_l1",
    }
    assert "current_l1" in three
    assert not {"active_power_l1", "current_n", "voltage_residual"} & set(three)


def test_secondary_registers_are_divided_by_the_ratios() -> None:
    ratios = 'nominal = 5774\nct = "600/5"\nvt = "10000/100"\n'
    live = f'{SELF}\nrefresh = "live"\n{ratios}'
    secondary = decoded(meter(live + 'registers = "secondary"'), 5.0, "voltage_l1", "current_l1")
    primary = decoded(meter(live + 'registers = "primary"'), 5.0, "voltage_l1", "current_l1")
    assert primary["voltage_l1"] == pytest.approx(100 * secondary["voltage_l1"], rel=1e-6)
    assert primary["current_l1"] == pytest.approx(120 * secondary["current_l1"], rel=1e-6)


def test_reads_the_family_refuses() -> None:
    simulated = meter('model = "carlo-gavazzi-em24"')
    assert simulated.refusal(4, 0, 11) is None
    assert simulated.refusal(4, 0, 12) == 3


def test_it_says_who_it_is_only_to_those_who_ask_as_its_family_wants() -> None:
    em24, pac = meter('model = "carlo-gavazzi-em24"'), meter('model = "siemens-pac3200"')
    assert em24.said(4, 0x0B, 1) == (71,)  # one word alone; with others it is a part of a voltage
    assert em24.said(4, 0x0A, 2) is None
    assert em24.refusal(4, 0x0A, 2) is None
    said = pac.said(3, 64001, 27)  # the block whole
    assert said is not None
    assert (said[0], len(said)) == (42, 27)
    assert [pac.refusal(3, 64001, count) for count in (26, 27, 28)] == [2, None, 2]
    assert pac.refusal(3, 64002, 1) == 2
