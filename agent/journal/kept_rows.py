"""How many rows lie in ranges of seqs, and where they begin, without reading them all: on a card that would take
seconds. Pure."""

from collections.abc import Iterable

from agent.journal.entries import Range
from agent.journal.reader import OLDEST, Reader

# Some megabytes of events; more of them than these do not count.
MOST_TOLD = 5000
# The chunk that contains lo may begin before it.
_FIRST = """SELECT seq_lo FROM chunk WHERE seq_lo >= coalesce((SELECT max(seq_lo) FROM chunk WHERE seq_lo <= ?1), 0)
AND seq_lo < ?2 AND seq_hi >= ?1 ORDER BY seq_lo LIMIT 1"""
_TOLD = """SELECT (SELECT count(*) FROM (SELECT 1 FROM event WHERE seq >= ?1 AND seq < ?2 LIMIT ?3))
+ (SELECT count(*) FROM (SELECT 1 FROM incident WHERE seq >= ?1 AND seq < ?2 LIMIT ?3))
+ (SELECT count(*) FROM (SELECT 1 FROM gap WHERE seq >= ?1 AND seq < ?2 LIMIT ?3))"""


def kept_rows(reader: Reader, ranges: Iterable[Range]) -> int:
    """Readings go oldest first and most of what is kept is readings: from the first that is there on each seq counts,
    before it events, incidents and gaps."""
    return sum(_within(reader, lo, hi) for lo, hi in ranges if lo < hi)


def oldest(reader: Reader) -> int | None:
    """The lowest seq that is kept."""
    found = reader._all(OLDEST)[0][0]
    return None if found is None else int(found)


def _within(reader: Reader, lo: int, hi: int) -> int:
    found = reader._all(_FIRST, (lo, hi))
    first = max(lo, found[0][0]) if found else hi
    return hi - first + int(reader._all(_TOLD, (lo, first, MOST_TOLD))[0][0])
