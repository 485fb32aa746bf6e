"""Gateway and line health: is what the other dashboards show worth anything? Pure."""

from agent.dashboards.health_graphs import (
    CLOCK,
    alarms,
    backlog,
    backlog_age,
    card,
    cpu,
    dropped,
    errors,
    journal,
    lag,
    loop_lag,
    memory,
    moved,
    overruns,
    rate,
    success,
    uncertainty,
    utilisation,
)
from agent.dashboards.influxql import A_DAY_BEFORE_END, SITE, select, table
from agent.dashboards.model import Dashboard, Mapping, Override, Panel, Row, Threshold
from agent.dashboards.options import Options
from agent.dashboards.parts import (
    GREEN,
    HEALTH,
    METER_COLUMN,
    ORANGE,
    RED,
    column,
    links,
    meter_variables,
)

_TRUTH = (Mapping("1", "yes", GREEN), Mapping("0", "no", RED))
_FALSEHOOD = (Mapping("0", "no", GREEN), Mapping("1", "yes", RED))
_DAYS_LEFT = (Threshold(None, RED), Threshold(7, ORANGE), Threshold(30, GREEN))


def health(options: Options) -> Dashboard:
    return Dashboard(
        uid=HEALTH,
        title="Lamplighter: gateway and line health",
        description="Whether gateways, lines and sinks do their work: what every other dashboard rests on.",
        variables=meter_variables(options),
        rows=(
            Row("Now: at the end of the chosen range", (_gateways(), _sinks(), _certificates())),
            Row("What is on its way", (backlog_age(), backlog(), dropped())),
            Row(
                "Lines",
                (
                    utilisation(),
                    lag(),
                    rate(),
                    success(),
                    errors(),
                    overruns(),
                ),
            ),
            Row("Meters", (_meters(),)),
            Row("Clock", (uncertainty(), moved())),
            Row(
                "The gateway itself",
                (
                    cpu(),
                    memory(),
                    loop_lag(),
                    journal(),
                    card(),
                    alarms(),
                ),
            ),
        ),
        links=links(HEALTH),
    )


def _last(*fields: str) -> str:
    return ", ".join(f'last("{field}") AS "{field}"' for field in fields)


def _gateways() -> Panel:
    fields = _last(
        "version", "uptime_s", "alarms", "clock_synced", "clock_uncertainty_s", "clock_source", "journal_ok",
        "journal_oldest_unsent_s", "journal_error", "state_free_bytes", "supply_lost", "meters", "meters_lost",
    )  # fmt: skip
    return Panel(
        title="Gateways",
        description=(
            "What each gateway last told of itself within the day before the end of the range; when that was, the "
            "network overview says. Clock set: no means that instants are guesses, and the database waits for them."
        ),
        kind="table",
        queries=(table(select(fields, "gateway", tags=SITE, time=A_DAY_BEFORE_END, by='"site", "gateway"')),),
        width=24,
        height=6,
        no_data="No gateway was heard within the day before",
        columns=(
            column("gateway", "Gateway", width=110),
            column("uptime_s", "Runs for", "s", 95, 0),
            column("alarms", "Alarms that stand", width=180),
            Override("clock_synced", title="Clock set", width=90, cell=True, mappings=_TRUTH),
            Override("clock_uncertainty_s", "s", "within", width=90, decimals=3, cell=True, thresholds=CLOCK),
            column("clock_source", "Set by", width=110),
            Override("journal_ok", title="Journal ok", width=90, cell=True, mappings=_TRUTH),
            column("journal_oldest_unsent_s", "Oldest unsent", "s", 110, 0),
            column("journal_error", "Journal says", width=150),
            column("state_free_bytes", "Room left", "bytes", 100, 1),
            Override("supply_lost", title="Own supply lost", width=120, cell=True, mappings=_FALSEHOOD),
            column("meters", "Meters", width=80, decimals=0),
            column("meters_lost", "of them silent", width=110, decimals=0),
            column("version", "Version"),
        ),
        sort_by="Gateway",
        descending=False,
    )


def _sinks() -> Panel:
    fields = _last(
        "sink_ok", "blocked", "failures", "backlog_rows", "backlog_bytes", "backlog_age_s", "dead_letters",
        "sink_error", "sink_blocked",
    )  # fmt: skip
    query = select(fields, "gateway", tags=SITE, time=A_DAY_BEFORE_END, by='"site", "gateway", "sink"')
    return Panel(
        title="Sinks",
        description=(
            "How broker and database last took what each gateway has. Blocked: a password, a right or a certificate "
            "needs somebody's hands. What this database did not get cannot say so here: then the gateway is silent."
        ),
        kind="table",
        queries=(table(query),),
        width=16,
        height=7,
        no_data="No sink was told of within the day before",
        columns=(
            column("gateway", "Gateway", width=110),
            column("sink", "Sink", width=90),
            Override("sink_ok", title="Ok", width=70, cell=True, mappings=_TRUTH),
            Override("blocked", title="Blocked", width=80, cell=True, mappings=_FALSEHOOD),
            column("failures", "Failures in a row", width=135, decimals=0),
            column("backlog_age_s", "Behind by", "s", 95, 0),
            column("backlog_rows", "Rows waiting", width=100, decimals=0),
            column("backlog_bytes", "Bytes waiting", "bytes", 105, 1),
            column("dead_letters", "Refused for good", width=125, decimals=0),
            column("sink_error", "Says"),
            column("sink_blocked", "Blocked by", width=140),
        ),
        sort_by="Behind by",
    )


def _certificates() -> Panel:
    names = ("client_certificate_days_left", "ca_days_left", "server_certificate_days_left")
    query = select(_last(*names), "gateway", tags=SITE, time=A_DAY_BEFORE_END, by='"site", "gateway", "sink"')
    titles = dict(zip(names, ("Own", "Authority", "Server"), strict=True))
    return Panel(
        title="Certificates, days left",
        description=(
            "Days until certificates run out. Empty: there is none, or it was not seen yet. Then the sink is cut off."
        ),
        kind="table",
        queries=(table(query),),
        width=8,
        height=7,
        no_data="No certificate is known",
        columns=(
            column("gateway", "Gateway"),
            column("sink", "Sink", width=90),
            *(
                Override(name, "d", titles[name], decimals=0, width=95, cell=True, thresholds=_DAYS_LEFT)
                for name in names
            ),
        ),
    )


def _meters() -> Panel:
    fields = (
        'sum("missed_ticks") AS "missed_ticks", mean("watch_hz") AS "watch_hz", last("refresh_s") AS "refresh_s", '
        'max("mute") AS "mute", mean("comms_ok") AS "comms_ok", mean("comms_lost") AS "comms_lost"'
    )
    return Panel(
        title="How each meter answers",
        description=(
            "Over the range: part of its status points that said that it answers, or that it is lost; the rate at "
            "which its voltages were looked at, how often it renews them, looks that were missed, and parts of its "
            "map that it does not answer."
        ),
        kind="table",
        queries=(table(select(fields, "status", by='"gateway", "feeder", "meter"')),),
        width=24,
        height=9,
        no_data="No meter was told of in this range",
        columns=(
            METER_COLUMN,
            column("feeder", "Feeder", width=110),
            Override(
                "comms_ok", "percentunit", "Answers", decimals=2, width=100, cell=True,
                thresholds=(Threshold(None, RED), Threshold(0.95, ORANGE), Threshold(0.995, GREEN)),
            ),
            column("comms_lost", "Lost", "percentunit", 90, 2),
            column("watch_hz", "Looks", "hertz", 90, 2),
            column("refresh_s", "Renews every", "s", 110, 2),
            column("missed_ticks", "Looks missed", width=110, decimals=0),
            column("mute", "Parts left out", width=110, decimals=0),
            column("gateway", "Gateway"),
        ),
        sort_by="Answers",
        descending=False,
    )  # fmt: skip
