"""Forty meters that are read every 5 s, with the digits that meters have: what an outage leaves in the journal.

A reading has 16 quantities, and of voltages and currents the lowest and highest: 28 numbers. Those six are looked at
once a second, in registers of 0.1 V and 1 mA, and are the mean of five looks; the others stand as read, in 1 W, 1 var,
1 VA, 0.001, 0.01 Hz and 0.1 kWh. The load of a street goes through its day, 3 kW by night and 15 kW in the evening, and
each voltage sags with it.
"""

import math
import random
from collections.abc import Iterator
from itertools import cycle

from samples import MIDNIGHT_US, event, trace

from agent.records import Event, Reading, Record, Trace
from agent.tidied import tidied_reading

METERS = 40
PERIOD_S = 5
ROWS_S = METERS / PERIOD_S
# A village in a bad week: each opens, closes, and brings two parts of a trace.
EVENTS_A_DAY = 50
_LOOKS = 5
_PHASES = ("l1", "l2", "l3")
_VOLTAGES = tuple(f"voltage_{phase}" for phase in _PHASES)
_CURRENTS = tuple(f"current_{phase}" for phase in _PHASES)
_POWERS = tuple(f"active_power_{phase}" for phase in _PHASES)
# A prime number of draws, gone through again and again: drawing each anew would take longer than what is tested.
_NOISE_DRAWS = 65_521


class Meter:
    def __init__(self, name: str, dice: random.Random, noise: Iterator[float]) -> None:
        self._name = name
        self._noise = noise
        self._wander = 0.0
        self._shares = [dice.uniform(0.8, 1.2) for _ in _PHASES]
        self._energy_kwh = dice.uniform(1e3, 1e5)

    def reading(self, time_us: int, load: float) -> Reading:
        """load: 0 by night to 1 in the evening."""
        noise = self._noise
        self._wander += 0.15 * next(noise) - 0.02 * self._wander
        looks = dict(
            zip(_VOLTAGES, (self._looks(234.0 + self._wander - 6 * load, 0.15, 1) for _ in _PHASES), strict=True)
        )
        amps = [share * (4.5 + 18 * load) * (1 + 0.02 * next(noise)) for share in self._shares]
        looks |= zip(_CURRENTS, (self._looks(amp, 0.003 * amp, 3) for amp in amps), strict=True)
        values = {name: sum(seen) / _LOOKS for name, seen in looks.items()}
        watts = [float(round(values[_VOLTAGES[n]] * amp * 0.95)) for n, amp in enumerate(amps)]
        self._energy_kwh += sum(watts) * PERIOD_S / 3.6e6
        values |= zip(_POWERS, watts, strict=True)
        values |= {
            "frequency": round(50 + 0.01 * next(noise), 2), "active_power_total": sum(watts),
            "reactive_power_total": float(round(0.3 * sum(watts) * (1 + 0.02 * next(noise)))),
            "apparent_power_total": float(round(sum(watts) / 0.95)),
            "power_factor_total": round(0.95 + 0.002 * next(noise), 3),
            "active_energy_import": round(self._energy_kwh, 1), "active_energy_export": 0.0,
        }  # fmt: skip
        low, high = ({name: edge(seen) for name, seen in looks.items()} for edge in (min, max))
        return tidied_reading(Reading(self._name, time_us, float(PERIOD_S), "good", (), values, low, high))

    def _looks(self, true: float, sigma: float, digits: int) -> list[float]:
        return [round(true + sigma * next(self._noise), digits) for _ in range(_LOOKS)]


class Street:
    """What the meters say, tick by tick, and what happens there."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - not a secret
        noise = cycle([self._dice.gauss(0, 1) for _ in range(_NOISE_DRAWS)])
        self._meters = [Meter(f"meter-{n:02}", self._dice, noise) for n in range(METERS)]
        self.events = 0

    def tick(self, at_s: float) -> Iterator[Record]:
        """at_s: seconds since midnight."""
        time_us = MIDNIGHT_US + round(at_s * 1e6)
        load = 0.5 - 0.5 * math.cos((at_s / 86_400 - 7 / 24) * 2 * math.pi)
        for meter in self._meters:
            yield meter.reading(time_us, load)
        if self._dice.random() < EVENTS_A_DAY * PERIOD_S / 86_400:
            yield from self._happening(time_us)

    def _happening(self, time_us: int) -> Iterator[Event | Trace]:
        self.events += 1
        name = f"ev-{self.events}"
        yield event(id=name, start_us=time_us, reported_us=time_us)
        yield trace(event=name, part=1, count=200)
        yield trace(event=name, part=2, count=200)
        yield event(id=name, revision=2, state="closed", start_us=time_us, reported_us=time_us, end_us=time_us)
