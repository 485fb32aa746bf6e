"""What a meter's registers said of an event that turned out not to be about it waits to be shared out anew: no stop,
and no cut of the power, may lose it."""

from pathlib import Path

from latching import COUNTERS, KEYS, PHASES, SECOND, WALL, Fault, Rig, U, World

from agent.clock import Clock, SyncSource
from agent.detect.book_state import Earlier
from agent.detect.evidence import Finding, Move
from agent.detect.meter_log import MeterLog, Seeing
from agent.detect.thresholds import PROFILES, Rules

RULES = Rules("gb", PROFILES["gb"], U, KEYS, PHASES, 200_000, 100_000, "ln")
BLIND = Seeing(None, RULES)
L2 = "sag_count_l2"


class Run:
    """A meter's own registers, read by hand. serial: what the meter says of itself"""

    def __init__(self, serial: str | None = None) -> None:
        self.now_us = 0
        self.clock = Clock(
            lambda: self.now_us, lambda: WALL + self.now_us, SyncSource(Path("/nonexistent")), trusted=True
        )
        self.log = MeterLog(COUNTERS, RULES, lives_on_it=False, made_by="a")
        self.log.serial = serial

    def read(self, at_s: float, **counted: float) -> None:
        self.now_us = round(at_s * SECOND)
        values = {latch.name: 0.0 for latch in COUNTERS} | counted
        self.log.read(values, self.now_us, self.now_us + 20_000, BLIND, self.clock)

    def told(self) -> tuple[Finding, ...]:
        """By a book that knows an event for each."""
        return tuple(one.finding for one in self.log.ready(BLIND, self.now_us + 20_000, lambda _: True))

    def kept(self, *, stops: bool = False) -> str | None:
        return self.log.to_keep(self.now_us, self.clock, stops=stops)


def after(before: str, at_s: float, serial: str | None = None) -> Run:
    run = Run(serial)
    run.now_us = round(at_s * SECOND)
    run.log.resume(before, Earlier(lambda at_us: at_us - WALL, same_boot=True), run.now_us, 0)
    return run


def given_back(serial: str | None = None) -> tuple[Run, Move]:
    run = Run(serial)
    run.read(10)
    run.read(20, sag_count_l2=1.0)
    (finding,) = run.told()
    assert run.kept() is not None
    if serial is not None:
        run.log.unsure(run.now_us)
    assert run.log.again([finding])
    return run, finding.moves[0]


def test_what_waits_at_a_stop_is_found_by_the_next_run_between_the_same_two_reads() -> None:
    run, move = given_back()
    text = run.kept(stops=True)
    assert text is not None
    later = after(text, 30)
    later.read(40, sag_count_l2=1.0)
    (again,) = (one for finding in later.told() for one in finding.moves)
    assert (again.latch.name, again.count, again.asked_us) == (L2, move.count, move.asked_us)


def test_it_is_kept_at_once_with_the_event_it_was_taken_from() -> None:
    run, _ = given_back()
    assert run.kept() is not None
    assert run.kept() is None, "and then as seldom as ever"


def test_once_it_is_told_the_next_run_does_not_find_it_anew() -> None:
    run, _ = given_back()
    assert len(run.told()) == 1
    text = run.kept()
    assert text is not None
    later = after(text, 30)
    later.read(40, sag_count_l2=1.0)
    assert later.told() == ()


def test_a_register_that_began_anew_at_0_has_counted_once_all_the_same() -> None:
    run = Run()
    run.read(10, sag_count_l2=65535.0)
    run.read(20)
    run.log.again(run.told())
    later = after(run.kept(stops=True) or "", 30)
    later.read(40)
    (again,) = (one for finding in later.told() for one in finding.moves)
    assert (again.before, again.after, again.count) == (65535.0, 0.0, 1)


def test_while_nobody_knows_who_answers_it_is_kept_and_no_read_of_that_time_is() -> None:
    run, move = given_back(serial="4711")
    run.read(30, sag_count_l2=1.0, sag_count_l3=5.0)
    text = run.kept(stops=True)
    assert text is not None
    later = after(text, 40, serial="4711")
    later.log.sure()
    later.read(50, sag_count_l2=1.0, sag_count_l3=5.0)
    found = {one.latch.name: one for finding in later.told() for one in finding.moves}
    assert {name: one.count for name, one in found.items()} == {L2: 1, "sag_count_l3": 5}
    assert found[L2].asked_us == move.asked_us


def test_nothing_is_kept_while_nobody_knows_who_answers_and_nothing_is_given_back() -> None:
    run = Run("4711")
    run.read(10)
    assert run.kept() is not None
    run.log.unsure(run.now_us)
    run.read(20, sag_count_l2=1.0)
    assert run.kept(stops=True) is None


def said_of(rig: Rig, kind: str) -> list[str]:
    """The counters that are named in the words of the one event of a kind."""
    (event,) = (one for one in rig.final if one.kind == kind)
    return [phase for phase in PHASES if f"sag counter of {phase} rose" in " ".join(event.evidence)]


def test_a_sag_that_parts_while_nobody_knows_who_answers_has_what_was_said_of_it_after_one_more_stop() -> None:
    """One phase is lost, two sag. After the first restart the meter says its serial number to nobody, until the second
    one is over."""
    world = World([Fault(15.5, 60, 0.85, ("l2", "l3")), Fault(15.5, 60, 0.3, ("l1",))])
    first = Rig(world, serial="4711")
    first.until(18.5)
    first.pipeline.stop()
    assert said_of(first, "sag") == ["l1", "l2", "l3"]
    second = Rig(world, serial="4711", before=first)
    second.kept.texts["m"] = first.kept.texts["m"]
    second.until(26)
    second.pipeline.stop()
    assert (said_of(second, "phase_loss"), said_of(second, "sag")) == (["l1"], [])
    third = Rig(world, serial="4711", before=second)
    third.until(30)
    third.log.sure()
    third.until(90)
    assert (said_of(third, "phase_loss"), said_of(third, "sag")) == (["l1"], ["l2", "l3"])
