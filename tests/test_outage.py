"""What a boot finds, as a pure judgement. The dark site as a whole is in test_dark_site.py."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import MIDNIGHT_US, reading

from agent.outage import (
    FIRMWARE_US,
    WITHIN_US,
    Boot,
    Counters,
    Dark,
    Sign,
    Steps,
    counters_before,
    dark,
    has_moved,
    ran_on,
    resolved,
    sign_of,
    stood_still,
)
from agent.records import ClockState

SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
SURE, UNSET, UNASKED = ClockState(True, 0.5), ClockState(False, None), ClockState(None, None)
SIGN = Sign(MIDNIGHT_US, 65 * SECOND, "b1", SURE)
SEVEN = Boot("b2", MIDNIGHT_US + 7 * MINUTE, SURE)


# -- signs and boots -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [None, "", "nonsense", "[]", "{}", "[1,2]", '["x",2,"b",true,1]', "5"])
def test_without_a_sign_the_youngest_entry_is_one(kept: str | None) -> None:
    assert sign_of(kept, 7) == Sign(7, WITHIN_US, "", UNASKED)
    assert sign_of(kept, None) is None


@pytest.mark.parametrize(
    ("then", "now", "at_us", "new"),
    [
        ("b1", "b1", MIDNIGHT_US + HOUR, False),  # the agent alone was away
        ("b1", "b2", MIDNIGHT_US - HOUR, True),  # whatever the clock says
        ("", "b2", MIDNIGHT_US + 1, True),
        ("b1", "", MIDNIGHT_US + 1, True),
        ("", "b2", MIDNIGHT_US - 1, False),
        ("", "", MIDNIGHT_US, False),
    ],
)
def test_another_boot_is_known_by_its_id_or_else_by_its_time(then: str, now: str, at_us: int, new: bool) -> None:
    assert Boot(now, at_us, SURE).is_new(replace(SIGN, boot_id=then)) is new


@pytest.mark.parametrize(
    ("clock", "after_us", "placed"),
    [(SURE, 1, True), (SURE, -1, True), (UNSET, HOUR, False), (UNASKED, 1, True), (UNASKED, -1, False)],
)
def test_a_boot_has_its_place_once_the_clock_can_be_believed(clock: ClockState, after_us: int, placed: bool) -> None:
    assert Boot("b2", MIDNIGHT_US + after_us, clock).is_placed(SIGN) is placed


def test_what_was_cut_off_died_before_its_next_sign_and_came_back_before_its_kernel() -> None:
    found = dark(SIGN, SEVEN, clean=False)
    assert found == Dark(
        MIDNIGHT_US, MIDNIGHT_US + 65 * SECOND, MIDNIGHT_US + 6 * MINUTE, MIDNIGHT_US + 7 * MINUTE, slack_s=1.0
    )
    assert (found.duration_min_s, found.duration_max_s) == (360 - 65 - 1, 421)


def test_what_was_stopped_in_order_may_have_gone_on_until_this_boot() -> None:
    found = dark(SIGN, SEVEN, clean=True)
    assert (found.start_earliest_us, found.start_us) == (MIDNIGHT_US, SEVEN.at_us)
    assert (found.duration_min_s, found.duration_max_s) == (0.0, 421)


@given(st.integers(-HOUR, 100 * HOUR), st.integers(0, HOUR), st.booleans())
def test_bounds_are_in_order_whatever_the_clocks_say(after_us: int, within_us: int, clean: bool) -> None:
    found = dark(replace(SIGN, within_us=within_us), replace(SEVEN, at_us=MIDNIGHT_US + after_us), clean=clean)
    assert found.start_earliest_us <= found.start_us <= found.end_us
    assert found.start_earliest_us <= found.end_earliest_us <= found.end_us
    assert 0 <= found.duration_min_s <= found.duration_max_s


@given(st.integers(1, 65 * SECOND - 1), st.integers(FIRMWARE_US, 10 * HOUR), st.integers(0, FIRMWARE_US - 1))
def test_the_truth_lies_within_the_bounds(died_us: int, dark_us: int, firmware_us: int) -> None:
    """Died so long after its last sign, was dark so long, and took so long from the power to the kernel."""
    back_us = MIDNIGHT_US + died_us + dark_us
    found = dark(SIGN, replace(SEVEN, at_us=back_us + firmware_us), clean=False)
    assert found.start_earliest_us < MIDNIGHT_US + died_us <= found.start_us
    assert found.end_earliest_us < back_us <= found.end_us
    assert found.duration_min_s <= dark_us / 1e6 <= found.duration_max_s


# -- counters --------------------------------------------------------------------------------------------------

STEPS = Steps(energy_wh=1.0, hours_h=0.01)
# 4 kW until 5 s before the gateway's last sign; dark for 7 minutes.
BEFORE = Counters(MIDNIGHT_US - 5 * SECOND, 10.0, 1_000_000.0, 5000.0, power_w=4000.0)
DARK = dark(SIGN, SEVEN, clean=False)


def after(at_s: float = 450, energy_wh: float | None = None, hours_h: float | None = None) -> Counters:
    return Counters(MIDNIGHT_US + round(at_s * SECOND), 0.0, energy_wh, hours_h)


def test_a_counter_that_stood_still_proves_a_loss_and_bounds_it() -> None:
    """455 s passed; it counted 40 Wh: 36 s at 4 kW, 72 s at half of that, and a step."""
    stood = stood_still(BEFORE, after(energy_wh=1_000_040.0), STEPS, DARK)
    assert stood is not None
    assert stood.lived_us == pytest.approx(41 / 2000 * HOUR, abs=1)
    assert stood.words == (
        "its energy counter stood still while the gateway was dark: 1000 kWh before, 1000.04 kWh after; "
        "the 4 kW of before make 0.506 kWh in that time"
    )


@pytest.mark.parametrize("part", [0.5, 0.75, 1.0, 1.5])
def test_a_meter_that_lived_through_is_no_loss(part: float) -> None:
    counted = 4000 * 455 / 3600 * part
    assert stood_still(BEFORE, after(energy_wh=1_000_000 + counted), STEPS, DARK) is None


def test_a_load_that_fell_asleep_in_a_long_night_is_no_loss() -> None:
    """100 kW by day, 5 kW by night, ten hours dark."""
    night = dark(SIGN, replace(SEVEN, at_us=MIDNIGHT_US + 10 * HOUR), clean=False)
    by_day = replace(BEFORE, power_w=100_000.0)
    assert stood_still(by_day, after(36_030, 1_000_000 + 50_000), STEPS, night) is None
    assert stood_still(by_day, after(36_030, 1_000_000 + 1_000), STEPS, night) is not None


def test_of_too_few_steps_nothing_is_concluded() -> None:
    """0.25 kWh are missing at half the load: 25 steps of 0.01 kWh, 2.5 of 0.1 kWh."""
    still = after(energy_wh=1_000_001.0)
    assert stood_still(BEFORE, still, Steps(10.0), DARK) is not None
    assert stood_still(BEFORE, still, Steps(100.0), DARK) is None


@pytest.mark.parametrize("power_w", [None, 10.0])
def test_of_a_load_that_drew_next_to_nothing_nothing_is_concluded(power_w: float | None) -> None:
    assert stood_still(replace(BEFORE, power_w=power_w), after(energy_wh=1_000_000.5), STEPS, DARK) is None


def test_a_counter_that_went_back_is_another_meters() -> None:
    assert stood_still(BEFORE, after(energy_wh=999_000.0), STEPS, DARK) is None


def test_hours_that_fell_behind_the_clock_prove_a_loss_without_any_load() -> None:
    idle = replace(BEFORE, power_w=None)
    stood = stood_still(idle, after(hours_h=5000.01), STEPS, DARK)
    assert stood is not None
    assert stood.lived_us == pytest.approx(0.04 * HOUR, abs=1)
    assert stood.words.startswith(
        "its hour counter fell behind while the gateway was dark: 5000 h before, 5000.01 h after"
    )
    assert stood_still(idle, after(hours_h=5000.1264), STEPS, DARK) is None, "they went with the clock"
    assert stood_still(idle, after(hours_h=5000.0), Steps(hours_h=1.0), DARK) is None, (
        "of whole hours 7 minutes are none"
    )
    assert stood_still(idle, after(hours_h=4000.0), STEPS, DARK) is None


def test_energy_goes_before_hours_which_may_count_under_load_only() -> None:
    moved = 1_000_000 + 4000 * 455 / 3600
    assert stood_still(BEFORE, after(energy_wh=moved, hours_h=5000.0), STEPS, DARK) is None


def test_hours_that_ran_on_through_the_dark_outvote_an_energy_that_hardly_moved() -> None:
    """The load went with the gateway: the meter drew nothing, and lived."""
    fine = Steps(energy_wh=1.0, hours_h=0.01)
    still = after(energy_wh=1_000_005.0)
    assert stood_still(BEFORE, still, fine, DARK) is not None
    passed_h = (still.at_us - BEFORE.at_us) / HOUR
    ran_on_ = replace(still, hours_h=5000.0 + passed_h)
    assert stood_still(BEFORE, ran_on_, fine, DARK) is None
    behind = replace(still, hours_h=5000.01)
    stood = stood_still(BEFORE, behind, fine, DARK)
    assert stood is not None, "hours that stood still as well are no witness against it"
    assert "energy" in stood.words
    assert stood_still(BEFORE, replace(still, hours_h=9000.0), fine, DARK) is not None, "another counter says nothing"


@given(
    dark_s=st.floats(180, 36_000), died_s=st.floats(0.1, 64), boot_s=st.floats(1, 59), read_s=st.floats(1, 300),
    load=st.floats(0.6, 1.4), lives=st.booleans(),
)  # fmt: skip
def test_whoever_lived_is_never_called_dead_and_the_truth_lies_in_the_bounds(
    dark_s: float, died_s: float, boot_s: float, read_s: float, load: float, lives: bool
) -> None:
    """The meter dies with the gateway and comes back with it, or lives through; its load is not quite what it was."""
    boot = replace(SEVEN, at_us=MIDNIGHT_US + round((died_s + dark_s + boot_s) * SECOND))
    found = dark(SIGN, boot, clean=False)
    now_us = boot.at_us + round(read_s * SECOND)
    passed_s = (now_us - BEFORE.at_us) / SECOND
    lived_s = passed_s - (0.0 if lives else dark_s)
    counted = float(int(4000 * load * lived_s / 3600))
    now = Counters(now_us, 0.0, 1_000_000.0 + counted, None)
    stood = stood_still(BEFORE, now, STEPS, found)
    if lives:
        assert stood is None
    elif stood is not None:
        assert stood.lived_us / SECOND >= lived_s * 0.99


def test_a_value_of_before_may_be_a_caches() -> None:
    assert not has_moved(BEFORE, after(energy_wh=1_000_000.0))
    assert not has_moved(BEFORE, after(energy_wh=1_000_000.0, hours_h=5000.0))
    assert not has_moved(BEFORE, after())
    assert has_moved(BEFORE, after(energy_wh=1_000_001.0, hours_h=5000.0))
    assert has_moved(BEFORE, after(hours_h=5000.01))


def test_before_is_the_last_reading_that_counts_and_what_was_drawn_is_the_median() -> None:
    def told(n: int, **values: float) -> object:
        return reading(-n, values=values)

    youngest_first = [
        told(0, voltage_l1=230.0, active_power_total=0.0),
        told(1, active_energy_import=5.0, active_power_total=4000.0),
        told(2, active_energy_import=4.0, active_power_total=4100.0, operating_hours=7.0),
    ]
    assert counters_before(youngest_first) == Counters(MIDNIGHT_US - 10 * SECOND, 10.0, 5.0, None, 4000.0)  # type: ignore[arg-type]
    assert counters_before([told(0, active_energy_import=5.0, active_power_total=-3.0)]) == Counters(  # type: ignore[list-item]
        MIDNIGHT_US, 10.0, 5.0, None, None
    )
    assert counters_before([]) is None
    assert counters_before(youngest_first[:1]) is None  # type: ignore[arg-type]


# -- counters that ran on --------------------------------------------------------------------------------------


def read(after_s: float, energy_wh: float | None, hours_h: float | None, power_w: float | None = None) -> Counters:
    return Counters(MIDNIGHT_US + round(after_s * SECOND), 0.0, energy_wh, hours_h, power_w)


def test_an_energy_that_ran_on_leaves_the_time_it_may_have_been_made_up_for_by_more_load() -> None:
    """600 s at 3 kW are 500 Wh; at half as much again they take 400 s, less one step."""
    ran = ran_on(read(0, 0.0, None, 3000.0), read(600, 500.0, None), Steps(10.0))
    assert ran is not None
    assert ran.without_s == pytest.approx(600 - 490 / 4500 * 3600)
    assert "energy counter ran on" in ran.words


def test_an_energy_that_stood_still_or_made_one_step_proves_nothing() -> None:
    for counted_wh in (0.0, 10.0):
        assert ran_on(read(0, 0.0, None, 3000.0), read(600, counted_wh, None), Steps(10.0)) is None
    assert ran_on(read(0, 0.0, None, None), read(600, 500.0, None, None), Steps(10.0)) is None, "no power is known"


def test_the_greater_power_of_before_and_after_is_reckoned_with() -> None:
    small = ran_on(read(0, 0.0, None, 1000.0), read(600, 150.0, None, 1000.0), Steps(1.0))
    great = ran_on(read(0, 0.0, None, 1000.0), read(600, 150.0, None, 3000.0), Steps(1.0))
    assert small is not None
    assert great is not None
    assert small.without_s < great.without_s


def test_what_no_load_can_have_made_is_another_meter() -> None:
    assert ran_on(read(0, 0.0, None, 3000.0), read(600, 50_000.0, None, 3000.0), Steps(10.0)) is None


def test_an_hour_counter_proves_it_to_its_step_and_lag_without_a_word_on_load() -> None:
    ran = ran_on(read(0, 7.0, 100.0), read(3600, 7.0, 101.0), Steps(10.0, 0.01))
    assert ran is not None
    assert ran.without_s == pytest.approx(3600 * 0.03)
    assert ran_on(read(0, 7.0, 100.0), read(3600, 7.0, 100.0), Steps(10.0, 0.01)) is None
    assert ran_on(read(0, 7.0, 100.0), read(3600, 7.0, 200.0), Steps(10.0, 0.01)) is None, "another meter"


@given(
    dead_s=st.floats(0, 3600), alive_s=st.floats(1, 3600), power_w=st.floats(50, 50_000), part=st.floats(0.1, 1.5),
    step_wh=st.sampled_from([0.1, 1.0, 10.0, 100.0]), first_wh=st.floats(0, 1e6),
)  # fmt: skip
def test_the_time_without_supply_is_never_told_too_short(
    dead_s: float, alive_s: float, power_w: float, part: float, step_wh: float, first_wh: float
) -> None:
    """Whatever the load, up to half as much again as was known."""

    def shown(energy_wh: float) -> float:
        return step_wh * (energy_wh // step_wh)

    then_wh = first_wh + part * power_w * alive_s / 3600
    ran = ran_on(read(0, shown(first_wh), None, power_w), read(dead_s + alive_s, shown(then_wh), None), Steps(step_wh))
    assert ran is None or ran.without_s >= dead_s - 0.01


def test_a_float_register_is_judged_by_what_a_float_resolves() -> None:
    assert resolved(Steps(10.0), Counters(0, 0.0, 1e11, None)).energy_wh == pytest.approx(1e11 * 2**-23)
    assert resolved(Steps(10.0), Counters(0, 0.0, 1e3, None)).energy_wh == 10.0
