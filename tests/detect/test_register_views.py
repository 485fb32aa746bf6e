"""Random views of random faults at a meter that keeps registers of its own: what was once told wrong, and a seeded cut
of part (e) of tests/soak/detection_campaign.py."""

import pytest
from judged import Judged
from latching import COUNTERS, EXTREMES, SECOND, Fault, Rig, World, seconds
from looks import L1, s
from register_views import Tally, false_words, missed, try_view, view

from agent.detect.changes import Change
from agent.records import Event

BOTH = (*COUNTERS, *EXTREMES)
TOLD_WRONG = (
    139, 218, 380, 422, 564, 616, 739, 766, 1083, 1638, 2029, 2246, 2303, 4075, 4170, 5232, 6759, 7227,
    8347, 8535, 12366, 18507,
)  # fmt: skip


def _last(judged: Judged, kind: str) -> Change:
    return [change for change in judged.changes if change.kind == kind][-1]


@pytest.mark.parametrize(("pu", "between", "kind"), [(0.5, 0.91, "sag"), (1.2, 1.09, "swell")])
def test_a_phase_that_never_went_beyond_holds_an_event_open_and_proves_nothing_of_it(
    pu: float, between: float, kind: str
) -> None:
    """What it had in the half of a window may be an event of its own, which nobody saw."""
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(2, pu, 1, 1)
    judged.hold(3, 1, between, 1)
    judged.hold(10, 1, 1, 1)
    event = _last(judged, kind)
    assert event.crossed == (L1,)
    assert event.span.end_earliest_boot_us is not None
    assert event.span.end_boot_us is not None
    assert event.span.end_earliest_boot_us <= s(12) < s(15) <= event.span.end_boot_us
    assert event.watched_us is not None
    assert event.watched_us <= s(2)


def test_a_sag_right_after_the_loss_of_another_phase_is_no_lost_neutral() -> None:
    """The look that ended the loss had still a part of it in its window: that phase did not rise."""
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(10, 1, 1, 0.4)
    judged.hold(0.2, 1, 1, 0.843)
    judged.hold(0.2, 1, 0.996, 1)
    judged.hold(5, 1, 0.78, 1)
    judged.hold(10, 1, 1, 1)
    assert {change.kind for change in judged.changes} == {"sag", "phase_loss"}


def test_a_sag_right_after_another_phase_was_nearly_back_is_no_lost_neutral() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(12, 1, 1, 0.8)
    judged.hold(0.4, 1, 1, 0.91)
    judged.hold(5, 1, 0.78, 1)
    judged.hold(10, 1, 1, 1)
    assert {change.kind for change in judged.changes} == {"sag"}


def _told(rig: Rig, until_s: float) -> list[Event]:
    rig.until(until_s)
    return [event for event in rig.final if event.kind in ("sag", "phase_loss", "supply_loss")]


def _wrong(events: list[Event], faults: list[Fault]) -> list[str]:
    return [word for event in events for word in false_words(event, faults)]


def _lies_in(fault: Fault, event: Event) -> bool:
    assert event.end_us is not None
    shares = not set(event.phases).isdisjoint(fault.phases)
    return shares and seconds(event.start_earliest_us) < fault.start_s and fault.end_s < seconds(event.end_us)


def test_an_event_takes_one_count_and_no_second_one_however_many_there_were_with_the_first() -> None:
    faults = [Fault(15, 15.05, 0.5, ("l3",)), Fault(22.3, 33.5, 0.55, ("l3",)), Fault(34.5, 34.6, 0.8, ("l3",))]
    events = _told(Rig(World(faults), look_s=2.0, log_s=30, shift_s=0.175), 80)
    assert len(events) == 3
    assert all(any(_lies_in(fault, event) for event in events) for fault in faults)


def test_a_count_of_a_phase_that_a_sag_has_parted_with_is_told_of_another_event() -> None:
    """12 ms of l1 that no look showed, counted together with a sag of l2, which l1 joins, and leaves as it is lost."""
    faults = [
        Fault(26.379, 26.391, 0.0, ("l1",)),
        Fault(28.279, 29.667, 0.2, ("l2",)),
        Fault(29.994, 44.07, 0.2, ("l1", "l3")),
    ]
    events = _told(Rig(World(faults, window_s=1.0), look_s=0.2, log_s=10, shift_s=0.11), 90)
    assert {event.phases for event in events if event.basis == "measured"} == {("l2",), ("l1", "l3")}
    (sag,) = (event for event in events if event.phases == ("l2",))
    assert not any("of l1" in words for words in sag.evidence[1:])
    assert any(_lies_in(faults[0], event) for event in events if event.basis == "meter_log")


def test_a_count_of_what_was_left_of_a_sag_outlives_it_when_the_loss_takes_that_too() -> None:
    """0.2 s of l3 that no look showed is taken for the count of a sag of l1, which l3 joins. Both are lost, l1 a look
    earlier than l3: a sag of l3 is what is left until then. The next count of l3 is that of the loss."""
    faults = [
        Fault(65.365, 65.569, 0.2, ("l3",)),
        Fault(66.558, 67.164, 0.55, ("l1",)),
        Fault(67.465, 86.504, 0.05, ("l1", "l3")),
    ]
    events = _told(Rig(World(faults), BOTH, log_s=10, shift_s=0.056), 120)
    assert _wrong(events, faults) == []
    (own,) = (event for event in events if event.basis == "meter_log")
    assert own.phases == ("l1", "l3")
    assert all(any(_lies_in(fault, event) for event in events) for fault in faults)
    assert any("sag counter of l3 rose from 0 to 2" in words for words in own.evidence)


def test_a_loss_inside_what_is_left_of_a_sag_is_not_counted_beside_it() -> None:
    """Half a second of l2 between two looks is taken for the count of the sag around a supply loss, which then parts:
    l3 stays lost. The next count of l2 is that of the sag and the loss together."""
    faults = [Fault(136.699, 137.213, 0.2, ("l2",)), Fault(139.821, 153.2, 0.0), Fault(153.457, 160.316, 0.2, ("l3",))]
    events = _told(Rig(World(faults), look_s=2.0, log_s=10, shift_s=0.068), 200)
    assert {event.kind for event in events if event.basis == "measured"} == {"sag", "supply_loss", "phase_loss"}
    assert any(_lies_in(faults[0], event) for event in events)


def test_what_waits_at_a_stop_costs_nothing_of_what_was_told_before() -> None:
    """The text of the reads was kept only while nothing waited: after the restart counts of half an hour ago were found
    again, and told of an event that had nothing to do with them."""
    faults = [Fault(16.19, 16.27, 0.4, ("l1", "l3")), Fault(32.763, 33.411, 0.7), Fault(38.08, 38.12, 0.8, ("l3",))]
    first = Rig(World(faults, refresh_s=0.2), BOTH, look_s=5, log_s=30, shift_s=0.03)
    first.until(42.2)
    first.pipeline.stop()
    first.now_us += SECOND // 2
    second = Rig(first.world, BOTH, before=first, look_s=5, log_s=30)
    second.until(90)
    events = list({event.id: event for event in (*first.final, *second.final)}.values())
    assert [word for event in events for word in false_words(event, faults)] == []
    assert [event.residual_pct and round(event.residual_pct) for event in events] == [40, 70, None]


def test_what_went_on_at_a_restart_and_is_counted_at_its_end_may_have_begun_before_it() -> None:
    fault = Fault(45.0, 51.5, 0.05, ("l1",))
    first = Rig(World([fault], counts_at_end=True), look_s=60.0, log_s=10)
    first.until(42)
    first.pipeline.stop()
    first.now_us += 4 * SECOND
    second = Rig(first.world, before=first, look_s=60.0, log_s=2)
    second._next_look_us = second.now_us + 20 * SECOND
    (event,) = _told(second, 150)
    assert event.basis == "meter_log"
    assert _wrong([event], [fault]) == []


def test_a_phase_that_was_back_and_is_lost_later_has_its_own_start_after_a_restart() -> None:
    """Whatever the sag it parts with: its bounds lie as far apart as those of the sag, and are others."""
    faults = [Fault(43.61, 51.6, 0.55), Fault(51.77, 67.585, 0.2, ("l3",)), Fault(68.137, 77.2, 0.0, ("l1",))]
    first = Rig(World(faults, window_s=1.0, refresh_s=0.2), look_s=0.2, log_s=60, shift_s=0.092)
    first.until(45.8)
    first.pipeline.stop()
    first.now_us += 20 * SECOND
    second = Rig(first.world, before=first, look_s=0.2, log_s=60)
    events = _told(second, 120)
    assert _wrong(events, faults) == []
    (lost,) = (event for event in events if event.kind == "phase_loss")
    assert seconds(lost.start_earliest_us) > 66


@pytest.mark.parametrize("seed", TOLD_WRONG)
def test_a_view_that_was_once_told_wrong_is_told_right(seed: int) -> None:
    assert try_view(seed, Tally()) == []


@pytest.mark.slow
def test_random_views_show_nothing_false_and_miss_no_count() -> None:
    tally = Tally()
    assert [word for seed in range(100_000, 100_200) for word in try_view(seed, tally)] == []
    assert tally.measured > 750
    assert tally.parted > 100


def test_the_judge_of_the_views_finds_what_is_false() -> None:
    one = view(139)
    fault = one.world.faults[0]
    rig = Rig(one.world, COUNTERS, look_s=0.2)
    (event, *_) = _told(rig, fault.end_s + 20)
    assert list(false_words(event, one.world.faults)) == []
    assert list(false_words(event, one.world.faults[-1:])) == ["no start"]
    assert missed(one, []) == one.world.faults
