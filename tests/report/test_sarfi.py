"""SARFI-x and ITIC counts: hand-counted events."""

from math import inf

import pytest
from samples import MIDNIGHT_US, event

from agent.detect.floor import Paced, Watching, surely_measured_s
from agent.records import Event
from agent.report.figures import NOTHING, Bounds
from agent.report.voltage.sarfi import NOT_WATCHED, Sarfi, Watched, sarfi

# 200 ms windows, always fresh, looked at every second: a window that lies wholly inside is read from 1.2 s on.
EVERY_SECOND = Paced(1.0, 1.2)


def sag(meter: str, residual_pct: float | None, least_s: float, most_s: float | None = None, **more: object) -> Event:
    known = {
        "id": f"{meter}-{residual_pct}-{least_s}", "kind": "sag", "meter": meter, "state": "closed", "parent": None,
        "residual_pct": residual_pct, "peak_pct": None, "duration_min_s": least_s, "basis": "measured",
        "duration_max_s": least_s if most_s is None else most_s, "classes": {}, "mode": "normal",
        "start_us": MIDNIGHT_US,
    }  # fmt: skip
    return event(**(known | more))


def counted(*events: Event, **meters: int | None) -> Sarfi:
    """Of meters that are looked at every second, by name with their customers."""
    (found,) = sarfi([Watched(name, EVERY_SECOND, False, fed, 1.0) for name, fed in meters.items()], events)
    return found


def test_of_each_event_the_customers_count_and_all_customers_divide() -> None:
    found = counted(sag("a", 65.0, 2.0), sag("a", 85.0, 3.0), sag("b", 45.0, 2.0), a=30, b=10)
    # below 90 %: 30 + 30 + 10 of 40; below 80 %: 30 + 10; below 50 %: 10
    assert {level: found.by_level[level].low for level in (90, 80, 70, 50, 10)} == {
        90: 1.75, 80: 1.0, 70: 1.0, 50: 0.25, 10: 0.0,
    }  # fmt: skip
    assert (found.floor_s, found.pace_s, found.per) == (1.2, 1.0, "customer")


def test_what_may_be_shorter_than_the_floor_counts_in_the_upper_bound_only_and_what_surely_is_nowhere() -> None:
    found = counted(sag("a", 60.0, 0.5, 2.0), sag("a", 61.0, 0.1, 1.1), a=1)
    assert found.by_level[70] == Bounds(0.0, 1.0)


def test_what_lasts_over_a_minute_is_an_outage_or_an_undervoltage_and_no_sag() -> None:
    found = counted(sag("a", 60.0, 61.0, 63.0), sag("a", 50.0, 59.0, 61.0), a=1)
    assert found.by_level[90] == Bounds(0.0, 1.0)


def test_an_interruption_inside_its_sag_is_the_same_event_and_as_deep_as_the_deeper() -> None:
    whole = sag("a", 30.0, 4.0, id="whole")
    inside = sag("a", None, 2.0, id="inside", kind="supply_loss", parent="whole")
    found = counted(whole, inside, a=1)
    assert (found.by_level[90], found.by_level[10]) == (Bounds(1, 1), Bounds(1, 1))


def test_a_sag_inside_an_undervoltage_is_an_event_of_its_own() -> None:
    below = sag("a", 85.0, 600.0, id="below", kind="undervoltage")
    assert counted(below, sag("a", 60.0, 2.0, parent="below"), a=1).by_level[70] == Bounds(1, 1)


def test_swells_count_above_a_hundred_percent_and_sags_below() -> None:
    found = counted(sag("a", None, 2.0, kind="swell", peak_pct=115.0), a=1)
    assert {level: found.by_level[level].high for level in (120, 110, 90)} == {120: 0, 110: 1, 90: 0}


def test_the_curve_counts_what_violates_it_and_perhaps_what_is_undecided() -> None:
    found = counted(sag("a", 60.0, 2.0, classes={"itic": "violates"}), sag("a", 85.0, 3.0, classes={"itic": "ok"}),
                    sag("a", 75.0, 4.0, classes={"itic": "undecided"}), a=1)  # fmt: skip
    assert found.itic == Bounds(1.0, 2.0)


def test_tests_maintenance_and_what_was_taken_back_count_nowhere() -> None:
    found = counted(sag("a", 60.0, 2.0, mode="maintenance"), sag("a", 50.0, 2.0, state="retracted"), a=1)
    assert found.by_level[90] == NOTHING


def test_meters_that_are_polled_at_different_rates_are_never_counted_together() -> None:
    slow, fast = Paced(10.0, 10.5), Paced(0.1, 0.3)
    meters = [Watched("slow", slow, False, 10, 1.0), Watched("fast", fast, False, 10, 1.0)]
    found = sarfi(meters, [sag("slow", 60.0, 2.0), sag("fast", 60.0, 2.0)])
    assert [(one.meters, one.floor_s, one.by_level[90]) for one in found] == [
        (["fast"], 0.3, Bounds(1, 1)), (["slow"], 10.5, NOTHING),
    ]  # fmt: skip


def test_meters_of_one_pace_share_the_floor_of_the_worst() -> None:
    meters = [Watched("a", Paced(1.0, 1.2), False, 10, 1.0), Watched("b", Paced(1.0, 3.0), False, 10, 0.5)]
    (found,) = sarfi(meters, [sag("a", 60.0, 2.0)])
    assert (found.floor_s, found.by_level[90], found.coverage) == (3.0, NOTHING, 0.75)


def test_without_anybodys_customers_meters_are_counted() -> None:
    found = counted(sag("a", 60.0, 2.0), a=30, b=None)
    assert (found.per, found.by_level[90]) == ("meter", Bounds(0.5, 0.5))


def test_a_meter_that_counts_sags_itself_has_no_floor_and_what_its_counter_says_no_upper_bound() -> None:
    own = [Watched("a", EVERY_SECOND, True, 1, 1.0)]
    (seen,) = sarfi(own, [sag("a", 60.0, 0.05)])
    # shorter than any floor; what a window shows may have been deeper
    assert (seen.floor_s, seen.by_level[70], seen.by_level[50]) == (0.0, Bounds(1, 1), Bounds(0, 1))
    (logged,) = sarfi(own, [sag("a", None, 0.0, 60.0, basis="meter_log")])
    assert logged.by_level[90] == Bounds(0.0, inf)
    assert logged.by_level[110] == NOTHING


def test_what_only_a_register_tells_is_not_in_a_polled_count() -> None:
    assert counted(sag("a", 60.0, 0.0, 60.0, basis="meter_log"), a=1).by_level[90] == NOTHING


def test_meters_that_nobody_watches_have_no_index_and_it_says_why() -> None:
    (found,) = sarfi([Watched("a", None, False, 1, 1.0)], [sag("a", 60.0, 2.0)])
    assert (found.itic, found.why) == (None, NOT_WATCHED)


def test_a_window_wholly_inside_an_event_is_read_from_pace_jitter_and_window_on() -> None:
    assert surely_measured_s(Watching(0.2, 0.0, 1.0, 0.1)) == pytest.approx(1.3)
    # renewed every 0.6 s: two looks 1 s apart may be two renewals apart
    assert surely_measured_s(Watching(0.6, 0.6, 1.0)) == pytest.approx(1.8)
