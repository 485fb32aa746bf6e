"""What a meter counted while its gateway was off: told between the two reads, whatever the gateway's clock says."""

import pytest
from latching import SECOND, WALL, Fault, Rig, World, seconds
from rebooting import MORNING_S, STOP_S, SYNCED, Gateway, evening

from agent.detect.evidence import Latch
from agent.records import Event

SAG = Fault(3600.0, 3600.06, 0.3)


def told(rig: Gateway) -> Event:
    rig.until(MORNING_S + 90)
    (event,) = rig.final
    assert (event.kind, event.basis) == ("sag", "meter_log")
    return event


@pytest.mark.parametrize("ntp_s", [0.0, 0.05, 1.5, 30.0])
@pytest.mark.parametrize("wall_s", [105.0, 5000.0, 9 * 3600.0])
def test_a_clock_that_is_set_after_the_start_moves_no_bound_past_the_truth(wall_s: float, ntp_s: float):
    """No clock in the gateway: it goes on about where it stopped, until a time server is heard."""
    rig = Gateway(evening(World([SAG])), wall_s)
    rig.until(MORNING_S + ntp_s)
    rig.ntp()
    event = told(rig)
    assert STOP_S - 12 < seconds(event.start_earliest_us) < STOP_S
    assert event.end_us is not None
    assert event.duration_min_s == 0.0
    assert event.duration_max_s is None, "nobody vouched for the clock of the evening"
    assert any("rest on the wall clock" in words for words in event.evidence)
    words = next(words for words in event.evidence if "sag counter of l1 rose from 0 to 1" in words)
    assert "between 2023-11-14T22:14:" in words


def test_where_both_clocks_are_known_the_longest_duration_is_too():
    event = told(Gateway(evening(World([SAG]), SYNCED), MORNING_S, SYNCED))
    assert STOP_S - 14 < seconds(event.start_earliest_us) < STOP_S
    assert event.clock == SYNCED
    assert event.end_us is not None
    assert event.duration_max_s == pytest.approx((event.end_us - event.start_earliest_us) / 1e6 + 2.0, abs=0.1)


def test_a_clock_that_stays_behind_the_evening_gives_no_bound():
    event = told(Gateway(evening(World([SAG])), 60.0))
    assert event.open_at_start
    assert event.start_earliest_us == event.start_us
    assert (event.end_us, event.duration_max_s) == (None, None)
    assert any("set back" in words for words in event.evidence)


def test_on_the_same_boot_the_boot_clock_tells():
    """The wall clock is set back by ten minutes between two runs of the agent."""
    night = Rig(World([Fault(150.0, 150.1, 0.3)]))
    night.clock.boot_id = "one"
    night.until(STOP_S)
    night.pipeline.stop()
    again = Rig(night.world)
    again.now_us = round(200 * SECOND)
    again._next_look_us = again._next_log_us = again.now_us
    clock = again.clock
    clock.boot_id, clock._read_wall_us = "one", lambda: WALL + again.now_us - 600 * SECOND
    clock.tick()
    again.pipeline.resume([], night.kept.readings[-1:], kept=night.kept.texts["book:m"])
    again.pipeline.resume_log(night.kept.texts["m"], [])
    again.until(260)
    (event,) = again.final
    assert -512 < seconds(event.start_earliest_us) < 150 - 600 < seconds(event.start_us)
    assert event.duration_max_s == pytest.approx(111, abs=6)


HOURS = Latch("operating_hours", "operating_hours", None, None, 0.01)


class Running(World):
    """A meter that was dead for `dead_s` of the night."""

    dead_s = 0.0

    def latched(self, t_s: float) -> dict[str, float]:
        return {"operating_hours": (1000 * 3600 + t_s - (self.dead_s if t_s > 3600 else 0)) / 3600}


@pytest.mark.parametrize("ntp_s", [0.0, 25.0])
@pytest.mark.parametrize("wall_s", [105.0, 9 * 3600.0, 24 * 3600.0])
@pytest.mark.parametrize("dead_s", [0.0, 600.0])
def test_hours_of_the_night_are_compared_with_a_wall_clock_that_was_set(wall_s: float, ntp_s: float, dead_s: float):
    """A clock that is fast makes it look as if the meter had stood still; a slow one hides that it did."""
    world = Running()
    world.dead_s = dead_s
    rig = Gateway(evening(world, SYNCED, [HOURS]), wall_s, latches=[HOURS], lives_on_it=True)
    rig.until(MORNING_S + ntp_s)
    rig.ntp()
    moves = []
    ready = rig.log.ready
    rig.log.ready = lambda *args: [moves.append(one) or one for one in ready(*args)]
    rig.until(MORNING_S + 90)
    assert bool(moves) is bool(dead_s)
    for one in moves:
        (move,) = one.finding.moves
        assert (move.before, move.after) == (
            pytest.approx(1000, abs=0.1),
            pytest.approx(1000 + 8 - dead_s / 3600, abs=0.1),
        )


def test_hours_of_the_night_say_nothing_by_a_clock_that_nobody_vouches_for():
    rig = Gateway(evening(Running(), SYNCED, [HOURS]), 24 * 3600.0, latches=[HOURS], lives_on_it=True)
    rig.until(MORNING_S + 90)
    assert rig.kept.events == []
