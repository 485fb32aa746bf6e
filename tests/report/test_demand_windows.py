"""When a limit holds, worked out by hand in local time."""

from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from agent.report.demand.windows import held_on, slots, utc_us, windows_of
from agent.report.figures import Span
from agent.report.period import offset_us, period
from agent.sitefile.days import Days, Workdays, read_date, read_dates, read_days, read_window
from agent.sitefile.demand import DemandLimit

SHANGHAI, BERLIN = (partial(offset_us, zone=ZoneInfo(name)) for name in ("Asia/Shanghai", "Europe/Berlin"))
NOON = ((540, 720),)
EVERY_WEEK = Workdays()


def span(text: str, zone: str = "Asia/Shanghai") -> Span:
    return period(text, 0, ZoneInfo(zone))


def told(limit: DemandLimit, text: str, workdays: Workdays = EVERY_WEEK, zone: str = "Asia/Shanghai") -> list[str]:
    """Beginnings and ends in UTC."""
    found = windows_of(limit, workdays, span(text, zone), partial(offset_us, zone=ZoneInfo(zone)))
    return [f"{utc(one.span.from_us)} {utc(one.span.to_us)}" for one in found]


def utc(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%d %H:%M}"


def test_a_window_is_of_the_sites_own_time() -> None:
    assert told(DemandLimit("a", "m", 1.0, NOON), "2026-11-23") == ["23 01:00 23 04:00"]


def test_one_that_crosses_midnight_ends_on_the_next_day_and_belongs_to_the_first() -> None:
    night = DemandLimit("a", "m", 1.0, (read_window("22:00-06:00"),))
    assert told(night, "2026-11-23") == ["23 14:00 23 22:00"]
    assert told(night, "2026-11-23..2026-11-24") == ["23 14:00 23 22:00", "24 14:00 24 22:00"]


def test_it_holds_from_its_first_day_to_its_last_both_included() -> None:
    limit = DemandLimit("a", "m", 1.0, NOON, from_day=read_date("2026-11-24"), until_day=read_date("2026-11-25"))
    assert told(limit, "2026-11-23..2026-11-30") == ["24 01:00 24 04:00", "25 01:00 25 04:00"]


# 2026-11-23 is a Monday; the 25th is a holiday, the 28th, a Saturday, is worked.
YEAR = Workdays(read_dates(["2026-11-25"]), read_dates(["2026-11-28"]))


@pytest.mark.parametrize(
    ("days", "on"),
    [
        ("all", [23, 24, 25, 26, 27, 28, 29]),
        ("workdays", [23, 24, 26, 27, 28]),
        ("free", [25, 29]),
        (["tue", "2026-11-29"], [24, 29]),
    ],
)
def test_it_holds_on_the_days_that_are_named(days: object, on: list[int]) -> None:
    limit = DemandLimit("a", "m", 1.0, NOON, read_days(days))
    assert [int(one[:2]) for one in told(limit, "2026-11-23..2026-11-29", YEAR)] == on


def test_a_window_that_began_before_the_period_is_none_of_it() -> None:
    limit = DemandLimit("a", "m", 1.0, NOON)
    assert told(limit, "2026-11-23T10:00..2026-11-24T10:00") == ["24 01:00 24 04:00"]


def test_on_the_day_on_which_clocks_go_forward_a_night_is_an_hour_shorter_and_in_autumn_longer() -> None:
    night = DemandLimit("a", "m", 1.0, (read_window("22:00-06:00"),))
    assert told(night, "2026-03-28", zone="Europe/Berlin") == ["28 21:00 29 04:00"]
    assert told(night, "2026-10-24", zone="Europe/Berlin") == ["24 20:00 25 05:00"]


def test_of_a_time_that_comes_twice_the_first_is_meant_and_one_that_is_left_out_is_an_hour_later() -> None:
    twice, never = ((read_date(day) * 1440 + 150) * 60_000_000 for day in ("2026-10-25", "2026-03-29"))  # 02:30
    assert utc(utc_us(twice, BERLIN)) == "25 00:30"
    assert utc(utc_us(never, BERLIN)) == "29 01:30"  # 03:30 there


def test_days_on_which_it_held_or_was_made_up_for_are_known() -> None:
    evening = DemandLimit("a", "m", 1.0, (read_window("22:00-23:30"),), read_days(["2026-11-24"]))
    days = held_on(evening, Workdays(), span("2026-11-20..2026-11-30"), SHANGHAI)
    assert days == {read_date("2026-11-24"), read_date("2026-11-25")}  # the hour after ends at half past midnight
    sooner = DemandLimit("a", "m", 1.0, (read_window("22:00-23:00"),), read_days(["2026-11-24"]))
    assert held_on(sooner, Workdays(), span("2026-11-20..2026-11-30"), SHANGHAI) == {read_date("2026-11-24")}


def test_a_slot_is_a_local_day_and_a_quarter_of_an_hour_of_it() -> None:
    assert slots(SHANGHAI)(span("2026-11-23T08:15..2026-11-24").from_us) == (read_date("2026-11-23"), 33)


@pytest.mark.parametrize("text", ["9:00-12:00", "09:10-12:00", "09:00-09:00", "24:00-06:00", "09:00-24:15",
                                  "09:75-10:00", "09:00", ""])  # fmt: skip
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_window(text)


def test_a_whole_day_is_a_window() -> None:
    assert read_window("00:00-24:00") == (0, 1440)


@pytest.mark.parametrize("days", ["daily", [], ["monday"], ["2026-13-01"], [["mon"]], 3, ["2026-10-07..2026-10-01"],
                                  ["2026-01-01..2028-01-01"]])  # fmt: skip
def test_what_are_no_days_is_refused(days: object) -> None:
    with pytest.raises(ValueError):
        read_days(days)


def test_days_are_said_as_they_were_written() -> None:
    assert str(read_days(["2026-11-29", "wed", "mon"])) == "mon, wed, 2026-11-29"
    assert str(Days("workdays")) == "workdays"
