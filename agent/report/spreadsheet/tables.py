"""A report as tables for spreadsheets: the same numbers as the page's, bounds in two columns. Pure."""

from collections.abc import Iterator, Sequence

from agent.records import Event
from agent.report.document import MeterPart, Report
from agent.report.spreadsheet import demand as tables_demand
from agent.report.spreadsheet.cells import Cell, Table, When, two
from agent.report.spreadsheet.operations import operations_tables
from agent.report.spreadsheet.reliability import reliability_tables
from agent.report.spreadsheet.voltage import voltage_tables


def tables(report: Report, when: When) -> tuple[Table, ...]:
    return (
        Table("meters", METERS, [_meter(part) for part in report.meters]),
        *reliability_tables(report, when),
        Table("events", EVENTS, [_event(event, when) for event in report.events]),
        Table("demand", ("meter", "start", "demand_w", "low_w", "high_w", "coverage"), [
            (part.meter.name, when(block.start_us), block.value_w, *two(block.demand_w), block.coverage)
            for part in report.meters for block in part.blocks]),
        *_demand(report, when),
        *operations_tables(report.operations, when),
        *voltage_tables(report, when),
    )  # fmt: skip


# What not every site has.
SOMETIMES = ("demand_limits", "demand_windows", "key_gaps", "standbys", "common_sags")


def _demand(report: Report, when: When) -> Iterator[Table]:
    """Where the site has limits."""
    if report.demand:
        yield Table("demand_limits", tables_demand.LIMITS, list(tables_demand.limits(report.demand)))
        yield Table("demand_windows", tables_demand.WINDOWS, list(tables_demand.windows(report.demand, when)))


METERS = (
    "meter", "feeder", "customers", "coverage", "monitored_min", "unknown_min", "outage_min", "low_min", "high_min",
    "rate_pct", "rate_low_pct", "rate_high_pct", "low_customer_min", "load_coverage", "mean_w", "max_w", "load_factor",
    "night_base_w", "valley_share", "power_factor", "power_factor_low", "power_factor_high", "loading_mean",
    "loading_peak", "loading_over_80_min", "loading_over_100_min", "unbalance", "move_w",
    "neutral_a", "low_customer_high_min",
)  # fmt: skip
EVENTS = (
    "id", "kind", "state", "meter", "line", "feeder", "basis", "mode", "start_earliest", "start", "end_earliest", "end",
    "duration_min_s", "duration_max_s", "residual_pct", "peak_pct", "phases", "customers_min", "customers_max", "itic",
)  # fmt: skip


def _meter(part: MeterPart) -> Sequence[Cell]:
    told, beyond = part.quality, part.quality.beyond[0] if part.quality.beyond else None
    rate = told.rate().value
    return (
        part.meter.name, part.meter.feeder, part.customers, told.coverage, told.monitored_min, told.unknown_min,
        told.outage_min, None if beyond is None else beyond.low_min, None if beyond is None else beyond.high_min,
        rate if isinstance(rate, float) else None, *two(told.rate_bounds()), part.low_customer_min, *_load(part),
        None if part.low_customer_bounds is None else part.low_customer_bounds.high,
    )  # fmt: skip


def _load(part: MeterPart) -> Iterator[Cell]:
    load, factor, loading, unbalance = part.load, part.power_factor, part.loading, part.unbalance
    if load is None:
        yield from (None,) * 6
    else:
        yield from (load.coverage, load.mean_w, load.max_w, load.load_factor, load.base_w, load.valley_share)
    yield from (factor.pf, *two(factor.bounds)) if factor else (None,) * 3
    yield from (loading.mean, loading.peak, loading.plan_min, loading.full_min) if loading else (None,) * 4
    yield from (unbalance.worst, unbalance.move_w, unbalance.neutral_a) if unbalance else (None,) * 3


def _event(event: Event, when: When) -> Sequence[Cell]:
    instants = (event.start_earliest_us, event.start_us, event.end_earliest_us, event.end_us)
    return (
        event.id, event.kind, event.state, event.meter, event.line, event.feeder, event.basis, event.mode,
        *(None if at_us is None else when(at_us) for at_us in instants), event.duration_min_s, event.duration_max_s,
        event.residual_pct, event.peak_pct, " ".join(event.phases), *(event.customers or (None, None)),
        event.classes.get("itic"),
    )  # fmt: skip
