"""`[demand.NAME]` and `[workdays]` of a site file -> what is wrong with them, and the limits. Pure."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from agent.errors import Finding
from agent.sitefile.days import DAY_MIN, Workdays, shown, time_of_day, weekday
from agent.sitefile.demand import DemandLimit, DemandSite
from agent.sitefile.rules import no_such
from agent.sitefile.schema import Tables
from agent.sitefile.schema_reports import DemandTable
from drivers.model import MeterModel


def demand_rules(tables: Tables, models: Mapping[str, MeterModel]) -> list[Finding]:
    return [
        *(finding for name, table in tables.reports.demand.items() for finding in _limit(name, table, tables, models)),
        *_workdays(tables),
    ]


def demand_site(tables: Tables) -> DemandSite:
    """Of tables without a finding."""
    told = tables.reports.workdays
    workdays = Workdays() if told is None else Workdays(told.holidays, told.worked)
    return DemandSite(tuple(_of(name, table) for name, table in tables.reports.demand.items()), workdays)


def _of(name: str, table: DemandTable) -> DemandLimit:
    return DemandLimit(
        name, table.meter, 1000 * table.limit_kw, tuple(sorted(table.windows)), table.days, table.since, table.until,
        table.ordered,
    )  # fmt: skip


def _limit(name: str, table: DemandTable, tables: Tables, models: Mapping[str, MeterModel]) -> Iterator[Finding]:
    where = f"demand.{name}"
    if table.meter not in tables.declared_meters:
        yield no_such(f"{where}.meter", table.meter, tables.declared_meters, "meter")
    yield from _unmeasured(where, table, tables, models)
    yield from _overlaps(where, table)
    if table.since is not None and table.until is not None and table.until < table.since:
        found = f'"{shown(table.until)}", which is before from = "{shown(table.since)}"'
        yield Finding(f"{where}.until", found, "that day, or a later one", "correct one of them")


def _unmeasured(where: str, table: DemandTable, tables: Tables, models: Mapping[str, MeterModel]) -> Iterator[Finding]:
    """Demand is what a register of energy ran on by: power that is read now and then proves nothing of a block."""
    model, meter = models.get(table.meter), tables.meters.get(table.meter)
    if model is None or meter is None:
        return
    # Transformers that face the other way: what the meter counts as export is import.
    register = "active_energy_import" if meter.direction == 1 else "active_energy_export"
    if register in model.quantities:
        return
    found = f"{table.meter}, whose model {model.id} reads no {register}"
    todo = "name another meter of the same load, or another model"
    if register in model.unproven:
        todo = f"its map has it unproven: look that it is right, and say unproven = true in meters.{table.meter}"
    yield Finding(f"{where}.meter", found, "a meter that counts energy", todo)


def _overlaps(where: str, table: DemandTable) -> Iterator[Finding]:
    """Also of the last one with the first of the next day."""
    ordered = sorted(table.windows)
    first_again = (ordered[0][0] + DAY_MIN, ordered[0][1] + DAY_MIN)
    for (from_min, to_min), (next_min, _) in pairwise((*ordered, first_again)):
        if next_min < to_min:
            found = f"{_said(from_min, to_min)}, within which another begins at {time_of_day(next_min % DAY_MIN)}"
            todo = "make one of them, or write a table of its own for each limit"
            yield Finding(f"{where}.windows", found, "windows apart from each other", todo)
            return


def _said(from_min: int, to_min: int) -> str:
    return f"{time_of_day(from_min)}-{time_of_day(to_min)}"


def _workdays(tables: Tables) -> Iterator[Finding]:
    told = tables.reports.workdays
    if told is None:
        return
    for day in sorted(told.worked):
        if weekday(day) < 5 or day in told.holidays:
            why = "also a holiday" if day in told.holidays else "no Saturday or Sunday"
            todo = "take it out of one of them" if day in told.holidays else "take it out: it is a working day anyway"
            yield Finding("workdays.worked", f"{shown(day)}, {why}", "Saturdays and Sundays that are worked", todo)
            return
