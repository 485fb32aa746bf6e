"""A gateway that was off over night, and boots in the morning with a wall clock that says anything until it is set."""

from collections.abc import Sequence

from latching import COUNTERS, KEYS, PHASES, SECOND, WALL, Rig, U, World

from agent.clock import Clock, SyncSource
from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.evidence import Latch
from agent.detect.meter_log import MeterLog
from agent.detect.thresholds import PROFILES, Rules
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import ClockState, Event

STOP_S, MORNING_S = 100.0, 8 * 3600.0
SYNCED, UNKNOWN = ClockState(True, 1.0), ClockState(None, None)
_RULES = Rules("gb", PROFILES["gb"], U, KEYS, PHASES, 200_000, 100_000, "ln")
_FACTS = MeterFacts(meter="m", rules=_RULES, config="c", latches=True)


class Source(SyncSource):
    def __init__(self, state: ClockState) -> None:
        object.__setattr__(self, "now", [state])

    def state(self) -> ClockState:
        return self.now[0]  # type: ignore[attr-defined]


def evening(
    world: World, state: ClockState = UNKNOWN, latches: Sequence[Latch] = COUNTERS, *, silent_s: float = 0.0
) -> Rig:
    """Stopped in order; the meter has not answered for so long by then."""
    night = Rig(world, latches)
    night.clock.source = Source(state)
    night.clock.tick()
    night.until(STOP_S - silent_s)
    night.silence(silent_s)
    night.pipeline.stop()
    return night


class Gateway(Rig):
    """Another boot of the machine; its wall clock says `wall_s` then. True time goes on."""

    def __init__(
        self, night: Rig, wall_s: float, state: ClockState = UNKNOWN, latches: Sequence[Latch] = COUNTERS,
        *, lives_on_it: bool = False, look_s: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__(night.world, latches, look_s=look_s)
        self.now_us = round(MORNING_S * SECOND)
        self._next_look_us = self._next_log_us = self.now_us
        self.wrong_us = round((wall_s - MORNING_S) * SECOND)
        self.source = Source(state)
        self.clock = Clock(
            lambda: self.now_us, lambda: WALL + self.now_us + self.wrong_us, self.source, boot="day", trusted=True
        )
        self.log = MeterLog(latches, _RULES, lives_on_it=lives_on_it, made_by="a")
        self.book = Book(_FACTS, self.clock, id_maker("gw", "e2"))
        window = Window("m", U, KEYS, frozenset(KEYS), 10 * SECOND)
        self.pipeline = MeterPipeline(
            "m", _RULES, KEYS, self.book, window, self.clock, self.kept, self.board,
            meter_log=self.log, hasten=self._hasten,
        )  # fmt: skip
        left = [event for event in night.final if event.state == "open"]
        self.pipeline.resume(left, night.kept.readings[-1:], kept=night.kept.texts.get("book:m"))
        if "m" in night.kept.texts:
            self.pipeline.resume_log(night.kept.texts["m"], night.final)

    def ntp(self, state: ClockState = SYNCED) -> None:
        self.wrong_us, self.source.now[0] = 0, state  # type: ignore[attr-defined]
        self.clock.tick()

    def stood(self) -> list[Event]:
        """What was seen of a low voltage, as it stands in the end."""
        low = ("sag", "phase_loss", "supply_loss", "undervoltage")
        return [event for event in self.final if event.kind in low and event.basis == "measured"]
