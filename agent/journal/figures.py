"""The journal in figures, as a look at the file gives them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.journal.entries import JournalStats, SinkStats
from agent.journal.lanes import Position, unsent
from agent.records import Event, Incident, Record, Trace
from agent.trace_rows import span_us


@dataclass(frozen=True, slots=True)
class Figures:
    """The file in figures. oldest: lowest seq kept; events: ids, not revisions; dead: dead letters by sink."""

    oldest: int | None
    events: int
    gaps: int
    size_bytes: int
    note: str
    dead: dict[str, int]
    trace_bytes: int
    traces_evicted: int

    def stats(
        self, *, epoch: str, head: int, sinks: Mapping[str, SinkStats],
        uncommitted: int = 0, cap_bytes: int | None = None, commits: int = 0, error: str = "",
    ) -> JournalStats:  # fmt: skip
        return JournalStats(
            epoch=epoch, head=head, oldest=self.oldest, uncommitted=uncommitted, events=self.events, gaps=self.gaps,
            size_bytes=self.size_bytes, cap_bytes=cap_bytes, commits=commits, error=error, note=self.note, sinks=sinks,
            trace_bytes=self.trace_bytes, traces_evicted=self.traces_evicted,
        )  # fmt: skip

    def sink(self, name: str, position: Position, head: int, oldest: Record | None, traces: int) -> SinkStats:
        """oldest: the first record the sink lacks; traces: how many parts of traces."""
        kept = self.oldest or 0
        return SinkStats(
            live=position.live,
            backlog=(position.backlog_lo, position.backlog_hi),
            rows=sum(max(0, hi - max(lo, kept)) for lo, hi in unsent(position, head)),
            oldest_us=None if oldest is None else time_us(oldest),
            dead_letters=self.dead.get(name, 0),
            traces=traces,
        )


def time_us(record: Record) -> int:
    """UTC microseconds at which a record was made."""
    if isinstance(record, Trace):
        return span_us(record)[1]
    return record.reported_us if isinstance(record, Event | Incident) else record.time_us
