"""Which registers of a meter are its log."""

from pathlib import Path

import pytest

from agent.detect.evidence import LATCHES
from agent.detect.meter_log import MeterLog
from agent.site import Site, load_site
from agent.units import LOG_US, unit_of
from agent.wiring import latched, log_of, rules_of
from drivers.library import load_model, model_names
from drivers.quantities import CATALOGUE

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
[lines.ring]
tcp = "10.20.0.11:502"
[meters.m]
line = "ring"
unit = 1
model = "{model}"
{keys}
"""


def site(directory: Path, model: str, keys: str = "") -> Site:
    (directory / "site.toml").write_text(SITE.format(model=model, keys=keys))
    return load_site(directory / "site.toml")


def log(directory: Path, model: str, keys: str = "") -> MeterLog:
    meter = site(directory, model, keys).meters["m"]
    return log_of(meter, rules_of(meter, "gb"))


def names(of: MeterLog) -> dict[str, tuple[str | None, float | None, float]]:
    return {latch.name: (latch.phase, latch.turn, latch.step) for latch in of._latches.latches}


def test_the_circutors_counters_wrap_at_sixteen_bits(tmp_path: Path):
    found = names(log(tmp_path, "circutor-cvm-d32", "unproven = true"))
    assert found.pop("active_energy_import")[0] is None
    assert set(found) == {f"{s}_count_l{n}" for s in ("sag", "overvoltage", "interruption") for n in (1, 2, 3)}
    assert found["sag_count_l2"] == ("l2", 65536.0, 1.0)


def test_counters_are_called_by_their_network_phase(tmp_path: Path):
    meter = site(tmp_path, "circutor-cvm-d32", 'unproven = true\nphase_map = ["l3", "l1", "l2"]').meters["m"]
    assert meter.model.registers[0].quantity == "overvoltage_count_l1"
    first = log_of(meter, rules_of(meter, "gb"))._latches.latches[0]
    assert (first.name, first.stem, first.phase) == ("overvoltage_count_l3", "overvoltage_count", "l3")


def test_extremes_that_the_site_trusts_are_read(tmp_path: Path):
    assert "voltage_l1_min" not in names(log(tmp_path, "siemens-pac3200"))
    assert names(log(tmp_path, "siemens-pac3200", "unproven = true"))["voltage_l1_min"] == ("l1", None, 1.0)


def test_flags_and_limits_are_read_where_a_document_says_what_they_mean(tmp_path: Path):
    flags = {"power_failure_flag", "undervoltage_flag", "overvoltage_flag"}
    assert names(log(tmp_path, "sunspec-meter")).keys() == flags | {"active_energy_import"}
    assert names(log(tmp_path, "sunspec-meter-float")).keys() == flags | {"active_energy_import"}
    assert names(log(tmp_path, "siemens-pac3200")).keys() == {"limit_bits", "restart_flag"}
    assert log(tmp_path, "sunspec-meter").unpublished == flags


def test_published_counters_tell_as_much(tmp_path: Path):
    of = log(tmp_path, "schneider-pm5000")
    assert {"power_failures", "restart_count", "power_failure_duration"} <= names(of).keys()
    assert of.unpublished == {"restart_count", "power_failure_duration"}


@pytest.mark.parametrize(
    ("keys", "lives"),
    [("", False), ('powered_by = "self"', True), ('powered_by = "self:all"', True), ('powered_by = "self:l1"', False)],
)
def test_who_lives_on_what_it_measures(tmp_path: Path, keys: str, lives: bool):
    assert log(tmp_path, "schneider-pm5000", keys)._lives_on_it is lives


def test_a_meter_that_only_counts_energy_has_no_log(tmp_path: Path):
    assert not log(tmp_path, "eastron-sdm630")
    assert log(tmp_path, "carlo-gavazzi-em24")  # its hour counter


def test_the_log_is_read_once_a_minute_apart_from_the_full_set(tmp_path: Path):
    here = site(tmp_path, "circutor-cvm-d32", "unproven = true")
    unit = unit_of(here.meters["m"], here.lines["ring"], tmp_path, tight=False)
    assert unit.log is not None
    assert unit.log_us == LOG_US == 60_000_000
    assert set(unit.log.quantities) == set(latched(here.meters["m"].model, "3p4w"))
    assert {"active_energy_import", "frequency"} <= set(unit.poll.quantities)
    assert set(unit.log.quantities).isdisjoint(unit.poll.quantities)


def test_bits_and_codes_without_a_known_meaning_are_left_alone():
    for name in model_names():
        model = load_model(name).trusting()
        for quantity in latched(model, model.wiring):
            assert CATALOGUE[quantity].dimension in ("count", "voltage", "time", "state") or quantity == "limit_bits"
    assert not {"event_bits", "status_bits", "overrange_bits", "last_reset_cause"} & LATCHES.keys()


def test_one_phase_has_one_counter():
    assert latched(load_model("circutor-cvm-d32"), "1p2w") == (
        "overvoltage_count_l1", "sag_count_l1", "interruption_count_l1",
    )  # fmt: skip
