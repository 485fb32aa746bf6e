"""A meter that counts its own sags beside the RMS it shows, a line that asks it, and the pipeline behind it: all on a
clock of our own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path

from agent.clock import Clock, SyncSource
from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.evidence import Latch
from agent.detect.meter_log import MeterLog
from agent.detect.thresholds import PROFILES, Rules
from agent.keeps import book_name
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import Event, Miss, Reading, Sample, Trace
from agent.status.board import Board

SECOND = 1_000_000
WALL = 1_700_000_000 * SECOND
U = 220.0
PHASES = ("l1", "l2", "l3")
KEYS = tuple(f"voltage_{phase}" for phase in PHASES)
STEMS = ("sag_count", "interruption_count", "swell_count")
COUNTERS = tuple(Latch(f"{stem}_{phase}", stem, phase, 65536.0) for stem in STEMS for phase in PHASES)
EXTREMES = tuple(Latch(f"voltage_{p}_{e}", f"voltage_{e}", p) for p in PHASES for e in ("min", "max"))
FLAGS = tuple(Latch(f"{name}_flag", f"{name}_flag") for name in ("undervoltage", "overvoltage"))
LIMITS = Latch("limit_bits", "limit_bits")
FAILURES = Latch("power_failures", "power_failures", None, 65536.0)
EXCHANGE_US = 20_000


@dataclass(frozen=True)
class Fault:
    """Voltage of some phases, in pu, from start_s up to end_s."""

    start_s: float
    end_s: float
    pu: float
    phases: tuple[str, ...] = PHASES


@dataclass
class World:
    """What the meter measures. counts_at_end: a sag is counted when it is over; lag_s: its counters are older than its
    voltages by that, which is no more than its refresh; flags_hold_s: they stand for so long after their cause."""

    faults: Sequence[Fault] = ()
    window_s: float = 0.2
    refresh_s: float = 0.1
    counts_at_end: bool = False
    lag_s: float = 0.0
    flags_hold_s: float = 15.0

    def at(self, t_s: float) -> float:
        """When the registers that are read at t_s were filled."""
        return t_s // self.refresh_s * self.refresh_s

    def volts(self, phase: str, t_s: float) -> float:
        end_s = self.at(t_s)
        start_s, square = end_s - self.window_s, 1.0
        for fault in self.faults:
            if fault.end_s > start_s and fault.start_s < end_s and phase in fault.phases:
                part = max(0.0, min(end_s, fault.end_s) - max(start_s, fault.start_s)) / self.window_s
                square -= part * (1 - fault.pu**2)
        return U * sqrt(max(0.0, square))

    def latched(self, t_s: float) -> dict[str, float]:
        end_s, values = self.at(t_s - self.lag_s), {}
        for phase in PHASES:
            mine = [fault for fault in self.faults if phase in fault.phases]
            over = [one for one in mine if (one.end_s if self.counts_at_end else one.start_s) <= end_s]
            values[f"sag_count_{phase}"] = float(sum(one.pu < 0.9 and not self._goes_on(one, mine) for one in over))
            values[f"swell_count_{phase}"] = float(sum(one.pu > 1.1 for one in over))
            values[f"interruption_count_{phase}"] = float(sum(one.pu < 0.1 for one in over))
            begun = [U * one.pu for one in mine if one.start_s < end_s]
            values[f"voltage_{phase}_min"] = min([U, *begun])
            values[f"voltage_{phase}_max"] = max([U, *begun])
        standing = [one.pu for one in self.faults if one.start_s <= end_s < one.end_s + self.flags_hold_s]
        values["undervoltage_flag"] = float(any(pu < 0.9 for pu in standing))
        values["overvoltage_flag"] = float(any(pu > 1.1 for pu in standing))
        return values

    def _goes_on(self, one: Fault, faults: Sequence[Fault]) -> bool:
        """A sag in steps is one."""
        if self.counts_at_end:
            return any(other.start_s == one.end_s and other.pu < 0.9 for other in faults)
        return any(other.end_s == one.start_s and other.pu < 0.9 for other in faults)


@dataclass
class Kept:
    readings: list[Reading] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def add_reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def add_event(self, event: Event) -> None:
        self.events.append(event)

    def add_trace(self, trace: Trace) -> None:
        pass

    def keep(self, name: str, text: str) -> None:
        self.texts[name] = text


class Rig:
    """Looks every look_s, the log every log_s and when it is wanted; boot time begins at 0."""

    def __init__(
        self, world: World, latches: Sequence[Latch] = COUNTERS, *, look_s: float = 1.0, log_s: float = 10.0,
        lives_on_it: bool = False, shift_s: float = 0.0, before: "Rig | None" = None, made_by: str = "a",
        serial: str | None = None,
    ) -> None:  # fmt: skip
        """before: the run that this one follows; serial: what it said of itself then."""
        self.world, self.now_us = world, 0 if before is None else before.now_us
        self.log_asked: list[float] = []
        self._look_us, self._log_us = round(look_s * SECOND), round(log_s * SECOND)
        self._next_look_us = round(shift_s * SECOND)
        self._next_log_us = self._next_look_us + 1
        self._wanted_us: int | None = None
        self._names = {latch.name for latch in latches}
        self.clock = Clock(
            lambda: self.now_us, lambda: WALL + self.now_us, SyncSource(Path("/nonexistent")), trusted=True
        )
        self.kept, self.board = Kept(), Board()
        rules = Rules(
            "gb", PROFILES["gb"], U, KEYS, PHASES,
            round(world.window_s * SECOND), round(world.refresh_s * SECOND), "ln",
        )  # fmt: skip
        facts = MeterFacts(meter="m", rules=rules, config="c", customers=(3, 3), watch_s=look_s, latches=True)
        self.book = Book(facts, self.clock, id_maker("gw", "e1" if before is None else "e2"))
        self.log = MeterLog(latches, rules, lives_on_it=lives_on_it, made_by=made_by)
        self.log.serial = serial
        self.pipeline = MeterPipeline(
            "m", rules, KEYS, self.book,
            Window("m", U, KEYS, frozenset(KEYS), 10 * SECOND), self.clock, self.kept, self.board,
            meter_log=self.log, hasten=self._hasten,
        )  # fmt: skip
        if before is not None:
            left, said = [event for event in before.final if event.state == "open"], before.kept.texts
            self.pipeline.resume(left, kept=said.get(book_name("m")))
            self.pipeline.resume_log(before.kept.texts["m"], before.final)
            self._next_look_us = self.now_us
            self._next_log_us = self.now_us + 1

    def _hasten(self, at_us: int) -> None:
        self._wanted_us = at_us

    def until(self, t_s: float) -> None:
        """Ask what is due, one at a time."""
        while min(self._next_look_us, self._due_us()) < t_s * SECOND:
            if self._next_look_us <= self._due_us():
                self._wait(self._next_look_us)
                self._next_look_us += self._look_us
                self.look()
            else:
                self._wait(self._due_us())
                self._next_log_us = max(self._next_log_us, self.now_us // self._log_us * self._log_us + self._log_us)
                if self._wanted_us is not None and self._wanted_us <= self.now_us:
                    self._wanted_us = None
                self.read_log()
        self._wait(round(t_s * SECOND))

    def _due_us(self) -> int:
        return self._next_log_us if self._wanted_us is None else min(self._wanted_us, self._next_log_us)

    def _wait(self, until_us: int) -> None:
        self.now_us = max(self.now_us, until_us)

    def look(self, quality: str = "good") -> None:
        volts = {f"voltage_{phase}": self.world.volts(phase, self.now_us / SECOND) for phase in PHASES}
        self.answer(volts, full=False)

    def read_log(self, **values: float) -> None:
        self.log_asked.append(self.now_us / SECOND)
        latched = {k: v for k, v in self.world.latched(self.now_us / SECOND).items() if k in self._names}
        self.answer({**latched, **values}, full=True)

    def answer(self, values: Mapping[str, float], *, full: bool, questionable: bool = False) -> None:
        sent_us = self.now_us
        self.now_us += EXCHANGE_US
        quality = "questionable" if questionable else "good"
        self.pipeline.on_sample(Sample("m", sent_us, self.now_us, values, full, quality))

    def silence(self, for_s: float) -> None:
        end_us = self.now_us + round(for_s * SECOND)
        while self.now_us < end_us:
            sent_us = self.now_us
            self.now_us += 500_000
            self.pipeline.on_miss(Miss("m", sent_us, sent_us, self.now_us, "silent"))
        self._next_look_us = max(self._next_look_us, self.now_us)

    @property
    def final(self) -> list[Event]:
        """The highest revision of each event that was not taken back."""
        latest = {event.id: event for event in self.kept.events}
        return [event for event in latest.values() if event.state != "retracted"]

    def told(self) -> list[tuple[str, str, str, int]]:
        return [(event.kind, event.state, event.basis, event.revision) for event in self.kept.events]


def seconds(us: int | None) -> float:
    assert us is not None
    return (us - WALL) / SECOND
