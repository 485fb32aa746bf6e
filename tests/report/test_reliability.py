"""Outages and indices: counted by hand, and held against a truth that only bounds are known of."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.detect.network import Customers, Network, Node, Placed
from agent.records import Event, Incident, Kind, Mode, State
from agent.report.figures import Bounds, Span
from agent.report.reliability.indices import Asked, Indices, by_day, indices
from agent.report.reliability.outages import Interruption, Seen, interruptions
from agent.report.reliability.unseen import Silence, possible, told_of

MIN = 60_000_000
T0 = 1_790_000_400_000_000
MONTH = Span(T0, T0 + 30 * 1440 * MIN)
NODES = (
    Node("f1", "feeder"),
    Node("a", "transformer", ("f1",), customers=Customers(unsplit=100)),
    Node("b", "transformer", ("f1",), customers=Customers(l1=10, l2=20, l3=30, three_phase=40)),
    Node("c", "service", ("b",), customers=Customers(unsplit=50)),
)
NETWORK = Network(NODES, [Placed("ma", "a", "a", "x", "self"), Placed("mb", "b", "b", "x", "self")])
SERVED = 250


def event(
    id_: str,
    meter: str,
    start: tuple[float, float],
    end: tuple[float, float] | None,
    *,
    kind: Kind = "supply_loss",
    phases: tuple[str, ...] = (),
    mode: Mode = "normal",
    state: State = "closed",
) -> Event:
    """start, end: minutes between which it began, and ended."""
    low = high = None
    if end is not None:
        low, high = max(0.0, 60 * (end[0] - start[1])), 60 * (end[1] - start[0])
    return Event(
        id=id_, kind=kind, revision=1, state=state if end else "open", scope="meter", basis="measured",
        reported_us=_us(start[1]), start_earliest_us=_us(start[0]), start_us=_us(start[1]),
        end_earliest_us=_us(end[0]) if end else None, end_us=_us(end[1]) if end else None,
        duration_min_s=low, duration_max_s=high, meter=meter, phases=phases, mode=mode,
    )  # fmt: skip


def _us(minutes: float) -> int:
    return T0 + round(minutes * MIN)


def found(
    *events: Event, incidents: Sequence[Incident] = (), until: float = 43_200, **ran_us: int
) -> Sequence[Interruption]:
    """In a period that begins at 0. ran_us: of silences by id, how much of them counters prove."""
    silences: dict[str, list[Silence]] = {}
    for meter, told in told_of(events, NETWORK).items():
        for one in told:
            span = possible(one, _us(until))
            most_us = span.length_us - ran_us.get(one.id, 0)
            silences.setdefault(meter, []).append(Silence(span, most_us, one.id, one.mode == "maintenance"))
    return interruptions(Seen(NETWORK, events, incidents, _us(until), silences, from_us=T0))


def of(*events: Event, **more: float) -> Indices:
    return indices(found(*events), Asked(MONTH, SERVED, **more))


def exactly(value: float) -> Bounds:
    return pytest.approx(Bounds(value, value))  # type: ignore[return-value]


def near(bounds: Bounds | None, low: float, high: float) -> bool:
    return bounds is not None and (bounds.low, bounds.high) == pytest.approx((low, high))


def test_the_indices_of_one_outage_that_is_known_to_the_second() -> None:
    told = of(event("1", "ma", (0, 0), (30, 30)))
    # 100 of 250 customers for 30 minutes: 3000 customer-minutes, SAIDI 12 min, SAIFI 0.4, CAIDI 30 min
    assert near(told.customer_min, 3000, 3000)
    assert near(told.saidi_min, 12, 12)
    assert near(told.saifi, 0.4, 0.4)
    assert near(told.caidi_min, 30, 30)
    assert near(told.ctaidi_min, 30, 30)
    assert near(told.asai, 1 - 12 / 43_200, 1 - 12 / 43_200)
    assert near(told.maifi, 0, 0)
    assert near(told.cemi[1], 0, 0)


def test_the_bounds_of_an_event_are_the_bounds_of_the_indices() -> None:
    told = of(event("1", "ma", (0, 2), (30, 33)))
    # between 28 and 33 minutes for each of 100
    assert near(told.customer_min, 2800, 3300)
    assert near(told.saifi, 0.4, 0.4)
    assert near(told.caidi_min, 28, 33)


def test_what_may_have_been_short_counts_as_sustained_in_the_upper_bound_only() -> None:
    told = of(event("1", "ma", (0, 2), (6, 8)))
    # 4 to 8 minutes, limit 5
    assert near(told.saifi, 0, 0.4)
    assert near(told.maifi, 0, 0.4)
    assert near(told.customer_min, 0, 800)
    assert near(told.all_customer_min, 400, 800)
    assert told.caidi_min is None


def test_the_limit_of_what_is_sustained_is_a_setting() -> None:
    assert near(of(event("1", "ma", (0, 0), (4, 4)), sustained_min=3).saifi, 0.4, 0.4)
    assert near(of(event("1", "ma", (0, 0), (4, 4))).saifi, 0, 0)


def test_caidi_is_the_mean_over_customers() -> None:
    told = of(event("1", "ma", (0, 0), (30, 30)), event("2", "mb", (0, 0), (60, 60)))
    # 100 customers 30 minutes, 100 at b 60 minutes: 9000 / 200; c has no meter and no incident
    assert near(told.caidi_min, 45, 45)


def test_what_surely_lasted_stays_in_the_lower_bound_whatever_silence_lies_around_it() -> None:
    losses = [event("1", "ma", (20, 20), (40, 40)), event("2", "ma", (60, 60), (63, 63)),
              event("3", "ma", (80, 80), (95, 95))]  # fmt: skip
    told = of(*losses, event("s", "ma", (0, 0), (200, 200), kind="comms_loss"))
    # 100 customers for 20 and for 15 minutes at least, in one interruption at least, and all of 200 minutes at most
    assert near(told.customer_min, 3500, 20_000)
    assert near(told.all_customer_min, 3800, 20_000)
    # the three, and 39 of more than 5 minutes each that fit into the 200
    assert near(told.saifi, 0.4, (3 + 39) * 0.4)


def test_the_loss_of_a_phase_concerns_those_on_it_and_on_three_phases() -> None:
    told = of(event("1", "mb", (0, 0), (10, 10), kind="phase_loss", phases=("l2",)))
    assert near(told.customer_min, (20 + 40) * 10, (20 + 40) * 10)


def test_who_hangs_on_a_phase_that_nobody_wrote_down_counts_in_the_upper_bound() -> None:
    told = of(event("1", "ma", (0, 0), (10, 10), kind="phase_loss", phases=("l2",)))
    assert near(told.customer_min, 0, 1000)
    assert near(told.saifi, 0, 0.4)


def test_a_supply_loss_inside_a_phase_loss_is_one_interruption_of_each_customer() -> None:
    told = found(
        event("1", "mb", (0, 0), (30, 30), kind="phase_loss", phases=("l1",)), event("2", "mb", (10, 10), (20, 20))
    )
    minutes = {one.group: one.lost_min.low for one in told}
    assert minutes == {"l1": 30, "l2": 10, "l3": 10, "three_phase": 30}
    assert all(one.times == 1 for one in told)


def test_silence_is_no_outage_but_may_have_been_one() -> None:
    told = of(event("1", "ma", (0, 1), (30, 31), kind="comms_loss"))
    assert near(told.customer_min, 0, 3100)
    assert near(told.saifi, 0, 6 * 0.4)  # six of more than 5 minutes fit into 31, and not seven
    assert told.caidi_min is None


def test_of_interruptions_in_a_silence_as_many_count_as_fit_into_it() -> None:
    told = of(event("1", "ma", (0, 0), (720, 720), kind="comms_loss"))
    assert near(told.saifi, 0, 143 * 0.4)
    assert [near(told.cemi[n], 0, 0.4) for n in (1, 3, 5)] == [True] * 3
    assert near(told.maifi, 0, inf)  # a moment has no least length
    assert near(told.maifi_e, 0, 144 * 0.4)  # with more than 5 minutes from one to the next
    of_four = of(event("1", "ma", (0, 0), (16, 16), kind="comms_loss"))
    assert [near(of_four.cemi[n], 0, most) for n, most in ((1, 0.4), (3, 0.0), (5, 0.0))] == [True] * 3
    assert near(of(event("1", "ma", (0, 0), (5, 5), kind="comms_loss")).saifi, 0, 0)


def test_what_counters_prove_of_a_silence_leaves_room_for_fewer_sustained_interruptions() -> None:
    silence = event("s", "ma", (0, 0), (60, 60), kind="comms_loss")
    told = indices(found(silence, s=48 * MIN), Asked(MONTH, SERVED))
    assert near(told.saifi, 0, 2 * 0.4)
    assert near(told.maifi_e, 0, 12 * 0.4)  # those may lie anywhere in it


def test_silence_in_maintenance_may_have_been_a_planned_outage() -> None:
    (one,) = found(event("1", "ma", (0, 0), (30, 30), kind="comms_loss", mode="maintenance"))
    assert (one.planned, one.surely, one.lost_min) == (True, False, Bounds(0, 30))


def test_a_silence_that_began_in_a_test_may_outlast_it_and_counts_as_any_other() -> None:
    (one,) = found(event("1", "ma", (0, 0), (30, 30), kind="comms_loss", mode="test"))
    assert (one.planned, one.surely, one.lost_min) == (False, False, Bounds(0, 30))


def test_silence_after_an_outage_from_before_the_period_is_an_outage_of_its_own() -> None:
    over_midnight = event("1", "ma", (-10, -10), (5, 5))
    told = of(over_midnight, event("s", "ma", (4, 4), (720, 720), kind="comms_loss"))
    # minute 4 to 5 was surely lost, by an outage of another day
    assert near(told.customer_min, 0, 71_500)
    assert near(of(over_midnight, event("s", "ma", (0, 0), (5, 5), kind="comms_loss")).customer_min, 0, 0)


def test_and_so_is_an_outage_that_silence_joins_to_one_from_before_the_period() -> None:
    told = of(event("1", "ma", (-10, -10), (5, 5)), event("s", "ma", (4, 4), (720, 720), kind="comms_loss"),
              event("2", "ma", (710, 715), (750, 750)))  # fmt: skip
    assert near(told.customer_min, 3500, 74_500)


def test_hours_that_a_counter_ran_on_in_a_silence_are_subtracted_from_the_upper_bound() -> None:
    silence = event("s", "ma", (0, 0), (30, 30), kind="comms_loss")
    assert found(silence, s=20 * MIN)[0].lost_min == Bounds(0, 10)
    assert found(silence, s=30 * MIN) == ()


def test_where_nobody_looked_customers_without_a_meter_count_in_the_upper_bound() -> None:
    told = interruptions(Seen(NETWORK, [], [], _us(100), {}, [Span(_us(10), _us(40))]))
    assert [(one.place, one.surely, one.lost_min) for one in told] == [("c", False, Bounds(0, 30))]


def test_what_was_retracted_or_in_a_test_is_not_there_and_maintenance_is_planned() -> None:
    assert (
        found(event("1", "ma", (0, 0), (9, 9), state="retracted"), event("2", "ma", (0, 0), (9, 9), mode="test")) == ()
    )
    (planned,) = found(event("3", "ma", (0, 0), (9, 9), mode="maintenance"))
    assert planned.planned


def test_an_open_outage_lasts_until_now_in_the_upper_bound() -> None:
    told = found(event("1", "ma", (0, 1), None), until=60)
    assert told[0].lost_min == Bounds(0, 60)


def incident(node: str, start: float, end: float, **more: object) -> Incident:
    return Incident(
        id="i", revision=1, state="closed", reported_us=_us(end), cause="supply_loss", node=node,
        start_us=_us(start), start_earliest_us=_us(start), end_us=_us(end), end_earliest_us=_us(end),
        duration_min_s=60 * (end - start), duration_max_s=60 * (end - start), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_customers_without_a_meter_lose_their_supply_with_the_incident_above_them() -> None:
    told = found(event("1", "mb", (0, 0), (10, 10)), incidents=[incident("b", 0, 10)])
    assert {one.place: one.lost_min for one in told} == {"b": Bounds(10, 10), "c": Bounds(10, 10)}
    told = found(incidents=[incident("a", 0, 10)])
    assert told == ()  # a has a meter of its own, which told of nothing


def test_who_came_back_with_the_first_nobody_saw() -> None:
    told = found(incidents=[incident("b", 0, 10, restored=("mb",))])
    assert told[0].lost_min == Bounds(0, 10)


def test_customers_with_a_second_way_are_not_counted_with_the_first() -> None:
    nodes = (*NODES[:3], Node("f2", "feeder"), Node("d", "service", ("b",), ("f2",), customers=Customers(unsplit=5)))
    network = Network(nodes, NETWORK.meters.values())
    told = interruptions(Seen(network, [], [incident("b", 0, 10)], _us(100), {}))
    assert told == ()


def test_momentary_events_within_five_minutes_are_one_and_none_where_a_sustained_one_follows() -> None:
    three = [event(str(n), "ma", (at, at), (at + 1, at + 1)) for n, at in enumerate((0, 4, 60))]
    told = of(*three)
    assert near(told.maifi, 1.2, 1.2)
    assert near(told.maifi_e, 0.8, 0.8)
    assert near(of(*three, event("9", "ma", (63, 63), (90, 90))).maifi_e, 0.4, 0.4)


def test_cemi_counts_customers_with_more_than_n() -> None:
    told = of(*(event(str(n), "ma", (60 * n, 60 * n), (60 * n + 10, 60 * n + 10)) for n in range(4)),
              event("b", "mb", (0, 0), (10, 10)))  # fmt: skip
    assert near(told.cemi[1], 0.4, 0.4)
    assert near(told.cemi[3], 0.4, 0.4)
    assert near(told.cemi[5], 0, 0)


def test_an_outage_belongs_to_the_day_and_the_period_on_which_it_began() -> None:
    over_midnight = event("1", "ma", (-30, -30), (30, 30))
    assert near(of(over_midnight).customer_min, 0, 0)
    days = by_day(
        found(event("1", "ma", (1000, 1000), (3000, 3000))), Asked(MONTH, SERVED), lambda us: (us - T0) // (1440 * MIN)
    )
    assert set(days) == {0}
    assert near(days[0], 800, 800)


def test_an_area_without_customers_has_no_indices() -> None:
    with pytest.raises(ValueError, match="no customers"):
        indices((), Asked(MONTH, 0))


def test_184_hours_a_year_are_an_availability_of_99_9790_percent() -> None:
    year = Span(T0, T0 + 8760 * 60 * MIN)
    told = indices(found(event("1", "ma", (0, 0), (110.4 * 2.5, 110.4 * 2.5))), Asked(year, SERVED))
    assert round(100 * told.asai.low, 4) == 99.9790


# -- a truth that only bounds are known of ------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    meter: str
    began: float
    length: float
    early: float  # how far the bounds lie from the truth, in minutes
    late: float
    ended_early: float
    ended_late: float

    def told(self, n: int) -> Event:
        end = self.began + self.length
        start = (self.began - self.early, min(self.began + self.late, end))
        return event(str(n), self.meter, start, (max(end - self.ended_early, start[0]), end + self.ended_late))


_SLACK = st.floats(0, 4)
_TRUTHS = st.lists(
    st.builds(
        Truth, meter=st.sampled_from(["ma", "mb"]), began=st.integers(0, 40).map(lambda n: n * 20.0),
        length=st.floats(0.2, 19.5), early=_SLACK, late=_SLACK, ended_early=_SLACK, ended_late=_SLACK,
    ),
    max_size=8, unique_by=lambda truth: (truth.meter, truth.began),
)  # fmt: skip


@given(_TRUTHS)
def test_the_indices_of_the_truth_lie_between_the_bounds(truths: list[Truth]) -> None:
    truths = [one for one in truths if one.began > 0]  # an earliest start before the period would be another one's
    told = of(*(one.told(n) for n, one in enumerate(truths)))
    lasting = [one for one in truths if one.length > 5]
    lost = sum(100 * one.length for one in lasting)
    slack = 1e-6 * max(1.0, lost)
    assert told.customer_min.low - slack <= lost <= told.customer_min.high + slack
    assert told.saifi.low - 1e-9 <= len(lasting) * 100 / SERVED <= told.saifi.high + 1e-9
    assert told.maifi.low - 1e-9 <= (len(truths) - len(lasting)) * 100 / SERVED <= told.maifi.high + 1e-9
    if told.caidi_min is not None:
        assert told.caidi_min.low - 1e-6 <= lost / 100 / len(lasting) <= told.caidi_min.high + 1e-6
    for n, bounds in told.cemi.items():
        many = sum(100 for meter in ("ma", "mb") if sum(one.meter == meter for one in lasting) > n)
        assert bounds.low - 1e-9 <= many / SERVED <= bounds.high + 1e-9
    assert told.maifi_e.low - 1e-9 <= _momentary_events(truths) * 100 / SERVED <= told.maifi_e.high + 1e-9


def _momentary_events(truths: Sequence[Truth]) -> int:
    count = 0
    for meter in ("ma", "mb"):
        events: list[list[Truth]] = []
        for one in sorted((one for one in truths if one.meter == meter), key=lambda one: one.began):
            if events and one.began - events[-1][-1].began - events[-1][-1].length <= 5:
                events[-1].append(one)
            else:
                events.append([one])
        count += sum(all(one.length <= 5 for one in together) for together in events)
    return count
