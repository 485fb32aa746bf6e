"""The protocol as one HTML file: nothing in it asks a network, and it prints on A4. Pure."""

from collections.abc import Iterator, Mapping
from html import escape

from agent.field.commission.observed import Finding
from agent.field.commission.sheet import BY_HAND, MeterSheet, Sheet
from agent.records import NOT_ISOLATION
from drivers.quantities import CATALOGUE, PHASES

_STYLE = """
body{font:14px/1.45 system-ui,"Noto Sans",sans-serif;color:#222;max-width:900px;margin:24px auto;padding:0 16px}
h1{font-size:24px;margin:0}h2{font-size:18px;margin:26px 0 6px;border-bottom:2px solid #222}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;margin:6px 0}
th,td{text-align:right;padding:3px 6px;border-bottom:1px solid #ddd;vertical-align:top}
th:first-child,td:first-child,.t{text-align:left}thead th{border-bottom:1px solid #222}
.o{border:1px solid #222;border-radius:4px;padding:0 8px;font-size:15px}.fail{color:#b3261e;border-color:#b3261e}
.open{color:#8a5a00;border-color:#8a5a00}.pass{color:#1b6e3c;border-color:#1b6e3c}
.f{border-left:4px solid #8a5a00;padding:2px 10px;margin:8px 0}.f.fail{border-color:#b3261e;color:#222}
.f small,.note{color:#555;font-size:12px}ul.box{list-style:none;padding:0}ul.box li::before{content:"☐ "}
.sign{display:grid;grid-template-columns:1fr 1fr 1fr;gap:24px;margin-top:36px}
.sign div{border-top:1px solid #222;padding-top:4px;font-size:12px}
@page{size:A4;margin:14mm}@media print{body{margin:0;max-width:none;font-size:12px}h2{break-after:avoid}
table{font-size:11px}tr,.f,.sign,ul.box{break-inside:avoid}}
"""
_OUTCOMES = {"pass": "passed", "fail": "failed", "open": "open: not all could be judged"}
_KINDS = (("voltage", "V", 1.0), ("current", "A", 1.0), ("active_power", "kW", 1e-3), ("reactive_power", "kvar", 1e-3),
          ("power_factor", "", 1.0))  # fmt: skip


def page(sheet: Sheet) -> str:
    return "\n".join(_lines(sheet))


def _lines(sheet: Sheet) -> Iterator[str]:
    title = escape(f"Commissioning of {sheet.site}, gateway {sheet.gateway}")
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
    yield f"<h1>{title} {_mark(sheet.outcome)}</h1>"
    yield f'<p class="note">{escape(_about(sheet))}</p>'
    yield "<p>Found from live values. Passed means that they show no fault in the wiring, and no more than that. "
    yield f"<b>{escape(NOT_ISOLATION)}</b></p>"
    yield from map(_finding, sheet.findings)
    yield from _overview(sheet)
    for meter in sheet.meters:
        yield from _meter(meter)
    yield "<h2>To be looked at by hand</h2>"
    yield '<ul class="box">' + "".join(f"<li>{escape(one)}</li>" for one in BY_HAND) + "</ul>"
    yield f'<div class="sign"><div>Engineer{escape(_name(sheet))}</div><div>Date</div><div>Signature</div></div>'
    yield "</body></html>"


def _about(sheet: Sheet) -> str:
    source = "readings of the running agent" if sheet.beside_agent else "own reads of the meters"
    when = f"{sheet.made[:19].replace('T', ' ')} UTC"
    return f"{when} · clock {sheet.clock} · {source} · site file {sheet.site_file} · Lamplighter {sheet.version}"


def _name(sheet: Sheet) -> str:
    return f": {sheet.engineer}" if sheet.engineer else ""


def _mark(outcome: str) -> str:
    return f'<span class="o {outcome}">{_OUTCOMES[outcome]}</span>'


def _finding(finding: Finding) -> str:
    what = "Failed" if finding.verdict == "fail" else "Cannot tell"
    return (
        f'<div class="f {finding.verdict}"><b>{what}:</b> {escape(finding.what)}.<br>'
        f"<b>Do:</b> {escape(finding.todo)}. <small>{finding.code}</small></div>"
    )


def _overview(sheet: Sheet) -> Iterator[str]:
    yield '<table><thead><tr><th>Meter<th class="t">Model<th class="t">Serial number<th class="t">Feeder'
    yield '<th class="t">Line, unit<th class="t">Outcome</thead><tbody>'
    for meter in sheet.meters:
        cells = (meter.model, meter.serial or "not told", meter.feeder or "-", f"{meter.line}, {meter.unit}")
        row = "".join(f'<td class="t">{escape(cell)}' for cell in cells)
        yield f'<tr><td>{escape(meter.meter)}{row}<td class="t">{_OUTCOMES[meter.outcome]}'
    yield "</tbody></table>"


def _meter(meter: MeterSheet) -> Iterator[str]:
    yield f"<h2>{escape(meter.meter)} {_mark(meter.outcome)}</h2>"
    yield f'<p class="note">{escape(_built_in(meter))}</p>'
    yield from map(_finding, meter.findings)
    columns = [phase for phase in (*PHASES, "total") if any(f"{kind}_{phase}" in meter.values for kind, *_ in _KINDS)]
    if columns:
        yield f"<table><thead><tr><th>{''.join(f'<th>{column}' for column in columns)}</thead><tbody>"
        for kind, unit, scale in _KINDS:
            yield from _row(meter.values, kind, unit, scale, columns)
        yield "</tbody></table>"
    yield f'<p class="note">{escape(_others(meter.values))}</p>'


def _built_in(meter: MeterSheet) -> str:
    renewed = "not measured" if meter.refresh_s is None else f"every {meter.refresh_s:.2g} s"
    return (
        f"{meter.wiring}, basis {meter.basis}, nominal {meter.nominal_v:g} V, vt {meter.vt:g}, ct {meter.ct:g}, "
        f"phases on terminals 1, 2, 3: {', '.join(meter.phase_map)}, direction {meter.direction}; "
        f"values renewed: {renewed}"
    )


def _row(values: Mapping[str, float], kind: str, unit: str, scale: float, columns: list[str]) -> Iterator[str]:
    cells = [values.get(f"{kind}_{column}") for column in columns]
    if any(cell is not None for cell in cells):
        shown = "".join("<td>" + ("" if cell is None else f"{cell * scale:.4g}") for cell in cells)
        yield f"<tr><td>{kind.replace('_', ' ')}{f', {unit}' if unit else ''}{shown}"


def _others(values: Mapping[str, float]) -> str:
    names = ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1", "frequency", "current_n", "active_energy_import",
             "active_energy_export")  # fmt: skip
    shown = (f"{name.replace('_', ' ')} {values[name]:,.7g} {CATALOGUE[name].unit}" for name in names if name in values)
    return ", ".join(shown)
