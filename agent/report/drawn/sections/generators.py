"""Where a set ran on a frequency of its own. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from agent.report.document import Report
from agent.report.drawn.sections.told import reasons
from agent.report.drawn.sheet import Sheet, greyed, whole
from agent.report.drawn.words_operations import EVIDENCE, NONE
from agent.report.figures import COVERED
from agent.report.operations.generators import Run
from agent.report.operations.part import GeneratorPart

_MOST = 60
HEAD = ("Meter", "Start", "End", "Hours", "Apart", "While this was lost", "Coverage")


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    told = report.operations.generators
    places = {one.id: one.meter or "" for one in report.events} | {one.id: one.node for one in report.incidents}
    ran = sorted(((run, part) for part in told for run in part.runs), key=lambda one: one[0].span, reverse=True)
    if ran:
        yield f"<h3>{escape(sheet.words('Hours by meter'))}</h3>"
        yield sheet.table(("Meter", "Runs", "Hours", "Coverage"), [_total(part, sheet) for part in told if part.runs])
        rows = [_run(run, part, places, sheet) for run, part in ran[:_MOST]]
        yield f"<h3>{escape(sheet.words('Each run'))}</h3>"
        yield sheet.table(HEAD, rows, texts=(1, 2, 5))
        if len(ran) > _MOST:
            yield f"<p>{len(ran) - _MOST} {escape(sheet.words('more are not shown'))}</p>"
        yield f'<p class="note">{escape(sheet.words(EVIDENCE))}</p>'
    elif compared := [part.coverage for part in told if part.hours is not None]:
        lowest = sheet.covered(min(compared))
        said = sheet.words(NONE).format(compared=str(len(compared)), meters=str(len(told)), coverage=lowest)
        yield f"<p>{escape(said)}</p>"
    yield from _not_available(told, sheet)


def _run(run: Run, part: GeneratorPart, places: Mapping[str, str], sheet: Sheet) -> list[str]:
    lost = dict.fromkeys(places.get(id_, id_) for id_ in run.during)
    return [
        escape(run.meter), whole(sheet.when(run.span.from_us)), whole(sheet.when(run.span.to_us)),
        sheet.bounds(run.hours, 2), f"{run.apart_hz:+.2f} Hz", escape(", ".join(lost)) or "–",
        sheet.covered(part.coverage),
    ]  # fmt: skip


def _total(part: GeneratorPart, sheet: Sheet) -> list[str]:
    hours = "" if part.hours is None else sheet.bounds(part.hours, 2)
    cells = [escape(part.meter), str(len(part.runs)), hours, sheet.covered(part.coverage)]
    return [greyed(cell) for cell in cells] if part.coverage < COVERED else cells


def _not_available(told: Sequence[GeneratorPart], sheet: Sheet) -> Iterator[str]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for part in told:
        if part.why is not None:
            by_reason[reasons(sheet, [part.why])].append(part.meter)
    for why, meters in by_reason.items():
        said = f"{sheet.words('not available')}: {', '.join(meters)}: {why}"
        yield f'<p class="note">{escape(said)}</p>'
