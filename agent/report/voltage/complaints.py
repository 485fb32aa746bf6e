"""Who is likely to complain of low voltage: found before they do. Pure.

Listed are meters with low voltage for half an hour or more on three days or more of the last 30 of the period (at least
seven), those first where most customers had it for longest. A rule of thumb.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.report.voltage.quality import Quality

LEAST_DAYS, LEAST_MIN = 3, 30.0
_FEWEST, _WITHIN = 7, 30
TOO_SHORT = "it needs a period of 7 days or more"


@dataclass(frozen=True, slots=True)
class Fed:
    """One meter: who is fed there, and its minutes."""

    name: str
    feeder: str | None
    customers: int | None
    quality: Quality


@dataclass(frozen=True, slots=True)
class Complaint:
    """days: with half an hour or more; low_min: of all days that were looked at; customer_min: None where nobody knows
    who is fed there; worst_day: days since 1970, worst_min: its low minutes"""

    meter: str
    feeder: str | None
    customers: int | None
    days: int
    low_min: float
    customer_min: float | None
    worst_day: int
    worst_min: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Risk:
    """within_days: how many were looked at; why: the list is not to be had"""

    within_days: int
    listed: Sequence[Complaint]
    why: str = ""


def risk(meters: Iterable[Fed], first_day: int, last_day: int) -> Risk:
    """first_day, last_day: of the period, local days since 1970, both included."""
    days = last_day - first_day + 1
    if days < _FEWEST:
        return Risk(days, (), TOO_SHORT)
    since = max(first_day, last_day - _WITHIN + 1)
    found = [one for meter in meters if (one := _complaint(meter, since, last_day)) is not None]
    found.sort(key=lambda one: (-(one.customer_min or 0.0), -one.low_min, one.meter))
    return Risk(last_day - since + 1, found)


def _complaint(meter: Fed, since: int, last: int) -> Complaint | None:
    low = {day: minutes for day, minutes in meter.quality.low_by_day.items() if since <= day <= last}
    days = sum(minutes >= LEAST_MIN for minutes in low.values())
    if days < LEAST_DAYS:
        return None
    low_min = sum(low.values())
    worst_day = max(low, key=low.__getitem__)
    return Complaint(
        meter.name, meter.feeder, meter.customers, days, low_min,
        None if meter.customers is None else meter.customers * low_min, worst_day, low[worst_day],
        meter.quality.coverage,
    )  # fmt: skip
