"""Graphs of gateway and line health: sinks, lines, the clock, the gateway itself. Pure."""

from agent.dashboards.influxql import SITE, select, series
from agent.dashboards.model import Axis, Draw, Override, Panel, Threshold
from agent.dashboards.parts import BARS, GREEN, ORANGE, RED

_BY_GATEWAY = 'time($__interval), "gateway" fill(null)'
_BY_LINE = 'time($__interval), "gateway", "line" fill(null)'
_BY_SINK = 'time($__interval), "gateway", "sink" fill(null)'
_ERRORS = ("silent", "garbled", "foreign", "refused", "down", "late")
CLOCK = (Threshold(None, GREEN), Threshold(0.5, ORANGE), Threshold(5, RED))


def _graph(
    title: str, description: str, query: str, alias: str, *, unit: str = "none", width: int = 8, no_data: str,
    thresholds: tuple[Threshold, ...] = (), decimals: int | None = None, draw: Draw = "line", stacked: bool = False,
    overrides: tuple[Override, ...] = (), minimum: float | None = 0,
) -> Panel:  # fmt: skip
    return Panel(
        title=title, description=description, kind="timeseries", queries=(series(query, alias),), unit=unit,
        width=width, height=7, no_data=no_data, thresholds=thresholds, lines=bool(thresholds), decimals=decimals,
        draw=draw, stacked=stacked, overrides=overrides, y=Axis(minimum=minimum), step="1m",
        points=BARS if draw == "bars" else 0,
    )  # fmt: skip


def _by(fields: str, by: str, *conditions: str) -> str:
    return select(fields, "gateway", *conditions, tags=SITE, by=by)


_SILENT_GATEWAY = "No gateway told of itself in this range"
_NO_LINE = "No line was told of in this range"
_NO_SINK = "No sink was told of in this range"


def backlog_age() -> Panel:
    return _graph(
        "Age of the oldest row that waits",
        "How far each sink is behind, at most, in each step; 0 is up to date. What is younger on other dashboards may "
        "be missing there until the backlog is through.",
        _by('max("backlog_age_s") AS "age"', _BY_SINK), "$tag_gateway $tag_sink", unit="s", no_data=_NO_SINK,
        thresholds=(Threshold(None, GREEN), Threshold(300, ORANGE), Threshold(3600, RED)),
    )  # fmt: skip


def backlog() -> Panel:
    return _graph(
        "Rows waiting",
        "Rows of the journal that a sink has not taken yet, the most in each step. They are safe in the journal until "
        "it is full; then the oldest go, and 'Rows dropped' tells of it.",
        _by('max("backlog_rows") AS "rows"', _BY_SINK), "$tag_gateway $tag_sink", no_data=_NO_SINK, decimals=0,
    )  # fmt: skip


def dropped() -> Panel:
    return _graph(
        "Rows dropped",
        "Rows that had to go before every sink had them. None is dropped silently: each is counted here, when it was.",
        _by('sum("dropped") AS "dropped"', 'time($__interval), "gateway" fill(null)'), "$tag_gateway",
        no_data="No row was dropped in this range", decimals=0, draw="bars",
    )  # fmt: skip


def utilisation() -> Panel:
    return _graph(
        "Line utilisation",
        "Part of the time in which the wire is taken, the highest in each step. From 80 % on a line has no room for "
        "what an event needs.",
        _by('max("utilisation") AS "utilisation"', _BY_LINE), "$tag_gateway $tag_line", unit="percentunit",
        no_data=_NO_LINE, thresholds=(Threshold(None, GREEN), Threshold(0.8, ORANGE), Threshold(0.95, RED)),
    )  # fmt: skip


def lag() -> Panel:
    return _graph(
        "Line lag",
        "How late the latest request of each step was, against its deadline. Lag widens the bounds of every event on "
        "the line.",
        _by('max("lag_max_s") AS "lag"', _BY_LINE), "$tag_gateway $tag_line", unit="s", no_data=_NO_LINE,
    )  # fmt: skip


def rate() -> Panel:
    return _graph(
        "Achieved watch rate",
        "How often voltages were really asked for: the slowest meter of each line, and the mean of its meters. A sag "
        "shorter than the time between two looks may be missed.",
        _by('min("watch_hz_min") AS "slowest", mean("watch_hz_mean") AS "mean"', _BY_LINE),
        "$tag_gateway $tag_line $col", unit="hertz", no_data=_NO_LINE,
    )  # fmt: skip


def success() -> Panel:
    answered, others = 'sum("exchanges_answered")', " + ".join(f'sum("exchanges_{kind}")' for kind in _ERRORS)
    return _graph(
        "Answered requests",
        "Part of the requests that brought a good answer. A dead unit lowers it by little: it is asked seldom.",
        _by(f'{answered} / ({answered} + {others}) AS "answered"', _BY_LINE), "$tag_gateway $tag_line",
        unit="percentunit", no_data=_NO_LINE, minimum=None,
    )  # fmt: skip


def errors() -> Panel:
    fields = ", ".join(f'sum("exchanges_{kind}") AS "{kind}"' for kind in _ERRORS)
    return _graph(
        "Failed requests by kind",
        "Silent: no answer in time. Garbled: a bad checksum or a broken frame: cable, noise, two masters. Foreign: an "
        "answer to somebody else. Refused: the meter said no. Down: no connection. Late: an answer after its time. "
        "Each bar is the sum of its step; a longer range has longer steps.",
        _by(fields, _BY_LINE), "$tag_gateway $tag_line $col", no_data=_NO_LINE, decimals=0, draw="bars", stacked=True,
    )  # fmt: skip


def overruns() -> Panel:
    return _graph(
        "Overruns",
        "Full sets that were not through when the next one was due. Many of them: `poll` is too short for this line, "
        "see `lamplighter check`. Each bar is the sum of its step; a longer range has longer steps.",
        _by('sum("overruns") AS "overruns"', _BY_LINE), "$tag_gateway $tag_line", no_data=_NO_LINE, decimals=0,
        draw="bars",
    )  # fmt: skip


def uncertainty() -> Panel:
    return _graph(
        "Clock uncertainty",
        "How wrong each gateway's wall clock may be, at most, in each step. Instants of events on different gateways "
        "cannot be put in order within it. Empty where nobody can be asked.",
        _by('max("clock_uncertainty_s") AS "uncertainty"', _BY_GATEWAY), "$tag_gateway", unit="s", width=12,
        no_data="No time source could be asked in this range", thresholds=CLOCK,
    )  # fmt: skip


def moved() -> Panel:
    return _graph(
        "Clock moved",
        "How far the wall clock moved against the boot clock in each step: slewing is a few ms a minute, a jump is a "
        "step. Durations of events do not depend on it.",
        _by('sum("clock_moved_s") AS "moved"', _BY_GATEWAY), "$tag_gateway", unit="s", width=12,
        no_data=_SILENT_GATEWAY, minimum=None,
    )  # fmt: skip


def cpu() -> Panel:
    return _graph(
        "CPU", "Part of one core that the agent takes, the highest in each step.",
        _by('max("cpu_share") AS "cpu"', _BY_GATEWAY), "$tag_gateway", unit="percentunit", no_data=_SILENT_GATEWAY,
    )  # fmt: skip


def memory() -> Panel:
    return _graph(
        "Memory", "What the agent has in memory, the most in each step. What only grows over days is a defect.",
        _by('max("rss_bytes") AS "memory"', _BY_GATEWAY), "$tag_gateway", unit="bytes", no_data=_SILENT_GATEWAY,
    )  # fmt: skip


def loop_lag() -> Panel:
    return _graph(
        "Event loop lag",
        "How late the agent's own loop was at worst in each step. Above 50 ms polling is late with it.",
        _by('max("loop_lag_max_s") AS "lag"', _BY_GATEWAY), "$tag_gateway", unit="s", no_data=_SILENT_GATEWAY,
        thresholds=(Threshold(None, GREEN), Threshold(0.05, ORANGE), Threshold(1, RED)),
    )  # fmt: skip


def journal() -> Panel:
    return _graph(
        "Journal, part of its room",
        "How full the journal is. Full is as it should be after some time: the oldest rows that all sinks have go "
        "first.",
        _by('max("journal_share") AS "share"', _BY_GATEWAY), "$tag_gateway", unit="percentunit",
        no_data=_SILENT_GATEWAY,
    )  # fmt: skip


def card() -> Panel:
    return _graph(
        "Written to the card a day",
        "What the agent writes a day, by its last hour. A card of 32 GB stands some tens of TB in all.",
        _by('max("card_written_bytes_day") AS "written"', _BY_GATEWAY), "$tag_gateway", unit="bytes",
        no_data="Not known in this range; it takes an hour",
    )  # fmt: skip


def alarms() -> Panel:
    fields = 'max("alarms_open") AS "alarms", max("descriptors") / max("descriptors_max") AS "descriptors used"'
    return _graph(
        "Alarms and descriptors",
        "Alarms of the gateway itself that stand, the most in each step; and the part of its file descriptors in use.",
        _by(fields, _BY_GATEWAY), "$tag_gateway $col", no_data=_SILENT_GATEWAY,
        overrides=(Override("/descriptors used$/", unit="percentunit", right_axis=True),),
    )  # fmt: skip
