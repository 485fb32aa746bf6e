"""Tables of a site file that only reports and `status` ask for: what was agreed, whom it concerns, how it is counted.

A table more is its class, its name in OF_REPORTS, a field of ReportTables, a line in `read_reports`, and its keys in
config/reference.toml and tests/test_docs_config.py. What no single key shows is said where objects are made of it
(`agent.sitefile.demand`, say).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from agent.errors import Finding
from agent.sitefile.days import (
    DATE_ALLOWED,
    DATES_ALLOWED,
    DAYS_ALLOWED,
    WINDOWS_ALLOWED,
    Days,
    read_date,
    read_dates,
    read_days,
    read_window,
)
from agent.sitefile.operations import ALLOWED_GAP_US, TESTED_EVERY_US
from agent.sitefile.tables import Flag, Name, Table, from_text, read_table, read_tables
from agent.sitefile.values import AGE_ALLOWED, DURATION_ALLOWED, age_us, as_toml, duration_us, unlike

# Top-level names in the site file.
OF_REPORTS = ("demand", "workdays", "key_customers", "targets", "indices")

_SOURCES_ALLOWED = 'names of two meters or more, each once, as ["tx1-incomer", "tx2-incomer"]'
_SUSTAINED_ALLOWED = 'a duration of "1min" to "1h", as "5min"'
_SAIDI_ALLOWED = 'a duration, of which a customer may lose as much in a year, as "1.84h" or "110min"'
_Window = Annotated[tuple[int, int], from_text(read_window)]
_Dates = Annotated[frozenset[int], BeforeValidator(read_dates), Field(description=DATES_ALLOWED)]


class DemandTable(Table):
    """windows: minutes of the local day, as `agent.sitefile.days` reads them; since, until: days since 1970"""

    pillars = frozenset({"meter", "limit_kw", "windows"})

    meter: Name
    limit_kw: Annotated[float, Field(ge=0, le=10_000_000, description="a number of kW, 0 or more, without quotes")]
    windows: Annotated[
        tuple[_Window, ...], Field(strict=False, min_length=1, description=WINDOWS_ALLOWED)
    ] = ((0, 1440),)  # fmt: skip
    days: Annotated[Days, BeforeValidator(read_days), Field(description=DAYS_ALLOWED)] = Days()
    since: Annotated[
        int | None, BeforeValidator(read_date), Field(alias="from", description=DATE_ALLOWED)
    ] = None  # fmt: skip
    until: Annotated[int | None, BeforeValidator(read_date), Field(description=DATE_ALLOWED)] = None
    ordered: Flag = False


class WorkdaysTable(Table):
    """Beside Mondays to Fridays."""

    holidays: _Dates = frozenset()
    worked: _Dates = frozenset()


class KeyCustomerTable(Table):
    """allowed_gap, tested_every: in µs"""

    pillars = frozenset({"load", "sources"})

    load: Name
    sources: Annotated[
        tuple[Name, ...], Field(strict=False, min_length=2, description=_SOURCES_ALLOWED), AfterValidator(unlike)
    ]
    allowed_gap: Annotated[int, from_text(duration_us), Field(description=DURATION_ALLOWED)] = ALLOWED_GAP_US
    tested_every: Annotated[int, from_text(age_us), Field(description=AGE_ALLOWED)] = TESTED_EVERY_US


class IndicesTable(Table):
    """sustained_over: default by the profile, `agent.sitefile.indices`"""

    sustained_over: Annotated[
        int | None, from_text(duration_us), Field(ge=60_000_000, le=3_600_000_000, description=_SUSTAINED_ALLOWED)
    ] = None  # fmt: skip
    target_saidi: Annotated[int | None, from_text(duration_us), Field(description=_SAIDI_ALLOWED)] = None


@dataclass(slots=True)
class ReportTables:
    """Those that stood the test."""

    demand: dict[str, DemandTable] = field(default_factory=dict)
    workdays: WorkdaysTable | None = None
    key_customers: dict[str, KeyCustomerTable] = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)
    indices: IndicesTable | None = None


def read_reports(raw: Mapping[str, Any], findings: list[Finding]) -> ReportTables:
    tables = ReportTables()
    if "demand" in raw:
        tables.demand = read_tables(DemandTable, raw["demand"], "demand", findings)
    if "workdays" in raw:
        tables.workdays = read_table(WorkdaysTable, raw["workdays"], "workdays", findings)
    tables.key_customers = read_tables(KeyCustomerTable, raw.get("key_customers", {}), "key_customers", findings)
    if "indices" in raw:
        tables.indices = read_table(IndicesTable, raw["indices"], "indices", findings)
    tables.targets = dict(_targets(raw.get("targets", {}), findings))
    return tables


def _targets(raw: object, findings: list[Finding]) -> Iterator[tuple[str, int]]:
    """Its keys are classes, which the site file itself names."""
    if not isinstance(raw, dict):
        findings.append(Finding("targets", as_toml(raw), "a table", "write it as [targets]"))
        return
    for name, value in raw.items():
        try:
            yield name, duration_us(value)
        except (TypeError, ValueError):
            findings.append(Finding(f"targets.{name}", as_toml(value), DURATION_ALLOWED, "correct the value"))
