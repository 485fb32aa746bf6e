"""Periods as people write them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agent.report.period import ALLOWED, MOST_DAYS, offset_us, period
from agent.report.record.history import KEEP_DAYS

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


# a Wednesday; in Shanghai it is the 26th already
NOW = us("2026-11-25T18:00:00+00:00")


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("day", "2026-11-25T00:00+08:00", "2026-11-26T00:00+08:00"),
        ("week", "2026-11-16T00:00+08:00", "2026-11-23T00:00+08:00"),
        ("month", "2026-10-01T00:00+08:00", "2026-11-01T00:00+08:00"),
        ("2026-12", "2026-12-01T00:00+08:00", "2027-01-01T00:00+08:00"),
        ("2026-02", "2026-02-01T00:00+08:00", "2026-03-01T00:00+08:00"),
        ("2026-11-23", "2026-11-23T00:00+08:00", "2026-11-24T00:00+08:00"),
        ("2026-11-01..2026-11-30", "2026-11-01T00:00+08:00", "2026-12-01T00:00+08:00"),
        ("2026-10..2026-11", "2026-10-01T00:00+08:00", "2026-12-01T00:00+08:00"),
        ("2026-11-23T08:00..2026-11-23T18:30", "2026-11-23T08:00+08:00", "2026-11-23T18:30+08:00"),
        ("2026-11-23T08:00Z..2026-11-24", "2026-11-23T08:00+00:00", "2026-11-25T00:00+08:00"),
    ],
)
def test_what_people_write_is_understood_in_the_sites_time_zone(text: str, begin: str, end: str) -> None:
    found = period(text, NOW, SHANGHAI)
    assert (found.from_us, found.to_us) == (us(begin), us(end))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13",
        "2026-11-31",
        "2026-11-24..2026-11-23",
        "..",
        "1",
        "2026",
        "2026-W45",
        "2026-W45-1",
        "20261120",
        "20261120..20261121",
        "2026-11-23T08",
        "2026-11-23T08:00:00.5..2026-11-24",
        "2026-11-23 08:00..2026-11-24",
        "9999-12",
        "9999-12-31",
        "0001-01",
        "0001-01-01T00:00..2026-11-23",
        "２０２６-11",
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        period(text, NOW, SHANGHAI)


@pytest.mark.parametrize("ends", ["10:00..2026-11-23T10:00:30", "10:00:30..2026-11-23T11:00"])
def test_minutes_are_the_smallest_of_a_report_and_parts_of_one_are_refused(ends: str) -> None:
    with pytest.raises(ValueError, match="whole minutes"):
        period(f"2026-11-23T{ends}", NOW, SHANGHAI)
    assert "whole minutes" in ALLOWED


def test_the_day_on_which_clocks_are_set_back_has_25_hours() -> None:
    found = period("2026-10-25", NOW, BERLIN)
    assert found.length_us == 25 * 3_600_000_000


def test_the_offset_of_an_instant_follows_summer_time() -> None:
    assert [offset_us(us(at), BERLIN) // 3_600_000_000 for at in ("2026-07-01T00:00Z", "2026-12-01T00:00Z")] == [2, 1]


def test_a_period_is_no_longer_than_the_long_record() -> None:
    assert MOST_DAYS == KEEP_DAYS
    longest = period("2025-09-25..2026-10-29", NOW, BERLIN)
    assert longest.length_us == 400 * 86_400_000_000 + 3_600_000_000
    with pytest.raises(ValueError, match="longer than 400 days"):
        period("2025-09-25..2026-10-30", NOW, BERLIN)
    assert "400 days at most" in ALLOWED
