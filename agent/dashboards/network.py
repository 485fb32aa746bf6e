"""Network overview: what is live, dead or unknown, and who is without supply. Pure."""

from collections.abc import Iterator

from agent.dashboards.influxql import (
    A_DAY_BEFORE_END,
    AT_END,
    BEGAN_BEFORE_END,
    FEEDER,
    OPEN,
    SITE,
    WITHOUT_SUPPLY,
    at,
    known,
    named,
    of_inner,
    select,
    series,
    table,
)
from agent.dashboards.model import Dashboard, Override, Panel, Row
from agent.dashboards.options import Options, counted
from agent.dashboards.parts import (
    COMMS_COLOURS,
    GREEN,
    GREY,
    METER_COLUMN,
    MODE_COLOURS,
    NETWORK,
    NONE_IS_FINE,
    ORANGE,
    RED,
    SUPPLY_COLOURS,
    WORDS_COLUMN,
    column,
    date,
    links,
    meter_variables,
    not_isolation,
    worst_supply,
)

_STATES = ("live", "partial", "dead", "unknown")
_ONE_METER = '"site", "gateway", "feeder", "meter"'
_MOST_BRANCHES = 40
INCIDENT_COLUMNS = (
    Override("node", title="Node", width=140),
    column("cause", "What", width=120),
    column("customers_min", "Customers now, at least", width=175, decimals=0),
    column("customers_max", "at most", width=70, decimals=0),
    column("confidence", "How sure", "percentunit", 75, 0),
    date("start_earliest", "Began after"),
    date("start", "Began before"),
    WORDS_COLUMN,
    column("absent", "Numbers not known", width=140),
    column("critical", "Critical customers", width=140),
    column("device", "Look at", width=150),
    column("dead", "Dead meters", width=180),
    column("unknown", "Unknown meters", width=140),
    column("alarms", "Danger", width=160),
    column("gateway", "Gateway", width=100),
)


def network(options: Options) -> Dashboard:
    return Dashboard(
        uid=NETWORK,
        title="Lamplighter: network overview",
        description="What is live, dead or unknown, which incidents are open, and how many customers have no supply.",
        variables=meter_variables(options),
        rows=(
            Row("At the end of the chosen range", (_read_first(), _meters(), _incidents(), _customers(), _gateways())),
            Row("Open incidents", (_open_incidents(),)),
            Row("Feeders and meters", (_feeders(), _all_meters())),
            *_over_time(options),
        ),
        links=links(NETWORK),
        since="now-6h",
    )


def _read_first() -> Panel:
    return not_isolation(
        "Live, partial and dead are measured or proven; unknown is everything else, silence first. A meter whose "
        "gateway was not heard for three minutes is not heard here, whatever it said last."
    )


def _told(time: str, *fields: str) -> str:
    return select(", ".join(f'last("{field}") AS "{field}"' for field in fields), "status", time=time, by=_ONE_METER)


def _meters() -> Panel:
    heard = _told(AT_END, *_STATES)
    # One for each meter, and none for it among the others: a sum over no meters would be nothing, not 0.
    one = 'last("live") - last("live") + 1'
    once = select(f'{one} AS "ever", {one} - 1 AS "told"', "status", time=A_DAY_BEFORE_END, by=_ONE_METER)
    told = select(f'{one} AS "told"', "status", time=AT_END, by=_ONE_METER)
    counted = ", ".join(f'sum("{state}") AS "{state}"' for state in _STATES)
    colours = dict(zip((*_STATES, "not heard"), (GREEN, ORANGE, RED, GREY, GREY), strict=True))
    return Panel(
        title="Meters by supply",
        description=(
            "Meters by what they said last, not more than three minutes before the end of the range. Not heard: they "
            "spoke within the day before it, and not in these three minutes. Unknown and not heard say nothing "
            "about supply."
        ),
        kind="stat",
        queries=(
            series(of_inner(counted, heard)),
            series(of_inner('sum("ever") - sum("told") AS "not heard"', once, told), ref="B"),
        ),
        width=10,
        height=5,
        decimals=0,
        no_data="No meter was heard within the day before",
        overrides=tuple(Override(name, colour=colour) for name, colour in colours.items()),
    )


def _incidents() -> Panel:
    query = select('count("id") AS "open"', "incident", OPEN, tags=FEEDER, time=BEGAN_BEFORE_END)
    return Panel(
        title="Open incidents",
        description=(
            "Incidents that began up to 90 days before the end of the range and are open as of now. Nothing here "
            "means that none is known, not that everybody has supply: see unknown and not heard."
        ),
        kind="stat",
        queries=(series(query),),
        width=3,
        height=5,
        decimals=0,
        no_data="No open incident is known",
        thresholds=NONE_IS_FINE,
    )


def _customers() -> Panel:
    least = select(
        'sum("customers_min") AS "at least"',
        "incident",
        OPEN,
        WITHOUT_SUPPLY,
        known("customers_min"),
        tags=FEEDER,
        time=BEGAN_BEFORE_END,
    )
    most = select(
        'sum("customers_max") AS "at most"',
        "incident",
        OPEN,
        WITHOUT_SUPPLY,
        known("customers_max"),
        tags=FEEDER,
        time=BEGAN_BEFORE_END,
    )
    nobody = select(
        'count("id") AS "incidents without a number"', "incident", OPEN, WITHOUT_SUPPLY,
        "\"absent\" =~ /(^|,)customers_max(,|$)/", tags=FEEDER, time=BEGAN_BEFORE_END,
    )  # fmt: skip
    return Panel(
        title="Customers without supply now",
        description=(
            "Fewest and most customers of all open incidents in which supply, or a phase of it, is gone: supply loss, "
            "phase loss, open conductor. The true number lies between. Each customer counts in one incident. A neutral "
            "or earth fault is no loss of supply: it is beside, among the open incidents, with its danger. An incident "
            "without a number (nobody wrote down how many live there) is in neither: as long as there is one, there "
            "may be more than the most."
        ),
        kind="stat",
        queries=(series(least), series(most, ref="B"), series(nobody, ref="C")),
        width=6,
        height=5,
        decimals=0,
        no_data="No open loss of supply is known",
        thresholds=NONE_IS_FINE,
    )


def _gateways() -> Panel:
    query = select(
        'last("uptime_s") AS "uptime_s"', "gateway", tags=SITE, time=A_DAY_BEFORE_END, by='"site", "gateway"'
    )
    return Panel(
        title="Gateways last heard",
        description=(
            "When each gateway last told of itself, within the day before the end of the range, and how long it had "
            "run then. Over three minutes ago: it is off, cut off, or its data comes late; of its meters nothing is "
            "known."
        ),
        kind="table",
        queries=(table(query),),
        width=5,
        height=5,
        no_data="No gateway was heard within the day before",
        columns=(
            column("gateway", "Gateway"),
            Override("Time", "dateTimeFromNow", "Last heard"),
            column("uptime_s", "Ran for", "s", 80, 0),
        ),
    )


def _open_incidents() -> Panel:
    fields = ", ".join(
        (
            named(
                "node", "cause", "device", "confidence", "customers_min", "customers_max", "dead", "unknown", "alarms"
            ),
            named("critical", "words", "absent", "gateway", "feeder", "id"),
            at("start_earliest"),
            at("start"),
        )
    )
    query = select(fields, "incident", OPEN, tags=FEEDER, time=BEGAN_BEFORE_END)
    return Panel(
        title="Open incidents in detail",
        description=(
            "What is dead, since when, who is concerned, and how sure that is. It began between the two instants. A "
            "number that is listed as not known is an earlier revision's: do not read it."
        ),
        kind="table",
        queries=(table(query),),
        width=24,
        height=8,
        no_data="No open incident is known",
        columns=INCIDENT_COLUMNS,
        sort_by="Began before",
    )


def _feeders() -> Panel:
    counted = ", ".join(f'sum("{state}") AS "{state}"' for state in _STATES)
    return Panel(
        title="Feeders",
        description=(
            "Meters of each feeder by what they said last, not more than three minutes before the end of the range. A "
            "feeder that is missing was not heard. A feeder's meters being dead is no proof that it is isolated."
        ),
        kind="table",
        queries=(table(of_inner(counted, _told(AT_END, *_STATES), by='"feeder"')),),
        width=8,
        height=12,
        decimals=0,
        no_data="No meter was heard in the last three minutes of the range",
        columns=(
            column("feeder", "Feeder"),
            *(column(state, state.capitalize(), width=80, decimals=0) for state in _STATES),
        ),
        sort_by="Dead",
    )


def _all_meters() -> Panel:
    fields = ", ".join(
        (
            *(f'last("{field}") AS "{field}"' for field in ("supply", "comms", "mode", "open_events")),
            'last("last_good_us") / 1000 AS "last_good"',
        )
    )
    return Panel(
        title="Meters",
        description=(
            "Each meter as it stood, not more than three minutes before the end of the range. Supply is what is known "
            "of the voltage, comms whether the meter answers: a meter that is silent may be without supply or without "
            "a line. A meter that is missing was not heard."
        ),
        kind="table",
        queries=(table(select(fields, "status", time=AT_END, by=_ONE_METER)),),
        width=16,
        height=12,
        no_data="No meter was heard in the last three minutes of the range",
        columns=(
            column("feeder", "Feeder", width=110),
            METER_COLUMN,
            Override("supply", title="Supply", width=90, cell=True, mappings=SUPPLY_COLOURS),
            Override("comms", title="Comms", width=90, cell=True, mappings=COMMS_COLOURS),
            Override("mode", title="Mode", width=110, mappings=MODE_COLOURS),
            date("last_good", "Last good reply"),
            column("open_events", "Open events"),
            column("gateway", "Gateway", width=110),
        ),
        sort_by="Feeder",
        descending=False,
    )


def _over_time(options: Options) -> Iterator[Row]:
    """One row for each feeder of a site, or one for all."""
    if not options.branches or len(options.branches) > _MOST_BRANCHES:
        yield Row("Supply over time", (worst_supply("Supply over time"),))
        return
    yield Row("The network as the site file has it", (_tree(options),))
    for branch in options.branches:
        heading = f"Feeder {branch.feeder}: {counted(len(branch.meters), 'meter')}"
        heading += f", {counted(branch.customers, 'customer')}" * (branch.customers > 0)
        timeline = worst_supply(
            f"Supply of {branch.feeder}", f"\"feeder\" = '{branch.feeder}'", height=min(20, 4 + len(branch.meters))
        )
        yield Row(heading, (timeline,))
    yield Row("Meters of no feeder", (worst_supply("Supply of no feeder", "\"feeder\" = 'none'"),), collapsed=True)


def _tree(options: Options) -> Panel:
    return Panel(
        title="Network",
        description=(
            "What hangs on what in normal switching, with its customers, as the site file said it when this was made."
        ),
        kind="text",
        width=24,
        height=min(20, 3 + len(options.tree)),
        text="\n".join(options.tree),
    )
