"""What only hands can put right is an event of the gateway, told at its two edges. Pure but for its log.

It is told at the edges only, so that it cannot feed on itself: in a blocked sink it waits as any other event.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.records import Event, Kind

log = logging.getLogger("lamplighter.alarm")


@dataclass(slots=True)
class Alarm:
    """One kind of trouble, at several places: sinks, files, whatever it concerns.

    blank: a new event before its first revision; tell: takes revisions; now_us: UTC; revises: other words for the same
    trouble are a revision
    """

    kind: Kind
    blank: Callable[[], Event]
    tell: Callable[[Event], object]
    now_us: Callable[[], int]
    revises: bool = False
    _open: dict[str, Event] = field(default_factory=dict)

    @property
    def standing(self) -> tuple[Event, ...]:
        """What is open."""
        return tuple(self._open.values())

    def resume(self, left_open: Iterable[Event]) -> None:
        """Go on with what the run before left open: the first word on a place closes it or leaves it."""
        for event in left_open:
            if event.kind == self.kind and event.evidence:
                self._open[event.evidence[0].partition(": ")[0]] = event

    def look(self, told: Mapping[str, str | None]) -> None:
        """told: by place, why; empty where all is well, None where nothing is known yet."""
        for place, why in told.items():
            event = self._open.get(place)
            if why and event is None:
                self._begins(place, why)
            elif event is not None and why:
                self._goes_on(place, why, event)
            elif event is not None and why is not None:
                self._ends(place, event)
        for place in [place for place in self._open if place not in told]:
            self._ends(place, self._open[place])

    def _begins(self, place: str, why: str) -> None:
        log.warning("alarm.begun kind=%s at=%s: %s", self.kind, place, why)
        event = replace(self.blank(), revision=1, evidence=(f"{place}: {why}",))
        self._open[place] = event
        self.tell(event)

    def _goes_on(self, place: str, why: str, event: Event) -> None:
        if self.revises and event.evidence != (f"{place}: {why}",):
            log.warning("alarm.goes_on kind=%s at=%s: %s", self.kind, place, why)
            said: dict[str, Any] = {"revision": event.revision + 1, "reported_us": self.now_us()}
            self._open[place] = replace(event, **said, evidence=(f"{place}: {why}",))
            self.tell(self._open[place])

    def _ends(self, place: str, event: Event) -> None:
        log.info("alarm.over kind=%s at=%s", self.kind, place)
        now_us = self.now_us()
        del self._open[place]
        over: dict[str, Any] = {"revision": event.revision + 1, "state": "closed", "reported_us": now_us}
        self.tell(replace(event, **over, end_us=now_us, end_earliest_us=event.reported_us))
