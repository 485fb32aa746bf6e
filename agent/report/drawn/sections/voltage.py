"""Voltage quality by area and by meter, low voltage, and charts of the meters that were worst. Pure."""

from collections.abc import Iterator, Sequence
from html import escape

from agent.report.document import MeterPart, Report
from agent.report.drawn import charts
from agent.report.drawn.sheet import Sheet, greyed, whole
from agent.report.figures import COVERED
from agent.report.voltage.classes import ASSESSED, Composite, Group
from agent.report.voltage.complaints import LEAST_DAYS, LEAST_MIN, Complaint
from agent.report.voltage.quality import Quality

_OF_MINUTES = ("Rate", "may have been", "Low", "High", "Unknown")
BEYOND_LIMITS = "Orange bars lie beyond the limits; dashed lines are the limits."
BY_HOUR = "Blue: from the lowest to the highest ten-minute mean of each hour; black: their mean; dashed: the limits."
IN_MINUTES = "Low, High, Unknown and Outage are minutes."
LACKING = "no meter of class {classes} was measured"
NOBODY = "no meter was low for {min} min or more on {least} days or more"
WITHIN = "Low for {min} min or more on {least} days or more of the last {days}, most customer-minutes first."


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    yield from _areas(report, sheet)
    head = ("Meter", "Feeder", "Class", "Limits V", *_OF_MINUTES, "Outage", "Coverage")
    yield sheet.table(head, [_meter(sheet, part) for part in report.meters], texts=(1, 2))
    assessed = [part for part in report.meters if len(part.quality.beyond) > ASSESSED]
    if assessed:
        yield f"<h3>{escape(sheet.words('By the limits for assessment'))}</h3>"
        yield sheet.table(("Meter", "Limits V", *_OF_MINUTES, "Coverage"), [_assessed(sheet, one) for one in assessed])
    yield from _low(report, sheet)
    yield from _complaints(report, sheet)
    yield from _charts(report, sheet)


# -- areas ------------------------------------------------------------------------------------------------------


def _areas(report: Report, sheet: Sheet) -> Iterator[str]:
    t, voltage = sheet.words, report.voltage
    groups = [*((one.name, one) for one in voltage.feeders),
              *((f"{t('class')} {one.name}", one) for one in voltage.classes)]  # fmt: skip
    with_both = any(one.assessed for _, one in groups)
    second = ("Rate, assessment",) if with_both else ()
    head = ("Area", "Meters", *_OF_MINUTES, *second, "Low-voltage customer-minutes", "Coverage")
    if groups:
        yield sheet.table(head, [_group(sheet, name, one, with_both) for name, one in groups])
        yield f'<p class="note">{escape(t(IN_MINUTES))}</p>'
    yield _composite(sheet, t("composite"), voltage.composite)
    if voltage.assessed is not None and voltage.assessed.lacking != voltage.composite.lacking:
        yield _composite(sheet, f"{t('composite')}, {t('By the limits for assessment')}", voltage.assessed)


def _group(sheet: Sheet, name: str, told: Group, with_both: bool) -> list[str]:
    low = told.low_customer_min
    assessed = "–" if told.assessed is None else sheet.pct(told.assessed.rate(ASSESSED).value)
    cells = [
        whole(escape(name)), str(told.meters), *_minutes(sheet, told.quality, 0),
        *((assessed,) if with_both else ()), "–" if low is None else f"{low:,.0f}",
        sheet.covered(told.quality.coverage),
    ]  # fmt: skip
    return _grey(cells, told.quality.coverage)


def _composite(sheet: Sheet, name: str, told: Composite) -> str:
    t = sheet.words
    if told.bounds is None:
        said = f"{t('not available')}: {t(LACKING).format(classes=', '.join(told.lacking))}"
    else:
        said = f"{sheet.pct(told.figure.value)} ({sheet.bounds(told.bounds, 2)}), {t('Coverage')} "
        said += sheet.covered(told.figure.coverage)
    grey = ' class="grey"' if told.bounds is not None and not told.figure.is_covered else ""
    return f"<p{grey}>{escape(t('Voltage qualification rate'))}, {escape(name)}: {escape(said)}</p>"


# -- meters -----------------------------------------------------------------------------------------------------


def _meter(sheet: Sheet, part: MeterPart) -> list[str]:
    told = part.quality
    cells = [
        escape(part.meter.name), escape(part.meter.feeder or ""), part.meter.voltage_class or "–", _limits(part, 0),
        *_minutes(sheet, told, 0), f"{told.outage_min:,.0f}", sheet.covered(told.coverage),
    ]  # fmt: skip
    return _grey(cells, told.coverage)


def _assessed(sheet: Sheet, part: MeterPart) -> list[str]:
    told = part.quality
    cells = [escape(part.meter.name), _limits(part, ASSESSED), *_minutes(sheet, told, ASSESSED)]
    return _grey([*cells, sheet.covered(told.coverage)], told.coverage)


def _minutes(sheet: Sheet, told: Quality, pair: int) -> list[str]:
    if not told.beyond:
        return ["", "", "", "", f"{told.unknown_min:,.0f}"]
    beyond = told.beyond[pair]
    bounds = whole(sheet.bounds(told.rate_bounds(pair), 2))
    return [sheet.pct(told.rate(pair).value), bounds, f"{beyond.low_min:,.0f}",
            f"{beyond.high_min:,.0f}", f"{told.unknown_min:,.0f}"]  # fmt: skip


def _limits(part: MeterPart, pair: int) -> str:
    limits = part.meter.judged.limits[pair]
    return whole(f"{limits.low_v:.6g}–{limits.high_v:.6g}")


def _grey(cells: list[str], coverage: float) -> list[str]:
    return [greyed(cell) for cell in cells] if coverage < COVERED else cells


# -- low voltage ------------------------------------------------------------------------------------------------


def _low(report: Report, sheet: Sheet) -> Iterator[str]:
    found = [part for part in report.meters if part.quality.beyond and part.quality.beyond[0].low_min]
    if not found:
        return
    found.sort(key=lambda part: -(part.low_customer_min or 0.0))
    yield f"<h3>{escape(sheet.words('Low voltage'))}</h3>"
    yield sheet.table(("Meter", "Customers", "Low", "Days", "Worst hour", "Low-voltage customer-minutes", "Coverage"),
                      [_low_row(sheet, part) for part in found])  # fmt: skip


def _low_row(sheet: Sheet, part: MeterPart) -> list[str]:
    told, low, t = part.quality, part.low_customer_min, sheet.words
    hour, minutes = max(told.low_by_hour.items(), key=lambda one: one[1])
    at = t("{hour} h").format(hour=f"{hour:02d}")
    cells = [
        escape(part.meter.name), "–" if part.customers is None else f"{part.customers:,}",
        f"{told.beyond[0].low_min:,.0f}", str(len(told.low_by_day)), f"{at} ({minutes:,.0f} {t('min')})",
        "–" if low is None else f"{low:,.0f}", sheet.covered(told.coverage),
    ]  # fmt: skip
    return _grey(cells, told.coverage)


def _complaints(report: Report, sheet: Sheet) -> Iterator[str]:
    t, risk = sheet.words, report.voltage.risk
    figures = {"min": f"{LEAST_MIN:g}", "least": LEAST_DAYS, "days": risk.within_days}
    yield f"<h3>{escape(t('Risk of complaints'))}</h3>"
    if risk.why:
        yield f"<p>{escape(t('not available'))}: {escape(t(risk.why))}</p>"
    elif not risk.listed:
        yield f"<p>{escape(t('none'))}: {escape(t(NOBODY).format(**figures))}</p>"
    else:
        yield f'<p class="note">{escape(t(WITHIN).format(**figures))}</p>'
        yield sheet.table(("Meter", "Feeder", "Customers", "Days", "Low", "Worst day", "Low-voltage customer-minutes",
                           "Coverage"), [_complaint(sheet, one) for one in risk.listed], texts=(1,))  # fmt: skip


def _complaint(sheet: Sheet, one: Complaint) -> list[str]:
    cells = [
        escape(one.meter), escape(one.feeder or ""), "–" if one.customers is None else f"{one.customers:,}",
        str(one.days), f"{one.low_min:,.0f}",
        f"{charts.day_name(one.worst_day)} ({one.worst_min:,.0f} {sheet.words('min')})",
        "–" if one.customer_min is None else f"{one.customer_min:,.0f}", sheet.covered(one.coverage),
    ]  # fmt: skip
    return _grey(cells, one.coverage)


# -- charts -----------------------------------------------------------------------------------------------------


def _charts(report: Report, sheet: Sheet) -> Iterator[str]:
    t = sheet.words
    for part in _worst(report):
        limits = part.meter.judged.limits[0]
        drawn = charts.histogram(part.quality.histogram, part.meter.judged.nominal_v, limits, part.meter.name)
        yield from sheet.chart(f"{t('Minutes by voltage')}: {part.meter.name}", drawn, BEYOND_LIMITS)
        yield from sheet.chart(f"{t('Voltage by local hour')}: {part.meter.name}",
                               charts.daily_profile(part.profile, limits, part.meter.name), BY_HOUR)  # fmt: skip


def _worst(report: Report) -> Sequence[MeterPart]:
    """Charts of the three meters that were beyond their limits the longest; one where none was."""

    def beyond(part: MeterPart) -> float:
        return sum(one.low_min + one.high_min for one in part.quality.beyond[:1])

    found = sorted((part for part in report.meters if part.quality.histogram), key=beyond, reverse=True)
    return [part for n, part in enumerate(found[:3]) if n == 0 or beyond(part) > 0]
