"""What is put by of the minutes while they pass."""

from collections.abc import Iterator

import pytest

from agent.records import MINUTE_US, Interval
from agent.report.figures import Span
from agent.report.operations.minute_watch import VERIFIED_WITHIN_H, MinuteWatch
from agent.report.record.columns import Columns, columns_of
from agent.report.voltage.quality import Judged, Limits

T0 = 1_790_000_400_000_000
HOUR_US = 60 * MINUTE_US
PERIOD = Span(T0, T0 + 30 * HOUR_US)
JUDGED = {"m": Judged(("voltage_l1",), 220.0, (Limits(198.0, 235.4),))}


def minute(n: int, kind: str = "interval_1min", coverage: float = 1.0, **values: float) -> Interval:
    return Interval(kind, "m", T0 + n * MINUTE_US, coverage, 0.0, values)  # type: ignore[arg-type]


def hourly(minutes: list[Interval]) -> Iterator[Columns]:
    for n in range(0, len(minutes), 60):
        yield from columns_of(minutes[n : n + 60])


def watched(minutes: list[Interval], *restored_us: int) -> MinuteWatch:
    watch = MinuteWatch(PERIOD, JUDGED, ["m"], {"m": restored_us}, ["m"])
    told = list(hourly(minutes))
    assert list(watch.over(lambda meter: told)("m")) == told
    return watch


def test_the_frequency_of_each_minute_is_at_its_place_and_zero_where_it_is_not_known() -> None:
    hertz = watched([minute(n, frequency=50.0 + n / 100) for n in (0, 1, 3)] + [minute(4), minute(7, frequency=49.5)])
    assert list(hertz.hertz["m"][:9]) == pytest.approx([50.0, 50.01, 0, 50.03, 0, 0, 0, 49.5, 0])
    assert len(hertz.hertz["m"]) == 30 * 60


def test_a_whole_hour_is_taken_at_once_and_what_lies_outside_of_the_period_is_left_out() -> None:
    hertz = watched([minute(n, frequency=50.0) for n in range(-30, 90)]).hertz["m"]
    assert (sum(hertz[:90]), sum(hertz[90:])) == (90 * 50.0, 0)
    hertz = watched([minute(n, frequency=50.0) for n in range(1740, 1860)]).hertz["m"]
    assert (sum(hertz[1740:]), len(hertz)) == (60 * 50.0, 1800)


def test_ten_minutes_are_not_taken_for_minutes() -> None:
    assert not any(watched([minute(n, "interval_10min", frequency=50.0) for n in range(5)]).hertz["m"])


def test_after_each_restoration_ten_good_minutes_are_found() -> None:
    minutes = [minute(n, voltage_l1=190.0 if n < 65 else 220.0) for n in range(300)]
    watch = watched(minutes, T0 + 60 * MINUTE_US, T0 + 200 * MINUTE_US + 1)
    assert watch.good_from("m", T0 + 60 * MINUTE_US) == T0 + 75 * MINUTE_US
    assert watch.good_from("m", T0 + 200 * MINUTE_US + 1) == T0 + 211 * MINUTE_US


def test_none_are_known_of_a_meter_that_was_not_watched_or_that_stays_low_for_a_day() -> None:
    hours = VERIFIED_WITHIN_H
    minutes = [minute(n, voltage_l1=190.0 if n < hours * 60 + 120 else 220.0) for n in range(29 * 60)]
    watch = watched(minutes, T0)
    assert watch.good_from("m", T0) is None
    assert watch.good_from("another", T0) is None


def test_the_last_minute_is_the_last() -> None:
    last = watched([minute(n, voltage_l1=220.0 + n) for n in range(70)]).last("m")
    assert last is not None
    assert (last.start_us, last.values) == (T0 + 69 * MINUTE_US, {"voltage_l1": 289.0})
    assert watched([]).last("m") is None
