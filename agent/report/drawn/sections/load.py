"""What each meter carried. Pure."""

from collections.abc import Iterator, Mapping
from html import escape

from agent.report.document import MeterPart, Report
from agent.report.drawn.sheet import Sheet, greyed, whole
from agent.report.figures import COVERED

TARGET_WORDS = {"industry": "0.90:", "other": "0.85:", "agriculture": "0.80:"}


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    rows = [_loaded(sheet, part) for part in report.meters if part.load is not None]
    if not rows:
        yield f"<p>{escape(sheet.words('not available'))}</p>"
        return
    yield sheet.table(("Meter", "Mean", "Maximum demand", "Load factor", "Night base", "Power factor",
                       "kvar to install", "Loading", "Unbalance", "Neutral", "Coverage"), rows)  # fmt: skip


def _loaded(sheet: Sheet, part: MeterPart) -> list[str]:
    load, factor = part.load, part.power_factor
    assert load is not None  # noqa: S101 - asked before
    cells = [
        escape(part.meter.name), f"{load.mean_w / 1000:.1f} kW", f"{load.max_w / 1000:.1f} kW",
        f"{100 * load.load_factor:.0f} %", "" if load.base_w is None else f"{load.base_w / 1000:.1f} kW",
        "–" if factor is None else f"{factor.pf:.2f}",
        "–" if factor is None else _kvar(factor.kvar),
        "–" if part.loading is None else f"{100 * part.loading.mean:.0f} / {100 * part.loading.peak:.0f} %",
        "–" if part.unbalance is None else f"{100 * part.unbalance.worst:.0f} %",
        "–" if part.unbalance is None or part.unbalance.neutral_a is None else f"{part.unbalance.neutral_a:.0f} A",
        sheet.covered(load.coverage),
    ]  # fmt: skip
    cells[1:] = [whole(cell) for cell in cells[1:]]
    return [greyed(cell) for cell in cells] if load.coverage < COVERED else cells


def _kvar(wanted: Mapping[str, int]) -> str:
    """For each target that is not met; it is 0 where all are."""
    return ", ".join(f"{TARGET_WORDS[name]} {kvar}" for name, kvar in wanted.items() if kvar) or "0"
