from agent.poll.health import HEALTHY, Health, fits_idle_time, missed, overdue, wake_us

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


def test_a_probe_that_fits_into_idle_time_is_free():
    silent = Health("silent", 9, asked_us=0, wait_us=30 * SECOND)
    assert not fits_idle_time(silent, 400_000, None, 500_000)
    assert fits_idle_time(silent, 500_000, None, 500_000)
    assert fits_idle_time(silent, 500_000, 1_000_000, 500_000)
    assert not fits_idle_time(silent, 500_000, 999_999, 500_000)


def test_only_an_expired_back_off_displaces_the_living():
    silent = Health("silent", 9, asked_us=0, wait_us=8 * SECOND)
    assert not overdue(silent, 7_999_999)
    assert overdue(silent, 8_000_000)
    assert not overdue(HEALTHY, 10**12)


def test_the_wake_up_is_the_free_probe_and_then_the_back_off():
    silent = Health("silent", 9, asked_us=0, wait_us=8 * SECOND)
    assert wake_us(silent, 100_000) == 500_000
    assert wake_us(silent, 600_000) == 8 * SECOND
