"""Transfers of those with two supplies, their standby, and what both have in common."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import MINUTE_US, Event, Interval, Kind, Mode, State
from agent.report.figures import Bounds, Span
from agent.report.operations.key_customers import (
    FREQUENCY,
    NO_VOLTAGE,
    PERHAPS,
    UNHEARD,
    UNHEARD_SINCE,
    UNTESTED,
    VOLTAGE,
    Gap,
    LastTransfer,
    Readiness,
    Wanted,
    all_gaps,
    common_of,
    common_sags,
    gap_of,
    gaps,
    last_transfer,
    readiness,
    within,
)

T0 = 1_790_000_400_000_000
DAY_US = 86_400_000_000
LIMITS = (198.0, 235.4)


def event(
    id_: str,
    start: tuple[float, float],
    end: tuple[float, float] | None,
    kind: Kind = "supply_loss",
    state: State = "closed",
    mode: Mode = "normal",
) -> Event:
    """start, end: seconds between which it began, and ended."""
    return Event(
        id=id_, kind=kind, revision=1, state=state if end else "open", scope="meter", basis="measured",
        reported_us=T0, start_earliest_us=_us(start[0]), start_us=_us(start[1]),
        end_earliest_us=_us(end[0]) if end else None, end_us=_us(end[1]) if end else None,
        duration_min_s=max(0.0, end[0] - start[1]) if end else 0.0,
        duration_max_s=end[1] - start[0] if end else None, mode=mode,
    )  # fmt: skip


def _us(seconds: float) -> int:
    return T0 + round(seconds * 1e6)


def test_the_gap_is_from_the_last_it_was_lost_to_the_first_it_was_back_and_the_other_way_round() -> None:
    # lost between 10.0 and 10.2 s, back between 10.9 and 11.1: without for 0.7 to 1.1 s
    assert gap_of(event("1", (10.0, 10.2), (10.9, 11.1))) == Bounds(10.9 - 10.2, 11.1 - 10.0)


@given(*[st.floats(0, 5)] * 2, *[st.floats(0, 1)] * 4)
def test_the_true_gap_lies_in_the_bounds(lost: float, length: float, a: float, b: float, c: float, d: float) -> None:
    back = lost + length
    told = gap_of(event("1", (lost - a, lost + b), (back - c, back + d)))
    assert told.low - 1e-9 <= length <= told.high + 1e-9


def test_a_transfer_is_judged_by_what_the_load_stands() -> None:
    lost = [event("1", (0.0, 0.2), (0.9, 1.1))]
    verdicts = [gaps(lost, (), allowed_s)[0].verdict for allowed_s in (0.5, 0.8, 1.2)]
    assert verdicts == ["violated", "undecided", "kept"]


def test_a_load_that_is_still_dead_may_be_so_for_ever() -> None:
    (gap,) = gaps([event("1", (0.0, 0.2), None)], (), 0.5)
    assert gap.gap_s == Bounds(0.0, float("inf"))
    assert gap.verdict == "undecided"


def changed(load: Event, a: Sequence[Event] = (), b: Sequence[Event] = ()) -> tuple[str, str]:
    """From which source to which the load went."""
    (gap,) = gaps([load], [("a", a), ("b", b)], 2.0)
    return gap.from_source, gap.to_source


def test_the_source_that_was_gone_and_the_one_that_took_over_are_named() -> None:
    later = [event("t", (900, 901), (902, 903))]
    assert changed(event("1", (0.0, 0.2), (0.9, 1.1)), [event("s", (-0.1, 0.1), (30, 31))], later) == ("a", "b")


def test_where_a_source_came_back_the_load_went_back_to_it() -> None:
    away = [event("s", (-3600, -3599), (0.1, 0.9))]
    assert changed(event("1", (0.0, 0.2), (0.9, 1.1)), away) == ("b", "a")


def test_a_source_that_was_gone_long_before_and_stays_away_has_nothing_to_do_with_it() -> None:
    away = [event("s", (-3600, -3599), (900, 901))]
    assert changed(event("1", (0.0, 0.2), (0.9, 1.1)), away) == ("", "")


def test_a_source_that_went_and_came_within_the_gap_may_have_fed_it_before_and_after() -> None:
    assert changed(event("1", (0.0, 0.2), (9.0, 9.1)), [event("s", (0.0, 0.2), (5.0, 5.2))]) == ("", "")


def test_a_gap_with_both_sources_there_may_be_a_test_of_the_switch() -> None:
    told = list(all_gaps([event("1", (0, 1), (2, 3)), event("2", (100, 101), (102, 103), mode="test")],
                         [("a", [event("s", (100, 101), (200, 201))]), ("b", [])], 5.0))  # fmt: skip
    assert [(gap.steady, gap.mode) for gap in told] == [(True, "normal"), (False, "test")]


@pytest.mark.parametrize("kind", ["sag", "phase_loss", "comms_loss"])
def test_a_gap_that_the_meter_shows_as_something_else_may_have_been_of_any_length(kind: Kind) -> None:
    lost = [event("s", (-0.1, 0.1), (30, 31))]
    (gap,) = gaps([event("1", (0.0, 0.2), (0.9, 1.1), kind)], [("a", lost), ("b", [])], 1.0)
    assert (gap.kind, gap.gap_s, gap.verdict) == (kind, Bounds(0.0, 1.1), "undecided")
    assert gaps([event("1", (0.0, 0.2), (0.9, 1.1), kind)], [("a", []), ("b", [])], 1.0) == ()


def test_what_is_told_of_one_gap_in_several_ways_is_one() -> None:
    lost = [event("s", (-0.1, 0.1), (30, 31))]
    load = [event("1", (-0.1, 0.1), (1.4, 1.5), "sag"), event("2", (0.0, 0.2), (0.9, 1.1)),
            event("3", (0.1, 0.2), (0.5, 0.6), "comms_loss")]  # fmt: skip
    assert [gap.event for gap in gaps(load, [("a", lost), ("b", [])], 2.0)] == ["2"]
    assert [gap.event for gap in gaps([load[0], load[2]], [("a", lost), ("b", [])], 2.0)] == ["1"]


def test_where_both_sources_were_gone_nobody_took_over() -> None:
    gone = [event("s", (-0.1, 0.1), (30, 31))]
    (gap,) = gaps([event("1", (0.0, 0.2), (0.9, 1.1))], [("a", gone), ("b", gone)], 2.0)
    assert (gap.from_source, gap.to_source) == ("", "")


def test_what_was_retracted_or_a_test_is_no_transfer() -> None:
    told = [event("1", (0, 1), (2, 3), state="retracted"), event("2", (0, 1), (2, 3), mode="test"),
            event("3", (0, 1), (2, 3), kind="sag")]  # fmt: skip
    assert gaps(told, (), 1.0) == ()


def test_sags_of_both_sources_at_once_are_surely_common_or_perhaps() -> None:
    first = [event("a1", (0.0, 0.2), (0.9, 1.1), "sag"), event("a2", (100.0, 100.2), (100.3, 100.5), "sag")]
    second = [event("b1", (0.1, 0.3), (0.8, 1.0), "sag"), event("b2", (100.4, 100.6), (101, 102), "sag")]
    told = [(one.first, one.second, one.surely) for one in common_sags(first, second)]
    assert told == [("a1", "b1", True), ("a2", "b2", False)]


def test_sags_of_any_two_of_three_sources_are_common_if_they_began_in_the_period() -> None:
    def sag(id_: str, at: float) -> list[Event]:
        return [event(id_, (at, at), (at + 1, at + 1), "sag")]

    sources = [("a", sag("a", 0.0)), ("b", sag("b", 0.5)), ("c", sag("c", 0.9))]
    found = common_of(sources, Span(T0, T0 + DAY_US))
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert common_of(sources, Span(T0 + DAY_US, T0 + 2 * DAY_US)) == ()


# -- standbys ---------------------------------------------------------------------------------------------------

WANTED = Wanted(("voltage_l1", "voltage_l2"), LIMITS, 50.0, 35 * 86_400)
LATELY = LastTransfer(T0 - DAY_US, None)


def minute(at_us: int = T0 - MINUTE_US, **values: float) -> Interval:
    return Interval("interval_1min", "b", at_us, 1.0, 0.0, values)


def why(told: Readiness) -> list[str]:
    return [one.text for one in told.reasons]


def test_a_standby_with_voltage_frequency_and_a_recent_test_is_ready() -> None:
    assert readiness(minute(voltage_l1=220.0, frequency=50.1), WANTED, LATELY, T0) == Readiness(True, ())


def test_a_standby_says_why_it_is_not_ready() -> None:
    told = readiness(minute(voltage_l1=190.0, voltage_l2=221.0, frequency=51.0), WANTED, LATELY, T0)
    assert told.is_ready is False
    assert [one.words for one in told.reasons] == [
        "voltage 190.0 to 221.0 V, allowed 198 to 235.4 V",
        "frequency 51.00 Hz, allowed 50 Hz give or take 0.5",
    ]
    assert why(told) == [VOLTAGE, FREQUENCY]
    assert dict(told.reasons[0].said) == {"lowest": "190.0", "highest": "221.0", "low": "198", "high": "235.4"}


def test_voltages_that_are_not_judged_say_nothing_of_it() -> None:
    assert readiness(minute(voltage_l1=220.0, voltage_l1_l2=381.0), WANTED, LATELY, T0).is_ready


def test_a_standby_that_was_not_tested_is_not_known_to_be_ready() -> None:
    long_ago = LastTransfer(T0 - 36 * DAY_US, None)
    assert readiness(minute(voltage_l1=220.0), WANTED, LastTransfer(T0 - 35 * DAY_US, None), T0).is_ready
    told = readiness(minute(voltage_l1=220.0), WANTED, long_ago, T0)
    assert (told.is_ready, [one.words for one in told.reasons]) == (None, ["no transfer to it was seen in 35 days"])
    told = readiness(minute(voltage_l1=0.0), WANTED, LastTransfer(None, None), T0)
    assert (told.is_ready, why(told)) == (False, [VOLTAGE, UNTESTED])


def test_what_may_have_been_a_transfer_to_it_proves_nothing() -> None:
    told = readiness(minute(voltage_l1=220.0), WANTED, LastTransfer(None, T0 - DAY_US), T0)
    assert (told.is_ready, why(told)) == (None, [PERHAPS])


def test_a_standby_that_nobody_hears_is_unknown() -> None:
    assert why(readiness(None, WANTED, LATELY, T0)) == [UNHEARD]
    assert why(readiness(minute(current_l1=3.0), WANTED, LATELY, T0)) == [NO_VOLTAGE]
    old = readiness(minute(T0 - 12 * MINUTE_US, voltage_l1=220.0), WANTED, LATELY, T0)
    assert (old.is_ready, why(old)) == (None, [UNHEARD_SINCE])
    assert readiness(minute(T0 - 11 * MINUTE_US, voltage_l1=220.0), WANTED, LATELY, T0).is_ready


def test_the_last_transfer_to_a_standby_counts_tests_among_them() -> None:
    load = [event("1", (0, 1), (2, 3)), event("2", (100, 101), (102, 103), mode="test"),
            event("3", (200, 201), (202, 203)), event("4", (300, 301), None)]  # fmt: skip
    sources = [("a", [event("s", (0, 1), (50, 51)), event("t", (100, 101), (150, 151))]), ("b", [])]
    found = list(all_gaps(load, sources, 5.0))
    assert last_transfer(found, "b") == LastTransfer(_us(101), _us(201))
    assert last_transfer(found, "a") == LastTransfer(None, _us(201))
    # Where a source sagged meanwhile that may have been all there was.
    sources[1][1].append(event("u", (200, 201), (202, 203), "sag"))
    assert last_transfer(all_gaps(load, sources, 5.0), "a") == LastTransfer(None, None)


def test_gaps_of_a_period_are_those_that_touch_it() -> None:
    def gap(from_s: float, most_s: float) -> Gap:
        return Gap("g", Bounds(0.0, most_s), "kept", _us(from_s))

    told = [gap(-10, 5), gap(-10, 20), gap(50, 1), gap(100, 1), gap(-1000, float("inf"))]
    assert within(told, Span(_us(0), _us(100))) == (told[1], told[2], told[4])
