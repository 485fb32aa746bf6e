"""What the figures say, in sentences. Pure."""

from collections.abc import Iterator
from html import escape

from agent.report.document import Report
from agent.report.drawn.advice import sentences
from agent.report.drawn.sheet import Sheet


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    told = [one for part in report.meters for one in sentences(part, sheet.words)]
    if not told:
        yield f"<p>{escape(sheet.words('none'))}</p>"
        return
    yield "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in told) + "</ul>"
