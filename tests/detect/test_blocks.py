"""Means of blocks and minutes: what they stand for, and when they are none."""

from math import sqrt

import pytest
from looks import U, look, rules, s

from agent.detect.blocks import Minutes, block_of

IEC = rules()


def test_voltages_that_hardly_differ_are_averaged_plainly() -> None:
    block = block_of([look(i, 1.0 + 0.002 * i, 1.0, 1.0) for i in range(5)], s(-0.98), IEC)
    assert block.means == pytest.approx((1.004 * U, U, U))
    assert (block.lows[0], block.highs[0]) == pytest.approx((U, 1.008 * U))
    assert block.covered_us == (s(5), s(5), s(5))
    assert (block.bound_us, block.end_us) == (s(0 - 0.3), s(4.02))


def test_others_are_root_mean_squares_weighed_by_the_time_they_stand_for() -> None:
    quick = [look(10 + 0.1 * i, 0.9, 1, 1) for i in range(1, 11)]
    block = block_of([*(look(i, 1, 1, 1) for i in range(1, 11)), *quick], s(0.02), IEC)
    assert block.means[0] == pytest.approx(U * sqrt((10 + 0.81) / 11))


def test_a_look_stands_for_ten_seconds_at_most() -> None:
    block = block_of([look(0, 1, 1, 1), look(1, 1, 1, 1), look(60, 0.5, 1, 1)], s(-1), IEC)
    assert block.covered_us[0] == pytest.approx(s(1.02 + 1 + 10))
    assert block.means[0] == pytest.approx(U * sqrt((2.02 + 0.25 * 10) / 12.02))


def test_a_channel_counts_only_when_it_was_read() -> None:
    block = block_of([look(i, 1, 1 if i % 2 else None, None) for i in range(10)], s(-0.98), IEC)
    assert block.means[1:] == (pytest.approx(U), None)
    assert block.covered_us == (s(10), s(5), 0)


def test_a_minute_needs_four_fifths_of_itself() -> None:
    for seen, known in ((49, True), (47, False)):
        minutes = Minutes(3)
        minutes.restart(0, s(60))
        minutes.add(block_of([look(i, 1, 1, 1) for i in range(seen)], s(-0.98), IEC))
        assert (minutes.minute() is not None) is known


def test_a_minute_is_the_root_mean_square_of_its_blocks() -> None:
    minutes = Minutes(1)
    minutes.restart(0, s(60))
    by = rules(channels=1)
    minutes.add(block_of([look(i, 1.0) for i in range(30)], s(-0.98), by))
    minutes.add(block_of([look(i, 0.8) for i in range(30, 60)], s(29.02), by))
    minute = minutes.minute()
    assert minute is not None
    assert minute.means[0] == pytest.approx(U * sqrt((1 + 0.64) / 2))
    assert (minute.bound_us, minute.end_us) == (s(-0.3), s(59.02))
