"""Time in which a meter was not seen, and what its counters prove of it: counted by hand."""

from collections.abc import Iterable, Iterator, Mapping

import pytest
from samples import MIDNIGHT_US, event, interval

from agent.detect.network import Network, Node, Placed
from agent.outage import Steps
from agent.records import Event
from agent.report.figures import Span
from agent.report.record.columns import Columns, columns_of
from agent.report.reliability.unseen import (
    Counted,
    Heard,
    Silence,
    Ticks,
    no_record,
    nobody_looked,
    silences,
    told_of,
    unexplained,
)

MIN = 60_000_000
QUARTER = 15 * MIN
SELF = Counted("self", Steps(energy_wh=10.0, hours_h=0.01))
ON_DC = Counted("dc", SELF.steps)
NETWORK = Network(
    [Node("a", "transformer"), Node("b", "transformer")],
    [Placed("ma", "a", "a", "room", "self"), Placed("mb", "b", "b", "room", "self")],
)


def at(minutes: float) -> int:
    return MIDNIGHT_US + round(minutes * MIN)


def span(from_min: float, to_min: float) -> Span:
    return Span(at(from_min), at(to_min))


def minutes(*numbers: int) -> Iterator[Columns]:
    return columns_of(interval(n) for n in numbers)


def heard(*spans: tuple[int, int]) -> Heard:
    found = Heard()
    for first, last in spans:
        assert list(found.note(minutes(*range(first, last))))
    return found


def quarters(
    said: Mapping[int, Mapping[str, float]], wide: Mapping[int, Mapping[str, float]] | None = None
) -> Iterator[Columns]:
    """said: by number of the quarter, what registers said at least; wide: how much more they may have said"""
    for n, values in said.items():
        low = {f"{name}_register": value for name, value in values.items()}
        more = (wide or {}).get(n, {})
        high = {f"{name}_register": value + more.get(name, 0.0) for name, value in values.items()}
        one = interval(kind="demand_15min", start_us=MIDNIGHT_US + n * QUARTER, values=low, min=low, max=high)
        yield from columns_of([one])


def without_min(told: Iterable[Columns], counted: Counted, within: Span, highest_w: float | None = None) -> float:
    return Ticks(told, highest_w, counted).without_us(within) / MIN


# -- what was not seen --------------------------------------------------------------------------------------------


def gaps(found: Heard, within: Span, least_min: float = 5) -> list[Span]:
    return [one.span for one in no_record(found, nothing_said, within, least_min)]


def nothing_said() -> Ticks:
    return Ticks((), None, SELF)


def test_minutes_that_are_not_in_the_record_are_found_in_whatever_pieces_they_come() -> None:
    found = heard((0, 60), (60, 90), (100, 120))
    assert found.spans == [span(0, 90), span(100, 120)]
    assert gaps(found, span(0, 130)) == [span(90, 100), span(120, 130)]
    assert gaps(Heard(), span(0, 130)) == [span(0, 130)]


def test_a_minute_missing_in_the_middle_of_an_hour_parts_it() -> None:
    found = Heard()
    list(found.note(minutes(0, 1, 2, 4, 5)))
    assert found.spans == [span(0, 3), span(4, 6)]


def test_what_is_no_longer_than_a_sustained_interruption_is_left_out() -> None:
    assert gaps(heard((0, 10), (15, 20), (26, 60)), span(0, 60)) == [span(20, 26)]


def test_nobody_looked_where_no_meter_is_in_the_record() -> None:
    both = [no_record(one, nothing_said, span(0, 120), 5) for one in (heard((0, 30), (60, 120)), heard((0, 40)))]
    assert nobody_looked(both) == (span(40, 60),)
    assert nobody_looked(both[:1]) == (span(30, 60),)
    assert nobody_looked([*both, ()]) == ()
    assert nobody_looked(()) == ()


def test_of_that_counts_what_no_event_tells_of_and_no_counter_proves() -> None:
    own = [Silence(span(30, 60), 12 * MIN)]
    assert unexplained(own, (), 5) == [Silence(span(30, 60), 12 * MIN)]
    assert unexplained(own, [span(0, 52)], 5) == [Silence(span(52, 60), 8 * MIN)]
    assert unexplained(own, [span(30.5, 59)], 5) == []  # an outage that was told, but for its edges
    assert unexplained((), (), 5) == []


def silence(**more: object) -> Event:
    known = {"kind": "comms_loss", "meter": "ma", "line": "room", "state": "closed",
             "start_earliest_us": at(0), "end_us": at(30)}  # fmt: skip
    return event(**known | more)


def test_the_silence_of_a_line_is_that_of_each_of_its_meters() -> None:
    told = told_of([silence(meter=None, scope="line", id="line"), silence(id="own")], NETWORK)
    assert {meter: [one.id for one in found] for meter, found in told.items()} == {
        "ma": ["line", "own"],
        "mb": ["line"],
    }
    assert told_of([silence(meter=None, line="another")], NETWORK) == {}


@pytest.mark.parametrize("more", [{"state": "retracted"}, {"kind": "sag"}])
def test_nobody_asks_about_silences_that_were_none(more: dict[str, str]) -> None:
    assert told_of([silence(**more)], NETWORK) == {}


@pytest.mark.parametrize(("mode", "planned"), [("normal", False), ("test", False), ("maintenance", True)])
def test_silence_counts_in_whatever_mode_it_began(mode: str, planned: bool) -> None:
    told = told_of([silence(mode=mode)], NETWORK)
    (one,) = silences(told["ma"], nothing_said, at(0), at(50))
    assert (one.planned, one.most_us) == (planned, 30 * MIN)


def test_a_silence_that_goes_on_lasts_until_now() -> None:
    found = silences([silence(end_us=None)], nothing_said, at(0), at(50))
    assert found == (Silence(span(0, 50), 50 * MIN, "ev-1"),)


def test_of_a_silence_that_began_before_the_period_the_rest_counts_and_its_end_is_its_own() -> None:
    found = silences([silence()], nothing_said, at(20), at(25))
    assert [one.span for one in found] == [span(20, 30)]


def test_nobody_reads_counters_where_there_was_no_silence() -> None:
    def never() -> Ticks:
        raise AssertionError

    assert silences((), never, at(0), at(50)) == ()
    assert no_record(heard((0, 60)), never, span(0, 60), 5) == ()


# -- what counters prove ------------------------------------------------------------------------------------------


def test_an_hour_counter_that_ran_on_leaves_its_step_and_what_its_quartz_may_be_off_by() -> None:
    told = quarters({4: {"operating_hours": 100.0}, 8: {"operating_hours": 101.0}})
    # one hour between the ticks at 60 and at 120 min, of which it counted all: 0.01 h step and 0.02 h are left
    assert without_min(told, SELF, span(65, 110)) == pytest.approx(1.8)


def test_an_hour_counter_that_stood_for_a_while_leaves_that_while() -> None:
    told = quarters({4: {"operating_hours": 100.0}, 8: {"operating_hours": 100.8}})
    assert without_min(told, SELF, span(61, 119)) == pytest.approx(12 + 1.8)


def test_bounds_at_the_ticks_count_against_the_proof() -> None:
    told = quarters({4: {"operating_hours": 100.0}, 8: {"operating_hours": 101.0}}, {4: {"operating_hours": 0.1}})
    assert without_min(told, SELF, span(65, 110)) == pytest.approx(6 + 1.8)


def test_a_tick_before_the_nearest_counts_where_that_one_is_bounded_badly() -> None:
    said = {3: {"operating_hours": 99.75}, 4: {"operating_hours": 100.0}, 8: {"operating_hours": 101.0}}
    assert without_min(quarters(said, {4: {"operating_hours": 0.7}}), SELF, span(61, 119)) == pytest.approx(1.8)


def test_hours_of_a_meter_on_an_auxiliary_supply_prove_nothing() -> None:
    told = list(quarters({4: {"operating_hours": 100.0}, 8: {"operating_hours": 101.0}}))
    assert without_min(told, ON_DC, span(65, 110)) == 45


def test_energy_proves_as_long_as_it_takes_at_half_as_much_again_as_the_highest_quarter() -> None:
    told = list(quarters({4: {"active_energy_import": 1000.0}, 8: {"active_energy_import": 10010.0}}))
    # 9 kWh and a step of 10 Wh less, at 15 kW: 36 minutes of 60 must have had supply
    assert without_min(told, ON_DC, span(61, 119), highest_w=10e3) == pytest.approx(24)
    assert without_min(told, ON_DC, span(61, 119)) == 58  # of whom nothing is known but that


def test_a_failure_counter_that_did_not_move_proves_all_of_it_if_it_ever_counted() -> None:
    for before, after, left in ((7.0, 7.0, 0.0), (7.0, 8.0, 58.0), (0.0, 0.0, 58.0), (7.0, 3.0, 58.0)):
        told = quarters({4: {"power_failures": before}, 8: {"power_failures": after}})
        assert without_min(told, SELF, span(61, 119)) == left
    told = quarters({4: {"power_failures": 7.0}, 8: {"power_failures": 7.0}})
    assert without_min(told, ON_DC, span(61, 119)) == 58


def test_what_reaches_beyond_the_ticks_is_proven_by_nothing() -> None:
    told = list(quarters({4: {"operating_hours": 100.0}, 8: {"operating_hours": 101.0}}))
    assert without_min(told, SELF, span(50, 110)) == 60
    assert without_min(told, SELF, span(65, 125)) == 60


def test_no_counter_proves_more_than_the_silence_is_long() -> None:
    told = list(quarters({0: {"operating_hours": 100.0}, 96: {"operating_hours": 100.0}}))
    assert without_min(told, SELF, span(60, 70)) == 10
    found = silences(
        [silence(start_earliest_us=at(60), end_us=at(70))], lambda: Ticks(told, None, SELF), at(0), at(200)
    )
    assert [(one.most_us, one.proven_us) for one in found] == [(10 * MIN, 0)]
