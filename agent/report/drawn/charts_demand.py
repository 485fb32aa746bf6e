"""A day of demand against its limit, as SVG text. Pure."""

from collections.abc import Iterator
from math import isfinite

from agent.records import HOUR_US
from agent.report.demand.compliance import Block
from agent.report.demand.part import DemandPart, WorstDay
from agent.report.drawn.charts import (
    BAR,
    INK,
    LEFT,
    RIGHT,
    SURE,
    TOP,
    WIDTH,
    Frame,
    hour_name,
    line,
    rect,
    steps,
    svg,
    text,
    ticks_y,
)
from agent.report.record.demand_blocks import BLOCK_US

_HEIGHT = 240
# So wide is half a limit's name, as 12345.6 kW.
_HALF_NAME = 40
_SHADE, _BOUND = "#fff3d6", "#555"


def worst_day(part: DemandPart, title: str) -> str:
    """A bar for each block; those of a window that were surely above the limit are orange. A window is shaded, its
    limit drawn through it and named above; what a block may have been is a thin line. Empty where nothing is known."""
    day = part.day
    if day is None or not day.blocks:
        return ""
    highest_w = max(part.limit_w, *(_high_w(block) for block in day.blocks))
    frame = Frame(_HEIGHT, day.span.from_us, day.span.to_us, 0, highest_w / 1000 * 1.08 or 1.0)
    parts = [*_windows(frame, day), *ticks_y(frame, steps(0, frame.high_y, 5), " kW")]
    for block in day.blocks:
        parts += _bar(frame, block, above=block.demand_w.low > part.limit_w and _is_in(block, day))
    parts += _limit(frame, day, part.limit_w / 1000)
    hours = range(int((day.span.to_us - day.span.from_us) // HOUR_US) + 1)
    parts += [text(frame.x(day.span.from_us + hour * HOUR_US), _HEIGHT - 14, hour_name(hour),
                   "end" if hour == hours[-1] else "middle") for hour in hours[::3]]  # fmt: skip
    return svg(_HEIGHT, title, parts)


def _windows(frame: Frame, day: WorstDay) -> Iterator[str]:
    for span in day.windows:
        left = frame.x(span.from_us)
        yield rect(left, TOP, frame.x(span.to_us) - left, frame.y(0) - TOP, _SHADE)


def _limit(frame: Frame, day: WorstDay, limit_kw: float) -> Iterator[str]:
    y = frame.y(limit_kw)
    yield line(LEFT, y, WIDTH - RIGHT, y, INK, "2 5")
    named_until = 0.0
    for span in day.windows:
        left, right = frame.x(span.from_us), frame.x(span.to_us)
        yield f'<line x1="{left}" y1="{y}" x2="{right}" y2="{y}" stroke="{INK}" stroke-width="2.5"/>'
        middle = round(min(max((left + right) / 2, LEFT + _HALF_NAME), WIDTH - RIGHT - _HALF_NAME), 1)
        if middle - _HALF_NAME >= named_until:
            # Above the plot: beside its line it would lie across bars.
            yield text(middle, TOP - 3, f"{limit_kw:g} kW", "middle")
            named_until = middle + _HALF_NAME


def _bar(frame: Frame, block: Block, *, above: bool) -> Iterator[str]:
    left, right = frame.x(block.start_us), frame.x(block.start_us + BLOCK_US)
    top = frame.y(block.value_w / 1000)
    yield rect(left + 0.6, top, right - left - 1.2, frame.y(0) - top, SURE if above else BAR)
    low, high = frame.y(block.demand_w.low / 1000), frame.y(_high_w(block) / 1000)
    if low - high > 1.5:
        middle = round((left + right) / 2, 1)
        yield line(middle, low, middle, high, _BOUND)


def _high_w(block: Block) -> float:
    return block.demand_w.high if isfinite(block.demand_w.high) else block.value_w


def _is_in(block: Block, day: WorstDay) -> bool:
    return any(span.from_us <= block.start_us < span.to_us for span in day.windows)
