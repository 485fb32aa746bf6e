"""Under- and overvoltage, unbalance: each row of the table, and how they live with sags and swells."""

from dataclasses import replace

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from judged import Judged
from looks import L1, L2, U, rules, s

from agent.detect.changes import Change
from agent.detect.thresholds import Rules

GOOD = (1.0, 1.0, 1.0)
GB = rules("gb")


def _limits(low: float, high: float) -> Rules:
    return replace(rules(), limits=(low * U, high * U))


def _last(judged: Judged, kind: str) -> Change:
    return [change for change in judged.changes if change.kind == kind][-1]


def test_a_good_voltage_has_no_slow_events() -> None:
    judged = Judged()
    judged.hold(600, *GOOD)
    assert judged.changes == []


def test_a_mean_below_the_low_limit_is_an_undervoltage_until_a_minute_is_half_a_percent_above() -> None:
    judged = Judged(_limits(0.95, 1.05))
    judged.hold(180, *GOOD)
    judged.hold(120, 1, 0.94, 1)
    judged.hold(120, 1, 0.952, 1)
    assert judged.told() == [("open", "undervoltage")]
    judged.hold(120, 1, 0.956, 1)
    assert judged.told() == [("open", "undervoltage"), ("close", "undervoltage")]
    opened, closed = judged.changes
    assert opened.crossed == (L2,)
    assert closed.extremes[L2] == pytest.approx(0.94 * U, rel=1e-3)


def test_a_mean_above_the_high_limit_is_an_overvoltage() -> None:
    judged = Judged(GB)
    judged.hold(120, *GOOD)
    judged.hold(120, 1.08, 1, 1)
    judged.hold(120, 1.068, 1, 1)
    assert judged.told() == [("open", "overvoltage")]
    judged.hold(120, 1.06, 1, 1)
    assert judged.told() == [("open", "overvoltage"), ("close", "overvoltage")]
    assert judged.changes[0].crossed == (L1,)
    assert judged.changes[1].extremes[L1] == pytest.approx(1.08 * U, rel=1e-3)


def test_excursions_that_the_minute_evens_out_say_nothing() -> None:
    judged = Judged(_limits(0.95, 1.05))
    for _ in range(20):
        judged.hold(10, *GOOD)
        judged.hold(5, 1, 0.93, 1)
    assert judged.changes == []


@drawn(40)
@given(st.floats(120, 200), st.floats(65, 400), st.sampled_from([0.2, 1.0, 2.5]), st.sampled_from([0.94, 1.06]))
def test_bounds_contain_the_truth(begins_s: float, lasts_s: float, period_s: float, pu: float) -> None:
    judged = Judged(_limits(0.95, 1.05), period_s)
    judged.hold(begins_s, *GOOD)
    start_s = judged.at_s
    judged.hold(lasts_s, pu, pu, pu)
    end_s = judged.at_s
    judged.hold(240, *GOOD)
    kinds = {kind for _, kind in judged.told()}
    assert kinds <= {"undervoltage", "overvoltage", "rapid_change"}
    slow = [change for change in judged.changes if change.action == "close" and change.kind != "rapid_change"]
    assert len(slow) == (1 if lasts_s > 125 else len(slow)) <= 1
    for change in slow:
        span = change.span
        # The voltage changed between two looks: whatever instant in that pause is right.
        assert span.start_earliest_boot_us <= s(start_s)
        assert s(start_s - period_s) <= span.start_boot_us
        assert span.end_boot_us is not None
        assert span.end_earliest_boot_us is not None
        assert span.end_earliest_boot_us <= s(end_s)
        assert s(end_s - period_s) <= span.end_boot_us
        assert span.start_earliest_boot_us >= s(start_s - 121)
        assert span.end_boot_us <= s(end_s + 121)


def test_a_sag_that_lasts_over_a_minute_becomes_an_undervoltage_with_its_start() -> None:
    judged = Judged()
    judged.hold(95, *GOOD)
    judged.hold(58, 1, 0.85, 1)
    assert judged.told() == [("open", "sag")]
    judged.hold(5, 1, 0.85, 1)
    assert judged.told() == [("open", "sag"), ("open", "undervoltage"), ("retract", "sag")]
    sag, under, retracted = judged.changes
    assert under.supersedes == (sag.key,)
    assert (under.span, under.crossed) == (sag.span, (L2,))
    assert retracted.key == sag.key
    assert retracted.evidence == ("turned out to be an undervoltage",)
    assert judged.detector.open_kinds == frozenset()


def test_such_an_undervoltage_ends_as_the_sag_would_have() -> None:
    judged = Judged()
    judged.hold(95, *GOOD)
    judged.hold(200, 1, 0.85, 1)
    judged.hold(1, 1, 0.60, 1)
    judged.hold(10, 1, 0.85, 1)
    end_s = judged.at_s
    judged.hold(1, *GOOD)
    assert judged.told()[3:] == [("update", "undervoltage"), ("close", "undervoltage")]
    closed = judged.changes[-1]
    assert closed.span.end_boot_us == s(end_s + 0.02)
    assert closed.span.end_earliest_boot_us == s(end_s - 0.2 - 0.3)
    assert closed.extremes[L2] == pytest.approx(0.60 * U)


def test_it_goes_on_by_the_minute_where_the_limit_is_not_reached() -> None:
    judged = Judged(_limits(0.95, 1.05))
    judged.hold(95, *GOOD)
    judged.hold(70, 1, 0.85, 1)
    judged.hold(200, 1, 0.93, 1)
    assert judged.told() == [("open", "sag"), ("open", "undervoltage"), ("retract", "sag")]
    judged.hold(150, *GOOD)
    assert judged.told()[3:] == [("close", "undervoltage")]


def test_a_sag_within_the_limits_stays_a_sag_however_long() -> None:
    judged = Judged(_limits(0.8, 1.2))
    judged.hold(95, *GOOD)
    judged.hold(300, 1, 0.85, 1)
    judged.hold(5, *GOOD)
    assert judged.told() == [("open", "sag"), ("close", "sag")]


def test_a_swell_that_lasts_over_a_minute_becomes_an_overvoltage() -> None:
    judged = Judged()
    judged.hold(95, *GOOD)
    judged.hold(90, 1, 1.15, 1)
    judged.hold(5, *GOOD)
    assert judged.told() == [
        ("open", "swell"), ("open", "overvoltage"), ("retract", "swell"), ("close", "overvoltage"),
    ]  # fmt: skip
    assert judged.changes[3].extremes[L2] == pytest.approx(1.15 * U)


def test_an_undervoltage_encloses_later_sags_and_losses() -> None:
    judged = Judged(_limits(0.95, 1.05))
    judged.hold(95, *GOOD)
    judged.hold(200, 1, 0.93, 1)
    judged.hold(1, 1, 0.5, 1)
    judged.hold(1, 1, 0.93, 1)
    judged.hold(1, 0, 0, 0)
    judged.hold(120, 1, 0.93, 1)
    under = judged.changes[0]
    assert judged.told() == [
        ("open", "undervoltage"), ("open", "sag"), ("close", "sag"), ("open", "supply_loss"), ("close", "supply_loss"),
    ]  # fmt: skip
    assert [change.parent for change in judged.changes if change.action == "open"] == [None, under.key, under.key]


def test_what_was_taken_over_begins_anew_only_after_the_voltage_was_back() -> None:
    judged = Judged()
    judged.hold(95, *GOOD)
    judged.hold(150, 1, 0.85, 1)
    assert len(judged.changes) == 3
    judged.hold(1, *GOOD)
    judged.hold(2, 1, 0.8, 1)
    assert judged.told()[3:] == [("close", "undervoltage"), ("open", "sag")]
    assert len({change.key for change in judged.changes if change.action == "open"}) == 3


def test_a_sag_goes_on_where_its_undervoltage_ends_first() -> None:
    """A low limit below the sag threshold: the voltage comes back above the one, not the other."""
    judged = Judged(_limits(0.82, 1.1))
    judged.hold(95, *GOOD)
    judged.hold(100, 0.8, 0.8, 0.8)
    judged.hold(150, 0.87, 0.87, 0.87)
    assert judged.told()[1:] == [
        ("open", "undervoltage"), ("retract", "sag"), ("close", "undervoltage"), ("open", "sag"),
    ]  # fmt: skip
    assert judged.changes[-1].span.start_earliest_boot_us == judged.changes[-2].span.end_earliest_boot_us


@pytest.mark.slow
@pytest.mark.parametrize("lost", [(0, 0, 0), (0, 1, 1)], ids=["supply_loss", "phase_loss"])
def test_a_loss_is_no_undervoltage_and_no_unbalance(lost: tuple[float, ...]) -> None:
    judged = Judged()
    judged.hold(95, *GOOD)
    judged.hold(400, *lost)
    judged.hold(200, *GOOD)
    assert {kind for _, kind in judged.told()} <= {"sag", "supply_loss", "phase_loss"}


def test_a_short_deep_sag_makes_no_undervoltage_although_it_pulls_the_mean_down() -> None:
    judged = Judged()
    judged.hold(120, *GOOD)
    judged.hold(40, 0.2, 0.2, 0.2)
    judged.hold(200, *GOOD)
    assert {kind for _, kind in judged.told()} == {"sag"}


def test_a_minute_that_was_hardly_seen_opens_nothing() -> None:
    judged = Judged(_limits(0.95, 1.05), period_s=15.0)
    judged.hold(120, *GOOD)
    judged.hold(600, 0.93, 1, 1)
    assert judged.changes == []


def test_below_the_limit_from_the_first_minute_on_is_open_at_start() -> None:
    judged = Judged(_limits(0.95, 1.05))
    judged.hold(130, 1, 0.94, 1)
    (opened,) = judged.changes
    assert opened.open_at_start
    assert opened.span.start_earliest_boot_us == s(0.2 - 0.3)


def test_it_deepens_and_spreads_with_revisions() -> None:
    judged = Judged(_limits(0.98, 1.02))
    judged.hold(60, *GOOD)
    judged.hold(120, 0.97, 1, 1)
    judged.hold(180, 0.97, 0.97, 1)
    judged.hold(180, 0.91, 0.97, 1)
    under = [change for change in judged.changes if change.kind == "undervoltage"]
    assert [change.action for change in under] == ["open", "update", "update"]
    assert [change.crossed for change in under] == [(L1,), (L1, L2), (L1, L2)]


LL = replace(rules(), basis="ll", phases=("l1_l2", "l2_l3", "l3_l1"))
# Line-line 203, 210, 212 V: exactly 2.606 %, NEMA 2.56 %.
WORKED = (203 / 210, 1.0, 212 / 210)


def test_unbalance_from_line_voltages_is_u2_with_nema_beside() -> None:
    judged = Judged(replace(LL, reference_v=210.0), reference_v=210.0)
    judged.hold(120, *GOOD)
    judged.hold(180, *WORKED)
    judged.hold(130, *GOOD)
    unbalance = [change for change in judged.changes if change.kind == "unbalance"]
    assert [change.action for change in unbalance] == ["open", "close"]
    figure = unbalance[1].figure
    assert figure is not None
    assert (figure.name, figure.percent, figure.nema) == ("iec_u2", pytest.approx(2.606, abs=1e-3), pytest.approx(2.56))


def test_it_ends_a_tenth_below_its_threshold() -> None:
    judged = Judged(LL)
    judged.hold(120, *GOOD)
    judged.hold(120, 0.95, 1, 1)
    judged.hold(120, 0.972, 1, 1)
    assert judged.told()[-1:] == [("open", "unbalance")]
    judged.hold(120, 0.98, 1, 1)
    assert judged.told()[-1] == ("close", "unbalance")


def test_phase_voltages_alone_give_a_magnitude_by_another_name() -> None:
    judged = Judged()
    judged.hold(120, *GOOD)
    judged.hold(120, 0.96, 1, 1)
    assert judged.changes == []
    judged.hold(130, 0.93, 1, 1)
    (opened,) = judged.changes
    assert opened.figure is not None
    assert (opened.figure.name, opened.figure.nema) == ("phase_magnitude", None)
    assert opened.figure.percent == pytest.approx(100 * (1 - 0.93 / (2.93 / 3)), rel=1e-3)


def test_line_voltages_of_the_full_set_are_used_where_there_are_any() -> None:
    judged = Judged()
    judged.hold(120, *GOOD)
    for _ in range(13):
        judged.hold(10, 0.97, 1, 1)
        judged.detector.full_set(None, (385.0, 402.0, 400.0))
    (opened,) = judged.changes
    assert opened.kind == "unbalance"
    assert opened.figure is not None
    assert opened.figure.name == "iec_u2"


def test_line_voltages_that_are_seldom_read_do_not_take_turns_with_magnitudes() -> None:
    judged = Judged()
    judged.hold(120, *GOOD)
    for _ in range(5):
        judged.detector.full_set(None, (385.0, 402.0, 400.0))
        judged.hold(180, 0.97, 1, 1)
    assert judged.told() == [("open", "unbalance")]


def test_unbalance_inside_an_undervoltage_has_it_as_parent() -> None:
    judged = Judged(replace(LL, limits=(0.95 * U, 1.05 * U)))
    judged.hold(120, *GOOD)
    judged.hold(130, 0.92, 1, 1)
    under, unbalance = judged.changes
    assert (under.kind, unbalance.kind, unbalance.parent) == ("undervoltage", "unbalance", under.key)


def test_phase_magnitudes_say_nothing_that_an_undervoltage_has_said() -> None:
    judged = Judged(_limits(0.95, 1.05))
    judged.hold(120, *GOOD)
    judged.hold(130, 0.92, 1, 1)
    assert judged.told() == [("open", "undervoltage")]


def test_voltages_to_earth_are_not_compared() -> None:
    judged = Judged(replace(rules(), basis="le"))
    judged.hold(300, 0.93, 1.07, 1.0)
    assert judged.changes == []


def test_two_wires_have_no_unbalance() -> None:
    judged = Judged(rules(channels=1))
    judged.hold(300, 0.93)
    assert judged.changes == []
