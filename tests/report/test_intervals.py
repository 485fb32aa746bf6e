"""Readings into intervals: means, extremes, coverage, and what is unknown."""

from collections.abc import Mapping
from math import sqrt

import pytest

from agent.detect.unbalance import iec_u2
from agent.records import Interval, IntervalKind, Quality, Reading
from agent.report.record.intervals import Intervals

MINUTE = 60_000_000
T0 = 1_790_000_400_000_000  # a whole ten minutes


def reading(
    end_s: float,
    volts: float,
    *,
    window_s: float = 10.0,
    values: Mapping[str, float] | None = None,
    quality: Quality = "good",
    flags: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
) -> Reading:
    least, most = ({} if value is None else {"voltage_l1": value} for value in (low, high))
    at_us = T0 + round(end_s * 1e6)
    return Reading("m", at_us, window_s, quality, flags, {"voltage_l1": volts, **(values or {})}, least, most)


def fed(kind: IntervalKind, *readings: Reading, seen_s: float = 10.0) -> list[Interval]:
    intervals = Intervals("m", kind)
    return [told for one in readings for told in intervals.add(one, seen_s)]


def test_the_origin_of_these_tests_is_a_tick_of_all_lengths() -> None:
    assert T0 % (10 * MINUTE) == 0


def test_a_minute_is_told_with_the_reading_that_ends_it_and_stamped_at_its_start() -> None:
    (minute,) = fed("interval_1min", *(reading(10 * n, 230.0) for n in range(1, 7)))
    assert (minute.kind, minute.meter, minute.start_us) == ("interval_1min", "m", T0)
    assert (minute.coverage, minute.flagged, minute.values) == (1.0, 0.0, {"voltage_l1": 230.0})


def test_the_mean_of_a_voltage_is_the_root_of_the_mean_square_and_of_a_power_the_plain_one() -> None:
    rows = [reading(10 * n, 200.0 if n < 4 else 240.0, values={"active_power_total": 1e3 * n}) for n in range(1, 7)]
    (minute,) = fed("interval_1min", *rows)
    # IEC 61000-4-30: the root of the mean of squares; three times 200 V and 240 V
    assert minute.values["voltage_l1"] == pytest.approx(sqrt((200**2 + 240**2) / 2))
    assert minute.values["active_power_total"] == pytest.approx(3500.0)


def test_extremes_are_those_of_the_readings() -> None:
    low = reading(10, 230.0, low=180.0, high=231.0)
    (minute,) = fed("interval_1min", low, *(reading(10 * n, 229.0) for n in range(2, 7)))
    assert (minute.min["voltage_l1"], minute.max["voltage_l1"]) == (180.0, 231.0)


def test_what_was_not_seen_lowers_the_coverage_and_is_in_no_mean() -> None:
    (minute,) = fed("interval_1min", reading(10, 220.0), reading(20, 220.0), reading(70, 240.0))
    assert minute.values == {"voltage_l1": 220.0}
    assert minute.coverage == pytest.approx(20 / 60)


def test_of_a_minute_in_which_nothing_was_seen_there_is_none() -> None:
    told = fed("interval_1min", reading(60, 220.0), reading(250, 220.0), reading(310, 220.0))
    assert [(one.start_us - T0) // MINUTE for one in told] == [0, 4]


def test_a_reading_of_which_a_part_was_seen_weighs_that_part() -> None:
    intervals = Intervals("m", "interval_1min")
    intervals.add(reading(30, 200.0, window_s=30), 30.0)
    (minute,) = intervals.add(reading(60, 240.0, window_s=30), 10.0)
    assert minute.coverage == pytest.approx(40 / 60)
    assert minute.values["voltage_l1"] == pytest.approx(sqrt((3 * 200**2 + 240**2) / 4))


def test_a_reading_across_a_tick_counts_on_either_side_with_its_part_and_with_its_extremes_on_both() -> None:
    across = reading(65, 200.0, low=190.0, high=205.0)
    first, second = fed("interval_1min", reading(55, 230.0, window_s=55), across, reading(120, 230.0, window_s=55),
                        seen_s=99.0)  # fmt: skip
    assert first.values["voltage_l1"] == pytest.approx(sqrt((55 * 230**2 + 5 * 200**2) / 60))
    assert second.values["voltage_l1"] == pytest.approx(sqrt((55 * 230**2 + 5 * 200**2) / 60))
    assert first.min["voltage_l1"] == second.min["voltage_l1"] == 190.0


def test_a_reading_longer_than_the_interval_says_nothing_about_it() -> None:
    assert fed("interval_1min", reading(300, 230.0, window_s=300), reading(600, 230.0, window_s=300), seen_s=300) == []
    assert len(fed("interval_10min", reading(300, 230.0, window_s=300), reading(600, 230.0, window_s=300),
                   seen_s=300)) == 1  # fmt: skip


def test_the_flagged_share_is_of_what_was_seen() -> None:
    rows = [reading(10 * n, 230.0, quality="questionable" if n == 1 else "good") for n in range(1, 6)]
    (minute,) = fed("interval_1min", *rows, reading(60, 230.0, flags=("test",)))
    assert minute.flagged == pytest.approx(2 / 6)


def test_an_invalid_reading_is_unknown_time() -> None:
    (minute,) = fed("interval_1min", reading(30, 1.0, window_s=30, quality="invalid"),
                    reading(60, 230.0, window_s=30), seen_s=30)  # fmt: skip
    assert (minute.values, minute.coverage) == ({"voltage_l1": 230.0}, 0.5)


def test_counters_have_no_mean() -> None:
    (minute,) = fed("interval_1min", reading(60, 230.0, window_s=60, values={"active_energy_import": 5e6}), seen_s=60)
    assert set(minute.values) == {"voltage_l1"}


def test_a_quantity_that_is_read_now_and_then_is_the_mean_of_when_it_was() -> None:
    rows = [reading(10 * n, 230.0, values={"frequency": 50.0 + n / 100} if n % 3 == 0 else {}) for n in range(1, 7)]
    (minute,) = fed("interval_1min", *rows)
    assert minute.values["frequency"] == pytest.approx(50.045)


def test_ten_minutes_hold_sixty_readings_of_ten_seconds() -> None:
    told = fed("interval_10min", *(reading(10 * n, 220.0 + n % 2) for n in range(1, 121)))
    assert [one.start_us for one in told] == [T0, T0 + 10 * MINUTE]
    assert all(one.coverage == pytest.approx(1.0) for one in told)


LL = ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")


def lines(*volts: float) -> dict[str, float]:
    return dict(zip(LL, volts, strict=True))


def test_ten_minutes_have_the_unbalance_of_their_readings_which_that_of_their_means_would_hide() -> None:
    # 203, 210, 212 V: u2 2.606 % (power-quality.md, 8); the weak line changes with each reading
    turns = [(203.0, 210.0, 212.0), (212.0, 203.0, 210.0), (210.0, 212.0, 203.0)]
    rows = [reading(10 * n, 120.0, values=lines(*turns[n % 3])) for n in range(1, 61)]
    (ten,) = fed("interval_10min", *rows)
    assert ten.values["voltage_unbalance"] == pytest.approx(2.606, abs=5e-4)
    assert iec_u2(*(ten.values[name] for name in LL)) == pytest.approx(0.0, abs=1e-5)


def test_the_unbalance_of_ten_minutes_is_a_root_mean_square() -> None:
    volts = [lines(203, 210, 212)] * 30 + [lines(210, 210, 210)] * 30
    rows = [reading(10 * n, 120.0, values=one) for n, one in enumerate(volts, start=1)]
    (ten,) = fed("interval_10min", *rows)
    assert ten.values["voltage_unbalance"] == pytest.approx(2.606 / sqrt(2), abs=5e-4)
    assert ten.max["voltage_unbalance"] == pytest.approx(2.606, abs=5e-4)


def test_a_minute_has_no_unbalance_nor_has_what_lacks_a_line_or_is_dead() -> None:
    (minute,) = fed("interval_1min", *(reading(10 * n, 120.0, values=lines(203, 210, 212)) for n in range(1, 7)))
    assert "voltage_unbalance" not in minute.values
    for values in ({"voltage_l1_l2": 400.0}, lines(0, 0, 0), lines(400, 0, 400)):
        (ten,) = fed("interval_10min", *(reading(10 * n, 120.0, values=values) for n in range(1, 61)))
        assert "voltage_unbalance" not in ten.values


def test_when_the_clock_is_set_back_no_interval_is_told_twice() -> None:
    rows = [reading(10 * n, 230.0) for n in range(1, 13)]
    back = [reading(10 * n, 190.0) for n in range(1, 13)]
    told = fed("interval_1min", *rows, *back, *(reading(10 * n, 220.0) for n in range(13, 19)))
    assert [(one.start_us - T0) // MINUTE for one in told] == [0, 1, 2]
    assert told[1].values["voltage_l1"] == 230.0


def test_a_meter_that_fell_silent_has_its_last_interval_told_by_a_flush() -> None:
    intervals = Intervals("m", "interval_1min")
    assert not intervals.add(reading(10, 230.0), 10.0)
    assert not intervals.flush(T0 + MINUTE - 1)
    (minute,) = intervals.flush(T0 + MINUTE)
    assert minute.coverage == pytest.approx(1 / 6)
    assert not intervals.flush(T0 + MINUTE)
