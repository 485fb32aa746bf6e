from agent.wiring import channels_of, polled, watched
from drivers.codec import Installation
from drivers.library import load_model

SDM630, PM5000 = load_model("eastron-sdm630"), load_model("schneider-pm5000")


def test_the_judged_voltages_and_the_currents_are_watched():
    assert watched(SDM630, "ln", "3p4w") == (
        "voltage_l1", "voltage_l2", "voltage_l3", "current_l1", "current_l2", "current_l3",
    )  # fmt: skip
    assert watched(PM5000, "ll", "3p3w")[:3] == ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
    assert watched(SDM630, "ln", "1p2w") == ("voltage_l1", "current_l1")


def test_beside_voltages_to_earth_the_line_line_voltages_are_watched():
    assert watched(PM5000, "le", "3p3w")[-3:] == ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
    assert watched(PM5000, "le", "1p2w") == ("voltage_l1", "current_l1")


def test_what_is_not_watched_is_polled_and_nothing_twice():
    often, rest = watched(PM5000, "ln", "3p4w"), polled(PM5000, "ln", "3p4w")
    assert set(often).isdisjoint(rest)
    assert {*often, *rest} == set(PM5000.quantities)


def test_a_two_wire_meter_publishes_nothing_of_the_terminals_it_has_not():
    names = {*watched(SDM630, "ln", "1p2w"), *polled(SDM630, "ln", "1p2w")}
    assert {"voltage_l1", "active_power_l1", "active_power_total", "frequency"} <= names
    assert not [name for name in names if "l2" in name or "l3" in name]


def test_terminals_are_looked_up_under_their_network_phase():
    channels = channels_of("ln", "3p4w", Installation(phase_map=("l2", "l3", "l1")))
    assert channels.terminals == ("voltage_l1", "voltage_l2", "voltage_l3")
    assert channels.keys == ("voltage_l2", "voltage_l3", "voltage_l1")
    assert channels.phases == ("l2", "l3", "l1")


def test_a_line_to_line_voltage_has_one_name_whichever_way_it_is_wired():
    channels = channels_of("ll", "3p3w", Installation(phase_map=("l2", "l1", "l3")))
    assert channels.keys == ("voltage_l1_l2", "voltage_l3_l1", "voltage_l2_l3")
    assert channels.phases == ("l1_l2", "l3_l1", "l2_l3")
