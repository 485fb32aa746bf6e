"""Limits of demand: who kept to them, and what was curtailed. Pure."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from math import ceil, floor, inf, isfinite

from agent.report.demand.compliance import Compliance
from agent.report.demand.part import DemandPart
from agent.report.document import Report
from agent.report.drawn.charts_demand import worst_day
from agent.report.drawn.sheet import Sheet, greyed
from agent.report.figures import COVERED, Bounds, Figure

# So many windows of a limit are listed; what is not is in the tables for spreadsheets.
_MOST = 31
_BIG_W = 100_000.0
HEAD = ("Limit", "kW", "Kept, violated, undecided", "Highest kW", "Headroom kW", "Curtailed kWh",
        "Rebound kW", "Coverage")  # fmt: skip
WINDOW_HEAD = ("Window", "Verdict", "Blocks above", "Highest kW", "Headroom kW", "Curtailed kWh", "Rebound kW",
               "Coverage")  # fmt: skip
ORDERED_HEAD = ("Limit", "Meter", "Allotted kWh", "Used kWh", "Obeyed", "Coverage")
AHEAD_HEAD = ("Limit", "Block", "Used kWh", "At its end kW", "May draw kW", "Verdict")
OBEYED = {"kept": "yes", "violated": "no", "undecided": "not known"}
CHART_NOTE = (
    "Bars: mean power of each quarter of an hour; thin lines: what it may have been. Shaded: the limit holds. "
    "Dark orange: surely above it. No bar: not known."
)
BASELINE_NOTE = (
    "Curtailed and rebound are against the mean of the same quarters of an hour on the last five like days on which "
    "the limit did not hold; rebound is that of the hour after."
)
ORDERED_NOTE = "Obeyed is said of complete blocks only: a window of which something was not measured is not known."
AHEAD_NOTE = "If power stays as it was read last. May draw: mean power until the end of the block that keeps the limit."


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    if not report.demand:
        return
    yield sheet.table(HEAD, [_limit(sheet, part) for part in report.demand])
    yield from (f'<p class="note">{_when(sheet, part)}</p>' for part in report.demand)
    if any(part.windows for part in report.demand):
        yield _note(sheet, BASELINE_NOTE)
    yield from _ordered(report, sheet)
    yield from _ahead(report, sheet)
    for part in report.demand:
        yield from _windows(part, report, sheet)
        heading = f"{sheet.words('Highest day')}: {part.name}, {part.meter}"
        if part.day is not None:
            heading += f", {sheet.when(part.day.span.from_us)[:10]}"
        yield from sheet.chart(heading, worst_day(part, heading))
    if any(part.day is not None for part in report.demand):
        yield _note(sheet, CHART_NOTE)


def _note(sheet: Sheet, text: str) -> str:
    return f'<p class="note">{escape(sheet.words(text))}</p>'


def _when(sheet: Sheet, part: DemandPart) -> str:
    """When it holds; and why there are no figures, where there are none."""
    t = sheet.words
    days = t(part.days) if part.days in ("all", "workdays", "free") else part.days
    said = [f"{part.name}: {part.times}", f"{t('days')}: {days}", _dates(sheet, part.dates)]
    if part.why:
        said.append(f"{t('not available')}: {t(part.why)}")
    elif part.curtailed_wh.value is None:
        said.append(f"{t('Curtailed kWh')} {t('not available')}: {t(part.curtailed_wh.why)}")
    return escape(" · ".join(filter(None, said)))


def _dates(sheet: Sheet, dates: str) -> str:
    first, _, last = dates.partition("..")
    if first and last:
        return dates
    return sheet.words("from {day}").format(day=first) if first else sheet.words("until {day}").format(day=last)


def _limit(sheet: Sheet, part: DemandPart) -> list[str]:
    worst = part.worst
    counts = " / ".join(str(part.count(verdict)) for verdict in ("kept", "violated", "undecided"))
    cells = [
        escape(f"{part.name}, {part.meter}"), f"{part.limit_w / 1000:g}", _firm(counts),
        "–" if worst is None or worst.worst is None else bounds(worst.worst.demand_w),
        "–" if worst is None else bounds(_headroom_w(part)), _figure(sheet, part.curtailed_wh),
        _figure(sheet, part.rebound_w), sheet.covered(part.coverage),
    ]  # fmt: skip
    return _shade(cells, part.coverage)


def _headroom_w(part: DemandPart) -> Bounds:
    """Below all blocks of all windows: the least of them."""
    rooms = [one.headroom_w for one in part.windows]
    return Bounds(min(room.low for room in rooms), min(room.high for room in rooms))


def _shade(cells: list[str], coverage: float) -> list[str]:
    return [greyed(cell) for cell in cells] if coverage < COVERED else cells


def bounds(watts: Bounds) -> str:
    """In thousands, rounded away from each other; with one end only where the other is not known."""
    if watts.low == watts.high:
        return _kilo(watts.low)
    is_big = any(_BIG_W <= abs(one) < inf for one in (watts.low, watts.high))
    low, high = _rounded(watts.low, floor, is_big), _rounded(watts.high, ceil, is_big)
    return _firm(f"{low} – {high}" if low and high else f"≥ {low}" if low else f"≤ {high}")


def _kilo(watts: float) -> str:
    return _rounded(watts, round, abs(watts) >= _BIG_W)


def _rounded(watts: float, rounded: Callable[[float], int], is_big: bool) -> str:
    """Tenths only where they are more than a thousandth. Empty for what has no end."""
    if not isfinite(watts):
        return ""
    whole = rounded(round(watts / (1000 if is_big else 100), 6))
    return f"{whole:,}" if is_big else f"{whole / 10:,.1f}"


def _firm(cell: str) -> str:
    """On one line."""
    return f'<span style="white-space:nowrap">{cell}</span>'


def _figure(sheet: Sheet, figure: Figure) -> str:
    if not isinstance(figure.value, float):
        return f'<span title="{escape(sheet.words(figure.why))}">–</span>'
    said = _kilo(figure.value)
    return said if figure.is_covered else greyed(said)


def _ordered(report: Report, sheet: Sheet) -> Iterator[str]:
    """Who was allotted what, and used what."""
    ordered = [part for part in report.demand if part.ordered and part.windows]
    if ordered:
        yield f"<h3>{escape(sheet.words('Ordered curtailment'))}</h3>"
        yield sheet.table(ORDERED_HEAD, [_allotted(sheet, part) for part in ordered], texts=(1, 4))
        yield _note(sheet, ORDERED_NOTE)


def _allotted(sheet: Sheet, part: DemandPart) -> list[str]:
    cells = [
        escape(part.name), escape(part.meter), _kilo(part.allowed_wh), bounds(part.used_wh),
        escape(sheet.words(OBEYED[part.verdict])), sheet.covered(part.coverage),
    ]  # fmt: skip
    return _shade(cells, part.coverage)


def _ahead(report: Report, sheet: Sheet) -> Iterator[str]:
    rows = [_block_ahead(sheet, part) for part in report.demand if part.ahead is not None and part.ahead.holds]
    if rows:
        yield f"<h3>{escape(sheet.words('The block that goes on'))}</h3>"
        yield sheet.table(AHEAD_HEAD, rows, texts=(1, 5))
        yield _note(sheet, AHEAD_NOTE)


def _block_ahead(sheet: Sheet, part: DemandPart) -> list[str]:
    told, t = part.ahead, sheet.words
    assert told is not None  # noqa: S101 - asked before
    block = _firm(f"{sheet.when(told.block.from_us)[11:]}–{sheet.when(told.block.to_us)[11:]}")
    verdict = t("violated already") if told.exceeded else t(told.verdict)
    return [
        f"{escape(part.name)}, {part.limit_w / 1000:g} kW", block,
        *("–" if one is None else bounds(one) for one in (told.used_wh, told.forecast_w, told.may_draw_w)),
        escape(verdict if told.forecast_w is not None or told.exceeded else f"{t('not available')}: {t(told.why)}"),
    ]  # fmt: skip


def _windows(part: DemandPart, report: Report, sheet: Sheet) -> Iterator[str]:
    """Those that were not kept; the others are counted above."""
    t = sheet.words
    told = [one for one in part.windows if one.verdict != "kept"]
    if not told:
        return
    yield f"<h3>{escape(t('Windows that were not kept, or are undecided'))}: {escape(part.name)}</h3>"
    yield sheet.table(WINDOW_HEAD, [_window(one, report, sheet) for one in told[:_MOST]], texts=(1,))
    if len(told) > _MOST:
        yield f"<p>{len(told) - _MOST} {escape(t('more windows are not shown'))}</p>"


def _window(one: Compliance, report: Report, sheet: Sheet) -> Sequence[str]:
    t, span = sheet.words, one.window.span
    why = "goes on" if span.to_us > report.made_us else one.why
    verdict = f"{t(one.verdict)}: {t(why)}" if why else t(one.verdict)
    day, begin = sheet.when(span.from_us).split(" ")
    end = sheet.when(span.to_us)[11:].replace("00:00", "24:00")
    when = f"{_firm(day)} {_firm(f'{begin}–{end}')}"
    cells = [
        when, escape(verdict), f"{one.violated} / {one.of}",
        bounds(one.highest_w), bounds(one.headroom_w), _figure(sheet, one.curtailed_wh),
        _figure(sheet, one.rebound_w), sheet.covered(one.coverage),
    ]  # fmt: skip
    return _shade(cells, one.coverage)
