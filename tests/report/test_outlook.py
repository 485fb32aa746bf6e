"""The block that goes on against its limit: forecast and room, computed by hand."""

from dataclasses import replace
from functools import partial
from math import inf
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.report.demand.outlook import NO_AGENT, NO_BLOCK, NO_POWER, STALE, Outlook, outlook
from agent.report.figures import Bounds, Span
from agent.report.period import offset_us, period
from agent.report.record.demand_blocks import BLOCK_US, OpenBlock
from agent.sitefile.days import Workdays, read_days
from agent.sitefile.demand import DemandLimit

ZONE = ZoneInfo("Asia/Shanghai")
MIN = 60_000_000
# Monday, 10:00 there
T0 = period("2026-11-23T10:00..2026-11-23T10:15", 0, ZONE).from_us
LIMIT = DemandLimit("peak", "m", 20e3, ((540, 720),), read_days("workdays"))
# After five minutes 1000 to 1100 Wh were used, and 18 kW are drawn.
BLOCK = OpenBlock("m", T0, T0 + 5 * MIN, T0 + 5 * MIN, Bounds(1000, 1100), 18e3)


def told(block: OpenBlock | None = BLOCK, limit: DemandLimit = LIMIT, now_us: int = T0 + 5 * MIN) -> Outlook:
    return outlook(limit, Workdays(), block, now_us, partial(offset_us, zone=ZONE))


def test_the_forecast_is_what_was_used_and_the_rest_at_this_power() -> None:
    # 10 minutes at 18 kW are 3000 Wh: four times 4000 to 4100.
    assert told().forecast_w == Bounds(16e3, 16.4e3)
    assert told().verdict == "kept"


def test_what_may_still_be_drawn_is_the_room_by_the_time_that_is_left() -> None:
    # 20 kW are 5000 Wh in a block; 3900 to 4000 of them are left for a sixth of an hour.
    assert told().may_draw_w == Bounds(23.4e3, 24e3)


def test_when_the_register_was_read_is_known_between_bounds_and_so_is_the_rest() -> None:
    block = replace(BLOCK, from_us=T0 + 4 * MIN)
    # 10 to 11 minutes at 18 kW are 3000 to 3300 Wh.
    assert told(block).forecast_w == Bounds(16e3, 17.6e3)
    # 3900 Wh in 11 minutes, or 4000 in 10.
    room = told(block).may_draw_w
    assert room is not None
    assert (room.low, room.high) == pytest.approx((3900 * 60 / 11, 24e3))


@pytest.mark.parametrize(("limit_w", "verdict"), [(16.5e3, "kept"), (16.2e3, "undecided"), (15.9e3, "violated")])
def test_the_verdict_of_the_forecast_is_sure_or_undecided(limit_w: float, verdict: str) -> None:
    assert told(limit=replace(LIMIT, limit_w=limit_w)).verdict == verdict


def test_what_was_used_already_may_be_more_than_the_whole_block_may_use() -> None:
    gone = told(limit=replace(LIMIT, limit_w=3.9e3))
    assert (gone.exceeded, gone.may_draw_w) == (True, Bounds(0, 0))
    # 1000 Wh of 1025: it may have been.
    assert not told(limit=replace(LIMIT, limit_w=4.1e3)).exceeded


def test_power_that_flows_out_runs_no_register_of_import() -> None:
    assert told(replace(BLOCK, power_w=-5e3)).forecast_w == Bounds(4000, 4400)


def test_the_window_is_the_one_that_holds_or_the_next() -> None:
    day = 24 * 60 * MIN
    nine_to_noon = Span(T0 - 60 * MIN, T0 + 120 * MIN)
    assert (told().holds, told().window) == (True, nine_to_noon)
    friday_evening = told(now_us=T0 + 4 * day + 600 * MIN)
    assert not friday_evening.holds
    assert friday_evening.window == Span(nine_to_noon.from_us + 7 * day, nine_to_noon.to_us + 7 * day)
    assert told(limit=replace(LIMIT, until_day=0)).window is None


def test_a_night_that_began_yesterday_still_holds() -> None:
    night = replace(LIMIT, windows=((1320, 2040),))  # 22:00 to 10:00
    assert told(limit=night, now_us=T0 + 24 * 60 * MIN - MIN).holds
    assert not told(limit=night, now_us=T0 + 24 * 60 * MIN).holds


@pytest.mark.parametrize(
    ("block", "now_us", "why"),
    [
        (None, T0 + 5 * MIN, NO_BLOCK),
        (BLOCK, T0 + BLOCK_US + MIN, STALE),
        (BLOCK, T0 + 8 * MIN, STALE),
        (replace(BLOCK, power_w=None), T0 + 5 * MIN, NO_POWER),
    ],
)
def test_why_there_is_no_forecast_is_said(block: OpenBlock | None, now_us: int, why: str) -> None:
    found = told(block, now_us=now_us)
    assert (found.forecast_w, found.verdict, found.why) == (None, "undecided", why)


def test_why_there_is_no_block_may_be_another() -> None:
    found = outlook(LIMIT, Workdays(), None, T0, partial(offset_us, zone=ZONE), NO_AGENT)
    assert found.why == NO_AGENT


@given(
    used=st.floats(0, 5000), slack=st.floats(0, 200), read=st.integers(1, 14 * 60), window=st.integers(0, 10),
    at=st.floats(0, 1), watts=st.floats(0, 40e3),
)  # fmt: skip
def test_the_end_lies_within_the_forecast_where_power_stays(
    used: float, slack: float, read: int, window: int, at: float, watts: float
) -> None:
    """Wherever in its window the register was read."""
    to_us = T0 + read * 1_000_000
    from_us = max(T0, to_us - window * 1_000_000)
    found = told(OpenBlock("m", T0, from_us, to_us, Bounds(used, used + slack), watts), now_us=to_us)
    left_us = T0 + BLOCK_US - (from_us + at * (to_us - from_us))
    end_w = 4 * (used + at * slack + watts * left_us / 3_600e6)
    assert found.forecast_w is not None
    assert found.forecast_w.low - 1e-6 <= end_w <= found.forecast_w.high + 1e-6
    assert found.forecast_w.high < inf
