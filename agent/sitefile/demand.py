"""What was agreed on, or ordered, of demand: how much a meter may draw, and when. Typed objects of the site file."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.sitefile.days import DAY_MIN, Days, Workdays, shown, time_of_day


@dataclass(frozen=True, slots=True)
class DemandLimit:
    """One limit of one meter, in local time.

    windows: minutes of the day on which they begin, in order; from_day, until_day: the first and the last, None: no end
    ordered: by who distributes power, not agreed on
    """

    name: str
    meter: str
    limit_w: float
    windows: tuple[tuple[int, int], ...] = ((0, DAY_MIN),)
    days: Days = field(default_factory=Days)
    from_day: int | None = None
    until_day: int | None = None
    ordered: bool = False

    def holds_on(self, day: int, workdays: Workdays) -> bool:
        """Whether its windows begin on that day."""
        begun = self.from_day is None or self.from_day <= day
        over = self.until_day is not None and self.until_day < day
        return begun and not over and self.days.holds(day, workdays)

    @property
    def times(self) -> str:
        return ", ".join(f"{time_of_day(begin)}-{time_of_day(end)}" for begin, end in self.windows)

    @property
    def dates(self) -> str:
        """Empty where it holds for ever."""
        ends = ["" if day is None else shown(day) for day in (self.from_day, self.until_day)]
        return "..".join(ends) if any(ends) else ""


@dataclass(frozen=True, slots=True)
class DemandSite:
    """All limits, and which days are working days."""

    limits: tuple[DemandLimit, ...] = ()
    workdays: Workdays = field(default_factory=Workdays)

    @property
    def meters(self) -> Iterator[str]:
        """Each once."""
        return iter(dict.fromkeys(limit.meter for limit in self.limits))
