"""How a report is to be read. Pure."""

from collections.abc import Iterator
from html import escape

from agent.records import NOT_ISOLATION
from agent.report.document import Report
from agent.report.drawn.sheet import Sheet

NOTES = (
    "Two numbers are bounds: the true one lies between them. A grey figure rests on less than 95 % of its time.",
    "Time in which nothing was heard is unknown: it counts neither as good nor as an outage, and widens the bounds.",
    "All minutes of an interruption belong to the local day on which it began (in the style of IEEE 1366).",
    "A poller is no IEC 61000-4-30 class A or S instrument: sags shorter than a meter shows pass unseen.",
)


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    yield "<ul>"
    for text in NOTES:
        yield f"<li>{escape(sheet.words(text))}</li>"
    yield f"<li>{escape(sheet.words(NOT_ISOLATION))}</li></ul>"
