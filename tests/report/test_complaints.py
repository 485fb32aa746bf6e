"""Risk of complaints: hand-counted days."""

from collections.abc import Mapping

from agent.report.voltage.complaints import TOO_SHORT, Fed, risk
from agent.report.voltage.quality import Beyond, Quality


def fed(name: str, customers: int | None, low_by_day: Mapping[int, float]) -> Fed:
    return Fed(name, "F1", customers, Quality(1440, 0, 0, (Beyond(0.0, sum(low_by_day.values())),), low_by_day))


def test_three_days_of_half_an_hour_are_a_risk_and_two_are_none() -> None:
    found = risk([fed("often", 10, {1: 30, 2: 29, 3: 45, 5: 30}), fed("seldom", 10, {1: 300, 2: 300, 3: 29.9})], 0, 6)
    (one,) = found.listed
    assert (one.meter, one.days, one.low_min, one.customer_min) == ("often", 3, 134, 1340)
    assert (one.worst_day, one.worst_min, found.within_days) == (3, 45, 7)


def test_those_come_first_where_most_customers_had_it_for_longest() -> None:
    days = dict.fromkeys((1, 2, 3), 40.0)
    longer = dict.fromkeys((1, 2, 3), 50.0)
    found = risk([fed("few", 2, longer), fed("unknown", None, longer), fed("many", 100, days)], 0, 29)
    assert [one.meter for one in found.listed] == ["many", "few", "unknown"]
    assert found.listed[2].customer_min is None


def test_of_a_longer_period_the_last_thirty_days_count() -> None:
    early = fed("early", 1, {0: 60, 1: 60, 2: 60})
    late = fed("late", 1, {0: 60, 28: 60, 29: 60, 30: 60})
    found = risk([early, late], 0, 30)
    assert [(one.meter, one.low_min) for one in found.listed] == [("late", 180)]
    assert found.within_days == 30


def test_less_than_a_week_says_nothing_and_why() -> None:
    found = risk([fed("often", 10, dict.fromkeys(range(6), 60.0))], 0, 5)
    assert (found.listed, found.why) == ((), TOO_SHORT)
