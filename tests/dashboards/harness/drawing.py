"""A dashboard as a page to be looked at: its own layout, with the answers of a database, in HTML and SVG.

It is no Grafana: colours, units and legends are near to what Grafana draws, the sizes of panels are its own.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from math import isfinite, log10
from typing import Any

from grafana_queries import reduced

from agent.dashboards.grid import placed
from agent.dashboards.model import Dashboard, Override, Panel, Query

Series = Mapping[str, Any]
# The series of an answer, and from when to when it was asked for.
Ask = Callable[[Panel, Query], tuple[Sequence[Series], tuple[int, int]]]
Line = tuple[str, list[tuple[float, float]]]

_CELL_PX, _GAP_PX, _PAGE_PX = 38, 8, 1900
_COLOURS = (
    "#7eb26d",
    "#eab839",
    "#6ed0e0",
    "#ef843c",
    "#e24d42",
    "#1f78c1",
    "#ba43a9",
    "#705da0",
    "#508642",
    "#cca300",
)
# As Grafana's dark theme has them.
_NAMED = {
    "text": "#ccccdc", "transparent": "#ccccdc", "green": "#73bf69", "orange": "#ff9830", "red": "#f2495c",
    "yellow": "#fade2a", "blue": "#5794f2", "purple": "#b877d9",
}  # fmt: skip
_SYMBOLS = {
    "volt": "V", "amp": "A", "watt": "W", "voltampreact": "var", "watth": "Wh", "varh": "varh", "hertz": "Hz",
    "percent": "%", "bytes": "B", "d": "d", "suffix:min": "min",
}  # fmt: skip
_SECONDS = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "mins"), (1.0, "s"), (0.001, "ms"))
# Part of its step that a bar takes.
_BAR = 0.6
_STYLE = """
body{background:#111217;color:#ccccdc;font:13px Inter,Helvetica,sans-serif;margin:8px;width:1900px}
h1{font-size:20px;margin:4px 0 10px} .place{position:absolute;box-sizing:border-box}
.panel{background:#181b1f;border:1px solid #2c3235;overflow:hidden;padding:6px}
.panel h3{font-size:13px;margin:0 0 4px;font-weight:500} .heading{font-size:15px;padding:8px 2px}
table{border-collapse:collapse;table-layout:fixed;font-size:12px} td.wrap{white-space:normal}
td,th{box-sizing:border-box;text-align:left;padding:3px 6px;
border-bottom:1px solid #2c3235;overflow:hidden;text-overflow:ellipsis;white-space:nowrap} th{color:#6e9fff}
.none{color:#8e8e99;text-align:center;padding-top:10%} .stat{display:flex;gap:6px;height:80%}
.stat div{flex:1;text-align:center} .stat b{display:block;font-size:28px;font-weight:500}
svg text{fill:#8e8e99;font-size:10px}
.legend{font-size:11px;color:#8e8e99;white-space:nowrap;overflow:hidden} .text{font-size:13px;line-height:1.45}
"""


def page(dashboard: Dashboard, ask: Ask, chosen: Mapping[str, str]) -> tuple[str, int]:
    """The page, and how high it is. chosen: variables that headings name"""
    parts, bottom = [], 0
    for row in placed(dashboard.rows):
        parts.append(_box(row.heading, "heading", f"&#9662; {escape(_headed(row.row.title, chosen))}"))
        for panel, place in row.panels:
            body = _body(panel, ask, _width_px(place.width) - 20, place.height * _CELL_PX - 50)
            parts.append(_box(place, "panel", f"<h3>{escape(panel.title)}</h3>{body}"))
            bottom = max(bottom, place.y + place.height)
        bottom = max(bottom, row.heading.y + row.heading.height)
    height_px = bottom * _CELL_PX + 80
    head = f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style><h1>{escape(dashboard.title)}</h1>"
    return f'{head}<div style="position:relative;height:{height_px}px">{"".join(parts)}</div>', height_px + 60


def _headed(title: str, chosen: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: chosen.get(found[1], found[0]), title)


def _width_px(columns: int) -> float:
    return columns * _PAGE_PX / 24 - _GAP_PX


def _box(place: Any, kind: str, body: str) -> str:
    left, top = place.x * _PAGE_PX / 24, place.y * _CELL_PX
    size = f"width:{_width_px(place.width)}px;height:{place.height * _CELL_PX - _GAP_PX}px"
    return f'<div class="place {kind}" style="left:{left}px;top:{top}px;{size}">{body}</div>'


def _body(panel: Panel, ask: Ask, width: float, height: float) -> str:
    if panel.kind == "text":
        return f"<div class=text>{_markdown(panel.text)}</div>"
    asked = [(query, *ask(panel, query)) for query in panel.queries]
    answers, (_, _, span_ms) = [(query, series) for query, series, _ in asked], asked[0]
    if not any(series for _, series in answers):
        return f"<div class=none>{escape(panel.no_data)}</div>"
    if panel.kind == "table":
        return _table(panel, [row for _, some in answers for row in _rows(some)], width)
    if panel.kind == "xychart":
        return _clouds(panel, [row for _, some in answers for row in _rows(some)], width, height - 22)
    lines = [line for query, some in answers for line in _lines(query, some)]
    drawn = {"stat": _stat, "state-timeline": _states}.get(panel.kind, _graph)
    return drawn(panel, lines, span_ms, width, height)


def _markdown(text: str) -> str:
    said = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", re.sub(r"`(.+?)`", r"<code>\1</code>", escape(text)))
    return re.sub(r"^( *)- ", lambda found: f"{'&nbsp;' * 3 * len(found[1])}&bull; ", said, flags=re.MULTILINE).replace(
        "\n", "<br>"
    )


def _rows(series: Sequence[Series]) -> Iterator[dict[str, Any]]:
    for one in series:
        for values in one["values"]:
            yield {**one.get("tags", {}), **dict(zip(one["columns"], values, strict=True))}


def _lines(query: Query, series: Sequence[Series]) -> Iterator[Line]:
    for one in series:
        for place, column in enumerate(one["columns"][1:], start=1):
            points = [(row[0], row[place]) for row in one["values"] if isinstance(row[place], int | float)]
            if points:
                yield _name(query.alias or "$col", one.get("tags", {})).replace("$col", column), points


def _name(alias: str, tags: Mapping[str, str]) -> str:
    return re.sub(r"\$tag_(\w+)", lambda found: tags.get(found[1], ""), alias)


# --- numbers and colours ----------------------------------------------------------------------------------------


def _like(overrides: Sequence[Override], name: str) -> Override:
    for one in overrides:
        if one.field == name or (one.field.startswith("/") and re.search(one.field.strip("/"), name)):
            return one
    return Override(name)


def _shown(value: Any, unit: str, decimals: int | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return str(value)
    if unit.startswith("dateTime"):
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    if unit == "percentunit":
        return f"{100 * value:.{1 if decimals is None else decimals}f} %"
    return _number(float(value), unit, decimals)


def _number(value: float, unit: str, decimals: int | None) -> str:
    if unit == "s":
        size, word = next((one for one in _SECONDS if abs(value) >= one[0]), _SECONDS[-2])
        return f"{value / size:.{2 if decimals is None else decimals}f} {word}"
    if unit in ("watt", "watth", "varh", "voltampreact", "bytes"):
        for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= limit:
                return f"{value / limit:.2f} {letter}{_SYMBOLS[unit]}"
    text = f"{value:.{decimals}f}" if decimals is not None else f"{value:.5g}"
    return f"{text} {_SYMBOLS[unit]}" if unit in _SYMBOLS else text


def _colour(panel: Panel, override: Override, value: Any) -> str:
    for one in override.mappings or panel.mappings:
        if one.colour and str(value) == one.value:
            return _hue(one.colour)
    thresholds = override.thresholds or panel.thresholds
    if override.colour or not thresholds or not isinstance(value, int | float):
        return _hue(override.colour or "text")
    passed = [one.colour for one in thresholds if one.above is None or value >= one.above]
    return _hue(passed[-1] if passed else "text")


def _hue(colour: str) -> str:
    return _NAMED.get(colour, colour)


def _of_series(panel: Panel, number: int, name: str) -> str:
    return _hue(_like(panel.overrides, name).colour or _COLOURS[number % len(_COLOURS)])


# --- kinds of panels --------------------------------------------------------------------------------------------


def _stat(panel: Panel, lines: list[Line], *_: Any) -> str:
    boxes = []
    for name, points in lines:
        override = _like(panel.overrides, name)
        value = reduced(panel.show, [y for _, y in points])
        decimals = panel.decimals if override.decimals is None else override.decimals
        text, colour = _shown(value, override.unit or panel.unit, decimals), _colour(panel, override, value)
        boxes.append(f'<div>{escape(override.title or name)}<b style="color:{colour}">{escape(text)}</b></div>')
    return f"<div class=stat>{''.join(boxes)}</div>"


def _table(panel: Panel, rows: list[dict[str, Any]], width: float) -> str:
    """Columns have their widths, and those without one the rest; what is too much is cut off, where Grafana scrolls."""
    columns = panel.columns or tuple(Override(name) for name in rows[0])
    names = {one.field: one.title or one.field for one in columns}
    by = next((field for field, title in names.items() if title == panel.sort_by), "time")
    rows = sorted(rows, key=lambda row: (row.get(by) is not None, row.get(by)), reverse=panel.descending)
    given, free = sum(one.width or 0 for one in columns), sum(one.width is None for one in columns)
    rest = max(150.0, (width - given) / max(1, free))
    head = "".join(f"<th style=width:{one.width or rest:.0f}px>{escape(names[one.field])}</th>" for one in columns)
    body = "".join(f"<tr>{''.join(_cell(panel, one, row) for one in columns)}</tr>" for row in rows)
    return f'<table style="width:{given + free * rest:.0f}px"><tr>{head}</tr>{body}</table>'


def _cell(panel: Panel, column: Override, row: Mapping[str, Any]) -> str:
    value = row.get("time" if column.field == "Time" else column.field)
    mapped = next((one for one in column.mappings if str(value) == one.value), None)
    text = mapped.text if mapped else _shown(value, column.unit, column.decimals)
    colour = _colour(panel, column, value)
    style = f"background:{colour};color:#111" if column.cell and colour != _NAMED["text"] else f"color:{colour}"
    return f'<td{" class=wrap" * column.wrap} style="{style}">{escape(text)}</td>'


def _graph(panel: Panel, lines: list[Line], span_ms: tuple[int, int], width: float, height: float) -> str:
    lines = _on_each_other(lines) if panel.stacked else lines
    values = [y for _, points in lines for _, y in points]
    values += [one.above for one in panel.thresholds if panel.lines and one.above is not None]
    low = min(values) if panel.y.minimum is None else panel.y.minimum
    high = max(values) if panel.y.maximum is None else panel.y.maximum
    high = high if high > low else low + 1
    plot = _Plot(span_ms, (low, high), width, height - 22)
    drawn = [*plot.axes(panel)]
    # What is stacked is drawn from the top: each covers the lower part of the one before.
    for number, (name, points) in sorted(enumerate(lines), reverse=panel.stacked):
        drawn.append(plot.line(points, _of_series(panel, number, name), _like(panel.overrides, name), panel))
    legend = " &nbsp; ".join(
        f'<span style="color:{_of_series(panel, n, name)}">&#9644;</span> '
        f"{escape(_like(panel.overrides, name).title or name)}" for n, (name, _) in enumerate(lines)
    )  # fmt: skip
    return f'<svg width="{width:.0f}" height="{height - 22:.0f}">{"".join(drawn)}</svg><div class=legend>{legend}</div>'


def _on_each_other(lines: list[Line]) -> list[Line]:
    heights: dict[float, float] = {}
    stacked = []
    for name, points in lines:
        for x, y in points:
            heights[x] = heights.get(x, 0.0) + y
        stacked.append((name, [(x, heights[x]) for x, _ in points]))
    return stacked


class _Plot:
    def __init__(self, x: tuple[float, float], y: tuple[float, float], width: float, height: float) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return 70 + across * (self.width - 80), (self.height - 26) * (1 - up) + 10

    def axes(self, panel: Panel) -> Iterator[str]:
        for step in range(5):
            value = self.y[0] + step * (self.y[1] - self.y[0]) / 4
            _, y = self.at(self.x[0], value)
            yield f'<line x1=70 x2="{self.width}" y1="{y:.1f}" y2="{y:.1f}" stroke="#2c3235"/>'
            yield f'<text x=64 y="{y + 3:.1f}" text-anchor=end>{escape(_shown(value, panel.unit, None))}</text>'
        clock = "%H:%M" if self.x[1] - self.x[0] > 600_000 else "%H:%M:%S"
        for step in range(7):
            at_ms = self.x[0] + step * (self.x[1] - self.x[0]) / 6
            x, _ = self.at(at_ms, self.y[0])
            said = f"{datetime.fromtimestamp(at_ms / 1000, UTC):{clock}}"
            yield f'<text x="{min(x, self.width - 30):.1f}" y="{self.height - 2:.1f}">{said}</text>'

    def line(self, points: list[tuple[float, float]], colour: str, override: Override, panel: Panel) -> str:
        places = [self.at(x, y) for x, y in points if isfinite(y)]
        draw = override.draw or panel.draw
        base = self.at(self.x[0], max(0.0, self.y[0]))[1]
        if draw == "bars":
            sized = [(x, y, max(0.0, base - y)) for x, y in places]
            steps = [later - x for (x, _), (later, _) in pairwise(places) if later > x]
            wide = max(1.0, _BAR * min(steps, default=8.0))
            return "".join(
                f'<rect x="{x - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{colour}"/>'
                for x, y, high in sized
            )
        if draw == "points":
            return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r=2 fill="{colour}"/>' for x, y in places)
        thick = 1 if override.line_width is None else max(0.3, override.line_width)
        dash = ' stroke-dasharray="5 4"' if override.dashed else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        return f'<polyline points="{path}" fill=none stroke="{colour}" stroke-width={thick}{dash} />'


def _states(panel: Panel, lines: list[Line], span_ms: tuple[int, int], width: float, height: float) -> str:
    each_px = max(8.0, height / max(1, len(lines)) - 3)
    drawn = []
    for number, (name, points) in enumerate(sorted(lines)):
        top = number * (each_px + 3)
        drawn.append(f'<text x=0 y="{top + each_px / 2 + 3:.1f}">{escape(name)}</text>')
        steps = [later - at for (at, _), (later, _) in pairwise(points)]
        step_ms = min(steps, default=60_000)
        for at_ms, value in points:
            x = 120 + (at_ms - span_ms[0]) / (span_ms[1] - span_ms[0]) * (width - 120)
            wide = step_ms / (span_ms[1] - span_ms[0]) * (width - 120) + 0.4
            place = f'x="{x:.1f}" y="{top:.1f}" width="{wide:.2f}" height="{each_px:.1f}"'
            drawn.append(f'<rect {place} fill="{_state(panel, value)}"/>')
    return f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(drawn)}</svg>'


def _state(panel: Panel, value: float) -> str:
    for one in panel.mappings:
        first = float(one.value)
        if first <= value <= (first if one.up_to is None else one.up_to):
            return _hue(one.colour)
    return _colour(panel, Override(""), value)


def _clouds(panel: Panel, rows: list[dict[str, Any]], width: float, height: float) -> str:
    scale: Callable[[float], float] = (lambda x: log10(x)) if panel.x.log else (lambda x: x)
    clouds = [(one, [(scale(x), y) for x, y in _places(rows, one.x, one.y)]) for one in panel.clouds]
    xs = [x for _, points in clouds for x, _ in points] or [0.0]
    low, high = panel.y.minimum or 0.0, panel.y.maximum or 100.0
    left = min(xs) - 0.2 if panel.x.minimum is None else scale(panel.x.minimum)
    plot = _Plot((left, max(xs) + 0.2), (low, high), width, height)
    drawn = [axis for axis in plot.axes(panel) if ":" not in axis]
    drawn += [
        f'<text x="{plot.at(power, low)[0]:.0f}" y="{height - 2:.0f}">{10.0**power:g} s</text>'
        for power in range(-3, 6)
        if panel.x.log and plot.x[0] <= power <= plot.x[1]
    ]
    for cloud, points in clouds:
        places = [plot.at(*point) for point in points]
        if cloud.line:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            drawn.append(f'<polyline points="{path}" fill=none stroke="{_hue(cloud.colour)}" stroke-width=2 />')
            continue
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r=4 fill="{_hue(cloud.colour)}"/>' for x, y in places]
    legend = " &nbsp; ".join(
        f'<span style="color:{_hue(cloud.colour)}">&#9644;</span> {escape(cloud.title)}' for cloud in panel.clouds
    )
    svg = f'<svg width="{width:.0f}" height="{height:.0f}">{"".join(drawn)}</svg>'
    return f"{svg}<div class=legend>{legend}</div>"


def _places(rows: list[dict[str, Any]], x: str, y: str) -> Iterator[tuple[float, float]]:
    return ((row[x], row[y]) for row in rows if row.get(x) is not None and row.get(y) is not None)
