"""Events: what happened, between which bounds, what was sampled around it, and what was known of it when. Pure."""

from agent.dashboards.influxql import IN_RANGE, OF_KIND, SITE, VALID, at, named, select, series, table
from agent.dashboards.model import Axis, Dashboard, Override, Panel, Query, Row, Variable
from agent.dashboards.options import Options
from agent.dashboards.parts import (
    BARS,
    BLUE,
    EVENT_COLUMN,
    EVENTS,
    EVIDENCE_COLUMN,
    FINE,
    GREY,
    METER_COLUMN,
    MODE_COLOURS,
    RED,
    STATE_COLUMN,
    TRACE_SPAN,
    column,
    coverage,
    date,
    links,
    meter_variables,
    not_isolation,
)
from agent.dashboards.ride_through import inside, outside, undecided
from drivers.quantities import CURRENTS, VOLTAGES_LL, VOLTAGES_LN

_OF_EVENT = '"id" =~ /^($event)$/'
_FAMILY = "\"parent\" = ''"
# A revision may be told a long time after its event: a clock that was set, a counter that was read later.
_TOLD_LATER = "time >= ${__from}ms AND time <= ${__to}ms + 90d"
_BOUNDS = (
    date("start_earliest", "Began after"),
    date("start", "Began before"),
    column("duration_min_s", "Lasted, at least", "s", 125, 2),
    column("duration_max_s", "at most", "s", 90, 2),
    column("residual_pct", "Residual, at most", "percent", 135, 1),
    column("peak_pct", "Peak, at least", "percent", 110, 1),
)


def events(options: Options) -> Dashboard:
    kinds = 'SHOW TAG VALUES FROM "event" WITH KEY = "kind"'
    return Dashboard(
        uid=EVENTS,
        title="Lamplighter: events",
        description="What happened, between which bounds, what was sampled around it, and what was known of it when.",
        variables=(
            *meter_variables(options),
            Variable("kind", "Kind", kinds),
            Variable("event", "Event", default="none", all=False),
        ),
        rows=(
            Row("Events in the range", (_read_first(), *_counts(), coverage(6, 4), _by_time(), _table())),
            Row("Ride-through: residual voltage against duration", (outside(), undecided(), inside())),
            Row("Event $event: what was sampled", (_voltages(), _currents())),
            Row("Event $event: what was known of it when", (_history(),)),
        ),
        links=links(EVENTS),
    )


def _read_first() -> Panel:
    return not_isolation(
        "A polled meter does not see what lies between two polls. So each event has bounds: it began between two "
        "instants, lasted between two durations, and its residual voltage is an upper bound: it may have been deeper. "
        "An event inside another one (an interruption inside its sag) is one family and counts once. What was taken "
        "back is not shown. Click an event's id to see its samples and its history."
    )


def _count(title: str, description: str, *conditions: str, colour: str) -> Panel:
    return Panel(
        title=title,
        description=description,
        kind="stat",
        queries=(series(select('count("id") AS "events"', "event", VALID, *conditions)),),
        width=6,
        height=4,
        decimals=0,
        no_data="None is known in this range",
        overrides=(Override("events", colour=colour),),
        thresholds=FINE,
        index=True,
    )


def _counts() -> tuple[Panel, ...]:
    return (
        _count(
            "Families of events",
            "Events that began in the range, of the chosen kinds, each family once. Shorter events than the meter can "
            "show are not among them: `lamplighter check` tells its floor.",
            OF_KIND, _FAMILY, colour=BLUE,
        ),
        _count(
            "Supply losses",
            "Meters without supply on all phases, whatever they are inside of. Silence is not among them: it may have "
            "been one.",
            "\"kind\" = 'supply_loss'", colour=RED,
        ),
        _count(
            "Silences",
            "Meters or lines that did not answer. In that time nobody knows about supply.",
            "\"kind\" = 'comms_loss'", colour=GREY,
        ),
    )  # fmt: skip


def _by_time() -> Panel:
    query = select('count("id") AS "events"', "event", VALID, OF_KIND, by='time($__interval), "kind" fill(0)')
    return Panel(
        title="Events over time",
        description=(
            "Events by kind and by when they began; members of one family are each counted under their own kind. Many "
            "of one kind at one time have one cause: see the incidents."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_kind"),),
        width=24,
        height=6,
        decimals=0,
        no_data="No event is known in this range",
        draw="bars",
        stacked=True,
        y=Axis(minimum=0),
        step="1m",
        points=BARS,
    )


def _table() -> Panel:
    fields = ", ".join(
        (
            named("id", "kind", "meter", "feeder", "gateway", "state", "revision", "duration_min_s", "duration_max_s"),
            named("residual_pct", "peak_pct", "phases", "direction", "basis", "mode", "parent", "evidence", "absent"),
            named("class_en50160", "class_itic", "clock_synced"),
            at("start_earliest"),
            at("start"),
            TRACE_SPAN,
        )
    )
    return Panel(
        title="Events",
        description=(
            "Events that began in the range, newest first, as they are known now. A number under 'not known' is an "
            "earlier revision's: do not read it. Of an open event the durations are not known yet."
        ),
        kind="table",
        queries=(table(select(fields, "event", VALID, OF_KIND)),),
        width=24,
        height=12,
        no_data="No event is known in this range",
        columns=(
            EVENT_COLUMN,
            column("kind", "Kind", width=110),
            METER_COLUMN,
            STATE_COLUMN,
            *_BOUNDS,
            column("basis", "Basis", width=90),
            EVIDENCE_COLUMN,
            column("absent", "Not known", width=120),
            column("phases", "Phases", width=80),
            column("direction", "Cause lies", width=100),
            column("class_en50160", "EN 50160", width=110),
            column("class_itic", "ITIC", width=90),
            Override("mode", title="Mode", width=90, mappings=MODE_COLOURS),
            column("feeder", "Feeder", width=90),
            column("parent", "Inside", width=150),
            column("clock_synced", "Clock set", width=90),
        ),
        sort_by="Began before",
    )


def _sampled(names: tuple[str, ...]) -> Query:
    return series(select(named(*names), "trace", '"event" =~ /^($event)$/', tags=SITE, time=IN_RANGE))


def _voltages() -> Panel:
    return Panel(
        title="Trace: voltages",
        description=(
            "Every sample around the chosen event, as fast as the meter was read: from 5 s before it to 10 s after "
            "it, of long events without the middle. Each point is a mean over the meter's own window, not a waveform. "
            "An event that began inside another one has its samples under that one's id: see 'Inside'."
        ),
        kind="timeseries",
        queries=(_sampled((*VOLTAGES_LN, *VOLTAGES_LL)),),
        unit="volt",
        width=24,
        height=9,
        no_data="No samples of this event in this range: click an event's id in the table above",
        draw="points",
    )


def _currents() -> Panel:
    return Panel(
        title="Trace: currents",
        description=(
            "Currents beside the voltages. A current that rises while the voltage falls has its fault below the "
            "meter; one that falls with it has it above."
        ),
        kind="timeseries",
        queries=(_sampled(CURRENTS),),
        unit="amp",
        width=24,
        height=7,
        no_data="No samples of this event in this range: click an event's id in the table above",
        draw="points",
    )


def _history() -> Panel:
    fields = ", ".join(
        (
            named(
                "revision", "kind", "state", "duration_min_s", "duration_max_s", "residual_pct", "peak_pct", "absent"
            ),
            named("evidence", "basis", "supersedes", "meter"),
            at("reported"),
            at("start_earliest"),
            at("start"),
            at("end"),
        )
    )
    return Panel(
        title="Revisions of this event",
        description=(
            "What was said of the chosen event, when, and how it changed: one row for each revision, the youngest "
            "first. What an operator could have known at an instant is the row before it. Revisions up to 90 days "
            "after the range are shown."
        ),
        kind="table",
        queries=(table(select(fields, "event_log", _OF_EVENT, tags=SITE, time=_TOLD_LATER)),),
        width=24,
        height=8,
        no_data="No revision of this event: click an event's id in the table above",
        columns=(
            date("reported", "Said"),
            column("revision", "Revision", width=80, decimals=0),
            column("kind", "Kind", width=110),
            STATE_COLUMN,
            *_BOUNDS,
            date("end", "Over by"),
            column("basis", "Basis", width=90),
            EVIDENCE_COLUMN,
            column("absent", "Not known", width=150),
            column("supersedes", "Instead of", width=150),
        ),
        sort_by="Revision",
    )
