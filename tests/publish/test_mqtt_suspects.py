"""Whom a broker that hangs up is held to mean."""

import pytest

from agent.publish.mqtt_rules import UNCLEAR_TRIES
from agent.publish.mqtt_suspects import Suspects
from agent.publish.topics import Message

HANGS_UP, TOO_LARGE = 0x80, 0x95


def of(size: int) -> Message:
    return Message("p/incident", b"x" * size)


def test_the_largest_that_was_on_its_way_is_suspect_and_so_is_all_that_is_larger_than_what_was_taken() -> None:
    suspects = Suspects()
    suspects.took(1, of(500))
    assert suspects.hung_up([(2, of(400)), (3, of(450))], HANGS_UP) is None
    assert [suspects.knows(seq) for seq in (2, 3)] == [False, True]
    assert suspects.hung_up([(4, of(500)), (5, of(600)), (6, of(900))], HANGS_UP) is None
    assert [suspects.knows(seq) for seq in (3, 4, 5, 6)] == [False, False, True, True]
    assert suspects.words == ""


def test_who_is_taken_is_suspect_no_longer() -> None:
    suspects = Suspects()
    suspects.hung_up([(2, of(4000)), (3, of(5000))], HANGS_UP)
    suspects.took(2, of(4000))
    assert [suspects.knows(seq) for seq in (2, 3)] == [False, True]
    for _ in range(UNCLEAR_TRIES - 1):
        suspects.hung_up([(3, of(5000))], HANGS_UP)
    assert "p/incident (5000 bytes)" in suspects.words
    suspects.took(3, of(5000))
    assert (suspects.words, suspects.knows(3), len(suspects)) == ("", False, 0)


def test_a_large_one_at_which_it_hangs_up_five_times_is_refused_and_with_that_reason_at_once() -> None:
    suspects = Suspects()
    said = [suspects.hung_up([(3, of(5000))], HANGS_UP) for _ in range(UNCLEAR_TRIES)]
    assert said[:-1] == [None] * (UNCLEAR_TRIES - 1)
    at_once = suspects.hung_up([(4, of(100))], TOO_LARGE)
    for one in (said[-1], at_once):
        assert one is not None
        assert (one.action, "limit for packets" in one.reason) == ("reject", True)
    assert (suspects.blocked, len(suspects)) == ("", 0)
    assert suspects.words  # that is why this connection ended, too
    suspects.took(5, of(10))
    assert suspects.words == ""


@pytest.mark.parametrize("ending", [7, 8])
def test_a_small_one_is_kept_and_blocks_until_it_or_what_comes_after_it_is_taken(ending: int) -> None:
    suspects = Suspects()
    said = [suspects.hung_up([(7, of(2048))], HANGS_UP) for _ in range(UNCLEAR_TRIES - 1)]
    assert suspects.blocked == ""
    said += [suspects.hung_up([(7, of(2048))], HANGS_UP) for _ in range(3)]
    assert said == [None] * (UNCLEAR_TRIES + 2)
    assert "access list" in suspects.blocked
    suspects.took(6, of(10))
    assert "access list" in suspects.blocked
    suspects.took(ending, of(10))
    assert (suspects.blocked, suspects.words) == ("", "")
