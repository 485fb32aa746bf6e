"""Where panels lie on Grafana's grid of 24 columns: from left to right, line by line, below a heading. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.dashboards.model import COLUMNS, Panel, Row

_HEADING = 1


@dataclass(frozen=True, slots=True)
class Place:
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PlacedRow:
    row: Row
    heading: Place
    panels: tuple[tuple[Panel, Place], ...]


def placed(rows: tuple[Row, ...]) -> Iterator[PlacedRow]:
    """A row that is folded takes its heading only: Grafana moves the rest when it is unfolded."""
    top = 0
    for row in rows:
        panels = tuple(_laid_out(row.panels, top + _HEADING))
        yield PlacedRow(row, Place(0, top, COLUMNS, _HEADING), panels)
        bottom = max((place.y + place.height for _, place in panels), default=top + _HEADING)
        top = top + _HEADING if row.collapsed else bottom


def _laid_out(panels: tuple[Panel, ...], top: int) -> Iterator[tuple[Panel, Place]]:
    x, y, tallest = 0, top, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        yield panel, Place(x, y, panel.width, panel.height)
        x, tallest = x + panel.width, max(tallest, panel.height)
