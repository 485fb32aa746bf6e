"""What is made of a wall clock, look by look."""

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st

from agent.clock_discipline import BUILT_US, OVER_US, Anchor, Discipline, Look
from agent.clock_memory import Block, Memory, shifts_of, signed, understood
from agent.journal.shifts import corrected_us
from agent.records import ClockState

S = 1_000_000
OFFSET = BUILT_US + 86_400 * S
NONE, OFF, ON = ClockState(None, None), ClockState(False, None), ClockState(True, 0.01)


def look(at_s: float, off_s: float = 0.0, told: ClockState = ON) -> Look:
    return Look(round(at_s * S), OFFSET + round(off_s * S), told)


def test_without_a_source_the_wall_clock_is_followed_and_a_step_is_seen() -> None:
    clock = Discipline()
    assert clock.take(look(1, told=NONE)) is None
    assert clock.take(look(2, 0.5, NONE)) is None
    move = clock.take(look(3, 1.1, NONE))
    assert move is not None
    assert (move.by_us, move.anchor, move.synced) == (600_000, None, None)


def test_a_guess_is_frozen_and_an_anchor_needs_two_looks_eight_seconds_apart_that_agree() -> None:
    clock = Discipline()
    clock.take(look(1, told=OFF))
    assert (clock.guess, clock.offset_us) == (True, OFFSET)
    clock.take(look(2, 7200, OFF))
    assert clock.offset_us == OFFSET, "whatever the wall clock does"
    assert clock.take(look(10, 100)) is None
    assert clock.take(look(17.9, 100)) is None, "too soon"
    assert clock.take(look(18, 100.1)) is None, "too far from the first"
    assert clock.take(look(25, 100.1)) is None
    move = clock.take(look(26, 100.12))
    assert move is not None
    assert (move.by_us, move.anchor) == (100_120_000, Anchor(26 * S, OFFSET + 100_120_000, 30_000))
    assert (clock.guess, clock.state) == (False, ClockState(True, 0.03))


def test_a_source_that_falls_back_between_two_looks_begins_anew() -> None:
    clock = Discipline()
    clock.take(look(1, told=OFF))
    clock.take(look(2))
    clock.take(look(9, told=OFF))
    assert clock.take(look(11)) is None
    assert clock.take(look(19)) is not None


@pytest.mark.parametrize("at_us", [BUILT_US - 1, OVER_US + 1])
def test_a_synchronised_clock_in_an_impossible_year_is_not_believed(at_us: int) -> None:
    clock = Discipline()
    clock.take(Look(5, at_us - 5, ON))
    assert clock.guess
    assert clock.state == OFF
    assert BUILT_US <= 5 + clock.offset_us <= OVER_US + 1


def test_after_an_anchor_a_silent_source_makes_the_bound_grow_by_the_drift_and_the_wall_clock_is_left_alone() -> None:
    clock = Discipline()
    clock.take(look(1))
    clock.take(look(86_401, 30, OFF))
    assert (clock.offset_us, clock.guess) == (OFFSET, False)
    assert clock.state.synced is True
    assert clock.state.uncertainty_s == pytest.approx(0.01 + 4.32)
    move = clock.take(look(86_402, 30))
    assert move is not None
    assert move.by_us == 30 * S


def test_a_source_that_is_unsure_by_more_than_a_second_makes_no_anchor() -> None:
    clock = Discipline()
    clock.take(look(1, told=OFF))
    for at_s in range(2, 100, 9):
        assert clock.take(look(at_s, told=ClockState(True, 1.1))) is None
    assert clock.guess


@given(st.integers(0, 10**15), st.integers(0, 10**12), st.integers(0, 2 * 10**15))
def test_no_guess_is_before_the_build_the_last_row_or_the_wall_clock(wall_us: int, boot_us: int, floor_us: int) -> None:
    clock = Discipline()
    clock.resume(Look(boot_us, wall_us - boot_us, OFF), floor_us, None, None, doubt=False)
    assert boot_us + clock.offset_us == max(wall_us, BUILT_US, floor_us)


def test_a_memory_survives_as_text_and_rubbish_is_none() -> None:
    memory = Memory("b", 5, 6, 7, True, Anchor(1, 2, 3), (Block(1, 2, 3),), 9, 4)
    assert understood(memory.text()) == memory
    assert [understood(text) for text in (None, "", "[]", "{", '{"x": 1}', '{"earlier": 5}')] == [Memory()] * 6


@drawn(200)
@given(st.lists(st.tuples(st.integers(0, 10**11), st.integers(1, 10**11), st.integers(-(10**13), 10**13)), max_size=5))
def test_boots_that_were_never_set_keep_their_order_and_lie_within_their_bounds(
    boots: list[tuple[int, int, int]],
) -> None:
    """Each: how long it was off before, how long it ran, how wrong its wall clock was."""
    true_us = told_us = BUILT_US + 10**13
    memory, seq = Memory("0", true_us=true_us), 1
    truth = []
    for number, (off_us, ran_us, wrong_us) in enumerate(boots):
        true_us += off_us
        guess_us = max(true_us + wrong_us, told_us, BUILT_US)
        memory = Memory(f"{number}", guess_us, seq, earlier=memory.earlier, true_us=memory.true_us)
        truth.append((true_us, ran_us, guess_us, seq))
        true_us, told_us, seq = true_us + ran_us, guess_us + ran_us, seq + 10
        memory = memory.after_boot("next", told_us)
    shifts = shifts_of(memory, Anchor(0, true_us + 5, 0), seq)
    last_us = memory.true_us or 0
    for (began_us, ran_us, guess_us, seq_lo), shift in zip(truth, shifts, strict=True):
        assert shift.seq_lo == seq_lo
        known = [one for one in shifts if one.seq_lo <= seq_lo]
        for at_us in (0, ran_us - 1):
            placed_us = corrected_us(guess_us + at_us, known)
            assert abs(placed_us - (began_us + at_us)) <= shift.bound_us(placed_us) + 1
            assert placed_us >= last_us - 1
            last_us = placed_us


def test_amounts_of_time_are_said_as_people_say_them() -> None:
    assert [signed(us * S) for us in (0, 61, -7200, 90_061)] == ["+0 s", "+1 min 1 s", "-2 h 0 s", "+1 d 1 h 1 min 1 s"]
