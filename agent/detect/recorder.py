"""When a trace begins, what of the ring it takes, and when it ends. Pure.

A trace shows the samples from 5 s before the first event to 10 s after the last one that shares it: events inside each
other do, and one whose own 5 s before begin within those 10 s. So no sample stands in two traces; and a trace is
complete when the 15 s are over. While an event lasts:

    its first minute   every sample. Sags and short interruptions are over by then, and so are reclosers
    then               nothing: readings with mean, min and max of every second are kept and sent anyway
    its end            every sample again, from 5 s before it

An event that turns out to be another kind goes on: an undervoltage that took a sag over ends the trace of that sag.

It leaves in parts: the 5 s before at once, with the event (the supply of the gateway may be the next to go), then
what has come in 10 s, or 300 samples, whichever is first. So a kill takes at most the last 10 s, and what the journal
has not committed, about 1 s more. Decimation of the middle was rejected: a second, worse copy of those readings.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agent.detect.ring import ROWS, Ring
from agent.records import Closing, Event, Kind, Trace
from agent.trace_rows import AFTER_US, BEFORE_US, span_us

TRACED: frozenset[Kind] = frozenset(("sag", "swell", "supply_loss", "phase_loss", "undervoltage", "overvoltage"))
FULL_US = 60_000_000
PART_US = 10_000_000
# The ring must not come round to samples that are not taken yet.
_PART_ROWS = ROWS - 20
# A contact may chatter for hours: 10 min at 20 Hz at once, and again as much in an hour. Beyond that traces are cut.
ALLOWANCE_ROWS = 12_000
_REFILL_US = 3_600_000_000 / ALLOWANCE_ROWS
# For the rest of a trace, all of which the ring still holds 5 s later.
_LAST_US = 1_000_000


class WallClock(Protocol):
    def wall_us(self, at_boot_us: int) -> int: ...


@dataclass(slots=True)
class _Run:
    """A trace in the making. Instants of the boot clock.

    head:       the trace as its next part begins
    full_us:    until then every sample is taken
    taken_us:   up to here they have left
    flushed_us: when the last part left; waiting: samples since then
    calm_us:    end of its last event, None while one goes on
    """

    head: Trace
    full_us: int
    taken_us: int
    flushed_us: int
    waiting: int = 0
    calm_us: int | None = None


class Recorder:
    """The ring of one meter, and the trace it is in. Whatever returns parts wants them kept, in order.

    add(at_us, mark, row): a reply of at_us, one value per column; to be called before what it changes is told.
    lost(at_us): a request that had no answer by at_us.
    """

    def __init__(self, meter: str, columns: tuple[str, ...], clock: WallClock) -> None:
        self._blank = Trace("", (), meter, "sag", 0, 1, columns, b"", 0)
        self._clock = clock
        self._ring = Ring(len(columns))
        self.add, self.lost = self._ring.add, self._ring.lost
        self._open: set[str] = set()
        self._run: _Run | None = None
        self._allowance = float(ALLOWANCE_ROWS)
        self._allowed_us = 0

    @property
    def recording(self) -> bool:
        """Samples may have to leave. Not in the silent middle of a long event: it may last for days."""
        run = self._run
        return run is not None and (run.calm_us is not None or run.taken_us < run.full_us)

    @property
    def size_bytes(self) -> int:
        return self._ring.size_bytes

    def told(self, events: Iterable[Event], at_us: int) -> tuple[Trace, ...]:
        """Revisions that the sample of at_us made."""
        traced = [event for event in events if event.kind in TRACED]
        began = [event for event in traced if event.state == "open" and event.id not in self._open]
        # What takes the place of an event is no news: its first minute is that of the one it took over.
        goes_on = bool(began) and all(not self._open.isdisjoint(event.supersedes) for event in began)
        self._open.update(event.id for event in began)
        self._open.difference_update(event.id for event in traced if event.state != "open")
        if not began and self._run is None:
            return ()
        self._ring.settle()
        parts = self._begun(began, at_us, goes_on=goes_on) if began else ()
        self._calm(at_us)
        if self._run is not None:
            self._ring.widen()
        return parts

    def due(self, at_us: int) -> tuple[Trace, ...]:
        """What has to leave now that a sample, or its loss, was added at at_us. Call it while `recording`."""
        run = self._run
        if run is None:
            return ()
        run.waiting += 1
        if run.calm_us is not None and at_us >= run.calm_us + AFTER_US - _LAST_US:
            return self._ending(run, run.calm_us + AFTER_US, at_us)
        if at_us - run.flushed_us >= PART_US or run.waiting >= _PART_ROWS:
            return self._part(run, at_us)
        return ()

    def stop(self, at_us: int) -> tuple[Trace, ...]:
        """The agent stops: what there is leaves. A trace whose event goes on is taken up by the next run."""
        run = self._run
        if run is None or run.calm_us is None:
            return () if run is None else self._part(run, at_us)
        return self._part(run, at_us, "cut" if at_us < run.calm_us + AFTER_US else "complete")

    def resume(self, events: Collection[Event], kept: Collection[Trace], at_us: int) -> None:
        """Go on inside the events that another run left open. kept: what the journal has of their traces."""
        mine = sorted((event for event in events if event.kind in TRACED), key=lambda event: event.start_us)
        if not mine:
            return
        self._open = {event.id for event in mine}
        ours = {trace.event for trace in kept if not self._open.isdisjoint((trace.event, *trace.also))}
        last = max((trace for trace in kept if trace.event in ours), key=span_us, default=None)
        head = self._first(mine[0]) if last is None else replace(last, part=last.part + 1, rows=b"", closing="")
        others = tuple(event.id for event in mine if event.id != head.event)
        full_us = at_us - self._clock.wall_us(at_us) + mine[0].start_us + FULL_US
        self._ring.widen()
        self._run = _Run(replace(head, also=others, follows="restart"), full_us, at_us, at_us)

    def _first(self, event: Event) -> Trace:
        return replace(self._blank, event=event.id, kind=event.kind, start_us=event.start_us)

    def _begun(self, began: Sequence[Event], at_us: int, *, goes_on: bool) -> tuple[Trace, ...]:
        ids = tuple(event.id for event in began)
        run = self._run
        if run is not None:
            run.head = replace(run.head, also=(*run.head.also, *ids))
            if not goes_on:
                self._go_on(run, at_us, at_us + FULL_US)
            return ()
        if self._allowed(at_us) < ROWS:
            return ()
        head = replace(self._first(began[0]), also=ids[1:])
        run = self._run = _Run(head, at_us + FULL_US, at_us - BEFORE_US - 1, at_us)
        return self._part(run, at_us)

    def _calm(self, at_us: int) -> None:
        """See whether an event goes on."""
        run = self._run
        if run is None:
            return
        if self._open:
            run.calm_us = None
        elif run.calm_us is None:
            run.calm_us = at_us
            self._go_on(run, at_us, at_us + AFTER_US)

    def _go_on(self, run: _Run, at_us: int, full_us: int) -> None:
        """Something begins or ends: every sample counts, after a silent middle from 5 s before it."""
        resume_us = at_us - BEFORE_US - 1
        if run.taken_us >= run.full_us and resume_us > run.taken_us:
            run.taken_us = resume_us
            run.head = replace(run.head, follows=run.head.follows or "omission")
        run.full_us, run.waiting = full_us, self._ring.count(run.taken_us)

    def _part(self, run: _Run, at_us: int, closing: Closing = "") -> tuple[Trace, ...]:
        until_us = min(at_us, run.full_us)
        rows = self._ring.rows(run.taken_us, until_us)
        run.taken_us = until_us
        run.flushed_us, run.waiting = at_us, 0
        if not rows:
            return ()
        self._allowance = self._allowed(at_us) - len(rows) / self._ring.row_bytes
        if not closing and self._allowance <= 0:
            closing = "cut"
        part = replace(run.head, rows=rows, offset_us=self._clock.wall_us(0), closing=closing)
        run.head = replace(run.head, part=part.part + 1, follows="", also=())
        if closing:
            self._run = None
            self._ring.narrow()
        return (part,)

    def _ending(self, run: _Run, until_us: int, at_us: int) -> tuple[Trace, ...]:
        """The last second stays until no event can share the trace any more."""
        if at_us >= until_us + BEFORE_US:
            return self._last(run, at_us)
        if run.flushed_us < until_us - _LAST_US and at_us <= until_us:
            return self._part(run, at_us)
        return ()

    def _last(self, run: _Run, at_us: int) -> tuple[Trace, ...]:
        """A meter that is read every 20 s has none within the 10 s: then the one that followed."""
        parts = self._part(run, at_us, "complete")
        run.full_us = at_us
        return parts or self._part(run, at_us, "complete")

    def _allowed(self, at_us: int) -> float:
        """How many samples may leave by now."""
        grown = self._allowance + max(0, at_us - self._allowed_us) / _REFILL_US
        self._allowance, self._allowed_us = min(float(ALLOWANCE_ROWS), grown), at_us
        return self._allowance
