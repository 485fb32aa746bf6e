"""The simulated month: silences, planned interruptions, areas and where the time went, against what was."""

from collections.abc import Iterable

import pytest
from report_month import FED, MIN_US, SILENT, TARGET_MIN, Loss
from report_told import Told

from agent.report.figures import Bounds
from agent.report.reliability.part import Area, Users


def feeder_at(node: str) -> str:
    return "F3" if node == "hospital" else f"F{node[3]}"


def area(told: Told, name: str = "", users: Users = "customers") -> Area:
    found = told.report.reliability.area(name, users)
    assert found is not None
    return found


def lasting(losses: Iterable[Loss]) -> list[Loss]:
    return [loss for loss in losses if loss.span.length_us > 5 * MIN_US]


def customer_min(losses: Iterable[Loss]) -> float:
    return sum(_felt(loss) * loss.span.length_us / MIN_US for loss in losses if loss.place in FED)


def _felt(loss: Loss) -> int:
    fed = FED[loss.place]
    return fed.total if not loss.phases else sum(getattr(fed, phase) for phase in loss.phases) + fed.three_phase


def feeder_of(loss: Loss) -> str:
    return feeder_at(loss.place)


def within(bounds: Bounds, true: float) -> bool:
    return bounds.low - 1e-9 <= true <= bounds.high + 1e-9


def test_hours_that_ran_on_leave_of_a_silence_little_more_than_the_outage_in_it(told: Told) -> None:
    (silence,) = told.part(SILENT).silences
    lost = [one for one in told.world.losses_of(SILENT) if one.span.within(silence.span).length_us]
    true_us = sum(one.span.length_us for one in lost)
    assert silence.span.length_us > 295 * MIN_US
    # a step of the counter at either end, what its quartz may be off by, and a minute's reading around each tick
    assert true_us <= silence.most_us <= true_us + 6 * MIN_US
    assert told.report.reliability.unheard.perhaps_customer_min == pytest.approx(
        FED["tx-23"].total * silence.most_us / MIN_US
    )


def test_nobody_else_was_silent_for_long(told: Told) -> None:
    assert {part.meter.name for part in told.report.meters if part.silences} == {SILENT}


def test_what_the_counter_proves_narrows_the_bounds_of_its_feeder(told: Told) -> None:
    found, unplanned = area(told, "F2").unplanned, [loss for loss in told.world.losses if loss.mode == "normal"]
    true = customer_min(lasting(loss for loss in unplanned if feeder_of(loss) == "F2"))
    assert within(found.customer_min, true)
    ends = sum(_felt(loss) * 40 / 60 for loss in unplanned if feeder_of(loss) == "F2")
    undecided = customer_min(loss for loss in unplanned if abs(loss.span.length_us / MIN_US - 5) < 40 / 60)
    assert found.customer_min.high - found.customer_min.low < FED["tx-23"].total * (12 + 6) + ends + undecided


def test_planned_and_all_interruptions_of_every_area_hold_the_truth(told: Told) -> None:
    for name in ("", "F1", "F2", "F3"):
        losses = [loss for loss in told.world.losses if name in ("", feeder_of(loss))]
        served = sum(fed.total for node, fed in FED.items() if name in ("", feeder_at(node)))
        found, period_min = area(told, name), float(told.world.minutes)
        assert found.served == served
        planned = customer_min(lasting(loss for loss in losses if loss.mode == "maintenance"))
        everything = customer_min(lasting(losses))
        assert within(found.planned.customer_min, planned)
        assert within(found.everything.saidi_min, everything / served)
        assert within(found.everything.asai, 1 - everything / served / period_min)  # RS-1


def test_users_of_medium_voltage_are_counted_on_each_feeder(told: Told) -> None:
    for name, users in (("F1", 4), ("F2", 4), ("F3", 4)):
        found = area(told, name, "medium_voltage")
        assert found.served == users
        losses = lasting(loss for loss in told.world.losses if loss.mode == "normal" and feeder_of(loss) == name
                         and loss.place.startswith("tx"))  # fmt: skip
        assert within(found.unplanned.saidi_min, sum(loss.span.length_us / MIN_US for loss in losses) / users)


def test_the_feeder_and_the_incident_with_most_are_those_that_had_it(told: Told) -> None:
    losses = [loss for loss in told.world.losses if loss.mode == "normal"]
    everything = customer_min(losses)
    by_feeder = {name: customer_min(loss for loss in losses if feeder_of(loss) == name) for name in ("F1", "F2", "F3")}
    most, feeder = told.report.reliability.incident, told.report.reliability.feeder
    assert feeder is not None
    assert within(feeder.share, by_feeder[feeder.where] / everything)
    assert by_feeder[feeder.where] >= 0.95 * max(by_feeder.values())
    whole = next(loss for loss in losses if loss.told == "incident")
    own = [loss for loss in losses if feeder_of(loss) == "F3" and loss.span.within(whole.span).length_us]
    assert most is not None
    assert most.where == "F3"
    assert within(most.share, customer_min(own) / everything)


def test_the_target_is_held_against_the_truth(told: Told) -> None:
    target = told.report.reliability.target
    assert target is not None
    losses = lasting(loss for loss in told.world.losses if loss.mode == "normal")
    true = customer_min(losses) / sum(fed.total for fed in FED.values())
    due = TARGET_MIN * told.world.minutes / (365 * 1440)
    assert target.due_min == pytest.approx(due)
    assert target.verdict in ("violated" if true > due else "kept", "undecided")
    assert target.so_far.value is None  # October is not January, and nothing before it is known
