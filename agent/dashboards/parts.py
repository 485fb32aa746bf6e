"""Panels, columns and variables that several dashboards have. Pure."""

from agent.dashboards import influxql
from agent.dashboards.influxql import METER, RANGE_MINUTES, of_inner, select, series
from agent.dashboards.model import Axis, Link, Mapping, Override, Panel, Row, Threshold, Variable
from agent.dashboards.options import Options
from agent.records import NOT_ISOLATION

GREEN, ORANGE, RED, YELLOW, BLUE, PURPLE, GREY = "green", "orange", "red", "yellow", "blue", "purple", "#8e8e8e"
# A database of years has no `status`; what stands in both is shown once.
_TAGS = "SHOW TAG VALUES FROM /^(status|interval_10min)$/ WITH KEY = "
# Below so much coverage a figure is shown in grey, as in reports.
COVERED = 0.95

NETWORK, VOLTAGE, EVENTS, OUTAGES, ENERGY, HEALTH = (
    f"lamplighter-{name}" for name in ("network", "voltage", "events", "outages", "energy", "health")
)
# Choices above one dashboard that the next one keeps.
_SITE_KEPT = "${ds:queryparam}&${site:queryparam}&${gateway:queryparam}"
_KEPT = f"{_SITE_KEPT}&${{__url_time_range}}"

SUPPLY_COLOURS = (
    Mapping("live", "live", GREEN),
    Mapping("partial", "partial", ORANGE),
    Mapping("dead", "dead", RED),
    Mapping("unknown", "unknown", GREY),
)
COMMS_COLOURS = (Mapping("ok", "ok", GREEN), Mapping("suspect", "suspect", YELLOW), Mapping("lost", "lost", RED))
STATE_COLOURS = (
    Mapping("open", "open", RED),
    Mapping("closed", "closed", GREY),
    Mapping("retracted", "taken back", GREY),
)
MODE_COLOURS = (Mapping("normal", "normal"), Mapping("test", "test", BLUE), Mapping("maintenance", "maintenance", BLUE))
# max("dead") * 4 + max("partial") * 2 + max("unknown"): the worst of a step, whatever else was in it.
WORST = (
    Mapping("0", "live", GREEN),
    Mapping("1", "unknown", GREY),
    Mapping("2", "partial", ORANGE, up_to=3),
    Mapping("4", "dead", RED, up_to=7),
)
# Of a count of minutes: Grafana's own unit makes days and hours of it.
MINUTES = "suffix:min"
# Bars side by side in a third of a page, a day as quarters of an hour; more of them run into one block.
BARS = 96
COVERAGE_COLOURS = (Threshold(None, GREY), Threshold(COVERED, GREEN))
FINE = (Threshold(None, GREEN),)
NONE_IS_FINE = (Threshold(None, GREEN), Threshold(1, RED))


def site_variables(options: Options) -> tuple[Variable, ...]:
    tags = _TAGS
    return (
        Variable("site", "Site", f'{tags}"site"', options.site),
        Variable("gateway", "Gateway", f'{tags}"gateway" WHERE {influxql.chosen(("site",))}', options.gateway),
    )


def meter_variables(options: Options, *, one_meter: bool = False) -> tuple[Variable, ...]:
    tags, site, feeder = _TAGS, influxql.SITE, influxql.FEEDER
    return (
        *site_variables(options),
        Variable("feeder", "Feeder", f'{tags}"feeder" WHERE {influxql.chosen(site)}'),
        Variable("meter", "Meter", f'{tags}"meter" WHERE {influxql.chosen(feeder)}', all=not one_meter),
    )


def links(own: str) -> tuple[Link, ...]:
    """To the other dashboards, in the order in which one asks."""
    titles = {
        NETWORK: "Network", VOLTAGE: "Voltage", EVENTS: "Events", OUTAGES: "Outages", ENERGY: "Energy", HEALTH: "Health"
    }  # fmt: skip
    return tuple(Link(title, f"/d/{uid}?{_SITE_KEPT}") for uid, title in titles.items() if uid != own)


def to_meter(uid: str, title: str) -> Link:
    """From a table's cell with a meter's name to another dashboard of that meter, in the same time."""
    return Link(title, f"/d/{uid}?{_KEPT}&var-meter=${{__data.fields.meter}}")


def to_event() -> Link:
    """From a table's row to its event: samples begin 5 s before it and last, of a long one, a minute."""
    span = "from=${__data.fields.trace_from.numeric}&to=${__data.fields.trace_to.numeric}"
    return Link("Trace and history of this event", f"/d/{EVENTS}?{_SITE_KEPT}&var-event=${{__data.fields.id}}&{span}")


TRACE_SPAN = (
    '("start_us" - "start_us" % 1000) / 1000 - 15000 AS "trace_from", '
    '("start_us" - "start_us" % 1000) / 1000 + 75000 AS "trace_to"'
)


def column(
    field: str, title: str = "", unit: str = "", width: int | None = None, decimals: int | None = None
) -> Override:
    return Override(field, unit, title, width=width, decimals=decimals)


def date(field: str, title: str) -> Override:
    return Override(field, "dateTimeAsIso", title, width=165)


METER_COLUMN = Override(
    "meter", title="Meter", width=150, links=(to_meter(VOLTAGE, "Its voltage"), to_meter(EVENTS, "Its events"))
)
EVENT_COLUMN = Override("id", title="Event", width=170, links=(to_event(),))
# With what stands before it on a screen of 1920 pixels.
WORDS_COLUMN = Override("words", title="In words", width=520, wrap=True)
EVIDENCE_COLUMN = Override("evidence", title="Evidence", width=360, wrap=True)
STATE_COLUMN = Override("state", title="State", width=90, cell=True, mappings=STATE_COLOURS)
COVERAGE_COLUMN = Override(
    "coverage", "percentunit", "Coverage", decimals=1, width=100, cell=True, thresholds=COVERAGE_COLOURS
)


def not_isolation(*more: str, width: int = 24, height: int = 3) -> Panel:
    """What every page that shows a dead feeder says."""
    return Panel(
        title="Read this first",
        description="What a dead feeder on this page means, and does not mean.",
        kind="text",
        width=width,
        height=height,
        text="\n\n".join((f"**{NOT_ISOLATION}**", *more)),
    )


def coverage(
    width: int = 4,
    height: int = 4,
    source: str = "interval_1min",
    minutes: int = 1,
    tags: tuple[str, ...] = METER,
) -> Panel:
    """How much of the range was seen: what every index beside it is worth."""
    share = f'sum("coverage") * {minutes} / {RANGE_MINUTES} AS "coverage"'
    inner = select(share, source, tags=tags, by='"site", "gateway", "meter"')
    return Panel(
        title="Coverage",
        description=(
            "Part of the chosen time that was seen: the mean of the meters, and the meter that was seen least. "
            "Figures in this row rest on it and on nothing else; below 95 % it is grey, and they are worth little. A "
            "meter of which nothing at all was seen is not counted here: the network overview lists it."
        ),
        kind="stat",
        queries=(series(of_inner('mean("coverage") AS "mean", min("coverage") AS "least"', inner)),),
        unit="percentunit",
        decimals=1,
        width=width,
        height=height,
        no_data="Nothing was seen in this range",
        thresholds=COVERAGE_COLOURS,
    )


def coverage_over_time(source: str = "interval_1min", minutes: int = 1, tags: tuple[str, ...] = METER) -> Panel:
    """Where in the range the holes lie."""
    share = f'sum("coverage") * {minutes * 60000} / $__interval_ms AS "coverage"'
    query = select(share, source, tags=tags, by='time($__interval), "meter" fill(0)')
    return Panel(
        title="Coverage over time",
        description=(
            "Part of each step that was seen, for each meter. A hole is time in which nobody knows what the voltage "
            "was; it is neither good nor an outage. The step in which the range begins or ends is partly outside of "
            "it."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter"),),
        unit="percentunit",
        width=24,
        height=6,
        step=f"{max(10, minutes)}m",
        thresholds=COVERAGE_COLOURS,
        y=Axis(minimum=0, maximum=1),
    )


def worst_supply(title: str, *conditions: str, width: int = 24, height: int = 10, step: str = "1m") -> Panel:
    """What each meter said of its supply over time."""
    worst = 'max("dead") * 4 + max("partial") * 2 + max("unknown") AS "worst"'
    query = select(worst, "status", *conditions, tags=METER, by='time($__interval), "feeder", "meter" fill(null)')
    return Panel(
        title=title,
        description=(
            "The worst that each meter said within a step: dead before partial before unknown before live, so that a "
            "short loss shows at any zoom. Where there is no bar nothing was told: the gateway was off, or its data "
            "has not arrived yet. Unknown is not dead, and dead is not proof of isolation."
        ),
        kind="state-timeline",
        queries=(series(query, "$tag_feeder / $tag_meter"),),
        width=width,
        height=height,
        no_data="No status was told in this range",
        mappings=WORST,
        step=step,
    )


def rows(*parts: tuple[str, tuple[Panel, ...]]) -> tuple[Row, ...]:
    return tuple(Row(title, panels) for title, panels in parts)
