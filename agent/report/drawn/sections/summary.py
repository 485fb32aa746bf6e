"""The first thing one looks at: a handful of figures, each with its coverage. Pure."""

from collections import Counter
from collections.abc import Iterator

from agent.report.document import Report
from agent.report.drawn.sheet import Sheet


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    t = sheet.words
    rate = sum((part.quality for part in report.meters), type(report.meters[0].quality)()) if report.meters else None
    low = [part.low_customer_min for part in report.meters if part.low_customer_min is not None]
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
    yield sheet.tile("Low-voltage customer-minutes", f"{sum(low):,.0f}" if low else t("not available"), report.coverage)
    kinds = Counter(event.kind for event in report.events if event.state != "retracted")
    told = ", ".join(f"{t(kind)} {count}" for kind, count in kinds.most_common(6))
    yield sheet.tile("Events by kind", str(kinds.total()), report.coverage, told or t("none"))
    yield "</div>"
