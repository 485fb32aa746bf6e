"""Incidents from seen to verified, and which were overdue. Pure."""

from collections.abc import Iterator
from html import escape

from agent.report.document import Report
from agent.report.drawn.sections.told import class_of, instant, length, lengths
from agent.report.drawn.sheet import Sheet
from agent.report.drawn.words_operations import GONE, NO_TARGET, STEPS, UNPROVEN
from agent.report.operations.closed_loop import Loop, Step
from agent.report.operations.part import ClassPart

_MOST = 60
VERDICTS = {"kept": "in time", "violated": "overdue", "undecided": "undecided"}
CLASS_HEAD = ("Class", "Target", "Incidents", "Overdue", "Not restored yet")
HEAD = ("Place", "First seen", "Detected", "Located", "Restored", "Verified", "Seen to restored", "Target")


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    told = report.operations.loops
    if not told:
        return
    yield f"<h3>{escape(sheet.words('Incidents by class'))}</h3>"
    yield sheet.table(CLASS_HEAD, [_class(one, sheet) for one in report.operations.classes], texts=(1,))
    youngest = list(reversed(told))[:_MOST]
    yield f"<h3>{escape(sheet.words('Each incident'))}</h3>"
    yield sheet.table(HEAD, [_loop(one, sheet) for one in youngest], texts=(1, 7))
    if len(told) > _MOST:
        yield f"<p>{len(told) - _MOST} {escape(sheet.words('more are not shown'))}</p>"
    yield f'<p class="note">{escape(sheet.words(STEPS))}</p>'


def _class(one: ClassPart, sheet: Sheet) -> list[str]:
    within_s = one.target.within_s
    overdue = "–" if within_s is None else sheet.bounds(one.overdue, 0)
    return [
        escape(class_of(sheet, one.target.of_class)),
        sheet.words(NO_TARGET) if within_s is None else length(sheet, within_s),
        str(one.incidents), overdue, "–" if within_s is None else str(one.still),
    ]  # fmt: skip


def _loop(one: Loop, sheet: Sheet) -> list[str]:
    gone = sheet.words(GONE)
    return [
        escape(f"{one.node} ({class_of(sheet, one.target.of_class)})"),
        escape(gone) if one.seen_us is None else instant(sheet, one.seen_us),
        "–" if one.detected_s is None else lengths(sheet, one.detected_s),
        _step(one, "located", one.located_us, sheet) or escape(gone),
        _step(one, "restored", one.restored_us, sheet) or _unrestored(one, sheet),
        _verified(one, sheet), lengths(sheet, one.took_s), _target(one, sheet),
    ]  # fmt: skip


def _step(one: Loop, step: Step, at_us: int | None, sheet: Sheet) -> str:
    """How long after the step before, bold if none took longer; else when; empty where it was not reached."""
    if step in one.steps_s:
        took = f"+{length(sheet, one.steps_s[step])}"
        return f"<b>{took}</b>" if step == one.slowest else took
    return "" if at_us is None else instant(sheet, at_us)


def _unrestored(one: Loop, sheet: Sheet) -> str:
    return escape(sheet.words("not yet") if one.waits_for == "restored" else sheet.words("not known"))


def _verified(one: Loop, sheet: Sheet) -> str:
    if one.unproven:
        return escape(sheet.words(UNPROVEN).format(meters=", ".join(one.unproven)))
    return _step(one, "verified", one.verified_us, sheet) or "–"


def _target(one: Loop, sheet: Sheet) -> str:
    if one.verdict is None or one.target.within_s is None:
        return escape(sheet.words(NO_TARGET))
    word = "not yet" if one.waits_for == "restored" and not one.overdue else VERDICTS[one.verdict]
    said = f"{length(sheet, one.target.within_s)}: {sheet.words(word)}"
    return f"<b>{escape(said)}</b>" if one.overdue else escape(said)
