"""Who has two supplies: transfers, standbys, and what both have in common. Pure."""

from collections.abc import Iterator
from html import escape

from agent.report.document import Report
from agent.report.drawn.sections.told import class_of, instant, kind_of, length, lengths, reasons
from agent.report.drawn.sheet import Sheet, greyed
from agent.report.drawn.words_operations import APART, AS, FLOOR, TOGETHER
from agent.report.figures import COVERED
from agent.report.operations.key_customers import Gap
from agent.report.operations.part import KeyPart, Standby

_MOST = 60
READY = {True: "ready", False: "not ready", None: "not known"}
HEADS = (
    ("Customer", "Load", "Usual source", "Allowed gap", "Surely seen from", "Gaps", "Violated / undecided", "Coverage"),
    ("Customer", "Start", "From", "To", "Gap", "Verdict"),
    ("Customer", "Standby", "At the end", "Why", "Last transfer to it", "Within limits", "Coverage"),
)  # fmt: skip


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    told = report.operations.key_customers
    if not told:
        return
    yield sheet.table(HEADS[0], [_customer(part, sheet) for part in told], texts=(1, 2))
    gaps = sorted(((gap, part) for part in told for gap in part.gaps), key=lambda one: one[0].start_us, reverse=True)
    if gaps:
        yield f"<h3>{escape(sheet.words('Gaps in the supply'))}</h3>"
        rows = [_gap(gap, part, sheet) for gap, part in gaps[:_MOST]]
        yield sheet.table(HEADS[1], rows, texts=(1, 2, 3, 5))
        if len(gaps) > _MOST:
            yield f"<p>{len(gaps) - _MOST} {escape(sheet.words('more are not shown'))}</p>"
    yield f"<h3>{escape(sheet.words('Standby supplies'))}</h3>"
    rows = [_standby(one, part, sheet) for part in told for one in part.standbys]
    yield sheet.table(HEADS[2], rows, texts=(1, 2, 3))
    yield from (f"<p>{escape(_common(part, sheet))}</p>" for part in told)
    yield f'<p class="note">{escape(sheet.words(FLOOR))}</p>'


def _customer(part: KeyPart, sheet: Sheet) -> list[str]:
    one, judged = part.customer, [gap for gap in part.gaps if gap.mode != "test"]
    verdicts = [gap.verdict for gap in judged]
    cells = [
        escape(f"{one.name} ({class_of(sheet, part.of_class)})"), escape(one.load), escape(one.sources[0]),
        length(sheet, one.allowed_gap_s),
        sheet.words("not known") if part.unseen_s is None else length(sheet, part.unseen_s),
        str(len(judged)), f"{verdicts.count('violated')} / {verdicts.count('undecided')}", sheet.covered(part.coverage),
    ]  # fmt: skip
    return [greyed(cell) for cell in cells] if part.coverage < COVERED else cells


def _gap(gap: Gap, part: KeyPart, sheet: Sheet) -> list[str]:
    seen_as = "" if gap.kind == "supply_loss" else f" ({sheet.words(AS).format(kind=kind_of(sheet, gap.kind))})"
    between = (gap.from_source, gap.to_source) if gap.to_source else ("–", "–")
    verdict = sheet.words("test" if gap.mode == "test" else gap.verdict)
    shown = f"<b>{escape(verdict)}</b>" if gap.verdict == "violated" and gap.mode != "test" else escape(verdict)
    return [
        escape(part.customer.name), instant(sheet, gap.start_us), *map(escape, between),
        escape(lengths(sheet, gap.gap_s) + seen_as), shown,
    ]  # fmt: skip


def _standby(one: Standby, part: KeyPart, sheet: Sheet) -> list[str]:
    tested, rate = one.tested, one.within_limits
    last = sheet.words("never seen")
    if tested.surely_us is not None:
        last = sheet.when(tested.surely_us)
    elif tested.perhaps_us is not None:
        last = f"{sheet.when(tested.perhaps_us)} ({sheet.words('perhaps')})"
    value = sheet.pct(rate.value)
    return [
        escape(part.customer.name), escape(one.source), escape(sheet.words(READY[one.readiness.is_ready])),
        escape(reasons(sheet, one.readiness.reasons)) or "–", escape(last),
        value if rate.is_covered else greyed(value), sheet.covered(rate.coverage),
    ]  # fmt: skip


def _common(part: KeyPart, sheet: Sheet) -> str:
    name, common = part.customer.name, part.common
    if not common:
        return sheet.words(APART).format(customer=name)
    surely = sum(one.surely for one in common)
    last = sheet.when(common[-1].start_us, seconds=True)
    return sheet.words(TOGETHER).format(customer=name, surely=str(surely), perhaps=str(len(common) - surely), last=last)
