"""Cross checks of a site file: what no single key can show. Tables in, findings out."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Literal

from agent.budget import Pace, line_budget, load
from agent.errors import Finding
from agent.records import VoltageBasis
from agent.sitefile.schema import LineTable, MeterTable, SiteTable, Tables
from agent.sitefile.values import as_toml
from agent.wiring import watched
from drivers.errors import ModelError
from drivers.library import load_model, model_names
from drivers.line import LineConfig, RtuOverTcpEndpoint, SerialPort, TcpEndpoint
from drivers.model import MeterModel
from drivers.quantities import VOLTAGES_LL, VOLTAGES_LN

_SERIAL_ONLY = ("baud", "parity", "stop_bits")


def line_config(table: LineTable) -> LineConfig:
    """The line of a table that names exactly one kind."""
    if table.tcp is not None:
        return TcpEndpoint(*table.tcp)
    if table.rtu_over_tcp is not None:
        return RtuOverTcpEndpoint(*table.rtu_over_tcp)
    assert table.serial is not None  # noqa: S101 - the caller has checked kinds()
    return SerialPort(table.serial, table.baud, table.parity, table.stop_bits)


def asks_watch(table: MeterTable, site: SiteTable) -> int | Literal["auto", "max"]:
    return table.watch if table.watch is not None else site.watch


def pace(table: MeterTable, site: SiteTable, model: MeterModel) -> Pace:
    """The meter's own keys, else the site's; "auto" is the meter's refresh."""
    watch = asks_watch(table, site)
    auto_us = round(model.refresh_s * 1e6)
    watch_us = None if watch == "max" else auto_us if watch == "auto" else watch
    return Pace(table.poll or site.poll, watch_us)


def wiring(table: MeterTable, model: MeterModel) -> str:
    return table.wiring or model.wiring


def basis(table: MeterTable, model: MeterModel) -> VoltageBasis:
    """Three wires have no neutral to measure against: there the line-line voltages are judged."""
    return table.basis or ("ll" if wiring(table, model) == "3p3w" else "ln")


def resolve_models(tables: Tables, beside: Path) -> tuple[dict[str, MeterModel], list[Finding]]:
    """The map of every meter, by meter name, and a finding for each that has none."""
    models: dict[str, MeterModel] = {}
    findings = []
    load = cache(partial(load_model, beside=beside))  # forty meters of one model are parsed once
    trusting = cache(MeterModel.trusting)  # and kept once
    known = cache(partial(model_names, beside))
    for name, table in tables.meters.items():
        try:
            model = load(table.model)
            models[name] = trusting(model) if table.unproven else model
        except ModelError as error:
            findings.append(_model_finding(f"meters.{name}.model", table.model, error, known()))
    return models, findings


def _model_finding(where: str, name: str, error: ModelError, known: tuple[str, ...]) -> Finding:
    if name in known:
        return Finding(
            where, f"{as_toml(name)}, whose map is wrong: {error}", "a map without mistakes", "correct the map"
        )
    return Finding(where, as_toml(name), ", ".join(known), _hint(name, known, "see `lamplighter models`"))


def check_rules(tables: Tables, models: Mapping[str, MeterModel]) -> list[Finding]:
    """Every rule over the tables that stood the test of their own keys."""
    return [
        *_nominal(tables),
        *_line_kinds(tables.lines),
        *_shared_ports(tables.lines),
        *_references(tables),
        *_units(tables),
        *_loops(tables.meters),
        *_basis(tables.meters, models),
        *_sliding(tables, models),
        *_ratios(tables.meters, models),
        *_budgets(tables, models),
    ]


def _nominal(tables: Tables) -> Iterator[Finding]:
    if tables.site is None or tables.site.nominal_voltage is not None:
        return
    without = [name for name, table in tables.meters.items() if table.nominal_voltage is None]
    if without or not tables.meters:
        found = f"nothing, and none for {', '.join(without)}" if without else "nothing"
        yield Finding("site.nominal_voltage", found, "a number of volts above zero", "add this key")


def _line_kinds(lines: Mapping[str, LineTable]) -> Iterator[Finding]:
    allowed = "exactly one of serial, tcp, rtu_over_tcp"
    if not lines:
        yield Finding("lines", "no line", "one table [lines.NAME] or more", "add the line your meters are on")
    for name, table in lines.items():
        kinds = table.kinds()
        if len(kinds) != 1:
            todo = "keep one of them; a second line needs its own table" if kinds else "say what the line is"
            yield Finding(f"lines.{name}", " and ".join(kinds) or "none of them", allowed, todo)
        elif kinds != ("serial",):
            for key in sorted(table.model_fields_set.intersection(_SERIAL_ONLY)):
                yield Finding(f"lines.{name}.{key}", f"{key} beside {kinds[0]}", f"{key} beside serial", "remove it")


def _shared_ports(lines: Mapping[str, LineTable]) -> Iterator[Finding]:
    """One port has one owner: two lines there would hear each other's replies."""
    first: dict[tuple[str, ...], str] = {}
    for name, table in lines.items():
        for port, shown in _ports(table):
            other = first.setdefault(port, name)
            if other != name:
                todo = f"put its meters on line {other}"
                yield Finding(f"lines.{name}", f"{shown}, which is also line {other}", "a port of its own", todo)


def _ports(table: LineTable) -> Iterator[tuple[tuple[str, ...], str]]:
    if table.serial is not None:
        yield ("serial", str(Path(table.serial).resolve())), table.serial
    for host, port in filter(None, (table.tcp, table.rtu_over_tcp)):
        yield ("tcp", host.lower(), str(port)), f"{host}:{port}"


def _references(tables: Tables) -> Iterator[Finding]:
    for name, table in tables.meters.items():
        if table.line not in tables.declared_lines:
            yield no_such(f"meters.{name}.line", table.line, tables.declared_lines, "line")
        if table.upstream and table.upstream not in tables.declared_meters:
            yield no_such(f"meters.{name}.upstream", table.upstream, tables.declared_meters, "meter")


def no_such(where: str, name: str, known: Iterable[str], what: str) -> Finding:
    names = sorted(known)
    return Finding(where, as_toml(name), ", ".join(names) or "nothing yet", _hint(name, names, f"add the {what}"))


def _hint(name: str, known: Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def _units(tables: Tables) -> Iterator[Finding]:
    first: dict[tuple[str, int], str] = {}
    for name, table in tables.meters.items():
        where = f"meters.{name}.unit"
        line = tables.lines.get(table.line)
        if not 1 <= table.unit <= 247 and not (table.unit == 255 and line and line.kinds() == ("tcp",)):
            yield Finding(where, str(table.unit), "1 to 247; on a tcp line also 255", "read it off the meter")
        other = first.setdefault((table.line, table.unit), name)
        if other != name:
            found = f"{table.unit}, which is also {other} on {table.line}"
            yield Finding(where, found, "a unit of its own on each line", "give one meter another address")


def _loops(meters: Mapping[str, MeterTable]) -> Iterator[Finding]:
    """Each loop once, from its first meter in the file."""
    seen: set[str] = set()
    for start in meters:
        chain = [start]
        while (up := meters[chain[-1]].upstream) in meters and up not in chain and up not in seen:
            chain.append(up)
        seen.update(chain)
        if up in chain:
            loop = " -> ".join([*chain[chain.index(up) :], up])
            yield Finding(f"meters.{up}.upstream", f"a loop: {loop}", "a tree", "let one of them have no upstream")


# IEC 61000-4-30: three-wire systems are judged line-to-line; two wires have no second line.
_SENSELESS = {
    ("3p3w", "ln"): '"ll", or "le" where voltages to earth are measured: three wires have no neutral',
    ("1p2w", "ll"): '"ln": two wires have one voltage',
}


def _basis(meters: Mapping[str, MeterTable], models: Mapping[str, MeterModel]) -> Iterator[Finding]:
    for name, model in models.items():
        judged, wires = basis(meters[name], model), wiring(meters[name], model)
        if (wires, judged) in _SENSELESS:
            found = f'"{judged}" with wiring "{wires}"'
            yield Finding(f"meters.{name}.basis", found, _SENSELESS[wires, judged], "choose the other basis or wiring")
        voltages = VOLTAGES_LL if judged == "ll" else VOLTAGES_LN
        if not set(model.quantities).intersection(voltages):
            found = f'"{judged}", but {model.id} reads no {"line-line" if judged == "ll" else "phase"} voltages'
            todo = "choose the other basis or model"
            if set(model.unproven).intersection(voltages):
                todo = "its map has them unproven: look that they are right, and say unproven = true"
            yield Finding(f"meters.{name}.basis", found, "a basis the model measures", todo)


# IEC 61000-4-30: a sliding reference is for medium and high voltage; low voltage ends at 1000 V.
_LOW_VOLTAGE_V = 1000


def _sliding(tables: Tables, models: Mapping[str, MeterModel]) -> Iterator[Finding]:
    for name, model in models.items():
        table, site = tables.meters[name], tables.site
        nominal_v = table.nominal_voltage or (site and site.nominal_voltage) or _LOW_VOLTAGE_V + 1
        asked = table.reference or (site and site.reference)
        if asked == "sliding" and basis(table, model) == "ln" and nominal_v <= _LOW_VOLTAGE_V:
            found = f'"sliding" on {nominal_v:g} V line-to-neutral'
            allowed = f'"declared" on low voltage; "sliding" with basis "ll" or "le", or above {_LOW_VOLTAGE_V} V'
            yield Finding(f"meters.{name}.reference", found, allowed, 'say reference = "declared" for this meter')


def _ratios(meters: Mapping[str, MeterTable], models: Mapping[str, MeterModel]) -> Iterator[Finding]:
    """A meter that tells its own ratios has them applied once already."""
    for name, model in models.items():
        table = meters[name]
        if model.own_ratios and table.registers == "secondary" and (table.vt, table.ct) != (1.0, 1.0):
            found = f"a ratio, but {model.id} reads its own from the meter ({', '.join(model.own_ratios)})"
            yield Finding(
                f"meters.{name}.vt", found, "no vt and ct for this model", "remove them, or set them in the meter"
            )


def _budgets(tables: Tables, models: Mapping[str, MeterModel]) -> Iterator[Finding]:
    """Full sets that do not fit their line."""
    loads = defaultdict(list)
    for name, model in models.items():
        table = tables.meters[name]
        line = tables.lines.get(table.line)
        if tables.site is not None and line is not None and len(line.kinds()) == 1:
            often = watched(model, basis(table, model), wiring(table, model))
            asked = pace(table, tables.site, model)
            loads[table.line].append(load(name, model, often, line_config(line), asked))
    for name, on_line in loads.items():
        budget = line_budget(on_line)
        if not budget.possible:
            found = f"{name} needs {budget.round_s:.3g} s per round, {budget.period_s:.3g} s asked"
            allowed = f"a poll of {budget.round_s:.3g} s or more on this line"
            yield Finding(f"lines.{name}", found, allowed, "poll less often, raise the baud rate or split the line")
