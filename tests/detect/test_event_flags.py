"""Flags that a meter sets of its voltage, and limits of its owner's, through the whole pipeline."""

import logging

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from latching import FLAGS, LIMITS, Fault, Rig, U, World, seconds

from agent.detect.evidence import Latch
from agent.records import Event

SHORT = Fault(23.1, 23.2, 0.5, ("l2",))
RESTART = Latch("restart_flag", "restart_flag")
AFFAIR = ": at which voltage, and for how long it stays set, is the meter's affair"


def bounds_hold(event: Event, fault: Fault) -> bool:
    assert event.duration_min_s is not None
    assert event.duration_max_s is not None
    return (
        seconds(event.start_earliest_us) < fault.start_s <= seconds(event.start_us)
        and seconds(event.end_earliest_us) < fault.end_s <= seconds(event.end_us)
        and event.duration_min_s <= fault.end_s - fault.start_s <= event.duration_max_s
    )


def test_a_flag_that_was_set_between_two_reads_is_an_event_inside_them():
    rig = Rig(World([SHORT]), FLAGS, look_s=5.0)
    rig.until(36)
    (event,) = rig.final
    assert (event.kind, event.state, event.basis, event.revision) == ("sag", "closed", "meter_log", 1)
    assert (event.phases, event.channels, event.residual_v, event.classes) == ((), (), None, {})
    assert event.evidence[0] == "no look at the voltages showed it"
    assert event.evidence[1].startswith("the meter's own undervoltage flag was set between 2023-11-14T22:13:")
    assert event.evidence[1].endswith(AFFAIR)
    assert bounds_hold(event, SHORT)
    assert seconds(event.start_us) == pytest.approx(30, abs=0.1)
    assert seconds(event.end_us) == pytest.approx(35, abs=5)


def test_when_it_is_cleared_is_said_and_moves_no_bound_that_looks_gave():
    rig = Rig(World([SHORT], flags_hold_s=25), FLAGS, look_s=5.0)
    rig.until(45)
    (before,) = rig.final
    rig.until(60)
    (after,) = rig.final
    assert (before.revision, after.revision) == (1, 2)
    assert (after.end_us, after.end_earliest_us) == (before.end_us, before.end_earliest_us)
    assert ", and cleared between 2023-11-14T22:13:" in after.evidence[1]
    assert bounds_hold(after, SHORT)


def test_the_next_time_it_is_set_is_another_event():
    again = Fault(63.1, 63.2, 0.6, ("l1",))
    rig = Rig(World([SHORT, again]), FLAGS, look_s=5.0)
    rig.until(90)
    one, two = rig.final
    assert bounds_hold(one, SHORT)
    assert bounds_hold(two, again)


def test_an_overvoltage_flag_is_a_swell():
    rig = Rig(World([Fault(23.1, 23.2, 1.3)]), FLAGS, look_s=5.0)
    rig.until(36)
    assert [(event.kind, event.basis) for event in rig.final] == [("swell", "meter_log")]


def test_what_polling_saw_too_gets_the_words():
    seen = Fault(23.1, 26.4, 0.5, ("l2",))
    rig = Rig(World([seen]), FLAGS)
    rig.until(60)
    (event,) = rig.final
    assert (event.kind, event.basis, event.phases) == ("sag", "measured", ("l2",))
    assert event.residual_v == pytest.approx(0.5 * U)
    (words,) = [words for words in event.evidence if words.startswith("the meter's own undervoltage flag was set")]
    assert ", and cleared between" in words
    assert bounds_hold(event, seen)


def test_a_flag_that_is_set_at_the_first_read_only_says_so(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "lamplighter.detect")
    rig = Rig(World([Fault(-5.0, -4.0, 0.5)], flags_hold_s=30), FLAGS)
    rig.until(60)
    assert rig.final == []
    assert caplog.text.count("meter.flags_set_before meter=m registers=undervoltage_flag") == 1


def test_a_flag_that_latches_is_told_once():
    rig = Rig(World([SHORT, Fault(63.1, 63.2, 0.6)], flags_hold_s=1e9), FLAGS, look_s=5.0)
    rig.until(120)
    assert [event.revision for event in rig.final] == [1]
    assert bounds_hold(rig.final[0], SHORT)


def test_without_a_look_the_end_is_not_known_until_the_flag_is_cleared():
    rig = Rig(World([Fault(60.0, 230.0, 0.5)], flags_hold_s=0), FLAGS, look_s=1e9, log_s=1e9)
    lasts = {}
    for at_s in (40, 70, 140, 200, 260):
        rig.until(at_s)
        rig.read_log()
        lasts[at_s] = [(event.state, event.end_us is None, event.duration_max_s is None) for event in rig.final]
    assert lasts[70] == []
    assert lasts[140] == lasts[200] == [("closed", True, True)]
    (event,) = rig.final
    assert event.revision == 2
    assert seconds(event.start_us) == pytest.approx(70, abs=0.1)
    assert seconds(event.end_us) == pytest.approx(260, abs=0.1)
    assert seconds(event.end_earliest_us) == seconds(event.start_earliest_us)
    assert event.duration_min_s == 0


def test_what_was_set_while_no_agent_ran_is_told_after_the_restart():
    first = Rig(World([SHORT], flags_hold_s=60), FLAGS, look_s=5.0)
    first.until(21)
    first.pipeline.stop()
    first.now_us = 50_000_000
    second = Rig(first.world, FLAGS, look_s=5.0, before=first)
    second.until(70)
    (event,) = second.final
    assert bounds_hold(event, SHORT)


def test_limits_are_words_of_an_event_that_was_seen():
    rig = Rig(World([Fault(23.1, 26.4, 0.5)]), (LIMITS,), log_s=1e9)
    for at_s, bits in ((10, 0x0), (23.5, 0x1), (25, 0x800), (40, 0x0)):  # the first look that shows it is at 24 s
        rig.until(at_s)
        rig.read_log(limit_bits=bits)
    rig.until(60)
    (event,) = rig.final
    assert (event.kind, event.basis) == ("sag", "measured")
    (words,) = [words for words in event.evidence if words.startswith("the meter's own record of limits")]
    assert "of limits, which its owner has set, went from 0x0 to 0x801 between 2023-11-14T22:13:" in words


def test_limits_alone_are_never_an_event(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "lamplighter.detect")
    rig = Rig(World([SHORT]), (LIMITS,), look_s=5.0, log_s=1e9)
    for at_s, bits in ((10, 0), (26, 1), (41, 0)):
        rig.until(at_s)
        rig.read_log(limit_bits=bits)
    rig.until(120)
    assert rig.final == []
    assert "meter.log meter=m register=limit_bits before=0 after=1" in caplog.text


def test_a_restart_flag_says_why_the_meter_was_silent():
    rig = Rig(World(), (RESTART,), log_s=1e9)
    rig.until(10)
    rig.read_log(restart_flag=0)
    rig.silence(8)
    rig.until(25)
    rig.read_log(restart_flag=1)
    rig.until(40)
    rig.read_log(restart_flag=0)  # somebody acknowledged it
    rig.until(50)
    (event,) = rig.final
    assert event.kind == "comms_loss"
    (words,) = [words for words in event.evidence if words.startswith("the meter's own restart flag was set between")]
    assert AFFAIR not in words


@drawn(60)
@given(
    start_s=st.floats(20, 60),
    last_s=st.floats(0.05, 4),
    pu=st.sampled_from([0.2, 0.7, 1.3]),
    look_s=st.sampled_from([0.5, 2.0, 5.0]),
    log_s=st.sampled_from([3.0, 10.0]),
    hold_s=st.floats(11, 40),
)
def test_the_truth_lies_inside_the_bounds_of_one_event(
    start_s: float, last_s: float, pu: float, look_s: float, log_s: float, hold_s: float
):
    fault = Fault(start_s, start_s + last_s, pu)
    rig = Rig(World([fault], flags_hold_s=hold_s), FLAGS, look_s=look_s, log_s=log_s)
    rig.until(150)
    (event,) = rig.final
    assert event.kind == ("sag" if pu < 1 else "swell")
    assert any("voltage flag was set between" in words for words in event.evidence)
    assert bounds_hold(event, fault)
