"""What is stored, page by page, as JSON lines; and what sinks refused for good."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

from agent.clock import rfc3339
from agent.journal.codec import DELTA, DELTA_HEALTH, Chunk, glance, record_text
from agent.journal.entries import DeadLetter, Entry
from agent.journal.figures import time_us
from agent.journal.reader import Reader
from agent.records import Event, Gap, Health, Incident, Interval, Kind, Reading, Record, Trace
from agent.trace_rows import span_us
from agent.wire import compact, trace_to_json

Sort = Literal["reading", "event", "incident", "trace", "gap", "interval", "health"]
SORTS: tuple[Sort, ...] = get_args(Sort)
# Some 300 kB of text, and twice that of traces: a pause of the journal's thread that nobody notices.
PAGE_ROWS = 500
PAGE_TRACES = 25
# And no more is looked at, wanted or not: some ten milliseconds, in which no commit is made.
PAGE_SPAN = 20_000
_SORT_OF: dict[type[Record], Sort] = {
    Reading: "reading", Event: "event", Incident: "incident", Trace: "trace", Gap: "gap",
    Interval: "interval", Health: "health",
}  # fmt: skip
# What lies in chunks, by their codec: nothing else in the first, all of it in others.
_CHUNKED: frozenset[Sort] = frozenset({"reading", "interval", "health"})
_ALONE: dict[int, frozenset[Sort]] = {DELTA: frozenset({"reading"})}
_REFUSED = "SELECT sink, seq, reason, body, time_us FROM dead ORDER BY id"


@dataclass(frozen=True, slots=True)
class ExportPage:
    """lines: one JSON object each, in order of seq; next: where the next page begins, None after the last; head: where
    all of them end."""

    lines: tuple[str, ...]
    next: int | None
    head: int


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """since_us, until_us: [since, until), UTC at which a record was made, and which a trace reaches into; None: any
    meters:     of these; what is of no meter's own, as a gap, is of all
    kinds:      of these sorts of records, and events and traces of these kinds; none: all
    last_words: events and incidents whatever their time, for whoever wants of each what was said last
    """

    from_seq: int = 0
    since_us: int | None = None
    until_us: int | None = None
    meters: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    last_words: bool = False

    @classmethod
    def asked(cls, told: Mapping[str, Any]) -> "ExportQuery":
        """As `told` says it in JSON; what is not of its type is left out."""
        from_seq, since_us, until_us = (_number(told.get(key)) for key in ("from_seq", "since_us", "until_us"))
        meters, kinds = (frozenset(map(str, told.get(key) or ())) for key in ("meters", "kinds"))
        return cls(from_seq or 0, since_us, until_us, meters, kinds, told.get("last_words") is True)

    def told(self) -> dict[str, Any]:
        return {
            "from_seq": self.from_seq, "since_us": self.since_us, "until_us": self.until_us,
            "meters": sorted(self.meters), "kinds": sorted(self.kinds), "last_words": self.last_words,
        }  # fmt: skip

    def page(self, reader: Reader) -> ExportPage:
        """Records in order of seq. Damaged ones are left out: a gap record tells of them."""
        head = reader.head()
        within = self.from_seq, min(head, self.from_seq + PAGE_SPAN)
        rows = reader.read(within, PAGE_ROWS, wanted=partial(self._may_want, reader)).entries
        traces = reader.read(within, PAGE_TRACES, traces=True).entries if self._wants_traces() else ()
        full = [found for found, most in ((rows, PAGE_ROWS), (traces, PAGE_TRACES)) if len(found) == most]
        until = min((found[-1].seq + 1 for found in full), default=within[1])
        entries = sorted((*rows, *traces), key=lambda entry: entry.seq)
        lines = tuple(_line(one) for one in entries if one.seq < until and self._wants(one.record))
        return ExportPage(lines, until if until < head else None, head)

    def _may_want(self, reader: Reader, chunk: Chunk) -> bool:
        """Whether anything in it may be wanted. What a clock that was set later has moved is looked at."""
        if self.kinds and _ALONE.get(chunk.codec, _CHUNKED).isdisjoint(self.kinds):
            return False
        seen = glance(chunk)
        if seen is None or reader.shifts.touch(chunk.seq_lo, chunk.seq_hi):
            return True
        meters, first_us, last_us = seen
        of_these = not self.meters or not self.meters.isdisjoint(meters) or chunk.codec == DELTA_HEALTH
        return of_these and self._overlaps(first_us, last_us)

    def _wants_traces(self) -> bool:
        return not self.kinds or not self.kinds <= {"event", "incident", "gap", *_CHUNKED}

    def _wants(self, record: Record) -> bool:
        return self._of_kind(record) and self._of_meter(record) and self._in_time(record)

    def _of_kind(self, record: Record) -> bool:
        kind = record.kind if isinstance(record, Event | Trace) else None
        return not self.kinds or _SORT_OF[type(record)] in self.kinds or kind in self.kinds

    def _of_meter(self, record: Record) -> bool:
        if not self.meters or isinstance(record, Gap):
            return True
        if isinstance(record, Incident):
            concerned = (record.dead, record.alive, record.unknown, record.restored)
            return any(not self.meters.isdisjoint(names) for names in concerned)
        return record.meter in self.meters or (isinstance(record, Health) and record.meter is None)

    def _in_time(self, record: Record) -> bool:
        if self.last_words and isinstance(record, Event | Incident):
            return True
        return self._overlaps(*(span_us(record) if isinstance(record, Trace) else (time_us(record),) * 2))

    def _overlaps(self, first_us: int, last_us: int) -> bool:
        return (self.since_us is None or last_us >= self.since_us) and (
            self.until_us is None or first_us < self.until_us
        )


def _line(entry: Entry) -> str:
    record = entry.record
    if isinstance(record, Trace):
        body = compact(trace_to_json(record)).decode()
    elif isinstance(record, Gap):
        gap = {"gap": [record.seq_lo, record.seq_hi], "reason": record.reason, "time": rfc3339(record.time_us)}
        body = compact(gap).decode()
    else:
        body = record_text(record)
    return f'{{"seq":{entry.seq},"record":"{_SORT_OF[type(record)]}",{body[1:]}'


def _number(told: object) -> int | None:
    return told if isinstance(told, int) else None


def known_kinds() -> tuple[str, ...]:
    """What `ExportQuery.kinds` may name."""
    return (*SORTS, *get_args(Kind))


def refused(reader: Reader) -> tuple[DeadLetter, ...]:
    """The newest 1000 of each sink, oldest first."""
    return tuple(DeadLetter(*row) for row in reader._all(_REFUSED))
