"""Rows that were told by a clock not set yet, and by how much they are wrong: applied to what is handed out. Pure.

    boot zero of the guess                          the anchor
    --|--- rows seq_lo ..., told as boot time + guess ---|--- rows told right --->
      ^ from_us: no instant of an earlier boot lies behind it: by no guess does this one begin before the last had died

Rows stay in the file as they were written. Several boots that were never set, one after the other, are shifts with one
seq_hi: an instant in one of their rows belongs to the last of them that begins before it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.journal.entries import Entry
from agent.records import ClockState, Event, Gap, Health, Incident, Interval, Reading, Record, Trace

KEPT = ":shifts"
FLAG = "clock"
# Rows within this of their true time are not flagged.
SURE_US = 1_000_000
_DRIFT = 50e-6
_MOST = 200

Told = TypeVar("Told", Event, Incident)


@dataclass(frozen=True, slots=True)
class Shift:
    """Instants from from_us on, in rows seq_lo..seq_hi (both included), are shift_us too early. err_us: give or take,
    at at_us, and more by the drift of a quartz before it."""

    seq_lo: int
    seq_hi: int
    from_us: int
    shift_us: int
    err_us: int
    at_us: int

    def bound_us(self, true_us: int) -> int:
        return self.err_us + round(_DRIFT * max(0, self.at_us - true_us))


class Shifts:
    """All there are. Read in the journal's thread, set in the loop's: the tuple is exchanged as a whole."""

    def __init__(self, known: Iterable[Shift] = ()) -> None:
        self.known = tuple(known)

    def know(self, text: str | None) -> None:
        """What a file says, where nothing is known yet."""
        self.known = self.known or understood(text)

    def add(self, more: Iterable[Shift]) -> None:
        self.known = (*self.known, *more)[-_MOST:]

    def touch(self, seq_lo: int, seq_hi: int) -> bool:
        """Whether any row of these, both included, may be off."""
        return any(shift.seq_lo <= seq_hi and seq_lo <= shift.seq_hi for shift in self.known)

    def entry(self, entry: Entry) -> Entry:
        """As it should have been written."""
        within = tuple(shift for shift in self.known if shift.seq_lo <= entry.seq <= shift.seq_hi)
        return replace(entry, record=corrected(entry.record, within)) if within else entry

    def told(self, seq: int, record: Told) -> Told:
        within = tuple(shift for shift in self.known if shift.seq_lo <= seq <= shift.seq_hi)
        return corrected_told(record, within) if within else record

    def text(self) -> str:
        return json.dumps([[s.seq_lo, s.seq_hi, s.from_us, s.shift_us, s.err_us, s.at_us] for s in self.known])


def understood(text: str | None) -> tuple[Shift, ...]:
    """What `text` said; nothing of what is no such text."""
    try:
        return tuple(Shift(*map(int, row)) for row in json.loads(text or "[]"))
    except (ValueError, TypeError):
        return ()


def shift_of(at_us: int, shifts: Iterable[Shift]) -> Shift | None:
    """The one an instant belongs to."""
    return max((one for one in shifts if one.from_us <= at_us), key=lambda one: one.from_us, default=None)


def corrected_us(at_us: int, shifts: Iterable[Shift]) -> int:
    found = shift_of(at_us, shifts)
    return at_us if found is None else at_us + found.shift_us


def corrected(record: Record, shifts: Sequence[Shift]) -> Record:
    match record:
        case Reading():
            return _reading(record, shifts)
        case Gap():
            return replace(record, time_us=corrected_us(record.time_us, shifts))
        case Trace():
            offset_us, start_us = (corrected_us(at_us, shifts) for at_us in (record.offset_us, record.start_us))
            return replace(record, offset_us=offset_us, start_us=start_us)
        case Event():
            return corrected_told(record, shifts)
        case Interval():
            return record  # none is made by a clock that is not set
        case Health():
            seen = {key: corrected_us(at_us, shifts) for key, at_us in record.instants.items()}
            return replace(record, time_us=corrected_us(record.time_us, shifts), instants=seen)
        case incident:
            return corrected_told(incident, shifts)


def _reading(reading: Reading, shifts: Sequence[Shift]) -> Reading:
    shift = shift_of(reading.time_us, shifts)
    if shift is None:
        return reading
    time_us = reading.time_us + shift.shift_us
    sure = shift.bound_us(time_us) <= SURE_US
    flags = tuple(flag for flag in reading.flags if not (sure and flag == FLAG))
    return replace(reading, time_us=time_us, flags=flags)


def corrected_told(told: Told, shifts: Sequence[Shift]) -> Told:
    """An event or an incident: what it says of the clock is what is known now."""
    moved = {name: corrected_us(at_us, shifts) for name, at_us in instants(told).items()}
    shift = shift_of(told.reported_us, shifts)
    if shift is None:
        return told
    clock = ClockState(True, shift.bound_us(moved["start_us"]) / 1e6)
    return replace(told, **moved, clock=clock)  # type: ignore[arg-type]


def instants(told: Event | Incident) -> dict[str, int]:
    """By field, those that it has."""
    names = ("reported_us", "start_us", "start_earliest_us", "end_us", "end_earliest_us")
    return {name: at_us for name in names if (at_us := getattr(told, name)) is not None}
