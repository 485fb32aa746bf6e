import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.poll.health import HEALTHY, Budget, Health, missed, probe_us, wake_us

SECOND = 1_000_000


def after(misses: int, jitter: float = 0.5) -> Health:
    health = HEALTHY
    for n in range(misses):
        health = missed(health, n * SECOND, jitter)
    return health


def test_two_misses_are_doubt_and_three_are_silence():
    assert [after(n).state for n in range(4)] == ["healthy", "doubtful", "doubtful", "silent"]


def test_the_back_off_doubles_to_thirty_seconds():
    waits = [after(n).wait_us / SECOND for n in range(3, 12)]
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[5:] == [30] * 4


def test_the_back_off_is_jittered():
    assert after(4, jitter=0.0).wait_us == 1_500_000
    assert after(4, jitter=0.999).wait_us > 2_400_000


def silent(asked_us: int = 0, wait_s: int = 30) -> Health:
    return Health("silent", 9, asked_us, asked_us, wait_s * SECOND)


FULL, LEAST = 400_000, 60_000


def test_where_nobody_lives_a_probe_waits_in_full_every_half_second():
    assert probe_us(silent(), 499_999, None, FULL, LEAST, Budget()) == 0
    assert probe_us(silent(), 500_000, None, FULL, LEAST, Budget()) == FULL


def test_a_probe_that_fits_into_the_gap_is_free():
    assert probe_us(silent(), 500_000, FULL, FULL, LEAST, Budget()) == FULL


def test_a_shorter_gap_makes_a_hurried_probe_and_a_tiny_one_none():
    assert probe_us(silent(), 500_000, 150_000, FULL, LEAST, Budget()) == 150_000
    assert probe_us(silent(), 500_000, LEAST - 1, FULL, LEAST, Budget()) == 0


def test_waiting_beyond_the_gap_takes_back_off_and_budget():
    rich, poor = saved(1_000_000), saved(FULL - 1)
    assert probe_us(silent(wait_s=8), 7_999_999, 0, FULL, LEAST, rich) == 0
    assert probe_us(silent(wait_s=8), 8 * SECOND, 100_000, FULL, LEAST, rich) == FULL
    assert rich.left_us == pytest.approx(1e6 - 300_000)
    assert probe_us(silent(wait_s=8), 8 * SECOND, 0, FULL, LEAST, poor) == 0


def test_a_hurried_probe_does_not_put_off_the_patient_one():
    before = silent(wait_s=8)
    after_it = missed(before, 7 * SECOND, 0.5, hurried=True)
    assert (after_it.asked_us, after_it.patient_us, after_it.wait_us) == (7 * SECOND, 0, 8 * SECOND)
    assert missed(before, 8 * SECOND, 0.5).wait_us == 16 * SECOND


def saved(left_us: int) -> Budget:
    """So much earned since the clock began."""
    budget = Budget()
    budget.earn(25 * left_us, 0)
    assert budget.left_us == pytest.approx(left_us)
    return budget


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(1, SECOND), st.integers(0, 600_000)), min_size=50, max_size=400))
def test_in_no_minute_is_more_spent_than_five_percent(turns: list[tuple[int, int]]):
    """turns: (how long the line worked for the living, what a probe asks for after it)."""
    budget, now_us, spent = Budget(), 0, list[tuple[int, int]]()
    for worked_us, asked_us in turns:
        now_us += worked_us
        budget.earn(worked_us, now_us)
        if budget.spend(asked_us, now_us):
            spent.append((now_us, asked_us))
        last_minute_us = sum(us for at_us, us in spent if at_us > now_us - 59 * SECOND)
        # What was worked for is told a turn later, and turns last a second here.
        assert last_minute_us <= 0.05 * min(now_us, 61 * SECOND) + 1


def test_what_was_saved_for_longer_than_a_minute_is_gone():
    budget = Budget()
    for n in range(1000):
        budget.earn(SECOND, n * SECOND)
    assert budget.spend(2_950_000, 999 * SECOND)
    assert not budget.spend(100_000, 999 * SECOND)
    assert not budget.spend(100_000, 1050 * SECOND)


def test_a_busy_line_pays_five_percent_and_an_idle_one_one():
    busy, idle = Budget(), Budget()
    for n in range(11):
        busy.earn(SECOND if n else 0, n * SECOND)
        idle.earn(0, n * SECOND)
    assert busy.left_us == pytest.approx(0.05 * 10 * SECOND)
    assert idle.left_us == pytest.approx(0.01 * 10 * SECOND)


def test_the_wake_up_is_the_free_probe_then_the_back_off_then_nothing():
    assert wake_us(silent(wait_s=8), 100_000) == 500_000
    assert wake_us(silent(wait_s=8), 600_000) == 8 * SECOND
    assert wake_us(silent(wait_s=8), 8 * SECOND) is None
