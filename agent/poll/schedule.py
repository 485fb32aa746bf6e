"""What a line should ask next. Pure: instants in, decisions out.

Every job is a short list of reads on a fixed grid. Grids are multiples of the period counted from the zero
of the boot-time clock, so that lines tick together and one wake-up serves many replies. Within a line the
read with the earliest deadline goes first, one read at a time. The reads of a full set have their deadlines spread
over its whole period, and the full sets of a line's meters are spread against each other: on a slow line they fill
the gaps that the watches leave, and never stop the watching. Only the first ones, at the start, are in a hurry.
A tick that could not be served is counted, never queued: the next tick comes from the grid, not from now.

Attention: while something happens at a meter, it is watched as fast as is useful, full sets wait up to ten seconds
longer for their turn, and the watches of the others get a deadline of a second at most. What the line has to give
goes where the bounds of an event depend on it; the others are still seen every two seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Work = Literal["watch", "poll"]

# The first full set brings the first reading: its reads have a second.
_FIRST_SPREAD_US = 1_000_000
# While a meter has the line's attention.
_POLL_PATIENCE_US = 10_000_000
_OTHERS_US = 1_000_000
# The deadline a flat-out watch has: short enough to come first, long enough that an overdue full set gets its turn.
_FLAT_OUT_US = 50_000


@dataclass(frozen=True, slots=True)
class Job:
    """reads: how many reads make it up. period_us 0 means as fast as the line goes; hurry_us: the shortest pace of a
    watch that is worth having, for the time of attention."""

    meter: str
    work: Work
    period_us: int
    reads: int
    lead_us: int = 0
    hurry_us: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """Ask read number `index` of `job`; it was due at `due_us`. last: it completes the job.

    wait_us: how long to wait for the answer of a probe, 0: as its own patience says; hurried: less than that
    """

    job: Job
    index: int
    due_us: int
    last: bool
    wait_us: int = 0
    hurried: bool = False


@dataclass(slots=True)
class _Slot:
    job: Job
    due_us: int
    index: int = 0
    missed: int = 0
    first: bool = True
    until_us: int = 0  # this job's meter has the line's attention until then

    def deadline_us(self, alert: bool) -> int:
        """alert: some meter of this line has its attention."""
        job = self.job
        if job.work == "watch" and not alert:
            return self.due_us + (job.period_us or _FLAT_OUT_US)
        if job.work == "watch":
            return self.due_us + (_FLAT_OUT_US if self.until_us else min(job.period_us, _OTHERS_US))
        spread_us = min(job.period_us, _FIRST_SPREAD_US) if self.first else job.period_us
        return self.due_us + (self.index + 1) * spread_us // job.reads + (_POLL_PATIENCE_US if alert else 0)

    def advance(self, now_us: int) -> None:
        """To the first tick after now; the ticks in between are missed. A watch in attention has no grid."""
        self.index, self.first = 0, False
        period_us = self.job.period_us
        if self.until_us > now_us and self.job.work == "watch":
            self.due_us = now_us + min(period_us, self.job.hurry_us)
            return
        self.until_us = 0
        if not period_us:
            self.due_us = now_us
            return
        next_us = (now_us + self.job.lead_us) // period_us * period_us + period_us - self.job.lead_us
        self.missed += max(0, (next_us - self.due_us) // period_us - 1)
        self.due_us = next_us


@dataclass(slots=True)
class Schedule:
    """The jobs of one line. `paused` meters (silent ones) are skipped: their probes are the health's business."""

    _slots: list[_Slot]
    paused: dict[str, None] = field(default_factory=dict)  # an ordered set: probes go round in a fixed order
    _alert_until_us: int = 0

    @classmethod
    def starting(cls, jobs: Sequence[Job], now_us: int) -> "Schedule":
        """Everything is due at once; watches win by their deadlines."""
        return cls([_Slot(job, now_us) for job in jobs if job.reads])

    def turn(self, now_us: int) -> Turn | None:
        """The due read with the earliest deadline, or None while nothing is due."""
        due = [slot for slot in self._slots if slot.due_us <= now_us and slot.job.meter not in self.paused]
        if not due:
            return None
        alert = now_us < self._alert_until_us
        slot = min(due, key=lambda slot: slot.deadline_us(alert))
        return Turn(slot.job, slot.index, slot.due_us, slot.index + 1 == slot.job.reads)

    def done(self, turn: Turn, now_us: int) -> None:
        """The read was asked, whatever came of it: go on to the job's next read, or to its next tick."""
        slot = self._slot(turn.job)
        if turn.last:
            slot.advance(now_us)
        else:
            slot.index = turn.index + 1

    def attend(self, meter: str, now_us: int, until_us: int) -> None:
        """Give this meter the line's attention until then, or for longer if it has it already."""
        self._alert_until_us = max(self._alert_until_us, until_us)
        for slot in self._slots:
            if slot.job.meter == meter and slot.job.work == "watch":
                if not slot.until_us:
                    slot.due_us = min(slot.due_us, now_us + slot.job.hurry_us)
                slot.until_us = max(slot.until_us, until_us)

    def resume(self, meter: str, now_us: int) -> None:
        """A meter is back: everything of it is due at once."""
        self.paused.pop(meter, None)
        for slot in self._slots:
            if slot.job.meter == meter:
                slot.index, slot.due_us, slot.first = 0, now_us, True

    def replace(self, meter: str, jobs: Sequence[Job], now_us: int) -> None:
        """A meter has other reads from now on; all of them are due at once."""
        self._slots = [slot for slot in self._slots if slot.job.meter != meter]
        self._slots += [_Slot(job, now_us) for job in jobs if job.reads]

    def retry(self, meter: str, now_us: int) -> None:
        """A meter is in doubt: its watch, or whatever it has, is due at once. Its full set waits for its tick."""
        slot = next(slot for slot in self._slots if slot.job.meter == meter)
        slot.index, slot.due_us = 0, now_us

    def probe(self, meter: str, now_us: int, wait_us: int, *, hurried: bool) -> Turn:
        """The first read of a paused meter, out of turn."""
        slot = next(slot for slot in self._slots if slot.job.meter == meter)
        slot.index = 0
        return Turn(slot.job, 0, now_us, slot.job.reads == 1, wait_us, hurried)

    def next_due_us(self) -> int | None:
        """When the next read of a living meter falls due; None if there is none."""
        return min((slot.due_us for slot in self._slots if slot.job.meter not in self.paused), default=None)

    def missed(self, meter: str) -> int:
        """Ticks of this meter that were never served since the start."""
        return sum(slot.missed for slot in self._slots if slot.job.meter == meter)

    def _slot(self, job: Job) -> _Slot:
        return next(slot for slot in self._slots if slot.job is job)
