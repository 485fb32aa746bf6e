"""What a load's month says: computed by hand."""

from collections.abc import Mapping
from math import sqrt

import pytest

from agent.records import Interval
from agent.report.demand.compliance import Block
from agent.report.demand.diagnoses import load, loading, passed, power_factor, unbalance
from agent.report.figures import Bounds, Span
from agent.report.record.columns import columns_of
from agent.report.record.demand_blocks import BLOCK_US

T0 = 20_000 * 96 * BLOCK_US
HOUR_US = 4 * BLOCK_US


def hour_of(at_us: int) -> int:
    return (at_us - T0) // HOUR_US % 24


def registers(at_us: int, **wh: float) -> Interval:
    values = {f"{key}_register": value for key, value in wh.items()}
    return Interval("demand_15min", "m", at_us, 1.0, 0.0, values, values, values)


def month(hours: float, **wh: float) -> object:
    return passed(registers(T0, **dict.fromkeys(wh, 0.0)), registers(T0 + round(hours * HOUR_US), **wh))


def test_the_power_factor_is_that_of_the_energies_with_two_decimals() -> None:
    told = power_factor(month(720, active_energy_import=80e6, reactive_energy_import=60e6))  # type: ignore[arg-type]
    # 80 and 60 Mvarh: 80/100
    assert told is not None
    assert told.pf == 0.80
    # P = 80 MWh / 720 h = 111.11 kW; tan now 0.75; 0.90 -> 0.4843: 29.5 kvar, 0.85 -> 0.6197: 14.5, 0.80 -> 0.75: none
    assert told.mean_w == pytest.approx(111_111.1)
    assert told.kvar == {"industry": 30, "other": 15, "agriculture": 0}


def test_capacitive_energy_is_added_where_the_meter_counts_it() -> None:
    told = power_factor(
        month(720, active_energy_import=80e6, reactive_energy_import=1e6, reactive_energy_import_q1=40e6,
              reactive_energy_export_q4=20e6)  # type: ignore[arg-type]
    )  # fmt: skip
    assert told is not None
    assert told.pf == 0.80


def test_the_bounds_of_registers_are_bounds_of_the_power_factor() -> None:
    first, last = registers(T0, active_energy_import=0.0, reactive_energy_import=0.0), Interval(
        "demand_15min", "m", T0 + 720 * HOUR_US, 1.0, 0.0,
        {"active_energy_import_register": 80.0, "reactive_energy_import_register": 60.0},
        {"active_energy_import_register": 79.0, "reactive_energy_import_register": 59.0},
        {"active_energy_import_register": 81.0, "reactive_energy_import_register": 61.0},
    )  # fmt: skip
    told = power_factor(passed(first, last))
    assert told is not None
    assert told.bounds == Bounds(79 / sqrt(79**2 + 61**2), 81 / sqrt(81**2 + 59**2))


def test_a_register_that_fell_says_nothing_about_the_month() -> None:
    fell = passed(registers(T0, active_energy_import=9.0), registers(T0 + HOUR_US, active_energy_import=1.0))
    assert fell.energy == {}
    assert power_factor(fell) is None


def blocks(watts: list[float]) -> list[Block]:
    return [Block(T0 + n * BLOCK_US, value, Bounds(value, value), 1.0) for n, value in enumerate(watts)]


def test_the_load_of_a_day() -> None:
    by_hour = [100.0] * 5 + [200.0] * 2 + [1000.0] * 16 + [300.0]
    told = load(blocks([watts for watts in by_hour for _ in range(4)]), hour_of, Span(T0, T0 + 24 * HOUR_US))
    assert told is not None
    mean = (5 * 100 + 2 * 200 + 16 * 1000 + 300) / 24  # 716.67 W
    assert told.mean_w == pytest.approx(mean)
    assert (told.max_w, told.base_w, told.coverage) == (1000, 100, 1.0)
    assert told.load_factor == pytest.approx(mean / 1000)
    # from 23 to 7 h: 300 + 500 + 400 of 17 200
    assert told.valley_share == pytest.approx(1200 / 17_200)


def test_the_night_base_is_the_5th_percentile_of_the_night() -> None:
    told = load(blocks([float(n) for n in range(1, 21)]), lambda at_us: 1, Span(T0, T0 + HOUR_US))
    assert told is not None
    assert told.base_w == 1.0  # the first of twenty


def interval(n: int, values: Mapping[str, float], coverage: float = 1.0) -> Interval:
    return Interval("interval_10min", "m", T0 + n * 600_000_000, coverage, 0.0, values)


HOUR = Span(T0, T0 + HOUR_US)


def test_unbalance_of_currents_and_what_would_level_them() -> None:
    values = {"current_l1": 120.0, "current_l2": 90.0, "current_l3": 60.0, "current_n": 52.0,
              "active_power_l1": 24e3, "active_power_l2": 18e3, "active_power_l3": 12e3}  # fmt: skip
    told = unbalance(columns_of(interval(n, values) for n in range(6)), HOUR, 100.0)
    assert told is not None
    # mean 90 A, farthest 30 A; (120^2 + 90^2 + 60^2 + 52^2) / (3 90^2) = 28804 / 24300; 24 to 12 kW: 6 moved
    assert told.worst == pytest.approx(1 / 3)
    assert told.loss_factor == pytest.approx(28_804 / 24_300)
    assert (told.move_w, told.fullest, told.emptiest, told.coverage) == (6000, "l1", "l3", 1.0)


def test_hours_without_a_load_say_nothing_about_unbalance() -> None:
    assert (
        unbalance(columns_of([interval(0, {"current_l1": 9.0, "current_l2": 0.0, "current_l3": 0.0})]), HOUR, 100.0)
        is None
    )


def test_where_a_phase_is_not_measured_there_is_no_unbalance() -> None:
    assert unbalance(columns_of([interval(0, {"current_l1": 90.0, "current_l2": 90.0})]), HOUR, 100.0) is None


def test_loading_of_a_transformer_by_minutes_and_hot_hours() -> None:
    shares = [0.2, 0.5, 0.85, 0.9, 1.1, 1.0]
    tens = [interval(n, {"apparent_power_total": 630e3 * share}) for n, share in enumerate(shares)]
    told = loading(columns_of(tens), HOUR, 630, hour_of)
    assert told is not None
    assert (told.full_min, told.plan_min, told.light_min) == (10, 40, 10)
    assert told.peak == pytest.approx(1.1)
    assert told.mean == pytest.approx(sum(shares) / 6)
    assert told.hot_hours == {0: 40}


def test_minutes_that_were_seen_in_part_count_in_part() -> None:
    told = loading(columns_of([interval(0, {"apparent_power_total": 700e3}, 0.5)]), HOUR, 630, hour_of)
    assert told is not None
    assert told.full_min == 5
    assert told.coverage == pytest.approx(5 / 60)
