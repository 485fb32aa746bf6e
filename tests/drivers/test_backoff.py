"""When a port is tried again, and which of its comings and goings are news."""

import pytest

from drivers.backoff import BRIEF_US, Backoff, Edges

SECOND = 1_000_000
BROKEN = "transaction {} was never asked 10.0.0.7:502"


@pytest.mark.parametrize(
    ("cap_s", "delays_s"), [(2.0, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]), (0.5, [0.1, 0.2, 0.4, 0.5])]
)
def test_the_wait_doubles_to_its_cap_and_begins_anew_after_success(cap_s: float, delays_s: list[float]) -> None:
    backoff = Backoff(lambda: 1.0, cap_s)
    for delay_s in delays_s:
        backoff.failed(SECOND)
        assert backoff.until_us == SECOND + int(delay_s * 1e6)
    backoff.worked()
    backoff.failed(SECOND)
    assert backoff.until_us == SECOND + 100_000


def test_half_of_the_wait_is_by_chance() -> None:
    backoff = Backoff(lambda: 0.0, 2.0)
    backoff.failed(0)
    assert backoff.until_us == 50_000


def test_every_honest_coming_and_going_is_said() -> None:
    edges = Edges()
    assert edges.down("no such port", 0)
    for minute in range(1, 9):
        assert edges.up(minute * 60 * SECOND)
        assert edges.down("hung up", (minute * 60 + 30) * SECOND)


def test_failed_attempts_to_open_are_not_said() -> None:
    edges = Edges()
    assert [edges.down("connection refused", n * SECOND) for n in range(5)] == [True, False, False, False, False]


def test_a_port_that_goes_as_soon_as_it_has_come_is_said_once_in_five_minutes() -> None:
    edges = Edges()
    said = []
    for second in range(0, 700, 2):
        edges.up(second * SECOND)
        said += [second] * edges.down(BROKEN.format(second), (second + 1) * SECOND)
    assert said == [0, 300, 600]


def test_other_words_are_said_even_then() -> None:
    edges = Edges()
    assert edges.up(0)
    assert edges.down("closed by the other end", SECOND)
    assert edges.up(2 * SECOND)
    assert edges.down("connection reset by peer", 3 * SECOND)


def test_one_that_flapped_and_stays_is_said_to_be_up() -> None:
    edges = Edges()
    for second in (0, 2):
        edges.up(second * SECOND)
        edges.down("closed", (second + 1) * SECOND)
    assert not edges.up(4 * SECOND)
    assert edges.stays()
    assert not edges.stays()
    assert edges.down("closed", 4 * SECOND + BRIEF_US + 1)
