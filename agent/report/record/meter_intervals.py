"""All intervals of one meter. Readings of a second at most are put by and counted together, column by column. Pure.

Where every poll is published that is ten readings a second; each counted by itself they cost a fifth of all CPU.
"""

from collections.abc import Collection

from agent.records import MINUTE_US, Interval, Reading
from agent.report.record.demand_blocks import DEMAND_OF, RUNNING, DemandBlocks, OpenBlock
from agent.report.record.intervals import Intervals, counted
from drivers.quantities import VOLTAGES_LL

# Every longer interval is whole minutes: what lies within one of them lies within one of each.
_SHORT_US = 1_000_000
_AT_A_TIME = 16
_REGISTERS = DEMAND_OF.keys() | RUNNING.keys()


class MeterIntervals:
    """`put_by` the readings of one meter in order, `add` those that it does not take; `flush` where none came.

    judged: its voltages that limits are for
    """

    def __init__(self, meter: str, judged: Collection[str] = ()) -> None:
        self._each = Intervals(meter, "interval_1min", judged), Intervals(meter, "interval_10min", judged)
        self._blocks = DemandBlocks(meter)
        self._waiting: list[Reading] = []
        self._weights_us: list[float] = []
        self._minute_us = 0  # in which the last one that was added ended
        self._names: tuple[str, ...] = ()  # of its quantities, where such readings may be put by

    def put_by(self, reading: Reading) -> bool:
        """Take a reading like the last that was added, by which nothing begins or ends; of any other False."""
        window_us, time_us = round(reading.window_s * 1e6), reading.time_us
        if window_us > _SHORT_US or not self._minute_us <= time_us - window_us < time_us < self._minute_us + MINUTE_US:
            return False
        weight_us = min(_seen_s(reading) * 1e6, window_us)
        if weight_us <= 0 or reading.flags or reading.quality != "good" or tuple(reading.values) != self._names:
            return False
        self._waiting.append(reading)
        self._weights_us.append(weight_us)
        if len(self._waiting) == _AT_A_TIME:
            self._count()
        return True

    def add(self, reading: Reading) -> list[Interval]:
        """Those that a reading ends, in order."""
        self._count()
        seen_s = _seen_s(reading)
        told = [interval for made in (*self._each, self._blocks) for interval in made.add(reading, seen_s)]
        self._minute_us = reading.time_us // MINUTE_US * MINUTE_US
        # A register counts by itself, and so does u2: it is of each reading.
        plain = _REGISTERS.isdisjoint(reading.values) and not set(VOLTAGES_LL) <= reading.values.keys()
        self._names = tuple(reading.values) if plain else ()
        return told

    def flush(self, now_us: int) -> list[Interval]:
        """Those whose end has passed."""
        if now_us >= self._minute_us + MINUTE_US:
            self._count()
        return [interval for made in self._each for interval in made.flush(now_us)]

    def open_block(self) -> OpenBlock | None:
        """Of its demand; None where nobody saw it begin."""
        self._count()
        return self._blocks.open()

    def _count(self) -> None:
        if not self._waiting:
            return
        together, last = counted(self._waiting, self._weights_us), self._waiting[-1]
        self._waiting, self._weights_us = [], []
        for made in self._each:
            made.count(together)
        self._blocks.count(self._minute_us, together, last)


def _seen_s(reading: Reading) -> float:
    """How much of its window was seen."""
    return reading.window_s if reading.seen_s is None else reading.seen_s
