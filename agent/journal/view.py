"""A look at the journal while no agent runs. The CLI asks the running agent over its socket otherwise."""

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from agent.journal.entries import JournalStats
from agent.journal.file import FILE_NAME, connect_readonly
from agent.journal.hold import look
from agent.journal.kept_rows import kept_rows
from agent.journal.lanes import Position, unsent
from agent.journal.reader import EventQuery, Reader, around
from agent.records import Event, Incident, Reading, Record, Trace

T = TypeVar("T")

LOOK_BACK_CHUNKS = 1000


class View:
    """The same questions as `Journal`, answered at once and from the file alone."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def look(self, question: Callable[[Reader], T]) -> T:
        return question(self._reader)

    def events(
        self, *, limit: int = 100, since_us: int | None = None, meter: str | None = None, kind: str | None = None,
        until_us: int | None = None,
    ) -> tuple[Event, ...]:  # fmt: skip
        return self._reader.latest_events(EventQuery(limit, since_us, meter, kind, until_us))

    def incidents(self, *, limit: int = 100, since_us: int | None = None) -> tuple[Incident, ...]:
        return self._reader.latest_incidents(limit, since_us)

    def readings(self, meter: str | None, limit: int) -> tuple[Reading, ...]:
        return tuple(self._reader.readings_before(2**62, meter, LOOK_BACK_CHUNKS)[0][:limit])

    def event(self, id_: str) -> Event | None:
        return next(iter(self._reader.event(id_)), None)

    def event_ids(self) -> tuple[str, ...]:
        return tuple(event.id for event in self.events(limit=1000))

    def traces(self, event: Event) -> tuple[Trace, ...]:
        return around(event, self._reader.traces(event))

    def stats(self) -> JournalStats:
        """As the agent left it: nothing uncommitted, no cap known, every sink it ever had."""
        reader, head = self._reader, self._reader.head()
        figures = reader.figures()
        sinks = {
            sink: figures.sink(
                sink,
                position,
                kept_rows(reader, unsent(position, head)),
                self._oldest_unsent(position, head),
                reader.unsent_traces(position),
            )
            for sink, position in reader.positions().items()
        }
        rows = kept_rows(reader, ((figures.oldest or head, head),))
        return figures.stats(epoch=reader.epoch(), head=head, rows=rows, sinks=sinks)

    def _oldest_unsent(self, position: Position, head: int) -> Record | None:
        for lack in unsent(position, head):
            entries = self._reader.read(lack, 1).entries
            if entries:
                return entries[0].record
        return None


@contextmanager
def view(state_dir: Path) -> Iterator[View]:
    """Keep agents out of the state directory while looking.

    StateHeldError while an agent holds it or another look has the file, FileNotFoundError where there is none yet,
    JournalVersionError, OSError where the file is damaged.
    """
    file = state_dir / FILE_NAME
    if not file.exists():
        raise FileNotFoundError(errno.ENOENT, "no journal here yet; start the agent first", str(file))
    with look(state_dir), closing(connect_readonly(file)) as db:
        try:
            yield View(Reader(db))
        except sqlite3.DatabaseError as error:  # it showed where it was read
            raise OSError(f"{file}: {error}; an agent that reads it moves it aside and takes over the rest") from error
