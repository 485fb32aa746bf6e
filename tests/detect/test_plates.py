"""Which meter answers: what a change of its serial number says, and what must not be compared across it."""

import pytest
from latching import SECOND, Fault, Rig, World, seconds

from agent.detect.plates import Known, Swap, told, understood
from drivers.nameplate import Nameplate

ONE, OTHER = Nameplate("77", "1.2"), Nameplate("78", "1.2")


def test_the_first_number_is_no_change():
    assert Known().read(ONE, 10, 20) == (Known(ONE, 10), None)


def test_a_read_that_failed_changes_nothing():
    known = Known(ONE, 10)
    assert known.read(Nameplate(), 30, 40) == (known, None)


def test_the_same_number_moves_the_bound_and_another_one_is_a_swap_once_it_was_read_twice():
    known, swap = Known(ONE, 10).read(ONE, 30, 40)
    assert swap is None
    known, swap = known.read(OTHER, 50, 60)
    assert swap is None
    assert known.plate.serial == "77"
    assert known.read(Nameplate(), 65, 68) == (known, None)
    assert known.read(OTHER, 70, 80) == (Known(OTHER, 70), Swap("77", "78", 30, 60))


def test_a_number_that_was_misread_is_forgotten():
    known = Known(ONE, 10)
    for plate in (OTHER, ONE, OTHER, Nameplate("99"), OTHER, ONE):
        known, swap = known.read(plate, 50, 60)
        assert swap is None
    assert known == Known(ONE, 50)


def test_another_firmware_of_the_same_meter_is_no_swap():
    known, swap = Known(ONE, 10).read(Nameplate("77", "1.3"), 30, 40)
    assert (known.plate.firmware, swap) == ("1.3", None)


def test_it_outlives_the_agent():
    """On the boot clock as long as that goes on, else where the wall clock of then puts it."""
    known = Known(ONE, 10)
    text = told(known, lambda at_us: at_us + 5, "one")
    assert understood(text, "one") == known
    other = understood(text, "two")
    assert other == Known(ONE, asked_wall_us=15)
    assert other.placed(lambda at_us: at_us - 100).asked_us == -85
    assert understood(told(other, lambda at_us: 1 // 0, "two"), "two") == other


@pytest.mark.parametrize(("asked_us", "since_us"), [(-5, -5), (69, None)])
def test_a_clock_that_was_set_back_between_two_boots_gives_no_bound(asked_us: int, since_us: int | None):
    known = Known(ONE, asked_wall_us=1000).placed(lambda at_us: asked_us)
    known, _ = known.read(OTHER, 50, 60)
    _, swap = known.read(OTHER, 70, 80)
    assert swap is not None
    assert (swap.since_us, swap.until_us, swap.change.open_at_start) == (since_us, 60, since_us is None)


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"serial":""}', '{"serial":7,"asked_us":"x"}', '{"serial":"N/A"}']
)
def test_what_cannot_be_understood_is_nothing(text: str | None):
    assert understood(text, "one") == Known()


def swapped(rig: Rig) -> None:
    """As a meter's nameplate says it, after the looks and reads that came first."""
    rig.log.anew()
    rig.log.serial = rig.book.serial = "78"


def test_events_carry_the_number_from_the_first_revision_after_it_was_read():
    rig = Rig(World([Fault(20, 40, 0.5)]))
    rig.until(25)
    assert rig.final[0].meter_serial is None
    rig.book.serial = "77"
    rig.until(60)
    assert rig.final[0].meter_serial == "77"
    rig.book.serial = "78"
    assert rig.final[0].meter_serial == "77"


def test_a_swap_is_an_event_between_the_two_reads():
    rig = Rig(World())
    rig.until(100)
    event = rig.book.swapped(Swap("77", "78", 10 * SECOND, 99 * SECOND), 100 * SECOND)
    assert (event.kind, event.state, event.revision, event.meter_serial) == ("meter_changed", "closed", 1, "78")
    assert (seconds(event.start_earliest_us), seconds(event.start_us)) == (10, 99)
    assert "77" in event.evidence[0]
    assert "78" in event.evidence[0]


@pytest.mark.parametrize("same", [True, False])
def test_counters_of_another_meter_are_not_compared_after_a_silence(same: bool):
    rig = Rig(World([Fault(33.0, 33.1, 0.5)]), serial="77")
    rig.until(30)
    rig.silence(60)
    rig.until(95)
    assert "meter_log" not in {event.basis for event in rig.final}, "who answers is not known yet"
    if not same:
        swapped(rig)
    rig.log.sure()
    rig.until(150)
    assert ("meter_log" in {event.basis for event in rig.final}) == same


def test_a_number_that_is_never_said_again_holds_nothing_up_for_ever():
    rig = Rig(World([Fault(33.0, 33.1, 0.5)]), serial="77")
    rig.until(30)
    rig.silence(60)
    rig.until(90 + 600)
    assert "meter_log" not in {event.basis for event in rig.final}, "it may be another's"
    rig.until(90 + 960)
    assert "meter_log" in {event.basis for event in rig.final}


def test_nothing_is_told_while_it_is_asked_in_vain():
    rig = Rig(World([Fault(33.0, 33.1, 0.5)]), serial="77")
    rig.until(30)
    rig.silence(60)
    for at_s in range(95, 300, 20):
        rig.until(at_s)
        rig.log.still_unsure(rig.now_us)
    assert "meter_log" not in {event.basis for event in rig.final}
    rig.log.sure()
    rig.until(310)
    assert "meter_log" in {event.basis for event in rig.final}


def test_what_was_found_before_the_meter_was_away_is_told_of_it_whoever_came_after():
    """The swap comes before a look that would have shown that the sag is over."""
    rig = Rig(World([Fault(30.05, 30.09, 0.3)]), serial="77")
    rig.until(35)
    rig._next_look_us = 10**12
    rig.until(41)
    assert rig.log.waits
    rig.silence(20)
    rig._next_look_us = rig.now_us
    rig.until(rig.now_us / SECOND + 2)
    swapped(rig)
    rig.until(150)
    (event,) = [event for event in rig.final if event.basis == "meter_log"]
    assert seconds(event.start_earliest_us) < 30.05 < seconds(event.start_us) < 41


@pytest.mark.parametrize(("serial", "events"), [("77", 1), ("78", 0)])
def test_what_a_run_kept_of_another_meter_is_not_compared(serial: str, events: int):
    first = Rig(World(), serial="77")
    first.until(33)
    first.pipeline.stop()
    second = Rig(World([Fault(34, 34.1, 0.5)]), before=first, serial=serial)
    second.log.sure()
    second.now_us += 10 * SECOND
    second.until(70)
    assert len(second.final) == events
