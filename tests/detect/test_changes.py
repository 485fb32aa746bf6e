"""Bounds of one event."""

from agent.detect.changes import Span


def test_durations_follow_from_the_bounds() -> None:
    assert Span(100, 40).duration_us is None
    assert Span(100, 40).ended(500, 300).duration_us == (200, 460)
    assert Span(100, 40).ended(150, 60).duration_us == (0, 110)


def test_an_event_does_not_end_before_it_began() -> None:
    assert Span(100, 40).ended(500, -10) == Span(100, 40, 500, 40)


def test_times_from_a_clock_that_was_set_back_give_no_negative_duration() -> None:
    assert Span(100, 40).ended(10, 5).duration_us == (0, 0)
