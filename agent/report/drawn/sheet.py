"""How figures are written on a page: numbers, bounds, instants, tables, tiles. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from html import escape
from math import ceil, floor, isclose, isinf
from zoneinfo import ZoneInfo

from agent.report.drawn.charts import LocalDay
from agent.report.drawn.words import Words
from agent.report.figures import COVERED, Bounds, Span

_NOISE = 1e-9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A name without a blank that is longer than this would make a table wider than its page.
_LONG = re.compile(r"[A-Za-z0-9_-]{17,}(?![^<>]*>)")
_PIECE = re.compile(r"[A-Za-z0-9]{1,11}[_-]?|[_-]{1,12}")


class Sheet:
    """Writes in a language, and in local time."""

    def __init__(self, words: Words, zone: ZoneInfo) -> None:
        self.words = words
        self.zone = zone

    def tile(self, name: str, value: str, coverage: float, note: str = "") -> str:
        grey = "" if coverage >= COVERED else ' class="grey"'
        covered = f"{self.words('Coverage')} {self.covered(coverage)}"
        return (f'<div class="tile"><span>{escape(self.words(name))}</span><b{grey}>{escape(value)}</b>'
                f"<small>{escape(note)}<br>{covered}</small></div>")  # fmt: skip

    def chart(self, heading: str, drawn: str, note: str = "") -> Iterator[str]:
        if drawn:
            said = f'<p class="note">{escape(self.words(note))}</p>' if note else ""
            yield f"<figure><h3>{escape(self.words(heading))}</h3>{drawn}{said}</figure>"

    def table(self, head: Iterable[str], rows: Iterable[Sequence[str]], texts: Sequence[int] = ()) -> str:
        mark = [' class="t"' if n in texts else "" for n in range(20)]
        cells = "".join(f"<th{mark[n]}>{escape(self.words(name))}</th>" for n, name in enumerate(head))
        told = ("".join(f"<td{mark[n]}>{breakable(cell)}</td>" for n, cell in enumerate(row)) for row in rows)
        body = "".join(f"<tr>{row}</tr>\n" for row in told)
        return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"

    def when(self, at_us: int, *, seconds: bool = False) -> str:
        told = (_EPOCH + timedelta(microseconds=at_us)).astimezone(self.zone)
        return f"{told:%Y-%m-%d %H:%M:%S}" if seconds else f"{told:%Y-%m-%d %H:%M}"

    def local_days(self, period: Span) -> list[LocalDay]:
        """Those that lie in a period, if only in part."""
        first, last = (self._date(at_us) for at_us in (period.from_us, max(period.from_us, period.to_us - 1)))
        days = range(first.toordinal(), last.toordinal() + 1)
        return [LocalDay(day - _EPOCH.toordinal(), self._midnight_us(date.fromordinal(day))) for day in days]

    def _date(self, at_us: int) -> date:
        return (_EPOCH + timedelta(microseconds=at_us)).astimezone(self.zone).date()

    def _midnight_us(self, day: date) -> int:
        return (datetime.combine(day, time(), self.zone) - _EPOCH) // timedelta(microseconds=1)

    def covered(self, share: float) -> str:
        return f"{100 * share:.1f}\u00a0%"

    def pct(self, value: Bounds | float | None) -> str:
        if not isinstance(value, float):
            return self.words("not available")
        said = f"{value:.2f}"
        return ">\u00a099.99\u00a0%" if said == "100.00" and value < 100 else f"{said}\u00a0%"

    def bounds(self, bounds: Bounds, digits: int) -> str:
        """Rounded outwards: the true one lies between what is shown, too."""
        low = rounded(bounds.low, digits, floor)
        if isinf(bounds.high):
            return f"≥ {low}"
        return f"{bounds.low:,.{digits}f}" if is_one(bounds) else f"{low} – {rounded(bounds.high, digits, ceil)}"


def is_one(bounds: Bounds) -> bool:
    """Beyond a millionth of what is shown it is what adding up of floats cost."""
    return isclose(bounds.low, bounds.high, rel_tol=_NOISE, abs_tol=_NOISE)


def rounded(value: float, digits: int, away: Callable[[float], int]) -> str:
    return f"{away(round(value * 10**digits, 6)) / 10**digits:,.{digits}f}"


def breakable(cell: str) -> str:
    """With places where a long name may go on in the next line."""
    return _LONG.sub(lambda found: "<wbr>".join(_PIECE.findall(found.group())), cell)


def whole(cell: str) -> str:
    """What is not to be broken into two lines."""
    return f'<span class="n">{cell}</span>'


def greyed(cell: str) -> str:
    return f'<span class="grey">{cell}</span>'
