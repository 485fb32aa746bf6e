"""The first thing one looks at: a handful of figures, each with its coverage. Pure."""

from collections import Counter
from collections.abc import Iterator

from agent.report.document import Report
from agent.report.drawn.sections.told import kind_of
from agent.report.drawn.sheet import Sheet
from agent.report.figures import NOTHING

MIXED = "; meters of {count} paces together: no index"


def _of_paces(report: Report, sheet: Sheet) -> str:
    """What is seen depends on how often one looks."""
    paces = {one.pace_s for one in report.voltage.sarfi if one.pace_s is not None}
    return sheet.words(MIXED).format(count=len(paces)) if len(paces) > 1 else ""


def _low_voltage(report: Report, sheet: Sheet) -> str:
    """What was seen of it; where nothing was seen there is no figure, and all of it may have been."""
    t, found = sheet.words, [one for part in report.meters if (one := part.low_customer_bounds) is not None]
    total = sum(found, NOTHING)
    said = f"{total.low:,.0f}" if found and report.coverage else t("not available")
    note = f"{t('may have been')} {sheet.bounds(total, 0)}" if found else ""
    return sheet.tile("Low-voltage customer-minutes", said, report.coverage, note)


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    t = sheet.words
    rate = sum((part.quality for part in report.meters), type(report.meters[0].quality)()) if report.meters else None
    yield '<div class="tiles">'
    if rate is not None:
        yield sheet.tile("Voltage qualification rate", sheet.pct(rate.rate().value), rate.coverage,
                         f"{t('may have been')} {sheet.bounds(rate.rate_bounds(), 2)} %")  # fmt: skip
    lost = report.reliability.unplanned()
    if lost is not None:
        yield sheet.tile("SAIDI", f"{sheet.bounds(lost.saidi_min, 1)} {t('min')}", report.coverage,
                         f"ASAI {sheet.bounds(lost.asai.scaled(100), 4)} %")  # fmt: skip
        yield sheet.tile("SAIFI", sheet.bounds(lost.saifi, 3), report.coverage,
                         f"MAIFI {sheet.bounds(lost.maifi, 3)}")  # fmt: skip
    yield _low_voltage(report, sheet)
    kinds = Counter(event.kind for event in report.events if event.state != "retracted")
    told = ", ".join(f"{kind_of(sheet, kind)}\u00a0{count}" for kind, count in kinds.most_common(6))
    note = (told or t("none")) + _of_paces(report, sheet)
    yield sheet.tile("Events by kind", str(kinds.total()), report.coverage, note)
    yield "</div>"
