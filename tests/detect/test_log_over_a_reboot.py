"""What a meter counted while its gateway was off: told between the two reads, whatever the gateway's clock says."""

import pytest
from latching import COUNTERS, KEYS, PHASES, SECOND, WALL, Fault, Rig, U, World, seconds

from agent.clock import Clock, SyncSource
from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.meter_log import MeterLog
from agent.detect.thresholds import PROFILES, Rules
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import ClockState, Event

MORNING_S = 8 * 3600.0
STOP_S = 100.0
SAG = Fault(3600.0, 3600.06, 0.3)
SYNCED, UNKNOWN = ClockState(True, 1.0), ClockState(None, None)


class Source(SyncSource):
    def __init__(self, state: ClockState) -> None:
        object.__setattr__(self, "now", [state])

    def state(self) -> ClockState:
        return self.now[0]  # type: ignore[attr-defined]


class Gateway(Rig):
    """Boots in the morning, another boot of the machine; its wall clock says `wall_s` then. True time goes on."""

    def __init__(self, night: Rig, wall_s: float, state: ClockState = UNKNOWN) -> None:
        super().__init__(night.world)
        self.now_us = round(MORNING_S * SECOND)
        self._next_look_us = self._next_log_us = self.now_us
        self.wrong_us = round((wall_s - MORNING_S) * SECOND)
        self.source = Source(state)
        self.clock = Clock(
            lambda: self.now_us, lambda: WALL + self.now_us + self.wrong_us, self.source, boot="day", trusted=True
        )
        self.log = MeterLog(COUNTERS, RULES, lives_on_it=False, made_by="a")
        self.book = Book(FACTS, self.clock, id_maker("gw", "e2"))
        window = Window("m", U, KEYS, frozenset(KEYS), 10 * SECOND)
        self.pipeline = MeterPipeline(
            "m", RULES, KEYS, self.book, window, self.clock, self.kept, self.board,
            meter_log=self.log, hasten=self._hasten,
        )  # fmt: skip
        self.pipeline.resume([], night.kept.readings[-1:], kept=night.kept.texts.get("book:m"))
        self.pipeline.resume_log(night.kept.texts["m"], night.final)

    def ntp(self, state: ClockState = SYNCED) -> None:
        self.wrong_us, self.source.now[0] = 0, state  # type: ignore[attr-defined]
        self.clock.tick()

    def tell(self) -> Event:
        self.until(MORNING_S + 90)
        (event,) = self.final
        assert (event.kind, event.basis) == ("sag", "meter_log")
        return event


RULES = Rules("gb", PROFILES["gb"], U, KEYS, PHASES, 200_000, 100_000, "ln")
FACTS = MeterFacts(meter="m", rules=RULES, config="c", latches=True)


def evening(state: ClockState = UNKNOWN) -> Rig:
    night = Rig(World([SAG]))
    night.clock.source = Source(state)
    night.clock.tick()
    night.until(STOP_S)
    night.pipeline.stop()
    return night


@pytest.mark.parametrize("ntp_s", [0.0, 0.05, 1.5, 30.0])
@pytest.mark.parametrize("wall_s", [105.0, 5000.0, 9 * 3600.0])
def test_a_clock_that_is_set_after_the_start_moves_no_bound_past_the_truth(wall_s: float, ntp_s: float):
    """No clock in the gateway: it goes on about where it stopped, until a time server is heard."""
    rig = Gateway(evening(), wall_s)
    rig.until(MORNING_S + ntp_s)
    rig.ntp()
    event = rig.tell()
    assert STOP_S - 12 < seconds(event.start_earliest_us) < STOP_S
    assert event.end_us is not None
    assert event.duration_min_s == 0.0
    assert event.duration_max_s is None, "nobody vouched for the clock of the evening"
    assert any("rest on the wall clock" in words for words in event.evidence)
    words = next(words for words in event.evidence if "sag counter of l1 rose from 0 to 1" in words)
    assert "between 2023-11-14T22:14:" in words


def test_where_both_clocks_are_known_the_longest_duration_is_too():
    event = Gateway(evening(SYNCED), MORNING_S, SYNCED).tell()
    assert STOP_S - 14 < seconds(event.start_earliest_us) < STOP_S
    assert event.clock == SYNCED
    assert event.end_us is not None
    assert event.duration_max_s == pytest.approx((event.end_us - event.start_earliest_us) / 1e6 + 2.0, abs=0.1)


def test_a_clock_that_stays_behind_the_evening_gives_no_bound():
    event = Gateway(evening(), 60.0).tell()
    assert event.open_at_start
    assert event.start_earliest_us == event.start_us
    assert (event.end_us, event.duration_max_s) == (None, None)
    assert any("set back" in words for words in event.evidence)


def test_on_the_same_boot_the_boot_clock_tells():
    """The wall clock is set back by ten minutes between two runs of the agent."""
    night = Rig(World([Fault(150.0, 150.1, 0.3)]))
    night.clock.boot_id = "one"
    night.until(STOP_S)
    night.pipeline.stop()
    again = Rig(night.world)
    again.now_us = round(200 * SECOND)
    again._next_look_us = again._next_log_us = again.now_us
    clock = again.clock
    clock.boot_id, clock._read_wall_us = "one", lambda: WALL + again.now_us - 600 * SECOND
    clock.tick()
    again.pipeline.resume([], night.kept.readings[-1:], kept=night.kept.texts["book:m"])
    again.pipeline.resume_log(night.kept.texts["m"], [])
    again.until(260)
    (event,) = again.final
    assert -512 < seconds(event.start_earliest_us) < 150 - 600 < seconds(event.start_us)
    assert event.duration_max_s == pytest.approx(111, abs=6)
