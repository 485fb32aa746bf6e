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


def test_the_same_number_moves_the_bound_and_another_one_is_a_swap():
    known, swap = Known(ONE, 10).read(ONE, 30, 40)
    assert swap is None
    assert known.read(OTHER, 50, 60) == (Known(OTHER, 50), Swap("77", "78", 30, 60))


def test_another_firmware_of_the_same_meter_is_no_swap():
    known, swap = Known(ONE, 10).read(Nameplate("77", "1.3"), 30, 40)
    assert (known.plate.firmware, swap) == ("1.3", None)


def test_it_outlives_the_agent():
    known = Known(ONE, 10)
    assert understood(told(known, lambda at_us: at_us + 5), lambda at_us: at_us - 5) == known


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"serial":""}', '{"serial":7,"asked_us":"x"}'])
def test_what_cannot_be_understood_is_nothing(text: str | None):
    assert understood(text, lambda at_us: at_us) == Known()


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
    rig.until(190)
    assert "meter_log" in {event.basis for event in rig.final}


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
