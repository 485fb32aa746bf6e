"""A sink that only hands can open again is an event, which the other sink tells of. Pure but for its log.

It is told at the two edges only, so that it cannot feed on itself: in the blocked sink it waits as any other event.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from agent.records import Event

log = logging.getLogger("lamplighter.sinks")


class SinkAlarm:
    """blank: a new event before its first revision; tell: takes revisions; now_us: UTC."""

    def __init__(self, blank: Callable[[], Event], tell: Callable[[Event], object], now_us: Callable[[], int]) -> None:
        self._blank = blank
        self._tell = tell
        self._now_us = now_us
        self._open: dict[str, Event] = {}

    def resume(self, left_open: Iterable[Event]) -> None:
        """Go on with what the run before left open: the first word on a sink closes it or leaves it."""
        for event in left_open:
            if event.kind == "sink_blocked" and event.evidence:
                self._open[event.evidence[0].partition(":")[0]] = event

    def look(self, blocked: Mapping[str, str | None]) -> None:
        """blocked: by sink, why; empty where it works, None where nothing is known yet."""
        for sink, why in blocked.items():
            event = self._open.get(sink)
            if why and event is None:
                self._opened(sink, why)
            elif event is not None and why is not None and not why:
                self._closed(sink, event)
        for sink in [sink for sink in self._open if sink not in blocked]:
            self._closed(sink, self._open[sink])

    def _opened(self, sink: str, why: str) -> None:
        log.warning("sink.blocked sink=%s: %s", sink, why)
        event = replace(self._blank(), revision=1, evidence=(f"{sink}: {why}",))
        self._open[sink] = event
        self._tell(event)

    def _closed(self, sink: str, event: Event) -> None:
        log.info("sink.unblocked sink=%s", sink)
        now_us = self._now_us()
        del self._open[sink]
        over: dict[str, Any] = {"revision": event.revision + 1, "state": "closed", "reported_us": now_us}
        self._tell(replace(event, **over, end_us=now_us, end_earliest_us=event.reported_us))
