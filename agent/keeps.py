"""What those who make records need of the journal, or of who stands before it."""

from typing import Protocol

from agent.records import Event, Incident, Reading, Trace


class Keeps(Protocol):
    """What the pipeline needs of the journal."""

    def add_reading(self, reading: Reading) -> object: ...

    def add_event(self, event: Event) -> object: ...

    def add_incident(self, incident: Incident) -> object: ...

    def add_trace(self, trace: Trace) -> object: ...

    def keep(self, name: str, text: str) -> object: ...


# Under which the journal keeps what another run needs. No meter has a colon in its name.


def book_name(meter: str) -> str:
    """What its book needs."""
    return f"book:{meter}"


def plate_name(meter: str) -> str:
    """Who it is."""
    return f"plate:{meter}"
