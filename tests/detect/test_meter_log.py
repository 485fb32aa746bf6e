"""What a meter latched, through the whole pipeline: told once, inside its bounds, merged with what polling saw."""

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from latching import COUNTERS, EXTREMES, FAILURES, PHASES, Fault, Rig, U, World, seconds

from agent.detect.evidence import Seen
from agent.detect.log_state import told, understood
from agent.records import Event

SHORT = Fault(23.1, 23.2, 0.5, ("l2",))


def test_a_sag_that_no_look_shows_is_told_through_the_counter():
    rig = Rig(World([SHORT]), look_s=5.0)
    rig.until(60)
    (event,) = rig.final
    assert (event.kind, event.state, event.basis, event.revision) == ("sag", "closed", "meter_log", 1)
    assert (event.phases, event.channels) == (("l2",), ("voltage_l2",))
    assert event.evidence[0] == "no look at the voltages showed it"
    assert event.evidence[1].startswith("the meter's own sag counter of l2 rose from 0 to 1 between 2023-11-14T22:13:")
    assert (event.watch_s, event.window_s, event.residual_v, event.classes) == (None, None, None, {})
    assert (event.profile, event.voltage_basis, event.customers) == ("gb", "ln", (3, 3))
    assert bounds_hold(event, SHORT)
    assert seconds(event.start_us) == pytest.approx(30, abs=0.1)
    assert seconds(event.start_earliest_us) == pytest.approx(19.7, abs=0.1)  # a look at 20 s, less window and age


def bounds_hold(event: Event, fault: Fault) -> bool:
    assert event.duration_min_s is not None
    assert event.duration_max_s is not None
    return (
        seconds(event.start_earliest_us) < fault.start_s <= seconds(event.start_us)
        and seconds(event.end_earliest_us) < fault.end_s <= seconds(event.end_us)
        and event.duration_min_s <= fault.end_s - fault.start_s <= event.duration_max_s
    )


def test_its_own_minimum_tells_how_deep():
    rig = Rig(World([SHORT]), (*COUNTERS, *EXTREMES), look_s=5.0)
    rig.until(60)
    (event,) = rig.final
    assert (event.residual_v, event.residual_pct, event.extreme_by_channel) == (110.0, 50.0, {"voltage_l2": 110.0})
    assert "lowest voltage of l2 fell from 220.0 to 110.0 V" in event.evidence[2]
    assert event.evidence[2].endswith("over an unknown window")


def test_nothing_of_it_is_a_reading():
    rig = Rig(World([SHORT]), (*COUNTERS, *EXTREMES))
    rig.until(15)
    rig.answer({"frequency": 50.0}, full=True)
    rig.until(45)
    assert {name for one in rig.kept.readings for name in one.values} == {
        "frequency",
        *(f"voltage_{p}" for p in PHASES),
    }
    assert rig.kept.readings[0].values["frequency"] == 50.0


def test_a_sag_that_both_saw_is_told_once_with_the_meters_word():
    rig = Rig(World([Fault(23.0, 26.0, 0.5, ("l2",))]), (*COUNTERS, *EXTREMES), look_s=0.2)
    rig.until(80)
    (event,) = rig.final
    assert (event.kind, event.basis, event.state) == ("sag", "measured", "closed")
    assert any("sag counter of l2 rose from 0 to 1" in words for words in event.evidence)
    assert rig.told()[:2] == [("sag", "open", "measured", 1), ("sag", "open", "measured", 2)]
    assert [asked for asked in rig.log_asked if 20.1 < asked < 30] == [
        pytest.approx(23.1, abs=0.2),  # at once
        pytest.approx(26.8, abs=0.3),  # and when it must hold all about it
    ]


def test_the_meters_minimum_improves_what_polling_saw_of_it():
    fault = Fault(23.0, 23.15, 0.2, ("l1",))
    rig = Rig(World([fault]), (*COUNTERS, *EXTREMES), look_s=0.1)
    rig.until(60)
    (event,) = rig.final
    assert event.basis == "measured"
    assert (event.residual_v, event.residual_pct) == (44.0, pytest.approx(20))
    assert event.extreme_by_channel["voltage_l1"] == 44.0
    assert set(event.classes.values()) <= {"violates"}  # the cells rest on what polling saw


def test_two_counted_and_one_seen_are_two_and_their_depth_is_not_mixed():
    faults = [Fault(21.0, 21.06, 0.1, ("l1",)), Fault(24.0, 27.0, 0.8, ("l1",))]
    rig = Rig(World(faults, counts_at_end=True), (*COUNTERS, *EXTREMES), look_s=5.0, log_s=40, shift_s=0.15)
    rig.until(120)
    seen, own = rig.final
    assert (seen.basis, own.basis) == ("measured", "meter_log")
    assert all(any("sag counter of l1 rose from 0 to 2" in words for words in event.evidence) for event in (seen, own))
    assert (seen.residual_v, own.residual_v) == (pytest.approx(176), None)
    assert bounds_hold(own, faults[0])


def test_what_moved_on_another_phase_is_another_event():
    faults = [Fault(70.0, 70.06, 0.1, ("l1",)), Fault(80.0, 82.0, 0.85, ("l2",))]
    for latches in (COUNTERS, EXTREMES):
        rig = Rig(World(faults), latches, look_s=0.5, log_s=60, shift_s=0.45)
        rig.until(200)
        seen, own = sorted(rig.final, key=lambda event: event.basis)
        assert (seen.basis, seen.phases, own.basis, own.phases) == ("measured", ("l2",), "meter_log", ("l1",))
        assert seen.residual_v == pytest.approx(187)
        assert not any("of l1" in words for words in seen.evidence[1:])
        assert bounds_hold(own, faults[0])


def test_a_minimum_that_the_looks_at_an_event_exclude_is_another_event():
    """187 V for two seconds, looked at ten times: it did not go down to 22 V as well."""
    faults = [Fault(70.0, 70.06, 0.1, ("l1",)), Fault(95.0, 97.0, 0.85, ("l1",))]
    rig = Rig(World(faults), EXTREMES, look_s=0.5, log_s=60, shift_s=0.45)
    rig.until(200)
    seen, own = sorted(rig.final, key=lambda event: event.basis)
    assert (seen.basis, seen.residual_v) == ("measured", pytest.approx(187))
    assert (own.basis, own.residual_v) == ("meter_log", pytest.approx(22))
    assert bounds_hold(own, faults[0])
    assert seen.classes


def test_a_sag_that_begins_as_the_counter_is_read_is_one_event():
    """Counted at its beginning and read at once; polling sees it a look later."""
    rig = Rig(World([Fault(29.95, 33, 0.5)]), look_s=2.0, shift_s=0.7)
    rig._next_log_us = 30_000_000
    rig.until(60)
    (event,) = rig.final
    assert (event.basis, event.kind) == ("measured", "sag")


def test_a_hand_over_between_phases_is_one_event():
    faults = [Fault(23, 25, 0.5, ("l1",)), Fault(24.5, 27, 0.5, ("l2",))]
    rig = Rig(World(faults), look_s=0.2)
    rig.until(60)
    (event,) = rig.final
    said = " ".join(event.evidence)
    assert "of l1 rose" in said
    assert "of l2 rose" in said


def test_an_interruption_inside_a_sag_gets_its_own_counters():
    faults = [Fault(23, 24, 0.6), Fault(24, 27, 0.0), Fault(27, 28, 0.6)]
    rig = Rig(World(faults), look_s=0.1)
    rig.until(60)
    sag, loss = rig.final
    assert (sag.kind, loss.kind, loss.parent) == ("sag", "supply_loss", sag.id)
    assert any("interruption counter" in words for words in loss.evidence)
    assert any("sag counter" in words for words in sag.evidence)
    assert not any("interruption" in words for words in sag.evidence)


def test_an_interruption_too_short_to_see_lies_inside_the_sag_that_was_seen():
    rig = Rig(World([Fault(23, 26, 0.7), Fault(24.5, 24.55, 0.0)]), look_s=1.0)
    rig.world.faults = [Fault(23, 24.5, 0.7), Fault(24.5, 24.55, 0.0), Fault(24.55, 26, 0.7)]
    rig.until(60)
    sag, loss = rig.final
    assert (sag.kind, sag.basis) == ("sag", "measured")
    assert (loss.kind, loss.basis, loss.parent) == ("supply_loss", "meter_log", sag.id)
    assert bounds_hold(loss, Fault(24.5, 24.55, 0))


def test_a_sag_that_turns_out_to_be_a_phase_loss_takes_the_meters_word_along():
    rig = Rig(World([Fault(23, 33, 0.2, ("l3",))]), look_s=0.2)
    rig.until(60)
    (event,) = rig.final
    assert event.kind == "phase_loss"
    assert any("sag counter of l3" in words for words in event.evidence)


def test_swells_are_told_likewise():
    rig = Rig(World([Fault(23.1, 23.15, 1.4, ("l1",))]), (*COUNTERS, *EXTREMES), look_s=5.0)
    rig.until(60)
    (event,) = rig.final
    assert (event.kind, event.basis) == ("swell", "meter_log")
    assert event.peak_pct == pytest.approx(140)


def test_a_sag_and_a_swell_at_once_are_two():
    rig = Rig(World([Fault(23.1, 23.15, 1.4, ("l1",)), Fault(23.1, 23.15, 0.4, ("l2",))]), look_s=5.0)
    rig.until(60)
    assert sorted(event.kind for event in rig.final) == ["sag", "swell"]


def test_each_sag_of_its_own_read_is_its_own_event():
    faults = [Fault(t, t + 0.1, 0.5, (phase,)) for t, phase in ((23.3, "l1"), (43.3, "l1"), (63.3, "l2"))]
    rig = Rig(World(faults), look_s=5.0)
    rig.until(100)
    assert [event.phases for event in rig.final] == [("l1",), ("l1",), ("l2",)]
    assert all(bounds_hold(event, fault) for event, fault in zip(rig.final, faults, strict=True))


def test_an_unseen_sag_after_a_seen_one_is_its_own_event():
    faults = [Fault(23, 26, 0.5, ("l1",)), Fault(31.0, 31.1, 0.5, ("l2",))]
    rig = Rig(World(faults), look_s=0.5, log_s=60)
    rig.world.faults = faults
    rig.world.window_s = 0.2
    rig.until(31.0)
    rig._look_us = 5_000_000
    rig.until(150)
    assert [(event.basis, event.phases) for event in rig.final] == [("measured", ("l1",)), ("meter_log", ("l2",))]


def test_a_counter_that_is_older_than_the_voltages_is_still_about_the_sag_that_was_seen():
    rig = Rig(World([Fault(23.0, 26.1, 0.5)], counts_at_end=True, refresh_s=1.0, lag_s=0.9), look_s=0.2, log_s=1e6)
    rig.until(26.5)
    rig._next_log_us = 27_300_000
    rig.until(27.4)
    assert [event.state for event in rig.final] == ["closed"]
    assert rig.log_asked[-1] == pytest.approx(27.3, abs=0.05)
    rig.until(60)
    (event,) = rig.final
    assert any("sag counter of l1" in words for words in event.evidence)


def test_a_counter_of_an_event_of_its_own_that_counts_again_counts_another():
    faults = [Fault(23.3, 23.4, 0.5, ("l1",)), Fault(30.5, 30.6, 0.5, ("l1",))]
    rig = Rig(World(faults), look_s=5.0)
    rig.pipeline._hasten = lambda at_us: None  # no second read: the intervals of the two meet
    rig.until(60)
    assert [bounds_hold(event, fault) for event, fault in zip(rig.final, faults, strict=True)] == [True, True]


def test_questionable_reads_and_those_of_a_booting_meter_do_not_count():
    rig = Rig(World(), log_s=1e6)
    rig.until(20)
    rig.answer({"sag_count_l1": 9.0}, full=True, questionable=True)
    rig.silence(5)
    rig.look()
    rig.world.window_s = 0.2
    rig.pipeline._warmup.begins(rig.now_us)
    rig.read_log(sag_count_l1=8.0)
    assert rig._wanted_us == rig.now_us + 2_000_000  # asked again when it is up
    rig.until(40)
    assert [event.kind for event in rig.final] == ["comms_loss"]


def test_a_power_failure_counted_by_a_meter_that_lives_on_it_is_a_supply_loss_because_of_the_silence():
    rig = Rig(World(), (FAILURES,), lives_on_it=True)
    rig.until(12)
    rig.answer({"power_failures": 4.0, "frequency": 50.0}, full=True)
    rig.silence(30)
    rig.until(rig.now_us / 1e6 + 4)
    rig.answer({"power_failures": 5.0, "frequency": 50.0}, full=True)
    rig.until(rig.now_us / 1e6 + 4)
    silence, loss = rig.final
    assert (silence.kind, silence.basis) == ("comms_loss", "measured")
    assert (loss.kind, loss.basis, loss.because) == ("supply_loss", "meter_log", (silence.id,))
    assert loss.phases == PHASES
    assert rig.kept.readings[-1].values["power_failures"] == 5.0


def test_of_a_meter_on_an_auxiliary_supply_it_explains_the_silence_and_nothing_more():
    rig = Rig(World(), (FAILURES,), lives_on_it=False)
    rig.until(12)
    rig.answer({"power_failures": 4.0}, full=True)
    rig.silence(30)
    rig.until(rig.now_us / 1e6 + 4)
    rig.answer({"power_failures": 5.0}, full=True)
    (silence,) = rig.final
    assert (silence.kind, silence.state, silence.revision) == ("comms_loss", "closed", 3)
    assert "power failure counter rose from 4 to 5" in silence.evidence[-1]


def test_what_it_counted_while_the_agent_was_down_is_told_after_the_restart():
    fault = Fault(50.0, 50.5, 0.3, ("l3",))
    first = Rig(World([fault]), (*COUNTERS, *EXTREMES))
    first.until(33)
    first.pipeline.stop()
    first.now_us += 100_000_000
    second = Rig(first.world, (*COUNTERS, *EXTREMES), before=first)
    second.until(160)
    (event,) = second.final
    assert (event.kind, event.basis, event.residual_v) == ("sag", "meter_log", 66.0)
    assert bounds_hold(event, fault)
    assert seconds(event.start_earliest_us) == pytest.approx(29, abs=1)
    assert seconds(event.end_us) == pytest.approx(135, abs=2)


def test_killed_or_stopped_inside_a_sag_it_is_told_once():
    fault = Fault(50.0, 56.0, 0.3, ("l3",))
    for stops in (True, False):
        first = Rig(World([fault], counts_at_end=True), look_s=0.5)
        first.until(53)
        if stops:
            first.pipeline.stop()
        second = Rig(first.world, before=first, look_s=0.5)
        second.until(100)
        assert {event.id for event in second.final} == {event.id for event in first.final}
        (event,) = second.final
        assert any("sag counter of l3 rose from 0 to 1" in words for words in event.evidence)


def test_an_event_closed_before_the_restart_takes_what_is_counted_after_it():
    fault = Fault(50.0, 52.0, 0.3, ("l3",))
    first = Rig(World(), look_s=0.5)
    first.until(49)
    first.world.faults = [fault]
    first._names = set()  # the kill comes before the counter is read
    first.until(53.1)
    second = Rig(first.world, before=first, look_s=0.5)
    second.until(100)
    (event,) = second.final
    assert (event.id, event.state, event.revision) == (first.final[0].id, "closed", first.final[0].revision + 1)
    assert bounds_hold(event, fault)


def test_the_words_said_before_a_restart_stay():
    fault = Fault(50.0, 56.0, 0.3, ("l3",))
    first = Rig(World([fault]), look_s=0.5)
    first.until(53)
    assert "sag counter of l3" in first.final[0].evidence[-1]
    second = Rig(first.world, before=first, look_s=0.5)
    second.until(100)
    (event,) = second.final
    assert event.state == "closed"
    assert sum("sag counter of l3" in words for words in event.evidence) == 1


@pytest.mark.parametrize("made_by", ["a", "another map or ratio"])
def test_what_another_map_said_is_not_compared(made_by: str):
    first = Rig(World())
    first.until(33)
    first.pipeline.stop()
    second = Rig(World([Fault(34, 34.1, 0.5)]), before=first, made_by=made_by)
    second.now_us += 10_000_000
    second.until(70)
    assert len(second.final) == (made_by == "a")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"made_by":"a","seen":{"x":1}}', '{"made_by":"a","seen":[]}'])
def test_what_cannot_be_understood_is_not_there(text: str):
    assert understood(text, "a", lambda us: us, 10, 0) == {}


def test_what_was_read_in_the_future_is_not_there():
    text = told({"x": Seen(1.0, 50, 40)}, "a", lambda us: us)
    assert understood(text, "a", lambda us: us, 51, 1) == {"x": Seen(1.0, 49, 39)}
    assert understood(text, "a", lambda us: us, 49, 0) == {}


def test_little_is_written_while_nothing_happens():
    rig = Rig(World(), log_s=60)
    written = []
    rig.kept.keep = lambda name, text: written.append(text)
    rig.until(3000)
    assert len(written) == 5 + 1  # and once what the book knows


def families(events: list[Event]) -> list[Event]:
    """A family is counted once."""
    ids = {event.id for event in events}
    return [event for event in events if event.parent not in ids and event.kind != "chatter"]


def reach(event: Event) -> tuple[float, float]:
    return seconds(event.start_earliest_us), seconds(event.end_us)


def has_own_cause(events: list[Event], faults: list[Fault]) -> bool:
    """Each event has a fault within its bounds that no other event needs (Kuhn's matching)."""
    inside = {
        event.id: [i for i, one in enumerate(faults) if reach(event)[0] < one.start_s and one.end_s <= reach(event)[1]]
        for event in events
    }
    taken: dict[int, str] = {}

    def place(id_: str, tried: set[int]) -> bool:
        for i in inside[id_]:
            if i not in tried:
                tried.add(i)
                if i not in taken or place(taken[i], tried):
                    taken[i] = id_
                    return True
        return False

    return all(place(event.id, set()) for event in events)


durations = st.sampled_from([0.02, 0.06, 0.1, 0.3, 0.5, 1.0, 3.0, 7.0])
depths = st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.85])
phases = st.sampled_from([("l1",), ("l2",), ("l1", "l3"), PHASES])
worlds = st.fixed_dictionaries(
    {"counts_at_end": st.booleans(), "window_s": st.sampled_from([0.02, 0.2, 1.0])}
)  # fmt: skip


@drawn(40)
@given(
    st.lists(st.tuples(st.floats(0.5, 30), durations, depths, phases), min_size=1, max_size=4),
    worlds,
    st.sampled_from([0.3, 1.0, 5.0]),
    st.floats(0, 5),
    st.booleans(),
)
def test_no_cause_has_two_events_and_no_event_is_without_a_cause(
    drawn: list[tuple[float, float, float, tuple[str, ...]]],
    world: dict[str, float],
    look_s: float,
    shift_s: float,
    extremes: bool,
):
    faults, now_s = [], 12.0
    for gap_s, length_s, pu, on in drawn:
        faults.append(Fault(now_s + gap_s, now_s + gap_s + length_s, pu, on))
        now_s = faults[-1].end_s
    latches = (*COUNTERS, *EXTREMES) if extremes else COUNTERS
    rig = Rig(World(faults, **world), latches, look_s=look_s, shift_s=shift_s)
    rig.until(now_s + 30)
    found = families(rig.final)
    assert found, "every fault was counted"
    assert len(found) <= len(faults)
    assert has_own_cause(found, faults), rig.told()
    assert all(event.state == "closed" for event in found)


@drawn(40)
@given(
    st.lists(st.tuples(st.floats(20, 35), durations, depths, phases), min_size=1, max_size=3),
    worlds,
    st.sampled_from([1.0, 2.5, 5.0]),
    st.floats(0, 5),
)
def test_faults_far_apart_are_each_one_event_with_the_truth_inside(
    drawn: list[tuple[float, float, float, tuple[str, ...]]], world: dict[str, float], look_s: float, shift_s: float
):
    faults, now_s = [], 12.0
    for gap_s, length_s, pu, on in drawn:
        faults.append(Fault(now_s + gap_s, now_s + gap_s + length_s, pu, on))
        now_s = faults[-1].end_s
    rig = Rig(World(faults, **world), (*COUNTERS, *EXTREMES), look_s=look_s, shift_s=shift_s)
    rig.until(now_s + 30)
    found = sorted(families(rig.final), key=lambda event: event.start_us)
    assert len(found) == len(faults), rig.told()
    for event, fault in zip(found, faults, strict=True):
        assert bounds_hold(event, fault), (event, fault)
    deepest = {phase: min([1.0, *(fault.pu for fault in faults if phase in fault.phases)]) for phase in PHASES}
    for event in found:
        if event.residual_v is not None:
            assert event.residual_v >= U * min(deepest[phase] for phase in event.phases) - 1e-6
