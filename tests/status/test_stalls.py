"""Standing still is told apart from being late, and from a machine that slept."""

from agent.status.stalls import Stalls

S = 1_000_000


def test_turns_that_come_every_second_or_somewhat_late_say_nothing() -> None:
    stalls = Stalls()
    assert [stalls.turn(now_us, 0) for now_us in (5 * S, 6 * S, 9 * S, 10 * S)] == [0, 0, 0, 0]
    assert stalls.total_us == 0


def test_a_turn_that_comes_a_minute_late_says_for_how_long_and_only_once() -> None:
    stalls = Stalls()
    stalls.turn(5 * S, 0)
    assert stalls.turn(66 * S, 0) == 60 * S
    assert stalls.turn(67 * S, 0) == 0
    assert stalls.turn(71 * S, 0) == 3 * S
    assert stalls.total_us == 63 * S


def test_a_machine_that_slept_is_no_stall() -> None:
    stalls = Stalls()
    stalls.turn(5 * S, 7 * S)
    assert stalls.turn(3606 * S, 7 * S + 3600 * S) == 0
    assert stalls.turn(3617 * S, 7 * S + 3600 * S) == 10 * S
