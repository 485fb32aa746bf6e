"""Incidents from seen to verified."""

from dataclasses import replace

from agent.records import MINUTE_US, Event, Incident, Interval
from agent.report.closed_loop import loop, ten_good_minutes

T0 = 1_790_000_400_000_000
OPEN = Incident(
    id="i", revision=1, state="open", reported_us=T0 + 5_000_000, cause="supply_loss", node="tx",
    start_us=T0, start_earliest_us=T0 - 1_000_000, dead=("m1", "m2"), events=("e1", "e2"),
)  # fmt: skip
CLOSED = replace(OPEN, revision=4, state="closed", end_us=T0 + 60 * MINUTE_US, dead=(), restored=("m1", "m2"))


def event(id_: str, reported_us: int) -> Event:
    return Event(id=id_, kind="supply_loss", revision=1, state="open", scope="meter", basis="measured",
                 reported_us=reported_us, start_us=T0, start_earliest_us=T0)  # fmt: skip


EVENTS = {"e1": event("e1", T0 + 1_000_000), "e2": event("e2", T0 + 2_000_000)}


def test_an_incident_that_was_seen_located_restored_and_verified() -> None:
    told = loop(CLOSED, OPEN, EVENTS, lambda meter, at_us: at_us + 10 * MINUTE_US, 7200, T0 + 200 * MINUTE_US)
    assert (told.seen_us, told.located_us) == (T0 + 1_000_000, T0 + 5_000_000)
    assert (told.restored_us, told.verified_us) == (T0 + 60 * MINUTE_US, T0 + 70 * MINUTE_US)
    assert (told.waits_for, told.overdue, told.slowest) == (None, False, "restored")


def test_an_open_one_waits_to_be_restored_and_is_overdue_after_its_target() -> None:
    early = loop(OPEN, OPEN, EVENTS, lambda meter, at_us: None, 3600, T0 + 30 * MINUTE_US)
    late = loop(OPEN, OPEN, EVENTS, lambda meter, at_us: None, 3600, T0 + 61 * MINUTE_US)
    assert (early.waits_for, early.overdue, late.overdue) == ("restored", False, True)


def test_one_that_was_restored_too_late_stays_overdue() -> None:
    assert loop(CLOSED, OPEN, EVENTS, lambda meter, at_us: at_us, 3000, T0 + 999 * MINUTE_US).overdue


def test_what_no_ten_good_minutes_are_known_of_is_named() -> None:
    told = loop(CLOSED, OPEN, EVENTS, lambda meter, at_us: at_us if meter == "m1" else None, 7200, T0)
    assert (told.waits_for, told.verified_us, told.unproven) == ("verified", None, ("m2",))


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
