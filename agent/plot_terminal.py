"""A picture in 80 columns of text: a panel per voltage in braille dots, eight to a character. Pure.

Only replies make dots. Dots of samples that followed each other are joined where they touch; across what is missing
nothing is drawn.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from agent.plot import Axis, Curve, Picture, Point

WIDTH = 80
_LABEL = 8
_CELLS = WIDTH - _LABEL
_ROWS = 7
_BLANK = 0x2800
_EDGES = {"start": "▲", "end": "△"}
# Unicode, block Braille Patterns: the bit of each dot, by column and row of a cell.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def terminal(picture: Picture) -> str:
    """The whole picture as lines of at most 80 characters."""
    axis = Axis(picture.span_s, picture.pauses)
    lines = [picture.title, *picture.facts]
    for curve in picture.voltages:
        lines += ["", f"{curve.name}, % of reference", *_panel(picture, curve, axis)]
    lines += [*_ruler(picture, axis), *_legend(picture)]
    return "\n".join(line[:WIDTH].rstrip() for line in lines)


class _Canvas:
    """Dots, origin at the bottom left."""

    def __init__(self) -> None:
        self._cells = [[0] * _CELLS for _ in range(_ROWS)]

    def column(self, share: float) -> int:
        return min(2 * _CELLS - 1, max(0, int(share * 2 * _CELLS)))

    def row(self, share: float) -> int:
        return min(4 * _ROWS - 1, max(0, int(share * 4 * _ROWS)))

    def dot(self, x: int, y: int) -> None:
        down = 4 * _ROWS - 1 - y
        self._cells[down // 4][x // 2] |= _DOTS[x % 2][down % 4]

    def lines(self, ground: Sequence[Sequence[str]]) -> list[str]:
        """The cells; where there is no dot, the ground."""
        return [
            "".join(chr(_BLANK + dots) if dots else under for dots, under in zip(row, below, strict=True))
            for row, below in zip(self._cells, ground, strict=True)
        ]


def _panel(picture: Picture, curve: Curve, axis: Axis) -> list[str]:
    low, high = picture.range_pct
    canvas, labels = _Canvas(), [""] * _ROWS
    labels[0], labels[-1] = f"{high:.0f}", f"{low:.0f}"
    ground = [[" "] * _CELLS for _ in range(_ROWS)]
    for percent, _ in picture.levels:
        if low < percent < high:
            at = _ROWS - 1 - canvas.row((percent - low) / (high - low)) // 4
            labels[at], ground[at] = f"{percent:.0f}", ["┈"] * _CELLS
    for bounds in picture.bounds:
        column = canvas.column(axis.at(bounds.latest_s)) // 2
        for row in ground:
            row[column] = "┊"
    for run in curve.runs:
        _draw(canvas, [(canvas.column(axis.at(p.t_s)), canvas.row((p.value - low) / (high - low))) for p in run])
    return [f"{label:>6} ┤{line}" for label, line in zip(labels, canvas.lines(ground), strict=True)]


def _draw(canvas: _Canvas, dots: Sequence[tuple[int, int]]) -> None:
    for x, y in dots:
        canvas.dot(x, y)
    for (x, y), (next_x, next_y) in pairwise(dots):
        if next_x - x <= 1:
            for between in range(min(y, next_y), max(y, next_y)):
                canvas.dot(next_x, between)


def _ruler(picture: Picture, axis: Axis) -> list[str]:
    """What is the same for every panel: lost and questionable replies, bounds, seconds."""
    marks, edges, numbers = [" "] * _CELLS, ["─"] * _CELLS, [" "] * (_CELLS + _LABEL)
    for t_s in picture.lost_s:
        marks[_cell(axis, t_s)] = "×"
    for point in _doubtful(picture):
        marks[_cell(axis, point.t_s)] = "?"
    for bounds in picture.bounds:
        for cell in range(_cell(axis, bounds.earliest_s), _cell(axis, bounds.latest_s) + 1):
            edges[cell] = _EDGES[bounds.words]
    for pause in picture.pauses:
        for cell in range(_cell(axis, pause.from_s) + 1, _cell(axis, pause.to_s)):
            edges[cell] = "/"
    for t_s in axis.ticks(10 / _CELLS):
        text, at = f"{t_s:g}", _cell(axis, t_s) + _LABEL
        numbers[at : at + len(text)] = text
    label = " " * (_LABEL - 1)
    return [*([f"{label} {''.join(marks)}"] if set(marks) != {" "} else []), f"{label}└{''.join(edges)}",
            f"{''.join(numbers[:WIDTH - 2]).rstrip()} s"]  # fmt: skip


def _cell(axis: Axis, t_s: float) -> int:
    return min(_CELLS - 1, max(0, int(axis.at(t_s) * _CELLS)))


def _doubtful(picture: Picture) -> Iterator[Point]:
    return (point for curve in picture.voltages for point in curve.points if point.questionable)


def _legend(picture: Picture) -> Iterator[str]:
    for bounds in picture.bounds:
        yield f"{_EDGES[bounds.words]} {bounds.words} lies in ({bounds.earliest_s:.3f}, {bounds.latest_s:.3f}] s"
    for pause in picture.pauses:
        yield f"/ {pause.from_s:.1f} to {pause.to_s:.1f} s: {pause.words}"
    if picture.lost_s:
        yield f"× a reply was lost ({len(picture.lost_s)})"
    doubtful = len({point.t_s for point in _doubtful(picture)})
    if doubtful:
        yield f"? a reply is questionable ({doubtful})"
