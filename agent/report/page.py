"""A report as one HTML file: nothing in it asks a network, and it prints on A4. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from agent.records import NOT_ISOLATION, Event
from agent.report import charts
from agent.report.advice import sentences
from agent.report.document import MeterPart, Report
from agent.report.figures import COVERED, Bounds
from agent.report.period import offset_us
from agent.report.reliability import Indices
from agent.report.words import Words

_MOST_EVENTS = 400
_STYLE = """
body{font:14px/1.45 system-ui,"Noto Sans","Noto Sans CJK SC",sans-serif;color:#222;max-width:960px;margin:24px auto;
padding:0 16px}h1{font-size:24px;margin:0}h2{font-size:18px;margin:28px 0 8px;border-bottom:2px solid #222}
h3{font-size:14px;margin:16px 0 4px}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:3px 6px;border-bottom:1px solid #ddd;vertical-align:top}th:first-child,td:first-child,
td.t,th.t{text-align:left}thead th{border-bottom:1px solid #222}.grey{color:#999}.tiles{display:grid;gap:12px;
grid-template-columns:repeat(auto-fill,minmax(200px,1fr))}.tile{border:1px solid #ccc;border-radius:6px;padding:10px}
.tile b{display:block;font-size:20px}.tile small,.note{color:#555;font-size:12px}svg{width:100%;height:auto}
.alarm{border:1px solid #b3261e;color:#b3261e;padding:6px 10px;border-radius:6px}
@page{size:A4;margin:14mm}@media print{body{margin:0;max-width:none}h2{break-after:avoid}
tr,svg,.tile{break-inside:avoid}thead{display:table-header-group}}
"""


def page(report: Report, time_zone: str, words: Words) -> str:
    """The whole document."""
    return "\n".join(_Page(report, ZoneInfo(time_zone), words).lines())


class _Page:
    def __init__(self, report: Report, zone: ZoneInfo, words: Words) -> None:
        self._report = report
        self._zone = zone
        self._t = words
        self._offset_us = offset_us(report.period.from_us, zone)

    def lines(self) -> Iterator[str]:
        report, t = self._report, self._t
        title = f"{t('Report')} {report.site}, {self._when(report.period.from_us)} – {self._when(report.period.to_us)}"
        yield f'<!doctype html><html lang="{t.language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        yield f"<h1>{escape(title)}</h1>"
        made = f"{t('Gateway')} {report.gateway} · {t('Made')} {self._when(report.made_us)} {self._zone.key}"
        yield f'<p class="note">{escape(made)} · {t("Coverage")} {self._covered(report.coverage)}</p>'
        if any(event.kind in ("supply_loss", "phase_loss") and event.state == "open" for event in report.events):
            yield f'<p class="alarm">{escape(t(NOT_ISOLATION))}</p>'
        for heading, body in (("Summary", self._summary()), ("Reliability", self._reliability()),
                              ("Voltage quality", self._voltage()), ("Events", self._events()),
                              ("Load", self._load()), ("Diagnoses", self._diagnoses()),
                              ("How to read this", self._notes())):  # fmt: skip
            yield f"<h2>{escape(t(heading))}</h2>"
            yield from body
        yield "</body></html>"

    # -- parts ----------------------------------------------------------------------------------------------------

    def _summary(self) -> Iterator[str]:
        report, t = self._report, self._t
        rate = (
            sum((part.quality for part in report.meters), type(report.meters[0].quality)()) if report.meters else None
        )
        low = [part.low_customer_min for part in report.meters if part.low_customer_min is not None]
        yield '<div class="tiles">'
        if rate is not None:
            yield self._tile("Voltage qualification rate", self._pct(rate.rate().value), rate.coverage,
                             f"{t('may have been')} {self._bounds(rate.rate_bounds(), 2)} %")  # fmt: skip
        if report.indices is not None:
            yield self._tile("SAIDI", f"{self._bounds(report.indices.saidi_min, 1)} min", report.coverage,
                             f"ASAI {self._bounds(report.indices.asai.scaled(100), 4)} %")  # fmt: skip
            yield self._tile("SAIFI", self._bounds(report.indices.saifi, 3), report.coverage,
                             f"MAIFI {self._bounds(report.indices.maifi, 3)}")  # fmt: skip
        yield self._tile(
            "Low-voltage customer-minutes", f"{sum(low):,.0f}" if low else t("not available"), report.coverage
        )
        kinds = Counter(event.kind for event in report.events if event.state != "retracted")
        told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(6))
        yield self._tile("Events by kind", str(kinds.total()), 1.0, told or t("none"))
        yield "</div>"

    def _reliability(self) -> Iterator[str]:
        report, t = self._report, self._t
        rows = [self._indices(t("whole site"), sum(part.customers for part in report.feeders) or None, report.indices)]
        rows += [self._indices(part.name, part.customers, part.indices) for part in report.feeders]
        rows += [self._indices(t("medium-voltage users"), None, report.mv)]
        yield self._table(("Area", "Customers", "Customer-minutes lost", "SAIDI min", "SAIFI", "CAIDI min", "ASAI %",
                           "MAIFI", "CEMI-1"), [row for row in rows if row])  # fmt: skip
        if report.planned.high:
            yield f"<p>{escape(t('Customer-minutes lost, planned'))}: {self._bounds(report.planned, 0)}</p>"
        yield from self._chart(
            "SAIDI by day", charts.by_days(report.days, report.period, self._offset_us, t("SAIDI by day"))
        )
        drawn = charts.timeline(report.interruptions, report.period, self._offset_us, t("Interruptions over time"))
        yield from self._chart("Interruptions over time", drawn, "Orange is sure, pale is possible.")

    def _indices(self, name: str, customers: int | None, told: Indices | None) -> list[str]:
        if told is None:
            return []
        return [
            escape(name), "" if customers is None else f"{customers:,}", self._bounds(told.customer_min, 0),
            self._bounds(told.saidi_min, 2), self._bounds(told.saifi, 3),
            "–" if told.caidi_min is None else self._bounds(told.caidi_min, 1), self._bounds(told.asai.scaled(100), 4),
            self._bounds(told.maifi, 3), self._bounds(told.cemi[1], 3),
        ]  # fmt: skip

    def _voltage(self) -> Iterator[str]:
        report, t = self._report, self._t
        head = ("Meter", "Feeder", "Rate", "may have been", "Low", "High", "Unknown", "Outage",
                "Low-voltage customer-minutes", "Worst hour", "Coverage")  # fmt: skip
        yield self._table(head, [self._quality(part) for part in report.meters])
        figure = report.composite
        said = self._pct(figure.value) if figure.value is not None else f"{t('not available')}: {figure.why}"
        yield f"<p>{escape(t('Voltage qualification rate'))}, {escape(t('composite'))}: {escape(said)}</p>"
        for part in self._worst():
            limits = part.meter.judged.limits[0]
            drawn = charts.histogram(part.quality.histogram, part.meter.judged.nominal_v, limits, part.meter.name)
            yield from self._chart(f"{t('Minutes by voltage')}: {part.meter.name}", drawn,
                                   "Darker bars lie beyond the limits; dashed lines are the limits.")  # fmt: skip
            yield from self._chart(f"{t('Voltage by local hour')}: {part.meter.name}",
                                   charts.daily_profile(part.profile, limits, part.meter.name))  # fmt: skip

    def _worst(self) -> Sequence[MeterPart]:
        """Charts of the three meters that were beyond their limits the longest; one where none was."""

        def beyond(part: MeterPart) -> float:
            return sum(one.low_min + one.high_min for one in part.quality.beyond[:1])

        found = sorted((part for part in self._report.meters if part.quality.histogram), key=beyond, reverse=True)
        return [part for n, part in enumerate(found[:3]) if n == 0 or beyond(part) > 0]

    def _quality(self, part: MeterPart) -> list[str]:
        told = part.quality
        beyond = told.beyond[0] if told.beyond else None
        worst = max(told.low_by_hour.items(), key=lambda one: one[1], default=None)
        low = part.low_customer_min
        cells = [
            escape(part.meter.name), escape(part.meter.feeder or ""), self._pct(told.rate().value),
            self._bounds(told.rate_bounds(), 2), f"{beyond.low_min:,.0f}" if beyond else "",
            f"{beyond.high_min:,.0f}" if beyond else "", f"{told.unknown_min:,.0f}", f"{told.outage_min:,.0f}",
            "–" if low is None else f"{low:,.0f}",
            "" if worst is None or not worst[1] else f"{worst[0]:02d} h ({worst[1]:,.0f} min)",
            self._covered(told.coverage),
        ]  # fmt: skip
        return [_greyed(cell) for cell in cells] if told.coverage < COVERED else cells

    def _events(self) -> Iterator[str]:
        t = self._t
        told = [event for event in self._report.events if event.state != "retracted"]
        dots = [dot for event in told if (dot := _dot(event)) is not None]
        if dots:
            yield from self._chart("Sags and swells against ITIC", charts.scatter(dots, "ITIC"),
                                   HOLLOW)  # fmt: skip
        shown = sorted(told, key=lambda event: event.start_us, reverse=True)[:_MOST_EVENTS]
        yield self._table(("Start", "Kind", "Where", "Duration", "Residual", "Customers", "State", "Basis"),
                          [self._event(event) for event in shown], texts=(1, 2, 6, 7))  # fmt: skip
        if len(told) > len(shown):
            yield f"<p>{len(told) - len(shown)} {escape(t('more events are not shown'))}</p>"

    def _event(self, event: Event) -> list[str]:
        lasted = (event.duration_min_s, event.duration_max_s)
        duration = "" if None in lasted else f"{_seconds(lasted[0])} – {_seconds(lasted[1])}"
        residual = f"≤ {event.residual_pct:.1f} %" if event.residual_pct is not None else ""
        if event.peak_pct is not None and not residual:
            residual = f"≥ {event.peak_pct:.1f} %"
        customers = "" if event.customers is None else self._bounds(Bounds(*event.customers), 0)
        return [
            self._when(event.start_us, seconds=True), event.kind, escape(event.meter or event.line or ""), duration,
            residual, customers, event.state, event.basis,
        ]  # fmt: skip

    def _load(self) -> Iterator[str]:
        rows = [self._loaded(part) for part in self._report.meters if part.load is not None]
        if not rows:
            yield f"<p>{escape(self._t('not available'))}</p>"
            return
        yield self._table(("Meter", "Mean", "Maximum demand", "Load factor", "Night base", "Power factor",
                           "kvar to install", "Loading", "Unbalance"), rows)  # fmt: skip

    def _loaded(self, part: MeterPart) -> list[str]:
        load, factor = part.load, part.power_factor
        assert load is not None  # noqa: S101 - asked before
        cells = [
            escape(part.meter.name), f"{load.mean_w / 1000:.1f} kW", f"{load.max_w / 1000:.1f} kW",
            f"{100 * load.load_factor:.0f} %", "" if load.base_w is None else f"{load.base_w / 1000:.1f} kW",
            "–" if factor is None else f"{factor.pf:.2f}",
            "–" if factor is None else ", ".join(f"{TARGET_WORDS[name]} {kvar}" for name, kvar in factor.kvar.items()),
            "–" if part.loading is None else f"{100 * part.loading.mean:.0f} / {100 * part.loading.peak:.0f} %",
            "–" if part.unbalance is None else f"{100 * part.unbalance.worst:.0f} %",
        ]  # fmt: skip
        return [_greyed(cell) for cell in cells] if load.coverage < COVERED else cells

    def _diagnoses(self) -> Iterator[str]:
        told = [one for part in self._report.meters for one in sentences(part, self._t)]
        if not told:
            yield f"<p>{escape(self._t('none'))}</p>"
            return
        yield "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in told) + "</ul>"

    def _notes(self) -> Iterator[str]:
        yield "<ul>"
        for text in NOTES:
            yield f"<li>{escape(self._t(text))}</li>"
        yield f"<li>{escape(self._t(NOT_ISOLATION))}</li></ul>"

    # -- pieces ---------------------------------------------------------------------------------------------------

    def _tile(self, name: str, value: str, coverage: float, note: str = "") -> str:
        grey = "" if coverage >= COVERED else ' class="grey"'
        covered = f"{self._t('Coverage')} {self._covered(coverage)}"
        return (f'<div class="tile"><span>{escape(self._t(name))}</span><b{grey}>{escape(value)}</b>'
                f"<small>{escape(note)}<br>{covered}</small></div>")  # fmt: skip

    def _chart(self, heading: str, drawn: str, note: str = "") -> Iterator[str]:
        if drawn:
            yield f"<h3>{escape(self._t(heading))}</h3>{drawn}"
            if note:
                yield f'<p class="note">{escape(self._t(note))}</p>'

    def _table(self, head: Iterable[str], rows: Iterable[Sequence[str]], texts: Sequence[int] = ()) -> str:
        mark = [' class="t"' if n in texts else "" for n in range(20)]
        cells = "".join(f"<th{mark[n]}>{escape(self._t(name))}</th>" for n, name in enumerate(head))
        body = "".join(
            "<tr>" + "".join(f"<td{mark[n]}>{cell}</td>" for n, cell in enumerate(row)) + "</tr>\n" for row in rows
        )
        return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"

    def _when(self, at_us: int, *, seconds: bool = False) -> str:
        told = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(self._zone)
        return f"{told:%Y-%m-%d %H:%M:%S}" if seconds else f"{told:%Y-%m-%d %H:%M}"

    def _covered(self, share: float) -> str:
        return f"{100 * share:.1f} %"

    def _pct(self, value: Bounds | float | None) -> str:
        return f"{value:.2f} %" if isinstance(value, float) else self._t("not available")

    def _bounds(self, bounds: Bounds, digits: int) -> str:
        low, high = f"{bounds.low:,.{digits}f}", f"{bounds.high:,.{digits}f}"
        return low if low == high else f"{low} – {high}"


TARGET_WORDS = {"industry": "0.90:", "other": "0.85:", "agriculture": "0.80:"}
HOLLOW = "Hollow circles: whether the event violates the curve cannot be told from what was seen."
NOTES = (
    "Two numbers are bounds: the true one lies between them. A grey figure rests on less than 95 % of its time.",
    "Time in which nothing was heard is unknown: it counts neither as good nor as an outage, and widens the bounds.",
    "All minutes of an interruption belong to the local day on which it began (in the style of IEEE 1366).",
    "A poller is no IEC 61000-4-30 class A or S instrument: sags shorter than a meter shows pass unseen.",
)


def _greyed(cell: str) -> str:
    return f'<span class="grey">{cell}</span>'


def _dot(event: Event) -> charts.Dot | None:
    pct = event.residual_pct if event.kind == "sag" else event.peak_pct if event.kind == "swell" else None
    if pct is None or event.duration_max_s is None:
        return None
    return charts.Dot(event.duration_min_s or 0.0, event.duration_max_s, pct, event.classes.get("itic", "undecided"))


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    if value < 120:
        return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"
