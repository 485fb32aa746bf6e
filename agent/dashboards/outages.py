"""Outages and indices: which customers were without supply, how long, and how sure that is. Pure."""

from collections.abc import Mapping

from agent.dashboards.influxql import (
    BEGAN_BEFORE_RANGE_ENDS,
    FEEDER,
    IN_EARNEST,
    OPEN,
    SITE,
    TOUCHES_RANGE,
    VALID,
    WITHOUT_SUPPLY,
    also_of_none,
    at,
    known,
    named,
    of_inner,
    select,
    series,
    table,
    typed,
)
from agent.dashboards.model import Axis, Dashboard, Override, Panel, Row, Variable
from agent.dashboards.options import Options
from agent.dashboards.parts import (
    EVENT_COLUMN,
    EVIDENCE_COLUMN,
    FINE,
    GREY,
    METER_COLUMN,
    MINUTES,
    ORANGE,
    OUTAGES,
    RED,
    STATE_COLUMN,
    TRACE_SPAN,
    WORDS_COLUMN,
    column,
    coverage,
    coverage_over_time,
    date,
    links,
    meter_variables,
    not_isolation,
    worst_supply,
)

_LOSS = "\"kind\" = 'supply_loss'"
# While the gateway itself was away all its meters were silent.
_SILENCE = "(\"kind\" = 'comms_loss' OR \"kind\" = 'gateway_outage')"
# What a loss is because of was a silence, with few exceptions: the meter was not heard in it.
_HEARD = "\"because\" = ''"
_SUSTAINED = typed("sustained")
_PER_CUSTOMER = f" / {typed('customers')}"
_OVER = "\"state\" = 'closed'"
_SPAN = (
    date("start_earliest", "Began after"),
    date("start", "Began before"),
    date("end_earliest", "Over after"),
    date("end", "Over before"),
    column("duration_min_s", "Lasted, at least", "s", 125, 0),
    column("duration_max_s", "at most", "s", 95, 0),
)
_INSTANTS = ", ".join(at(name) for name in ("start_earliest", "start", "end_earliest", "end"))


def outages(options: Options) -> Dashboard:
    return Dashboard(
        uid=OUTAGES,
        title="Lamplighter: outages and indices",
        description=(
            "Which customers were without supply, how long, how sure that is, and what it makes of the indices."
        ),
        variables=(
            *meter_variables(options),
            Variable("customers", "Customers in all", default=str(max(1, options.customers)), all=False),
            Variable("sustained", "Sustained over, s", default="180", all=False),
        ),
        rows=(
            Row("Who was without supply, and how sure are we", (_read_first(), _incidents())),
            Row("Indices of outages that began in the range", (*_indices(), coverage(4, 5))),
            Row("Meters without supply", (_losses(), _silences())),
            Row("Over time", (_dead(), worst_supply("Supply of each meter"), coverage_over_time())),
        ),
        links=links(OUTAGES),
    )


def _read_first() -> Panel:
    return not_isolation(
        "Last night: choose the time above, read the table below. Its customers are a least and a most; 'How sure' is "
        "the part of the meters below the node that told of it, times the weakest evidence. Silence is no outage and "
        "no supply: it is in the upper bounds, and in the table of silences."
    )


def _incidents() -> Panel:
    fields = ", ".join(
        (
            named("node", "cause", "state", "most_min", "most_max", "customers_min", "customers_max", "confidence"),
            named("duration_min_s", "duration_max_s", "critical", "words", "absent", "feeder", "gateway", "id"),
            named("alarms", "restored"),
            _INSTANTS,
        )
    )
    query = select(
        fields, "incident", VALID, WITHOUT_SUPPLY, TOUCHES_RANGE, tags=FEEDER, time=BEGAN_BEFORE_RANGE_ENDS
    )  # fmt: skip
    return Panel(
        title="Customers without supply in the range",
        description=(
            "Every incident in which supply or a phase was gone at any time of the range, also if it began before it: "
            "how many customers it concerned at its worst, and how many are without supply as of now. Each customer "
            "counts in one incident. Neutral and earth faults are dangers to people who have supply: see Events. "
            "A number under 'not known' is an earlier revision's: do not read it."
        ),
        kind="table",
        queries=(table(query),),
        width=24,
        height=9,
        no_data="No incident is known in this range. That is no proof of supply: see coverage and silences",
        columns=(
            Override("node", title="Node", width=120),
            column("cause", "What", width=105),
            STATE_COLUMN,
            column("most_min", "At worst, at least", width=140, decimals=0),
            column("most_max", "at most", width=70, decimals=0),
            column("confidence", "How sure", "percentunit", 75, 0),
            *_SPAN[:4],
            WORDS_COLUMN,
            column("absent", "Not known", width=120),
            *_SPAN[4:],
            column("customers_min", "Now, at least", width=105, decimals=0),
            column("customers_max", "now, at most", width=100, decimals=0),
            column("critical", "Critical customers", width=140),
            column("alarms", "Danger", width=120),
            column("feeder", "Feeder", width=90),
        ),
        sort_by="Began before",
    )


def _sustained(fields: str, bound: str, *kind: str) -> str:
    """Of each event that is over, and surely or perhaps lasted for long enough. Whole lines and gateways, too: their
    customers are of all their feeders."""
    customers, duration = f"customers_{bound}", f"duration_{bound}_s"
    # One that was closed without an end is over nobody knows since when: it is in no bound.
    return select(
        fields, "event", also_of_none("feeder", "meter"), *kind, f'"{duration}" > {_SUSTAINED}', _OVER, IN_EARNEST,
        known(customers), known("duration_min_s"), known("duration_max_s"), tags=SITE,
    )  # fmt: skip


def _uncounted(duration: str) -> str:
    """Losses and silences of which nobody wrote down whom they concern, of lines among them."""
    either = f"({_LOSS} OR {_SILENCE})"
    unknown = '"absent" =~ /(^|,)customers_max(,|$)/'
    return select(
        'count("id") AS "without a number"', "event", also_of_none("feeder", "meter"), either,
        f'"{duration}" > {_SUSTAINED}', _OVER, IN_EARNEST, unknown, tags=SITE,
    )  # fmt: skip


def _bounds(inner: Mapping[str, tuple[str, ...]], factor: str = "") -> tuple[str, str]:
    """At most: no less than at least. A loss may rest on what is no silence, a meter whose values stand still, or
    outlast the silence that it is because of."""
    sums = (of_inner('sum("lost") AS "lost"', *inner[bound]) for bound in ("min", "max"))
    return (
        of_inner(f'sum("lost"){factor} AS "at least"', *inner["min"]),
        of_inner(f'max("lost"){factor} AS "at most"', *sums),
    )


def _indices() -> tuple[Panel, ...]:
    lost, times = (
        {
            bound: tuple(_sustained(fields.format(bound=bound), bound, *kind) for kind in kinds)
            for bound, kinds in (("min", ((_LOSS,),)), ("max", ((_LOSS, _HEARD), (_SILENCE,))))
        }
        for fields in ('"customers_{bound}" * "duration_{bound}_s" / 60 AS "lost"', '"customers_{bound}" AS "lost"')
    )
    seen = "Supply losses that began in the range, are over and lasted longer than the seconds above. "
    rest = (
        "At least: what is sure. At most: as if every silence had been one outage of all who are fed at the meters "
        "that were not heard, of a line or of the gateway those of every feeder; each customer once, but for one who "
        "is fed at two meters that were silent one by one. A loss inferred of a meter that was silent counts as its "
        "silence; one inferred of a meter whose values stood still only lifts the most to the least. Without a number: "
        "nobody wrote down the customers; as long as there is one, there may be more than the most. Open losses are "
        "not in it, nor what began before the range, nor planned work; `lamplighter report` has all of that and takes "
        "out what counters prove."
    )
    return (
        _index("Customer-minutes lost", MINUTES, f"{seen}{rest}", *_bounds(lost)),
        _index("Customer interruptions", "none", f"{seen}{rest}", *_bounds(times)),
        _index(
            "SAIDI, minutes a customer", MINUTES,
            "Customer-minutes lost over the customers in all that are written above: a wrong number there is a wrong "
            f"index. {rest}",
            *_bounds(lost, _PER_CUSTOMER),
        ),
        _index(
            "SAIFI, interruptions a customer", "none",
            f"Customer interruptions over the customers in all that are written above. {rest}",
            *_bounds(times, _PER_CUSTOMER),
        ),
        _still_open(),
    )  # fmt: skip


_NO_NUMBER = Override("without a number", "none", colour=GREY, decimals=0)


def _index(title: str, unit: str, description: str, least: str, most: str) -> Panel:
    return Panel(
        title=title,
        description=description,
        kind="stat",
        queries=(series(least), series(most, ref="B"), series(_uncounted("duration_max_s"), ref="C")),
        unit=unit,
        width=4,
        height=5,
        decimals=2 if "a customer" in title else 0,
        no_data="No such outage is known in this range",
        overrides=(Override("at least", colour=RED), Override("at most", colour=ORANGE), _NO_NUMBER),
        thresholds=FINE,
        index=True,
    )


def _still_open() -> Panel:
    losses = select('count("id") AS "losses"', "event", OPEN, _LOSS, IN_EARNEST)
    silences = select(
        'count("id") AS "silences"', "event", also_of_none("feeder", "meter"), OPEN, _SILENCE, IN_EARNEST, tags=SITE
    )
    return Panel(
        title="Not over yet",
        description=(
            "Losses and silences that began in the range and are still open: they are in none of the indices beside."
        ),
        kind="stat",
        queries=(series(losses), series(silences, ref="B")),
        width=4,
        height=5,
        decimals=0,
        no_data="None is open",
        overrides=(Override("losses", colour=RED), Override("silences", colour=GREY)),
        thresholds=FINE,
    )


def _reaching(title: str, description: str, kind: str, no_data: str) -> Panel:
    fields = ", ".join(
        (
            named("meter", "feeder", "state", "customers_min", "customers_max", "duration_min_s", "duration_max_s"),
            named("kind", "basis", "mode", "evidence", "absent", "id", "line"),
            _INSTANTS,
            TRACE_SPAN,
        )
    )
    place = also_of_none("feeder", "meter")
    query = select(fields, "event", place, VALID, TOUCHES_RANGE, kind, tags=SITE, time=BEGAN_BEFORE_RANGE_ENDS)
    return Panel(
        title=title,
        description=description,
        kind="table",
        queries=(table(query),),
        width=24,
        height=8,
        no_data=no_data,
        columns=(
            EVENT_COLUMN,
            METER_COLUMN,
            column("line", "Line", width=100),
            STATE_COLUMN,
            *_SPAN[:2],
            *_SPAN[4:],
            column("customers_min", "Customers, at least", width=145, decimals=0),
            column("customers_max", "at most", width=85, decimals=0),
            column("basis", "Basis", width=90),
            EVIDENCE_COLUMN,
            *_SPAN[2:4],
            column("absent", "Not known", width=120),
            column("kind", "What", width=110),
            column("feeder", "Feeder", width=90),
            column("mode", "Mode", width=100),
        ),
        sort_by="Began before",
    )


def _losses() -> Panel:
    return _reaching(
        "Supply losses in the range",
        "Every loss of supply at a meter that touches the range, with the customers fed directly there. Inferred "
        "means that others told of it: the meter itself was silent.",
        _LOSS, "No supply loss is known in this range",
    )  # fmt: skip


def _silences() -> Panel:
    return _reaching(
        "Silences in the range",
        "Time in which a meter, a line or the gateway itself was not heard: nobody knows whether there was supply. A "
        "silence that was later proven an outage stays here, and has a supply loss of its own.",
        _SILENCE, "No silence is known in this range",
    )  # fmt: skip


def _dead() -> Panel:
    fields = ", ".join(f'max("meters_{state}") AS "{state}"' for state in ("dead", "partial", "unknown", "lost"))
    query = select(fields, "gateway", tags=SITE, by='time($__interval), "gateway" fill(null)')
    colours = {"dead": RED, "partial": ORANGE, "unknown": GREY, "lost": "#5b7fb4"}
    return Panel(
        title="Meters dead, partial and unknown",
        description=(
            "The most meters of each gateway at once in each step: without supply, with part of it, of unknown "
            "supply, and lost (they do not answer). Meters of other feeders of the gateway are in it."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_gateway $col"),),
        width=24,
        height=7,
        decimals=0,
        no_data="No gateway told of itself in this range",
        overrides=tuple(Override(f"/ {name}$/", colour=colour) for name, colour in colours.items()),
        y=Axis(minimum=0),
        step="1m",
    )
