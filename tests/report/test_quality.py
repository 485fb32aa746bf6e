"""Voltage qualification: hand-counted minutes."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import Interval
from agent.report.figures import Figure, Span
from agent.report.record.columns import columns_of
from agent.report.voltage.quality import Judged, Limits, LocalClock, Quality, quality

MINUTE = 60_000_000
T0 = 1_790_000_400_000_000 // (86_400_000_000) * 86_400_000_000
LN = ("voltage_l1", "voltage_l2", "voltage_l3")
# GB/T 12325-2008, 220 V single-phase: +7 / -10 %
JUDGED = Judged(LN, 220.0, (Limits(198.0, 235.4), Limits(200.0, 230.0)))
LOCAL = LocalClock(lambda at_us: 8 * 3_600_000_000)


def minute(n: int, *volts: float, coverage: float = 1.0) -> Interval:
    return Interval("interval_1min", "m", T0 + n * MINUTE, coverage, 0.0, dict(zip(LN, volts, strict=False)))


def judged(minutes: Iterable[Interval], length_min: int, *outages: tuple[float, float]) -> Quality:
    """By a meter that has as many phases as any of the minutes."""
    rows = list(minutes)
    spans = [Span(T0 + round(a * MINUTE), T0 + round(b * MINUTE)) for a, b in outages]
    own = replace(JUDGED, channels=LN[: max((len(one.values) for one in rows), default=3)])
    return quality(columns_of(rows), Span(T0, T0 + length_min * MINUTE), own, spans, LOCAL)


def judged_of_three(minutes: Iterable[Interval], length_min: int, *limits: Limits) -> Quality:
    own = replace(JUDGED, limits=limits or JUDGED.limits[:1])
    return quality(columns_of(minutes), Span(T0, T0 + length_min * MINUTE), own, (), LOCAL)


def without_l2(n: int, volts: float) -> Interval:
    return Interval("interval_1min", "m", T0 + n * MINUTE, 1.0, 0.0, {LN[0]: volts, LN[2]: 220.0})


def test_the_rate_is_the_share_of_the_monitored_minutes_within_limits_and_both_sides_are_kept_apart() -> None:
    rows = [minute(n, 220.0, 220.0, 220.0) for n in range(7)]
    found = judged([*rows, minute(7, 197.9, 220.0, 220.0), minute(8, 197.9, 190.0, 220.0), minute(9, 235.5, 220.0)], 10)
    # 10 monitored minutes, 2 low, 1 high: 1 - 3/10
    assert (found.monitored_min, found.beyond[0].low_min, found.beyond[0].high_min) == (10, 2, 1)
    assert found.rate().value == pytest.approx(70.0)
    assert found.beyond[0].by_channel == {"voltage_l1": (1, 2), "voltage_l2": (0, 1)}


def test_what_lies_on_a_limit_is_within_it() -> None:
    assert judged([minute(0, 198.0, 235.4, 220.0)], 1).rate().value == 100.0


def test_each_pair_of_limits_has_a_rate_of_its_own() -> None:
    found = judged([minute(0, 199.0), minute(1, 220.0), minute(2, 231.0), minute(3, 220.0)], 4)
    assert (found.rate(0).value, found.rate(1).value) == (100.0, 50.0)


def test_unknown_minutes_are_never_counted_as_good_and_stand_between_the_bounds() -> None:
    found = judged([minute(0, 220.0), minute(1, 190.0)], 8)
    assert (found.monitored_min, found.unknown_min, found.coverage) == (2, 6, 0.25)
    assert found.rate().value == 50.0
    assert not found.rate().is_covered
    # of 8 minutes 1 was bad and 6 may have been: 1 - 7/8 to 1 - 1/8
    assert (found.rate_bounds().low, found.rate_bounds().high) == pytest.approx((12.5, 87.5))


def test_a_minute_that_was_seen_in_part_counts_for_that_part() -> None:
    found = judged([minute(0, 220.0), minute(1, 190.0, coverage=0.5)], 2)
    assert (found.monitored_min, found.unknown_min, found.beyond[0].low_min) == (1.5, 0.5, 0.5)


def test_minutes_that_touch_an_outage_are_neither_good_nor_bad() -> None:
    rows = [minute(0, 220.0), minute(1, 110.0), minute(2, 0.0), minute(3, 150.0), minute(4, 220.0)]
    found = judged(rows, 5, (1.5, 3.2))
    assert (found.monitored_min, found.outage_min, found.unknown_min) == (2, 3, 0)
    assert found.rate().value == 100.0


def test_a_minute_with_phases_on_both_sides_is_bad_once() -> None:
    found = judged([minute(0, 150.0, 270.0, 220.0), minute(1, 220.0)], 2)
    assert (found.beyond[0].low_min, found.beyond[0].high_min) == (1, 0)
    assert found.beyond[0].by_channel == {"voltage_l1": (0, 1), "voltage_l2": (1, 0)}


def test_low_minutes_are_told_by_local_day_and_hour() -> None:
    # 16:00 UTC is midnight in UTC+8
    found = judged([minute(959, 190.0), minute(960, 190.0), minute(961, 190.0)], 1440)
    day = T0 // 86_400_000_000
    assert found.low_by_day == {day: 1, day + 1: 2}
    assert found.low_by_hour == {23: 1, 0: 2}


def test_nothing_measured_is_no_rate() -> None:
    assert judged([], 10).rate() == Figure(None, 0.0, "%", "nothing was measured")


def test_minutes_in_which_a_phase_was_not_read_are_unknown_not_good() -> None:
    rows = [*(minute(n, 220.0, 220.0, 220.0) for n in range(240)), *(without_l2(n, 220.0) for n in range(240, 1440))]
    found = judged_of_three(rows, 1440)
    assert (found.monitored_min, found.unknown_min, found.coverage) == (240, 1200, pytest.approx(1 / 6))
    assert found.rate().value == 100.0
    # of 1440 minutes 1200 may have been bad: 1 - 1200/1440
    assert (found.rate_bounds().low, found.rate_bounds().high) == pytest.approx((100 / 6, 100.0))


def test_a_phase_that_was_never_read_leaves_all_minutes_unknown() -> None:
    found = judged_of_three([without_l2(n, 220.0) for n in range(60)], 60)
    assert (found.monitored_min, found.unknown_min) == (0, 60)
    assert found.rate() == Figure(None, 0.0, "%", "nothing was measured")


def test_a_minute_without_one_phase_is_bad_if_another_is_beyond_the_limits() -> None:
    rows = [minute(0, 220.0, 220.0, 220.0), without_l2(1, 190.0), without_l2(2, 240.0), without_l2(3, 220.0)]
    found = judged_of_three(rows, 4)
    assert (found.monitored_min, found.unknown_min) == (3, 1)
    assert (found.beyond[0].low_min, found.beyond[0].high_min) == (1, 1)
    assert found.rate().value == pytest.approx(100 / 3)


def test_a_minute_without_one_phase_may_be_known_for_one_pair_of_limits_and_unknown_for_the_other() -> None:
    # 199 V lies within 198 and beyond 200
    rows = [minute(0, 220.0, 220.0, 220.0), without_l2(1, 199.0), minute(2, 199.0, 220.0, 220.0)]
    found = judged_of_three(rows, 4, *JUDGED.limits)
    assert (found.rate(0).value, found.rate(0).coverage) == (100.0, 0.5)
    assert (found.rate(1).value, found.rate(1).coverage) == (pytest.approx(100 / 3), 0.75)
    # by the first pair 2 of 4 are good and 2 unknown; by the second 1 good, 2 bad, 1 unknown
    assert (found.rate_bounds(0).low, found.rate_bounds(0).high) == pytest.approx((50.0, 100.0))
    assert (found.rate_bounds(1).low, found.rate_bounds(1).high) == pytest.approx((25.0, 50.0))
    assert (found.monitored_min, found.unknown_min) == (2, 2)
    twice = found + found
    assert (twice.rate(1).value, twice.rate(1).coverage) == (pytest.approx(100 / 3), 0.75)


def test_a_feeder_is_the_minutes_of_its_meters_together() -> None:
    one = judged([minute(0, 220.0), minute(1, 190.0)], 2)
    other = judged([minute(0, 220.0), minute(1, 220.0)], 4)
    both = one + other
    assert both.rate().value == 75.0
    assert both.coverage == pytest.approx(4 / 6)
    assert both.beyond[0].by_channel == {"voltage_l1": (0, 1)}
    assert (Quality() + one) == one


def test_meters_with_one_pair_of_limits_and_with_two_have_one_together() -> None:
    single = Judged(LN, 220.0, (Limits(198.0, 235.4),))
    one = quality(columns_of([minute(0, 220.0), minute(1, 190.0)]), Span(T0, T0 + 2 * MINUTE), single, (), LOCAL)
    together = one + judged([minute(0, 199.0), minute(1, 220.0)], 2)
    assert [beyond.low_min for beyond in together.beyond] == [1]


@given(st.lists(st.tuples(st.booleans(), st.floats(180, 250)), min_size=1, max_size=60))
def test_the_rate_of_all_the_time_lies_between_the_bounds(truth: list[tuple[bool, float]]) -> None:
    found = judged([minute(n, volts) for n, (seen, volts) in enumerate(truth) if seen], len(truth))
    good = sum(198.0 <= volts <= 235.4 for _, volts in truth)
    bounds = found.rate_bounds()
    assert bounds.low - 1e-9 <= 100 * good / len(truth) <= bounds.high + 1e-9
