"""Entries that are not durable yet, in order of seq. Pure."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from agent.journal.entries import Entry, Range
from agent.journal.retention import merged
from agent.records import Reading, Record, Trace


class Tail:
    """head: the next seq to be given out. Everything below `first` is durable, or was shed. traces: how many of the
    entries are parts of traces, ten times as heavy as a reading."""

    def __init__(self, head: int) -> None:
        self.head = head
        self._entries: deque[Entry] = deque()
        self.traces = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __reversed__(self) -> Iterator[Entry]:
        return reversed(self._entries)

    @property
    def first(self) -> int:
        return self._entries[0].seq if self._entries else self.head

    def append(self, record: Record) -> int:
        seq = self.head
        self._entries.append(Entry(seq, record))
        self.traces += isinstance(record, Trace)
        self.head = seq + 1
        return seq

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    def within(self, span: Range, limit: int, *, traces: bool = False) -> tuple[Entry, ...]:
        """The first entries of [lo, hi) that are parts of traces, or that are not."""
        lo, hi = span
        lane = (entry for entry in self._from(lo) if lo <= entry.seq < hi and isinstance(entry.record, Trace) is traces)
        return tuple(islice(lane, limit))

    def _from(self, lo: int) -> Iterator[Entry]:
        """The entries, without looking at those before lo one by one where none was shed. A live sink asks for the
        last few, and there may be thousands."""
        entries = self._entries
        whole = self.first + len(entries) == self.head
        skipped = max(0, lo - self.first) if whole else 0
        return (entries[n] for n in range(skipped, len(entries)))

    def settle(self, head: int) -> None:
        """Everything below head is durable."""
        while self._entries and self._entries[0].seq < head:
            self.traces -= isinstance(self._entries.popleft().record, Trace)

    def shed(self, keep: int) -> tuple[Range, ...]:
        """Forget the oldest readings until `keep` entries are left; the ranges [lo, hi) that went. Events stay."""
        return self._forget(Reading, len(self._entries) - keep)

    def shed_traces(self, keep: int) -> tuple[Range, ...]:
        """The same of parts of traces, until `keep` of them are left."""
        return self._forget(Trace, self.traces - keep)

    def _forget(self, kind: type[Reading] | type[Trace], surplus: int) -> tuple[Range, ...]:
        found = (entry for entry in self._entries if isinstance(entry.record, kind))
        gone = {entry.seq for entry in islice(found, max(0, surplus))}
        self._entries = deque(entry for entry in self._entries if entry.seq not in gone)
        self.traces -= len(gone) if kind is Trace else 0
        return merged((seq, seq + 1) for seq in gone)
