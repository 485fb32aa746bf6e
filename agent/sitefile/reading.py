"""The site file -> frozen typed objects. Everything wrong with it is said at once, in one `SiteError`."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agent.detect.network import Network
from agent.errors import Finding, SiteError
from agent.site import InfluxSite, JournalSite, MainsSite, Meter, MqttSite, Site
from agent.sitefile.demand_rules import demand_rules, demand_site
from agent.sitefile.indices import SUSTAINED_US, IndicesSite
from agent.sitefile.network import build_network, meter_path, network_rules, place_rules
from agent.sitefile.operations_rules import operations_rules, operations_site
from agent.sitefile.rules import (
    asks_watch,
    basis,
    check_rules,
    line_config,
    pace,
    resolve_models,
    wiring,
)
from agent.sitefile.schema import MeterTable, Tables, parse_tables
from agent.sitefile.sinks import influx_site, mqtt_site
from agent.sitefile.values import as_toml
from drivers.codec import Installation
from drivers.model import MeterModel
from drivers.toml_text import read_toml


def read_site(path: Path, state_dir: Path | None = None, raw: bytes | None = None) -> Site:
    """Read and check it; `state_dir` overrides its own, `raw` what it says. SiteError with every finding at once."""
    raw = _read(path) if raw is None else raw
    body = _parse(raw, path)
    tables, findings = parse_tables(body)
    beside = path.absolute().parent
    models, missing = resolve_models(tables, beside)
    findings += [*missing, *check_rules(tables, models), *network_rules(tables), *_no_calendar(tables, beside)]
    findings += demand_rules(tables, models)
    findings += operations_rules(tables)
    network = Network()
    if not findings:
        network = build_network(
            tables, {name: _powered_by(tables.meters[name], model) for name, model in models.items()}
        )
        findings += place_rules(tables, network)
    mqtt, influxdb = _sinks(tables, beside, findings)
    site = tables.site
    if findings or site is None:
        raise SiteError(str(path), tuple(findings))
    return Site(
        file=path,
        name=site.name,
        gateway=site.gateway,
        state_dir=state_dir or beside / site.state_dir,
        nominal_v=site.nominal_voltage,
        frequency_hz=float(site.frequency),
        time_zone=site.time_zone,
        profile=site.profile,
        clock=site.clock,
        lines=MappingProxyType({name: line_config(table) for name, table in tables.lines.items()}),
        meters=MappingProxyType({name: _meter(name, tables, network, model) for name, model in models.items()}),
        mqtt=mqtt,
        influxdb=influxdb,
        config_hash=_config_hash(raw, models),
        network=network,
        mains=_mains(tables),
        calendar=beside / site.calendar if site.calendar else None,
        journal=JournalSite(tables.journal.cap, tables.journal.keep) if tables.journal else JournalSite(),
        demand=demand_site(tables),
        operations=operations_site(tables),
        indices=_indices(tables),
        text=raw,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        finding = Finding("the file itself", reason, "a site file that can be read", "check the path and its rights")
        raise SiteError(str(path), (finding,)) from None


def _parse(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        # Windows editors put a byte order mark in front; it means nothing in UTF-8.
        return read_toml(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        finding = Finding(f"line {line}", "bytes that are no UTF-8", "UTF-8 text", "save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        finding = _broken_toml(str(error), raw.decode("utf-8-sig"))
    except ValueError as error:  # nested by the hundred, an integer of thousands of digits
        finding = Finding("somewhere", f"what cannot be read: {error}", "usual numbers, a few levels", "correct it")
    raise SiteError(str(path), (finding,))


def _broken_toml(message: str, text: str) -> Finding:
    """tomllib says "... (at line 3, column 7)" or "... (at end of document)"."""
    what, _, at = message.rpartition(" (at ")
    lines = text.splitlines() or [""]
    where = at.rstrip(")") if at.startswith("line ") else f"line {len(lines)}, column {len(lines[-1]) + 1}"
    return Finding(where, f"broken TOML: {what or message}", "TOML, as in config/reference.toml", "correct that line")


def _sinks(tables: Tables, beside: Path, findings: list[Finding]) -> tuple[MqttSite | None, InfluxSite | None]:
    mqtt = influxdb = None
    if tables.mqtt is not None:
        site = tables.site
        names = (site.name, site.gateway) if site else ("", "")
        mqtt, wrong = mqtt_site(tables.mqtt, *names, beside)
        findings += wrong
    if tables.influxdb is not None:
        influxdb, wrong = influx_site(tables.influxdb, beside)
        findings += wrong
    return mqtt, influxdb


def _no_calendar(tables: Tables, beside: Path) -> list[Finding]:
    name = tables.site and tables.site.calendar
    why = "which is not there"
    try:
        if not name or (beside / name).is_file():
            return []
    except OSError as error:  # a directory that is closed to us, say
        why = (error.strerror or "unreadable").lower()
    found = f"{as_toml(name)}, {why}"
    return [Finding("site.calendar", found, "a file beside the site file", "write that file, or remove the key")]


def _indices(tables: Tables) -> IndicesSite:
    site, told = tables.site, tables.reports.indices
    assert site is not None  # noqa: S101 - without it there is a finding
    sustained_us = SUSTAINED_US[site.profile]
    if told is None:
        return IndicesSite(sustained_us)
    return IndicesSite(told.sustained_over or sustained_us, told.target_saidi)


def _mains(tables: Tables) -> MainsSite | None:
    table = tables.mains
    if table is None:
        return None
    return MainsSite(Path(table.sysfs) if table.sysfs else None, table.nut, table.node)


def _powered_by(table: MeterTable, model: MeterModel) -> str:
    return table.powered_by or model.powered_by


def _meter(name: str, tables: Tables, network: Network, model: MeterModel) -> Meter:
    table, site, placed = tables.meters[name], tables.site, network.meters[name]
    path = meter_path(network, name)
    assert site is not None  # noqa: S101 - without it there is a finding
    asked = pace(table, site, model)
    nominal_v = table.nominal_voltage or site.nominal_voltage
    assert nominal_v is not None  # noqa: S101 - a rule demands one of them
    customers = network.nodes[placed.node].customers
    return Meter(
        name=name,
        line=table.line,
        unit=table.unit,
        model=model,
        installation=_installation(table),
        feeder=placed.feeder,
        upstream=path[-2] if len(path) > 1 else None,
        path=path,
        customers=None if customers is None else (customers.total, customers.total),
        wiring=wiring(table, model),
        basis=basis(table, model),
        powered_by=placed.powered_by,
        nominal_v=nominal_v,
        limits=table.limits,
        reference=table.reference or site.reference,
        poll_us=asked.poll_us,
        watch_us=asked.watch_us,
        publish_every_us=table.publish_every or site.publish_every,
        watch_auto=asks_watch(table, site) == "auto",
        node=placed.node,
        voltage_node=placed.voltage_node,
        vt_error_pct=_vt_error_pct(table),
        assess_limits=table.assess_limits,
        voltage_class=table.voltage_class,
    )


def _installation(table: MeterTable) -> Installation:
    """Ratios multiply only where the registers hold secondary values."""
    secondary = table.registers == "secondary"
    return Installation(
        vt=table.vt if secondary else 1.0,
        ct=table.ct if secondary else 1.0,
        phase_map=table.phase_map,
        direction=table.direction,
    )


def _config_hash(raw: bytes, models: Mapping[str, MeterModel]) -> str:
    """Of what the file says and what its maps say; where the maps lie does not count."""
    maps = sorted({repr(replace(model, file="")) for model in models.values()})
    return hashlib.sha256(b"\0".join([raw, *(text.encode() for text in maps)])).hexdigest()[:16]


def _vt_error_pct(table: MeterTable) -> float | None:
    """A transformer of which only the ratio is told may be of any class."""
    if table.vt_class is None:
        return 0.0 if table.vt == 1.0 else None
    return float(table.vt_class)
