"""Sets that run on a frequency of their own."""

from collections.abc import Sequence
from random import Random

import pytest

from agent.records import MINUTE_US
from agent.report.figures import Bounds
from agent.report.operations.generators import Compared, Run, compared

T0 = 1_790_000_400_000_000


def grid(count: int, hz: float = 50.0) -> list[float]:
    return [hz] * count


def seen(own: Sequence[float | None], *others: Sequence[float]) -> Compared:
    """One meter, None where it said nothing, among others."""
    told = {"v": [hz or 0.0 for hz in own], **{f"n{n}": list(one) for n, one in enumerate(others)}}
    return compared(told, T0)["v"]


def runs(own: Sequence[float | None], *others: Sequence[float]) -> tuple[Run, ...]:
    return seen(own, *others).runs


def test_a_set_runs_while_its_frequency_is_apart_from_its_neighbours() -> None:
    (run,) = runs([50.0, 50.4, 50.5, 50.6, 50.0], grid(5), grid(5, 50.02), grid(5, 49.98))
    assert (run.meter, run.span.from_us, run.span.to_us) == ("v", T0 + MINUTE_US, T0 + 4 * MINUTE_US)
    assert run.apart_hz == pytest.approx(0.5)


def test_it_ran_for_a_minute_less_at_either_end_or_for_a_minute_more() -> None:
    (run,) = runs([50.0, 50.5, 50.5, 50.5, 50.0], grid(5), grid(5))
    # Three minutes: the first and the last may have been so for a second only, those around them for most of the time.
    assert run.hours == Bounds(1 / 60, 5 / 60)


def test_minutes_that_nobody_knows_beside_a_run_may_have_been_of_it() -> None:
    (run,) = runs([50.0, None, None, 50.5, 50.5, 50.5, 50.5, None, 50.0], *[grid(9)] * 2)
    assert run.hours == Bounds(2 / 60, (4 + 3 + 2) / 60)


def test_two_minutes_are_no_run() -> None:
    assert runs([50.0, 50.5, 50.5, 50.0], grid(4), grid(4)) == ()


def test_a_minute_that_is_missing_ends_a_run() -> None:
    assert runs([50.5, 50.5, None, 50.5, 50.5], grid(5), grid(5)) == ()


def test_three_minutes_and_more_behind_a_missing_one_are_one_run_that_may_have_gone_on_meanwhile() -> None:
    (run,) = runs([50.5, 50.5, 50.5, None, 50.5, 50.5], grid(6), grid(6))
    assert run.hours == Bounds(3 / 60, 8 / 60)
    first, second = runs([*[50.5] * 3, *[None] * 11, *[50.5] * 3], grid(17), grid(17))
    assert (first.span.from_us, second.span.from_us) == (T0, T0 + 14 * MINUTE_US)


def test_a_tenth_of_a_hertz_is_not_apart() -> None:
    assert runs([50.09] * 5, grid(5), grid(5)) == ()
    assert len(runs([50.11] * 5, grid(5), grid(5))) == 1


def test_one_neighbour_is_no_grid_and_neither_are_two_that_differ() -> None:
    assert seen([50.5] * 5, grid(5)) == Compared((), 0, 5)
    assert seen([50.5] * 5, grid(5), grid(5, 49.5)) == Compared((), 0, 5)


def test_where_two_sets_run_those_on_the_grid_outvote_them() -> None:
    told = compared({"a": grid(5, 50.4), "b": grid(5, 49.5), "c": grid(5), "d": grid(5), "e": grid(5)}, T0)
    assert {meter: len(one.runs) for meter, one in told.items()} == {"a": 1, "b": 1, "c": 0, "d": 0, "e": 0}


def test_half_of_them_are_no_majority() -> None:
    told = compared({"a": grid(5, 50.4), "b": grid(5, 50.4), "c": grid(5), "d": grid(5)}, T0)
    assert all(one == Compared((), 0, 5) for one in told.values())
    told = compared({"a": grid(5, 50.8), "b": grid(5, 50.4), "c": grid(5, 50.4), "d": grid(5), "e": grid(5)}, T0)
    assert told["a"] == Compared((), 0, 5)


def test_a_dead_node_has_no_frequency() -> None:
    assert seen([0.0] * 5, grid(5), grid(5)) == Compared((), 0, 5)


def test_above_and_below_the_grid_are_two_runs() -> None:
    told = runs([50.4, 50.4, 50.4, 49.6, 49.6, 49.6], grid(6), grid(6))
    assert [round(run.apart_hz, 1) for run in told] == [0.4, -0.4]


def test_minutes_in_which_the_meter_and_two_others_were_heard_are_known() -> None:
    assert seen([50.0, None, 50.0], grid(3), [50.0, 50.0, 0.0]) == Compared((), 1, 3)
    assert seen([50.0, None, 50.0], grid(3), [50.0, 50.0, 0.0], grid(3)) == Compared((), 2, 3)


@pytest.mark.parametrize("seed", range(20))
def test_the_hours_hold_the_truth_whatever_minutes_are_missing(seed: int) -> None:
    dice = Random(seed)  # noqa: S311 - not for secrets
    from_s, lasted_s = dice.randrange(600, 3000), dice.randrange(600, 6000)
    own: list[float | None] = []
    for n in range(200):
        share = max(0, min(from_s + lasted_s, 60 * n + 60) - max(from_s, 60 * n)) / 60
        own.append(None if dice.random() < 0.1 else 50.0 + 0.4 * share)
    hours = [run.hours for run in runs(own, *[grid(200)] * 2)]
    assert sum(one.low for one in hours) <= lasted_s / 3600 <= sum(one.high for one in hours)
