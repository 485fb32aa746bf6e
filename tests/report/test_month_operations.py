"""The simulated month: the hospital's transfers, the mobile generator and the closed loop against what really was."""

from math import isclose

from report_month import GENERATOR, GENERATOR_RUNS, LIMITS, MIN_US, SEEN_US
from report_told import Told

from agent.report.figures import Bounds
from agent.report.operations.closed_loop import VERIFY_MIN
from agent.report.operations.part import COARSE, NO_FREQUENCY, NO_STEP, GeneratorPart, KeyPart


def hospital(told: Told) -> KeyPart:
    (part,) = told.report.operations.key_customers
    return part


def test_the_hospital_lost_its_supply_for_eight_seconds_at_each_transfer(told: Told) -> None:
    true = sorted((loss for loss in told.world.losses if loss.place == "hospital"), key=lambda loss: loss.span)
    part = hospital(told)
    assert part.of_class == "hospital"
    assert len(part.gaps) == len(true)
    for gap, loss in zip(part.gaps, true, strict=True):
        lasted_s = loss.span.length_us / 1e6
        assert lasted_s in gap.gap_s
        assert gap.verdict in ("violated" if lasted_s > 10 else "kept", "undecided")
        assert gap.gap_s.high - gap.gap_s.low <= 40
    # Away from the source that was lost, and back to it.
    assert [(gap.from_source, gap.to_source) for gap in part.gaps[:2]] == [("m31", "m24"), ("m24", "m31")]


def test_its_sources_sagged_together_once(told: Told) -> None:
    together = [(one.first, one.second, one.surely) for one in hospital(told).common]
    assert together == [("sag-0", "sag-1", True)]


def test_the_standby_is_ready_and_was_tested_by_the_loss_of_the_other_source(told: Told) -> None:
    (standby,) = hospital(told).standbys
    assert standby.source == "m24"
    (whole,) = (loss for loss in told.world.losses if loss.told == "incident")
    assert standby.tested.surely_us is not None
    assert abs(standby.tested.surely_us - whole.span.from_us) <= 20_000_000
    volts = [volt for n in range(told.world.minutes - 20, told.world.minutes) for volt in told.world.volts("m24", n)]
    assert all(LIMITS.low_v <= volt <= LIMITS.high_v for volt in volts)
    assert standby.readiness.is_ready
    assert standby.within_limits == told.part("m24").quality.rate()


def generator(told: Told, meter: str) -> GeneratorPart:
    return next(part for part in told.report.operations.generators if part.meter == meter)


def test_the_generator_ran_when_it_did(told: Told) -> None:
    part = generator(told, GENERATOR)
    begin, end = (told.world.instant(n) for n in GENERATOR_RUNS)
    # Minutes that nobody heard cut a run in two.
    assert all(begin <= run.span.from_us and run.span.to_us <= end for run in part.runs)
    assert part.hours is not None
    assert 3.0 in part.hours
    assert part.hours.high - part.hours.low < 0.4
    assert all(isclose(run.apart_hz, 0.4, abs_tol=1e-3) for run in part.runs)
    assert all(run.during == () for run in part.runs)
    heard = sum(part > 0 for n in range(told.world.minutes) for part in [told.world.unheard[GENERATOR].get(n, 1.0)])
    assert part.coverage <= heard / told.world.minutes
    assert part.coverage > 0.97


def test_no_other_meter_had_a_set_and_three_cannot_tell(told: Told) -> None:
    others = [part for part in told.report.operations.generators if part.meter != GENERATOR]
    reasons = {part.meter: part.why.text for part in others if part.why is not None}
    assert reasons == {"m12": COARSE, "m13": NO_STEP, "m22": NO_FREQUENCY}
    assert all(part.hours is None and part.coverage == 0 for part in others if part.why)
    assert all(part.hours == Bounds(0, 0) and not part.runs for part in others if not part.why)


def test_the_incident_was_seen_located_restored_and_verified_when_it_was(told: Told) -> None:
    (loop,) = told.report.operations.loops
    (whole,) = (loss for loss in told.world.losses if loss.told == "incident")
    assert loop.seen_us == whole.span.from_us + SEEN_US
    assert loop.detected_s is not None
    assert SEEN_US / 1e6 in loop.detected_s
    assert loop.steps_s["located"] == 10.0
    assert loop.restored_us is not None
    assert whole.span.to_us <= loop.restored_us <= whole.span.to_us + 10_000_000
    assert loop.verified_us == max(_verified_us(told, meter, loop.restored_us) for meter in ("m31", "m32", "m33"))
    assert (loop.slowest, loop.waits_for, loop.unproven) == ("restored", None, ())


def _verified_us(told: Told, meter: str, restored_us: int) -> int:
    """When ten minutes that were wholly seen had been within limits."""
    world, count = told.world, 0
    n = -(-(restored_us - world.period.from_us) // MIN_US)
    while count < VERIFY_MIN:
        whole = world.unheard[meter].get(n, 1.0) == 1.0 and not world.is_touched(meter, n)
        good = whole and all(LIMITS.low_v <= volt <= LIMITS.high_v for volt in world.volts(meter, n))
        count = count + 1 if good else 0
        n += 1
    return world.instant(n)


def test_it_took_longer_than_a_hospital_may_wait(told: Told) -> None:
    (loop,) = told.report.operations.loops
    (one,) = told.report.operations.classes
    assert (loop.target.of_class, loop.target.within_s, loop.overdue) == ("hospital", 3600.0, True)
    assert (one.target, one.incidents, one.overdue, one.still) == (loop.target, 1, Bounds(1, 1), 0)


def test_nobody_fed_in(told: Told) -> None:
    assert told.report.operations.backfeeds == []
