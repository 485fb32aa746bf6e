"""A picture as SVG text: voltages in percent, currents below where the meter has them. Pure.

Dots are replies. Lines join what followed each other; across what is missing nothing is drawn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from agent.plot import Axis, Curve, Picture, Point

_WIDTH, _LEFT, _RIGHT = 960, 64, 24
_TOP, _VOLTS_HIGH, _AMPS_HIGH, _BETWEEN, _BOTTOM = 104, 320, 130, 34, 74
# Colours that people who see red and green alike can tell apart: Okabe and Ito's set.
_COLOURS = ("#0072b2", "#d55e00", "#009e73")
_EDGE_COLOURS = {"start": "#e69f00", "end": "#56b4e9"}
_INK, _FAINT, _ALARM = "#222", "#ddd", "#b3261e"


@dataclass(frozen=True, slots=True)
class _Panel:
    """Where one set of curves is drawn. low, high: what its lower and upper edge stand for."""

    axis: Axis
    top: float
    height: float
    low: float
    high: float

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def x(self, t_s: float) -> float:
        return round(_LEFT + self.axis.at(t_s) * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        return round(self.bottom - (value - self.low) / (self.high - self.low) * self.height, 1)


def svg(picture: Picture, footer: str = "") -> str:
    """A whole document. footer: a line of words under the drawing."""
    axis = Axis(picture.span_s, picture.pauses)
    panels = [(_Panel(axis, _TOP, _VOLTS_HIGH, *picture.range_pct), picture.voltages)]
    if picture.currents:
        highest = max([1.0, *(point.value for curve in picture.currents for point in curve.points)])
        lowest = min([0.0, *(point.value for curve in picture.currents for point in curve.points)])
        top = _TOP + _VOLTS_HIGH + _BETWEEN
        panels.append((_Panel(axis, top, _AMPS_HIGH, lowest, 1.08 * highest), picture.currents))
    height = panels[-1][0].bottom + _BOTTOM
    parts = [_head(height), *_titles(picture)]
    parts += _bands(picture, panels[0][0], panels[-1][0])
    parts += [part for panel, curves in panels for part in _drawn(picture, panel, curves)]
    parts += [*_levels(picture, panels[0][0]), *_gaps(picture, panels[0][0], panels[-1][0])]
    parts += _time(axis, panels[-1][0])
    parts.append(_text(_LEFT, height - 12, footer, size=11))
    return "\n".join([*parts, "</svg>", ""])


def _head(height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" '
        f'height="{height:g}" font-family="sans-serif" fill="{_INK}">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>'
    )


def _titles(picture: Picture) -> Iterator[str]:
    yield f"<title>{escape(picture.title)}</title>"
    yield _text(_LEFT, 24, picture.title, size=16, weight="bold")
    for line, fact in enumerate(picture.facts):
        yield _text(_LEFT, 44 + 17 * line, fact)
    for n, bounds in enumerate(picture.bounds):
        x, y = _LEFT + 230 * n, 44 + 17 * len(picture.facts)
        yield f'<rect x="{x}" y="{y - 10}" width="11" height="11" fill="{_EDGE_COLOURS[bounds.words]}"/>'
        yield _text(x + 16, y, f"{bounds.words} lies in ({bounds.earliest_s:.2f}, {bounds.latest_s:.2f}] s")
    for n, curve in enumerate(picture.voltages):
        x = _WIDTH - _RIGHT - 92
        colour = _COLOURS[n % len(_COLOURS)]
        yield f'<line x1="{x}" x2="{x + 18}" y1="{20 + 16 * n}" y2="{20 + 16 * n}" stroke="{colour}" stroke-width="3"/>'
        yield _text(x + 24, 24 + 16 * n, curve.name.removeprefix("voltage_").replace("_", "-"))


def _drawn(picture: Picture, panel: _Panel, curves: Sequence[Curve]) -> Iterator[str]:
    volts = curves is picture.voltages
    yield _text(14, panel.top + 12, "%" if volts else "A", weight="bold")
    for value in _round_values(panel.low, panel.high, panel.height / 32):
        y = panel.y(value)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="{_FAINT}"/>'
        yield _text(_LEFT - 8, y + 4, f"{value:g}", anchor="end")
    for pause in picture.pauses:
        x, width = panel.x(pause.from_s), panel.x(pause.to_s) - panel.x(pause.from_s)
        yield f'<rect x="{x}" y="{panel.top}" width="{width:.1f}" height="{panel.height}" fill="#eee"/>'
    for n, curve in enumerate(curves):
        yield from _curve(curve, panel, _COLOURS[n % len(_COLOURS)])


def _curve(curve: Curve, panel: _Panel, colour: str) -> Iterator[str]:
    yield f'<g stroke="{colour}" fill="{colour}">'
    for run in curve.runs:
        places = " ".join(f"{panel.x(point.t_s)},{panel.y(point.value)}" for point in run)
        yield f'<polyline points="{places}" fill="none" stroke-opacity="0.55"/>'
        yield from (_dot(point, panel) for point in run)
    yield "</g>"


def _dot(point: Point, panel: _Panel) -> str:
    x, y = panel.x(point.t_s), panel.y(point.value)
    if point.questionable:
        return f'<circle cx="{x}" cy="{y}" r="4" fill="none"/>'
    return f'<circle cx="{x}" cy="{y}" r="1.6" stroke="none"/>'


def _levels(picture: Picture, panel: _Panel) -> Iterator[str]:
    for percent, words in picture.levels:
        if panel.low < percent < panel.high:
            y = panel.y(percent)
            place = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"'
            yield f'<line {place} stroke="{_INK}" stroke-dasharray="6 4"/>'
            yield _text(_WIDTH - _RIGHT, y - 4, f"{words} {percent:g} %", size=11, anchor="end")


def _bands(picture: Picture, first: _Panel, last: _Panel) -> Iterator[str]:
    """Where start and end lie, through all panels and under the curves."""
    for bounds in picture.bounds:
        x = first.x(bounds.earliest_s)
        width, colour = max(1.5, first.x(bounds.latest_s) - x), _EDGE_COLOURS[bounds.words]
        place = f'x="{x}" y="{first.top}" width="{width:.1f}" height="{last.bottom - first.top}"'
        yield f'<rect {place} fill="{colour}" fill-opacity="0.35"/>'


def _gaps(picture: Picture, first: _Panel, last: _Panel) -> Iterator[str]:
    """Pauses in words, and lost replies."""
    for pause in picture.pauses:
        middle = (first.x(pause.from_s) + first.x(pause.to_s)) / 2
        words = f"{pause.words}: {pause.to_s - pause.from_s:.1f} s"
        at = f"translate({middle + 4:.1f},{first.top + first.height / 2:.1f}) rotate(-90)"
        yield f'<text transform="{at}" font-size="11" text-anchor="middle">{escape(words)}</text>'
    for t_s in picture.lost_s:
        x, y = first.x(t_s), last.bottom - 5
        yield f'<path d="M{x - 3},{y - 3}l6,6m0,-6l-6,6" stroke="{_ALARM}" stroke-width="1.5"/>'


def _time(axis: Axis, panel: _Panel) -> Iterator[str]:
    y = panel.bottom
    yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="{_INK}"/>'
    for t_s in axis.ticks(0.06):
        x = panel.x(t_s)
        yield f'<line x1="{x}" x2="{x}" y1="{y}" y2="{y + 5}" stroke="{_INK}"/>'
        yield _text(x, y + 19, f"{t_s:g} s", anchor="middle")
    keys = "dot: a reply · open circle: a questionable one · red cross: a reply was lost"
    yield _text(_LEFT, y + 40, keys, size=11)


def _round_values(low: float, high: float, most: float) -> Iterator[float]:
    step = next((step for step in _STEPS if (high - low) / step <= most), _STEPS[-1])
    value = -(-low // step) * step
    while value <= high:
        yield value
        value += step


_STEPS = tuple(mantissa * 10.0**power for power in range(-2, 7) for mantissa in (1, 2, 5))


def _text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(words)}</text>"
    )
