"""Meters that renew in their own time, looked at in ours."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.poll.refresh import Learnt, Trial, judged, pace_us, saw

SECOND = 1_000_000
LEAST_US = 50_000


def found_us(
    refresh_us: float, map_us: int, seed: int, *, chance: float = 0.0, lost: float = 0.0, jitter: float = 0.0
) -> int | None:
    """What is learnt of a meter in the end. chance: that a renewal brings the same words; lost: that a look is;
    jitter: how late after its tick a look may be, in periods."""
    draw = random.Random(seed)  # noqa: S311 - a simulation
    period_us, phase_us = map_us // 2, draw.random() * refresh_us
    values: dict[int, int] = {}
    while True:
        verdict = _trial(Trial(period_us), values, draw, refresh_us, phase_us, chance, lost, jitter)
        if verdict.again_us is None:
            return verdict.refresh_us
        period_us = verdict.again_us


def _trial(
    trial: Trial,
    values: dict[int, int],
    draw: random.Random,
    refresh_us: float,
    phase_us: float,
    chance: float,
    lost: float,
    jitter: float,
) -> Learnt:
    due_us = before_us = 0
    for _ in range(2000):
        due_us += trial.period_us
        if draw.random() < lost:
            continue
        renewal = int((due_us + draw.random() * jitter * trial.period_us + phase_us) // refresh_us)
        if renewal not in values:
            values[renewal] = next(reversed(values.values()), 0) + (draw.random() >= chance)
        trial = saw(trial, values[renewal].to_bytes(4, "big"), due_us - before_us, 10_000)
        before_us = due_us
        verdict = judged(trial, LEAST_US)
        if verdict is not None:
            return verdict
    raise AssertionError("the trial does not end")


@given(st.floats(0.08, 8.0), st.integers(0, 10_000), st.sampled_from([0.0, 0.05]), st.sampled_from([0.0, 0.1, 0.2]))
def test_the_refresh_is_found_within_a_fifth(ratio: float, seed: int, lost: float, jitter: float) -> None:
    found = found_us(ratio * SECOND, SECOND, seed, lost=lost, jitter=jitter)
    assert found == pytest.approx(ratio * SECOND, rel=0.2)


@pytest.mark.parametrize("ratio", [0.1, 0.2, 0.37, 0.5, 0.7, 1.0, 1.3, 2.0, 3.0])
def test_a_quiet_feeder_that_repeats_its_values_by_chance_seldom_misleads(ratio: float) -> None:
    """Every eighth renewal brings the same words."""
    found = [found_us(ratio * SECOND, SECOND, seed, chance=0.125, lost=0.02, jitter=0.1) for seed in range(40)]
    right = [us for us in found if us is not None and abs(us / SECOND / ratio - 1) <= 0.2]
    assert len(right) >= 38
    assert all(us is None or us >= 0.8 * ratio * SECOND for us in found), "never faster than it is"


@pytest.mark.parametrize("chance", [0.8, 0.95, 1.0])
def test_of_values_that_hardly_ever_change_next_to_nothing_is_learnt(chance: float) -> None:
    found = [found_us(SECOND, SECOND, seed, chance=chance) for seed in range(40)]
    assert sum(us is not None for us in found) <= 4


def test_a_trial_of_a_frozen_meter_ends_without_a_result() -> None:
    assert found_us(1e15, SECOND, 1) is None


def test_one_that_is_faster_than_the_fastest_trial_is_as_fast_as_that() -> None:
    found = found_us(10_000.0, SECOND, 1)
    assert found == pytest.approx(62_500)


def test_a_look_that_comes_off_its_tick_tells_nothing() -> None:
    trial = Trial(SECOND)
    for n in range(50):
        trial = saw(trial, bytes((n % 2,)), SECOND + (n % 3 + 1), 0)
    assert (trial.runs, trial.looks, trial.lost) == ((), 0, 50)


def test_a_gap_between_the_same_words_is_bridged_and_one_between_others_is_not() -> None:
    trial = Trial(SECOND)
    for words, steps in ((b"a", 1), (b"b", 1), (b"b", 1), (b"b", 2), (b"c", 1)):
        trial = saw(trial, words, steps * SECOND, 0)
    assert trial.runs == (4,)
    trial = saw(trial, b"d", 2 * SECOND, 0)
    assert (trial.since, trial.runs) == (-1, (4,))


@given(st.integers(20_000, 20 * SECOND), st.integers(100_000, 3 * SECOND), st.integers(50_000, SECOND))
def test_a_pace_is_never_slower_than_the_map_nor_faster_than_the_line_gives(
    learnt: int, map_us: int, least: int
) -> None:
    pace = pace_us(learnt, map_us, least)
    assert pace <= map_us
    assert pace >= min(map_us, least)
    assert pace <= max(1.1 * learnt, least) or pace == map_us


def test_paces_are_shared_ticks_and_grow_with_the_refresh() -> None:
    paces = [pace_us(ms * 1000, SECOND, 50_000) for ms in range(50, 1000)]
    assert all(one <= other for one, other in pairwise(paces))
    assert (pace_us(98_000, SECOND, 50_000), pace_us(260_000, SECOND, 50_000)) == (100_000, 250_000)
    assert pace_us(850_000, SECOND, 50_000) == SECOND
