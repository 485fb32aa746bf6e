"""A polled event that was open when its gateway rebooted: its bounds hold, whatever the clock says until it is set."""

import pytest
from latching import Fault, World, seconds
from rebooting import MORNING_S, SYNCED, UNKNOWN, Gateway, evening

from agent.records import ClockState, Event

# Slow as a gateway without a battery, a little fast, a day fast.
WALLS_S = [105.0, 3000.0, 9 * 3600.0, 32 * 3600.0]


def holds(event: Event, start_s: float, end_s: float) -> None:
    assert event.start_earliest_us is not None
    assert event.end_us is not None
    assert event.end_earliest_us is not None
    assert event.duration_min_s is not None
    if not event.open_at_start:
        assert seconds(event.start_earliest_us) <= start_s <= seconds(event.start_us)
    assert seconds(event.end_earliest_us) <= end_s <= seconds(event.end_us)
    assert event.duration_min_s <= end_s - start_s
    assert event.duration_max_s is None or event.duration_max_s >= end_s - start_s


@pytest.mark.parametrize("ntp_s", [0.05, 5.0, 25.0])
@pytest.mark.parametrize("wall_s", WALLS_S)
def test_a_clock_that_is_set_late_makes_no_sag_shorter_than_it_was(wall_s: float, ntp_s: float):
    sag = Fault(80.0, MORNING_S + 30.0, 0.8, ("l1",))
    rig = Gateway(evening(World([sag]), SYNCED), wall_s)
    rig.until(MORNING_S + ntp_s)
    rig.ntp()
    rig.until(MORNING_S + 40)
    (event,) = rig.stood()
    holds(event, sag.start_s, sag.end_s)
    assert event.duration_max_s == pytest.approx(sag.end_s - sag.start_s + 2.0, abs=3.0)
    (words,) = (words for words in event.evidence if words.startswith("the agent restarted inside it"))
    assert words.startswith("the agent restarted inside it: not observed for 2.87")


@pytest.mark.parametrize("ends_s", [3600.0, MORNING_S - 1])
@pytest.mark.parametrize("wall_s", WALLS_S)
def test_what_was_over_at_the_first_look_may_have_ended_in_the_night(wall_s: float, ends_s: float):
    """The clock was set before the meter answered."""
    sag = Fault(80.0, ends_s, 0.8, ("l1",))
    rig = Gateway(evening(World([sag]), SYNCED), wall_s)
    rig._next_look_us += 12_000_000
    rig._next_log_us += 12_000_000
    rig.now_us += 10_000_000
    rig.ntp()
    rig.until(MORNING_S + 30)
    (event,) = rig.stood()
    holds(event, sag.start_s, sag.end_s)
    assert event.duration_max_s is not None


@pytest.mark.parametrize("wall_s", WALLS_S)
def test_told_by_a_clock_that_nobody_vouches_for_it_has_no_longest_duration(wall_s: float):
    sag = Fault(80.0, MORNING_S + 3.0, 0.8, ("l1",))
    rig = Gateway(evening(World([sag]), SYNCED), wall_s)
    rig.until(MORNING_S + 20)
    (event,) = rig.stood()
    assert event.duration_max_s is None
    assert event.kind == "sag"
    assert any("how long it lasted at most is not known" in words for words in event.evidence)


@pytest.mark.parametrize("state", [SYNCED, UNKNOWN])
@pytest.mark.parametrize("wall_s", WALLS_S)
@pytest.mark.parametrize("back_s", [MORNING_S - 600, MORNING_S + 14])
def test_what_parts_after_a_reboot_began_and_ended_within_its_bounds(back_s: float, wall_s: float, state: ClockState):
    """Three phases sagged in the evening; one of them is lost by the morning."""
    began_s, dead_s, ended_s = 80.0, MORNING_S - 1000, MORNING_S + 40
    sag, loss = Fault(began_s, back_s, 0.82, ("l1", "l2")), Fault(dead_s, ended_s, 0.0, ("l3",))
    rig = Gateway(evening(World([sag, Fault(began_s, dead_s, 0.82, ("l3",)), loss]), state), wall_s)
    rig.until(MORNING_S + 2)
    rig.ntp()
    rig.until(MORNING_S + 60)
    events = rig.stood()
    assert {event.phases for event in events} == {("l1", "l2"), ("l3",)}
    for event in events:
        holds(event, began_s, ended_s if "l3" in event.phases else back_s)
        assert (event.duration_max_s is None) == (state == UNKNOWN)


@pytest.mark.parametrize("wall_s", WALLS_S)
def test_a_clock_that_is_set_late_makes_no_silence_shorter_than_it_was(wall_s: float) -> None:
    rig = Gateway(evening(World(), SYNCED, silent_s=10.0), wall_s)
    rig.silence(5.0)
    rig.ntp()
    rig.silence(5.0)
    rig.until(MORNING_S + 20)
    (event,) = (event for event in rig.final if event.kind == "comms_loss")
    holds(event, 90.4, MORNING_S + 10.0)
    assert event.duration_max_s == pytest.approx(MORNING_S - 80, abs=5)
