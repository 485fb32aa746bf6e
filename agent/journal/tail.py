"""Entries that are not durable yet, in order of seq. Pure."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from agent.journal.entries import Entry, Range
from agent.journal.retention import merged
from agent.records import Reading, Record


class Tail:
    """head: the next seq to be given out. Everything below `first` is durable, or was shed."""

    def __init__(self, head: int) -> None:
        self.head = head
        self._entries: deque[Entry] = deque()

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
        self.head = seq + 1
        return seq

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    def within(self, span: Range, limit: int) -> tuple[Entry, ...]:
        lo, hi = span
        return tuple(islice((entry for entry in self._entries if lo <= entry.seq < hi), limit))

    def settle(self, head: int) -> None:
        """Everything below head is durable."""
        while self._entries and self._entries[0].seq < head:
            self._entries.popleft()

    def shed(self, keep: int) -> tuple[Range, ...]:
        """Forget the oldest readings until `keep` entries are left; the ranges [lo, hi) that went. Events stay."""
        surplus = len(self._entries) - keep
        readings = (entry for entry in self._entries if isinstance(entry.record, Reading))
        gone = {entry.seq for entry in islice(readings, max(0, surplus))}
        self._entries = deque(entry for entry in self._entries if entry.seq not in gone)
        return merged((seq, seq + 1) for seq in gone)
