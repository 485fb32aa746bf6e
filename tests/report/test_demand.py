"""Limits, forecast, baseline and rebound: computed by hand."""

from collections.abc import Collection, Iterable
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import Interval
from agent.report.demand.compliance import (
    INCOMPLETE,
    WITHIN,
    Block,
    Compliance,
    Past,
    Window,
    blocks,
    compliance,
    forecast_w,
)
from agent.report.figures import Bounds, Figure, Span, judged
from agent.report.record.columns import columns_of
from agent.report.record.demand_blocks import BLOCK_US

DAY_US = 96 * BLOCK_US
T0 = 20_000 * DAY_US  # day 20 000 since 1970


def block(day: int, place: int, watts: float, coverage: float = 1.0, slack: float = 0.0) -> Block:
    return Block(T0 + day * DAY_US + place * BLOCK_US, watts, Bounds(watts - slack, watts + slack), coverage)


def slot_of(start_us: int) -> tuple[int, int]:
    return start_us // DAY_US - 20_000, start_us % DAY_US // BLOCK_US


def days(count: int, watts: float, places: Iterable[int] = range(40, 52)) -> list[Block]:
    return [block(day, place, watts) for day in range(count) for place in places]


def window(day: int, first: int, last: int, limit_w: float) -> Window:
    from_us = T0 + day * DAY_US + first * BLOCK_US
    return Window(Span(from_us, from_us + (last - first) * BLOCK_US), limit_w)


def complied(found: list[Block], asked: Window, held_on: Collection[int] = ()) -> Compliance:
    return compliance(Past(found, slot_of, lambda day: True, held_on), asked)


def test_the_forecast_is_what_was_used_and_what_is_left_at_this_power() -> None:
    # 5 minutes used 1000 to 1100 Wh, 10 minutes left at 18 kW are 3000 Wh: four times 4000 to 4100
    assert forecast_w(Bounds(1000, 1100), 18_000, 10 * 60_000_000) == Bounds(16_000, 16_400)


@pytest.mark.parametrize(("limit_w", "verdict"), [(1001, "kept"), (1000, "undecided"), (980, "violated")])
def test_a_verdict_is_sure_or_undecided(limit_w: float, verdict: str) -> None:
    assert judged(block(0, 0, 991, slack=10).demand_w, limit_w) == verdict


@given(st.floats(0, 2000), st.floats(0, 50), st.floats(-1, 1), st.floats(0, 2000))
def test_no_sure_verdict_is_wrong(true_w: float, slack: float, off: float, limit_w: float) -> None:
    found = Block(0, true_w, Bounds(true_w - slack * (1 - abs(off)), true_w + slack), 1.0)
    verdict = judged(found.demand_w, limit_w)
    assert (verdict, true_w > limit_w) not in (("kept", True), ("violated", False))


def test_a_window_is_kept_when_all_its_blocks_surely_are() -> None:
    told = complied(days(1, 900), window(0, 44, 48, 1000))
    assert (told.verdict, told.violated, told.of, told.coverage) == ("kept", 0, 4, 1.0)


def test_the_highest_block_and_the_room_above_it_lie_between_bounds() -> None:
    found = [block(0, place, watts, slack=10) for place, watts in ((44, 900), (45, 950), (46, 940), (47, 800))]
    told = complied(found, window(0, 44, 48, 1000))
    assert told.worst == found[1]
    assert told.highest_w == Bounds(940, 960)
    assert told.headroom_w == Bounds(40, 60)
    # 3590 W for a quarter of an hour each, give or take 4 x 10 W
    assert told.used_wh == Bounds(3550 / 4, 3630 / 4)


def test_what_was_not_measured_may_have_been_any_power() -> None:
    told = complied([block(0, place, 900) for place in (44, 45, 46)], window(0, 44, 48, 1000))
    assert told.highest_w == Bounds(900, inf)
    assert told.headroom_w == Bounds(-inf, 100)
    assert told.used_wh == Bounds(675, inf)
    assert told.coverage == 0.75


def test_of_a_window_in_which_nothing_was_measured_nothing_is_known_but_that() -> None:
    told = complied([], window(0, 44, 48, 1000))
    assert (told.verdict, told.worst, told.highest_w, told.coverage) == ("undecided", None, Bounds(0, inf), 0.0)


def test_one_block_surely_above_is_a_violation_even_where_others_are_missing() -> None:
    told = complied([block(0, 44, 1100)], window(0, 44, 48, 1000))
    assert (told.verdict, told.violated, told.of) == ("violated", 1, 4)


def test_a_missing_or_incomplete_block_leaves_it_undecided() -> None:
    some = [block(0, place, 900) for place in (44, 45, 46)]
    assert complied(some, window(0, 44, 48, 1000)).verdict == "undecided"
    assert complied([*some, block(0, 47, 900, coverage=0.9)], window(0, 44, 48, 1000)).verdict == "undecided"


def test_why_a_window_is_undecided_is_said() -> None:
    within = complied([block(0, place, 995, slack=10) for place in range(44, 48)], window(0, 44, 48, 1000))
    assert (within.verdict, within.why) == ("undecided", WITHIN)
    some = complied([block(0, place, 900) for place in (44, 45, 46)], window(0, 44, 48, 1000))
    assert (some.verdict, some.why) == ("undecided", INCOMPLETE)
    assert complied(days(1, 900), window(0, 44, 48, 1000)).why == ""


def test_curtailed_energy_and_rebound_are_against_the_same_slots_of_five_like_days() -> None:
    found = days(5, 1000) + [block(5, place, 600) for place in range(44, 48)]
    found += [block(5, place, 1200) for place in range(48, 52)]
    told = complied(found, window(5, 44, 48, 700))
    # four quarters of an hour 400 W below: 400 Wh; the hour after 200 W above
    assert told.curtailed_wh == Figure(400.0, 1.0, "Wh")
    assert told.rebound_w == Figure(200.0, 1.0, "W")


def test_like_days_are_working_days_for_a_working_day() -> None:
    found = [one for day in range(10) for one in (block(day, 44, 1000 if day % 2 else 100),)] + [block(11, 44, 600)]
    told = compliance(Past(found, slot_of, lambda day: day % 2 == 1), window(11, 44, 45, 700))
    assert told.curtailed_wh.value == pytest.approx(100.0)


def test_days_on_which_the_limit_held_are_no_baseline() -> None:
    found = days(5, 1000) + [block(day, place, 600) for day in (5, 6, 7) for place in range(44, 48)]
    asked = window(7, 44, 48, 700)
    # Held against 1000, 1000, 1000, 600 and 600 W it would be 240 Wh.
    assert complied(found, asked, held_on={5, 6, 7}).curtailed_wh.value == pytest.approx(400.0)
    assert complied(found, asked, held_on=range(8)).curtailed_wh.value is None


def test_a_baseline_is_no_older_than_31_days() -> None:
    found = [block(day, 44, 1000) for day in range(5)]
    assert complied([*found, block(31, 44, 600)], window(31, 44, 45, 700)).curtailed_wh.value == pytest.approx(100.0)
    assert complied([*found, block(32, 44, 600)], window(32, 44, 45, 700)).curtailed_wh.value is None


def test_without_five_like_days_there_is_no_baseline_and_it_says_so() -> None:
    told = complied(days(4, 1000) + [block(5, place, 600) for place in range(44, 52)], window(5, 44, 48, 700))
    assert told.curtailed_wh.value is None
    assert "five like days" in told.curtailed_wh.why
    assert "five like days" in told.rebound_w.why


def test_a_rebound_wants_the_whole_hour_after() -> None:
    told = complied(days(5, 1000) + [block(5, place, 600) for place in range(44, 50)], window(5, 44, 48, 700))
    assert "hour after" in told.rebound_w.why


def interval(value: float, coverage: float, *bounds: float) -> Interval:
    low, high = ({"active_power_demand": one} for one in bounds) if bounds else ({}, {})
    return Interval("demand_15min", "m", T0, coverage, 0.0, {"active_power_demand": value}, low, high)


def test_blocks_have_the_bounds_of_their_registers_and_without_those_of_what_was_seen() -> None:
    sure, seen = blocks(columns_of([interval(100, 1.0, 98, 103), interval(100, 0.8)]))
    assert sure.demand_w == Bounds(98, 103)
    assert seen.demand_w == Bounds(80, inf)
    assert not seen.is_complete
