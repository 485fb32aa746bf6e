"""Rows of tables for spreadsheets: bounds stand in two columns. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from agent.report.figures import Bounds

Cell = str | int | float | None
When = Callable[[int], str]  # an instant as text


@dataclass(frozen=True, slots=True)
class Table:
    """name: of its file, without an ending"""

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def two(bounds: Bounds | None) -> tuple[Cell, Cell]:
    """What has no upper end has no number there."""
    return (None, None) if bounds is None else (bounds.low, bounds.high if isfinite(bounds.high) else None)
