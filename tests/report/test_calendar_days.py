"""By day, what goes on over midnight is on each day with its own part: what is sure, and what may have been."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import DAY_US, MINUTE_US
from agent.report.drawn.charts import LocalDay, by_days
from agent.report.figures import Bounds, Span
from agent.report.period import offset_us
from agent.report.reliability.calendar_days import by_calendar_day
from agent.report.reliability.indices import Asked
from agent.report.reliability.outages import Interruption

T0 = 20_000 * DAY_US
DAYS = {20_000 + n: Span(T0 + n * DAY_US, T0 + (n + 1) * DAY_US) for n in range(4)}
ASKED = Asked(Span(T0, T0 + 4 * DAY_US), served=200)
DAY_MIN = 1440.0


def at(from_min: float, to_min: float) -> Span:
    return Span(T0 + round(from_min * MINUTE_US), T0 + round(to_min * MINUTE_US))


def lost(sure: Span | None, perhaps: Span, *, customers: int = 100, unseen: bool = False) -> Interruption:
    low = sure.length_us / MINUTE_US if sure else 0.0
    bounds = Bounds(low, perhaps.length_us / MINUTE_US)
    silent = (perhaps,) if unseen else ()
    return Interruption("tx1", "unsplit", customers, sure is not None, int(not unseen), False, perhaps.from_us, bounds,
                        (sure,) if sure else (), (perhaps,), silent, bounds.high if unseen else 0.0)  # fmt: skip


def days_of(*found: Interruption) -> dict[int, tuple[float, float]]:
    told = by_calendar_day(found, ASKED, DAYS)
    return {day - 20_000: (bounds.low, bounds.high) for day, bounds in told.items()}


def test_a_loss_over_midnight_is_on_both_days_with_what_lies_there() -> None:
    """Surely from 23:50 to 00:30, perhaps from 23:48 to 00:33; half of the customers."""
    told = days_of(lost(at(DAY_MIN - 10, DAY_MIN + 30), at(DAY_MIN - 12, DAY_MIN + 33)))
    assert told == {0: (pytest.approx(5), pytest.approx(6)), 1: (pytest.approx(15), pytest.approx(16.5))}


def test_a_silence_of_days_may_have_been_a_loss_on_each_of_them_and_on_none_for_longer_than_the_day() -> None:
    told = days_of(lost(None, at(DAY_MIN - 60, 3 * DAY_MIN + 5), unseen=True))
    assert told == {0: (0, 30), 1: (0, 720), 2: (0, 720), 3: (0, 2.5)}


def test_no_day_has_more_than_the_longest_of_all() -> None:
    """Counters prove all but 20 min of a silence over midnight: which 20 nobody knows."""
    silent = lost(None, at(DAY_MIN - 60, DAY_MIN + 60), unseen=True)
    proven = Interruption(*(getattr(silent, name) for name in Interruption.__slots__[:7]), Bounds(0.0, 20.0), (),
                          silent.possible, silent.unseen, 20.0)  # fmt: skip
    assert days_of(proven) == {0: (0, 10), 1: (0, 10)}


def test_what_finds_no_room_on_one_day_was_surely_on_the_other() -> None:
    """Between 23:50 and 00:30 it lasted for 35 min at least, when nobody knows: 25 of them after midnight, 5 before."""
    perhaps = at(DAY_MIN - 10, DAY_MIN + 30)
    one = Interruption("tx1", "unsplit", 200, True, 1, False, perhaps.from_us, Bounds(35.0, 40.0),
                       (at(DAY_MIN, DAY_MIN + 1),), (perhaps,))  # fmt: skip
    assert days_of(one) == {0: (pytest.approx(5), 10), 1: (pytest.approx(25), 30)}


def test_a_momentary_one_is_on_no_day_though_it_lies_on_two() -> None:
    assert days_of(lost(at(DAY_MIN - 1, DAY_MIN + 1), at(DAY_MIN - 1, DAY_MIN + 1))) == {}


def test_what_began_before_the_period_is_there_with_what_lies_in_it() -> None:
    assert days_of(lost(at(-100, 40), at(-100, 40))) == {0: (20, 20)}


def test_losses_of_one_place_are_never_more_than_a_day_a_day() -> None:
    """A loss goes on over the beginning of the period, and a silence that may have held another one lies in it."""
    told = days_of(lost(at(-100, 1000), at(-100, 1000)), lost(None, at(100, 1440), unseen=True))
    assert told == {0: (500, 720)}


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(6, 3000), st.integers(0, 5), st.integers(0, 5)), max_size=4)
)
def test_the_truth_of_each_day_lies_between_its_bounds(drawn: list[tuple[int, int, int, int]]) -> None:
    """Of places of their own, each between a slack on either side."""
    found, truth = [], dict.fromkeys(range(4), 0.0)
    for n, (began, length, early, late) in enumerate(drawn):
        sure = at(began + 1, began + length - 1)
        one = lost(sure, at(began - early, began + length + late), customers=10)
        found.append(Interruption(f"tx{n}", *(getattr(one, name) for name in Interruption.__slots__[1:])))
        for day in truth:
            lies = at(began, began + length).within(DAYS[20_000 + day])
            truth[day] += 10 * lies.length_us / MINUTE_US / 200
    told = days_of(*found)
    for day, minutes in truth.items():
        low, high = told.get(day, (0.0, 0.0))
        assert low - 1e-9 <= minutes <= high + 1e-9


def test_a_chart_by_day_has_a_bar_on_each_of_them() -> None:
    told = by_calendar_day([lost(at(DAY_MIN - 60, 2 * DAY_MIN), at(DAY_MIN - 60, 2 * DAY_MIN))], ASKED, DAYS)
    drawn = by_days(told, [LocalDay(day, span.from_us) for day, span in DAYS.items()], "SAIDI by day")
    assert drawn.count('fill="#d55e00"') == 2


def test_a_day_on_which_the_clock_changes_has_the_hours_it_has() -> None:
    from agent.detect.network import Network
    from agent.report.reliability.outages import Seen
    from agent.report.reliability.part import Asking, Counting

    zone = ZoneInfo("Europe/Berlin")
    begin, end = (round(datetime(2026, 10, day, tzinfo=zone).timestamp() * 1e6) for day in (24, 27))
    seen = Seen(Network(), (), (), end, {})
    asking = Asking(seen, Span(begin, end), Counting(), {}, {}, lambda at_us: offset_us(at_us, zone))
    assert [span.length_us / MINUTE_US / 60 for span in asking.days.values()] == [24, 25, 24]
