"""Readings of one meter -> blocks of 15 minutes: what passed, and at which mean power. Pure.

Energy is what registers say, not the sum of what was polled: a minute of silence costs nothing where they ran on. A
register was read somewhere in the window of its reading. It only grows, so at a tick it lies between the last that was
surely read before it and the first that was surely read after it:

      before                 tick                after
    --[=====]-----------------|-----------------[=====]---> time          value: in proportion to time
        E0          E0 <= register at the tick <= E1  E1                  bounds: both ends

Where no register can say it, because there is none, or it was reset, or nobody looked for a quarter of an hour, the
mean of the power that was read stands for the block: without bounds, and with as much coverage as there were readings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.records import Interval, Reading
from agent.report.figures import Bounds
from agent.report.record.intervals import Counted

BLOCK_US = 15 * 60_000_000
_PER_HOUR = 4
# A register's demand, in W or var: its mean power in the block.
DEMAND_OF: Mapping[str, str] = MappingProxyType(
    {
        "active_energy_import": "active_power_demand",
        "active_energy_export": "active_power_demand_export",
        "reactive_energy_import": "reactive_power_demand",
        "reactive_energy_export": "reactive_power_demand_export",
        "reactive_energy_import_q1": "reactive_power_demand_q1",
        "reactive_energy_export_q4": "reactive_power_demand_q4",
    }
)
# What a register said at the start of the block: what passed in any time is the difference of two of them.
REGISTER = "_register"
_POWER = "active_power_total"
_ENERGY = "active_energy_import"
# Of what runs while there is supply, or counts when there is none: only what the register said. In this order.
RUNNING: Mapping[str, str] = MappingProxyType({"operating_hours": "h", "power_failures": "1"})
_REGISTERS = DEMAND_OF.keys() | RUNNING.keys()
# SI units of what only blocks have.
UNITS: Mapping[str, str] = MappingProxyType(
    {demand: "W" if register.startswith("active") else "var" for register, demand in DEMAND_OF.items()}
    | {f"{register}{REGISTER}": "Wh" if register.startswith("active") else "varh" for register in DEMAND_OF}
    | {f"{register}{REGISTER}": unit for register, unit in RUNNING.items()}
)
# For so long a block waits for registers that are read less often than others.
_WAIT_US = 5 * 60_000_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """A register as it was read: somewhere in [from_us, to_us]."""

    from_us: int
    to_us: int
    value: float


@dataclass(frozen=True, slots=True)
class _AtTick:
    """A register at a tick, between what it lies, and how long nobody had looked around it."""

    value: float
    low: float
    high: float
    edge_us: int


@dataclass(slots=True)
class _Power:
    """Readings of a block."""

    seen_us: float = 0.0
    flagged_us: float = 0.0
    total: float = 0.0
    weight_us: float = 0.0


@dataclass(frozen=True, slots=True)
class OpenBlock:
    """A block that goes on, as it was when its register was last read, somewhere in [from_us, to_us].

    used_wh: from its start until then; power_w: that was read last in it, None where the meter has none
    """

    meter: str
    start_us: int
    from_us: int
    to_us: int
    used_wh: Bounds
    power_w: float | None


class DemandBlocks:
    """The blocks of one meter. `add` its readings in order."""

    def __init__(self, meter: str) -> None:
        self._meter = meter
        self._before: dict[str, _Seen] = {}
        self._reset_us: dict[str, int] = {}  # when a register was first read that had fallen
        self._ticks: dict[int, dict[str, _AtTick]] = {}
        self._open: dict[int, _Power] = {}
        self._told_us = 0  # the start of the last one that was told: none is told twice
        self._power_w: tuple[int, float] | None = None  # when it was read last

    def add(self, reading: Reading, seen_s: float) -> tuple[Interval, ...]:
        """The blocks that are complete now. seen_s: how much of its window was seen."""
        window_us = round(reading.window_s * 1e6)
        if not 0 < window_us <= BLOCK_US or reading.quality == "invalid":
            return ()
        from_us = reading.time_us - window_us
        start_us = (from_us + window_us // 2) // BLOCK_US * BLOCK_US
        if start_us > self._told_us:
            _count(self._open.setdefault(start_us, _Power()), reading, min(seen_s * 1e6, window_us))
        if _POWER in reading.values:
            self._power_w = reading.time_us, reading.values[_POWER]
        for register in _REGISTERS & reading.values.keys():
            self._read(register, _Seen(from_us, reading.time_us, reading.values[register]))
        return tuple(self._done(reading.time_us))

    def open(self) -> OpenBlock | None:
        """What is known of the block in which the register was read last; None where nobody saw it begin."""
        seen = self._before.get(_ENERGY)
        start_us = 0 if seen is None else seen.from_us // BLOCK_US * BLOCK_US
        begin = self._ticks.get(start_us, {}).get(_ENERGY)
        if seen is None or begin is None or seen.value < begin.low or self._reset_us.get(_ENERGY, 0) > start_us:
            return None
        used_wh = Bounds(max(0.0, seen.value - begin.high), seen.value - begin.low)
        read_us, power_w = self._power_w or (0, 0.0)
        return OpenBlock(
            self._meter, start_us, seen.from_us, seen.to_us, used_wh, power_w if read_us > start_us else None
        )

    def count(self, at_us: int, together: Counted, last: Reading) -> None:
        """Readings without registers, all within the block of that instant; `last` is the last of them."""
        if _POWER in last.values:
            self._power_w = last.time_us, last.values[_POWER]
        start_us = at_us // BLOCK_US * BLOCK_US
        if start_us > self._told_us:
            _count_all(self._open.setdefault(start_us, _Power()), together)

    def _read(self, register: str, now: _Seen) -> None:
        before, self._before[register] = self._before.get(register), now
        if before is None or now.from_us < before.to_us:
            return
        if now.value < before.value:
            self._reset_us[register] = now.to_us
            return
        tick_us = -(-before.to_us // BLOCK_US) * BLOCK_US
        if tick_us <= now.from_us < before.to_us + BLOCK_US:
            self._ticks.setdefault(tick_us, {})[register] = _at_tick(tick_us, before, now)

    def _done(self, now_us: int) -> Iterator[Interval]:
        for start_us in sorted(self._open):
            end_us = start_us + BLOCK_US
            known, after = self._ticks.get(start_us, {}), self._ticks.get(end_us, {})
            if now_us < end_us or (not known.keys() <= after.keys() and now_us < end_us + _WAIT_US):
                return
            yield self._block(start_us, known, after, self._open.pop(start_us))
            self._told_us = start_us
            self._ticks = {tick_us: said for tick_us, said in self._ticks.items() if tick_us > start_us}

    def _block(
        self, start_us: int, begin: Mapping[str, _AtTick], end: Mapping[str, _AtTick], power: _Power
    ) -> Interval:
        values: dict[str, float] = {f"{register}{REGISTER}": at.value for register, at in begin.items()}
        low = {f"{register}{REGISTER}": at.low for register, at in begin.items()}
        high = {f"{register}{REGISTER}": at.high for register, at in begin.items()}
        for register in DEMAND_OF.keys() & begin.keys() & end.keys():
            first, last = begin[register], end[register]
            if last.value < first.value or start_us < self._reset_us.get(register, 0) <= start_us + BLOCK_US:
                continue
            passed = last.value - first.value, max(0.0, last.low - first.high), last.high - first.low
            for found, energy in zip((values, low, high), passed, strict=True):
                found[register], found[DEMAND_OF[register]] = energy, energy * _PER_HOUR
        if _ENERGY in values:
            edges_us = begin[_ENERGY].edge_us + end[_ENERGY].edge_us
            coverage = max(0.0, 1.0 - edges_us / 2 / BLOCK_US)
        else:
            coverage = min(1.0, power.weight_us / BLOCK_US)
            if power.weight_us:
                values[DEMAND_OF[_ENERGY]] = power.total / power.weight_us
        flagged = power.flagged_us / power.seen_us if power.seen_us else 0.0
        return Interval("demand_15min", self._meter, start_us, coverage, flagged, values, low, high)


def _at_tick(tick_us: int, before: _Seen, after: _Seen) -> _AtTick:
    """In proportion to time, as if each had been read in the middle of its window; never outside of both."""
    first_us, last_us = (before.from_us + before.to_us) / 2, (after.from_us + after.to_us) / 2
    share = min(1.0, max(0.0, (tick_us - first_us) / (last_us - first_us)))
    value = before.value + share * (after.value - before.value)
    return _AtTick(value, before.value, after.value, after.from_us - before.to_us)


def _count(power: _Power, reading: Reading, seen_us: float) -> None:
    power.seen_us += seen_us
    if reading.quality != "good" or reading.flags:
        power.flagged_us += seen_us
    if _POWER in reading.values:
        power.total += reading.values[_POWER] * seen_us
        power.weight_us += seen_us


def _count_all(power: _Power, together: Counted) -> None:
    power.seen_us += together.weight_us
    for key, total, _, _ in together.columns:
        if key == _POWER:
            power.total += total
            power.weight_us += together.weight_us
