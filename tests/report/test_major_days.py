"""Major event days and targets: worked out by hand."""

from math import exp, log, sqrt

import pytest

from agent.report.figures import Bounds, Span
from agent.report.reliability.major_days import TOO_FEW, TOO_SHORT, major_days
from agent.report.reliability.targets import NOT_SINCE, against

DAY_US = 86_400_000_000


def exact(*minutes: float) -> dict[int, Bounds]:
    return {day: Bounds(lost, lost) for day, lost in enumerate(minutes)}


# Ten days: half of them e minutes, half e cubed. The mean of ln is 2, its standard deviation sqrt(10 / 9).
TEN = exact(*[exp(1)] * 5, *[exp(3)] * 5)
THRESHOLD = exp(2 + 2.5 * sqrt(10 / 9))


def test_the_threshold_is_two_and_a_half_betas_above_alpha() -> None:
    found = major_days(TEN, 400, {})
    assert found.threshold_min == pytest.approx(THRESHOLD)
    assert (found.with_some, found.known_days, found.why) == (10, 400, "")


def test_days_without_an_interruption_are_left_out() -> None:
    found = major_days(TEN | {100: Bounds(0.0, 0.0), 101: Bounds(0.0, 30.0)}, 400, {})
    assert found.threshold_min == pytest.approx(THRESHOLD)


def test_a_day_is_one_if_it_surely_was_and_perhaps_if_only_its_upper_bound_says_so() -> None:
    days = {1: Bounds(THRESHOLD + 1, 500), 2: Bounds(3, THRESHOLD + 1), 3: Bounds(3, THRESHOLD - 1)}
    found = major_days(TEN, 400, days)
    assert (found.surely, found.perhaps) == ((1,), (2,))


def test_without_a_year_or_ten_days_with_interruptions_there_is_no_threshold() -> None:
    short, few = major_days(TEN, 364, exact(1e4)), major_days(dict(list(TEN.items())[:9]), 365, exact(1e4))
    assert (short.threshold_min, short.why, short.surely) == (None, TOO_SHORT, ())
    assert (few.threshold_min, few.why, few.with_some) == (None, TOO_FEW, 9)
    assert major_days(TEN, 365, {}).threshold_min is not None


def test_alpha_is_of_the_logarithms() -> None:
    found = major_days(exact(*[5.0] * 12), 400, {})
    assert found.threshold_min == pytest.approx(5.0)  # all alike: beta is 0
    assert log(found.threshold_min or 0) == pytest.approx(log(5))


MONTH = Span(0, 73 * DAY_US)  # a fifth of a year


def test_a_target_of_a_year_is_due_in_part() -> None:
    told = against(110.0, Bounds(20.0, 21.9), MONTH, None, 0.9)
    assert told.due_min == pytest.approx(22.0)
    assert told.verdict == "kept"
    assert (told.year, told.so_far.value, told.so_far.why) == (None, None, NOT_SINCE)
    assert against(110.0, Bounds(20.0, 23.0), MONTH, None, 0.9).verdict == "undecided"
    assert against(110.0, Bounds(22.5, 23.0), MONTH, None, 0.9).verdict == "violated"


def test_a_year_is_missed_once_its_target_is_passed() -> None:
    told = against(110.0, Bounds(0.0, 0.0), MONTH, Bounds(111.0, 130.0), 0.97)
    assert (told.verdict, told.year, told.so_far.coverage) == ("kept", "violated", 0.97)
    assert against(110.0, Bounds(0.0, 0.0), MONTH, Bounds(100.0, 130.0), 1.0).year == "undecided"
