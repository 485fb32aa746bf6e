"""What the figures say, in sentences. Pure."""

from collections.abc import Iterator
from html import escape

from agent.report.document import Report
from agent.report.drawn.advice import Sentence, sentences
from agent.report.drawn.sheet import Sheet, greyed
from agent.report.figures import COVERED


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    told = [one for part in report.meters for one in sentences(part, sheet.words)]
    if not told:
        yield f"<p>{escape(sheet.words('none'))}</p>"
        return
    yield "<ul>" + "".join(f"<li>{_item(one, sheet)}</li>" for one in told) + "</ul>"


def _item(one: Sentence, sheet: Sheet) -> str:
    """The tables above have the coverage; where it is low it stands here too."""
    if one.coverage >= COVERED:
        return escape(one.text)
    return greyed(f"{escape(one.text)} ({sheet.words('Coverage')} {sheet.covered(one.coverage)})")
