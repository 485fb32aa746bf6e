"""What a dashboard and an alert are made of, before they are Grafana's JSON. Pure.

Queries are InfluxQL with Grafana's macros: `$timeFilter`, `$__interval`, `${__from}` and `${__to}` (milliseconds), and
the dashboard's variables as regular expressions, `"meter" =~ /^$meter$/`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# Grafana's grid.
COLUMNS = 24

Format = Literal["time_series", "table"]
PanelKind = Literal["stat", "timeseries", "table", "xychart", "text", "barchart", "state-timeline"]
Reducer = Literal["last", "max", "min", "mean", "sum", "count"]
Severity = Literal["critical", "warning", "info"]
NoData = Literal["OK", "Alerting", "NoData", "KeepLast"]
Draw = Literal["line", "bars", "points"]


@dataclass(frozen=True, slots=True)
class Query:
    """ref: its letter within the panel; alias: name of a series, with $tag_meter and $col; empty = Grafana's own"""

    influxql: str
    ref: str = "A"
    alias: str = ""
    format: Format = "time_series"


@dataclass(frozen=True, slots=True)
class Threshold:
    """From this value on, in this colour; the first of a panel has none."""

    above: float | None
    colour: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """What a value is shown as. value: a number or a word as text; up_to: all numbers from `value` to here, too"""

    value: str
    text: str
    colour: str = ""
    up_to: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """url: of a dashboard ``/d/UID``, with variables of Grafana; new_tab: beside this page"""

    title: str
    url: str
    new_tab: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """For the columns or series of one name, or of all that match `/regex/`.

    width:      of a table's column, in pixels; wrap: its text takes as many lines as it needs
    fill_below: name of the series down to which the area is filled
    cell:       the value's colour becomes that of the cell
    """

    field: str
    unit: str = ""
    title: str = ""
    colour: str = ""
    decimals: int | None = None
    width: int | None = None
    cell: bool = False
    wrap: bool = False
    right_axis: bool = False
    draw: Draw | None = None
    line_width: int | None = None
    dashed: bool = False
    fill_below: str = ""
    minimum: float | None = None
    maximum: float | None = None
    thresholds: tuple[Threshold, ...] = ()
    mappings: tuple[Mapping, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Cloud:
    """Points of an xychart: two columns of its queries. No two clouds of a panel have one y. line: joined, in the order
    in which they come, and not shown themselves"""

    title: str
    x: str
    y: str
    colour: str
    line: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """How values are laid out. log: to base ten"""

    title: str = ""
    unit: str = ""
    log: bool = False
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    description: what it means, and what it does not
    no_data:     what stands there when the query brings nothing
    text:        Markdown of a text panel
    show:        which value of a series a stat shows
    draw:        of a timeseries; stacked: series on each other
    lines:       thresholds are drawn as lines
    x, y:        axes of an xychart; y also of a timeseries
    columns:     of a table: these and no others, in this order; "Time" is the point's own
    sort_by:     column of a table, newest or greatest first
    step:        least time between two points of a series, as Grafana says it
    points:      of a series, at most; 0: as many as the panel has pixels
    index:       a figure that is worth as much as the coverage beside it
    """

    title: str
    description: str
    kind: PanelKind
    queries: tuple[Query, ...] = ()
    unit: str = "none"
    width: int = 12
    height: int = 8
    no_data: str = "No data in this range"
    decimals: int | None = None
    thresholds: tuple[Threshold, ...] = ()
    mappings: tuple[Mapping, ...] = ()
    overrides: tuple[Override, ...] = ()
    links: tuple[Link, ...] = ()
    text: str = ""
    columns: tuple[Override, ...] = ()
    step: str = ""
    points: int = 0
    index: bool = False
    show: Reducer = "last"
    draw: Draw = "line"
    stacked: bool = False
    lines: bool = False
    sort_by: str = ""
    descending: bool = True
    x: Axis = Axis()
    y: Axis = Axis()
    clouds: tuple[Cloud, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, laid out from left to right, as many lines as they need."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above a dashboard. influxql: what may be chosen, empty where it is typed; default: empty = all of it, or
    nothing; all: more than one may be chosen, and all of them"""

    name: str
    label: str
    influxql: str = ""
    default: str = ""
    all: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """since: from when on it shows at first, as Grafana says it"""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    links: tuple[Link, ...] = ()
    tags: tuple[str, ...] = ("lamplighter",)
    since: str = "now-24h"
    refresh: str = "1m"

    @property
    def panels(self) -> Iterator[Panel]:
        for row in self.rows:
            yield from row.panels


@dataclass(frozen=True, slots=True)
class Condition:
    """Of each series of the rule's query: one of its values, and beyond which it fires."""

    reduce: Reducer
    above: float | None = None
    below: float | None = None
    ref: str = "A"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """range_s: how far back the queries look; for_s: how long the condition has to hold

    no_data: what the rule is when its queries bring nothing at all
    """

    uid: str
    title: str
    queries: tuple[Query, ...]
    condition: Condition
    for_s: int
    severity: Severity
    summary: str
    what_to_do: str
    range_s: int = 600
    no_data: NoData = "OK"

    @property
    def page(self) -> str:
        """Its entry in the docs."""
        return f"docs/operations.md#{self.title.lower().replace(' ', '-')}"
