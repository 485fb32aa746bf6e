"""Events that are of some channels only: what a phase_loss or an undervoltage takes over, and what stays beside it."""

from dataclasses import replace

import pytest
from judged import Judged
from looks import L1, L2, U, rules, s

from agent.detect.changes import Change


def _of(judged: Judged, action: str, kind: str) -> Change:
    return next(change for change in judged.changes if (change.action, change.kind) == (action, kind))


def test_a_phase_lost_inside_a_sag_of_another_phase_has_its_own_start_and_the_sag_stays() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(20, 1, 0.85, 1)
    judged.hold(10, 0, 0.85, 1)
    judged.hold(10, 1, 0.85, 1)
    judged.hold(10, 1, 1, 1)
    lost, ended, sag = (
        _of(judged, "open", "phase_loss"),
        _of(judged, "close", "phase_loss"),
        _of(judged, "close", "sag"),
    )
    assert "retract" not in {change.action for change in judged.changes}
    assert lost.span.start_earliest_boot_us < s(30) <= lost.span.start_boot_us < s(30.3)
    assert ended.span.end_boot_us is not None
    assert s(40) <= ended.span.end_boot_us < s(40.3)
    assert lost.parent == sag.key
    assert sag.crossed == (L2,)
    assert sag.span.start_boot_us < s(10.3)
    assert sag.span.end_boot_us is not None
    assert s(50) <= sag.span.end_boot_us < s(50.3)
    assert min(volts for volts in sag.extremes if volts is not None) == pytest.approx(0.85 * U)


def test_the_rest_of_a_sag_that_was_over_before_the_phase_was_lost_ends_where_it_ended() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(5, 1, 0.8, 1)
    judged.hold(2, 0, 0.8, 1)
    judged.hold(10, 0, 1, 1)
    judged.hold(10, 1, 1, 1)
    sag, lost = _of(judged, "close", "sag"), _of(judged, "open", "phase_loss")
    assert sag.crossed == (L2,)
    assert sag.span.end_boot_us is not None
    assert s(17) <= sag.span.end_boot_us < s(17.3)
    assert s(15) <= lost.span.start_boot_us < s(15.3)
    assert lost.supersedes == ()


def test_what_sagged_with_the_lost_phase_becomes_a_sag_of_its_own() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(2, 0, 0.7, 1)
    judged.hold(10, 0, 1, 1)
    judged.hold(10, 1, 1, 1)
    lost = _of(judged, "open", "phase_loss")
    assert lost.span.start_boot_us < s(10.3)
    own = [change for change in judged.changes if change.kind == "sag" and change.parent == lost.key]
    assert [change.action for change in own] == ["open", "close"]
    assert own[1].crossed == (L2,)
    assert own[1].span.end_boot_us is not None
    assert s(12) <= own[1].span.end_boot_us < s(12.3)


@pytest.mark.parametrize("between_s", [0.0, 3.0])
def test_a_phase_that_joins_a_loss_leaves_the_sag_it_had_a_part_in(between_s: float) -> None:
    """l1 and l3 sag inside the loss of l2; l3 falls again, or is left, and stays."""
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(10, 1, 0, 1)
    judged.hold(3, 0.6, 0, 0.7)
    judged.hold(between_s, 0.6, 0, 1)
    judged.hold(1, 0.6, 0, 0)
    judged.hold(8, 1, 0, 0)
    judged.hold(10, 1, 1, 1)
    sags = [change for change in judged.changes if change.kind == "sag" and change.action == "close"]
    lost = _of(judged, "close", "phase_loss")
    assert lost.crossed == (L2, L2 + 1)
    assert lost.span.end_boot_us is not None
    assert s(32 + between_s) <= lost.span.end_boot_us
    (sag,) = sags
    assert L1 in sag.crossed
    assert sag.span.end_boot_us is not None
    assert sag.span.end_earliest_boot_us is not None
    assert sag.span.end_earliest_boot_us <= s(24 + between_s) <= sag.span.end_boot_us < s(24.5 + between_s)
    assert min(volts for volts in sag.extremes if volts is not None) == pytest.approx(0.6 * U)


def test_a_phase_that_sagged_by_itself_and_joins_a_loss_leaves_nothing_of_what_sagged_before() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(3, 1, 0.7, 1)
    judged.hold(1, 1, 0.7, 0.7)
    judged.hold(1, 1, 1, 0.7)
    judged.hold(9, 1, 0.1, 0.1)
    judged.hold(12, 0.4, 1, 0.1)
    judged.hold(10, 1, 1, 1)
    closed = [change for change in judged.changes if change.action == "close"]
    for change in closed:
        assert change.span.end_boot_us is not None
        assert change.span.start_boot_us <= change.span.end_boot_us
    assert [change.kind for change in closed] == ["sag", "phase_loss"]


def test_another_phase_may_sag_inside_a_phase_loss() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(20, 0, 1, 1)
    judged.hold(3, 0, 0.7, 1)
    judged.hold(20, 0, 1, 1)
    judged.hold(10, 1, 1, 1)
    lost = _of(judged, "open", "phase_loss")
    inside = [change for change in judged.changes if change.kind == "sag" and change.parent == lost.key]
    assert [change.action for change in inside] == ["open", "close"]
    assert inside[1].crossed == (L2,)
    assert inside[1].extremes[L1] is None
    assert [change.kind for change in judged.changes if change.action == "close"] == ["sag", "phase_loss"]


def test_another_phase_may_sag_inside_an_undervoltage_that_took_a_sag_over() -> None:
    judged = Judged()
    judged.hold(60, 1, 1, 1)
    judged.hold(120, 0.85, 1, 1)
    judged.hold(3, 0.85, 0.3, 1)
    judged.hold(60, 0.85, 1, 1)
    judged.hold(80, 1, 1, 1)
    under, ended = _of(judged, "open", "undervoltage"), _of(judged, "close", "undervoltage")
    opened = next(change for change in judged.changes if change.kind == "sag" and change.parent == under.key)
    inside = [change for change in judged.changes if change.key == opened.key]
    assert [change.action for change in inside] == ["open", "close"]
    assert inside[1].crossed == (L2,)
    assert ended.crossed == (L1,)
    assert min(volts for volts in ended.extremes if volts is not None) == pytest.approx(0.85 * U)
    assert ended.span.end_boot_us is not None
    assert s(243) <= ended.span.end_boot_us < s(243.5)


@pytest.mark.slow
def test_a_sag_and_a_swell_at_once_are_each_taken_over() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(600, 0.7, 1.2, 1)
    judged.hold(100, 1, 1, 1)
    assert sorted(judged.told()[2:]) == sorted(
        [("open", "undervoltage"), ("retract", "sag"), ("open", "overvoltage"), ("retract", "swell"),
         ("close", "undervoltage"), ("close", "overvoltage")]
    )  # fmt: skip
    for kind, old in (("undervoltage", "sag"), ("overvoltage", "swell")):
        assert _of(judged, "open", kind).supersedes == (_of(judged, "open", old).key,)
        assert _of(judged, "open", kind).span.start_boot_us < s(10.3)


def test_a_sag_that_lasts_beside_a_lost_phase_is_an_undervoltage_of_its_own_channels() -> None:
    judged = Judged()
    judged.hold(60, 1, 1, 1)
    judged.hold(150, 0.27, 0.82, 0.82)
    judged.hold(80, 1, 1, 1)
    under, lost = _of(judged, "close", "undervoltage"), _of(judged, "close", "phase_loss")
    assert (lost.crossed, under.crossed) == ((L1,), (L2, L2 + 1))
    assert under.span.start_boot_us < s(60.3)
    assert under.extremes[L1] is None


def test_the_pace_is_counted_from_request_to_reply_and_unknown_where_nothing_came_before() -> None:
    judged = Judged(period_s=0.5)
    judged.hold(10, 1, 1, 1)
    judged.hold(5, 0.7, 1, 1)
    judged.hold(10, 1, 1, 1)
    assert _of(judged, "close", "sag").gap_us == s(0.52)
    inside = Judged(period_s=0.5)
    inside.hold(5, 0.7, 1, 1)
    inside.hold(10, 1, 1, 1)
    assert _of(inside, "close", "sag").gap_us is None


@pytest.mark.parametrize("pace_s", [15.0, 30.0])
def test_a_look_stands_for_as_long_as_the_site_asks_for(pace_s: float) -> None:
    by = replace(rules(), limits=(218.5, 241.5), watch_us=s(pace_s))
    judged = Judged(by, period_s=pace_s)
    judged.hold(300, 1, 1, 1)
    judged.hold(3600, 0.92, 0.92, 0.92)
    judged.hold(300, 1, 1, 1)
    assert judged.told() == [("open", "undervoltage"), ("close", "undervoltage")]
