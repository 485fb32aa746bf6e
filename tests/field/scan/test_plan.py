"""In which order a line is asked, how long that takes at most, and who answered."""

import pytest

from agent.field.scan.heard import Replies, replies
from agent.field.scan.plan import QUESTION, UNITS, Settings, after, left_s, rounds, settings_for, silent_s, units_of
from drivers.modbus.crc import checked
from drivers.modbus.rtu import frame

FIRST, SECOND = Settings(9600, "N", 1), Settings(9600, "E", 1)
ASKED = {1, 2, 3}


def test_likely_units_come_first_at_all_settings_then_the_others() -> None:
    plan = rounds((FIRST, SECOND), UNITS)
    assert [(each.settings, each.units[0], each.units[-1]) for each in plan] == [
        (FIRST, 1, 32), (SECOND, 1, 32), (FIRST, 33, 247), (SECOND, 33, 247),
    ]  # fmt: skip


def test_once_somebody_answers_only_those_settings_are_left() -> None:
    first, *rest = rounds((FIRST, SECOND), UNITS)
    assert [each.settings for each in after(first, rest, found=True)] == [FIRST]
    assert list(after(first, rest, found=False)) == rest


def test_the_time_left_is_that_of_a_line_without_anybody() -> None:
    """8 characters of 10 bits at 9600 baud are 8.33 ms, t3.5 is 3.65 ms; 100 ms to wait."""
    assert silent_s(FIRST) == pytest.approx(0.00833 + 0.1 + 0.00365, abs=1e-4)
    assert left_s(rounds((FIRST,), UNITS)) == pytest.approx(247 * 0.11198, abs=0.1)


def test_all_usual_settings_without_anybody_take_less_than_seven_minutes() -> None:
    assert left_s(rounds(settings_for((), (), None), UNITS)) < 420


@pytest.mark.parametrize(
    ("bauds", "parities", "stop_bits", "found"),
    [
        ([9600], ["N"], 1, ["9600 8N1"]),
        ([1200], [], None, ["1200 8N1", "1200 8E1", "1200 8O1"]),
        ([19200], ["E"], None, ["19200 8E1"]),
        ([], ["O"], None, ["9600 8O1"]),
    ],
)
def test_what_is_named_is_asked(bauds: list[int], parities: list[str], stop_bits: int | None, found: list[str]) -> None:
    assert [str(each) for each in settings_for(bauds, parities, stop_bits)] == found


def test_nothing_named_is_what_is_usual_each_once() -> None:
    usual = settings_for((), (), None)
    assert usual[0] == FIRST
    assert len(set(usual)) == len(usual) == 12


@pytest.mark.parametrize(("text", "units"), [("1-3,7", (1, 2, 3, 7)), ("247", (247,)), ("2,1,2", (1, 2))])
def test_units_are_read(text: str, units: tuple[int, ...]) -> None:
    assert units_of(text) == units


@pytest.mark.parametrize("text", ["", "0", "248", "3-1", "a", "1-", "1;2", "-5"])
def test_what_is_no_unit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no units"):
        units_of(text)


def answer(unit: int) -> bytes:
    return checked(bytes((unit, 3, 4, 1, 2, 3, 4)))


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        (b"", Replies()),
        (answer(1), Replies(frozenset({1}))),
        (checked(bytes((2, 0x83, 2))), Replies(frozenset({2}))),  # an exception is an answer
        (frame(3, QUESTION) + answer(3), Replies(frozenset({3}))),  # behind an echo
        (answer(1) + answer(3), Replies(frozenset({1, 3}))),  # the first was late
        (answer(9), Replies(frozenset(), 9)),  # nobody asked it
        (answer(1)[:-1], Replies(frozenset(), 8)),
        (b"\x00\xff" * 3, Replies(frozenset(), 6)),
    ],
)
def test_who_answered_is_told_from_whole_frames_alone(heard: bytes, found: Replies) -> None:
    assert replies(heard, frame(3, QUESTION), ASKED) == found
