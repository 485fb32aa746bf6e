"""What endangers people, or whom somebody promised more: before everything else, and red. Pure."""

from collections.abc import Iterator
from html import escape

from agent.records import NOT_ISOLATION, Event
from agent.report.document import Report
from agent.report.drawn.sections.told import class_of, length, reasons
from agent.report.drawn.sheet import Sheet
from agent.report.drawn.words_operations import BACKFEED, ELSEWHERE, NOT_READY, OVERDUE, STANDING, WITHOUT
from agent.report.operations.key_customers import Gap
from agent.report.operations.part import KeyPart


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    told = report.operations
    # What stands first.
    for event in sorted(told.backfeeds, key=lambda one: (one.state != "open", -one.start_us)):
        yield _alarm(_backfeed(event, sheet))
    for one in report.incidents:
        if one.state == "open":
            yield from (_alarm(f"{one.node}: {sheet.words(words)}") for words in one.alarms)
    if told.backfeeds:
        yield f'<p class="note">{escape(sheet.words(ELSEWHERE))} {escape(sheet.words(NOT_ISOLATION))}</p>'
    for part in told.key_customers:
        yield from (_alarm(one) for one in _key_customer(part, sheet, report.period.to_us))
    for loop in told.loops:
        if loop.overdue and loop.waits_for == "restored":
            said = sheet.words(OVERDUE).format(
                node=loop.node, of_class=class_of(sheet, loop.target.of_class), took=length(sheet, loop.took_s.low),
                target=length(sheet, loop.target.within_s or 0.0),
            )  # fmt: skip
            yield _alarm(said)


def _alarm(text: str) -> str:
    return f'<p class="alarm">{escape(text)}</p>'


def _backfeed(event: Event, sheet: Sheet) -> str:
    since = sheet.when(event.start_us, seconds=True)
    if event.state == "open":
        return sheet.words(STANDING).format(meter=event.meter, since=since)
    until = sheet.words("not known") if event.end_us is None else sheet.when(event.end_us, seconds=True)
    return sheet.words(BACKFEED).format(meter=event.meter, since=since, until=until)


def _key_customer(part: KeyPart, sheet: Sheet, end_us: int) -> Iterator[str]:
    name, of_class = part.customer.name, class_of(sheet, part.of_class)
    for gap in (one for one in part.gaps if _stands(one)):
        yield sheet.words(WITHOUT).format(
            customer=name, of_class=of_class, load=part.customer.load, since=sheet.when(gap.start_us, seconds=True)
        )
    for one in part.standbys:
        if one.readiness.is_ready is False:
            why = reasons(sheet, one.readiness.reasons)
            yield sheet.words(NOT_READY).format(
                customer=name, of_class=of_class, source=one.source, why=why, at=sheet.when(end_us)
            )


def _stands(gap: Gap) -> bool:
    return gap.is_open and gap.kind == "supply_loss" and gap.mode != "test"
