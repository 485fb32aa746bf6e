"""The checker that judges every campaign finds each kind of broken history."""

from dataclasses import replace

from history import Delivery, Kept, Life, Point, Sunk, check, point
from samples import event, incident, reading, trace

from agent.records import Gap

MADE = (Point(1, "reading", "r1"), Point(2, "event", "e1"), Point(3, "reading", "r2"), Point(4, "trace", "t1"))
FIRST = Life("aa", 1, MADE, durable=4)
# The cut took seq 4 back; the second life gave it out again.
SECOND = Life("bb", 4, (Point(4, "event", "e2"), Point(5, "incident", "i1")), durable=6)
LIVES = (FIRST, SECOND)
KEPT = Kept(6, (*MADE[:3], *SECOND.generated))
SENT = (
    Delivery("mqtt", "aa-1", "live", "aa", 1, "r1", "21 V"),
    Delivery("mqtt", "aa-1", "live", "aa", 2, "e1"),
    Delivery("mqtt", "aa-1", "trace", "aa", 4, "t1"),
    Delivery("mqtt", "bb-1", "live", "bb", 2, "e1"),
    Delivery("mqtt", "bb-1", "live", "bb", 4, "e2"),
)
ALL_NAMES = ("r1", "e1", "r2", "e2", "i1")


def rules(*lives: Life, kept: Kept = KEPT, sent: tuple[Delivery, ...] = SENT, sunk: tuple[Sunk, ...] = ()) -> list[str]:
    return [wrong.rule for wrong in check(lives or LIVES, kept, sent, sunk)]


def without(kept: Kept, name: str, **changes: object) -> Kept:
    points = tuple(one for one in kept.points if one.name != name)
    return replace(kept, points=points, **changes)  # type: ignore[arg-type]


def test_a_sound_history_has_nothing_wrong() -> None:
    assert rules(sunk=(Sunk("mqtt", ALL_NAMES),)) == []


def test_a_stored_event_that_is_gone_breaks_the_first_rule_and_leaves_a_hole() -> None:
    assert rules(kept=without(KEPT, "e1")) == ["I1", "I2"]


def test_no_gap_record_excuses_a_lost_event() -> None:
    assert rules(kept=without(KEPT, "e1", gaps=((2, 2),))) == ["I1"]
    assert rules(kept=without(KEPT, "i1", gaps=((5, 5),), let_go=((5, 5),))) == ["I1"]


def test_an_event_whose_seq_was_given_to_another_record_is_lost() -> None:
    again = Life("bb", 2, (Point(2, "event", "e2"), Point(3, "reading", "r3")), durable=4)
    kept = Kept(4, (MADE[0], *again.generated))
    assert rules(FIRST, again, kept=kept, sent=()) == ["I1", "I2"]


def test_what_nobody_called_stored_may_go() -> None:
    cut = replace(SECOND, durable=0)
    assert rules(FIRST, cut, kept=Kept(4, MADE[:3])) == []


def test_a_missing_reading_needs_a_gap_record() -> None:
    assert rules(kept=without(KEPT, "r2")) == ["I2", "I2"]
    assert rules(kept=without(KEPT, "r2", gaps=((3, 3),))) == []
    assert rules(kept=without(KEPT, "r2", let_go=((1, 3),))) == []


def test_a_hole_that_no_life_knows_of_is_found() -> None:
    assert rules(kept=replace(KEPT, head=8)) == ["I2", "I2"]


def test_a_record_beyond_the_head_is_found() -> None:
    assert rules(kept=replace(KEPT, head=5)) == ["I2"]


def test_two_records_under_one_epoch_and_seq_are_found() -> None:
    assert rules(FIRST, replace(SECOND, epoch="aa")) == ["I3"]
    twice = replace(SENT[1], name="e9")
    assert rules(sent=(*SENT, replace(twice, session="aa-2"))) == ["I3"]
    assert rules(kept=replace(KEPT, points=(*KEPT.points, Point(4, "trace", "t1")))) == ["I3"]


def test_a_record_that_was_never_made_is_found() -> None:
    assert rules(kept=replace(KEPT, head=7, points=(*KEPT.points, Point(6, "event", "e7")))) == ["I3"]
    assert rules(sunk=(Sunk("mqtt", (*ALL_NAMES, "e7")),)) == ["I3"]


def test_a_second_delivery_with_other_words_is_found() -> None:
    assert rules(sent=(*SENT, Delivery("mqtt", "bb-2", "backlog", "bb", 1, "r1", "22 V"))) == ["I3"]


def test_a_point_that_the_sink_holds_twice_is_found() -> None:
    assert rules(sunk=(Sunk("influxdb", (*ALL_NAMES, "r1")),)) == ["I3"]


def test_what_never_came_to_the_sink_is_found() -> None:
    assert rules(sunk=(Sunk("mqtt", ("r1", "r2", "e2", "i1")),)) == ["I1"]
    assert rules(sunk=(Sunk("mqtt", ("e1", "r2", "e2", "i1")),)) == ["I2"]
    assert rules(sunk=(Sunk("mqtt", ("e1", "r2", "e2", "i1"), gaps=((1, 1),)),)) == []


def test_a_lane_that_goes_back_on_one_connection_is_found() -> None:
    again = replace(SENT[0], session="bb-1", epoch="bb")
    assert rules(sent=(*SENT, again)) == ["I4"]
    assert rules(sent=(*SENT, replace(again, lane="backlog"))) == []
    assert rules(sent=(*SENT, SENT[-1])) == ["I4"]


def test_each_record_has_a_name_of_its_own() -> None:
    records = [
        reading(1), reading(2), reading(1, meter="tx2"), event(), event(revision=2), event(id="ev-2"), incident(),
        incident(revision=2), trace(), trace(part=2), Gap(1, 2, "evicted", 0),
    ]  # fmt: skip
    assert len({point(7, record).name for record in records}) == len(records)
