"""Lengths of time, verdicts and reasons in the words of a page. Pure."""

from collections.abc import Iterable
from math import ceil, floor, isinf

from agent.report.drawn.sheet import Sheet, is_one, rounded
from agent.report.drawn.words_operations import ALL_OTHERS
from agent.report.figures import Bounds
from agent.report.operations.reasons import Reason
from agent.sitefile.operations import DEFAULT

# A unit stays with its number.
_GLUE = "\u00a0"


def class_of(sheet: Sheet, word: str) -> str:
    """A class is the site's own word; that of all others is ours."""
    return sheet.words(ALL_OTHERS) if word == DEFAULT else word


def kind_of(sheet: Sheet, word: str) -> str:
    """A kind or a basis of events, as people say it; tables for programs keep its name."""
    return sheet.words(word).replace("_", " ")


def instant(sheet: Sheet, at_us: int) -> str:
    """In seconds; a date is not broken in the middle of a narrow column."""
    date, _, time = sheet.when(at_us, seconds=True).partition(" ")
    return f'<span style="white-space:nowrap">{date}</span> {time}'


def length(sheet: Sheet, seconds: float) -> str:
    unit, in_unit, digits = _unit(seconds)
    return f"{seconds / in_unit:.{digits}f}{_GLUE}{sheet.words(unit)}"


def lengths(sheet: Sheet, bounds: Bounds) -> str:
    """Rounded outwards, in the unit of the longer one."""
    if is_one(bounds):
        return length(sheet, bounds.low)
    unit, in_unit, digits = _unit(bounds.low if isinf(bounds.high) else bounds.high)
    low = rounded(bounds.low / in_unit, digits, floor)
    said = f"≥{_GLUE}{low}" if isinf(bounds.high) else f"{low} – {rounded(bounds.high / in_unit, digits, ceil)}"
    return f"{said}{_GLUE}{sheet.words(unit)}"


def _unit(seconds: float) -> tuple[str, float, int]:
    """With how many digits behind the point."""
    if seconds < 120:
        return "s", 1.0, 2 if seconds < 10 else 1
    return ("min", 60.0, 1 if seconds < 600 else 0) if seconds < 7200 else ("h", 3600.0, 1)


def reasons(sheet: Sheet, told: Iterable[Reason]) -> str:
    return "; ".join(sheet.words(one.text).format(**dict(one.said)) for one in told)
