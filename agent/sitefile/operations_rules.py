"""`[key_customers.NAME]` and `[targets]` of a site file -> what is wrong with them, and the objects. Pure."""

from collections.abc import Iterator
from types import MappingProxyType

from agent.errors import Finding
from agent.sitefile.operations import DEFAULT, KeyCustomer, OperationsSite
from agent.sitefile.rules import no_such
from agent.sitefile.schema import Tables
from agent.sitefile.schema_reports import KeyCustomerTable
from agent.sitefile.values import as_toml


def operations_rules(tables: Tables) -> list[Finding]:
    reports = tables.reports
    return [
        *(finding for name, table in reports.key_customers.items() for finding in _customer(name, table, tables)),
        *_targets(tables),
    ]


def operations_site(tables: Tables) -> OperationsSite:
    """Of tables without a finding."""
    customers = tuple(
        KeyCustomer(name, table.load, table.sources, table.allowed_gap / 1e6, table.tested_every / 1e6)
        for name, table in tables.reports.key_customers.items()
    )
    return OperationsSite(customers, MappingProxyType({name: us / 1e6 for name, us in tables.reports.targets.items()}))


def _customer(name: str, table: KeyCustomerTable, tables: Tables) -> Iterator[Finding]:
    where = f"key_customers.{name}"
    if table.load not in tables.declared_meters:
        yield no_such(f"{where}.load", table.load, tables.declared_meters, "meter")
    for source in table.sources:
        if source not in tables.declared_meters:
            yield no_such(f"{where}.sources", source, tables.declared_meters, "meter")
            return
    if table.load in table.sources:
        found = f"{as_toml(table.load)}, which is the load as well"
        todo = "name the meters before the transfer switch here, and the one behind it as load"
        yield Finding(f"{where}.sources", found, "two meters or more, none of them the load", todo)


def _targets(tables: Tables) -> Iterator[Finding]:
    """A class that nobody is of would never be overdue."""
    classes = {node.critical for node in tables.nodes.values() if node.critical}
    for name in tables.reports.targets:
        if name not in {DEFAULT, *classes}:
            yield no_such(f"targets.{name}", name, {DEFAULT, *classes}, 'class: critical = "..." on a node')
