"""What the meter's own registers say is told of the event it is about, and of no other: in order, across restarts, and
without a depth that may be another event's."""

import pytest
from latching import COUNTERS, EXTREMES, FLAGS, SECOND, Fault, Rig, World, seconds

from agent.detect import book_state
from agent.detect.book_state import Said
from agent.detect.evidence import Latch, Move
from agent.detect.notes import Kept, Note
from agent.records import Event

BOTH = (*COUNTERS, *EXTREMES)


def restarted(first: Rig, latches: tuple[Latch, ...], *, away_s: float, look_s: float, log_s: float) -> Rig:
    first.pipeline.stop()
    first.now_us += round(away_s * SECOND)
    return Rig(first.world, latches, before=first, look_s=look_s, log_s=log_s)


def began(event: Event) -> tuple[float, float]:
    return seconds(event.start_earliest_us), seconds(event.start_us)


def words(event: Event) -> str:
    return " ".join(event.evidence)


@pytest.mark.parametrize("rebooted", [False, True])
def test_after_a_restart_a_counter_that_counts_again_counts_another_event(rebooted: bool):
    world = World([Fault(20.5, 25.2, 0.8, ("l2",)), Fault(44.5, 44.56, 0.4, ("l2",))], window_s=1.0)
    first = Rig(world, BOTH, look_s=2.0, log_s=30)
    if rebooted:
        first.clock.boot_id = "another"
    first.until(26.2)
    second = restarted(first, BOTH, away_s=20, look_s=2.0, log_s=30)
    second.until(90)
    latest = {event.id: event for event in (*first.final, *second.final)}
    polled, own = latest.values()
    assert (polled.basis, polled.residual_pct) == ("measured", pytest.approx(80))
    assert (own.basis, own.phases) == ("meter_log", ("l2",))
    assert "lowest voltage of l2 fell from 220.0 to 88.0 V" in words(polled), "whose it is nobody can tell"
    assert began(own)[0] < 44.5 <= began(own)[1]


def test_what_was_told_before_a_kill_and_is_read_again_is_not_counted_twice():
    """The text of the reads is older than that of the events: a finding waited when the agent was killed."""
    first = Rig(World([Fault(20.5, 25.2, 0.8, ("l2",))]), look_s=0.5)
    first.until(19)
    before = first.kept.texts["m"]
    first.until(29)
    assert "sag counter of l2 rose from 0 to 1" in words(first.final[0])
    first.kept.texts["m"] = before
    second = Rig(first.world, before=first, look_s=0.5)
    second.until(60)
    assert {event.id for event in second.final} <= {first.final[0].id}


def test_what_was_all_said_before_a_restart_takes_no_count_after_it():
    """The text of the reads is a little older than the end of the sag: nothing moved since, so it was not written. That
    of the events is younger: a silence came after it."""
    first = Rig(World([Fault(30.125, 31.842, 0.5, ("l1",))], window_s=1.0, refresh_s=0.2), BOTH, look_s=2.0)
    first.until(38)
    first.silence(5)
    first.until(48)
    seen = [event.id for event in first.final]
    first.world.faults = [*first.world.faults, Fault(48.5, 48.7, 0.2, ("l1",))]
    first.now_us += 3 * SECOND
    second = Rig(first.world, BOTH, before=first, look_s=2.0)
    second.until(80)
    assert len(seen) == 2
    assert [(event.basis, event.phases) for event in second.final if event.id not in seen] == [("meter_log", ("l1",))]


def test_without_a_counter_a_minimum_stays_in_the_words():
    """0 V for a second between two looks, and a sag to 70 % that both saw: whose minimum it is nobody can tell."""
    faults = [Fault(42.8, 43.8, 0.0, ("l1",)), Fault(56.8, 65.2, 0.7, ("l1",))]
    rig = Rig(World(faults), EXTREMES, look_s=5.0, log_s=60, shift_s=0.2)
    rig.until(120)
    (event,) = rig.final
    assert event.residual_pct == pytest.approx(70)
    assert "lowest voltage of l1 fell from 220.0 to 0.0 V" in words(event)


def test_what_was_found_first_is_told_first():
    """Two that nobody saw are counted by 30 s and wait for a look; the third is seen before it comes."""
    faults = [Fault(25.2, 25.24, 0.1, ("l2",)), Fault(27, 27.04, 0.1, ("l2",)), Fault(30.15, 36, 0.7)]
    rig = Rig(World(faults), look_s=1.0, log_s=10)
    rig.until(60)
    polled, own, other = rig.final
    assert [(event.basis, event.phases) for event in (own, other)] == [("meter_log", ("l2",))] * 2
    assert began(own) == (pytest.approx(19.7, abs=0.1), pytest.approx(30.04, abs=0.1))
    assert began(other) == (pytest.approx(19.7, abs=0.1), pytest.approx(31.04, abs=0.1))
    assert "sag counter of l2 rose from 0 to 2" in words(own)
    assert "sag counter of l2 rose from 0 to 3" in words(polled)


def test_an_unseen_sag_whose_count_was_taken_for_another_lies_as_far_back_as_that_count():
    """Counted at its end, by 70 s, while a sag that was seen goes on; whose own count comes when the next one has
    begun; and that of the next one is one too many."""
    faults = [Fault(63.968, 63.986, 0.55), Fault(68.852, 83.573, 0.8), Fault(84.956, 86.066, 0.8)]
    rig = Rig(World(faults, counts_at_end=True), look_s=2.0, log_s=10, shift_s=0.1328)
    rig.until(200)
    (own,) = (event for event in rig.final if event.basis == "meter_log")
    assert began(own)[0] < 63.968 <= began(own)[1]


@pytest.mark.parametrize("looks", [True, False])
def test_an_event_of_flags_has_its_end_where_they_are_cleared_after_a_restart(looks: bool):
    first = Rig(World([Fault(30.02, 30.06, 0.3)], flags_hold_s=200), FLAGS, log_s=10)
    first.until(29.5)
    first._next_look_us = 10**12
    first.until(130)
    assert [event.end_us for event in first.final] == [None]
    second = restarted(first, FLAGS, away_s=150, look_s=1.0 if looks else 1e9, log_s=10)
    second.until(340)
    (event,) = second.final
    assert (event.id, event.revision) == (first.final[0].id, first.final[0].revision + 1)
    assert seconds(event.end_us) == pytest.approx(280, abs=0.1)
    assert ", and cleared between" in words(event)


def test_an_event_of_another_phase_is_not_that_of_a_flag_before():
    faults = [Fault(17, 17.05, 0.5, ("l2",)), Fault(21.333, 21.556, 0.2, ("l1",))]
    rig = Rig(World(faults), (*EXTREMES, *FLAGS), look_s=5.0, log_s=10, shift_s=0.2)
    rig.until(60)
    for event, fault in zip(rig.final, faults, strict=True):
        assert (event.phases, event.residual_pct) == (fault.phases, pytest.approx(100 * fault.pu))
        assert began(event)[0] < fault.start_s <= began(event)[1]


def test_an_event_of_a_flag_alone_names_no_phase_whatever_is_counted_later():
    flagged = Latch("undervoltage_flag", "undervoltage_flag")
    rig = Rig(World(), (*COUNTERS, flagged), look_s=1e9, log_s=1e9)
    rig.pipeline._hasten = lambda at_us: None
    zeros = {latch.name: 0.0 for latch in COUNTERS}
    for at_s, values in ((10, {"undervoltage_flag": 0.0}), (20, {"undervoltage_flag": 1.0}), (90, {}),
                         (100, {"sag_count_l1": 1.0}), (170, {})):  # fmt: skip
        rig.until(at_s)
        rig.answer({**zeros, "undervoltage_flag": 1.0, "sag_count_l1": float(at_s >= 100), **values}, full=True)
    (event,) = rig.final
    assert event.phases == ()
    assert "sag counter of l1 rose from 0 to 1" in words(event)


def test_no_depth_is_published_before_the_registers_were_read_after_the_event():
    """A sag to 10 % that nobody saw, counted by 30 s; one to 70 % begins before the next look."""
    rig = Rig(World([Fault(25.2, 25.24, 0.1), Fault(30.15, 36, 0.7)]), BOTH, look_s=1.0, log_s=10)
    rig.until(60)
    polled = [event for event in rig.kept.events if event.basis == "measured"]
    assert [event.residual_pct for event in polled] == [pytest.approx(70)] * len(polled)
    assert polled[-1].state == "closed"


def test_a_depth_that_is_its_own_is_published_once_the_registers_were_read_after_it():
    """The counter and the minimum move while it goes on; no later read has anything to add."""
    rig = Rig(World([Fault(23.0, 23.15, 0.2, ("l1",))]), BOTH, look_s=0.1, log_s=10)
    rig.until(60)
    told = [(event.state, round(event.residual_pct or 0)) for event in rig.kept.events]
    assert told[-1] == ("closed", 20)
    assert all(residual > 20 for _, residual in told[:-1])


def test_a_depth_that_came_with_the_next_sag_is_not_that_of_the_one_before():
    """Its count comes at its end, by which time the next one, which is not counted yet, is deeper; the next look shows
    that one."""
    faults = [Fault(41.746, 44.522, 0.4, ("l3",)), Fault(47.33, 64.895, 0.05, ("l3",))]
    rig = Rig(World(faults, window_s=1.0, counts_at_end=True), BOTH, look_s=1.0, log_s=60, shift_s=0.167)
    rig.until(150)
    assert [round(event.residual_pct or 0) for event in rig.final] == [40, 5]


def test_a_depth_that_came_with_a_sag_between_two_looks_is_not_that_of_the_one_before():
    """Both reads after the first sag find it counted, and the depth of the second, which is counted at its end; no look
    shows that one."""
    faults = [Fault(15.304, 24.214, 0.8), Fault(25.165, 26.408, 0.55, ("l1", "l2"))]
    rig = Rig(World(faults, counts_at_end=True), BOTH, look_s=5.0, log_s=30, shift_s=0.116)
    rig.until(120)
    assert [(event.basis, event.residual_pct and round(event.residual_pct)) for event in rig.final] == [
        ("measured", 80), ("meter_log", None),
    ]  # fmt: skip


class Coarse(World):
    """It counts what goes below 80 %, and no sag that is less."""

    def latched(self, t_s: float) -> dict[str, float]:
        deep = [one for one in self.faults if one.pu < 0.8]
        counts = World(deep, self.window_s, self.refresh_s).latched(t_s)
        return super().latched(t_s) | {name: value for name, value in counts.items() if "count" in name}


def test_a_depth_that_the_looks_exclude_is_another_ones_whatever_the_meter_counts():
    """187 V for two seconds, looked at four times; what it counted is the sag to 22 V before, which nobody saw."""
    faults = [Fault(70.0, 70.06, 0.1, ("l1",)), Fault(95.0, 97.0, 0.85, ("l1",))]
    rig = Rig(Coarse(faults), BOTH, look_s=0.5, log_s=60, shift_s=0.45)
    rig.until(200)
    (event,) = rig.final
    assert event.residual_pct == pytest.approx(85)
    assert "lowest voltage of l1 fell from 220.0 to 22.0 V" in words(event)


def test_what_the_looks_exclude_is_known_after_a_restart():
    faults = [Fault(50.0, 52.0, 0.85, ("l1",)), Fault(54.0, 54.1, 0.1, ("l1",))]
    first = Rig(World(faults), EXTREMES, look_s=0.5)
    first.until(49)
    first._names = set()  # the kill comes before the registers are read
    first.until(53.1)
    first.now_us += 3 * SECOND
    second = Rig(first.world, EXTREMES, before=first, look_s=0.5)
    second.until(100)
    assert [(event.basis, event.residual_pct) for event in second.final] == [("meter_log", pytest.approx(10))]


def test_a_depth_that_may_be_anothers_stays_so_when_that_one_is_forgotten():
    """The flag of the sag that was seen is cleared long after; by then nothing is known any more of the one whose depth
    it was."""
    faults = [Fault(47.478, 57.816, 0.8, ("l1",)), Fault(60.342, 60.888, 0.2, ("l1",))]
    world = World(faults, counts_at_end=True, refresh_s=0.2, flags_hold_s=40)
    rig = Rig(world, (*BOTH, *FLAGS), look_s=5.0, log_s=10, shift_s=0.15)
    rig.until(150)
    polled = [event for event in rig.kept.events if event.basis == "measured"]
    assert ", and cleared between" in words(polled[-1])
    assert [round(event.residual_pct or 0) for event in polled] == [80] * len(polled)


def test_a_look_that_is_out_of_band_ends_nothing():
    """A swell counted on l1 in the middle of an overvoltage of l1: another one, which the looks cannot tell apart."""
    rig = Rig(World([Fault(20, 400, 1.15, ("l1",))]), (COUNTERS[6],), look_s=1.0, log_s=1e9)
    rig.until(12)
    for at_s, count in ((12, 0.0), (150, 1.0), (200, 2.0)):
        rig.until(at_s)
        rig.read_log(swell_count_l1=count)
    rig.until(300)
    own = [event for event in rig.final if event.basis == "meter_log"]
    assert own
    assert [(event.end_us, event.duration_max_s) for event in own] == [(None, None)] * len(own)
    assert "no look at the voltages showed it" not in words(own[0])


def test_notes_outlive_the_agent():
    latch = Latch("sag_count_l2", "sag_count", "l2", 65536.0)
    flag = Latch("undervoltage_flag", "undervoltage_flag")
    moves = {"sag_count_l2": Move(latch, 0, 1, 1, 10, 5, 20),
             "undervoltage_flag": Move(flag, 0, 0, 0, 10, 5, 20, (25, 30))}  # fmt: skip
    kept = Kept(Note(moves, True, ("said before",), frozenset({"sag_count_l2"}), moves), {"l2": 100.5}, {"l2": 101})
    text = book_state.told(Said(notes={"a": kept}), "b1", 7)
    assert book_state.understood(text, "b1", 7).said.notes == {"a": kept}
    (shifted,) = book_state.understood(text, "another boot", 9).said.notes.values()
    assert shifted.note.moves["undervoltage_flag"].back == (23, 28)
    assert shifted.note.moves["sag_count_l2"].asked_us == 8
    assert book_state.understood(text.replace('"l2",', '"l2",7,'), "b1", 7).said == Said()
