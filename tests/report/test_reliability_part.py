"""What a report says of interruptions beside the indices themselves: areas, users, planned ones, where the time went.

F1   a (100 customers), b (50, and two medium-voltage users)          F2   c (50)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from agent.detect.network import Customers, Network, Node, Placed
from agent.records import Event, Incident, Mode
from agent.report.figures import Bounds, Span
from agent.report.reliability.major_days import TOO_SHORT
from agent.report.reliability.outages import Seen, interruptions
from agent.report.reliability.part import Asking, Counting, Earlier, ReliabilityPart, reliability_part
from agent.report.reliability.targets import NOT_SINCE
from agent.report.reliability.unseen import Silence

MIN = 60_000_000
DAY_US = 1440 * MIN
EAST_US = 8 * 3_600_000_000
# 2026-10-01T00:00 in Shanghai
BEGIN_US = 1_790_784_000_000_000
MONTH = Span(BEGIN_US, BEGIN_US + 30 * DAY_US)
NEW_YEAR_US = BEGIN_US - 273 * DAY_US
NODES = (
    Node("F1", "feeder"), Node("F2", "feeder"),
    Node("a", "transformer", ("F1",), customers=Customers(unsplit=100)),
    Node("b", "transformer", ("F1",), customers=Customers(unsplit=50), mv_users=2),
    Node("c", "transformer", ("F2",), customers=Customers(unsplit=50)),
    Node("d", "transformer", ("F2",), mv_users=0),
)  # fmt: skip
NETWORK = Network(NODES, [Placed(f"m{node}", node, node, "x", "self") for node in "abc"])
PLACES = {"": frozenset(NETWORK.nodes), "F1": NETWORK.below("F1"), "F2": NETWORK.below("F2")}


def lost(meter: str, from_min: float, to_min: float, mode: Mode = "normal") -> Event:
    """Known to the second, in minutes of the period."""
    from_us, to_us = (BEGIN_US + round(at * MIN) for at in (from_min, to_min))
    return Event(
        id=f"{meter}-{from_min}", kind="supply_loss", revision=1, state="closed", scope="meter", basis="measured",
        reported_us=to_us, start_us=from_us, start_earliest_us=from_us, end_us=to_us, end_earliest_us=to_us,
        duration_min_s=60 * (to_min - from_min), duration_max_s=60 * (to_min - from_min), meter=meter, mode=mode,
    )  # fmt: skip


def incident(node: str, from_min: float, to_min: float) -> Incident:
    from_us, to_us = (BEGIN_US + round(at * MIN) for at in (from_min, to_min))
    return Incident(
        id=f"i-{node}", revision=1, state="closed", reported_us=to_us, cause="supply_loss", node=node, start_us=from_us,
        start_earliest_us=from_us, end_us=to_us, end_earliest_us=to_us,
    )  # fmt: skip


def part(
    *events: Event,
    incidents: Sequence[Incident] = (),
    silences: Mapping[str, Sequence[Silence]] | None = None,
    counting: Counting | None = None,
    earlier: Earlier | None = None,
) -> ReliabilityPart:
    seen = Seen(NETWORK, events, incidents, MONTH.to_us, silences or {})
    coverage = {"": 0.99, "F1": 0.98, "F2": 1.0}
    asking = Asking(seen, MONTH, counting or Counting(), PLACES, coverage, lambda at_us: EAST_US, earlier)
    return reliability_part(asking, interruptions(seen))


def exactly(value: float) -> Bounds:
    return Bounds(pytest.approx(value), pytest.approx(value))  # type: ignore[arg-type]


def test_every_area_is_counted_by_customers_and_by_medium_voltage_users() -> None:
    told = part(lost("ma", 60, 90))
    assert [(one.users, one.name, one.served) for one in told.areas] == [
        ("customers", "", 200), ("customers", "F1", 150), ("customers", "F2", 50),
        ("medium_voltage", "", 4), ("medium_voltage", "F1", 3), ("medium_voltage", "F2", 1),
    ]  # fmt: skip
    saidi = [one.unplanned.saidi_min for one in told.areas]
    assert saidi == [exactly(one) for one in (15, 20, 0, 7.5, 10, 0)]
    assert [one.coverage for one in told.areas] == [0.99, 0.98, 1.0] * 2


def test_a_node_says_how_many_medium_voltage_users_it_has() -> None:
    told = part(lost("mb", 60, 90)).area("F1", "medium_voltage")
    assert told is not None
    assert told.unplanned.customer_min == exactly(60)
    assert told.unplanned.saifi == exactly(2 / 3)


def test_planned_ones_are_counted_apart_and_in_rs_1() -> None:
    told = part(lost("ma", 60, 90), lost("ma", 300, 420, "maintenance")).area()
    assert told is not None
    assert told.unplanned.saidi_min == exactly(15)
    assert told.planned.saidi_min == exactly(60)
    assert told.everything.saidi_min == exactly(75)
    assert told.everything.asai == exactly(1 - 75 / 43_200)
    assert told.planned.saifi == exactly(0.5)


def test_what_is_sustained_is_the_sites_own_affair() -> None:
    four_minutes = lost("ma", 60, 64)
    by_three = part(four_minutes, counting=Counting(3.0))
    assert by_three.sustained_min == 3.0
    assert by_three.areas[0].unplanned.saidi_min == exactly(2)
    assert part(four_minutes).areas[0].unplanned.saidi_min == exactly(0)


# -- where it went ------------------------------------------------------------------------------------------------


def test_the_feeder_and_the_incident_that_have_most() -> None:
    told = part(lost("ma", 60, 90), lost("mc", 100, 120), incidents=[incident("a", 60, 90), incident("F2", 100, 120)])
    assert told.feeder is not None
    assert (told.feeder.where, told.feeder.share, told.feeder.customer_min) == ("F1", exactly(0.75), exactly(3000))
    assert told.incident is not None
    assert (told.incident.where, told.incident.incident) == ("a", "i-a")
    assert told.incident.share == exactly(0.75)
    assert told.incident.began_us == BEGIN_US + 60 * MIN


def test_an_incident_that_was_taken_back_or_lay_elsewhere_has_nothing() -> None:
    outage = lost("ma", 60, 90)
    taken_back = replace(incident("a", 60, 90), state="retracted")
    for one in (taken_back, incident("F2", 60, 90), incident("a", 200, 300)):
        assert part(outage, incidents=[one]).incident is None, one


def test_shares_are_bounded_by_what_the_others_may_have_lost() -> None:
    silence = {"mc": [Silence(Span(BEGIN_US, BEGIN_US + 60 * MIN), 40 * MIN)]}
    told = part(lost("ma", 60, 90), silences=silence)
    # 3000 surely on F1, 0 to 2000 on F2
    assert told.feeder is not None
    assert told.feeder.share == Bounds(pytest.approx(0.6), pytest.approx(1.0))  # type: ignore[arg-type]


def test_where_nothing_was_surely_lost_nobody_is_named() -> None:
    silence = {"mc": [Silence(Span(BEGIN_US, BEGIN_US + 60 * MIN), 60 * MIN)]}
    assert part(silences=silence).feeder is None


def test_silence_says_how_much_of_the_upper_bound_it_is_and_what_counters_took_away() -> None:
    silence = {"mc": [Silence(Span(BEGIN_US, BEGIN_US + 60 * MIN), 40 * MIN)]}
    told = part(silences=silence)
    assert (told.unheard.perhaps_customer_min, told.unheard.proven_customer_min) == (50 * 40, 50 * 20)
    assert told.areas[0].unplanned.customer_min == Bounds(0, 2000)


# -- what was before ----------------------------------------------------------------------------------------------


def before(*events: Event, days: int) -> Earlier:
    return Earlier(events, (), BEGIN_US - days * DAY_US)


def a_year(lasted_min: float = 10.0) -> list[Event]:
    """An outage of a, every thirty days."""
    return [lost("ma", -1440 * day, -1440 * day + lasted_min) for day in range(30, 391, 30)]


def test_major_event_days_are_left_out_where_a_year_is_known() -> None:
    told = part(lost("ma", 60, 90), lost("mc", 3000, 3010), earlier=before(*a_year(), days=395))
    # Thirteen days of 5 min each: beta is 0, and T_MED 5 min. The first day lost 15, the third 2.5.
    assert told.major.threshold_min == pytest.approx(5.0)
    assert told.major.surely == ((BEGIN_US + EAST_US) // DAY_US,)
    area = told.areas[0]
    assert area.unplanned.saidi_min == exactly(17.5)
    assert area.normal is not None
    assert area.normal.saidi_min == exactly(2.5)


def test_and_without_a_year_there_are_no_indices_without_them() -> None:
    told = part(lost("ma", 60, 90), earlier=before(*a_year()[:11], days=340))
    assert (told.major.why, told.major.known_days) == (TOO_SHORT, 340)
    assert told.areas[0].normal is None
    assert part(lost("ma", 60, 90)).major.known_days == 0


def test_maintenance_of_the_year_before_makes_no_major_days() -> None:
    planned = [replace(one, mode="maintenance") for one in a_year(500.0)]
    told = part(earlier=before(*a_year(), *planned, days=395))
    assert told.major.threshold_min == pytest.approx(5.0)


def test_the_year_so_far_begins_on_the_first_of_january() -> None:
    target = Counting(5.0, 110.4)
    in_december = lost("ma", -1440 * 274, -1440 * 274 + 1000)
    told = part(lost("ma", 60, 90), counting=target, earlier=before(in_december, *a_year()[:9], days=300)).target
    assert told is not None
    # Nine outages of 5 min SAIDI from January to September, and 15 min in the period.
    assert told.so_far.value == exactly(60)
    assert (told.verdict, told.year) == ("violated", "kept")
    assert told.due_min == pytest.approx(110.4 * 30 / 365)


def test_an_outage_that_reached_into_the_period_counts_once() -> None:
    over = lost("ma", -30, 30)
    told = part(over, counting=Counting(5.0, 110.4), earlier=before(over, days=300)).target
    assert told is not None
    assert told.so_far.value == exactly(30)


def test_a_record_that_begins_later_than_the_year_says_nothing_of_it() -> None:
    told = part(lost("ma", 60, 90), counting=Counting(5.0, 110.4), earlier=before(days=272)).target
    assert told is not None
    assert (told.so_far.value, told.so_far.why, told.year) == (None, NOT_SINCE, None)


def test_without_a_target_nothing_is_compared() -> None:
    assert part(lost("ma", 60, 90)).target is None


def test_the_local_year_is_meant() -> None:
    asking = Asking(Seen(NETWORK, (), (), 0, {}), MONTH, Counting(), PLACES, {}, lambda at_us: EAST_US)
    assert asking.year_us == NEW_YEAR_US
