"""Periods as people ask for them -> UTC. Pure; days are those of the site's time zone.

Its ends lie on whole minutes: no figure of a report is of less.

day, week, month      the last one that is over: yesterday, Monday to Sunday, the calendar's month
2026-11               that month
2026-11-23            that day
FROM..TO              days, both of them included, or instants as 2026-11-23T08:00
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.records import DAY_US, HOUR_US, MINUTE_US
from agent.report.figures import Span

# The long record holds no more; asked for decades, a report would take minutes and a gateway's memory.
MOST_DAYS = 400
# Clocks that are turned in autumn make a year of days longer.
_TURNED_US = 2 * HOUR_US
ALLOWED = (
    "day, week, month, 2026-11, 2026-11-23, or FROM..TO of days or of instants of whole minutes as 2026-11-23T08:00, "
    f"{MOST_DAYS} days at most"
)
# Python's own reading takes 20261123 and 2026-W45 too, and nobody means a day by the latter.
_DAY_OR_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def period(text: str, now_us: int, zone: ZoneInfo) -> Span:
    """ValueError for what is none, or ends before it begins."""
    today = (_EPOCH + timedelta(microseconds=now_us)).astimezone(zone).date()
    try:
        found = _named(text.strip(), today, zone) or _from_to(text.strip(), zone)
    except OverflowError as error:
        raise ValueError(f"{text}: beyond the years that a calendar knows") from error
    if found.from_us < 0:
        raise ValueError(f"{text}: before 1970")
    if found.to_us <= found.from_us:
        raise ValueError(f"{text}: does not end after it begins")
    if found.length_us > MOST_DAYS * DAY_US + _TURNED_US:
        raise ValueError(f"{text}: longer than {MOST_DAYS} days")
    if found.from_us % MINUTE_US or found.to_us % MINUTE_US:
        raise ValueError(f"{text}: does not begin and end on whole minutes")
    return found


def _named(text: str, today: date, zone: ZoneInfo) -> Span | None:
    monday = today - timedelta(days=today.weekday())
    first = today.replace(day=1)
    match text:
        case "day":
            return _days(today - timedelta(days=1), today, zone)
        case "week":
            return _days(monday - timedelta(days=7), monday, zone)
        case "month":
            return _days((first - timedelta(days=1)).replace(day=1), first, zone)
    return None


def _from_to(text: str, zone: ZoneInfo) -> Span:
    if ".." in text:
        begin, end = text.split("..", 1)
        return Span(_begin(begin, zone), _end(end, zone))
    return Span(_begin(text, zone), _end(text, zone))


def _begin(text: str, zone: ZoneInfo) -> int:
    return _day_us(_first_of(text), zone) if len(text) <= len("2026-11-23") else _instant_us(text, zone)


def _end(text: str, zone: ZoneInfo) -> int:
    """A day or month is over with the next one's beginning."""
    first = _first_of(text) if len(text) <= len("2026-11-23") else None
    if first is None:
        return _instant_us(text, zone)
    after = first + timedelta(days=1) if len(text) > len("2026-11") else (first + timedelta(days=31)).replace(day=1)
    return _day_us(after, zone)


def _first_of(text: str) -> date:
    if not _DAY_OR_MONTH.fullmatch(text):
        raise ValueError(f"{text}: neither a day nor a month")
    return date.fromisoformat(f"{text}-01" if len(text) == len("2026-11") else text)


def _days(first: date, after: date, zone: ZoneInfo) -> Span:
    return Span(_day_us(first, zone), _day_us(after, zone))


def _day_us(day: date, zone: ZoneInfo) -> int:
    return _us(datetime.combine(day, time(), zone))


def _instant_us(text: str, zone: ZoneInfo) -> int:
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"{text}: no instant")
    told = datetime.fromisoformat(text)
    return _us(told if told.tzinfo is not None else told.replace(tzinfo=zone))


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def offset_us(at_us: int, zone: ZoneInfo) -> int:
    """Local time less UTC at an instant."""
    told = (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone).utcoffset()
    return 0 if told is None else told // timedelta(microseconds=1)
