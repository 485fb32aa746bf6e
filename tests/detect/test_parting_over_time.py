"""What a phase_loss leaves of a sag: which channels began it, for how long each was seen low, and what is known of that
after a restart."""

import pytest
from judged import Judged
from latching import PHASES, SECOND, WALL, Fault, Rig, World
from looks import L1, L3, U, s

from agent.detect.changes import Change
from agent.records import Event


def _last(judged: Judged, kind: str) -> Change:
    return [change for change in judged.changes if change.kind == kind][-1]


def test_a_sag_that_another_phase_began_is_not_handed_to_those_that_are_lost_though_that_phase_dips_again() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(8, 1, 1, 0.7)
    judged.hold(1, 0.4, 1, 0.7)
    judged.hold(1, 0.4, 1, 1)
    judged.hold(1, 0.4, 1, 0.75)
    judged.hold(8, 0.4, 1, 1)
    judged.hold(10, 1, 1, 1)
    lost, sag = _last(judged, "phase_loss"), _last(judged, "sag")
    assert (lost.crossed, sag.crossed) == ((L1,), (L3,))
    assert s(18) <= lost.span.start_boot_us < s(18.3)
    assert lost.supersedes == ()
    assert min(volts for volts in lost.extremes if volts is not None) == pytest.approx(0.4 * U)
    assert sag.span.start_boot_us < s(10.3)
    assert sag.span.end_boot_us is not None
    assert s(21) <= sag.span.end_boot_us < s(21.3)
    assert sag.watched_us is not None
    assert s(8.4) < sag.watched_us <= s(9)


def test_a_lost_phase_has_its_own_depth_only() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(2, 0.5, 1, 0.2)
    judged.hold(8, 0.5, 1, 1)
    judged.hold(10, 1, 1, 1)
    lost = _last(judged, "phase_loss")
    assert lost.crossed == (L1,)
    assert min(volts for volts in lost.extremes if volts is not None) == pytest.approx(0.5 * U)


def test_of_the_rest_of_a_sag_only_what_its_own_phases_showed_is_watched() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(2, 0.7, 1, 1)
    judged.hold(1, 0.7, 1, 0)
    judged.hold(1, 1, 1, 0)
    judged.hold(1, 0.7, 1, 0)
    judged.hold(8, 1, 1, 0)
    judged.hold(10, 1, 1, 1)
    sag = _last(judged, "sag")
    assert sag.crossed == (L1,)
    assert sag.watched_us is not None
    assert s(2) < sag.watched_us <= s(3)


def test_a_pause_of_the_looks_is_none_of_what_the_rest_of_a_sag_was_watched_for() -> None:
    judged = Judged()
    judged.hold(10, 1, 1, 1)
    judged.hold(3, 0.7, 1, 1)
    judged.at_s += 20
    judged.hold(1, 0.7, 1, 0)
    judged.hold(8, 1, 1, 0)
    judged.hold(10, 1, 1, 1)
    sag = _last(judged, "sag")
    assert sag.crossed == (L1,)
    assert sag.watched_us is not None
    assert s(2.4) < sag.watched_us <= s(3)
    assert sag.proven_us is not None
    assert 0 < sag.proven_us < sag.watched_us
    assert s(20) <= sag.unseen_us < s(21)


def _events(faults: tuple[Fault, ...], stop_s: float, *, away_s: float = 0.5, window_s: float = 0.2) -> list[Event]:
    """Over a restart at stop_s."""
    world = World(faults, window_s=window_s)
    rig = Rig(world, (), look_s=0.2)
    rig.until(stop_s)
    rig.pipeline.stop()
    rig.kept.texts.setdefault("m", "")
    again = Rig(world, (), look_s=0.2, before=rig)
    again.now_us += round(away_s * SECOND)
    again._next_look_us = again.now_us
    again.until(60)
    latest = {event.id: event for event in (*rig.final, *again.kept.events)}
    return [event for event in latest.values() if event.state != "retracted" and event.kind in ("sag", "phase_loss")]


@pytest.mark.parametrize("first", [("l1",), ("l3",), ("l1", "l2", "l3")])
@pytest.mark.parametrize("back_s", [16.5, 18.0, 24.0])
@pytest.mark.parametrize("window_s", [0.2, 1.0])
def test_however_a_sag_of_several_phases_parts_after_a_restart_the_truth_is_within_the_bounds_of_each(
    first: tuple[str, ...], back_s: float, window_s: float
) -> None:
    began = {phase: 15.37 if phase in first else 16.03 for phase in PHASES}
    ended = {"l1": back_s, "l2": back_s, "l3": 36.06}
    depth = {"l1": 0.82, "l2": 0.84, "l3": 0.0}
    faults = tuple(Fault(began[phase], ended[phase], depth[phase], (phase,)) for phase in PHASES)
    events = _events(faults, 17.2, window_s=window_s)
    assert "l3" in {phase for event in events for phase in event.phases}
    for event in events:
        assert event.start_earliest_us is not None
        assert event.end_us is not None
        assert event.end_earliest_us is not None
        start_s, end_s = min(began[one] for one in event.phases), max(ended[one] for one in event.phases)
        assert event.start_earliest_us <= WALL + start_s * SECOND <= event.start_us
        assert event.end_earliest_us <= WALL + end_s * SECOND <= event.end_us
        assert event.duration_min_s is not None
        assert event.duration_max_s is not None
        assert event.duration_min_s <= end_s - start_s <= event.duration_max_s
        assert event.residual_pct is not None
        assert event.residual_pct >= 100 * min(depth[one] for one in event.phases) - 0.01
