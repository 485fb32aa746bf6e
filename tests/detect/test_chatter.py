"""More than three of a kind in ten minutes: one summary beside them."""

from looks import s

from agent.detect.changes import Change, Span
from agent.detect.chatter import Chatter


def _began(chatter: Chatter, *at_s: float, kind: str = "sag") -> list[Change]:
    return [
        change
        for i, second in enumerate(at_s)
        for change in chatter.began(kind, f"{kind}-{i}", Span(s(second), s(second - 1)), s(second))  # type: ignore[arg-type]
    ]


def test_three_are_no_chatter() -> None:
    assert _began(Chatter(), 0, 10, 20) == []


def test_the_fourth_within_ten_minutes_opens_it() -> None:
    assert _began(Chatter(), 0, 200, 400, 601) == []
    (opened,) = _began(Chatter(), 0, 200, 400, 600)
    assert (opened.action, opened.kind, opened.detector) == ("open", "chatter", "chatter")
    assert opened.because == ("sag-0", "sag-1", "sag-2", "sag-3")
    assert opened.span == Span(0, s(-1))
    assert opened.evidence == ("sag x4: more than 3 of a kind in 10 min; each is kept",)


def test_four_of_two_kinds_are_no_chatter() -> None:
    chatter = Chatter()
    assert _began(chatter, 0, 10, 20) + _began(chatter, 30, 40, kind="swell") == []


def test_it_is_told_anew_at_most_once_a_minute() -> None:
    chatter = Chatter()
    told = _began(chatter, 0, 10, 20, 30, 40, 50, 60, 95, 96)
    assert [change.action for change in told] == ["open", "update"]
    assert "sag x8" in told[1].evidence[0]


def test_it_ends_when_no_kind_is_too_often_any_more() -> None:
    chatter = Chatter()
    _began(chatter, 0, 10, 20, 30)
    assert chatter.settled(s(600), ()) == ()
    (closed,) = chatter.settled(s(600.1), ())
    assert (closed.action, closed.key) == ("close", 1)
    assert closed.span.end_boot_us == s(600.1)
    assert not chatter.is_open
    assert chatter.settled(s(700), ()) == ()


def test_it_lasts_as_long_as_one_of_its_events() -> None:
    chatter = Chatter()
    _began(chatter, 0, 10, 20, 30)
    assert chatter.settled(s(700), {"sag"}) == ()
    assert len(chatter.settled(s(701), {"swell"})) == 1


def test_the_next_one_has_a_key_of_its_own() -> None:
    chatter = Chatter()
    _began(chatter, 0, 10, 20, 30)
    chatter.settled(s(601), ())
    assert [change.key for change in _began(chatter, 700, 701, 702, 703)] == [2]


def test_it_names_the_latest_fifty() -> None:
    told = _began(Chatter(), *[float(i) for i in range(200)])
    assert len(told[-1].because) == 50
