"""What the running agent answers of limits of demand: the block that goes on, and where it will end."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from agent.clock import rfc3339

if TYPE_CHECKING:
    from agent.app import App
    from agent.report.demand.outlook import Outlook
    from agent.report.figures import Bounds
    from agent.report.record.demand_blocks import OpenBlock


def demand_answer(app: "App") -> list[dict[str, object]]:
    """Each limit of the site as it stands now."""
    if not app.site.demand.limits:
        return []
    # Only sites with limits pay for what computes them, and for the tables of time zones.
    from zoneinfo import ZoneInfo

    from agent.report.demand.outlook import outlook
    from agent.report.period import offset_us

    now_us, offset_of = app.clock.wall_us(), partial(offset_us, zone=ZoneInfo(app.site.time_zone))
    workdays = app.site.demand.workdays
    return [
        _standing(outlook(limit, workdays, app.intervals.open_block(limit.meter), now_us, offset_of))
        for limit in app.site.demand.limits
    ]


def open_blocks(app: "App") -> Iterator[dict[str, object]]:
    """Of meters with a limit, for reports."""
    found = (app.intervals.open_block(meter) for meter in app.site.demand.meters)
    return (_block(block) for block in found if block is not None)


def _block(block: "OpenBlock") -> dict[str, object]:
    return {
        "meter": block.meter, "start_us": block.start_us, "from_us": block.from_us, "to_us": block.to_us,
        "used_wh": _two(block.used_wh), "power_w": block.power_w,
    }  # fmt: skip


def _standing(told: "Outlook") -> dict[str, object]:
    """window: the one that holds, or the next one within a week; bounds as [low, high], null where not known."""
    return {
        "limit": told.limit,
        "meter": told.meter,
        "limit_w": told.limit_w,
        "holds": told.holds,
        "window": None if told.window is None else [rfc3339(told.window.from_us), rfc3339(told.window.to_us)],
        "block": [rfc3339(told.block.from_us), rfc3339(told.block.to_us)],
        "read": None if told.read_us is None else rfc3339(told.read_us),
        "used_wh": _two(told.used_wh),
        "power_w": told.power_w,
        "forecast_w": _two(told.forecast_w),
        "may_draw_w": _two(told.may_draw_w),
        "verdict": told.verdict,
        "exceeded": told.exceeded,
        "why": told.why,
    }


def _two(bounds: "Bounds | None") -> list[float] | None:
    return None if bounds is None else [round(bounds.low, 1), round(bounds.high, 1)]
