"""The journal in figures, as a look at the file gives them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.journal.entries import JournalStats, SinkStats
from agent.journal.lanes import Position
from agent.records import LENGTH_US, Event, Incident, Interval, Record, Trace
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
        self, *, epoch: str, head: int, rows: int, sinks: Mapping[str, SinkStats],
        uncommitted: int = 0, cap_bytes: int | None = None, commits: int = 0, error: str = "",
    ) -> JournalStats:  # fmt: skip
        return JournalStats(
            epoch=epoch, head=head, rows=rows, oldest=self.oldest, uncommitted=uncommitted, events=self.events,
            gaps=self.gaps, size_bytes=self.size_bytes, cap_bytes=cap_bytes, commits=commits, error=error,
            note=self.note, sinks=sinks,
            trace_bytes=self.trace_bytes, traces_evicted=self.traces_evicted,
        )  # fmt: skip

    def sink(
        self, name: str, position: Position, rows: int, oldest: Record | None, traces: int, *, marked: int = 0
    ) -> SinkStats:
        """rows, traces: how many the sink lacks of what is kept; oldest: the first of them; marked: see `SinkStats`."""
        return SinkStats(
            live=position.live,
            backlog=(position.backlog_lo, position.backlog_hi),
            rows=rows,
            oldest_us=None if oldest is None else time_us(oldest),
            dead_letters=self.dead.get(name, 0),
            traces=traces,
            marked=marked,
        )


def time_us(record: Record) -> int:
    """UTC microseconds at which a record was made."""
    if isinstance(record, Trace):
        return span_us(record)[1]
    if isinstance(record, Interval):
        return record.start_us + LENGTH_US[record.kind]
    return record.reported_us if isinstance(record, Event | Incident) else record.time_us


def share_bytes(rows: int, kept: int, size_bytes: int) -> float:
    """What some rows of all that are kept take of so many bytes."""
    kept = max(1, kept)
    return size_bytes * min(rows, kept) / kept


def backlog(sink: Mapping[str, Any], stats: Mapping[str, Any], now_us: int) -> dict[str, float]:
    """What a sink has not got, in MiB and in hours since the oldest of it was made. sink, stats: `SinkStats` and
    `JournalStats` as JSON; rows of the file count as equally large, parts of traces apart from them."""
    mib = share_bytes(sink["rows"], stats["rows"], stats["size_bytes"] - stats["trace_bytes"]) / 2**20
    behind_us = 0 if sink["oldest_us"] is None else max(0, now_us - sink["oldest_us"])
    return {"backlog_mib": round(mib, 3), "backlog_h": round(behind_us / 3.6e9, 3)}
