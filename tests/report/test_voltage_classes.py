"""Classes, feeders and their composite: hand-computed."""

import pytest

from agent.report.figures import Bounds, Figure
from agent.report.voltage.classes import Member, composite, group
from agent.report.voltage.quality import Beyond, Quality


def minutes(monitored: float, *bad: float, unknown: float = 0.0) -> Quality:
    """bad: low minutes by each pair of limits"""
    return Quality(monitored, unknown, 0.0, tuple(Beyond(0.0, low) for low in bad))


def test_the_composite_is_half_of_class_a_and_half_of_the_mean_of_the_others() -> None:
    classes = {
        "A": minutes(1000, 0),
        "B": minutes(1000, 10),
        "C": minutes(1000, 20),
        "D": minutes(900, 27, unknown=100),
    }
    found = composite(classes)  # type: ignore[arg-type]
    # rates 100, 99, 98, 97: 0.5 * 100 + 0.5 * (99 + 98 + 97) / 3 = 99
    assert found.figure == Figure(pytest.approx(99.0), 0.9, "%")  # type: ignore[arg-type]
    # D may have been 1 - 127/1000 to 1 - 27/1000: 87.3 to 97.3
    assert found.bounds is not None
    assert (found.bounds.low, found.bounds.high) == pytest.approx(
        (50 + (99 + 98 + 87.3) / 6, 50 + (99 + 98 + 97.3) / 6)
    )


def test_without_a_class_there_is_no_composite_and_it_says_why() -> None:
    found = composite({"A": minutes(1000, 0), "D": minutes(0, 0)})
    assert found.figure.why == "no meter of class B, C, D was measured"
    assert (found.bounds, found.lacking) == (None, ("B", "C", "D"))


def test_a_group_has_the_minutes_of_all_and_the_second_pair_of_those_that_have_one() -> None:
    found = group("F1", [Member(minutes(1000, 10, 50), 600.0), Member(minutes(500, 20), None)])
    assert (found.name, found.meters, found.low_customer_min) == ("F1", 2, 600.0)
    assert found.quality.rate().value == pytest.approx(98.0)  # 30 of 1500
    assert found.assessed is not None
    assert found.assessed.rate(1).value == pytest.approx(95.0)  # 50 of 1000
    assert group("F2", [Member(minutes(500, 20), None)]).assessed is None
    assert group("F2", [Member(minutes(500, 20), None)]).low_customer_min is None


def test_a_composite_of_assessment_is_that_of_the_second_pair() -> None:
    classes = dict.fromkeys("ABCD", minutes(1000, 0, 10))
    assert composite(classes, 1).figure.value == pytest.approx(99.0)  # type: ignore[arg-type]
    assert composite(classes, 1).bounds == Bounds(pytest.approx(99.0), pytest.approx(99.0))  # type: ignore[arg-type]
