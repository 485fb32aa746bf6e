"""Energy and demand. Pure."""

from agent.dashboards.influxql import RANGE_MINUTES, select, series, table
from agent.dashboards.model import Axis, Dashboard, Override, Panel, Row
from agent.dashboards.options import Options
from agent.dashboards.parts import (
    COVERAGE_COLUMN,
    ENERGY,
    METER_COLUMN,
    column,
    coverage,
    coverage_over_time,
    links,
    meter_variables,
)
from drivers.quantities import CURRENTS

_BLOCKS = "demand_15min"
_BY_METER = '"feeder", "meter"'


def energy(options: Options) -> Dashboard:
    return Dashboard(
        uid=ENERGY,
        title="Lamplighter: energy and demand",
        description="What passed, what was demanded, and how much of it rests on what was seen.",
        variables=meter_variables(options),
        rows=(
            Row("Energy", (_each_meter(), coverage(6, 9, _BLOCKS, 15), _by_day(options))),
            Row("Demand", (_demand(), _reactive(), coverage_over_time(_BLOCKS, 15))),
            Row("Power and load", (_power(), _factor(), _currents())),
        ),
        links=links(ENERGY),
        since="now-7d",
    )


def _each_meter() -> Panel:
    bounded = ("active_energy_import", "active_energy_export", "reactive_energy_import")
    fields = [
        f'sum("{name}") AS "{name}", sum("{name}_min") AS "{name}_min", sum("{name}_max") AS "{name}_max"'
        for name in bounded
    ]
    fields.append('max("active_power_demand") AS "demand", max("active_power_demand_max") AS "demand_max"')
    fields.append(f'sum("coverage") * 15 / {RANGE_MINUTES} AS "coverage"')
    return Panel(
        title="Energy and highest demand of each meter",
        description=(
            "What the registers ran on in the quarters of an hour of the range, with the least and the most that they "
            "allow: at a tick a register lies between the last value read before and the first read after. A quarter "
            "that is missing is in no sum: see coverage. Highest demand is the mean power of the highest quarter."
        ),
        kind="table",
        queries=(table(select(", ".join(fields), _BLOCKS, by=_BY_METER)),),
        width=18,
        height=9,
        no_data="No quarter of an hour was seen in this range",
        columns=(
            METER_COLUMN,
            column("active_energy_import", "Import", "watth", 105),
            column("active_energy_import_min", "at least", "watth", 105),
            column("active_energy_import_max", "at most", "watth", 105),
            column("active_energy_export", "Export", "watth", 105),
            column("active_energy_export_min", "at least", "watth", 105),
            column("active_energy_export_max", "at most", "watth", 105),
            column("reactive_energy_import", "Reactive import", "varh", 120),
            column("demand", "Highest demand", "watt", 112),
            column("demand_max", "at most", "watt", 105),
            COVERAGE_COLUMN,
            column("feeder", "Feeder"),
        ),
        index=True,
        sort_by="Import",
    )


def _by_day(options: Options) -> Panel:
    zone = "" if options.zone == "UTC" else f" tz('{options.zone}')"
    query = select('sum("active_energy_import") AS "import"', _BLOCKS, by=f'time(1d), "meter" fill(null){zone}')
    return Panel(
        title="Energy a day",
        description=(
            f"Imported energy of each day ({options.zone}), of the quarters of an hour that are known; the first and "
            "the last day of the range may be parts. A day is drawn at its beginning: one that began before the range "
            "is not seen. Each point is a meter's day: bars would hide each other. What a meter below another one "
            "measures is in both."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter"),),
        unit="watth",
        width=24,
        height=8,
        no_data="No quarter of an hour was seen in this range",
        draw="points",
        y=Axis(minimum=0),
        step="1d",
    )


def _demand() -> Panel:
    fields = (
        'max("active_power_demand") AS "demand", max("active_power_demand_min") AS "at least", '
        'max("active_power_demand_max") AS "at most"'
    )
    query = select(fields, _BLOCKS, by='time($__interval), "meter" fill(null)')
    return Panel(
        title="Demand",
        description=(
            "Mean power of quarters of an hour, the highest in each step, with the least and the most that the "
            "registers allow. Without bounds where no register said it: then it is the mean of the powers that were "
            "read."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter $col"),),
        unit="watt",
        width=16,
        height=9,
        no_data="No quarter of an hour was seen in this range",
        overrides=(Override("/ at (least|most)$/", line_width=1, dashed=True),),
        step="15m",
    )


def _reactive() -> Panel:
    query = select(
        'max("reactive_power_demand") AS "reactive demand"', _BLOCKS, by='time($__interval), "meter" fill(null)'
    )
    return Panel(
        title="Reactive demand",
        description=(
            "Mean reactive power of quarters of an hour, the highest in each step. Empty where no register says it."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter"),),
        unit="voltampreact",
        width=8,
        height=9,
        no_data="No reactive register was read in this range",
        step="15m",
    )


def _power() -> Panel:
    fields = 'mean("active_power_total") AS "power", mean("reactive_power_total") AS "reactive"'
    query = select(fields, "interval_1min", by='time($__interval), "meter" fill(null)')
    return Panel(
        title="Power",
        description=(
            "Mean of the minutes, active and reactive, positive towards the load. Below zero somebody feeds in. A "
            "hole is time in which it was not read."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter $col"),),
        unit="watt",
        width=12,
        height=8,
        no_data="No power was read in this range",
        overrides=(Override("/ reactive$/", unit="voltampreact", dashed=True),),
        step="1m",
    )


def _factor() -> Panel:
    query = select(
        'mean("power_factor_total") AS "power factor"', "interval_1min", by='time($__interval), "meter" fill(null)'
    )
    return Panel(
        title="Power factor",
        description=(
            "Mean of the minutes, as the meter says it, with the sign of the power. A mean of power factors is not "
            "the power factor of the energy: the report has that."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter"),),
        width=12,
        height=8,
        decimals=3,
        no_data="No power factor was read in this range",
        y=Axis(minimum=-1, maximum=1),
        step="1m",
    )


def _currents() -> Panel:
    fields = ", ".join(f'max("{name}_max") AS "{name}"' for name in CURRENTS)
    query = select(fields, "interval_1min", by='time($__interval), "meter" fill(null)')
    return Panel(
        title="Highest current",
        description=(
            "The highest current of each phase that was read in each step. Starting currents shorter than a poll are "
            "not seen."
        ),
        kind="timeseries",
        queries=(series(query, "$tag_meter $col"),),
        unit="amp",
        width=24,
        height=8,
        no_data="No current was read in this range",
        y=Axis(minimum=0),
        step="1m",
    )
