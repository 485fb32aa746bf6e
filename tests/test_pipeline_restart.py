"""A restart of the agent, or of the gateway, inside an event: nothing closes or hangs, and no bound is a guess."""

from pathlib import Path

import pytest
from rigged import SECOND, WALL, Rig

from agent.clock import Clock, SyncSource
from agent.detect.book_state import understood
from agent.detect.classes import Classified
from agent.keeps import book_name
from agent.records import ClockState, Event


def _stop_inside(*volts: float, for_s: float = 5.0, **more: float) -> Rig:
    rig = Rig()
    rig.hold(5, 220, 221, 219, **more)
    rig.answer(full=True)
    rig.hold(for_s, *volts, **more)
    return rig


def _last(rig: Rig) -> dict[str, Event]:
    return {event.id: event for event in rig.kept.events}


def _again(rig: Rig, away_s: float, *, step_s: float = 0.0, boot_s: float | None = None, epoch: str = "e2") -> Rig:
    """The run after it. step_s: what the wall clock was set by; boot_s: of the new boot clock, if it rebooted."""
    now_us = rig.boot_us + round(away_s * SECOND)
    wall_us = WALL + now_us - 100 * SECOND + round(step_s * SECOND)
    again = Rig(now_us / SECOND if boot_s is None else boot_s, wall_us, epoch)
    again.clock.boot_id = rig.clock.boot_id if boot_s is None else "another"
    left = [event for event in _last(rig).values() if event.state == "open"]
    again.pipeline.resume(left, rig.kept.readings, kept=rig.kept.texts.get(book_name("m")), recent=rig.kept.events)
    return again


@pytest.mark.parametrize("step_s", [-3600, 0, 3600])
def test_the_boot_clock_goes_on_when_only_the_agent_was_restarted(step_s: float):
    first = _stop_inside(220, 88, 219)
    second = _again(first, 5, step_s=step_s)
    second.hold(5, 220, 88, 219)
    second.hold(1, 220, 221, 219)
    event = second.kept.events[-1]
    assert (event.kind, event.state) == ("sag", "closed")
    assert event.duration_max_s is not None
    assert 15 < event.duration_max_s < 16
    assert event.duration_min_s is not None
    assert event.duration_min_s < 5
    assert any(words.startswith("the agent restarted inside it: not observed for 5") for words in event.evidence) == (
        step_s == 0
    )
    assert not any("wall clock" in words for words in event.evidence)


@pytest.mark.parametrize("step_s", [-120, -20, -8, 0, 3600])
def test_after_a_reboot_under_a_clock_that_nobody_vouches_for_the_longest_duration_is_not_known(step_s: float):
    first = _stop_inside(220, 88, 219)
    second = _again(first, 5, step_s=step_s, boot_s=10)
    second.hold(5, 220, 88, 219)
    second.hold(1, 220, 221, 219)
    event = second.kept.events[-1]
    assert (event.kind, event.state) == ("sag", "closed")
    assert (event.duration_max_s, event.duration_s) == (None, None)
    assert event.duration_min_s is not None
    assert event.duration_min_s < 5
    (words,) = [words for words in event.evidence if words.startswith("the agent restarted inside it")]
    assert words.endswith("how long it lasted at most is not known")
    assert ("set back" in words) == (step_s < 0)
    assert event.classes["itic"] == "violates"
    assert event.end_us is not None
    assert event.end_earliest_us is not None
    assert 0 <= event.end_us - event.end_earliest_us < SECOND


@pytest.mark.parametrize("step_s", [-120, -12, -8, 0, 3600])
def test_however_the_clock_was_set_an_event_that_is_over_when_the_agent_is_back_closes(step_s: float):
    first = _stop_inside(220, 88, 219, for_s=15)
    second = _again(first, 5, step_s=step_s, boot_s=10)
    second.hold(1, 220, 221, 219)
    event = second.kept.events[-1]
    assert event.state == "closed"
    assert event.end_us is not None
    assert event.end_earliest_us is not None
    assert event.end_us >= event.end_earliest_us
    assert event.duration_min_s is not None
    assert event.duration_min_s < 15


def test_after_a_reboot_both_clocks_are_believed_as_far_as_they_say():
    first = _stop_inside(220, 88, 219)
    sure = ClockState(True, 0.5)
    first.clock.state = sure
    first.pipeline._book._open = {
        name: Event(**{**_fields(event), "clock": sure}) for name, event in first.pipeline._book._open.items()
    }
    left = list(first.pipeline._book._open.values())
    second = Rig(10, WALL + first.boot_us - 95 * SECOND, "e2")
    second.clock.state = sure
    second.pipeline.resume(left)
    second.hold(1, 220, 221, 219)
    event = second.kept.events[-1]
    assert event.duration_max_s is not None
    assert event.duration_max_s == pytest.approx(5 + 5 + 0.2 + 0.12 + 0.4 + 1.0, abs=0.3)


def _fields(event: Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in Event.__dataclass_fields__}


@pytest.mark.parametrize("volts", [(88, 221, 219), (2, 2, 2), (2, 221, 219), (300, 221, 219)])
def test_of_an_hour_in_which_nobody_looked_nothing_is_proven(volts: tuple[float, ...]):
    first = _stop_inside(*volts, for_s=8)
    second = _again(first, 3600)
    second.hold(2, *volts)
    second.hold(5, 220, 221, 219)
    event = next(event for event in reversed(second.kept.events) if event.state == "closed")
    assert event.duration_min_s is not None
    assert event.duration_max_s is not None
    assert event.duration_min_s < 9
    assert 3608 < event.duration_max_s < 3612
    assert event.duration_s is None
    assert any("not observed for 3600 s" in words for words in event.evidence)


def test_what_one_phase_of_a_sag_showed_proves_nothing_of_another_that_is_lost_later():
    first = _stop_inside(220, 140, 219, for_s=30)
    first.hold(0.4, 100, 140, 219)
    second = _again(first, 1)
    second.hold(7, 100, 221, 219)
    second.hold(1, 220, 221, 219)
    lost = next(event for event in _last(second).values() if event.kind == "phase_loss")
    assert (lost.state, lost.phases) == ("closed", ("l1",))
    assert lost.duration_min_s is not None
    assert 6 < lost.duration_min_s < 8.4


def test_a_silence_is_proven_by_its_own_misses_only():
    first = Rig()
    first.answer(220, 221, 219)
    for _ in range(5):
        first.silence()
    second = _again(first, 1000)
    for _ in range(8):
        second.silence()
    second.answer(220, 221, 219)
    event = second.kept.events[-1]
    assert (event.kind, event.state) == ("comms_loss", "closed")
    assert event.duration_min_s == pytest.approx(3.0, abs=0.6)
    assert event.duration_max_s == pytest.approx(1006.7, abs=0.6)


def test_what_said_from_which_side_it_came_stays_after_a_restart():
    amps = {f"current_l{n}": 100.0 for n in (1, 2, 3)}
    first = _stop_inside(180, 181, 179, **amps)
    first.hold(1, 180, 181, 179, **dict.fromkeys(amps, 300.0))
    (event,) = [event for event in _last(first).values() if event.kind == "sag"]
    second = _again(first, 5)
    second.hold(3, 220, 221, 219)
    closed = second.kept.events[-1]
    assert (closed.state, closed.direction) == ("closed", event.direction)
    assert any(words.startswith("current ") for words in closed.evidence)


def _sag(rig: Rig) -> None:
    rig.hold(1, 88, 220, 219)
    rig.hold(20, 220, 221, 219)


def test_chatter_counts_on_over_a_restart():
    first = Rig()
    first.hold(2, 220, 221, 219)
    for _ in range(4):
        _sag(first)
    second = _again(first, 5)
    second.hold(60, 220, 221, 219)
    _sag(second)
    told = [event for event in second.kept.events if event.kind == "chatter"][-1]
    assert told.evidence[0].startswith("sag x5: more than 3")


@pytest.mark.parametrize("boot_s", [None, 10.0])
def test_three_before_a_restart_and_three_after_it_are_chatter(boot_s: float | None):
    first = Rig()
    first.hold(2, 220, 221, 219)
    for _ in range(3):
        _sag(first)
    second = _again(first, 5, boot_s=boot_s)
    second.hold(2, 220, 221, 219)
    for _ in range(3):
        _sag(second)
    (opened,) = [event for event in second.kept.events if event.kind == "chatter" and event.revision == 1]
    assert opened.start_us == first.kept.events[0].start_us
    assert len(opened.because) == 4


def test_what_lay_inside_a_sag_lies_inside_what_took_it_over_also_after_a_restart():
    first = _stop_inside(110, 110, 110, for_s=2)
    first.hold(2, 2, 2, 2)
    first.hold(1, 110, 110, 110)
    loss = next(event for event in _last(first).values() if event.kind == "supply_loss")
    assert loss.parent is not None
    second = _again(first, 5)
    second.hold(70, 110, 110, 110)
    under = next(event for event in second.kept.events if event.kind == "undervoltage")
    again = _last(second)[loss.id]
    assert under.supersedes == (loss.parent,)
    assert (again.parent, again.revision, again.state) == (under.id, loss.revision + 1, "closed")
    assert (again.start_us, again.end_us, again.classes) == (loss.start_us, loss.end_us, loss.classes)


def test_what_was_there_at_the_first_look_has_no_longest_duration():
    rig = Rig()
    rig.hold(3, 220, 88, 219)
    rig.hold(1, 220, 221, 219)
    event = rig.kept.events[-1]
    assert event.open_at_start
    assert (event.duration_max_s, event.duration_s) == (None, None)
    assert event.duration_min_s is not None
    assert "ok" not in event.classes.values()


def test_the_pace_of_an_event_is_that_of_its_start():
    rig = Rig()
    rig.hold(3, 220, 221, 219)
    rig.boot_us += SECOND - 200_000
    rig.hold(2, 220, 88, 219)
    rig.answer(220, 221, 219)
    assert [event.watch_s for event in rig.kept.events] == [1.0, 1.0]


def test_a_refresh_that_was_learnt_reaches_the_classes(monkeypatch: pytest.MonkeyPatch):
    seen: list[Classified] = []

    def spy(facts: Classified) -> dict[str, str]:
        seen.append(facts)
        return {}

    monkeypatch.setattr("agent.detect.sizes.classes", spy)
    rig = Rig()
    rig.pipeline.refreshes(2_000_000)
    rig.hold(30, 220, 221, 219)
    rig.hold(5, 220, 88, 219)
    rig.hold(5, 220, 221, 219)
    assert seen[-1].gap_s == pytest.approx(2.2, abs=0.05)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"boot":"a"}', '{"boot":"a","offset_us":"x","began":{}}'])
def test_a_kept_text_that_is_none_tells_nothing(text: str | None):
    earlier = understood(text, "a", 7)
    assert (earlier.same_boot, earlier.from_wall_us(10), earlier.said.starts) == (False, 3, {})


def test_a_boot_has_an_id():
    assert Clock().boot_id == Clock().boot_id != ""
    assert Clock(source=SyncSource(Path("/nonexistent")), boot="x").boot_id == "x"
