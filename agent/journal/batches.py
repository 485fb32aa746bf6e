"""What goes between the writer and the store: a commit, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.journal.entries import DeadLetter, Entry, Range
from agent.journal.holes import Holes
from agent.journal.lanes import Position
from agent.journal.retention import Eviction
from agent.records import Event, Incident


@dataclass(frozen=True, slots=True)
class Found:
    """What a start found. head: next seq to give out; positions: of every sink ever known; kept: by name; last_us: UTC
    of the youngest entry; clean: the run before ended in order, with everything stored; salvage_below, note: as in
    `Committed`, also of a salvage that the run before did not bring to its end; holes: what is missing in the file;
    oldest: before it nothing is kept, nor comes yet."""

    head: int
    positions: dict[str, Position]
    open_events: tuple[Event, ...]
    kept: dict[str, str] = field(default_factory=dict)
    open_incidents: tuple[Incident, ...] = ()
    last_us: int | None = None
    clean: bool = True
    salvage_below: int = 0
    note: str = ""
    holes: Holes = field(default_factory=Holes)
    oldest: int = 1


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction has to do: delete what is evicted, add entries, store positions, dead letters and what is
    kept by name; salvaged: `salvage` came to its end."""

    entries: tuple[Entry, ...]
    positions: Mapping[str, Position]
    dead: tuple[DeadLetter, ...] = ()
    evictions: tuple[Eviction, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    salvaged: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """head: everything below is durable, or was; surplus: what has to go next; aged: what may go, with the next commit
    that comes; holes: what is missing in a file that was opened anew. Where the file turned out to be damaged and a new
    one was begun, 0 otherwise: lost_below: what lay below this seq is gone; salvage_below: what lay below
    this one is being taken over by `salvage`; note: why and where to the file was moved."""

    head: int
    surplus: Eviction | None
    lost_below: int
    salvage_below: int = 0
    note: str = ""
    holes: Holes = field(default_factory=Holes)
    aged: Eviction | None = None


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A slice of a salvage. lost: once all is done, the seqs that could not be taken over; a commit that says
    `salvaged` must follow, with the gap records."""

    done: bool
    lost: tuple[Range, ...] = ()
