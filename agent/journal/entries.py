"""What the journal holds and hands out. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agent.records import Reading, Record
from agent.wire import reading_text

Lane = Literal["live", "backlog", "trace"]
Range = tuple[int, int]  # sequence numbers [lo, hi)


@dataclass(frozen=True, slots=True)
class Entry:
    """One record and its place in the journal. seq counts by one, across restarts, for the life of the file.

    durable: False for what goes out although a power cut may still take it back
    """

    seq: int
    record: Record
    durable: bool = True
    _said: list[bytes] = field(default_factory=list, init=False, repr=False, compare=False)

    def text(self, reading: Reading) -> bytes:
        """The JSON of the reading that this is, written once for whoever needs it: the file, the broker. ValueError:
        it holds a NaN."""
        if not self._said:
            self._said.append(reading_text(reading))
        return self._said[0]


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries of one lane in order, and the seq to advance to once all of them are dealt with.

    next may lie beyond the last entry, and there may be no entry at all: what was evicted is passed over.
    """

    entries: tuple[Entry, ...]
    next: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An entry that a sink refused for good, with the sink's words. body: its JSON, shortened."""

    sink: str
    seq: int
    reason: str
    body: str
    time_us: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that was damaged is dealt with. note: how it showed, and where the file is now; salvaged: what reads of it
    was taken over; lost: so many entries, still to be sent, are gone; perhaps: and up to so many more."""

    note: str
    salvaged: bool
    lost: int
    perhaps: int = 0

    def words(self) -> tuple[str, str]:
        taken = "what reads of it was taken over" if self.salvaged else "nothing of it could be taken over"
        most = f"up to {self.perhaps} {'more' if self.lost else 'entries'}"
        count = " and ".join([f"{self.lost} entries"] * bool(self.lost) + [most] * bool(self.perhaps))
        lost = f"{count} that were still to be sent are gone" if count else "nothing unsent is gone"
        known = self.salvaged or bool(self.lost)
        return self.note, f"{taken}; {lost if known else 'what was still to be sent is gone'}"


@dataclass(frozen=True, slots=True)
class SinkStats:
    """How far one sink is. rows: kept ones that it has not acknowledged (single ones that went out of the middle, and
    parts of traces there, still count); oldest_us: UTC of the oldest of them, None where it has everything; traces:
    parts of traces it has not acknowledged, which are not counted beyond 1000; marked: events that it has with
    `durable: false`, and gets once more when they are stored; they are no rows."""

    live: int
    backlog: Range
    rows: int
    oldest_us: int | None
    dead_letters: int
    traces: int = 0
    marked: int = 0


@dataclass(frozen=True, slots=True)
class JournalStats:
    """The journal in figures. oldest and head: lowest seq kept and next seq to give out; rows: how many are kept,
    counted as a sink's; uncommitted: entries not durable yet; events: ids, not revisions; error: why the last commit
    failed, empty if it did not; note: what recovery had to do to this file, empty if nothing; traces_evicted: parts of
    traces, sent or not, that went because traces have a share of the file and no more."""

    epoch: str
    head: int
    rows: int
    oldest: int | None
    uncommitted: int
    events: int
    gaps: int
    size_bytes: int
    cap_bytes: int | None
    commits: int
    error: str
    note: str
    sinks: Mapping[str, SinkStats]
    trace_bytes: int = 0
    traces_evicted: int = 0
