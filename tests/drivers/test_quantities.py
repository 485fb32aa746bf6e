import re

from drivers.quantities import CATALOGUE, CURRENTS, VOLTAGES_LL, VOLTAGES_LN

# CONTRACTS, "Quantities", written out by hand.
CONTRACT_TEXT = """
voltage_l1 voltage_l2 voltage_l3 voltage_l1_l2 voltage_l2_l3 voltage_l3_l1 voltage_residual
current_l1 current_l2 current_l3 current_n
active_power_l1 active_power_l2 active_power_l3 active_power_total
reactive_power_l1 reactive_power_l2 reactive_power_l3 reactive_power_total
apparent_power_l1 apparent_power_l2 apparent_power_l3 apparent_power_total
power_factor_l1 power_factor_l2 power_factor_l3 power_factor_total
frequency
active_energy_import active_energy_import_t1 active_energy_import_t2 active_energy_import_t3 active_energy_import_t4
active_energy_export active_energy_export_t1 active_energy_export_t2 active_energy_export_t3 active_energy_export_t4
reactive_energy_import reactive_energy_import_q1 reactive_energy_import_q2 reactive_energy_import_q3
reactive_energy_import_q4 reactive_energy_export reactive_energy_export_q1 reactive_energy_export_q2
reactive_energy_export_q3 reactive_energy_export_q4
voltage_thd_l1 voltage_thd_l2 voltage_thd_l3 current_thd_l1 current_thd_l2 current_thd_l3
max_demand operating_hours power_failures
"""
CONTRACT = CONTRACT_TEXT.split()

# What meters latch, count or average themselves: read for events, no part of a reading.
EVIDENCE_TEXT = """
voltage_l1_min voltage_l2_min voltage_l3_min voltage_l1_max voltage_l2_max voltage_l3_max
sag_count_l1 sag_count_l2 sag_count_l3 swell_count_l1 swell_count_l2 swell_count_l3
overvoltage_count_l1 overvoltage_count_l2 overvoltage_count_l3
interruption_count_l1 interruption_count_l2 interruption_count_l3
restart_count power_failure_duration last_reset_cause active_power_demand
power_failure_flag undervoltage_flag overvoltage_flag restart_flag
event_bits limit_bits status_bits overrange_bits
"""
EVIDENCE = EVIDENCE_TEXT.split()


def test_what_is_published_is_exactly_the_contract_and_its_digital_inputs() -> None:
    inputs = {f"input_{number}" for number in range(1, 17)}
    assert {name for name, quantity in CATALOGUE.items() if not quantity.evidence} == {*CONTRACT, *inputs}


def test_the_rest_of_the_catalogue_is_evidence() -> None:
    assert {name for name, quantity in CATALOGUE.items() if quantity.evidence} == set(EVIDENCE)


def test_ids_are_their_own_keys_and_units_are_si() -> None:
    assert all(key == quantity.id for key, quantity in CATALOGUE.items())
    assert {quantity.unit for quantity in CATALOGUE.values()} == {
        "V",
        "A",
        "W",
        "var",
        "VA",
        "Hz",
        "Wh",
        "varh",
        "%",
        "h",
        "1",
    }


def test_a_dimension_has_one_unit() -> None:
    units: dict[str, set[str]] = {}
    for quantity in CATALOGUE.values():
        units.setdefault(quantity.dimension, set()).add(quantity.unit)
    assert {dimension: found for dimension, found in units.items() if len(found) > 1} == {}


def test_energies_hours_failures_and_counts_are_the_counters() -> None:
    counters = {quantity.id for quantity in CATALOGUE.values() if quantity.counter}
    energies = {name for name in CONTRACT if "energy" in name}
    assert counters == energies | {"operating_hours", "power_failures"} | {name for name in EVIDENCE if "count" in name}


def test_obis_codes_are_well_formed_and_those_of_the_registers_everyone_knows() -> None:
    codes = {quantity.id: quantity.obis for quantity in CATALOGUE.values() if quantity.obis}
    assert all(re.fullmatch(r"[01]-0:\d+\.\d+\.\d+", code) for code in codes.values())
    # IEC 62056-6-1: U 32/52/72, I 31/51/71, P+ 1, P- 2, f 14
    assert [codes[name] for name in (*VOLTAGES_LN, *CURRENTS)] == [
        "1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0", "1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0"
    ]  # fmt: skip
    assert (codes["active_energy_import"], codes["active_energy_export_t2"]) == ("1-0:1.8.0", "1-0:2.8.2")
    assert codes["frequency"] == "1-0:14.7.0"
    # the P1 telegram of Dutch meters (DSMR 5): sags 32/52/72, swells the same
    assert (codes["sag_count_l1"], codes["sag_count_l3"]) == ("1-0:32.32.0", "1-0:72.32.0")
    assert codes["swell_count_l2"] == "1-0:52.36.0"


def test_phases_are_spelled_out_on_quantities_that_have_one() -> None:
    assert [CATALOGUE[name].phase for name in (*VOLTAGES_LN, *VOLTAGES_LL)] == [
        "l1", "l2", "l3", "l1_l2", "l2_l3", "l3_l1"
    ]  # fmt: skip
    assert (CATALOGUE["current_n"].phase, CATALOGUE["active_power_total"].phase) == ("n", "total")
    assert CATALOGUE["frequency"].phase is None
    assert [CATALOGUE[name].phase for name in ("sag_count_l2", "voltage_l3_min", "restart_count")] == ["l2", "l3", None]
