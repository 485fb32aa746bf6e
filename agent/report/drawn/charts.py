"""Charts of a report as SVG text. Pure. Colours repeat what lines and words say: it reads on a grey print, too."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from math import log10

from agent.detect.curves import ITIC_LOWER, ITIC_UPPER, Curve
from agent.report.figures import Bounds, Span
from agent.report.reliability.outages import Interruption
from agent.report.voltage.quality import BIN, Limits

WIDTH = 900
LEFT, RIGHT, TOP, BOTTOM = 70, 16, 14, 34
INK, FAINT, BAR, SURE, MAYBE = "#222", "#ddd", "#0072b2", "#d55e00", "#f3c9ad"


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a chart is drawn: what its edges stand for."""

    height: int
    low_x: float
    high_x: float
    low_y: float
    high_y: float
    left: int = LEFT

    def x(self, value: float) -> float:
        share = (value - self.low_x) / (self.high_x - self.low_x)
        return round(self.left + min(1.0, max(0.0, share)) * (WIDTH - self.left - RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self.low_y) / (self.high_y - self.low_y)
        return round(self.height - BOTTOM - min(1.0, max(0.0, share)) * (self.height - TOP - BOTTOM), 1)


def svg(height: int, title: str, parts: Iterable[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>"])


def text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{INK}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = FAINT, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"{dashes}/>'


def rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{max(1.0, round(width, 1))}" height="{round(height, 1)}" fill="{colour}"/>'


def ticks_y(frame: Frame, values: Sequence[float], unit: str) -> Iterator[str]:
    for value in values:
        yield line(LEFT, frame.y(value), WIDTH - RIGHT, frame.y(value))
        yield text(LEFT - 6, frame.y(value) + 4, f"{value:g}{unit}", "end")


def steps(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two."""
    raw = (high - low) / count or 1.0
    scale = 10.0 ** int(log10(raw) - (raw < 1))
    step = next(scale * factor for factor in (1, 2, 5, 10, 20) if scale * factor >= raw)
    first = int(low / step) * step
    return [round(first + n * step, 10) for n in range(count * 2 + 3) if low <= first + n * step <= high * 1.0001]


# What lies farther from the nominal voltage than this, as of a lost phase, is told by a bar at the end.
_FAR = 0.15


def histogram(minutes: Mapping[int, float], nominal_v: float, limits: Limits, title: str) -> str:
    """Minutes by voltage; what is beyond the limits is orange. All that lies far out has one bar at either end."""
    if not minutes:
        return ""
    per_v = BIN * nominal_v
    near = int(min(1 - _FAR, limits.low_v / nominal_v) / BIN), int(max(1 + _FAR, limits.high_v / nominal_v) / BIN)
    inside = {place: count for place, count in minutes.items() if near[0] <= place <= near[1]}
    below = sum(count for place, count in minutes.items() if place < near[0])
    above = sum(count for place, count in minutes.items() if place > near[1])
    first = near[0] if below else min(inside, default=near[0])
    last = near[1] if above else max(inside, default=near[1])
    frame = Frame(220, min(first * per_v, limits.low_v) - 4 * per_v, max((last + 1) * per_v, limits.high_v) + 4 * per_v,
                  0, max(below, above, *inside.values()) * 1.05)  # fmt: skip
    width = frame.x(frame.low_x + per_v) - frame.x(frame.low_x)
    parts = list(ticks_y(frame, steps(0, frame.high_y, 4), " min"))
    for place, count in sorted(inside.items()):
        beyond = not limits.low_v <= (place + 0.5) * per_v <= limits.high_v
        parts.append(rect(frame.x(place * per_v), frame.y(count), width - 0.6, frame.y(0) - frame.y(count),
                           SURE if beyond else BAR))  # fmt: skip
    for limit in (limits.low_v, limits.high_v):
        parts.append(line(frame.x(limit), TOP, frame.x(limit), frame.y(0), INK, "4 3"))
        parts.append(text(frame.x(limit), frame.height - 3, f"{limit:g} V", "middle"))
    parts += _far_out(frame, below, near[0] * per_v, 2 * width, "<")
    parts += _far_out(frame, above, (near[1] + 1) * per_v, 2 * width, ">")
    parts += [text(frame.x(volts), frame.height - 18, f"{volts:g} V", "middle")
              for volts in steps(frame.low_x, frame.high_x, 8)]  # fmt: skip
    return svg(frame.height, title, parts)


def _far_out(frame: Frame, minutes: float, from_v: float, width: float, sign: str) -> list[str]:
    """A bar at the end of the axis, with its number: it is often too low to be seen."""
    if not minutes:
        return []
    left = frame.x(frame.low_x) if sign == "<" else frame.x(frame.high_x) - width
    words, anchor = f"{sign} {from_v:.0f} V: {minutes:,.0f}", "start" if sign == "<" else "end"
    at_x = left if sign == "<" else left + width
    return [
        rect(left, frame.y(minutes), width, frame.y(0) - frame.y(minutes), SURE),
        text(at_x, frame.y(minutes) - 4, words, anchor, 11),
    ]


def daily_profile(hours: Mapping[int, tuple[float, float, float]], limits: Limits, title: str) -> str:
    """Lowest to highest 10-min mean of each local hour, and their mean. What lies further out than the limits are apart
    stands as a number at the end: a dead hour would press all others into a line."""
    if not hours:
        return ""
    apart = limits.high_v - limits.low_v
    low = max(min([limits.low_v, *(lowest for lowest, _, _ in hours.values())]), limits.low_v - apart)
    high = min(max([limits.high_v, *(highest for _, _, highest in hours.values())]), limits.high_v + apart)
    frame = Frame(220, 0, 24, low - 0.01 * high, high * 1.01)
    parts = list(ticks_y(frame, steps(frame.low_y, frame.high_y, 4), " V"))
    for hour, (lowest, mean, highest) in sorted(hours.items()):
        left, width = frame.x(hour + 0.15), frame.x(0.7) - frame.x(0)
        top, bottom = frame.y(min(highest, high)), frame.y(max(lowest, low))
        parts.append(rect(left, top, width, max(bottom - top, 0), "#9ecae8"))
        if low <= mean <= high:
            parts.append(line(left, frame.y(mean), left + width, frame.y(mean), INK))
        if lowest < low:
            parts.append(text(left + width / 2, bottom - 3, f"{lowest:.0f} V", "middle", 11))
        if highest > high:
            parts.append(text(left + width / 2, top + 11, f"{highest:.0f} V", "middle", 11))
    parts += [line(LEFT, frame.y(v), WIDTH - RIGHT, frame.y(v), SURE, "4 3") for v in (limits.low_v, limits.high_v)]
    parts += [text(frame.x(hour), frame.height - 14, hour_name(hour), "end" if hour == 24 else "middle")
              for hour in range(0, 25, 3)]  # fmt: skip
    return svg(frame.height, title, parts)


@dataclass(frozen=True, slots=True)
class LocalDay:
    """day: since 1970; from_us: its midnight"""

    day: int
    from_us: int


def by_days(days: Mapping[int, Bounds], local: Sequence[LocalDay], title: str) -> str:
    """A bar for the minutes that are sure, and above it those that may be. local: the days of the period"""
    if not days:
        return ""
    first, last = local[0].day, local[-1].day + 1
    frame = Frame(190, first, last, 0, max(one.high for one in days.values()) * 1.08 or 1.0)
    parts = list(ticks_y(frame, steps(0, frame.high_y, 4), " min"))
    width = frame.x(first + 0.8) - frame.x(first)
    for day, lost in days.items():
        left = frame.x(day + 0.1)
        parts.append(rect(left, frame.y(lost.high), width, frame.y(lost.low) - frame.y(lost.high), MAYBE))
        parts.append(rect(left, frame.y(lost.low), width, frame.y(0) - frame.y(lost.low), SURE))
    parts += [text(frame.x(one.day + 0.5), frame.height - 14, name, "middle", 11) for one, name in _named(local)]
    return svg(frame.height, title, parts)


def _named(local: Sequence[LocalDay]) -> Iterator[tuple[LocalDay, str]]:
    """As many as there is room for; with their year where there are two."""
    years = {_date(local[0].day).year, _date(local[-1].day).year}
    every = -(-len(local) // (16 if len(years) == 1 else 10))
    for one in local[::every]:
        yield one, day_name(one.day) if len(years) == 1 else str(_date(one.day))


def _date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def hour_name(hour: int) -> str:
    return f"{hour:02d}:00"


def day_name(day: int) -> str:
    """Days since 1970, without the year."""
    told = _date(day)
    return f"{told.month}-{told.day}"


# A glyph of 11 px is no wider; what is longer than so many of them loses its middle: names differ at their ends.
_GLYPH, _MOST_GLYPHS = 7, 28


def brief(name: str) -> str:
    half = _MOST_GLYPHS // 2
    return name if len(name) <= _MOST_GLYPHS else f"{name[:half]}…{name[1 - half :]}"


def timeline(found: Sequence[Interruption], period: Span, local: Sequence[LocalDay], title: str) -> str:
    """A row for each place that was without supply: sure, and perhaps."""
    places = list(dict.fromkeys(one.place for one in found))
    if not places:
        return ""
    row, left = 20, max(LEFT, _GLYPH * max(len(brief(place)) for place in places) + 12)
    frame = Frame(TOP + BOTTOM + row * len(places), period.from_us, period.to_us, 0, len(places), left)
    parts = []
    for n, place in enumerate(places):
        top = TOP + n * row
        parts.append(text(left - 6, top + 14, brief(place), "end", 11))
        parts.append(line(left, top + row - 1, WIDTH - RIGHT, top + row - 1))
        own = [one for one in found if one.place == place]
        for spans, colour in (
            ([s for one in own for s in one.possible], MAYBE),
            ([s for one in own for s in one.sure], SURE),
        ):
            parts += [rect(frame.x(s.from_us), top + 4, frame.x(s.to_us) - frame.x(s.from_us), row - 8, colour)
                      for s in spans]  # fmt: skip
    parts += _under(frame, local)
    return svg(frame.height, title, parts)


def _under(frame: Frame, local: Sequence[LocalDay]) -> Iterator[str]:
    """Names of days at their midnights, none upon another one or beyond the edge."""
    free_from = 0.0
    for one, name in _named(local):
        x, width = frame.x(one.from_us), _GLYPH * len(name)
        if free_from <= x <= WIDTH - width:
            yield text(x, frame.height - 12, name, "start", 11)
            free_from = x + width


@dataclass(frozen=True, slots=True)
class Dot:
    """One event between bounds. residual_pct: at most, for swells at least; verdict: against the curve"""

    least_s: float
    most_s: float
    residual_pct: float
    verdict: str


_LONGEST_S = 1000.0


def _corners(curve: Curve) -> Iterator[tuple[float, float]]:
    """Seconds and percent."""
    from_s = 0.001
    for step in curve:
        until_s = min(step.until_s, _LONGEST_S)
        if until_s > from_s:
            yield from ((from_s, 100 * step.level), (until_s, 100 * step.level))
            from_s = until_s


def scatter(dots: Sequence[Dot], title: str) -> str:
    """Events over duration, each as wide as its bounds; hollow where the curve is undecided."""
    frame = Frame(320, -3, 3, 0, 200)
    parts = list(ticks_y(frame, (0, 40, 70, 80, 90, 110, 120, 140, 200), " %"))
    # The last one would be cut off by the edge.
    parts += [text(frame.x(power), frame.height - 14, f"{10.0**power:g} s", "end" if power == 3 else "middle")
              for power in range(-3, 4)]  # fmt: skip
    for curve in (ITIC_LOWER, ITIC_UPPER):
        points = " ".join(f"{frame.x(log10(t))},{frame.y(pct)}" for t, pct in _corners(curve))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{INK}" stroke-width="1.5"/>')
    for dot in dots:
        parts += _dot(frame, dot)
    return svg(frame.height, title, parts)


def _dot(frame: Frame, dot: Dot) -> list[str]:
    left, right = (frame.x(log10(max(0.001, min(_LONGEST_S, t)))) for t in (dot.least_s, dot.most_s))
    y = frame.y(dot.residual_pct)
    colour = SURE if dot.verdict == "violates" else BAR
    fill = "none" if dot.verdict not in ("violates", "ok") else colour
    return [
        line(left, y, right, y, colour),
        f'<circle cx="{round((left + right) / 2, 1)}" cy="{y}" r="4" fill="{fill}" stroke="{colour}"/>',
    ]
