"""What is asked of the minutes of all meters beside their voltages, put by while they pass once. Pure."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import isnan

from agent.records import HOUR_US, MINUTE_US, Interval
from agent.report.figures import Span
from agent.report.operations.closed_loop import ten_good_minutes
from agent.report.record.columns import Columns
from agent.report.voltage.quality import Judged

# After a restoration ten good minutes are looked for this long.
VERIFIED_WITHIN_H = 24


class MinuteWatch:
    """meters: what is judged of each; hertz_of: whose frequency is compared; restored: by meter the instants after
    which ten good minutes are looked for; last_of: whose last minute is wanted."""

    def __init__(
        self, period: Span, meters: Mapping[str, Judged], hertz_of: Iterable[str],
        restored: Mapping[str, Sequence[int]], last_of: Iterable[str],
    ) -> None:  # fmt: skip
        self._period = period
        self._judged = meters
        self._restored = restored
        self._after: dict[str, list[Columns]] = {meter: [] for meter in restored}
        self._last: dict[str, Columns | None] = dict.fromkeys(last_of)
        minutes = -(-period.length_us // MINUTE_US)
        # Four bytes each resolve microhertz, and a year of forty meters still fits; 0: not known.
        self.hertz = {meter: array("f", bytes(4 * minutes)) for meter in hertz_of}

    def over(self, intervals: Callable[[str], Iterable[Columns]]) -> Callable[[str], Iterable[Columns]]:
        """The same, watched."""
        return lambda meter: self.passing(meter, intervals(meter))

    def passing(self, meter: str, told: Iterable[Columns]) -> Iterator[Columns]:
        """All of one meter's intervals, as they are."""
        for columns in told:
            if columns.kind == "interval_1min" and columns.start_us:
                self._take(meter, columns)
            yield columns

    def _take(self, meter: str, minutes: Columns) -> None:
        if meter in self._last:
            self._last[meter] = minutes
        first_us, last_us = minutes.start_us[0], minutes.start_us[-1]
        within_us = VERIFIED_WITHIN_H * HOUR_US
        if any(first_us - within_us <= at_us <= last_us for at_us in self._restored.get(meter, ())):
            self._after[meter].append(minutes)
        hertz = self.hertz.get(meter)
        if hertz is not None and "frequency" in minutes.values:
            _fill(hertz, minutes.values["frequency"], minutes.start_us, self._period.from_us)

    def good_from(self, meter: str, after_us: int) -> int | None:
        """When ten good minutes after that instant were over; None where none are known of."""
        judged = self._judged.get(meter)
        if judged is None:
            return None
        minutes = (row for columns in self._after.get(meter, ()) for row in columns.rows())
        limits = judged.limits[0]
        return ten_good_minutes(minutes, judged.channels, (limits.low_v, limits.high_v), after_us)

    def last(self, meter: str) -> Interval | None:
        """Of what is asked of."""
        columns = self._last.get(meter)
        return None if columns is None else list(columns.rows())[-1]


def _fill(hertz: "array[float]", told: Sequence[float], at: Sequence[int], from_us: int) -> None:
    first = (at[0] - from_us) // MINUTE_US
    in_a_row = first >= 0 and first + len(at) <= len(hertz) and at[-1] - at[0] == (len(at) - 1) * MINUTE_US
    if in_a_row and not isnan(sum(told)):
        hertz[first : first + len(at)] = array("f", told)
        return
    for at_us, value in zip(at, told, strict=True):
        n = (at_us - from_us) // MINUTE_US
        if 0 <= n < len(hertz) and not isnan(value):
            hertz[n] = value
