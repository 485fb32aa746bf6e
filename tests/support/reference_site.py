"""Forty meters that are read every 5 s, for days in minutes: what reaches the journal, in virtual time, with how they
and their lines, the sinks and the gateway stand each minute."""

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Iterator

from samples import MIDNIGHT_US, event, status, trace
from timers import Timers

from agent.journal.journal import Journal
from agent.records import Health, Reading
from agent.status.health import Since, line_numbers, meter_health
from drivers.modbus.outcome import LineCounters

METERS = 40
PERIOD_S = 5
STEPS_A_DAY = 86_400 // PERIOD_S
LINES, STEPS_A_MINUTE = 4, 60 // PERIOD_S
# A village in a bad week: each opens, closes, and brings two parts of a trace.
EVENTS_A_DAY = 50
_PHASES = ("l1", "l2", "l3")

# What a running agent tells of itself, and how much of it moves from minute to minute: docs/health.md.
_PACE = ("utilisation", "lag_s", "lag_max_s", "watch_hz_min", "watch_hz_mean", "watch_hz_max")
_SINK = (
    "sink_ok", "blocked", "failures", "backlog_rows", "backlog_bytes", "backlog_age_s", "backlog_traces",
    "dead_letters", "accepted", "rejected",
)  # fmt: skip
_LIVELY = (
    "cpu_share", "loop_lag_s", "loop_lag_max_s", "clock_uncertainty_s", "clock_moved_s", "uptime_s",
    "machine_uptime_s", "journal_rows", "journal_bytes", "rss_bytes", "state_free_bytes",
)  # fmt: skip
_STILL = (
    "stalled_s", "suspended_s", "descriptors", "descriptors_max", "clock_synced", "clock_guess", "clock_waits",
    "journal_ok", "journal_cap_bytes", "journal_share", "journal_uncommitted", "journal_gaps", "journal_commits",
    "journal_trace_bytes", "journal_traces_evicted", "journal_oldest_unsent_s", "meters", "meters_live", "meters_dead",
    "meters_partial", "meters_unknown", "meters_lost", "meters_not_normal", "events_open", "incidents_open",
    "alarms_open",
)  # fmt: skip


class Meter:
    """Three phases and four counters, in the single precision in which meters say them."""

    def __init__(self, name: str, dice: random.Random) -> None:
        self._name = name
        self._dice = dice
        self._volts = [230.0, 230.0, 230.0]
        self._energy = dice.uniform(1e6, 1e9)

    def reading(self, time_us: int) -> Reading:
        draw = self._dice.gauss
        self._volts = [volt + 0.1 * (230 - volt) + draw(0, 0.4) for volt in self._volts]
        amps = [abs(draw(20, 3)) for _ in _PHASES]
        watts = [volt * amp * 0.95 for volt, amp in zip(self._volts, amps, strict=True)]
        self._energy += sum(watts) * PERIOD_S / 3600
        voltages = {f"voltage_{phase}": volt for phase, volt in zip(_PHASES, self._volts, strict=True)}
        currents = {f"current_{phase}": amp for phase, amp in zip(_PHASES, amps, strict=True)}
        powers = {f"active_power_{phase}": watt for phase, watt in zip(_PHASES, watts, strict=True)}
        rest = {"frequency": draw(50, 0.01), "active_power": sum(watts), "reactive_power": sum(watts) * 0.3,
                "power_factor": 0.95, "active_energy_import": self._energy, "active_energy_export": 0.0}  # fmt: skip
        values = {name: _single(value) for name, value in (voltages | currents | powers | rest).items()}
        low = {name: _single(value - abs(draw(0, 0.5))) for name, value in voltages.items()}
        high = {name: _single(value + abs(draw(0, 0.5))) for name, value in voltages.items()}
        return Reading(self._name, time_us, float(PERIOD_S), "good", (), values, low, high)


def _single(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


class Site:
    """A journal in virtual time, with two sinks that take everything at once."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - not a secret
        self._dice, self._other_dice = dice, random.Random(~seed)  # noqa: S311 - not a secret
        self._meters = [Meter(f"meter-{n:02}", dice) for n in range(METERS)]
        self.timers = Timers()
        self.events = 0

    def now_us(self) -> int:
        return MIDNIGHT_US + round(self.timers.now_s * 1e6)

    async def run(self, journal: Journal, steps: int) -> AsyncIterator[int]:
        for step in range(steps):
            for meter in self._meters:
                journal.add_reading(meter.reading(self.now_us()))
            if step % STEPS_A_MINUTE == STEPS_A_MINUTE // 2:
                for one in self._health():
                    journal.add_reading(one)
            if self._dice.random() < EVENTS_A_DAY / STEPS_A_DAY:
                self._happen(journal)
            for sink in ("mqtt", "influxdb"):
                journal.advance(sink, "live", journal.head)
                journal.advance(sink, "trace", journal.head)
            self.timers.advance(PERIOD_S)
            await settled(journal)
            yield step

    def _health(self) -> Iterator[Health]:
        """With numbers in as many fields as a running agent fills, that differ from minute to minute."""
        now_us, dice = self.now_us(), self._other_dice
        for n in range(METERS):
            good_us = now_us - dice.randrange(200_000)
            more = {"watch_hz": round(dice.uniform(4.9, 5), 3), "refresh_s": 0.2, "mute": 0.0, "missed_ticks": 0.0}
            yield meter_health(status(f"meter-{n:02}", last_good_us=good_us), now_us, more)
        for n in range(LINES):
            counts = line_numbers(LineCounters(answered=dice.randrange(2900, 3100)), 0, Since(), "")
            pace = dict(zip(_PACE, (round(dice.random(), 4) for _ in _PACE), strict=True))
            yield Health("line", f"line-{n}", now_us, counts | pace, {"line_state": "open", "line_error": ""})
        for sink in ("mqtt", "influxdb"):
            numbers = dict(zip(_SINK, (float(dice.randrange(500)) for _ in _SINK), strict=True))
            yield Health("sink", sink, now_us, numbers, {"sink_error": "", "sink_blocked": ""})
        numbers = {name: round(dice.random() * 10**n, 4) for n, name in enumerate(_LIVELY)}
        still = {name: float(n) for n, name in enumerate(_STILL)}
        yield Health("gateway", "", now_us, numbers | still, {"version": "1", "session": "e", "alarms": ""})

    def _happen(self, journal: Journal) -> None:
        self.events += 1
        name = f"ev-{self.events}"
        journal.add_event(event(id=name, start_us=self.now_us()))
        journal.add_trace(trace(event=name, part=1, count=200))
        journal.add_trace(trace(event=name, part=2, count=200))
        journal.add_event(event(id=name, revision=2, state="closed", start_us=self.now_us(), end_us=self.now_us()))


async def settled(journal: Journal) -> None:
    """What was due is committed: the journal's thread does one thing after the other."""
    for _ in range(3):
        await asyncio.sleep(0)
    await journal._writer.ask(lambda _: None)
    await asyncio.sleep(0)
