"""Events with their bounds, and sags and swells against a curve. Pure."""

from collections.abc import Iterator
from html import escape

from agent.records import Event
from agent.report.document import Report
from agent.report.drawn import charts
from agent.report.drawn.sections.told import instant, kind_of, lengths
from agent.report.drawn.sheet import Sheet
from agent.report.figures import Bounds

_MOST = 400
CURVE = (
    "Orange: surely beyond the curve; blue: surely within it; hollow: cannot be told from what was seen. The line "
    "through a circle: how long it may have lasted. A sag may have been deeper than drawn, a swell higher."
)
# What an event does not have, or what is not known of it.
NOTHING = "–"


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    t = sheet.words
    told = [event for event in report.events if event.state != "retracted"]
    dots = [dot for event in told if (dot := _dot(event)) is not None]
    if dots:
        yield from sheet.chart("Sags and swells against ITIC", charts.scatter(dots, "ITIC"), CURVE)
    if not told:
        yield f"<p>{escape(t('none'))}</p>"
        return
    shown = sorted(told, key=lambda event: event.start_us, reverse=True)[:_MOST]
    yield sheet.table(("Start", "Kind", "Where", "Duration", "Residual", "Customers", "State", "Basis"),
                      [_event(sheet, event) for event in shown], texts=(1, 2, 6, 7))  # fmt: skip
    if len(told) > len(shown):
        yield f"<p>{len(told) - len(shown)} {escape(t('more events are not shown'))}</p>"


def _event(sheet: Sheet, event: Event) -> list[str]:
    t, shortest_s, longest_s = sheet.words, event.duration_min_s, event.duration_max_s
    duration = NOTHING
    if shortest_s is not None and longest_s is not None:
        duration = lengths(sheet, Bounds(shortest_s, longest_s))
    residual = f"≤ {event.residual_pct:.1f} %" if event.residual_pct is not None else NOTHING
    if event.peak_pct is not None and event.residual_pct is None:
        residual = f"≥ {event.peak_pct:.1f} %"
    customers = NOTHING if event.customers is None else sheet.bounds(Bounds(*event.customers), 0)
    return [
        instant(sheet, event.start_us), escape(kind_of(sheet, event.kind)),
        escape(event.meter or event.line or NOTHING), duration, residual, customers,
        escape(t(event.state)), escape(kind_of(sheet, event.basis)),
    ]  # fmt: skip


def _dot(event: Event) -> charts.Dot | None:
    pct = event.residual_pct if event.kind == "sag" else event.peak_pct if event.kind == "swell" else None
    if pct is None or event.duration_max_s is None:
        return None
    return charts.Dot(event.duration_min_s or 0.0, event.duration_max_s, pct, event.classes.get("itic", "undecided"))
