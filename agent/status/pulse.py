"""What the agent does once a second: its clocks, its alarms, and a pat for the watchdog while its work gets on."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from agent.journal.place import Place
from agent.journal.starts import Rest
from agent.records import Kind
from agent.status.alarm import Alarm
from agent.status.notify import Notify
from agent.status.vigil import Commits, Vigil

if TYPE_CHECKING:
    from agent.app import App

log = logging.getLogger("lamplighter.agent")

# What grows worse in steps, each of which is told.
GROWS_WORSE: tuple[Kind, ...] = ("certificate_expiry", "card_worn")
# By kind of event: asked once a second, by place why somebody has to act; see `Alarm.look`.
Troubles = Mapping[Kind, Callable[[], Mapping[str, str | None]]]


class Pulse:
    """Of one run. place: where its journal lives"""

    def __init__(self, app: "App", notify: Notify, place: Place, troubles: Troubles) -> None:
        self._app = app
        self._notify = notify
        self._place = place
        self._troubles = troubles
        self._vigil = Vigil()
        self._stuck: tuple[str, ...] = ()
        self._rest = Rest(app.site.state_dir, place, app.clock.boot_us())
        app.alarms = {
            kind: Alarm(
                kind, partial(app.gateway.alarm, kind), app.desk.add_event, app.clock.wall_us, kind in GROWS_WORSE
            )
            for kind in troubles
        }
        for alarm in app.alarms.values():
            alarm.resume(app.journal.open_events())

    @property
    def status(self) -> str:
        """The line that the service manager shows."""
        site = self._app.site
        alarms = (event.evidence[0] for alarm in self._app.alarms.values() for event in alarm.standing)
        return "; ".join((f"{len(site.meters)} meters on {len(site.lines)} lines", *alarms))

    async def run(self) -> None:
        app = self._app
        while True:
            app.clock.tick()
            if still_us := app.stalls.turn(app.clock.boot_us(), app.clock.suspended_us):
                log.warning("agent.stalled for_s=%.1f", still_us / 1e6)
            app.times.tick()
            await app.times.tell_again()
            app.gateway.tick()
            app.desk.tick()
            app.intervals.tick(app.clock.wall_us())
            await app.history.tick()
            for poller in app.pollers.values():
                poller.tick()
            self.look()
            await asyncio.sleep(1.0)

    def look(self) -> None:
        """Alarms and the watchdog."""
        for kind, trouble in self._troubles.items():
            self._app.alarms[kind].look(trouble())
        self._notify.status(self.status)
        now_us = self._app.clock.boot_us()
        self._feed(now_us)
        if not self._place.why:
            self._rest.look(now_us)

    def _feed(self, now_us: int) -> None:
        journal = self._app.journal
        first = journal.stored_below if journal.stored_below < journal.head else None
        rounds_us = {name: poller.last_round_us for name, poller in self._app.pollers.items()}
        stuck = self._vigil.stuck(now_us, rounds_us, Commits(first, journal.error, self._place.on_disk))
        for words in stuck:
            if words not in self._stuck:
                log.error("watchdog.hungry %s", words)
        self._stuck = stuck
        if not stuck:
            self._notify.alive()
