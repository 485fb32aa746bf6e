"""Meters that the record lacks, and silence at the edges of a period: from what is known to a report's indices.

a (100 customers) is recorded all the time, b (50) not.
"""

from collections.abc import Iterator, Sequence

import pytest
from samples import MIDNIGHT_US, event, interval

from agent.detect.network import Customers, Network, Node, Placed
from agent.records import Event
from agent.report.document import Known, Metered, Report, report
from agent.report.figures import Bounds, Span
from agent.report.record.columns import Columns, columns_of
from agent.report.reliability.indices import Indices
from agent.report.voltage.quality import Judged, Limits

MIN = 60_000_000
DAY = 1440
PERIOD = Span(MIDNIGHT_US, MIDNIGHT_US + DAY * MIN)
NETWORK = Network(
    [Node("a", "transformer", customers=Customers(unsplit=100)),
     Node("b", "transformer", customers=Customers(unsplit=50))],
    [Placed(name, name, name, "l", "self") for name in "ab"],
)  # fmt: skip


def at(minutes: float) -> int:
    return MIDNIGHT_US + round(minutes * MIN)


def told(kind: str, from_min: float, to_min: float | None, **more: object) -> Event:
    """Of b, known to the second."""
    end = {} if to_min is None else {
        "state": "closed", "end_us": at(to_min), "end_earliest_us": at(to_min),
        "duration_min_s": 60 * (to_min - from_min), "duration_max_s": 60 * (to_min - from_min),
    }  # fmt: skip
    known = {"id": f"{kind}-{from_min}", "kind": kind, "meter": "b", "line": "l", "start_us": at(from_min),
             "start_earliest_us": at(from_min), "reported_us": at(from_min)}  # fmt: skip
    return event(**known | end | more)


def reported(
    events: Sequence[Event] = (),
    heard: Sequence[tuple[int, int]] = (),
    made: float = 3 * DAY,
    energy_only: bool = False,
) -> Report:
    """heard: minutes in which b is in the record"""

    def intervals(meter: str) -> Iterator[Columns]:
        values = {} if energy_only and meter == "b" else {"voltage_l1": 230.0}
        for first, last in [(0, DAY)] if meter == "a" else heard:
            for hour in range(first, last, 60):
                part = range(hour, min(hour + 60, last))
                yield from columns_of([interval(n, meter, values=values, min={}, max={}) for n in part])

    judged = Judged(("voltage_l1",), 230.0, (Limits(207.0, 253.0),))
    meters = [Metered(name, name, None, judged) for name in "ab"]
    known = Known("dashi", "gw-01", NETWORK, meters, intervals, events, (), at(made), lambda at_us: 0)
    return report(known, PERIOD)


def unplanned(one: Report) -> Indices:
    found = one.reliability.unplanned()
    assert found is not None
    return found


def lost(*events: Event, heard: Sequence[tuple[int, int]] = (), made: float = 3 * DAY) -> Bounds:
    return unplanned(reported(events, heard, made)).customer_min


def test_a_meter_without_a_record_and_without_an_event_may_have_been_without_supply_all_the_time() -> None:
    assert lost() == Bounds(0, 50 * DAY)


def test_of_a_meter_that_is_new_in_the_middle_the_time_before_is_unknown() -> None:
    assert lost(heard=[(900, DAY)]) == Bounds(0, 50 * 900)


def test_pieces_no_longer_than_what_is_sustained_are_nothing() -> None:
    assert lost(heard=[(0, 300), (305, DAY)]) == Bounds(0, 0)
    assert lost(heard=[(0, 300), (306, DAY)]) == Bounds(0, 300)


def test_a_meter_that_is_heard_and_has_no_voltages_had_supply() -> None:
    assert unplanned(reported(heard=[(0, DAY)], energy_only=True)).customer_min == Bounds(0, 0)


def test_what_a_loss_or_a_silence_tells_of_counts_once() -> None:
    outage = told("supply_loss", 60, 120)
    assert lost(outage, heard=[(0, 60), (120, DAY)]) == Bounds(3000, 3000)
    assert lost(told("comms_loss", 60, 120), heard=[(0, 60), (120, DAY)]) == Bounds(0, 3000)


@pytest.mark.parametrize("from_before", [True, False])
def test_silence_after_midnight_is_unknown_whatever_ended_there(from_before: bool) -> None:
    over_midnight = [told("supply_loss", -10, 5)] if from_before else []
    found = reported([*over_midnight, told("comms_loss", 4, 720)], heard=[(720, DAY)])
    begins = 5 if from_before else 4  # what was surely lost belongs to the day before
    assert unplanned(found).customer_min.low == 0
    # without the loss, minutes 0 to 4 are missing from the record, and too short to count
    assert unplanned(found).saidi_min.high == pytest.approx((720 - begins) * 50 / 150)
    assert unplanned(found).asai.low == pytest.approx(1 - (720 - begins) * 50 / 150 / DAY)


def test_silence_in_maintenance_is_in_the_bounds_of_planned_and_of_all_interruptions() -> None:
    found = reported([told("comms_loss", 60, 120, mode="maintenance")], heard=[(0, 60), (120, DAY)])
    area = found.reliability.areas[0]
    assert area.unplanned.customer_min == Bounds(0, 0)
    assert area.planned.customer_min == Bounds(0, 3000)
    assert area.everything.customer_min == Bounds(0, 3000)


def test_a_silence_that_began_in_a_test_counts() -> None:
    assert lost(told("comms_loss", 60, 120, mode="test"), heard=[(0, 60), (120, DAY)]) == Bounds(0, 3000)


def test_all_minutes_of_what_may_have_begun_in_the_period_count_there_also_where_they_lie_behind_its_end() -> None:
    """As those of an outage do; an open one lasts until the report is made."""
    assert lost(told("comms_loss", 1380, 1500), heard=[(0, 1380)]) == Bounds(0, 50 * 120)
    assert lost(told("comms_loss", 1380, None), heard=[(0, 1380)], made=1500) == Bounds(0, 50 * 120)
    still_out = lost(told("supply_loss", 1380, None), heard=[(0, 1380)], made=1500)
    assert still_out.high == 50 * 120
