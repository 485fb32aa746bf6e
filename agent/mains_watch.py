"""The gateway's own supply, second by second: what is lost is told at once, as a last gasp, and then polling goes on.

    state    the supply says lost          it says there       nothing (it cannot be asked)
    ------   ---------------------------   -----------------   ----------------------------
    there    mains_loss opens, and all     -                   -
             that waits is stored
    lost     -                             mains_loss closes   - (it stays open)

While it is lost a sign of life is stored every few seconds: how long the gateway lasted is known by it.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from agent.clock import Clock
from agent.detect.tracking import Bounds
from agent.mains import Mains
from agent.outage import Sign
from agent.records import Event

log = logging.getLogger("lamplighter.mains")

# What the journal keeps the last sign under: no meter can have this name.
KEPT = ":alive"
_EVERY_S = 1.0
# Every 15 s it is looked whether anything was stored meanwhile; a sign that must be left is durable 30 s later.
_QUIET_US, _QUIET_WITHIN_US = 15_000_000, 65_000_000
# On battery: stored at once.
_GASP_US, _GASP_WITHIN_US = 5_000_000, 7_000_000
_RESUMED = "the agent restarted inside it: times across the restart rest on the wall clock"


class Keeps(Protocol):
    """What is needed of the journal."""

    @property
    def head(self) -> int: ...

    def commit_now(self) -> None: ...

    def keep(self, name: str, text: str) -> object: ...


class MainsWatch:
    """tell: takes an event; hold_fast: makes readings of what was read so far; blank: an event of the whole gateway of
    the kind ``mains_loss``, with an id and nothing else that is new; age_us: how old the source's word may be."""

    def __init__(
        self, clock: Clock, journal: Keeps, tell: Callable[[Event], object], blank: Callable[[], Event], *,
        boot_id: str, hold_fast: Callable[[], None], age_us: int = 0,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._journal = journal
        self._tell = tell
        self._blank = blank
        self._boot_id = boot_id
        self._hold_fast = hold_fast
        self._age_us = age_us
        self._there_us: int | None = None  # asked then, it was there
        self._lost_us: int | None = None  # asked then, it was lost
        self._lost_wall_us: int | None = None  # likewise, of another run
        self._open: Event | None = None
        self._began: Bounds | None = None
        self._resumed = False
        self._back_us: int | None = None
        self._head = -1
        self._sign_us: int | None = None

    @property
    def lost_since(self) -> Bounds | None:
        """Boot clock; None while the supply is there, or nobody knows."""
        return self._began

    @property
    def event(self) -> Event | None:
        """The open one."""
        return self._open

    def resume(self, event: Event, sign: Sign | None) -> None:
        """Another run left it open. sign: its last; one of those on battery says that it was still lost then."""
        self._open, self._resumed = event, True
        gasped = sign is not None and sign.within_us == _GASP_WITHIN_US
        self._lost_wall_us = max(event.start_us, sign.at_us) if sign is not None and gasped else event.start_us
        self._place(event)

    def looked(self, lost: bool | None, asked_us: int) -> None:
        """What the source said when it was asked at asked_us, boot clock."""
        if lost is None:
            return
        seen_us = asked_us - self._age_us
        if lost:
            if self._open is None:
                self._fails(seen_us)
            self._lost_us, self._back_us, self._lost_wall_us = seen_us, None, None
            return
        self._there_us = seen_us
        if self._open is not None:
            self._back_us = self._clock.boot_us() if self._back_us is None else self._back_us
            # Where the clock is still to be set, nobody can tell how long it lasted.
            if not self._resumed or self._clock.state.synced is not False:
                self._returns(self._open, self._back_us)

    def sign(self) -> None:
        """Once a second: leave a sign of life where it is time for one."""
        now_us, head = self._clock.boot_us(), self._journal.head
        gasps = self._open is not None
        since_us = None if self._sign_us is None else now_us - self._sign_us
        if since_us is not None and since_us < (_GASP_US if gasps else _QUIET_US):
            return
        # While readings are stored they are sign enough; the first one is stored in any case: it names this boot.
        if since_us is None or gasps or head == self._head:
            self._leave_sign(_GASP_WITHIN_US if gasps else _QUIET_WITHIN_US, at_once=gasps or since_us is None)
        self._sign_us, self._head = now_us, head

    def _leave_sign(self, within_us: int, *, at_once: bool) -> None:
        sign = Sign(self._clock.wall_us(), within_us, self._boot_id, self._clock.state)
        self._journal.keep(KEPT, sign.text())
        if at_once:
            self._journal.commit_now()

    def _fails(self, seen_us: int) -> None:
        now_us, wall_us = self._clock.boot_us(), self._clock.wall_us
        there_us = self._there_us
        self._began = Bounds(seen_us if there_us is None else there_us, now_us)
        event = replace(
            self._blank(),
            revision=1,
            state="open",
            reported_us=wall_us(now_us),
            start_us=wall_us(now_us),
            start_earliest_us=wall_us(self._began.earliest_us),
            open_at_start=there_us is None,
            evidence=("the gateway's own supply is lost: it goes on as long as its battery lasts",),
            clock=self._clock.state,
        )
        self._hold_fast()
        self._say(event)
        self._sign_us = now_us
        self._leave_sign(_GASP_WITHIN_US, at_once=True)

    def _place(self, event: Event) -> None:
        """What another run saw, on the boot clock, by the wall clock as it is now."""
        at_us = self._clock.from_wall_us
        self._began = Bounds(at_us(event.start_earliest_us), at_us(event.start_us))
        if self._lost_wall_us is not None:
            self._lost_us = at_us(self._lost_wall_us)

    def _returns(self, event: Event, back_us: int) -> None:
        slack_s = 0.0
        if self._resumed:
            self._place(event)
            slack_s = (self._clock.state.uncertainty_s or 0.0) + (event.clock.uncertainty_s or 0.0)
        began = self._began or Bounds(back_us, back_us)
        lost_us = min(back_us, max(began.earliest_us, self._lost_us or 0))
        self._say(
            replace(
                event,
                revision=event.revision + 1,
                state="closed",
                reported_us=self._clock.wall_us(),
                end_us=self._clock.wall_us(back_us),
                end_earliest_us=self._clock.wall_us(lost_us),
                duration_min_s=max(0.0, (lost_us - began.latest_us) / 1e6 - slack_s),
                duration_max_s=max(0.0, (back_us - began.earliest_us) / 1e6 + slack_s),
                evidence=(*event.evidence, _RESUMED) if self._resumed else event.evidence,
            )
        )
        self._open = self._began = self._back_us = None
        self._resumed = False
        self._leave_sign(_QUIET_WITHIN_US, at_once=True)

    def _say(self, event: Event) -> None:
        self._open = event
        log.info("event.%s id=%s kind=%s scope=gateway", event.state, event.id, event.kind)
        self._tell(event)


async def watch_mains(mains: Mains, watch: MainsWatch, clock: Clock) -> None:
    """Ask once a second, for ever. Trouble is said once."""
    said = ""
    try:
        while True:
            asked_us = clock.boot_us()
            watch.looked(await mains.lost(), asked_us)
            if mains.trouble != said:
                said = mains.trouble
                log.log(logging.WARNING if said else logging.INFO, "mains.%s %s", "unknown" if said else "known", said)
            await asyncio.sleep(max(0.0, _EVERY_S - (clock.boot_us() - asked_us) / 1e6))
    finally:
        await mains.close()
