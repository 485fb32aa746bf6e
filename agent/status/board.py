"""How every meter stands now. Written by the pipelines, read by the sinks and the local socket."""

import asyncio
from collections.abc import Callable, Mapping

from agent.records import MeterStatus, Reading


class Board:
    """The latest reading of each meter, and where to ask for its status.

    changed: set whenever a status differs from before in more than `last_good`; who waits on it clears it.
    shown:   what is made of a status before anybody sees it: what the desk knows beside its meter
    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.shown: Callable[[MeterStatus], MeterStatus] = lambda status: status
        self._readings: dict[str, Reading] = {}
        self._sources: list[Callable[[], MeterStatus]] = []

    def add(self, source: Callable[[], MeterStatus]) -> None:
        self._sources.append(source)

    def statuses(self) -> tuple[MeterStatus, ...]:
        return tuple(self.shown(source()) for source in self._sources)

    @property
    def readings(self) -> Mapping[str, Reading]:
        return self._readings

    def put_reading(self, reading: Reading) -> None:
        self._readings[reading.meter] = reading
