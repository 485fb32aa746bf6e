"""Joins the clock with what was told by it: remembers its guesses and anchors, puts right what was told by a guess,
holds it back from databases until then, and says when the wall clock was stepped.

    resume() -> tick() once a second -> at an anchor: rows shifted, windows moved, a `clock_step`, events told once more
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from agent.clock import NOT_SET, Clock, rfc3339
from agent.clock_discipline import STEP_US, Anchor, Move
from agent.clock_door import REMEMBERED, TimeDoor
from agent.clock_memory import KEPT, Memory, describes, shifts_of, signed, understood
from agent.journal.shifts import KEPT as SHIFTS
from agent.journal.shifts import Shift
from agent.keeps import Keeps
from agent.mains_watch import KEPT as ALIVE
from agent.outage import sign_of
from agent.records import Event, Incident

log = logging.getLogger("lamplighter.clock")

# After so long rows go out with the guess.
TIME_HOLD_US = 24 * 3_600_000_000
# Rows that were on their way to a sink at the anchor were taken from the journal as they were told.
_SETTLE_US = 2_000_000
_JUMP_US = 3_600_000_000
# From the last that is told of a run to its end, where it was stopped in order.
_STOPS_US = 15_000_000
# Told once more in one go, once a second.
_SLICE = 50
_STORING = "the clock was set a moment ago; what rows are off by is being stored"
_JUMPED = "more than an hour, while its source said synchronised: one of them was wrong"


class Moves(Protocol):
    """What is needed of a pipeline."""

    def clock_moved(self, by_us: int) -> object: ...


class Ledger(Keeps, Protocol):
    """What is needed of the journal."""

    @property
    def head(self) -> int: ...

    last_us: int | None
    left_clean: bool

    def kept(self, name: str) -> str | None: ...

    def is_kept(self, name: str) -> bool: ...

    def commit_now(self) -> object: ...

    def shift(self, shifts: Iterable[Shift]) -> object: ...

    def events(self, *, limit: int) -> Awaitable[tuple[Event, ...]]: ...

    def incidents(self, *, limit: int) -> Awaitable[tuple[Incident, ...]]: ...


class ClockKeeper:
    """pipelines: of all meters, whoever is among them at the time; door: all that is told goes through it; step_event:
    makes a `clock_step` that is still to say what happened."""

    def __init__(self, clock: Clock, journal: Ledger, pipelines: Mapping[str, Moves]) -> None:
        self._clock = clock
        self._journal = journal
        self._pipelines = pipelines
        self.door = TimeDoor(journal, clock)
        self._memory = Memory()
        self._text = ""
        self._anchored_us: int | None = None
        self._told: list[Event | Incident] | None = None
        self.step_event: Callable[[], Event] | None = None

    async def resume(self) -> None:
        """Before anything is told. Goes on with the guess, or the anchor, of an earlier run of this boot."""
        clock, last_us = self._clock, self._journal.last_us
        self._text = self._journal.kept(KEPT) or ""
        memory = understood(self._text)
        same = bool(clock.boot_id) and memory.boot == clock.boot_id
        if not same:
            memory = memory.after_boot(clock.boot_id, last_us)
        floor_us = last_us or 0
        if clock.boot_id and not same:
            floor_us = self._over_us() + clock.boot_us()
        clock.resume(floor_us, memory.guess_us, memory.anchor, doubt=bool(memory.earlier))
        if last_us is not None and clock.wall_us() <= last_us:
            memory = replace(memory, turn=memory.turn + 1)
        self._memory = memory
        self._note()
        if clock.guess:
            for told in await self._youngest():
                self.door.remember(told)

    def _over_us(self) -> int:
        """UTC by which the run before was over. This boot begins later, also by a guess: instants of both do not lie
        among each other."""
        sign = sign_of(self._journal.kept(ALIVE), self._journal.last_us)
        return 0 if sign is None else sign.at_us + (_STOPS_US if self._journal.left_clean else sign.within_us) + 1

    async def _youngest(self) -> list[Event | Incident]:
        """What may be told again, in order."""
        found: list[Event | Incident] = [*await self._journal.events(limit=REMEMBERED)]
        found += await self._journal.incidents(limit=REMEMBERED)
        return sorted(found, key=lambda told: told.reported_us)[-REMEMBERED:]

    def _note(self) -> None:
        """What has changed is stored before a row is told by it."""
        clock, memory = self._clock, self._memory
        if clock.guess and memory.guess_us is None:
            memory = replace(memory, guess_us=clock.offset_us, seq_lo=self._journal.head, since_us=clock.boot_us())
            log.warning("clock.guessed time=%s source=unsynchronised", rfc3339(clock.wall_us()))
        if memory.anchor != clock.anchor and not clock.guess:
            memory = replace(memory, anchor=clock.anchor)
        self._remember(memory)

    def _remember(self, memory: Memory) -> None:
        self._memory = memory
        self.door.turn = memory.turn
        text = memory.text()
        if text != self._text:
            self._text = text
            self._journal.keep(KEPT, text)
            self._journal.commit_now()

    def waits(self) -> str | None:
        """Why rows must not go into a database yet."""
        if self._clock.trusted:
            return None
        if self._anchored_us is not None and self._clock.boot_us() - self._anchored_us < _SETTLE_US:
            return _STORING
        if not (self._journal.is_kept(SHIFTS) and self._journal.is_kept(KEPT)):
            return _STORING
        waiting = self._clock.guess or self._memory.earlier
        return NOT_SET if waiting and not self._memory.frozen else None

    def tick(self) -> None:
        """Once a second, after the clock's."""
        for move in self._clock.moves():
            if move.anchor is not None:
                self._anchored(move, move.anchor)
            else:
                self._stepped(move)
        self._note()
        if (self._clock.guess or self._memory.earlier) and not self._memory.frozen:
            self._let_go()

    def _let_go(self) -> None:
        memory, clock = self._memory, self._clock
        age_us = 0 if memory.guess_us is None else clock.boot_us() - memory.since_us
        # A source that has come is waited for: the anchor is seconds away.
        if memory.held_us(age_us) > TIME_HOLD_US and clock.source.state().synced is not True:
            log.warning("clock.hold_over held_h=%.1f", memory.held_us(age_us) / 3.6e9)
            self._remember(memory.set_free())

    def _anchored(self, move: Move, anchor: Anchor) -> None:
        memory = self._memory
        self._anchored_us = move.at_boot_us
        log.info("clock.anchored by=%s err_s=%.3g", signed(move.by_us), anchor.err_us / 1e6)
        if memory.frozen:
            self.door.forget()
            turn = memory.turn + (move.by_us < 0)
        else:
            shifts, turn = shifts_of(memory, anchor, self._journal.head - 1), memory.turn
            if shifts:
                self._journal.shift(shifts)
                self.door.anchored(shifts, describes(shifts))
        self._remember(Memory(boot=memory.boot, anchor=anchor, turn=turn))
        self._tell_step(move, "told before it was set: corrected" if not memory.frozen else "what was told stays")

    def _stepped(self, move: Move) -> None:
        memory = self._memory
        self._remember(replace(memory, turn=memory.turn + (move.by_us < 0)))
        words = _JUMPED if move.synced and abs(move.by_us) > _JUMP_US else "rows before it keep their times"
        self._tell_step(move, words)

    def _tell_step(self, move: Move, words: str) -> None:
        for pipeline in self._pipelines.values():
            pipeline.clock_moved(move.by_us)
        if abs(move.by_us) <= STEP_US or self.step_event is None:
            return
        before, after = (move.at_boot_us + offset_us for offset_us in (move.from_offset_us, move.to_offset_us))
        log.warning("clock.step from=%s to=%s by=%s", rfc3339(before), rfc3339(after), signed(move.by_us))
        self.door.add_event(replace(
            self.step_event(), revision=1, state="closed", reported_us=after, start_us=after, start_earliest_us=after,
            end_us=after, end_earliest_us=after, duration_min_s=0.0, duration_max_s=0.0, clock=self._clock.state,
            evidence=(f"the wall clock went from {rfc3339(before)} to {rfc3339(after)}, {signed(move.by_us)}", words),
        ))  # fmt: skip

    async def tell_again(self) -> None:
        """Events that were told by a guess, a slice of them once more."""
        if not self.door.untold:
            self._told = None
            return
        if self._told is None:
            self._told = [told for told in await self._youngest() if told.id in self.door.untold]
        slice_, self._told = self._told[:_SLICE], self._told[_SLICE:]
        for told in slice_:
            self.door.tell_again(told)
