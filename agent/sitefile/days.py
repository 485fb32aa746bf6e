"""Days and times of day as a site file says them. Pure. A day is a number: of days since 1970, in local time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

Kind = Literal["all", "workdays", "free"]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 1440
# Demand is measured in blocks of a quarter of an hour: a window that begins within one cannot be judged.
_BLOCK_MIN = 15
_WINDOW = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")
_EPOCH = date(1970, 1, 1)
_LONGEST_DAYS = 366

WINDOWS_ALLOWED = 'times of day on quarter hours, as ["09:00-12:00", "22:00-06:00"], the last until the next day'
DAYS_ALLOWED = '"all", "workdays", "free" (what is no working day), or weekdays and dates, as ["mon", "2026-10-01"]'
DATE_ALLOWED = 'a date, as "2026-07-01"'
DATES_ALLOWED = 'dates and ranges of dates, as ["2026-05-01", "2026-10-01..2026-10-07"]'


@dataclass(frozen=True, slots=True)
class Workdays:
    """holidays: Mondays to Fridays that are free; worked: Saturdays and Sundays that are not"""

    holidays: frozenset[int] = frozenset()
    worked: frozenset[int] = frozenset()

    def __contains__(self, day: int) -> bool:
        return day in self.worked or (weekday(day) < 5 and day not in self.holidays)


@dataclass(frozen=True, slots=True)
class Days:
    """kind: None where weekdays (0 is Monday) and dates are named"""

    kind: Kind | None = "all"
    weekdays: frozenset[int] = frozenset()
    dates: frozenset[int] = frozenset()

    def holds(self, day: int, workdays: Workdays) -> bool:
        if self.kind is not None:
            return self.kind == "all" or (day in workdays) == (self.kind == "workdays")
        return weekday(day) in self.weekdays or day in self.dates

    def __str__(self) -> str:
        named = (*(WEEKDAYS[n] for n in sorted(self.weekdays)), *map(shown, sorted(self.dates)))
        return self.kind or ", ".join(named)


def weekday(day: int) -> int:
    """0 is Monday; 1970 began on a Thursday."""
    return (day + 3) % 7


def shown(day: int) -> str:
    return str(date.fromordinal(_EPOCH.toordinal() + day))


def time_of_day(minute: int) -> str:
    """1440 is 24:00; what lies beyond is on the next day."""
    within = minute if minute <= DAY_MIN else minute - DAY_MIN
    return f"{within // 60:02d}:{within % 60:02d}"


def read_window(text: str) -> tuple[int, int]:
    """``"22:00-06:00"`` -> minutes of the day (1320, 1800): the end comes after. ValueError if it is none."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError(text)
    from_min, to_min = 60 * int(match[1]) + int(match[2]), 60 * int(match[3]) + int(match[4])
    odd = from_min % _BLOCK_MIN or to_min % _BLOCK_MIN or int(match[2]) > 59 or int(match[4]) > 59
    if odd or from_min >= DAY_MIN or to_min > DAY_MIN or from_min == to_min:
        raise ValueError(text)
    return from_min, to_min if to_min > from_min else to_min + DAY_MIN


def read_date(told: object) -> int:
    """``"2026-07-01"``, or a date of TOML."""
    found = date.fromisoformat(told) if isinstance(told, str) and len(told) == len("2026-07-01") else told
    if not isinstance(found, date) or isinstance(found, datetime):
        raise ValueError(told)
    return (found - _EPOCH).days


def read_dates(told: object) -> frozenset[int]:
    if not isinstance(told, list):
        raise ValueError("no list")
    return frozenset(day for one in told for day in _range(one))


def _range(told: object) -> Iterator[int]:
    first, _, last = told.partition("..") if isinstance(told, str) else (told, "", "")
    from_day = read_date(first)
    to_day = read_date(last) if last else from_day
    if not from_day <= to_day < from_day + _LONGEST_DAYS:
        raise ValueError(told)
    yield from range(from_day, to_day + 1)


def read_days(told: object) -> Days:
    kind = next((word for word in get_args(Kind) if word == told), None)
    if kind is not None:
        return Days(kind)
    if not isinstance(told, list) or not told:
        raise ValueError(told)
    named = frozenset(WEEKDAYS.index(one) for one in told if one in WEEKDAYS)
    return Days(None, named, read_dates([one for one in told if one not in WEEKDAYS]))
