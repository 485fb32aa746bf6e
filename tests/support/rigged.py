"""One run of the agent on one meter, fed in volts and seconds of a clock of our own, and what it kept."""

from pathlib import Path

from agent.clock import Clock, SyncSource
from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.thresholds import PROFILES, Rules
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import Event, Incident, Miss, Reading, Sample, Trace
from agent.status.board import Board

SECOND = 1_000_000
WALL = 1_700_000_000 * SECOND
KEYS = ("voltage_l1", "voltage_l2", "voltage_l3")
RULES = Rules("gb", PROFILES["gb"], 220.0, KEYS, ("l1", "l2", "l3"), 200_000, 100_000, "ln")


class Kept:
    """A journal in memory."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.events: list[Event] = []
        self.incidents: list[Incident] = []
        self.traces: list[Trace] = []
        self.texts: dict[str, str] = {}

    def add_reading(self, reading: Reading) -> None:
        self.readings.append(reading)

    def add_event(self, event: Event) -> None:
        self.events.append(event)

    def add_incident(self, incident: Incident) -> None:
        self.incidents.append(incident)

    def add_trace(self, trace: Trace) -> None:
        self.traces.append(trace)

    def keep(self, name: str, text: str) -> None:
        self.texts[name] = text


class Rig:
    """One run of the agent on one meter; now in seconds since the rig's own zero."""

    def __init__(self, boot_s: float = 100.0, wall_us: int = WALL, epoch: str = "e1") -> None:
        self.boot_us = round(boot_s * SECOND)
        offset_us = wall_us - self.boot_us
        self.clock = Clock(lambda: self.boot_us, lambda: self.boot_us + offset_us, SyncSource(Path("/nonexistent")))
        self.kept, self.board = Kept(), Board()
        facts = MeterFacts(meter="m", rules=RULES, config="c", line="a", feeder="F1", customers=(3, 3), watch_s=0.2)
        book = Book(facts, self.clock, id_maker("gw", epoch))
        window = Window("m", 220.0, KEYS, frozenset(KEYS), 10 * SECOND)
        self.pipeline = MeterPipeline("m", RULES, KEYS, book, window, self.clock, self.kept, self.board)

    def answer(self, *volts: float | None, full: bool = False, **more: float) -> None:
        """A reply 20 ms after its request, one every 200 ms."""
        self.boot_us += 200_000
        known = {key: one for key, one in zip(KEYS, volts, strict=False) if one is not None}
        values = {"frequency": 50.0, **more} if full else {**known, **more}
        self.pipeline.on_sample(Sample("m", self.boot_us - 20_000, self.boot_us, values, full))

    def hold(self, for_s: float, *volts: float, **more: float) -> None:
        for _ in range(round(for_s * 5)):
            self.answer(*volts, **more)

    def silence(self) -> None:
        self.boot_us += 500_000
        sent_us = self.boot_us - 500_000
        self.pipeline.on_miss(Miss("m", sent_us, sent_us, self.boot_us, "silent"))

    def told(self) -> list[tuple[str, str, int]]:
        return [(event.kind, event.state, event.revision) for event in self.kept.events]
