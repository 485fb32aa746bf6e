"""Whose silence it is: a unit's own, or the line's. Instants in seconds of the test's own clock."""

from dataclasses import replace

from agent.detect.line_loss import LineLoss, Ruling
from agent.detect.supply_evidence import Seen
from agent.detect.tracking import Bounds

SECOND = 1_000_000


def us(at_s: float) -> int:
    return round(at_s * SECOND)


class Line:
    """Units a b c that answer until told otherwise."""

    def __init__(self, *units: str) -> None:
        self.loss = LineLoss(units or ("a", "b", "c"))
        self.seen = {unit: Seen(meter=unit, comms="ok", supply="live", heard_us=us(0)) for unit in self.loss.units}

    def hears(self, at_s: float, *units: str) -> None:
        for unit in units:
            self.seen[unit] = Seen(meter=unit, comms="ok", supply="live", heard_us=us(at_s))

    def loses(self, unit: str, since_s: float, missed_s: float, heard_s: float | None = None) -> None:
        """A silence that is an event: its first missed deadline, its last missed request."""
        heard_us = self.seen[unit].heard_us if heard_s is None else us(heard_s)
        since = Bounds(heard_us or 0, us(since_s))
        if f"{unit}-1" not in self.loss.held:
            self.loss.hold(f"{unit}-1", unit, since)
        self.misses(unit, missed_s, since)

    def misses(self, unit: str, missed_s: float, since: Bounds | None = None) -> None:
        since = since or self.seen[unit].silent_since
        self.seen[unit] = Seen(
            meter=unit, comms="lost", silent_since=since, heard_us=since.earliest_us, missed_us=us(missed_s)
        )

    def returns(self, unit: str, earliest_s: float, at_s: float) -> None:
        self.hears(at_s, unit)
        self.loss.over(f"{unit}-1", Bounds(us(earliest_s), us(at_s)))

    def judge(self, at_s: float) -> Ruling:
        return self.loss.judge(self.seen, us(at_s))


def test_one_unit_alone_is_told_as_soon_as_another_answered_between_its_misses() -> None:
    line = Line()
    line.hears(10, "a", "b", "c")
    line.hears(11.4, "b")
    line.loses("a", 11, 12)
    ruling = line.judge(12.5)
    assert (ruling.tell, ruling.began) == (["a-1"], None)


def test_a_unit_that_was_asked_in_one_go_waits_for_its_next_miss_or_two_seconds() -> None:
    line = Line()
    line.loses("a", 1, 2)
    line.hears(2.6, "b")
    assert line.judge(2.7).tell == []
    line.misses("a", 3.1)
    assert line.judge(3.2).tell == ["a-1"]
    line = Line()
    line.loses("a", 1, 2)
    line.hears(2.6, "b")
    assert line.judge(2.7).tell == []
    line.hears(4.6, "b")
    assert line.judge(4.7).tell == ["a-1"]


def test_the_death_of_a_line_is_one_loss_with_the_closest_bounds_and_nobody_is_told() -> None:
    line = Line()
    for unit, heard_s, since_s in (("a", 10.0, 10.9), ("b", 10.2, 10.7), ("c", 10.4, 11.1)):
        line.loses(unit, since_s, 12, heard_s)
    ruling = line.judge(12.5)
    assert ruling.began == Bounds(us(10.4), us(10.7))
    assert ruling.tell == ruling.stands == []
    assert line.judge(13).began is None, "once"


def test_who_was_silent_before_has_no_say_in_when_the_line_died() -> None:
    line = Line()
    line.hears(5, "b", "c")
    line.loses("a", 1, 3, 0.5)
    assert line.judge(6).tell == []
    line.misses("a", 7)
    assert line.judge(7).tell == ["a-1"]
    line.loses("b", 10.7, 20, 10.2)
    line.loses("c", 11.1, 20, 10.4)
    assert line.judge(20.5).began == Bounds(us(10.4), us(10.7))


def test_the_first_answer_ends_it_and_those_who_answer_were_silent_with_it() -> None:
    line = Line()
    for unit in "abc":
        line.loses(unit, 11, 12, 10)
    line.judge(12.5)
    for unit in "abc":
        line.misses(unit, 60)
    line.returns("b", 60, 61)
    ruling = line.judge(61.1)
    assert (ruling.ended, ruling.stands, ruling.tell) == (Bounds(us(60), us(61)), ["b-1"], [])
    line.returns("a", 60, 62)
    line.returns("c", 60, 63)
    assert sorted(line.judge(63.1).stands) == ["a-1", "c-1"]
    assert line.loss.held == ()


def test_who_stays_silent_after_the_line_is_back_is_told_at_the_next_miss() -> None:
    line = Line()
    for unit in "abc":
        line.loses(unit, 11, 12, 10)
    line.judge(12.5)
    line.returns("a", 60, 61)
    line.returns("b", 60, 61.2)
    line.judge(61.3)
    line.hears(70, "a", "b")
    assert line.judge(70.1).tell == [], "it was not asked since"
    line.misses("c", 71)
    assert line.judge(71.5).tell == ["c-1"]


def test_a_short_silence_of_the_line_that_only_some_units_noticed_is_one_loss() -> None:
    line = Line("a", "b", "c", "d")
    line.loses("a", 10.5, 11.5, 10)
    line.loses("b", 12, 13, 9.9)
    assert line.judge(13.2).began is None
    line.hears(13.4, "c")
    line.loss.over("a-1", Bounds(us(11.5), us(13.6)))
    line.hears(13.6, "a")
    assert line.judge(13.6).tell == []
    line.returns("b", 13.2, 13.8)
    ruling = line.judge(13.9)
    assert (ruling.began, ruling.ended) == (Bounds(us(10), us(10.5)), Bounds(us(13.2), us(13.6)))
    assert sorted(ruling.stands) == ["a-1", "b-1"]


def test_who_was_not_asked_since_the_line_is_back_is_not_told_as_silent_by_itself() -> None:
    line = Line("a", "b", "c", "d", "e")
    for unit, since_s in (("a", 10.5), ("b", 12.0), ("c", 14.0)):
        line.loses(unit, since_s, since_s + 1, 10)
    assert line.judge(15.2).began is None
    line.hears(15.5, "d")
    assert line.judge(15.6).tell == []
    for at_s in range(16, 25):
        line.hears(at_s, "d", "e")
        assert line.judge(at_s + 0.1).tell == []
    line.returns("a", 11.5, 25)
    assert line.judge(25.1).tell == []
    line.returns("b", 13, 26)
    ruling = line.judge(26.1)
    assert (ruling.began, ruling.ended) == (Bounds(us(10), us(10.5)), Bounds(us(13), us(25)))
    line.returns("c", 15, 27)
    ruling = line.judge(27.1)
    assert (ruling.tell, ruling.stands, ruling.began) == ([], ["c-1"], None)


def test_of_several_that_nobody_asks_again_each_is_told_after_a_minute() -> None:
    line = Line()
    line.loses("a", 1, 2)
    line.loses("b", 1.5, 2.5)
    for at_s in (3, 30, 62.9):
        line.hears(at_s, "c")
        assert line.judge(at_s).tell == []
    line.hears(63.1, "c")
    assert line.judge(63.1).tell == ["a-1", "b-1"]


def test_two_that_were_silent_at_once_while_another_answered_between_their_misses_are_no_silence_of_the_line() -> None:
    line = Line("a", "b", "c", "d")
    line.loses("a", 10.5, 11.5, 10)
    line.loses("b", 10.6, 11.6, 10)
    line.hears(11.7, "c")
    assert line.judge(11.8).tell == []
    line.returns("a", 12, 12.5)
    line.returns("b", 12.1, 12.6)
    ruling = line.judge(12.7)
    assert (sorted(ruling.tell), ruling.began) == (["a-1", "b-1"], None)


def test_one_silence_is_the_lines_where_the_line_was_down_in_it() -> None:
    line = Line()
    line.loses("a", 10.5, 11.5, 10)
    line.seen["a"] = replace(line.seen["a"], outcome="down")
    assert line.judge(11.6).tell == []
    line.returns("a", 11.5, 12)
    ruling = line.judge(12.1)
    assert (ruling.tell, ruling.stands, ruling.ended) == ([], ["a-1"], Bounds(us(11.5), us(12)))


def test_one_short_silence_is_the_units_own_although_it_is_over() -> None:
    line = Line()
    line.loses("a", 10.5, 11.5, 10)
    line.returns("a", 11.5, 12)
    ruling = line.judge(12.1)
    assert (ruling.tell, ruling.began) == (["a-1"], None)


def test_a_line_that_never_answered_is_said_so() -> None:
    line = Line("a", "b")
    for unit in "ab":
        line.loss.hold(f"{unit}-1", unit, Bounds(us(0), us(1)))
        line.seen[unit] = Seen(meter=unit, comms="lost", silent_since=Bounds(us(0), us(1)), missed_us=us(3))
    ruling = line.judge(3)
    assert (ruling.began, ruling.never_heard) == (Bounds(us(0), us(1)), True)


def test_a_line_that_dies_twice_has_two_losses() -> None:
    line = Line("a", "b")
    for since_s in (11, 111):
        for unit in "ab":
            line.loses(unit, since_s, since_s + 2, since_s - 1)
        assert line.judge(since_s + 2).began is not None
        for unit in "ab":
            line.returns(unit, since_s + 40, since_s + 41)
        ruling = line.judge(since_s + 41)
        assert ruling.ended is not None
        assert sorted(ruling.stands) == ["a-1", "b-1"]
