"""Incidents from seen to verified."""

from dataclasses import replace

from agent.records import MINUTE_US, Incident, Interval
from agent.report.figures import Bounds
from agent.report.operations.closed_loop import NOT_KEPT, FirstReports, Loop, Target, loop, ten_good_minutes

T0 = 1_790_000_400_000_000
OPEN = Incident(
    id="i", revision=1, state="open", reported_us=T0 + 5_000_000, cause="supply_loss", node="tx",
    start_us=T0, start_earliest_us=T0 - 1_000_000, dead=("m1", "m2"), events=("e1", "e2"),
)  # fmt: skip
CLOSED = replace(OPEN, revision=4, state="closed", end_us=T0 + 60 * MINUTE_US, dead=(), restored=("m1", "m2"))
FIRST = FirstReports(T0 + 1_000_000, T0 + 5_000_000, T0 + 5_000_000)


def told(
    incident: Incident, minutes: float, target_s: float | None = 7200, first: FirstReports = FIRST, unproven: str = ""
) -> Loop:
    """Some minutes after it began. unproven: a meter that no ten good minutes are known of"""

    def good_from(meter: str, at_us: int) -> int | None:
        return None if meter == unproven else at_us + 10 * MINUTE_US

    return loop(incident, first, good_from, Target("hospital", target_s), T0 + round(minutes * MINUTE_US))


def test_an_incident_that_was_seen_located_restored_and_verified() -> None:
    found = told(CLOSED, 200)
    assert (found.seen_us, found.located_us) == (T0 + 1_000_000, T0 + 5_000_000)
    assert (found.restored_us, found.verified_us) == (T0 + 60 * MINUTE_US, T0 + 70 * MINUTE_US)
    assert (found.waits_for, found.overdue, found.slowest) == (None, False, "restored")
    assert found.steps_s == {"located": 4.0, "restored": 3595.0, "verified": 600.0}
    assert found.took_s == Bounds(3599.0, 3599.0)
    # It began within the second before T0 and was reported a second after.
    assert found.detected_s == Bounds(1.0, 2.0)


def test_an_open_one_waits_to_be_restored_and_is_overdue_after_its_target() -> None:
    early, late = told(OPEN, 30, 3600), told(OPEN, 61, 3600)
    assert (early.waits_for, early.verdict, early.slowest) == ("restored", "undecided", None)
    assert (late.overdue, late.took_s) == (True, Bounds(61 * 60 - 1, 61 * 60 - 1))


def test_one_that_was_restored_too_late_stays_overdue() -> None:
    assert told(CLOSED, 999, 3598).overdue
    assert told(CLOSED, 999, 3599).verdict == "kept"


def test_one_that_was_closed_without_a_known_end_took_until_then_at_most() -> None:
    ended = replace(CLOSED, end_us=None, end_earliest_us=T0 + 10 * MINUTE_US, reported_us=T0 + 90 * MINUTE_US)
    found = told(ended, 1e4, 3600)
    assert (found.restored_us, found.waits_for, found.verdict) == (None, None, "undecided")
    assert found.took_s == Bounds(599.0, 90 * 60 - 1)


def test_where_nobody_set_a_target_nothing_is_overdue() -> None:
    assert (told(OPEN, 1e6, None).verdict, told(OPEN, 1e6, None).overdue) == (None, False)


def test_what_no_ten_good_minutes_are_known_of_is_named() -> None:
    found = told(CLOSED, 200, unproven="m2")
    assert (found.waits_for, found.verified_us, found.unproven, found.slowest) == ("verified", None, ("m2",), None)


def test_where_the_first_reports_are_gone_it_says_so_and_judges_by_what_is_left() -> None:
    found = told(CLOSED, 200, 3600, NOT_KEPT)
    assert (found.seen_us, found.located_us, found.detected_s, found.slowest) == (None, None, None, None)
    # It was seen after it began, a second before T0, and before the report that is left, at T0 + 5 s.
    assert found.took_s == Bounds(3595.0, 3601.0)
    assert (found.verdict, told(CLOSED, 200, 3594, NOT_KEPT).verdict) == ("undecided", "violated")
    assert told(CLOSED, 200, 3601, NOT_KEPT).verdict == "kept"
    assert told(CLOSED, 200, 3601, FirstReports(None, None, T0 + 2_000_000)).took_s == Bounds(3598.0, 3601.0)
    # A report of before the loss, by a clock that was set meanwhile, is none.
    assert told(CLOSED, 200, 3601, FirstReports(None, None, T0 - 99_000_000)).took_s == Bounds(3600.0, 3601.0)


def minute(n: int, volts: float = 220.0, coverage: float = 1.0, low: float | None = None) -> Interval:
    return Interval("interval_1min", "m", T0 + n * MINUTE_US, coverage, 0.0, {"voltage_l1": volts},
                    {} if low is None else {"voltage_l1": low})  # fmt: skip


def verified(*minutes: Interval) -> int | None:
    at_us = ten_good_minutes(minutes, ["voltage_l1"], (198.0, 235.4), T0)
    return None if at_us is None else (at_us - T0) // MINUTE_US


def test_ten_whole_minutes_in_a_row_within_limits_verify() -> None:
    assert verified(*(minute(n) for n in range(12))) == 10
    assert verified(*(minute(n) for n in range(9))) is None


def test_minutes_before_it_was_restored_do_not_count() -> None:
    assert verified(*(minute(n) for n in range(-5, 12))) == 10


def test_a_low_minute_a_dip_in_one_a_hole_and_a_part_begin_the_count_anew() -> None:
    good = [minute(n) for n in range(3, 13)]
    assert verified(minute(0), minute(1), minute(2, 190.0), *good) == 13
    assert verified(minute(0), minute(1), minute(2, low=100.0), *good) == 13
    assert verified(minute(0), minute(1), *good) == 13
    assert verified(minute(0), minute(1), minute(2, coverage=0.5), *good) == 13
