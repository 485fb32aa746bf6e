"""Entries that are not durable yet, in order of seq. Pure."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from agent.journal.entries import Entry, Range
from agent.journal.retention import merged
from agent.records import Event, Gap, Incident, Record, Trace


class Tail:
    """head: the next seq to be given out. Everything below `first` is durable, or was shed. counts: how many entries
    there are of a kind."""

    def __init__(self, head: int) -> None:
        self.head = head
        self._entries: deque[Entry] = deque()
        self.counts: Counter[type[Record]] = Counter()

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
        self.counts[type(record)] += 1
        self.head = seq + 1
        return seq

    def take_over(self, entries: Iterable[Entry], head: int) -> None:
        """What comes with seqs of its own, in order, all of them between ours and `head`."""
        for entry in entries:
            self._entries.append(entry)
            self.counts[type(entry.record)] += 1
        self.head = head

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
            self.counts[type(self._entries.popleft().record)] -= 1

    def shed(self, kind: type[Record], keep: int) -> tuple[Range, ...]:
        """Forget entries of a kind until `keep` of them are left, the oldest first; the ranges [lo, hi) that went.

        Of what is told in revisions those go first that a later one takes the place of, then what is over.
        """
        found = [entry for entry in self._entries if type(entry.record) is kind]
        if kind in (Event, Incident):
            found = _dearest_last(found)
        return self._forget(found[: max(0, len(found) - keep)])

    def shed_gaps(self) -> dict[str, tuple[Range, ...]]:
        """Forget all gap records; by reason, what they told of, and themselves with it: fewer can say the same."""
        found = [entry for entry in self._entries if isinstance(entry.record, Gap)]
        told: dict[str, list[Range]] = {}
        for entry in found:
            if isinstance(entry.record, Gap):
                own = (entry.seq, entry.seq + 1)
                told.setdefault(entry.record.reason, []).extend([(entry.record.seq_lo, entry.record.seq_hi + 1), own])
        self._forget(found)
        return {reason: merged(ranges) for reason, ranges in told.items()}

    def forget(self, seqs: Collection[int]) -> tuple[Range, ...]:
        """The ranges [lo, hi) that went."""
        return self._forget([entry for entry in self._entries if entry.seq in seqs])

    def _forget(self, entries: list[Entry]) -> tuple[Range, ...]:
        gone = {entry.seq for entry in entries}
        self._entries = deque(entry for entry in self._entries if entry.seq not in gone)
        self.counts.subtract(type(entry.record) for entry in entries)
        return merged((seq, seq + 1) for seq in gone)


def _dearest_last(told: list[Entry]) -> list[Entry]:
    last = {entry.record.id: entry.seq for entry in told if isinstance(entry.record, Event | Incident)}

    def worth(entry: Entry) -> tuple[bool, bool, int]:
        record = entry.record
        assert isinstance(record, Event | Incident)  # noqa: S101 - of one of these kinds all are
        return last[record.id] == entry.seq, record.state == "open", entry.seq

    return sorted(told, key=worth)
