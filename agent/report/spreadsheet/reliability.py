"""What a report says of interruptions, as tables. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from agent.report.document import Report
from agent.report.figures import Bounds
from agent.report.reliability.indices import Indices
from agent.report.reliability.part import Area
from agent.report.spreadsheet.cells import Cell, Table, When, two

INDICES = ("area", "customers", "index", "unit", "low", "high", "coverage", "users", "of")
INTERRUPTIONS = ("place", "group", "customers", "sure", "planned", "began", "lost_low_min", "lost_high_min")
SILENCES = ("meter", "from", "to", "event", "without_supply_at_most_min", "supply_proven_min")


def reliability_tables(report: Report, when: When) -> Iterator[Table]:
    yield Table("indices", INDICES, [row for area in report.reliability.areas for row in _indices(area)])
    yield Table("days", ("day", "saidi_low_min", "saidi_high_min", "major"), list(_days(report)))
    yield Table("interruptions", INTERRUPTIONS, [
        (one.place, one.group, one.customers, str(one.surely).lower(), str(one.planned).lower(), when(one.began_us),
         *two(one.lost_min)) for one in report.interruptions])  # fmt: skip
    yield Table("silences", SILENCES, [
        (part.meter.name, when(one.span.from_us), when(one.span.to_us), one.told, one.most_us / 60e6,
         one.proven_us / 60e6) for part in report.meters for one in part.silences])  # fmt: skip


def _indices(area: Area) -> Iterator[Sequence[Cell]]:
    """of: which interruptions; RS-1 and SAIDI of all hold planned ones too."""
    name = area.name or "site"
    parts: list[tuple[str, Indices | None]] = [
        ("unplanned", area.unplanned), ("planned", area.planned), ("all", area.everything),
        ("normal days", area.normal),
    ]  # fmt: skip
    for of, told in parts:
        for index, unit, bounds in _named(told, of) if told is not None else ():
            yield name, area.served, index, unit, *two(bounds), area.coverage, area.users, of


def _named(told: Indices, of: str) -> Iterator[tuple[str, str, Bounds | None]]:
    yield "customer-minutes", "min", told.customer_min
    yield "customer-minutes with momentary ones", "min", told.all_customer_min
    yield "SAIDI", "min", told.saidi_min
    yield "SAIFI", "1", told.saifi
    yield "CAIDI", "min", told.caidi_min
    yield "CTAIDI", "min", told.ctaidi_min
    yield "RS-1" if of == "all" else "ASAI", "1", told.asai
    yield "MAIFI", "1", told.maifi
    yield "MAIFI_E", "1", told.maifi_e
    for n, bounds in told.cemi.items():
        yield f"CEMI-{n}", "1", bounds


def _days(report: Report) -> Iterator[Sequence[Cell]]:
    """major: empty where nobody can say."""
    told = report.reliability.major
    for day, saidi in report.reliability.days.items():
        major = "yes" if day in told.surely else "perhaps" if day in told.perhaps else "no"
        yield str(date(1970, 1, 1) + timedelta(days=day)), *two(saidi), "" if told.threshold_min is None else major
