"""Feeder voltage: profiles, limits, qualification. Pure."""

from agent.dashboards.influxql import FEEDER, RANGE_MINUTES, of_inner, select, series, table, typed
from agent.dashboards.model import Axis, Dashboard, Override, Panel, Query, Row, Threshold, Variable
from agent.dashboards.options import Options
from agent.dashboards.parts import (
    COVERAGE_COLUMN,
    GREEN,
    METER_COLUMN,
    MINUTES,
    ORANGE,
    RED,
    VOLTAGE,
    column,
    coverage,
    coverage_over_time,
    links,
    meter_variables,
    not_isolation,
)
from drivers.quantities import VOLTAGES_LL, VOLTAGES_LN

_LOW = " OR ".join(f'"{name}" < {typed("low")}' for name in VOLTAGES_LN)
_HIGH = " OR ".join(f'"{name}" > {typed("high")}' for name in VOLTAGES_LN)
# Below a tenth of the declared voltage on all phases it is an interruption (GB/T 30137; EN 50160 says 5 %), and no
# quality of voltage: some phase must have stayed above a tenth of the low limit throughout the minute.
_SUPPLIED = " OR ".join(f'"{name}_min" >= 0.1 * {typed("low")}' for name in VOLTAGES_LN)
_BY_METER = '"feeder", "meter"'
_BY_STEP = "time($__interval) fill(null)"
_PHASE_COLOURS = (("l1", "#b8860b"), ("l2", "#2e8b57"), ("l3", "#4169e1"))


def voltage(options: Options) -> Dashboard:
    low, high = (f"{limit:g}" for limit in options.limits)
    return Dashboard(
        uid=VOLTAGE,
        title="Lamplighter: feeder voltage",
        description="The voltage of a meter and of all meters of its feeder, against limits, with what was seen of it.",
        variables=(
            *meter_variables(options, one_meter=True),
            Variable("low", "Low limit, V", default=low, all=False),
            Variable("high", "High limit, V", default=high, all=False),
        ),
        rows=(
            Row("Read this first", (_read_first(),)),
            Row("Meter $meter", (_profile(), _between_lines(), _unbalance(), _distortion())),
            Row("All meters of the feeder, held against the limits", (_qualification(), coverage(6, 9, tags=FEEDER))),
            Row("Along the feeder", (_along(), _lowest(), _low_by_day(options), coverage_over_time(tags=FEEDER))),
        ),
        links=links(VOLTAGE),
    )


def _read_first() -> Panel:
    return not_isolation(
        "Voltages are means of what was polled, with the lowest and the highest that was read; a dip between two "
        "polls is not in them. These are no class A or S measurements (IEC 61000-4-30). Limits are the two numbers "
        "above, for one level of voltage at a time; the report judges each meter by its own."
    )


def _banded(names: tuple[str, ...], *more: str) -> Query:
    fields = [
        f'mean("{name}") AS "{name}", min("{name}_min") AS "{name} lowest", max("{name}_max") AS "{name} highest"'
        for name in names
    ]
    return series(select(", ".join((*fields, *more)), "reading", by=_BY_STEP))


def _limit(which: str) -> str:
    """A line at the number above, where there are voltages."""
    return f'mean("voltage_l1") - mean("voltage_l1") + {typed(which)} AS "{which} limit"'


def _band(names: tuple[str, ...]) -> tuple[Override, ...]:
    """Each mean as a line inside the area between the lowest and the highest."""
    told: list[Override] = []
    for name, (_, colour) in zip(names, _PHASE_COLOURS, strict=True):
        told += [
            Override(name, colour=colour, line_width=2),
            Override(f"{name} lowest", colour=colour, line_width=0),
            Override(f"{name} highest", colour=colour, line_width=0, fill_below=f"{name} lowest"),
        ]
    return tuple(told)


def _profile() -> Panel:
    return Panel(
        title="Voltage, line to neutral",
        description=(
            "Mean of each phase, and the lowest and the highest that was read in each step. The true extremes lie "
            "further out: what happened between two polls was not seen. Dashed: the limits above."
        ),
        kind="timeseries",
        queries=(_banded(VOLTAGES_LN, _limit("low"), _limit("high")),),
        unit="volt",
        width=24,
        height=10,
        no_data="No voltage to neutral was read in this range",
        overrides=(
            *_band(VOLTAGES_LN),
            *(Override(f"{one} limit", colour=RED, dashed=True) for one in ("low", "high")),
        ),
        step="10s",
    )


def _between_lines() -> Panel:
    return Panel(
        title="Voltage, line to line",
        description=(
            "Mean between each two phases, and the lowest and the highest that was read in each step. Empty where the "
            "meter does not read it."
        ),
        kind="timeseries",
        queries=(_banded(VOLTAGES_LL),),
        unit="volt",
        width=12,
        height=8,
        no_data="No voltage between lines was read in this range",
        overrides=_band(VOLTAGES_LL),
        step="10s",
    )


def _unbalance() -> Panel:
    query = select('max("voltage_unbalance") AS "u2"', "interval_10min", by=_BY_STEP)
    return Panel(
        title="Voltage unbalance",
        description=(
            "u2 of ten minutes, the highest in each step, computed from the line-line voltages of each reading. "
            "Planning level 2 % (EN 50160, GB/T 15543). Empty where line-line voltages are not read."
        ),
        kind="timeseries",
        queries=(series(query),),
        unit="percent",
        width=6,
        height=8,
        no_data="No line-line voltages were read in this range",
        thresholds=(Threshold(None, GREEN), Threshold(2, ORANGE), Threshold(4, RED)),
        lines=True,
        y=Axis(minimum=0),
        step="10m",
    )


def _distortion() -> Panel:
    fields = ", ".join(f'max("voltage_thd_{phase}") AS "voltage_thd_{phase}"' for phase, _ in _PHASE_COLOURS)
    return Panel(
        title="Voltage distortion",
        description=(
            "Total harmonic distortion of ten minutes as the meter says it, the highest in each step. 8 % is the "
            "level of EN 50160 up to 1 kV. Empty where the meter does not say it."
        ),
        kind="timeseries",
        queries=(series(select(fields, "interval_10min", by=_BY_STEP)),),
        unit="percent",
        width=6,
        height=8,
        no_data="No distortion was read in this range",
        thresholds=(Threshold(None, GREEN), Threshold(8, RED)),
        overrides=tuple(Override(f"voltage_thd_{phase}", colour=colour) for phase, colour in _PHASE_COLOURS),
        lines=True,
        y=Axis(minimum=0),
        step="10m",
    )


def _minutes(field: str, *conditions: str) -> str:
    either = (f"({one})" for one in (*conditions, _SUPPLIED))
    return select(f'count("coverage") AS "{field}"', "interval_1min", *either, tags=FEEDER, by=_BY_METER)


def _qualification() -> Panel:
    # Minutes that are not there would make the sums of a good meter nothing instead of zero.
    seen = select(
        'count("coverage") AS "seen", count("coverage") - count("coverage") AS "low", '
        'count("coverage") - count("coverage") AS "high", count("coverage") - count("coverage") AS "both", '
        'sum("coverage") AS "whole"',
        "interval_1min", f"({_SUPPLIED})", tags=FEEDER, by=_BY_METER,
    )  # fmt: skip
    # A minute with phases on both sides is low: none counts twice.
    low, beyond = 'sum("low")', 'sum("high") + sum("low") - sum("both")'
    fields = ", ".join(
        (
            f'(sum("seen") - ({beyond})) / sum("seen") AS "rate"',
            f'(sum("whole") - ({beyond})) / {RANGE_MINUTES} AS "rate_min"',
            f'1 - ({beyond}) / {RANGE_MINUTES} AS "rate_max"',
            f'{low} AS "low", sum("high") - sum("both") AS "high", sum("seen") AS "seen"',
            f'sum("whole") / {RANGE_MINUTES} AS "coverage"',
        )
    )
    query = of_inner(
        fields, seen, _minutes("low", _LOW), _minutes("high", _HIGH), _minutes("both", _HIGH, _LOW), by=_BY_METER
    )
    return Panel(
        title="Voltage qualification",
        description=(
            "Minutes whose mean was within the limits above, of those that were seen with supply; with all others "
            "taken as bad, and as good. A minute is low, or high, if any phase is. An interruption is no low voltage: "
            "minutes in which all phases were below a tenth of the low limit are neither low nor covered. Meters that "
            "read no voltage to neutral are missing; `lamplighter report` judges those too, and is what counts."
        ),
        kind="table",
        queries=(table(query),),
        width=18,
        height=9,
        no_data="No minute with supply was seen in this range",
        columns=(
            METER_COLUMN,
            Override("rate", "percentunit", "Qualified", decimals=2, width=110),
            column("rate_min", "at least", "percentunit", 110, 2),
            column("rate_max", "at most", "percentunit", 110, 2),
            column("low", "Low minutes", width=110, decimals=0),
            column("high", "High minutes", width=110, decimals=0),
            column("seen", "Minutes seen", width=110, decimals=0),
            COVERAGE_COLUMN,
            column("feeder", "Feeder"),
        ),
        index=True,
        sort_by="Low minutes",
    )


def _along() -> Panel:
    fields = ", ".join(
        f'mean("{name}") AS "{name}", min("{name}_min") AS "{name}_min", max("{name}_max") AS "{name}_max"'
        for name in VOLTAGES_LN
    )
    query = select(f'{fields}, sum("coverage") AS "minutes"', "interval_1min", tags=FEEDER, by=_BY_METER)
    phases = (
        (column(name, f"{name[-2:].upper()} mean", "volt", 90, 1), column(f"{name}_min", "lowest", "volt", 80, 1),
         column(f"{name}_max", "highest", "volt", 80, 1))
        for name in VOLTAGES_LN
    )  # fmt: skip
    share = f'sum("coverage") / {RANGE_MINUTES} AS "coverage"'
    return Panel(
        title="Voltage along the feeder",
        description=(
            "Each meter's phases over the whole range: mean of the minutes, and the lowest and the highest that was "
            "read. The fall from the head to the end is what the conductors take."
        ),
        kind="table",
        queries=(table(query.replace('sum("coverage") AS "minutes"', share)),),
        width=24,
        height=8,
        no_data="No minute was seen in this range",
        columns=(
            METER_COLUMN,
            *(one for phase in phases for one in phase),
            COVERAGE_COLUMN,
            column("feeder", "Feeder"),
        ),
        index=True,
        sort_by="Meter",
        descending=False,
    )


def _lowest() -> Panel:
    fields = ", ".join(f'min("{name}") AS "{name}"' for name in VOLTAGES_LN)
    query = select(fields, "interval_1min", tags=FEEDER, by='time($__interval), "meter" fill(null)')
    return Panel(
        title="Lowest minute of each meter",
        description=(
            "The lowest one-minute mean of each phase in each step, for all meters of the feeder. What falls together "
            "has a cause above all of them; what falls alone has its own. In an outage it is near zero."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter $col"),),
        unit="volt",
        width=12,
        height=8,
        no_data="No minute was seen in this range",
        step="1m",
    )


def _low_by_day(options: Options) -> Panel:
    zone = "" if options.zone == "UTC" else f" tz('{options.zone}')"
    query = select(
        'count("coverage") AS "low"',
        "interval_1min",
        f"({_LOW})",
        f"({_SUPPLIED})",
        tags=FEEDER,
        by=f'time(1d), "meter" fill(0){zone}',
    )
    return Panel(
        title="Low-voltage minutes a day",
        description=(
            f"Minutes of each day ({options.zone}) in which a phase was below the low limit above; minutes with an "
            "interruption are not among them. A day is drawn at its beginning: one that began before the range is not "
            "seen. A day of which nothing was measured shows none: look at its coverage."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter"),),
        unit=MINUTES,
        width=12,
        height=8,
        decimals=0,
        no_data="No minute of this range was below the low limit",
        draw="bars",
        stacked=True,
        y=Axis(minimum=0),
        step="1d",
    )
