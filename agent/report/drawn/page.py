"""A report as one HTML file: nothing in it asks a network, and it prints on A4. Pure."""

import re
from collections.abc import Iterator
from html import escape
from zoneinfo import ZoneInfo

from agent.records import NOT_ISOLATION
from agent.report.document import Report
from agent.report.drawn.sections import (
    alarms,
    closed_loop,
    demand,
    diagnoses,
    events,
    generators,
    key_customers,
    load,
    notes,
    record,
    reliability,
    sag_indices,
    summary,
    ten_minutes,
    voltage,
)
from agent.report.drawn.sheet import Sheet, whole
from agent.report.drawn.words import Words

_SECTIONS = (
    ("Alarms", alarms.lines),
    ("Summary", summary.lines),
    ("Reliability", reliability.lines),
    ("From seen to verified", closed_loop.lines),
    ("Key customers", key_customers.lines),
    ("Mobile generators", generators.lines),
    ("Voltage quality", voltage.lines),
    ("Voltage, unbalance and harmonics in ten minutes", ten_minutes.lines),
    ("Sag indices", sag_indices.lines),
    ("Events", events.lines),
    ("Load", load.lines),
    ("Demand and peak shifting", demand.lines),
    ("Diagnoses", diagnoses.lines),
    ("How to read this", notes.lines),
)
_STYLE = """
body{font:14px/1.45 system-ui,"Noto Sans","Noto Sans CJK SC",sans-serif;color:#222;max-width:960px;margin:24px auto;
padding:0 16px}h1{font-size:24px;margin:0}h2{font-size:18px;margin:28px 0 8px;border-bottom:2px solid #222}
h3{font-size:14px;margin:16px 0 4px}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:3px 6px;border-bottom:1px solid #ddd;vertical-align:top}th:first-child,td:first-child,
td.t,th.t{text-align:left}thead th{border-bottom:1px solid #222;vertical-align:bottom}.grey{color:#6b6b6b}
.tiles{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(200px,1fr))}
.tile{border:1px solid #ccc;border-radius:6px;padding:10px}
.tile b{display:block;font-size:20px}.tile small,.note{color:#555;font-size:12px}svg{width:100%;height:auto}
svg text{paint-order:stroke;stroke:#fff;stroke-width:3px}
.alarm{border:1px solid #b3261e;color:#b3261e;padding:6px 10px;border-radius:6px}
th,td{word-break:keep-all;overflow-wrap:break-word}.n{white-space:nowrap}figure{margin:0}p,li,h1,h3{overflow-wrap:anywhere}
@media screen and (max-width:640px){table{display:block;overflow-x:auto;border-collapse:separate;
border-spacing:0}td{white-space:nowrap}td:first-child,td.t{
white-space:normal;min-width:7em}td:first-child,th:first-child{position:sticky;left:0;background:#fff}
figure{overflow-x:auto}figure svg{min-width:720px}figure .note{position:sticky;left:0}}
@page{size:A4;margin:14mm}@media print{body{margin:0;max-width:none;font-size:12px}.tile b{font-size:17px}
h2,h3,h3+.note{break-after:avoid}table{font-size:11px}th,td{padding:2px 4px}
tr,figure,.tile{break-inside:avoid}thead{display:table-header-group}
thead,tbody tr:nth-child(-n+2):not(:last-child){break-after:avoid}}
"""


# A unit is not to begin the next line, and "at least" not to end one.
_GLUED = re.compile(r"(?<=[0-9]) (?=%|(?:kWh|kW|kvar|Hz|min|V|A|h|s)(?![A-Za-z0-9_]))|(?<=[≤≥]) ")


def page(report: Report, time_zone: str, words: Words) -> str:
    """The whole document. A section without a line has no heading."""
    sheet = Sheet(words, ZoneInfo(time_zone))
    return _GLUED.sub("\u00a0", "\n".join(_lines(report, sheet)))


def _lines(report: Report, sheet: Sheet) -> Iterator[str]:
    t = sheet.words
    begin, end = sheet.when(report.period.from_us), sheet.when(report.period.to_us)
    title = f"{t('Report')} {report.site}, {begin} – {end}"
    yield f'<!doctype html><html lang="{t.language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
    yield f"<h1>{escape(t('Report'))} {escape(report.site)}, {whole(begin)} – {whole(end)}</h1>"
    made = f"{t('Gateway')} {report.gateway} · {t('Made')} {sheet.when(report.made_us)} {sheet.zone.key}"
    yield f'<p class="note">{escape(made)} · {t("Coverage")} {sheet.covered(report.coverage)}</p>'
    yield from record.lines(report, sheet)
    if any(event.kind in ("supply_loss", "phase_loss") and event.state == "open" for event in report.events):
        yield f'<p class="alarm">{escape(t(NOT_ISOLATION))}</p>'
    for heading, section in _SECTIONS:
        body = list(section(report, sheet))
        if body:
            yield f"<h2>{escape(t(heading))}</h2>"
            yield from body
    yield "</body></html>"
