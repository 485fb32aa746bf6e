"""Ten minutes against limits: hand-counted intervals."""

from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import Interval
from agent.report.figures import Bounds, Span
from agent.report.record.columns import Columns, columns_of
from agent.report.voltage.limits import rules_for
from agent.report.voltage.ten_minutes import (
    NO_LINES,
    NO_THD,
    NO_WEEK,
    NOT_MEASURED,
    THD,
    Level,
    Rule,
    level,
    of_channels,
    of_thd,
    of_unbalance,
    time_of,
)

TEN = 600_000_000
DAY = 144 * TEN
T0 = 1_790_000_400_000_000 // DAY * DAY
LN = ("voltage_l1", "voltage_l2", "voltage_l3")
LL = ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1")
UP_TO_2 = Rule(0.95, 2.0, "GB/T 15543")


def ten(n: int, values: Mapping[str, float], coverage: float = 1.0) -> Interval:
    return Interval("interval_10min", "m", T0 + n * TEN, coverage, 0.0, values)


def percents(values: Sequence[float], coverage: float = 1.0) -> list[Columns]:
    return list(columns_of(ten(n, {"voltage_unbalance": value}, coverage) for n, value in enumerate(values)))


def judged(
    tens: Iterable[Columns], slots: int, *rules: Rule, apart: Iterable[tuple[float, float]] = (), offset_us: int = 0
) -> Level:
    events = [Span(T0 + round(a * TEN), T0 + round(b * TEN)) for a, b in apart]
    time = time_of(Span(T0, T0 + slots * TEN), events, lambda at_us: offset_us)
    return level(of_unbalance(tens), time, rules, NO_LINES)


def test_95_percent_of_the_time_it_was_at_most_so_much() -> None:
    found = judged(percents([1.0] * 19 + [3.0]), 20, UP_TO_2)
    # 19 of 20 ten minutes at 1 %: just 95 %
    assert (found.lowest, found.p95, found.highest) == (1.0, 1.0, 3.0)
    assert found.highest_us == T0 + 19 * TEN
    (ruled,) = found.ruled
    assert (ruled.verdict, ruled.beyond) == ("kept", Bounds(0.05, 0.05))
    assert judged(percents([1.0] * 18 + [3.0] * 2), 20).p95 == 3.0


def test_more_than_5_percent_of_the_time_beyond_violates_and_what_was_not_seen_leaves_it_undecided() -> None:
    assert judged(percents([1.0] * 18 + [2.1] * 2), 20, UP_TO_2).verdict == "violated"
    # one of 20 beyond, and one was not seen
    found = judged(percents([1.0] * 18 + [2.1]), 20, UP_TO_2)
    assert (found.verdict, found.ruled[0].beyond, found.coverage) == ("undecided", Bounds(0.05, 0.10), 0.95)


def test_a_ten_minutes_that_was_seen_in_part_counts_for_that_part() -> None:
    found = judged(percents([3.0, 1.0], coverage=0.5), 2, UP_TO_2)
    assert (found.coverage, found.ruled[0].beyond) == (0.5, Bounds(0.25, 0.75))


def test_what_lies_on_a_limit_is_within_it() -> None:
    assert judged(percents([2.0, 2.0]), 2, Rule(1.0, 2.0, "x")).verdict == "kept"


def test_ten_minutes_that_an_event_touches_are_judged_nowhere() -> None:
    found = judged(percents([1.0, 30.0, 30.0, 1.0]), 4, UP_TO_2, apart=[(1.9, 2.1)])
    assert (found.highest, found.apart_min, found.verdict, found.coverage) == (1.0, 20.0, "kept", 1.0)


def test_a_weekly_rule_is_judged_by_whole_weeks_from_the_beginning_and_one_bad_week_is_enough() -> None:
    week = 7 * 144
    weekly = Rule(0.95, 2.0, "EN 50160", weekly=True)
    bad = [1.0] * (week - 51) + [3.0] * 51  # 51 of 1008 are 5.06 %
    # two weeks, and three days that nobody judges
    found = judged(percents([1.0] * week + bad + [9.0] * 3 * 144), 17 * 144, weekly)
    (ruled,) = found.ruled
    assert (ruled.verdict, ruled.spans) == ("violated", 2)
    assert ruled.beyond == Bounds(51 / 1008, 51 / 1008)
    kept = judged(percents([1.0] * week + bad[:-1] + [1.0]), 14 * 144, weekly)
    assert kept.verdict == "kept"


def test_a_period_without_a_whole_week_says_so() -> None:
    (ruled,) = judged(percents([1.0] * 144), 144, Rule(0.95, 2.0, "EN 50160", weekly=True)).ruled
    assert (ruled.verdict, ruled.beyond, ruled.why) == (None, None, NO_WEEK)


def test_a_week_in_which_the_clocks_change_is_a_week_of_local_days() -> None:
    hour_us = 6 * TEN
    summer = lambda at_us: 2 * hour_us if at_us < T0 + 3 * DAY else hour_us  # noqa: E731
    time = time_of(Span(T0, T0 + 7 * DAY + hour_us), [], summer)
    assert time.weeks == [Span(T0, T0 + 7 * DAY + hour_us)]


def test_of_an_older_record_u2_is_that_of_the_line_line_means() -> None:
    # IEC 61000-4-30, 5.7; the worked example 203, 210, 212 V is 2.606 % (power-quality.md, 8)
    volts = dict(zip(LL, (203.0, 210.0, 212.0), strict=True))
    assert judged(columns_of([ten(0, volts)]), 1).highest == pytest.approx(2.606, abs=5e-4)
    # What was made of readings comes first.
    assert judged(columns_of([ten(0, volts | {"voltage_unbalance": 2.7})]), 1).highest == 2.7


def test_ten_minutes_that_lack_a_line_have_no_u2_beside_those_that_have_all() -> None:
    rows = [ten(0, dict.fromkeys(LL, 400.0)), ten(1, {LL[0]: 400.0, LL[1]: 400.0}), ten(2, dict.fromkeys(LL, 410.0))]
    found = judged(columns_of(rows), 3)
    assert found.highest == pytest.approx(0.0, abs=1e-5)
    assert found.coverage == pytest.approx(2 / 3)


def test_phase_voltages_alone_give_no_u2_and_it_says_so() -> None:
    found = judged(columns_of([ten(0, dict.fromkeys(LN, 230.0))]), 1, UP_TO_2)
    assert (found.highest, found.why, found.verdict) == (None, NO_LINES, None)


def test_where_all_of_it_was_in_events_nothing_was_measured() -> None:
    assert judged(percents([1.0]), 1, UP_TO_2, apart=[(0, 1)]).why == NOT_MEASURED


def test_a_voltage_has_the_lowest_and_the_highest_of_its_channels_also_where_one_is_missing() -> None:
    rows = [ten(0, dict(zip(LN, (230.0, 200.0, 250.0), strict=True))), ten(1, {"voltage_l2": 190.0}), ten(2, {})]
    volts = rules_for("iec", 230.0, 398.0).volts
    time = time_of(Span(T0, T0 + 3 * TEN), [], lambda at_us: 0)
    found = level(of_channels(columns_of(rows), LN), time, volts, NOT_MEASURED)
    assert (found.lowest, found.highest, found.coverage) == (190.0, 250.0, pytest.approx(2 / 3))


def test_ten_minutes_in_which_a_phase_was_not_read_are_kept_by_nobody() -> None:
    all_of_it = Rule(1.0, 253.0, "x", low=207.0)
    mostly = Rule(0.5, 253.0, "x", low=220.0)
    whole, lacking = dict.fromkeys(LN, 230.0), {LN[0]: 230.0, LN[2]: 230.0}
    time = time_of(Span(T0, T0 + 4 * TEN), [], lambda at_us: 0)
    rows = [ten(0, whole), ten(1, lacking), ten(2, lacking), ten(3, {LN[0]: 210.0})]
    found = level(of_channels(columns_of(rows), LN), time, [all_of_it, mostly], NOT_MEASURED)
    # 210 V is beyond the second rule, whatever the others were
    assert [one.beyond for one in found.ruled] == [Bounds(0.0, 0.75), Bounds(0.25, 0.75)]
    assert [one.verdict for one in found.ruled] == ["undecided", "undecided"]
    assert (found.coverage, found.lowest) == (0.25, 210.0)


def test_a_phase_that_was_never_read_leaves_every_ten_minutes_undecided() -> None:
    time = time_of(Span(T0, T0 + 2 * TEN), [], lambda at_us: 0)
    rows = [ten(n, {LN[0]: 230.0, LN[1]: 230.0}) for n in range(2)]
    found = level(of_channels(columns_of(rows), LN), time, [Rule(1.0, 253.0, "x", low=207.0)], NOT_MEASURED)
    assert (found.verdict, found.coverage, found.ruled[0].beyond) == ("undecided", 0.0, Bounds(0.0, 1.0))


def test_thd_is_asked_of_the_phases_that_the_meter_tells_it_of() -> None:
    time = time_of(Span(T0, T0 + 2 * TEN), [], lambda at_us: 0)
    one_phase = [ten(n, {THD[0]: 1.0}) for n in range(2)]
    assert level(of_thd(list(columns_of(one_phase))), time, [UP_TO_2], NO_THD).verdict == "kept"
    sometimes_two = [ten(0, {THD[0]: 1.0, THD[1]: 1.0}), ten(1, {THD[0]: 1.0})]
    assert level(of_thd(list(columns_of(sometimes_two))), time, [UP_TO_2], NO_THD).verdict == "undecided"
    assert level(of_thd([]), time, [UP_TO_2], NO_THD).why == NO_THD


def test_the_rules_of_each_profile_are_those_of_its_standards() -> None:
    iec, gb = rules_for("iec", 230.0, 400.0), rules_for("gb", 220.0, 381.0)
    # EN 50160: 230 V +-10 % for 95 % of a week, +10/-15 % for all of it
    assert [(rule.share, rule.low, rule.high, rule.weekly) for rule in iec.volts] == [
        (0.95, pytest.approx(207.0), pytest.approx(253.0), True),
        (1.0, pytest.approx(195.5), pytest.approx(253.0), True),
    ]
    assert [(rule.high, rule.weekly) for rule in iec.unbalance + iec.thd] == [(2.0, True), (8.0, True)]
    # GB/T 15543: 2 % for 95 %, 4 % at most; GB/T 14549: 5 % at 0.38 kV, 4 % at 10 kV, 2 % at 110 kV
    assert [(rule.share, rule.high) for rule in gb.unbalance] == [(0.95, 2.0), (1.0, 4.0)]
    thd = [rules_for("gb", line_v, line_v).thd[0].high for line_v in (381.0, 10e3, 35e3, 110e3)]
    assert thd == [5.0, 4.0, 3.0, 2.0]
    assert rules_for("gb", 220e3, 220e3).thd == ()
    assert rules_for("iec", 5774.0, 10e3).volts == ()
    assert rules_for("ieee", 277.0, 480.0).unbalance == ()


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 4)), min_size=1, max_size=60))
def test_the_part_of_all_the_time_beyond_lies_between_the_bounds(truth: list[tuple[bool, float]]) -> None:
    rows = [ten(n, {"voltage_unbalance": value}) for n, (seen, value) in enumerate(truth) if seen]
    found = judged(columns_of(rows), len(truth), UP_TO_2)
    for ruled in found.ruled:
        assert ruled.beyond is not None
        beyond = sum(value > 2.0 for _, value in truth) / len(truth)
        assert ruled.beyond.low - 1e-9 <= beyond <= ruled.beyond.high + 1e-9
    assert bool(found.ruled) == bool(rows)
