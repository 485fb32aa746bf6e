"""A report as tables for spreadsheets: the same numbers as the page's, bounds in two columns. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite

from agent.records import Event
from agent.report.document import MeterPart, Report
from agent.report.figures import Bounds
from agent.report.reliability import Indices

Cell = str | int | float | None
When = Callable[[int], str]  # an instant as text
_NO_BOUNDS = (None, None)


@dataclass(frozen=True, slots=True)
class Table:
    """name: of its file, without an ending"""

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def tables(report: Report, when: When) -> tuple[Table, ...]:
    return (
        Table("meters", METERS, [_meter(part) for part in report.meters]),
        Table("indices", INDICES, list(_indices(report))),
        Table("days", ("day", "saidi_low_min", "saidi_high_min"), [
            (str(date(1970, 1, 1) + timedelta(days=day)), *_two(saidi)) for day, saidi in report.days.items()]),
        Table("interruptions", INTERRUPTIONS, [
            (one.place, one.group, one.customers, str(one.surely).lower(), str(one.planned).lower(),
             when(one.began_us), *_two(one.lost_min)) for one in report.interruptions]),
        Table("events", EVENTS, [_event(event, when) for event in report.events]),
        Table("demand", ("meter", "start", "demand_w", "low_w", "high_w", "coverage"), [
            (part.meter.name, when(block.start_us), block.value_w, *_two(block.demand_w), block.coverage)
            for part in report.meters for block in part.blocks]),
    )  # fmt: skip


METERS = (
    "meter", "feeder", "customers", "coverage", "monitored_min", "unknown_min", "outage_min", "low_min", "high_min",
    "rate_pct", "rate_low_pct", "rate_high_pct", "low_customer_min", "load_coverage", "mean_w", "max_w", "load_factor",
    "night_base_w", "valley_share", "power_factor", "power_factor_low", "power_factor_high", "loading_mean",
    "loading_peak", "loading_over_80_min", "loading_over_100_min", "unbalance", "move_w",
)  # fmt: skip
INDICES = ("area", "customers", "index", "unit", "low", "high", "coverage")
INTERRUPTIONS = ("place", "group", "customers", "sure", "planned", "began", "lost_low_min", "lost_high_min")
EVENTS = (
    "id", "kind", "state", "meter", "line", "feeder", "basis", "mode", "start_earliest", "start", "end_earliest", "end",
    "duration_min_s", "duration_max_s", "residual_pct", "peak_pct", "phases", "customers_min", "customers_max", "itic",
)  # fmt: skip


def _two(bounds: Bounds | None) -> tuple[Cell, Cell]:
    """What has no upper end has no number there."""
    return _NO_BOUNDS if bounds is None else (bounds.low, bounds.high if isfinite(bounds.high) else None)


def _meter(part: MeterPart) -> Sequence[Cell]:
    told, beyond = part.quality, part.quality.beyond[0] if part.quality.beyond else None
    rate = told.rate().value
    return (
        part.meter.name, part.meter.feeder, part.customers, told.coverage, told.monitored_min, told.unknown_min,
        told.outage_min, None if beyond is None else beyond.low_min, None if beyond is None else beyond.high_min,
        rate if isinstance(rate, float) else None, *_two(told.rate_bounds()), part.low_customer_min, *_load(part),
    )  # fmt: skip


def _load(part: MeterPart) -> Iterator[Cell]:
    load, factor, loading, unbalance = part.load, part.power_factor, part.loading, part.unbalance
    if load is None:
        yield from (None,) * 6
    else:
        yield from (load.coverage, load.mean_w, load.max_w, load.load_factor, load.base_w, load.valley_share)
    yield from (factor.pf, *_two(factor.bounds)) if factor else (None,) * 3
    yield from (loading.mean, loading.peak, loading.plan_min, loading.full_min) if loading else (None,) * 4
    yield from (unbalance.worst, unbalance.move_w) if unbalance else (None,) * 2


def _indices(report: Report) -> Iterator[Sequence[Cell]]:
    served = sum(part.customers for part in report.feeders)
    areas: list[tuple[str, int | None, Indices | None, float]] = [
        ("site", served, report.indices, report.coverage),
        *((part.name, part.customers, part.indices, part.quality.coverage) for part in report.feeders),
        ("medium-voltage users", None, report.mv, report.coverage),
    ]
    for area, customers, told, coverage in areas:
        for index, unit, bounds in _named(told) if told is not None else ():
            yield area, customers, index, unit, *_two(bounds), coverage


def _named(told: Indices) -> Iterator[tuple[str, str, Bounds | None]]:
    yield "customer-minutes", "min", told.customer_min
    yield "customer-minutes with momentary ones", "min", told.all_customer_min
    yield "SAIDI", "min", told.saidi_min
    yield "SAIFI", "1", told.saifi
    yield "CAIDI", "min", told.caidi_min
    yield "CTAIDI", "min", told.ctaidi_min
    yield "ASAI", "1", told.asai
    yield "MAIFI", "1", told.maifi
    yield "MAIFI_E", "1", told.maifi_e
    for n, bounds in told.cemi.items():
        yield f"CEMI-{n}", "1", bounds


def _event(event: Event, when: When) -> Sequence[Cell]:
    instants = (event.start_earliest_us, event.start_us, event.end_earliest_us, event.end_us)
    return (
        event.id, event.kind, event.state, event.meter, event.line, event.feeder, event.basis, event.mode,
        *(None if at_us is None else when(at_us) for at_us in instants), event.duration_min_s, event.duration_max_s,
        event.residual_pct, event.peak_pct, " ".join(event.phases), *(event.customers or _NO_BOUNDS),
        event.classes.get("itic"),
    )  # fmt: skip
