"""A meter that is slower than its map is noticed, whatever it is watched at; any other is left as its map says."""

import random

from agent.poll.renewal import Renewals

SECOND = 1_000_000


def found(
    refresh_s: float, watch_s: float, map_s: float = 1.0, *, chance: float = 0.0, for_s: float = 400.0
) -> float | None:
    """chance: of a renewal that brings the words of the one before."""
    draw = random.Random(7)  # noqa: S311 - seeded noise, no secret
    renewals = Renewals({"m": round(map_s * SECOND)})
    words, renewed, at_s = b"0", 0, 0.0
    while at_s < 400 and "m" in renewals:
        at_s += watch_s * draw.uniform(0.95, 1.05)
        if int(at_s / refresh_s) != renewed:
            renewed = int(at_s / refresh_s)
            words = words if draw.random() < chance else str(renewed).encode()
        refresh_us = renewals.look("m", round(at_s * SECOND), words)
        if refresh_us is not None:
            return refresh_us / SECOND
    return None


def test_a_slower_meter_is_found_at_any_pace_that_can_show_it():
    for watch_s in (0.002, 0.1, 0.5, 1.0, 1.4):
        refresh_s = found(3.0, watch_s)
        assert refresh_s is not None
        assert 2.7 <= refresh_s <= 3.3, watch_s


def test_a_meter_as_its_map_says_or_faster_is_not_touched():
    assert [found(refresh_s, 0.1) for refresh_s in (1.0, 0.5, 0.2, 0.1)] == [None] * 4
    assert found(1.0, 0.002) is None


def test_watched_more_slowly_than_it_renews_it_shows_nothing():
    assert found(1.0, 5.0) is None
    assert found(3.0, 10.0) is None


def test_a_few_equal_values_by_chance_are_no_slow_meter():
    assert found(1.0, 1.0, chance=0.2) is None


def test_a_meter_that_stands_still_is_left_after_some_minutes():
    renewals = Renewals({"m": SECOND})
    assert [renewals.look("m", second * SECOND, b"x") for second in range(301) if "m" in renewals] == [None] * 301
    assert "m" not in renewals
    renewals.anew("m")
    assert "m" in renewals


def test_a_meter_that_is_as_its_map_says_again_is_told_once():
    renewals, told, at_us = Renewals({"m": SECOND}), [], 0
    for refresh_s in (3, 1, 1):
        renewals.anew("m")
        while "m" in renewals:
            at_us += SECOND // 2
            told.append(renewals.look("m", at_us, str(at_us // (refresh_s * SECOND)).encode()))
    assert [each for each in told if each is not None] == [3 * SECOND, SECOND]


def test_a_meter_that_nobody_asked_about_is_none_of_its_business():
    renewals = Renewals({})
    renewals.anew("m")
    assert "m" not in renewals
