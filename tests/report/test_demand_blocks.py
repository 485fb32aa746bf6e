"""What registers prove of a quarter of an hour, and where they prove nothing."""

from random import Random

import pytest

from agent.records import Interval, Reading
from agent.report.figures import Bounds
from agent.report.record.demand_blocks import BLOCK_US, DemandBlocks, OpenBlock

T0 = 1_790_000_100_000_000 // BLOCK_US * BLOCK_US


def reading(end_s: float, wh: float | None, watts: float | None = None, window_s: float = 10.0) -> Reading:
    values = {"active_energy_import": wh, "active_power_total": watts}
    given = {key: value for key, value in values.items() if value is not None}
    return Reading("m", T0 + round(end_s * 1e6), window_s, "good", (), given)


def fed(*readings: Reading) -> list[Interval]:
    """The blocks from T0 on: readings may begin in the one before."""
    blocks = DemandBlocks("m")
    return [told for one in readings for told in blocks.add(one, one.window_s) if told.start_us >= T0]


def steady(watts: float, from_s: float, to_s: float, start_wh: float = 0.0) -> list[Reading]:
    """A register that runs on evenly, read in the middle of each window of 10 s."""
    ends = [from_s + 10 * n for n in range(1, round((to_s - from_s) / 10) + 1)]
    return [reading(end_s, start_wh + watts * (end_s - 5) / 3600, watts) for end_s in ends]


def test_a_block_is_what_the_register_ran_on_between_its_ticks_and_four_times_that_is_its_power() -> None:
    (block,) = fed(*steady(8000.0, -60, 960))
    assert (block.kind, block.start_us) == ("demand_15min", T0)
    assert block.values["active_energy_import"] == pytest.approx(2000.0)
    assert block.values["active_power_demand"] == pytest.approx(8000.0)
    assert block.values["active_energy_import_register"] == pytest.approx(0.0)


def test_the_bounds_are_the_registers_read_before_and_after_the_ticks() -> None:
    (block,) = fed(reading(0, 100.0), reading(10, 103.0), reading(900, 200.0), reading(910, 204.0))
    # At the start it lay between 100 and 103 Wh, at the end between 200 and 204.
    assert (block.min["active_energy_import"], block.max["active_energy_import"]) == (97.0, 104.0)
    assert (block.min["active_power_demand"], block.max["active_power_demand"]) == (388.0, 416.0)


def test_hours_and_power_failures_are_kept_as_what_the_register_said_and_are_no_demand() -> None:
    said = ((0, 100.0), (10, 100.01), (900, 100.25), (910, 100.26))
    (block,) = fed(*(
        Reading("m", T0 + end_s * 1_000_000, 10.0, "good", (), {"operating_hours": hours, "power_failures": 3.0})
        for end_s, hours in said
    ))  # fmt: skip
    assert set(block.values) == {"operating_hours_register", "power_failures_register"}
    assert (block.min["operating_hours_register"], block.max["operating_hours_register"]) == (100.0, 100.01)
    assert block.values["power_failures_register"] == block.max["power_failures_register"] == 3.0


def test_the_true_energy_is_within_the_bounds_whenever_the_register_was_read() -> None:
    rng = Random(7)  # noqa: S311 - not for secrets
    watts = [rng.uniform(0, 20_000) for _ in range(3000)]  # each second
    wh = [0.0]
    for power in watts:
        wh.append(wh[-1] + power / 3600)
    ends = [end_s for end_s in range(10, 2400, 10) if rng.random() < 0.7]
    readings = [reading(end_s, round(wh[end_s - rng.randint(1, 9)], 1)) for end_s in ends]
    checked = 0
    for block in fed(*readings):
        if "active_energy_import" in block.values:
            start_s = (block.start_us - T0) // 1_000_000
            true = wh[start_s + 900] - wh[start_s]
            assert block.min["active_energy_import"] - 0.1 <= true <= block.max["active_energy_import"] + 0.1
            checked += 1
    assert checked


def test_a_minute_of_silence_inside_a_block_costs_nothing() -> None:
    rows = [one for one in steady(8000.0, -60, 960) if not 300e6 < one.time_us - T0 < 420e6]
    (block,) = fed(*rows)
    assert block.values["active_power_demand"] == pytest.approx(8000.0)
    assert block.coverage == pytest.approx(1.0)


def test_silence_around_a_tick_widens_the_bounds_and_lowers_the_coverage() -> None:
    rows = [one for one in steady(8000.0, -60, 1200) if not 840e6 < one.time_us - T0 < 1020e6]
    (block,) = fed(*rows)
    assert block.values["active_power_demand"] == pytest.approx(8000.0)
    assert block.max["active_energy_import"] - block.min["active_energy_import"] > 8000 * 170 / 3600
    assert block.coverage == pytest.approx(1 - 170 / 2 / 900)


def test_of_a_block_in_which_nothing_was_read_nothing_is_told() -> None:
    told = fed(*steady(8000.0, -60, 960), *steady(8000.0, 2750, 3660))
    assert [(one.start_us - T0) // BLOCK_US for one in told] == [0, 1, 3]
    assert "active_energy_import" not in told[1].values


def test_a_register_that_was_reset_proves_nothing_and_the_power_stands_for_it_without_bounds() -> None:
    rows = steady(8000.0, -60, 400, start_wh=5000.0) + steady(8000.0, 400, 960)
    (block,) = fed(*rows)
    # Between the ticks it fell: no energy. What it said at the start stays true.
    assert "active_energy_import" not in block.values
    assert block.values["active_power_demand"] == pytest.approx(8000.0)
    assert "active_power_demand" not in block.min


def test_without_a_register_the_mean_power_stands_for_the_block_with_the_coverage_of_the_readings() -> None:
    told = fed(*(reading(10 * n, None, 1000.0 if n <= 45 else 3000.0) for n in range(1, 46)),
               *(reading(10 * n, None, 3000.0) for n in range(64, 130)))  # fmt: skip
    assert told[0].values == {"active_power_demand": pytest.approx((45 * 1000 + 27 * 3000) / 72)}
    assert told[0].coverage == pytest.approx(72 / 90)


def test_a_register_that_is_read_less_often_is_waited_for() -> None:
    rows = [reading(10 * n, 8000 * (10 * n - 5) / 3600 if n % 6 == 0 else None, 8000.0) for n in range(-12, 110)]
    (block,) = fed(*rows)
    assert block.values["active_power_demand"] == pytest.approx(8000.0)


def opened(*readings: Reading) -> OpenBlock | None:
    blocks = DemandBlocks("m")
    for one in readings:
        blocks.add(one, one.window_s)
    return blocks.open()


def test_the_block_that_goes_on_is_known_until_its_register_was_read_last() -> None:
    told = opened(reading(0, 100.0), reading(10, 103.0), reading(300, 150.0, 9000.0))
    # At the start the register lay between 100 and 103 Wh.
    assert told == OpenBlock("m", T0, T0 + 290_000_000, T0 + 300_000_000, Bounds(47.0, 50.0), 9000.0)


def test_at_the_next_tick_it_is_the_next_block() -> None:
    told = opened(*steady(8000.0, -60, 920))
    assert told is not None
    assert told.start_us == T0 + BLOCK_US
    assert told.used_wh.low <= 8000 * 15 / 3600 <= told.used_wh.high


def test_of_a_block_whose_start_nobody_saw_nothing_is_known() -> None:
    assert opened(*steady(8000.0, 60, 300)) is None
    assert opened() is None


def test_nor_of_one_in_which_the_register_was_reset() -> None:
    assert opened(*steady(8000.0, -60, 300, start_wh=5000.0), *steady(8000.0, 300, 400)) is None
    # Also where it has passed what it said at the start again.
    assert opened(*steady(8000.0, -60, 60, start_wh=1000.0), *steady(8000.0, 60, 600)) is None


def test_power_of_the_block_before_is_none_of_this_one() -> None:
    told = opened(reading(0, 100.0, 9000.0), reading(10, 103.0))
    assert told is not None
    assert told.power_w is None


def test_when_the_clock_is_set_back_no_block_is_told_twice() -> None:
    told = fed(*steady(8000.0, -60, 960), *steady(8000.0, -60, 2000, start_wh=5000))
    assert [(one.start_us - T0) // BLOCK_US for one in told] == [0, 1]
