"""One meter's answers through detectors, window, journal and board, in instants of our own."""

import pytest
from rigged import KEYS, SECOND, WALL, Rig

from agent.detect.ending import abandoned
from agent.trace_rows import LOST, samples


def test_a_sag_is_told_twice_and_its_readings_are_kept():
    rig = Rig()
    for _ in range(3):
        rig.answer(220, 221, 219)
    rig.answer(full=True)
    for _ in range(5):
        rig.answer(220, 88, 219)
    status = rig.board.statuses()[0]
    assert status.open_events == (rig.kept.events[0].id,)
    rig.answer(220, 221, 219)
    assert rig.told() == [("sag", "open", 1), ("sag", "closed", 2)]
    event = rig.kept.events[1]
    assert (event.residual_v, event.phases, event.customers) == (88, ("l2",), (3, 3))
    assert event.start_us == WALL + 5 * 200_000
    assert rig.board.statuses()[0].open_events == ()
    assert rig.kept.readings[0].values["frequency"] == 50.0


def test_what_is_told_and_kept_has_the_digits_of_a_float32():
    rig = Rig()
    rig.answer(220.3000030517578, 221, 219)
    rig.answer(full=True)
    rig.answer(220, 92.19999694824219, 219)
    assert rig.kept.events[0].residual_v == 92.2
    assert rig.kept.readings[0].values["voltage_l1"] == 220.3


@pytest.mark.parametrize("wild", [-230.0, 1e30, float("nan")])
def test_a_voltage_that_no_network_has_is_absent_and_said(wild: float):
    rig = Rig()
    rig.answer(220, 221, 219)
    rig.answer(full=True)
    for _ in range(50):
        rig.answer(220, wild, 219)
    rig.answer(220, 221, 219)
    assert rig.kept.events == []
    assert rig.kept.readings[1].flags == ("out_of_range",)
    assert rig.kept.readings[1].max.get("voltage_l2", 0) <= 221


def test_silence_is_lost_comms_and_unknown_supply_and_nothing_more():
    rig = Rig()
    rig.answer(220, 221, 219)
    assert rig.board.statuses()[0].supply == "live"
    rig.board.changed.clear()
    for _ in range(4):
        rig.silence()
    status = rig.board.statuses()[0]
    assert (status.supply, status.comms) == ("unknown", "lost")
    assert rig.board.changed.is_set()
    rig.answer(220, 221, 219)
    assert rig.told() == [("comms_loss", "open", 1), ("comms_loss", "closed", 2)]
    assert rig.board.statuses()[0].comms == "ok"


def test_a_reading_says_how_much_of_its_window_was_seen():
    rig = Rig()
    rig.answer(220, 221, 219)
    rig.answer(full=True)
    rig.hold(12, 220, 221, 219)
    for _ in range(4):
        rig.silence()
    rig.hold(12, 220, 221, 219)
    whole, broken = rig.kept.readings[1:3]
    assert whole.seen_s == whole.window_s
    # Four looks that did not come, half a second each, and the fifth of a second until one came.
    assert broken.seen_s == pytest.approx(broken.window_s - 4 * 0.5 - 0.2)


def test_a_measured_zero_is_dead():
    rig = Rig()
    rig.answer(220, 221, 219)
    rig.answer(0, 0, 0)
    status = rig.board.statuses()[0]
    assert (status.supply, dict(status.supply_by_phase)) == ("dead", dict.fromkeys(("l1", "l2", "l3"), "dead"))
    assert rig.told() == [("supply_loss", "open", 1)]


@pytest.mark.parametrize("boot_s", [200.0, 3.0], ids=["same boot", "after a reboot"])
def test_a_restart_inside_an_event_says_it_again_and_closes_it_once(boot_s: float):
    first = Rig()
    first.answer(220, 221, 219)
    first.answer(220, 88, 219)
    opened = first.kept.events[0]
    second = Rig(boot_s, WALL + 60 * SECOND, "e2")
    second.pipeline.resume([opened])
    assert second.kept.events == [opened]
    assert second.board.statuses()[0].open_events == (opened.id,)
    second.answer(220, 221, 219)
    assert second.told()[1:] == [("sag", "closed", 2)]
    closed = second.kept.events[1]
    assert (closed.id, closed.start_us) == (opened.id, opened.start_us)
    assert closed.end_us == WALL + 60 * SECOND + 200_000
    assert closed.end_earliest_us <= opened.start_us
    second.answer(220, 80, 219)
    assert second.kept.events[-1].id != opened.id


def test_what_the_journal_kept_bounds_the_end_of_an_event_that_ended_while_the_agent_was_away():
    first = Rig()
    first.answer(220, 221, 219)
    first.answer(full=True)
    for _ in range(40):
        first.answer(220, 88, 219)
    opened = first.kept.events[0]
    second = Rig(3.0, WALL + 60 * SECOND, "e2")
    second.pipeline.resume([opened], first.kept.readings)
    second.answer(220, 221, 219)
    closed = second.kept.events[-1]
    last_bad_us = WALL + 42 * 200_000
    assert last_bad_us - 3 * SECOND < closed.end_earliest_us <= last_bad_us
    assert closed.duration_min_s > 4


def test_an_event_the_site_can_no_longer_continue_is_closed_without_an_end():
    rig = Rig()
    rig.answer(220, 221, 219)
    rig.answer(220, 88, 219)
    left = abandoned(rig.kept.events[0], rig.clock.wall_us())
    assert (left.state, left.revision, left.end_us, left.duration_max_s) == ("closed", 2, None, None)
    assert "site file" in left.evidence[-1]


def test_a_sag_leaves_a_trace_of_every_sample_and_loss_from_5_s_before_to_10_s_after():
    rig = Rig()
    for _ in range(50):
        rig.answer(220, 221, 219)
    rig.answer(220, 88, 219)
    rig.silence()
    rig.answer(220, 221, 219)
    for _ in range(80):
        rig.answer(220, 221, 219)
    opened, closed = rig.kept.events[0], rig.kept.events[-1]
    rows = [row for part in rig.kept.traces for row in samples(part)]
    assert {(part.event, part.meter, part.columns) for part in rig.kept.traces} == {(opened.id, "m", KEYS)}
    assert rows[0].at_us == opened.start_us - 5 * SECOND
    assert rows[-1].at_us == closed.end_us + 10 * SECOND
    assert [row.values[1] for row in rows if row.at_us == opened.start_us] == [88]
    assert [row.mark for row in rows].count(LOST) == 1
    assert len(rows) == 25 + 1 + 1 + 1 + 50


def test_a_stop_keeps_what_a_trace_has_and_the_next_run_goes_on_with_it():
    rig = Rig()
    rig.answer(220, 221, 219)
    rig.answer(220, 88, 219)
    rig.answer(220, 88, 219)
    rig.pipeline.stop()
    assert [part.part for part in rig.kept.traces] == [1, 2]
    second = Rig(3.0, WALL + 60 * SECOND, "e2")
    second.pipeline.resume(rig.kept.events, (), rig.kept.traces)
    second.answer(220, 221, 219)
    for _ in range(80):
        second.answer(220, 221, 219)
    first, *_, last = second.kept.traces
    assert (first.event, first.part, first.follows) == (rig.kept.events[0].id, 3, "restart")
    assert last.closing == "complete"


def test_after_a_silence_a_booting_meter_is_not_believed():
    rig = Rig()
    rig.answer(220, 221, 219)
    rig.answer(full=True)
    for _ in range(4):
        rig.silence()
    rig.hold(1, 0, 0, 0)
    rig.answer(120, 118, 121)
    rig.answer(220, 221, 219)
    assert rig.told() == [("comms_loss", "open", 1), ("comms_loss", "closed", 2)]
    rig.hold(11, 220, 221, 219)
    (reading,) = [reading for reading in rig.kept.readings if "warmup" in reading.flags][:1]
    assert reading.quality == "questionable"
    rig.hold(1, 120, 118, 121)
    assert rig.told()[2:] == [("sag", "open", 1)]


def test_a_feeder_that_is_still_dead_after_the_silence_is_told_ten_seconds_later():
    rig = Rig()
    rig.answer(220, 221, 219)
    for _ in range(4):
        rig.silence()
    rig.hold(10, 0, 0, 0)
    assert len(rig.kept.events) == 2
    rig.hold(1, 0, 0, 0)
    loss = rig.kept.events[2]
    assert loss.kind == "supply_loss"
    assert loss.start_earliest_us <= WALL + SECOND


def test_a_meter_that_says_not_available_and_then_too_little_has_booted():
    rig = Rig()
    rig.answer(220, 221, 219)
    rig.answer(None, None, None)
    rig.answer(100, 100, 100)
    assert rig.kept.events == []
    rig.hold(2, 100, 100, 100)
    assert rig.told() == [("sag", "open", 1)]


def test_the_first_answers_of_the_agent_are_no_boot():
    rig = Rig()
    rig.answer(0, 0, 0)
    assert rig.told() == [("supply_loss", "open", 1)]


def test_an_event_says_currents_side_class_and_energy():
    rig = Rig()
    rig.hold(30, 220, 221, 219, current_l1=10.0, current_l2=10.0, current_l3=10.0)
    rig.answer(full=True, active_power_total=6000.0)
    rig.hold(1, 220, 88, 219, current_l1=10.0, current_l2=200.0, current_l3=10.0)
    rig.answer(220, 221, 219)
    event = rig.kept.events[-1]
    assert (event.state, event.direction, event.i_before, event.i_during) == ("closed", "downstream", 10.0, 200.0)
    assert any("the cause is below the meter" in words for words in event.evidence)
    assert event.classes["ieee1159"]
    # Window and refresh of this meter differ: nobody can say what was missing.
    assert event.sag_energy_s is None


def test_a_sag_that_lasts_is_retracted_and_its_undervoltage_told_with_its_start():
    rig = Rig()
    rig.hold(30, 220, 221, 219)
    rig.hold(70, 220, 180, 219)
    assert rig.told() == [("sag", "open", 1), ("undervoltage", "open", 1), ("sag", "retracted", 2)]
    sag, under, _ = rig.kept.events
    assert (under.supersedes, under.start_us) == ((sag.id,), sag.start_us)
    assert (under.residual_v, under.phases, under.reference) == (180, ("l2",), "declared")
    assert under.evidence[0] == "l2 down to 180.0 V: 1-min means below 198 V"
    assert rig.board.statuses()[0].open_events == (under.id,)
    assert not rig.pipeline.troubled


def test_a_restart_inside_an_undervoltage_that_took_a_sag_over_opens_no_sag():
    first = Rig()
    first.hold(30, 220, 221, 219)
    first.hold(70, 220, 180, 219)
    left = [event for event in first.kept.events if event.kind == "undervoltage"]
    second = Rig(200.0, WALL + 200 * SECOND, "e2")
    second.pipeline.resume(left)
    second.hold(30, 220, 180, 219)
    assert second.told() == [("undervoltage", "open", 1)]
    second.answer(220, 221, 219)
    assert second.told()[1:] == [("undervoltage", "closed", 2)]
    assert second.kept.events[-1].id == left[0].id


def test_a_loose_wire_is_summed_up_once_and_every_sag_is_kept():
    rig = Rig()
    rig.hold(30, 220, 221, 219)
    for _ in range(6):
        rig.hold(1, 220, 88, 219)
        rig.hold(5, 220, 221, 219)
    sags = [event.id for event in rig.kept.events if event.kind == "sag" and event.state == "closed"]
    (chatter,) = [event for event in rig.kept.events if event.kind == "chatter"]
    assert len(sags) == 6
    assert (chatter.state, chatter.because, chatter.start_us) == ("open", tuple(sags[:4]), rig.kept.events[0].start_us)
    again = Rig(500.0, WALL + 300 * SECOND, "e2")
    again.pipeline.resume([chatter])
    for _ in range(65):
        again.hold(10, 220, 221, 219)
        again.answer(full=True)
    assert [(event.kind, event.state, event.id == chatter.id) for event in again.kept.events] == [
        ("chatter", "open", True), ("chatter", "closed", True),
    ]  # fmt: skip


def test_nothing_closes_when_the_agent_stops():
    rig = Rig()
    rig.hold(1, 220, 221, 219)
    rig.answer(220, 88, 219)
    rig.pipeline.stop()
    assert rig.told() == [("sag", "open", 1)]
