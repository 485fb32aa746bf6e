"""Transfers of those with two supplies, their standby, and what both have in common."""

from hypothesis import given
from hypothesis import strategies as st

from agent.records import Event, Interval, Kind, Mode, State
from agent.report.figures import Bounds
from agent.report.key_customers import Readiness, common_sags, gap_of, gaps, readiness

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


def test_the_source_that_was_gone_and_the_one_that_took_over_are_named() -> None:
    sources = [("a", [event("s", (-0.1, 0.1), (30, 31))]), ("b", [event("t", (900, 901), (902, 903))])]
    (gap,) = gaps([event("1", (0.0, 0.2), (0.9, 1.1))], sources, 2.0)
    assert (gap.from_source, gap.to_source) == ("a", "b")


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


def minute(**values: float) -> Interval:
    return Interval("interval_1min", "b", T0, 1.0, 0.0, values)


def test_a_standby_with_voltage_frequency_and_a_recent_test_is_ready() -> None:
    assert readiness(minute(voltage_l1=220.0, frequency=50.1), LIMITS, 50, T0, T0 + DAY_US) == Readiness(True, ())


def test_a_standby_says_why_it_is_not_ready() -> None:
    told = readiness(minute(voltage_l1=190.0, voltage_l2=221.0, frequency=51.0), LIMITS, 50, T0, T0 + DAY_US)
    assert told.is_ready is False
    assert told.reasons == (
        "voltage 190.0 to 221.0 V, allowed 198 to 235.4 V",
        "frequency 51.00 Hz, allowed 50 Hz give or take 0.5",
    )


def test_a_standby_that_was_not_tested_is_not_known_to_be_ready() -> None:
    told = readiness(minute(voltage_l1=220.0), LIMITS, 50, T0, T0 + 32 * DAY_US)
    assert told == Readiness(None, ("no transfer to it was seen in 31 days",))
    assert readiness(minute(voltage_l1=0.0), LIMITS, 50, None, T0).is_ready is False


def test_a_standby_that_nobody_hears_is_unknown() -> None:
    assert readiness(None, LIMITS, 50, T0, T0).is_ready is None
    assert readiness(minute(current_l1=3.0), LIMITS, 50, T0, T0).is_ready is None
