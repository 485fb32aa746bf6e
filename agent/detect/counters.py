"""Does an energy counter count? Full sets in, the one that stands still while power flows out.

Between two reads of a counter at least the smaller of the powers at both has flowed, less a fifth: a power that swings
may have been lower in between. Its step is the least it was seen to move by, which is at least one step of its own; of
a counter that was never seen to move nothing can be said: there are registers in MWh.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

_STEPS = 5
_LEAST_PART = 0.8
# Reads at which it stood still before it is said.
_READS = 3
_US_PER_H = 3.6e9


class Still(NamedTuple):
    """since_us: the last read at which it had moved, or the first of all; first_us: the one after it"""

    since_us: int
    first_us: int
    words: str


@dataclass(frozen=True, slots=True)
class _Counter:
    """value, in Wh, as of since_us; step_wh: None until it has moved; power_w: at the read before; missing_wh: what
    must have flowed since, at least; first_us: the first read at which it stood still"""

    value: float
    since_us: int
    read_us: int
    power_w: float
    step_wh: float | None = None
    missing_wh: float = 0.0
    reads: int = 0
    first_us: int = 0


class Counters:
    """One meter's energies."""

    def __init__(self, floor_w: float) -> None:
        self._floor_w = floor_w
        self._known: dict[str, _Counter] = {}
        self._power_w: float | None = None

    def read(self, values: Mapping[str, float], now_us: int) -> Still | None:
        """A full set, or a part of it. What stands still now, if anything does."""
        self._power_w = values.get("active_power_total", self._power_w)
        if self._power_w is None:
            return None
        name = "active_energy_import" if self._power_w > 0 else "active_energy_export"
        for known in ("active_energy_import", "active_energy_export"):
            if known in values:
                self._known[known] = self._after(known, values[known], abs(self._power_w) * (known == name), now_us)
        counter = self._known.get(name)
        return None if counter is None else _still(name, counter)

    def _after(self, name: str, value: float, power_w: float, now_us: int) -> _Counter:
        """power_w: that it should count by now"""
        before = self._known.get(name)
        power_w = power_w if power_w >= self._floor_w else 0.0
        if before is None:
            return _Counter(value, now_us, now_us, power_w)
        if value != before.value:
            moved = abs(value - before.value)
            step = moved if before.step_wh is None else min(moved, before.step_wh)
            return _Counter(value, now_us, now_us, power_w, step)
        flowed_wh = _LEAST_PART * min(power_w, before.power_w) * (now_us - before.read_us) / _US_PER_H
        if not flowed_wh:
            return replace(before, since_us=now_us, read_us=now_us, power_w=power_w, missing_wh=0.0, reads=0)
        missing_wh = before.missing_wh + flowed_wh
        reads, first_us = before.reads + 1, before.first_us if before.reads else now_us
        return replace(before, read_us=now_us, power_w=power_w, missing_wh=missing_wh, reads=reads, first_us=first_us)


def _still(name: str, counter: _Counter) -> Still | None:
    if counter.step_wh is None or counter.reads < _READS or counter.missing_wh < _STEPS * counter.step_wh:
        return None
    for_s = (counter.read_us - counter.since_us) / 1e6
    words = f"{name} stands at {counter.value:.10g} Wh for {for_s:.0f} s, in which {counter.missing_wh:.3g} Wh flowed"
    return Still(counter.since_us, counter.first_us, words)
