"""Interruptions: indices by area, where the time went, days, and the time line. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from html import escape

from agent.report.document import Report
from agent.report.drawn import charts
from agent.report.drawn.sheet import Sheet, greyed
from agent.report.figures import COVERED, Bounds
from agent.report.reliability.major_days import MajorDays
from agent.report.reliability.part import Area, ReliabilityPart
from agent.report.reliability.targets import Against
from agent.report.reliability.where_lost import Most

NO_CUSTOMERS = "No customers are written down in the site file: there is nobody to count."
LIMIT = "Sustained is what lasts over {limit} min, momentary what does not; planned is what lay in maintenance."
MV_USERS = "MV users are of medium voltage: each transformer is one where the site file does not say otherwise."
SILENCE = (
    "Time in which nothing was heard raises the upper bounds by {perhaps} customer-minutes at most; counters prove "
    "supply in {proven} more."
)
AS_MANY = (
    "How many interruptions lie in that time nobody knows: upper numbers are of as many as fit into it, and momentary "
    "ones have no upper number."
)
FEEDER = "Most was lost on feeder {where}: {share} of all customer-minutes ({lost})."
INCIDENT = "The incident with most of it: {where}, {began}: {share} of all customer-minutes ({lost})."
MAJOR = "Major event days (2.5 beta: daily SAIDI above {threshold} min, by {some} of {known} days): {days}."
PERHAPS_MAJOR = "Whether these were major event days cannot be told: {days}."
NO_MAJOR = "Major event days: not available: {why} ({known} days are known, {some} with an interruption)."
TARGET = "Target {target} min a year, {due} min for this period: SAIDI {saidi} min: {verdict}."
YEAR = "Since the first of January {saidi} min of the {target} min of the year: {verdict}."
NO_YEAR = "Since the first of January: not available: {why}."
BY_DAY = (
    "Orange is sure, pale is possible: min of what lies on each day. The tables above count all of an interruption on "
    "the day on which it began."
)
VERDICTS = {"kept": "kept", "violated": "missed", "undecided": "undecided"}
SUSTAINED = ("Area", "Users", "User-minutes lost", "SAIDI min", "SAIFI", "CAIDI min", "CTAIDI min", "ASAI %",
             "Coverage")  # fmt: skip
REPEATED = ("Area", "MAIFI", "MAIFI_E", "CEMI-1", "CEMI-3", "CEMI-5", "Coverage")
PLANNED = ("Area", "User-minutes lost, planned", "SAIDI planned min", "SAIDI of all min", "RS-1 %",
           "SAIDI normal days min", "Coverage")  # fmt: skip


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    t, told = sheet.words, report.reliability
    if not told.areas:
        yield f"<p>{escape(t(NO_CUSTOMERS))}</p>"
    else:
        yield f"<h3>{escape(t('Sustained interruptions, not planned'))}</h3>"
        yield sheet.table(SUSTAINED, [_area(sheet, one, _sustained(sheet, one)) for one in told.areas])
        yield f"<h3>{escape(t('Momentary and repeated interruptions'))}</h3>"
        yield sheet.table(REPEATED, [_area(sheet, one, _repeated(sheet, one)) for one in told.areas])
        yield f"<h3>{escape(t('Planned interruptions, all together, and without major event days'))}</h3>"
        yield sheet.table(PLANNED, [_area(sheet, one, _planned(sheet, one)) for one in told.areas])
        note = f"{t(LIMIT).format(limit=f'{told.sustained_min:g}')} {t(MV_USERS)}"
        yield f'<p class="note">{escape(note)}</p>'
        covered = told.areas[0].coverage >= COVERED
        items = (escape(one) if covered else greyed(escape(one)) for one in _sentences(told, sheet))
        yield "<ul>" + "".join(f"<li>{one}</li>" for one in items) + "</ul>"
    local = sheet.local_days(report.period)
    drawn = charts.by_days(told.days, local, t("SAIDI by day"))
    yield from sheet.chart("SAIDI by day", drawn, BY_DAY)
    drawn = charts.timeline(report.interruptions, report.period, local, t("Interruptions over time"))
    yield from sheet.chart("Interruptions over time", drawn, "Orange is sure, pale is possible.")


def _area(sheet: Sheet, area: Area, figures: Sequence[str]) -> list[str]:
    name = area.name or sheet.words("whole site")
    if area.users == "medium_voltage":
        name = f"{sheet.words('MV users')}: {name}"
    cells = [escape(name), *figures, sheet.covered(area.coverage)]
    return [greyed(cell) for cell in cells] if area.coverage < COVERED else cells


def _sustained(sheet: Sheet, area: Area) -> Sequence[str]:
    told = area.unplanned
    return (
        f"{area.served:,}", sheet.bounds(told.customer_min, 0), sheet.bounds(told.saidi_min, 2),
        sheet.bounds(told.saifi, 3), _or_none(sheet, told.caidi_min), _or_none(sheet, told.ctaidi_min),
        sheet.bounds(told.asai.scaled(100), 4),
    )  # fmt: skip


def _repeated(sheet: Sheet, area: Area) -> Sequence[str]:
    told = area.unplanned
    return [sheet.bounds(one, 3) for one in (told.maifi, told.maifi_e, *(told.cemi[n] for n in (1, 3, 5)))]


def _planned(sheet: Sheet, area: Area) -> Sequence[str]:
    planned, everything, normal = area.planned, area.everything, area.normal
    return (
        sheet.bounds(planned.customer_min, 0), sheet.bounds(planned.saidi_min, 2),
        sheet.bounds(everything.saidi_min, 2), sheet.bounds(everything.asai.scaled(100), 4),
        "–" if normal is None else sheet.bounds(normal.saidi_min, 2),
    )  # fmt: skip


def _or_none(sheet: Sheet, bounds: Bounds | None) -> str:
    """Nobody was surely interrupted: there is no mean of interruptions."""
    return "–" if bounds is None else sheet.bounds(bounds, 1)


def _sentences(told: ReliabilityPart, sheet: Sheet) -> Iterator[str]:
    t = sheet.words
    if told.feeder is not None:
        yield t(FEEDER).format(**_most(sheet, told.feeder))
    if told.incident is not None:
        yield t(INCIDENT).format(**_most(sheet, told.incident))
    if told.target is not None:
        saidi = told.areas[0].unplanned.saidi_min
        yield from _target(sheet, told.target, saidi)
    yield from _major(sheet, told.major)
    if told.unheard.perhaps_customer_min or told.unheard.proven_customer_min:
        perhaps, proven = told.unheard.perhaps_customer_min, told.unheard.proven_customer_min
        yield t(SILENCE).format(perhaps=f"{perhaps:,.0f}", proven=f"{proven:,.0f}")
    if told.unheard.perhaps_customer_min:
        yield t(AS_MANY)


def _most(sheet: Sheet, most: Most) -> dict[str, str]:
    began = "" if most.began_us is None else sheet.when(most.began_us)
    share = f"{sheet.bounds(most.share.scaled(100), 0)} %"
    return {"where": most.where, "share": share, "lost": sheet.bounds(most.customer_min, 0), "began": began}


def _target(sheet: Sheet, told: Against, saidi: Bounds) -> Iterator[str]:
    t, target = sheet.words, f"{told.target_min:.1f}"
    verdict = t(VERDICTS[told.verdict])
    yield t(TARGET).format(target=target, due=f"{told.due_min:.1f}", saidi=sheet.bounds(saidi, 1), verdict=verdict)
    so_far = told.so_far.value
    if told.year is None or not isinstance(so_far, Bounds):
        yield t(NO_YEAR).format(why=t(told.so_far.why))
    else:
        yield t(YEAR).format(saidi=sheet.bounds(so_far, 1), target=target, verdict=t(VERDICTS[told.year]))


def _major(sheet: Sheet, told: MajorDays) -> Iterator[str]:
    t = sheet.words
    if told.threshold_min is None:
        yield t(NO_MAJOR).format(why=t(told.why), known=told.known_days, some=told.with_some)
        return
    days = _days(told.surely) or t("none")
    yield t(MAJOR).format(
        threshold=f"{told.threshold_min:.2f}", some=told.with_some, known=told.known_days, days=days
    )  # fmt: skip
    if told.perhaps:
        yield t(PERHAPS_MAJOR).format(days=_days(told.perhaps))


def _days(days: Sequence[int]) -> str:
    return ", ".join(str(date(1970, 1, 1) + timedelta(days=day)) for day in days)
