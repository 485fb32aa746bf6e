"""How every meter stands now. Written by the pipelines, read by the sinks and the local socket."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

from agent.records import MeterStatus, Reading


class Board:
    """The latest reading of each meter, and where to ask for its status.

    changed: set whenever a status differs from before in more than `last_good`; who waits on it clears it.
    altered: the same for whoever tells the database
    shown:   what is made of a status before anybody sees it: what the desk knows beside its meter
    """

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.altered = asyncio.Event()
        self.shown: Callable[[MeterStatus], MeterStatus] = lambda status: status
        self._readings: dict[str, Reading] = {}
        self._sources: list[Callable[[], MeterStatus]] = []

    def add(self, source: Callable[[], MeterStatus]) -> None:
        self._sources.append(source)

    def change(self) -> None:
        """A status differs from before."""
        self.changed.set()
        self.altered.set()

    def each(self) -> Iterator[MeterStatus]:
        """One by one: each is worked out when it is asked for."""
        return (self.shown(source()) for source in self._sources)

    def statuses(self) -> tuple[MeterStatus, ...]:
        return tuple(self.each())

    @property
    def readings(self) -> Mapping[str, Reading]:
        return self._readings

    def put_reading(self, reading: Reading) -> None:
        self._readings[reading.meter] = reading
