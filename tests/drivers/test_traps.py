"""Maps against the mistakes that lists of these meters repeat: each can silently ruin data, so each is written down
here as the map must have it."""

import pytest
from meter_vectors import load_vectors

from drivers.library import load_model, model_names
from drivers.plan import Plan, plan_reads

PACS = ("siemens-pac2200", "siemens-pac3200")


def row(name: str, quantity: str):
    found = load_model(name).register(quantity)
    assert found is not None
    return found


def everything(name: str) -> Plan:
    model = load_model(name)
    return plan_reads(model, [register.quantity for register in model.registers])


def test_only_carlo_gavazzi_puts_the_least_significant_word_first() -> None:
    swapped = {
        name
        for name in model_names()
        for register in load_model(name).registers
        if register.order == "lsw" and register.words > 1
    }
    assert swapped
    assert {name.startswith("carlo-gavazzi") for name in swapped} == {True}


def test_energy_and_frequency_of_the_two_em24_stand_apart() -> None:
    # RS485: total 0x3E (0x42 is the partial counter), frequency 0x37; Ethernet: 0x34 and 0x33
    places = [
        (row(name, "active_energy_import").address, row(name, "frequency").address)
        for name in ("carlo-gavazzi-em24", "carlo-gavazzi-em24-e1")
    ]
    assert places == [(0x3E, 0x37), (0x34, 0x33)]


@pytest.mark.parametrize("name", PACS)
def test_the_frequency_of_a_pac_is_at_55(name: str) -> None:
    assert row(name, "frequency").address == 55


@pytest.mark.parametrize("name", PACS)
def test_no_read_of_a_pac_begins_or_ends_inside_a_value(name: str) -> None:
    model = load_model(name)
    entries = [*model.registers, *model.bridges]
    starts, ends = {entry.address for entry in entries}, {entry.end for entry in entries}
    for quantity in (register.quantity for register in model.registers):
        for planned in (*plan_reads(model, [quantity]).reads, *everything(name).reads):
            for read in filter(None, (planned.read, planned.spare)):
                assert read.address in starts
                assert read.address + read.count in ends
    assert model.max_gap == 0


@pytest.mark.parametrize("name", PACS)
def test_energies_of_a_pac_are_those_of_tariff_1(name: str) -> None:
    energies = {register.quantity: register.address for register in load_model(name).registers if register.words == 4}
    assert energies == {"active_energy_import_t1": 801, "active_energy_export_t1": 809}


def test_register_71_is_a_current_in_the_pac2200_only() -> None:
    assert row("siemens-pac2200", "current_n").address == 71
    assert row("siemens-pac3200", "current_n").address == 223


def test_nothing_of_a_janitza_comes_near_the_register_that_clears_its_extremes() -> None:
    touched = {
        read.address + n for p in everything("janitza-umg96rm").reads for read in (p.read,) for n in range(read.count)
    }
    assert 506 not in touched
    assert (3, 506) not in load_model("janitza-umg96rm").readable


def test_an_sdm120_is_asked_for_one_value_at_a_time() -> None:
    assert {planned.read.count for planned in everything("eastron-sdm120").reads} == {2}


def test_the_em340_is_asked_for_20_words_at_most_and_only_for_documented_ones() -> None:
    model = load_model("carlo-gavazzi-em340")
    assert max(planned.read.count for planned in everything(model.id).reads) <= 20
    assert model.max_gap == 0


def test_a_carlo_gavazzi_power_factor_is_not_taken_for_one() -> None:
    # its sign tells capacitive from inductive; the catalogue's is that of P
    names = [name for name in model_names() if name.startswith("carlo-gavazzi")]
    assert len(names) == 3
    assert not [register for name in names for register in load_model(name).registers if "factor" in register.quantity]


def test_an_iem3000_power_factor_is_four_quadrant_coded() -> None:
    assert row("schneider-iem3000", "power_factor_total").encoding == "f32_pf4q"


def test_no_log_that_wants_a_write_is_mapped() -> None:
    # ABB's logs page through their headers: 0x6500, 0x65B0, 0x6710
    assert not [word for word in load_model("abb-b23").readable if 0x6500 <= word[1] < 0x6800]


def test_unconfirmed_rows_are_named_but_not_read() -> None:
    assert load_model("abb-b23").unproven == (
        "voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1", "current_n", "reactive_power_total", "apparent_power_total"
    )  # fmt: skip
    assert load_model("janitza-umg96rm").unproven == ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
    assert [name[-3:] for name in load_model("siemens-pac3200").unproven] == ["max"] * 3 + ["min"] * 3


def test_the_circutor_gives_its_counters_and_no_unconfirmed_voltage() -> None:
    model = load_model("circutor-cvm-d32")
    assert {name.rsplit("_", 1)[0] for name in model.evidence} == {
        "overvoltage_count",
        "sag_count",
        "interruption_count",
    }
    assert not [name for name in model.quantities if name.startswith("voltage")]


def test_the_schneider_tells_how_often_and_how_long_its_supply_failed() -> None:
    model = load_model("schneider-pm5000")
    assert model.evidence == ("restart_count", "power_failure_duration", "last_reset_cause")
    assert "power_failures" in model.quantities


@pytest.mark.parametrize("name", model_names())
def test_every_model_has_a_word_for_how_it_was_made(name: str) -> None:
    assert load_model(name).verified
    assert load_vectors(name).values
