"""Ten minutes against limits that hold for a part of the time: voltage, unbalance, distortion. Pure."""

from collections.abc import Callable, Iterator, Sequence
from html import escape

from agent.report.document import MeterPart, Report
from agent.report.drawn.sheet import Sheet, greyed, whole
from agent.report.figures import COVERED
from agent.report.voltage.ten_minutes import Level, Rule, Ruled

BEYOND = "In brackets: the part of the time that lay beyond the limit, of several weeks in the worst."
APART = "Ten minutes that a sag, swell or outage touches are judged nowhere; a verdict allows for what was not seen."
LEFT = "Weeks are counted from the beginning of the period: the {days} d left at its end make none."
NO_RULE = "no limit in this profile for this voltage"
_LevelOf = Callable[[MeterPart], Level]
_For = tuple[float, bool]  # a part of the time: how much, and whether of each week
_WEEK_DAYS, _DAY_US = 7, 86_400_000_000


def lines(report: Report, sheet: Sheet) -> Iterator[str]:
    if not any(_of_volts(part).highest is not None for part in report.meters):
        return
    yield from _table(report, sheet, "Voltage", _of_volts, "V")
    yield from _table(report, sheet, "Unbalance of voltages u2", lambda part: part.tens.unbalance, "%")
    yield from _table(report, sheet, "Total harmonic distortion of voltages", lambda part: part.tens.thd, "%")
    yield _note(f"{sheet.words(BEYOND)} {sheet.words(APART)}{_left(report, sheet)}")


def _of_volts(part: MeterPart) -> Level:
    return part.tens.volts


def _left(report: Report, sheet: Sheet) -> str:
    days = report.period.length_us / _DAY_US
    weekly = any(one.rule.weekly and one.spans for part in report.meters for one in part.tens.volts.ruled)
    if not weekly or days % _WEEK_DAYS < 1:
        return ""
    return " " + sheet.words(LEFT).format(days=f"{days % _WEEK_DAYS:.0f}")


def _table(report: Report, sheet: Sheet, heading: str, of: _LevelOf, unit: str) -> Iterator[str]:
    """A row for each meter that has it; of the others a sentence for each reason."""
    t = sheet.words
    yield f"<h3>{escape(t(heading))}</h3>"
    measured = [part for part in report.meters if of(part).highest is not None]
    columns = list(dict.fromkeys(_kept_for(one.rule) for part in measured for one in of(part).ruled))
    if measured:
        sides = ("Lowest", "Highest") if unit == "V" else ("95 % value", "Highest", "When")
        head = ("Meter", *sides, *(_for(sheet, one) for one in columns), "In events", "Coverage")
        yield sheet.table(head, [_row(sheet, part, of(part), unit, columns) for part in measured])
    limits = _limits(sheet, measured, of, unit)
    for said, names in limits.items():
        yield _note(said if len(limits) == 1 else f"{', '.join(names)}: {said}")
    for why, names in _without(report.meters, of).items():
        yield _note(f"{', '.join(names)}: {t('not available')}: {t(why)}")


def _note(said: str) -> str:
    return f'<p class="note">{escape(said)}</p>'


def _kept_for(rule: Rule) -> _For:
    return rule.share, rule.weekly


def _for(sheet: Sheet, kept_for: _For) -> str:
    share, weekly = kept_for
    return f"{100 * share:g}\u00a0% {sheet.words('of a week' if weekly else 'of the time')}"


def _limits(sheet: Sheet, measured: Sequence[MeterPart], of: _LevelOf, unit: str) -> dict[str, list[str]]:
    """What the meters are held against, in words, and whom it concerns."""
    found: dict[str, list[str]] = {}
    for part in measured:
        rules = [one.rule for one in of(part).ruled]
        said = "; ".join(f"{_for(sheet, _kept_for(one))}: {_limit(one, unit)} ({one.source})" for one in rules)
        found.setdefault(said or sheet.words(NO_RULE), []).append(part.meter.name)
    return found


def _limit(rule: Rule, unit: str) -> str:
    return f"{rule.low:.6g}–{rule.high:.6g}\u00a0V" if unit == "V" else f"≤\u00a0{rule.high:g}\u00a0%"


def _without(meters: Sequence[MeterPart], of: _LevelOf) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in meters:
        if of(part).highest is None:
            found.setdefault(of(part).why, []).append(part.meter.name)
    return found


def _row(sheet: Sheet, part: MeterPart, told: Level, unit: str, columns: Sequence[_For]) -> list[str]:
    digits = 1 if unit == "V" else 2
    first = told.lowest if unit == "V" else told.p95
    verdicts = {_kept_for(one.rule): _verdict(sheet, one) for one in told.ruled}
    cells = [
        escape(part.meter.name), f"{first:.{digits}f}\u00a0{unit}", f"{told.highest:.{digits}f}\u00a0{unit}",
        *(() if unit == "V" or told.highest_us is None else (whole(sheet.when(told.highest_us)),)),
        *(verdicts.get(one, "–") for one in columns), f"{told.apart_min:,.0f}\u00a0{sheet.words('min')}",
        sheet.covered(told.coverage),
    ]  # fmt: skip
    return [greyed(cell) for cell in cells] if told.coverage < COVERED else cells


def _verdict(sheet: Sheet, one: Ruled) -> str:
    t = sheet.words
    if one.verdict is None or one.beyond is None:
        return escape(f"{t('not available')}: {t(one.why)}")
    beyond = f"({sheet.bounds(one.beyond.scaled(100), 2)}\u00a0%)"
    return f"{escape(t(one.verdict))} {whole(beyond)}"
