"""Sets that run on a frequency of their own."""

from collections.abc import Mapping

import pytest

from agent.records import MINUTE_US, Interval
from agent.report.generators import own_frequency

T0 = 1_790_000_400_000_000


def minutes(*hertz: float | None) -> list[Interval]:
    return [Interval("interval_1min", "v", T0 + n * MINUTE_US, 1.0, 0.0, {} if hz is None else {"frequency": hz})
            for n, hz in enumerate(hertz)]  # fmt: skip


def grid(count: int, hz: float = 50.0) -> Mapping[int, float]:
    return {T0 + n * MINUTE_US: hz for n in range(count)}


def test_a_set_runs_while_its_frequency_is_apart_from_its_neighbours() -> None:
    (run,) = own_frequency("v", minutes(50.0, 50.4, 50.5, 50.6, 50.0), [grid(5), grid(5, 50.02), grid(5, 49.98)])
    assert (run.meter, run.span.from_us, run.span.to_us) == ("v", T0 + MINUTE_US, T0 + 4 * MINUTE_US)
    assert run.apart_hz == pytest.approx(0.5)
    assert run.hours == pytest.approx(3 / 60)


def test_two_minutes_are_no_run() -> None:
    assert own_frequency("v", minutes(50.0, 50.5, 50.5, 50.0), [grid(4), grid(4)]) == ()


def test_a_minute_that_is_missing_ends_a_run() -> None:
    assert own_frequency("v", minutes(50.5, 50.5, None, 50.5, 50.5), [grid(5), grid(5)]) == ()


def test_a_tenth_of_a_hertz_is_not_apart() -> None:
    assert own_frequency("v", minutes(*[50.09] * 5), [grid(5), grid(5)]) == ()


def test_one_neighbour_is_no_grid_and_neither_are_two_that_differ() -> None:
    assert own_frequency("v", minutes(*[50.5] * 5), [grid(5)]) == ()
    assert own_frequency("v", minutes(*[50.5] * 5), [grid(5), grid(5, 50.5)]) == ()


def test_a_dead_node_has_no_frequency() -> None:
    assert own_frequency("v", minutes(*[0.0] * 5), [grid(5), grid(5)]) == ()


def test_above_and_below_the_grid_are_two_runs() -> None:
    told = own_frequency("v", minutes(50.4, 50.4, 50.4, 49.6, 49.6, 49.6), [grid(6), grid(6)])
    assert [round(run.apart_hz, 1) for run in told] == [0.4, -0.4]
