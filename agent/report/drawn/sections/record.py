"""What of the long record did not read, or is not in it: above all figures. Pure."""

from collections.abc import Iterator
from html import escape

from agent.report.document import Report
from agent.report.drawn.sheet import Sheet

UNREAD = "The long record does not read ({error}): all that rests on it is unknown."
DAMAGED = "{hours} hours of meters in the long record are damaged: they are unknown."
BEGINS = "The long record begins {at}: what was before is unknown."


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    yield from (f"<p><b>{escape(one)}</b></p>" for one in sentences(report, sheet))


def sentences(report: Report, sheet: Sheet) -> Iterator[str]:
    read, t = report.record, sheet.words
    if read.error:
        yield t(UNREAD).format(error=read.error)
    if read.damaged_hours:
        yield t(DAMAGED).format(hours=f"{read.damaged_hours:,}")
    if read.since_us is not None and read.since_us > report.period.from_us:
        yield t(BEGINS).format(at=sheet.when(read.since_us))
