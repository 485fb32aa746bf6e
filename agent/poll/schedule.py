"""What a line should ask next. Pure: instants in, decisions out.

Every job is a short list of reads on a fixed grid. Grids are multiples of the period counted from the zero
of the boot-time clock, so that lines tick together and one wake-up serves many replies. Within a line the
read with the earliest deadline goes first, one read at a time. The reads of a full set have their deadlines spread
over most of its period, and the full sets of a line's meters are spread against each other: on a slow line they fill
the gaps that the watches leave, and never stop the watching. Only the first ones, at the start, are in a hurry. The
last quarter of the period stays free: with deadlines up to its end, a line without idle time finished each full set
just too late for its next tick, and brought one every second period.
A unit in doubt is asked again before anything else, in the rush of the start too; only not right after another
re-try or miss while something else waits: on a line of dead units the living have every other turn.
A tick that could not be served is counted, never queued: the next tick comes from the grid, not from now.

    | work  | what                      | deadline of a read                                                |
    |-------|---------------------------|-------------------------------------------------------------------|
    | watch | voltages, currents        | the next tick; flat out: 50 ms                                    |
    | poll  | the full set              | its share of the period                                           |
    | slow  | counters, on a tight line | its share of its longer period: it comes last, and is never left  |
    | log   | what the meter latches    | likewise; within a second where something happened (`hasten`)     |
    | plate | serial number, firmware   | ten seconds; while a meter has the line's attention not before    |

Attention: while something happens at a meter, it is watched as fast as is useful, full sets wait up to ten seconds
longer for their turn, and the watch of any other meter has its deadline almost two seconds after the one before it, or
soon after a tick that comes later. What the line has to give goes where the bounds of an event depend on it. The others
are still seen every two seconds: one that missed its tick does not wait for the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Work = Literal["watch", "poll", "slow", "log", "plate"]

# The first full set brings the first reading: its reads have a second.
_FIRST_SPREAD_US = 1_000_000
# While a meter has the line's attention.
_POLL_PATIENCE_US = 10_000_000
# The others are still looked at this often at least.
BESIDE_US = 2_000_000
_OTHERS_SOON_US = 200_000
_OTHERS_US = BESIDE_US - _OTHERS_SOON_US - 100_000  # an exchange may take that long
# Who the meter is may wait until everything else had its turn.
_PLATE_PATIENCE_US = 10_000_000
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


# A named tuple: one is made per poll, and a frozen dataclass costs three times as much to make.
class Turn(NamedTuple):
    """Ask the `nth` read of `job`; it was due at `due_us`. last: it completes the job.

    wait_us: how long to wait for the answer of a probe, 0: as its own patience says; hurried: less than that
    """

    job: Job
    nth: int
    due_us: int
    last: bool
    wait_us: int = 0
    hurried: bool = False


_new = tuple.__new__  # what Turn(...) does, without its Python-level constructor


@dataclass(slots=True)
class _Slot:
    job: Job
    due_us: int
    period_us: int  # the job's, until it is given another pace
    index: int = 0
    missed: int = 0
    first: bool = True
    until_us: int = 0  # this job's meter has the line's attention until then
    seen_us: int = 0  # when it was last done
    soon_us: int = 0  # wanted again by then, whatever its period
    latest_us: int = 0  # it was put off, and until then at the latest

    def deadline_us(self, alert: bool) -> int:
        """alert: some meter of this line has its attention."""
        if self.job.work == "plate":
            return self.latest_us or self.due_us + _PLATE_PATIENCE_US
        if self.job.work != "watch":
            share_us = (self.index + 1) * self._spread_us // self.job.reads
            return self.due_us + share_us + (_POLL_PATIENCE_US if alert else 0)
        if not alert:
            return self.due_us + (self.period_us or _FLAT_OUT_US)
        if self.until_us:
            return self.due_us + _FLAT_OUT_US
        return max(self.due_us + _OTHERS_SOON_US, self.seen_us + _OTHERS_US)

    @property
    def _spread_us(self) -> int:
        """Within which a full set is to be done."""
        return min(self.period_us, _FIRST_SPREAD_US) if self.first else self.period_us * 3 // 4

    def advance(self, now_us: int, alert: bool, least_us: int = 0) -> None:
        """To the first tick after now; the ticks in between are missed. A watch in attention has no grid, nor has one
        that is flat out, which comes again after least_us."""
        self.index, self.first, self.seen_us, self.latest_us = 0, False, now_us, 0
        period_us = self.period_us
        if self.until_us > now_us and self.job.work == "watch":
            self.due_us = now_us + max(least_us, min(period_us, self.job.hurry_us))
            return
        self.until_us = 0
        if not period_us:
            self.due_us = now_us + least_us
            return
        next_us = (now_us + self.job.lead_us) // period_us * period_us + period_us - self.job.lead_us
        missed = max(0, (next_us - self.due_us) // period_us - 1)
        self.missed += missed
        if self.due_us < self.soon_us:  # it may have been asked before it was wanted
            next_us = min(next_us, self.soon_us)
        self.due_us = now_us if missed and alert and self.job.work == "watch" else next_us

    def put_off(self, now_us: int, alert_until_us: int) -> bool:
        """Until the line has no other worries; but what the meter's log says is told only once it is known who says
        it, and in a storm some meter always has the line's attention."""
        if self.index or now_us >= alert_until_us:
            return False
        self.latest_us = self.latest_us or self.due_us + _PLATE_PATIENCE_US
        if now_us < self.latest_us:
            self.due_us = min(alert_until_us, self.latest_us)
        return now_us < self.latest_us


@dataclass(slots=True)
class Schedule:
    """The jobs of one line. `paused` meters (silent ones) are skipped: their probes are the health's business."""

    _slots: list[_Slot]
    paused: dict[str, None] = field(default_factory=dict)  # an ordered set: who was probed goes to its end
    _alert_until_us: int = 0
    _doubted: dict[str, None] = field(default_factory=dict)  # whose re-try waits, in this order
    _missed: bool = False  # the last read was one, or was missed
    _asked: _Slot | None = None  # whose turn it was last

    @classmethod
    def starting(cls, jobs: Sequence[Job], now_us: int) -> "Schedule":
        """Everything is due at once; watches win by their deadlines."""
        return cls([_Slot(job, now_us, job.period_us) for job in jobs if job.reads])

    def turn(self, now_us: int) -> Turn | None:
        """A re-try, or the due read with the earliest deadline, or None while nothing is due."""
        first = None if self._missed or not self._doubted else self._retry()
        if first is None:
            first = self._earliest(now_us)
        if first is None:
            return None
        self._asked, job, nth = first, first.job, first.index
        return _new(Turn, (job, nth, first.due_us, nth + 1 == job.reads, 0, False))

    def _retry(self) -> _Slot | None:
        doubted = (meter for meter in self._doubted if meter not in self.paused)
        return next((self._cheapest(meter) for meter in doubted), None)

    def _earliest(self, now_us: int) -> _Slot | None:
        first = None
        for slot in self._slots:
            if slot.due_us > now_us or (self.paused and slot.job.meter in self.paused):
                continue
            if slot.job.work == "plate" and slot.put_off(now_us, self._alert_until_us):
                continue
            if first is None:
                first = slot
            else:
                # Of those that are due by the same tick the one goes first that had to wait the longest: an overloaded
                # line is shared alike.
                alert = self.alert(now_us)
                one, other = slot.deadline_us(alert), first.deadline_us(alert)
                first = slot if one < other or (one == other and slot.seen_us < first.seen_us) else first
        return first

    def idle_until_us(self, now_us: int) -> int | None:
        """When the next read falls due, if nothing is due now and nobody is paused: what is so after nearly every read,
        told without weighing anything."""
        if self.paused or not self._slots:
            return None
        next_us = self._slots[0].due_us
        for slot in self._slots:
            if slot.due_us < next_us:
                next_us = slot.due_us
        return next_us if next_us > now_us else None

    def done(self, turn: Turn, now_us: int) -> None:
        """The read was asked, whatever came of it: go on to the job's next read, or to its next tick."""
        slot = self._asked
        if slot is None or slot.job is not turn.job:
            slot = self._slot(turn.job)
        self._missed = bool(self._doubted) and self._doubted.pop(turn.job.meter, self) is None
        if turn.last:
            slot.advance(now_us, now_us < self._alert_until_us)
        else:
            slot.index = turn.nth + 1

    def left_out(self, turn: Turn, now_us: int) -> None:
        """The read was not asked: go on likewise. What is flat out takes a breath, or nothing else would ever run."""
        slot = self._slot(turn.job)
        if turn.last:
            slot.advance(now_us, self.alert(now_us), _FLAT_OUT_US)
        else:
            slot.index = turn.nth + 1

    def attend(self, meter: str, now_us: int, until_us: int) -> None:
        """Give this meter the line's attention until then, or for longer if it has it already."""
        self._alert_until_us = max(self._alert_until_us, until_us)
        for slot in self._slots:
            if slot.job.meter == meter and slot.job.work == "watch":
                if not slot.until_us:
                    slot.due_us = min(slot.due_us, now_us + slot.job.hurry_us)
                slot.until_us = max(slot.until_us, until_us)

    def hasten(self, meter: str, at_us: int, work: Work = "log") -> None:
        """By then it is worth reading what this meter latches, or who it is. The watches keep their priority."""
        for slot in self._slots:
            if slot.job.meter == meter and slot.job.work == work:
                slot.soon_us = at_us
                if not slot.index and at_us < slot.due_us:
                    slot.due_us, slot.first = at_us, True

    def alert(self, now_us: int) -> bool:
        """Whether some meter has the line's attention."""
        return now_us < self._alert_until_us

    def resume(self, meter: str, now_us: int) -> None:
        """A meter is back: everything of it is due at once."""
        self.paused.pop(meter, None)
        for slot in self._slots:
            if slot.job.meter == meter:
                slot.index, slot.due_us, slot.first, slot.latest_us = 0, now_us, True, 0

    def replace(self, meter: str, jobs: Sequence[Job], now_us: int) -> None:
        """A meter has other reads from now on; all of them are due at once."""
        self._doubted.pop(meter, None)
        self._asked, self._slots = None, [slot for slot in self._slots if slot.job.meter != meter]
        self._slots += [_Slot(job, now_us, job.period_us) for job in jobs if job.reads]

    def retry(self, meter: str, now_us: int) -> None:
        """A meter is in doubt: its watch, or whatever it has, is due at once. Its full set waits for its tick."""
        self._again(meter, now_us)
        self._doubted[meter] = None
        self._missed = True

    def probe(self, meter: str, now_us: int, wait_us: int, *, hurried: bool) -> Turn:
        """The first read of a paused meter, out of turn. It is the last one now in the round of probes; ticks that pass
        while it is silent are not missed."""
        self.paused[meter] = self.paused.pop(meter)
        slot = self._again(meter, now_us)
        return Turn(slot.job, 0, now_us, slot.job.reads == 1, wait_us, hurried)

    def next_due_us(self) -> int | None:
        """When the next read of a living meter falls due; None if there is none."""
        if not self.paused:
            return min([slot.due_us for slot in self._slots], default=None)
        return min((slot.due_us for slot in self._slots if slot.job.meter not in self.paused), default=None)

    def missed(self, meter: str) -> int:
        """Ticks of this meter that were never served since the start."""
        return sum(slot.missed for slot in self._slots if slot.job.meter == meter)

    def pace(self, meter: str, period_us: int) -> None:
        """Watch this meter at another pace, from its next tick on."""
        for slot in self._slots:
            if slot.job.meter == meter and slot.job.work == "watch":
                slot.period_us = period_us

    def _again(self, meter: str, now_us: int) -> _Slot:
        slot = self._cheapest(meter)
        slot.index, slot.due_us = 0, now_us
        return slot

    def _cheapest(self, meter: str) -> _Slot:
        """A meter's watch, or whatever it has."""
        return next(slot for slot in self._slots if slot.job.meter == meter)

    def _slot(self, job: Job) -> _Slot:
        for slot in self._slots:
            if slot.job is job:
                return slot
        raise LookupError(f"{job} is not on this line")
