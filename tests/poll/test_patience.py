from hypothesis import given
from hypothesis import strategies as st

from agent.poll.patience import Patience, heard, limit_us, missed

FLOOR, CEILING = 50_000, 500_000


def after(*turnarounds_us: int) -> Patience:
    patience = Patience()
    for turnaround_us in turnarounds_us:
        patience = heard(patience, turnaround_us)
    return patience


def limit(patience: Patience) -> int:
    return limit_us(patience, FLOOR, CEILING)


def test_a_unit_not_known_yet_is_waited_for_as_long_as_its_map_says():
    assert limit(Patience()) == CEILING
    assert limit(after(*[5_000] * 7)) == CEILING


def test_a_fast_unit_is_given_up_early_but_never_below_the_floor():
    assert limit(after(*[5_000] * 100)) == FLOOR


def test_a_unit_of_steady_pace_gets_three_times_it():
    assert 120_000 <= limit(after(*[40_000] * 200)) <= 125_000


def test_an_erratic_unit_gets_more():
    assert limit(after(*[10_000, 90_000] * 50)) > 300_000


def test_misses_double_the_wait_and_an_answer_ends_that():
    patience = after(*[5_000] * 100)
    waits = []
    for _ in range(10):
        waits.append(limit(patience))
        patience = missed(patience)
    assert waits == [50_000, 100_000, 200_000, 400_000, *[500_000] * 4, 50_000, 100_000]
    assert limit(heard(patience, 5_000)) == FLOOR


@given(st.lists(st.integers(0, 2_000_000), max_size=50), st.integers(0, 40))
def test_the_wait_stays_between_floor_and_ceiling(turnarounds_us: list[int], misses: int):
    patience = after(*turnarounds_us)
    for _ in range(misses):
        patience = missed(patience)
    assert FLOOR <= limit(patience) <= CEILING
