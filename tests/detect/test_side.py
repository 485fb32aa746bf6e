"""Upstream, downstream or unknown: each row of the table, and the currents it rests on."""

from dataclasses import replace

import pytest
from judged import Judged
from looks import rules

from agent.detect.side import SIDES, Evidence, side_of

SAG = Evidence(before_a=100.0, during_a=100.0, left=0.7, power_w=50_000.0, floor_a=0.1)
GOOD, LOW = (1.0, 1.0, 1.0), (0.6, 0.6, 0.6)
LOAD = (100.0, 100.0, 100.0)


@pytest.mark.parametrize(
    ("seen", "direction", "words"),
    [
        (replace(SAG, before_a=None), "unknown", "no current was read"),
        (replace(SAG, during_a=None), "unknown", "no current was read"),
        (replace(SAG, before_a=0.05, during_a=0.09), "unknown", "too small to tell, below 0.1 A"),
        (replace(SAG, power_w=-1000.0, during_a=900.0), "unknown", "power flowed back before (-1000 W)"),
        (replace(SAG, during_a=900.0), "downstream", "it rose"),
        (replace(SAG, power_w=None, during_a=900.0), "downstream", "it rose"),
        (replace(SAG, before_a=0.0, during_a=50.0), "downstream", "it rose"),
        (replace(SAG, during_a=70.0), "upstream", "it did not rise but fell"),
        (replace(SAG, during_a=0.0, left=0.0), "upstream", "it did not rise but fell"),
        (replace(SAG, during_a=143.0), "unknown", "no more than loads do by themselves"),
        (replace(SAG, during_a=97.0), "unknown", "no more than loads do by themselves"),
        (replace(SAG, during_a=160.0, left=0.1), "unknown", "no more than loads do by themselves"),
        (replace(SAG, during_a=170.0, left=0.1), "downstream", "it rose"),
    ],
)
def test_each_row(seen: Evidence, direction: str, words: str) -> None:
    side = side_of(seen)
    assert side.direction == direction
    assert words in side.reason


def test_the_last_row_takes_what_is_left() -> None:
    assert SIDES[-1].holds(SAG)


def _sag(during: tuple[float, ...], low: tuple[float, ...] = LOW, power_w: float | None = 60_000.0) -> Judged:
    judged = Judged(rules(window_s=0.2, age_s=0.2))
    judged.hold(30, *GOOD, amps=LOAD)
    judged.detector.full_set(power_w, None)
    judged.hold(1, *low, amps=during)
    judged.hold(1, *GOOD, amps=LOAD)
    return judged


def test_a_fault_below_the_meter_draws_current_through_it() -> None:
    closed = _sag((900.0, 950.0, 1000.0)).changes[-1]
    assert closed.side is not None
    assert (closed.side.direction, closed.side.i_before) == ("downstream", 100.0)
    assert closed.side.i_during == pytest.approx(950.0)


def test_only_the_phases_concerned_count() -> None:
    closed = _sag((900.0, 60.0, 60.0), (1, 0.6, 1)).changes[-1]
    assert closed.crossed == (1,)
    assert closed.side is not None
    assert (closed.side.direction, closed.side.i_during) == ("upstream", 60.0)


def test_a_line_to_line_channel_concerns_both_its_phases() -> None:
    judged = Judged(replace(rules(age_s=0.2), basis="ll", phases=("l1_l2", "l2_l3", "l3_l1")))
    judged.hold(30, *GOOD, amps=(10.0, 20.0, 90.0))
    judged.hold(1, 0.6, 1, 1, amps=(100.0, 200.0, 90.0))
    judged.hold(1, *GOOD)
    side = judged.changes[-1].side
    assert side is not None
    assert (side.i_before, side.i_during, side.direction) == (15.0, 150.0, "downstream")


def test_power_that_flows_back_during_the_event_is_not_the_power_before() -> None:
    judged = Judged()
    judged.hold(30, *GOOD, amps=LOAD)
    judged.hold(1, *LOW, amps=(900.0,) * 3)
    judged.detector.full_set(-5000.0, None)
    judged.hold(1, *GOOD, amps=LOAD)
    side = judged.changes[-1].side
    assert side is not None
    assert side.direction == "downstream"
    judged.hold(1, *LOW, amps=(900.0,) * 3)
    assert judged.changes[-1].side is not None
    assert judged.changes[-1].side.direction == "downstream"
    assert _sag((900.0,) * 3, power_w=-5000.0).changes[-1].side.direction == "unknown"  # type: ignore[union-attr]


def test_a_supply_that_is_gone_was_taken_from_above() -> None:
    judged = _sag((0.0, 0.0, 0.0), (0, 0, 0))
    assert [change.kind for change in judged.changes] == ["supply_loss", "supply_loss"]
    side = judged.changes[-1].side
    assert side is not None
    assert (side.i_before, side.i_during, side.direction) == (100.0, 0.0, "upstream")


def test_the_next_event_is_not_compared_with_the_last_one() -> None:
    judged = _sag((900.0,) * 3)
    judged.hold(0.4, *GOOD, amps=LOAD)
    judged.hold(1, *LOW, amps=(900.0,) * 3)
    judged.hold(1, *GOOD, amps=LOAD)
    side = judged.changes[-1].side
    assert side is not None
    assert side.i_before == 100.0


def test_a_swell_has_no_side_and_an_event_open_at_the_start_an_unknown_one() -> None:
    judged = Judged()
    judged.hold(1, *LOW, amps=LOAD)
    judged.hold(5, *GOOD, amps=LOAD)
    judged.hold(1, 1.2, 1, 1, amps=LOAD)
    judged.hold(5, *GOOD, amps=LOAD)
    sides = [change.side for change in judged.changes if change.action == "close"]
    assert sides[0] is not None
    assert (sides[0].direction, sides[0].i_before) == ("unknown", None)
    assert sides[1] is None


def test_what_takes_a_sag_over_takes_its_currents_over() -> None:
    judged = Judged()
    judged.hold(30, *GOOD, amps=LOAD)
    judged.hold(10, 0.1, 1, 1, amps=(900.0, 100.0, 100.0))
    opened = next(change for change in judged.changes if change.kind == "phase_loss")
    assert opened.side is not None
    assert opened.side.direction == "downstream"
    judged = Judged()
    judged.hold(30, *GOOD, amps=LOAD)
    judged.hold(70, *LOW, amps=(900.0,) * 3)
    opened = next(change for change in judged.changes if change.kind == "undervoltage")
    assert opened.side is not None
    assert opened.side.direction == "downstream"
