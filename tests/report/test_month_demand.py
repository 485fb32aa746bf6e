"""Limits of demand in the simulated month: what was kept, curtailed and made up for, against what really was."""

from math import isfinite

import pytest
from report_month import DAY_MIN, HOUR_US, MIN_US
from report_told import Told

from agent.report.demand.compliance import Compliance
from agent.report.demand.part import DemandPart
from agent.report.figures import Bounds, Span

QUARTER_US = 15 * MIN_US
DAY_US = DAY_MIN * MIN_US


def part(told: Told, name: str) -> DemandPart:
    return next(one for one in told.report.demand if one.name == name)


def powers_w(told: Told, meter: str, span: Span) -> list[float]:
    """Of each quarter of an hour, as it was."""
    energy = told.world.energy_wh
    ticks = range(span.from_us, span.to_us, QUARTER_US)
    return [4 * (energy(meter, at_us + QUARTER_US) - energy(meter, at_us)) for at_us in ticks]


def widened(bounds: Bounds) -> Bounds:
    """By what adding up of floats costs."""
    return Bounds(bounds.low - 1e-6 * abs(bounds.low) - 1e-3, bounds.high + 1e-6 * abs(bounds.high) + 1e-3)


def test_each_limit_has_a_window_on_each_day_on_which_it_held(told: Told) -> None:
    days = told.world.minutes // DAY_MIN
    held = days if days <= 2 else days - told.world.sheds_from
    assert [len(one.windows) for one in told.report.demand] == [held, min(7, held), min(7, held)]
    for one in told.report.demand:
        hours = [(window.window.span.from_us - told.world.period.from_us) / HOUR_US % 24 for window in one.windows]
        assert set(hours) == {19.0 if one.name == "agreed" else 18.0}


def test_no_verdict_is_wrong_and_few_are_missing(told: Told) -> None:
    for one in told.report.demand:
        for window in one.windows:
            truth = max(powers_w(told, one.meter, window.window.span))
            wrong = "kept" if truth > one.limit_w else "violated"
            assert window.verdict != wrong, (one.name, window)
        # What was not heard leaves some open.
        assert one.count("undecided") <= 0.3 * len(one.windows) + 1


def test_the_factory_was_above_its_limit_on_each_seventh_day_and_on_no_other(told: Told) -> None:
    agreed = part(told, "agreed")
    for window in agreed.windows:
        day = (window.window.span.from_us - told.world.period.from_us) // DAY_US
        shed = day >= told.world.sheds_from and day % 7 != 3
        assert window.verdict in ("kept" if shed else "violated", "undecided"), day
    assert agreed.verdict == "violated"
    assert agreed.count("kept") >= 1


def test_who_was_ordered_to_curtail_and_who_obeyed(told: Told) -> None:
    assert part(told, "order-1").verdict == "violated"
    assert part(told, "order-2").verdict in ("kept", "undecided")
    assert part(told, "order-2").count("violated") == 0
    for name in ("order-1", "order-2"):
        one = part(told, name)
        assert one.allowed_wh == pytest.approx(2 * one.limit_w * len(one.windows))


def test_highest_block_headroom_and_energy_of_each_window_hold_the_truth(told: Told) -> None:
    for one in told.report.demand:
        for window in one.windows:
            powers = powers_w(told, one.meter, window.window.span)
            assert max(powers) in widened(window.highest_w)
            assert one.limit_w - max(powers) in widened(window.headroom_w)
            assert sum(powers) / 4 in widened(window.used_wh)
        used = sum(sum(powers_w(told, one.meter, window.window.span)) / 4 for window in one.windows)
        assert used in widened(one.used_wh)


def _usual_w(told: Told, meter: str, span: Span) -> list[float]:
    """Means of the same quarters of an hour of five days of the same kind, before the limit held."""
    kind = _is_working(told, span.from_us)
    before = [day for day in range(told.world.sheds_from) if _is_working(told, _same(told, span, day).from_us) == kind]
    days = before[-5:]
    assert len(days) == 5
    same = [powers_w(told, meter, _same(told, span, day)) for day in days]
    return [sum(powers) / 5 for powers in zip(*same, strict=True)]


def _same(told: Told, span: Span, day: int) -> Span:
    """The same time of another day of the period."""
    begin_us = told.world.period.from_us
    shift_us = (day - (span.from_us - begin_us) // DAY_US) * DAY_US
    return Span(span.from_us + shift_us, span.to_us + shift_us)


def _is_working(told: Told, at_us: int) -> bool:
    """2026-10-01, on which the period begins, is a Thursday."""
    return ((at_us - told.world.period.from_us) // DAY_US + 3) % 7 < 5


def _known(windows: list[Compliance]) -> list[Compliance]:
    return [window for window in windows if window.curtailed_wh.value is not None]


def test_curtailed_energy_and_rebound_are_against_five_days_before_the_limit(told: Told) -> None:
    """Two weeks have ten working days and four others: those have no baseline, and two days have none at all. Registers
    are read once a minute: half of that at either end is worth 4 kWh."""
    agreed = part(told, "agreed")
    if told.world.minutes <= 2 * DAY_MIN:
        assert agreed.curtailed_wh.value is None
        assert "five like days" in agreed.curtailed_wh.why
        return
    known = _known(list(agreed.windows))
    assert len(known) >= 3
    for window in known:
        span = window.window.span
        saved = sum(_usual_w(told, agreed.meter, span)) / 4 - sum(powers_w(told, agreed.meter, span)) / 4
        assert window.curtailed_wh.value == pytest.approx(saved, abs=6e3)
        assert _is_working(told, span.from_us)
        if isinstance(window.rebound_w.value, float):
            after = Span(span.to_us, span.to_us + HOUR_US)
            apart = sum(powers_w(told, agreed.meter, after)) / 4 - sum(_usual_w(told, agreed.meter, after)) / 4
            assert window.rebound_w.value == pytest.approx(apart, abs=6e3)
    # 140 kW less for two hours, then 30 kW more for one.
    assert max(window.curtailed_wh.value for window in known) == pytest.approx(280e3, rel=0.02)  # type: ignore[type-var]
    assert agreed.rebound_w.value == pytest.approx(30e3, abs=5e3)


def test_the_highest_day_is_one_on_which_the_factory_did_not_shed(told: Told) -> None:
    day = part(told, "agreed").day
    assert day is not None
    number = (day.span.from_us - told.world.period.from_us) // DAY_US
    assert number < told.world.sheds_from or number % 7 == 3
    assert day.span.length_us == DAY_US
    assert len(day.blocks) > 80
    assert all(isfinite(block.value_w) for block in day.blocks)
    assert [(span.from_us - day.span.from_us) / HOUR_US for span in day.windows] == [19.0]


def test_coverage_is_of_the_blocks_of_windows(told: Told) -> None:
    for one in told.report.demand:
        assert one.coverage == pytest.approx(sum(window.coverage for window in one.windows) / len(one.windows))
        assert one.coverage > 0.9
