"""What a meter says under test or in maintenance is kept and marked; and what is held fast when the power may go."""

from dataclasses import replace

from rigged import Kept
from samples import MIDNIGHT_US
from turned_clock import SECOND, TurnedClock

from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.thresholds import PROFILES, Rules
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import Sample
from agent.status.board import Board

KEYS = ("voltage_l1", "voltage_l2", "voltage_l3")
RULES = Rules("iec", PROFILES["iec"], 230.0, KEYS, ("l1", "l2", "l3"), 200_000, 100_000, "ln")


class Rig:
    def __init__(self) -> None:
        self.clock, self.kept, self.board = TurnedClock(MIDNIGHT_US), Kept(), Board()
        book = Book(MeterFacts(meter="m", rules=RULES, config="c"), self.clock, id_maker("gw", "e"))
        window = Window("m", 230.0, KEYS, frozenset(KEYS), 10 * SECOND)
        self.pipeline = MeterPipeline("m", RULES, KEYS, book, window, self.clock, self.kept, self.board)
        self.answer(230.0, full=True)

    def answer(self, volts: float, *, full: bool = False) -> None:
        self.clock.advance(0.2)
        now_us = self.clock.boot_us()
        for values, of_all in ((dict.fromkeys(KEYS, volts), False), ({"frequency": 50.0}, True))[: 1 + full]:
            self.pipeline.on_sample(Sample("m", now_us - 20_000, now_us, values, of_all))

    def hold(self, seconds: float, volts: float) -> None:
        for _ in range(round(seconds * 5)):
            self.answer(volts)

    def flags(self) -> list[tuple[str, ...]]:
        flags = [reading.flags for reading in self.kept.readings]
        self.kept.readings.clear()
        return flags


def test_a_normal_meter_says_so() -> None:
    rig = Rig()
    rig.hold(25, 230.0)
    assert rig.pipeline.status().mode == "normal"
    assert set(rig.flags()) == {()}


def test_readings_statuses_and_events_are_marked_while_it_lasts() -> None:
    rig = Rig()
    rig.hold(15, 230.0)
    rig.flags()
    rig.board.changed.clear()
    rig.pipeline.set_mode("test")
    assert rig.pipeline.status().mode == "test"
    assert rig.board.changed.is_set()
    rig.hold(25, 230.0)
    assert set(rig.flags()) == {("test",)}
    rig.hold(1, 100.0)
    rig.hold(2, 230.0)
    assert {(event.kind, event.mode) for event in rig.kept.events} == {("sag", "test")}
    assert rig.kept.events[-1].state == "closed"


def test_a_reading_during_which_the_mode_ended_is_marked_and_the_next_is_not() -> None:
    rig = Rig()
    rig.pipeline.set_mode("maintenance")
    rig.hold(12, 230.0)
    rig.flags()
    rig.pipeline.set_mode("normal")
    rig.hold(20, 230.0)
    assert rig.flags() == [("maintenance",), ()]
    assert rig.pipeline.status().mode == "normal"


def test_from_one_mode_into_the_other_both_mark_what_they_share() -> None:
    rig = Rig()
    rig.pipeline.set_mode("maintenance")
    rig.hold(12, 230.0)
    rig.pipeline.set_mode("test")
    rig.flags()
    rig.hold(20, 230.0)
    assert rig.flags()[-1] == ("test",)


def test_an_event_keeps_the_mode_in_which_it_began() -> None:
    rig = Rig()
    rig.hold(3, 230.0)
    rig.hold(1, 100.0)
    rig.pipeline.set_mode("test")
    rig.hold(1, 100.0)
    rig.hold(2, 230.0)
    assert {event.mode for event in rig.kept.events} == {"normal"}


def test_when_the_power_may_go_what_was_read_so_far_is_a_reading_and_the_next_goes_on_from_there() -> None:
    rig = Rig()
    rig.hold(13, 230.0)
    rig.flags()
    rig.pipeline.hold_fast()
    (held,) = rig.kept.readings
    assert held.time_us == rig.clock.wall_us()
    assert 0 < held.window_s < 10
    assert held.values["voltage_l1"] == 230.0
    rig.pipeline.hold_fast()
    assert len(rig.kept.readings) == 1, "nothing was read since"
    rig.hold(13, 231.0)
    first = rig.kept.readings[1]
    assert first.window_s + held.window_s <= 10.3
    assert first.values["voltage_l1"] == 231.0
    assert replace(first, values={}).min["voltage_l1"] == 231.0
