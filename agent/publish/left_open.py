"""Events and incidents that stand open in the database, and that the journal does not know: nobody would ever end them.

A journal that is lost, or was damaged beyond what could be salvaged, takes with it what it knew of them. A database
that may be read tells which they are. Each is told once more, closed: what was seen stays true, its end is not known.
That goes through the journal as any other revision, so that the broker's consumers have it as well.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from agent.detect.ending import abandoned
from agent.journal.lives import SKIPPED
from agent.journal.reader import Reader
from agent.publish.influx_rules import Answer
from agent.publish.point_values import Point, StrangePointError, shown
from agent.publish.points import is_cut, open_event, open_incident, points
from agent.records import Event, Incident

log = logging.getLogger(__name__)

Told = TypeVar("Told", Event, Incident)
Answered = TypeVar("Answered")

_EVERY_S = 60.0
# Of an answer 64 KiB are read (`bounded`). An event takes some 1.5 kB, an incident of 200 meters 20 kB; where they take
# more, fewer are asked for at once.
_EVENTS_PAGE = 20
_INCIDENTS_PAGE = 2
# Of a database that has no end, or that always gives the same page.
_MOST = 2000
_INCIDENTS_KNOWN = 4096
_LOST = "the journal that knew more of it was lost: its end is not known"


class Journal(Protocol):
    """What is needed of it. epoch: names this run"""

    epoch: str

    async def look(self, question: Callable[[Reader], Answered]) -> Answered: ...
    async def event(self, id_: str) -> Event | None: ...
    async def incidents(self, *, limit: int) -> tuple[Incident, ...]: ...
    def add_event(self, event: Event) -> object: ...
    def add_incident(self, incident: Incident) -> object: ...


class LeftOpen:
    """Once a run. site, gateway: the tags of our points; wall_us: UTC."""

    def __init__(
        self, journal: Journal, ask: Callable[[str], Awaitable[Answer]], site: str, gateway: str,
        wall_us: Callable[[], int],
    ) -> None:  # fmt: skip
        self._journal = journal
        self._ask = ask
        self._gateway = gateway
        # Names are letters, digits, - and _: the site loader admits no others.
        self._where = f"\"site\" = '{site}' AND \"gateway\" = '{gateway}' AND \"state\" = 'open'"
        self._wall_us = wall_us
        self._trouble = ""
        self._said: set[str] = set()

    async def run(self) -> None:
        while not await self.look():  # noqa: ASYNC110 - a database has no event
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> bool:
        """Whether all is told that there was to tell. Not before a damaged journal gave what there is in it."""
        try:
            if (await self._journal.look(Reader.salvage))[0]:
                return False
            events = [one for one in await self._open("event", _EVENTS_PAGE, open_event) if await self._is_new(one)]
            known = {one.id for one in await self._journal.incidents(limit=_INCIDENTS_KNOWN)}
            incidents = await self._open("incident", _INCIDENTS_PAGE, open_incident)
        except (OSError, ValueError) as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                log.warning("influxdb.left_open_unknown: it could not be asked what is open in it: %s", error)
            return False
        for event in events:
            log.warning("influxdb.left_open id=%s kind=%s: the journal does not know it; closed", event.id, event.kind)
            self._journal.add_event(abandoned(_beyond(event), self._wall_us(), _LOST))
        for incident in (one for one in incidents if one.id not in known):
            log.warning("influxdb.left_open id=%s: the journal does not know it; closed", incident.id)
            over = replace(_beyond(incident), state="closed", reported_us=self._wall_us())
            self._journal.add_incident(replace(over, words=(*over.words, _LOST)))
        return True

    async def _is_new(self, event: Event) -> bool:
        return await self._journal.event(event.id) is None

    async def _open(self, measurement: str, page: int, understood: Callable[[Point], Told]) -> list[Told]:
        """Of the runs before this one."""
        found: dict[tuple[str, int, str | None], Told] = {}
        at = 0
        while at < _MOST:
            answer = await self._ask(self._question("*", measurement, page, at))
            if is_cut(answer):
                if page == 1:
                    self._too_long(measurement, at)
                    at += 1
                page = max(1, page // 2)
                continue
            told = points(answer)
            found |= {(one.id, one.start_us, one.feeder): one for one in self._understood(told, understood)}
            if len(told) < page:
                break
            at += page
        else:
            self._say(f"influxdb.left_open_more: over {_MOST} stand open as {measurement}; others at the next start")
        mine = f"{self._gateway}-{self._journal.epoch}-"
        return [one for one in found.values() if not one.id.startswith(mine)]

    def _question(self, what: str, measurement: str, page: int, at: int) -> str:
        return f'SELECT {what} FROM "{measurement}" WHERE {self._where} LIMIT {page} OFFSET {at}'  # noqa: S608

    def _too_long(self, measurement: str, at: int) -> None:
        """One point by itself is: nobody reads it, and the others are not held up by it."""
        which = self._question('"id"', measurement, 1, at)
        self._say(f"influxdb.left_open_strange: a point is longer than is read of an answer; close it by hand: {which}")

    def _understood(self, told: Sequence[Point], understood: Callable[[Point], Told]) -> Iterator[Told]:
        for point in told:
            try:
                yield understood(point)
            except StrangePointError as error:
                id_ = shown(point.get("id"))
                self._say(f"influxdb.left_open_strange id={id_}: {error}; close it there by hand")

    def _say(self, words: str) -> None:
        """Once a run, however often it is looked."""
        if words not in self._said:
            self._said.add(words)
            log.warning("%s", words)


def _beyond(told: Told) -> Told:
    """So that the closed revision is above whatever was said and lost."""
    return replace(told, revision=told.revision + SKIPPED)
