"""How often voltages fell, or rose, so far: by groups of meters that see alike. Pure."""

from collections.abc import Iterator
from html import escape

from agent.report.document import Report
from agent.report.drawn.sheet import Sheet, greyed
from agent.report.figures import COVERED, Bounds
from agent.report.voltage.sarfi import Sarfi

FLOOR = (
    "What passes unseen between two looks depends on the pace, so meters of different paces are not counted together: "
    "each group counts what lasted longer than its floor, and no longer than a minute."
)
OWN = "their own counters"
_MOST_NAMES = 4
# What fits on A4; tables and JSON have all levels.
_SHOWN = (110, 90, 80, 70, 50, 10)


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    t, told = sheet.words, report.voltage.sarfi
    if not told:
        return
    counted = [one for one in told if one.itic is not None]
    if counted:
        head = ("Meters", "Pace", "Floor", *(f"SARFI-{level}" for level in _SHOWN), "SARFI-ITIC", "per", "Coverage")
        yield sheet.table(head, [_row(sheet, one) for one in counted], texts=(1,))
        yield f'<p class="note">{escape(t(FLOOR))}</p>'
    for one in told:
        if one.itic is None:
            said = f"{', '.join(one.meters)}: {t('not available')}: {t(one.why)}"
            yield f'<p class="note">{escape(said)}</p>'


def _row(sheet: Sheet, one: Sarfi) -> list[str]:
    t = sheet.words
    pace = t(OWN) if one.pace_s is None else f"{one.pace_s:.3g}\u00a0s"
    cells = [
        escape(_names(one)), escape(pace), f"{one.floor_s:.3g}\u00a0s" if one.floor_s else "–",
        *(_times(sheet, one.by_level[level]) for level in _SHOWN), _times(sheet, one.itic or Bounds(0.0, 0.0)),
        escape(t(one.per)), sheet.covered(one.coverage),
    ]  # fmt: skip
    return [greyed(cell) for cell in cells] if one.coverage < COVERED else cells


def _names(one: Sarfi) -> str:
    if len(one.meters) <= _MOST_NAMES:
        return ", ".join(one.meters)
    return f"{', '.join(one.meters[:2])} … {one.meters[-1]} ({len(one.meters)})"


def _times(sheet: Sheet, bounds: Bounds) -> str:
    return "0" if bounds.high == 0 else sheet.bounds(bounds, 2)
