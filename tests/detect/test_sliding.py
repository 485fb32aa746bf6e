"""The reference that follows the voltage, and stands still while something happens."""

from dataclasses import replace
from math import exp

import pytest
from judged import Judged
from looks import U, rules

from agent.detect.changes import Change
from agent.detect.thresholds import Rules, levels_of

SLIDING: Rules = replace(rules(), reference="sliding", basis="ll", limits=(150.0, 300.0))


def _judged() -> Judged:
    return Judged(SLIDING, unheard=("rapid_change", "unbalance"))


def _reference(judged: Judged) -> float:
    return judged.detector.rules.reference_v / U


def test_it_begins_at_the_declared_voltage_and_follows_with_a_minute() -> None:
    judged = _judged()
    judged.hold(60, 0.95, 0.95, 0.95)
    # A block of looks is taken at once, so it may lag by one.
    assert 1 - 0.05 * (1 - exp(-60 / 60)) - 0.001 <= _reference(judged) <= 1 - 0.05 * (1 - exp(-47 / 60)) + 0.001
    judged.hold(600, 0.95, 0.95, 0.95)
    assert _reference(judged) == pytest.approx(0.95, abs=0.001)


def test_a_voltage_that_is_always_low_is_no_sag_and_one_below_it_is() -> None:
    judged = _judged()
    judged.follow(1200, lambda t: (1 - min(t, 600) / 600 * 0.09,) * 3)
    judged.hold(600, 0.91, 0.91, 0.91)
    judged.follow(600, lambda t: (0.91 - min(t, 300) / 300 * 0.03,) * 3)
    assert judged.changes == []
    judged.hold(2, 0.88, 0.78, 0.88)
    assert judged.told() == [("open", "sag")]
    assert judged.changes[0].reference_v == pytest.approx(0.88 * U, rel=2e-3)


# Oracle i.
def test_it_is_frozen_during_an_event() -> None:
    judged = _judged()
    judged.hold(120, *[0.97] * 3)
    before = _reference(judged)
    judged.hold(50, 0.7, 0.7, 0.7)
    assert _reference(judged) == before
    judged.hold(5, *[0.97] * 3)
    opened, closed = judged.changes
    assert opened.reference_v == closed.reference_v == before * U


def test_an_event_after_a_restart_keeps_the_reference_it_began_with() -> None:
    first = _judged()
    first.hold(600, *[0.95] * 3)
    first.hold(1, *[0.7] * 3)
    again = _judged()
    again.detector.resume(first.detector._state, (), first.changes[0].reference_v)
    assert _reference(again) == pytest.approx(0.95, abs=0.001)
    again.hold(1, *[0.88] * 3)
    # 92 % of 0.95 is 0.874: over by this reference, not by the declared one.
    assert again.told() == [("close", "sag")]


def test_whether_there_is_voltage_at_all_is_judged_by_the_declared_one() -> None:
    by = rules("gb")
    levels = levels_of(by.thresholds, 0.5 * U, U)
    assert (levels.sag, levels.loss) == pytest.approx((0.45 * U, 0.1 * U))
    assert levels.alive == pytest.approx(0.8 * U)


def test_a_declared_reference_never_moves() -> None:
    judged = Judged()
    judged.hold(600, 0.95, 0.95, 0.95)
    assert judged.detector.rules is judged.by
    changes: list[Change] = judged.hold(1, 0.5, 1, 1)
    assert changes[0].reference_v == U
