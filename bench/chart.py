"""Line charts as SVG, written by hand: axes, lines, areas, marks and words. The same input gives the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log10
from xml.sax.saxutils import escape

# Told apart by every kind of eye (Okabe and Ito), and by dashes besides.
BLUE, ORANGE, GREEN, RED, INK, GREY, PALE = "#0072B2", "#B36B00", "#00785A", "#C04A00", "#222", "#666", "#ddd"
DASHES = ("", "7 4", "2 3")

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """ticks: (value, words); log: decades at equal distances."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    title: str
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between low (0) and high (1), held at the edges."""
        value = min(self.high, max(self.low, value))
        if self.log:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return (value - self.low) / (self.high - self.low)


@dataclass
class Chart:
    """One plot at (left, top) of its picture, width x height units, marks added in the order drawn."""

    x: Axis
    y: Axis
    left: float
    top: float
    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def at(self, point: Point) -> tuple[str, str]:
        across, up = self.x.share(point[0]), self.y.share(point[1])
        return f"{self.left + across * self.width:.1f}", f"{self.top + (1 - up) * self.height:.1f}"

    def frame(self, title: str) -> None:
        bottom, right = self.top + self.height, self.left + self.width
        self.parts.append(_text(self.left, self.top - 14, title, "name"))
        for value, words in self.x.ticks:
            x = self.at((value, self.y.low))[0]
            self.parts.append(f'<path class="grid" d="M{x} {self.top:.1f}V{bottom:.1f}"/>')
            self.parts.append(_text(float(x), bottom + 18, words, anchor="middle"))
        for value, words in self.y.ticks:
            y = self.at((self.x.low, value))[1]
            self.parts.append(f'<path class="grid" d="M{self.left:.1f} {y}H{right:.1f}"/>')
            self.parts.append(_text(self.left - 8, float(y) + 4, words, anchor="end"))
        self.parts.append(_text(right, bottom + 38, self.x.title, anchor="end"))
        turned = f' transform="rotate(-90 {self.left - 52:.1f} {self.top + self.height / 2:.1f})"'
        self.parts.append(_text(self.left - 52, self.top + self.height / 2, self.y.title, anchor="middle", more=turned))

    def line(self, points: Sequence[Point], colour: str, width: float = 2.0, dash: str = "") -> None:
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<path fill="none" stroke="{colour}" stroke-width="{width:g}"{dashes} d="{self._path(points)}"/>'
        )

    def area(self, points: Sequence[Point], colour: str, opacity: float = 0.18) -> None:
        self.parts.append(f'<path fill="{colour}" fill-opacity="{opacity:g}" d="{self._path(points)}Z"/>')

    def dot(self, point: Point, colour: str) -> None:
        x, y = self.at(point)
        self.parts.append(f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}" stroke="#fff"/>')

    def cross(self, point: Point, colour: str) -> None:
        x, y = map(float, self.at(point))
        d = f"M{x - 5:.1f} {y - 5:.1f}l10 10m0-10l-10 10"
        self.parts.append(f'<path stroke="{colour}" stroke-width="2.5" fill="none" d="{d}"/>')

    def words(
        self, point: Point, text: str, colour: str = INK, anchor: str = "start", up: float = 0.0, halo: bool = False
    ) -> None:
        x, y = map(float, self.at(point))
        self.parts.append(_text(x, y - up, text, "halo" if halo else "plain", anchor, colour))

    def _path(self, points: Sequence[Point]) -> str:
        return "M" + "L".join(f"{x} {y}" for x, y in map(self.at, points))


def _text(
    x: float, y: float, text: str, name: str = "plain", anchor: str = "start", colour: str = INK, more: str = ""
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}'
    return f'<text class="{name}" {place} fill="{colour}">{escape(text)}</text>'


def picture(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    """A whole SVG file. title: what a person who does not see it is told."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="DejaVu Sans, Arial, sans-serif" font-size="13">'
    )
    style = (
        "<style>.grid { fill: none; stroke: #ddd } .name { font-weight: bold; font-size: 15px } "
        ".halo { paint-order: stroke; stroke: #fff; stroke-width: 4px }</style>"
    )
    ground = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", style, ground, *parts, "</svg>", ""])
