"""What a journal in memory leaves to the one on disk that comes after it. Pure.

Seqs keep their distances, and seq 1 there becomes the next one here: so gap records go on telling of what they told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.journal.entries import DeadLetter, Entry
from agent.journal.lanes import Position, unsent
from agent.journal.shifts import Shift, corrected
from agent.records import Event, Gap, Incident, Record

_EVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Carried:
    """entries: none of them was ever stored; head: the next seq there; kept: the texts for the next run, by name;
    guess_us: the offset of the clock that told it, if that was a guess; dead: what sinks refused"""

    entries: tuple[Entry, ...]
    head: int
    positions: Mapping[str, Position]
    kept: Mapping[str, str]
    guess_us: int | None = None
    dead: tuple[DeadLetter, ...] = ()

    def entries_from(self, seq: int, by_us: int) -> tuple[Entry, ...]:
        """As they continue a journal. by_us: what their clock was found to be slow by."""
        return tuple(Entry(one.seq + seq - 1, _moved(one.record, seq - 1, by_us)) for one in self.entries)

    def dead_from(self, seq: int, by_us: int) -> tuple[DeadLetter, ...]:
        """Likewise. What a letter quotes was sent as it stands there."""
        return tuple(replace(one, seq=one.seq + seq - 1, time_us=one.time_us + by_us) for one in self.dead)

    def slow_us(self, offset_us: int) -> int:
        """What its clock was slow by, as is known now. offset_us: of the clock of now."""
        return 0 if self.guess_us is None else offset_us - self.guess_us

    def position(self, sink: str, stored: Position, seq: int) -> Position:
        """Where a sink goes on that stood at `stored`, before seq. One that lacked something of before gets all of it
        again: there is one backlog, not two."""
        told, by = self.positions.get(sink), seq - 1
        if told is None or unsent(stored, seq):
            return stored
        trace = stored.trace if stored.trace < seq else told.trace + by
        return Position(told.live + by, told.backlog_lo + by, told.backlog_hi + by, trace)

    def open_events(self) -> tuple[Event, ...]:
        last = {one.record.id: one.record for one in self.entries if isinstance(one.record, Event)}
        return tuple(event for event in last.values() if event.state == "open")

    def open_incidents(self) -> tuple[Incident, ...]:
        last = {one.record.id: one.record for one in self.entries if isinstance(one.record, Incident)}
        return tuple(incident for incident in last.values() if incident.state == "open")


def _moved(record: Record, by: int, by_us: int) -> Record:
    if by_us:
        clock = record.clock if isinstance(record, Event | Incident) else None
        record = corrected(record, (Shift(0, _EVER, -_EVER, by_us, _EVER, 0),))
        if clock is not None and isinstance(record, Event | Incident):
            record = replace(record, clock=clock)
    if isinstance(record, Gap):
        return replace(record, seq_lo=record.seq_lo + by, seq_hi=record.seq_hi + by)
    return record
