"""Pieces of InfluxQL that all dashboards share. Pure.

What is chosen above a dashboard is a regular expression in parentheses: some versions of Grafana join several choices
with a bar and no more, and `/^a|b$/` is something else than `/^(a|b)$/`.
"""

from agent.dashboards.model import Query

SITE = ("site", "gateway")
FEEDER = (*SITE, "feeder")
METER = (*FEEDER, "meter")

IN_RANGE = "$timeFilter"
# A meter's status comes every minute: what is older than three of them is not how things stand.
AT_END = "time > ${__to}ms - 3m AND time <= ${__to}ms"
A_DAY_BEFORE_END = "time > ${__to}ms - 1d AND time <= ${__to}ms"
# An outage that is known to nobody after three months has other papers.
BEGAN_BEFORE_END = "time > ${__to}ms - 90d AND time <= ${__to}ms"
# Points of events lie at their start: what began before the range may reach into it.
# Some are closed without an end: nobody can tell when it was.
TOUCHES_RANGE = '("start_us" >= ${__from}000 OR "end_us" >= ${__from}000 OR "state" = \'open\')'
BEGAN_BEFORE_RANGE_ENDS = "time > ${__from}ms - 90d AND time <= ${__to}ms"
# Kinds of events that are chosen above a dashboard.
OF_KIND = '"kind" =~ /^($kind)$/'
VALID = "\"state\" != 'retracted'"
OPEN = "\"state\" = 'open'"
# Incidents in which supply, or a phase of it, is gone; the others are dangers to people who have supply.
WITHOUT_SUPPLY = '"cause" =~ /^(supply_loss|phase_loss|open_conductor)$/'
# Only what happened in earnest: no test, no maintenance.
IN_EARNEST = "\"mode\" = 'normal'"
RANGE_MINUTES = "((${__to} - ${__from}) / 60000)"


def chosen(tags: tuple[str, ...]) -> str:
    return " AND ".join(f'"{tag}" =~ /^(${tag})$/' for tag in tags)


def typed(name: str) -> str:
    """A number that somebody types in, as it stands: versions of Grafana escape it like a regular expression where
    there is one in the query, and 235.4 would be 235\\.4."""
    return f"${{{name}:raw}}"


def also_of_none(*tags: str) -> str:
    """As `chosen`, and what has no such place: events of a whole line or gateway."""
    return " AND ".join(f'("{tag}" =~ /^(${tag})$/ OR "{tag}" = \'none\')' for tag in tags)


def select(
    fields: str,
    source: str,
    *conditions: str,
    tags: tuple[str, ...] = METER,
    time: str = IN_RANGE,
    by: str = "",
) -> str:
    """One statement. by: what it is grouped by, with its fill"""
    where = " AND ".join((chosen(tags), *conditions, time))
    return f'SELECT {fields} FROM "{source}" WHERE {where}{f" GROUP BY {by}" if by else ""}'  # noqa: S608


def of_inner(fields: str, *inner: str, by: str = "") -> str:
    """One statement over others; what they have in common is added up."""
    sources = ", ".join(f"({one})" for one in inner)
    return f"SELECT {fields} FROM {sources}{f' GROUP BY {by}' if by else ''}"  # noqa: S608


def known(field: str) -> str:
    """The last revision has this number: a point unites all revisions, and `absent` names what the last one has not."""
    return f'"absent" !~ /(^|,){field}(,|$)/'


def at(instant: str) -> str:
    """Microseconds as the milliseconds that Grafana shows as a date."""
    return f'"{instant}_us" / 1000 AS "{instant}"'


def named(*fields: str) -> str:
    return ", ".join(f'"{field}"' for field in fields)


def table(influxql: str, ref: str = "A") -> Query:
    return Query(influxql, ref, format="table")


def series(influxql: str, alias: str = "$col", ref: str = "A") -> Query:
    return Query(influxql, ref, alias)
