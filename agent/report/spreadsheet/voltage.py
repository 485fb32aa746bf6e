"""Voltages of a report as tables for spreadsheets. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import isfinite

from agent.report.document import MeterPart, Report
from agent.report.spreadsheet.cells import Cell, Table, When, two
from agent.report.voltage.classes import ASSESSED, Group
from agent.report.voltage.quality import Quality
from agent.report.voltage.ten_minutes import Level, Ruled

AREAS = (
    "area", "name", "meters", "coverage", "monitored_min", "unknown_min", "outage_min", "low_min", "high_min",
    "rate_pct", "rate_low_pct", "rate_high_pct", "assess_rate_pct", "assess_rate_low_pct", "assess_rate_high_pct",
    "low_customer_min",
)  # fmt: skip
ASSESSMENT = (
    "meter", "low_v", "high_v", "low_min", "high_min", "rate_pct", "rate_low_pct", "rate_high_pct", "coverage",
)  # fmt: skip
TEN_MINUTES = (
    "meter", "quantity", "unit", "lowest", "p95", "highest", "highest_at", "in_events_min", "coverage", "share",
    "limit_low", "limit_high", "source", "weekly", "spans", "verdict", "beyond_low", "beyond_high", "why",
)  # fmt: skip
SARFI = ("meters", "pace_s", "floor_s", "index", "per", "low", "high", "coverage", "why")
COMPLAINTS = (
    "meter", "feeder", "customers", "days", "within_days", "low_min", "worst_day", "worst_day_min", "customer_min",
    "coverage",
)  # fmt: skip


def voltage_tables(report: Report, when: When) -> Iterator[Table]:
    yield Table("voltage_areas", AREAS, list(_areas(report)))
    yield Table("assessment", ASSESSMENT, list(_assessments(report)))
    yield Table("ten_minutes", TEN_MINUTES, list(_tens(report, when)))
    yield Table("sarfi", SARFI, list(_sarfi(report)))
    yield Table("complaints", COMPLAINTS, list(_complaints(report)))


def _areas(report: Report) -> Iterator[Sequence[Cell]]:
    for area, groups in (("feeder", report.voltage.feeders), ("class", report.voltage.classes)):
        for one in groups:
            yield (area, one.name, one.meters, *_of_group(one))
    for name, told in (("composite", report.voltage.composite), ("composite, assessment", report.voltage.assessed)):
        if told is not None and told.bounds is not None:
            value = told.figure.value
            yield (
                name, None, None, told.figure.coverage, *(None,) * 5, value if isinstance(value, float) else None,
                *two(told.bounds), *(None,) * 4,
            )  # fmt: skip


def _of_group(one: Group) -> Iterator[Cell]:
    told = one.quality
    yield from (told.coverage, told.monitored_min, told.unknown_min, told.outage_min, *_beyond(told, 0))
    yield from (None,) * 3 if one.assessed is None else _beyond(one.assessed, ASSESSED)[2:]
    yield one.low_customer_min


def _beyond(told: Quality, pair: int) -> tuple[Cell, ...]:
    """Low and high minutes, the rate and its bounds."""
    if not told.beyond:
        return (None,) * 5
    rate = told.good_pct(pair) if told.seen_min(pair) else None
    return told.beyond[pair].low_min, told.beyond[pair].high_min, rate, *two(told.rate_bounds(pair))


def _assessments(report: Report) -> Iterator[Sequence[Cell]]:
    for part in report.meters:
        if len(part.quality.beyond) > ASSESSED:
            limits = part.meter.judged.limits[ASSESSED]
            yield (part.meter.name, limits.low_v, limits.high_v, *_beyond(part.quality, ASSESSED),
                   part.quality.coverage)  # fmt: skip


def _tens(report: Report, when: When) -> Iterator[Sequence[Cell]]:
    """A row for each rule; one without where there is none."""
    for part in report.meters:
        for quantity, unit, told in _levels(part):
            said = (
                part.meter.name, quantity, unit, told.lowest, told.p95, told.highest,
                None if told.highest_us is None else when(told.highest_us), told.apart_min, told.coverage,
            )  # fmt: skip
            for one in told.ruled:
                yield (*said, *_rule(one))
            if not told.ruled:
                yield (*said, *(None,) * 9, told.why or None)


def _levels(part: MeterPart) -> Iterator[tuple[str, str, Level]]:
    yield from (("voltage", "V", part.tens.volts), ("unbalance", "%", part.tens.unbalance), ("thd", "%", part.tens.thd))


def _rule(one: Ruled) -> Iterator[Cell]:
    rule = one.rule
    yield from (rule.share, rule.low if isfinite(rule.low) else None, rule.high, rule.source, str(rule.weekly).lower())
    yield from (one.spans, one.verdict, *two(one.beyond), one.why or None)


def _sarfi(report: Report) -> Iterator[Sequence[Cell]]:
    for one in report.voltage.sarfi:
        named = " ".join(one.meters)
        indices = {f"SARFI-{level}": bounds for level, bounds in one.by_level.items()}
        if one.itic is None:
            yield named, one.pace_s, None, None, None, None, None, one.coverage, one.why
            continue
        for index, bounds in {**indices, "SARFI-ITIC": one.itic}.items():
            yield named, one.pace_s, one.floor_s, index, one.per, *two(bounds), one.coverage, None


def _complaints(report: Report) -> Iterator[Sequence[Cell]]:
    risk = report.voltage.risk
    for one in risk.listed:
        worst = date(1970, 1, 1) + timedelta(days=one.worst_day)
        yield (one.meter, one.feeder, one.customers, one.days, risk.within_days, one.low_min, str(worst),
               one.worst_min, one.customer_min, one.coverage)  # fmt: skip
