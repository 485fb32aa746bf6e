"""Where low voltage is looked for first: hand-made minutes."""

from dataclasses import replace

import pytest

from agent.report.voltage.causes import Hint, hints
from agent.report.voltage.quality import Beyond, Quality


def low(minutes: float, hours: dict[int, float], **channels: float) -> Quality:
    by_channel = {
        f"voltage_{name}": (0.0, value) for name, value in (channels or {"l1": minutes, "l2": minutes}).items()
    }
    days = {20_000: minutes / 2, 20_001: minutes / 2}
    return Quality(10_000, 0, 0, (Beyond(0.0, minutes, by_channel),), low_by_day=days, low_by_hour=hours)


ALL_DAY = dict.fromkeys(range(24), 5.0)


def test_low_on_one_phase_is_unbalance() -> None:
    # 114 of 120 phase-minutes lie on l3
    assert hints(low(120, ALL_DAY, l1=6, l3=114), None) == (Hint("one_phase", 120, 0.95, "voltage_l3"),)


def test_low_in_four_hours_is_the_load_of_these_also_around_midnight() -> None:
    # 45 + 35 of 100 minutes lie from 23 h to 2 h
    found = hints(low(100, {23: 45, 1: 35, 12: 20}), None)
    assert found == (Hint("peak_hours", 100, 0.8, "23"),)


@pytest.mark.parametrize(("head_min", "cause"), [(60, "head"), (30, ""), (12, "tail")])
def test_the_meter_upstream_tells_head_from_tail(head_min: float, cause: str) -> None:
    found = hints(low(120, ALL_DAY), ("tx", low(head_min, ALL_DAY)))
    assert [hint.cause for hint in found] == [cause] * bool(cause)
    assert all(hint.share == head_min / 120 and hint.where == "tx" for hint in found)


def test_a_head_of_which_nothing_is_known_says_nothing() -> None:
    assert hints(low(120, ALL_DAY), ("tx", Quality())) == ()


def test_one_bad_day_of_a_week_is_an_event_and_no_habit() -> None:
    once = replace(low(120, {20: 120}), low_by_day={20_000: 120})
    assert hints(once, None) == ()
    # Of a single day it is all there is to see.
    assert [hint.cause for hint in hints(replace(once, monitored_min=1440), None)] == ["peak_hours"]


def test_a_few_minutes_need_no_cause() -> None:
    assert hints(low(29, {20: 29}, l1=29), None) == ()
