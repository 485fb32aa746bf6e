"""What was told first of incidents: their revisions in the order of the file, and when the events of the first of them
were reported first. A slice of rows at a time, so that commits come in between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.journal.codec import decode_event, decode_incident
from agent.journal.reader import Reader
from agent.records import Event, Incident

SLICE = 200
# An incident follows the events that it is made of within seconds: so many entries before it they are looked for.
_BEFORE = 20_000
_MOST_IDS = 500
_LARGEST = 1 << 62
_ROWS = "SELECT seq, CAST(body AS BLOB), crc32 FROM incident WHERE seq > ? ORDER BY seq LIMIT ?"
_FIRST = """SELECT seq, CAST(body AS BLOB), crc32 FROM event
WHERE seq >= ? AND seq < ? AND revision = 1 AND id IN (%s)"""


@dataclass(frozen=True, slots=True)
class Report:
    """One revision of an incident. seen_us: of the first one, when the first of its events was reported; None where one
    of them is not kept any more"""

    incident: str
    revision: int
    reported_us: int
    node: str
    seen_us: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """after: the seq that the slice before ended with, 0 for the first; since_us, until_us: of incidents that began
    within."""

    after: int = 0
    since_us: int = 0
    until_us: int = _LARGEST

    @classmethod
    def of(cls, question: Mapping[str, Any]) -> "Asked":
        """As it came over the socket: what is no whole number that a file can hold counts as not said."""
        said = {key: question.get(key) for key in ("after", "since_us", "until_us")}
        return cls(**{key: one for key, one in said.items() if isinstance(one, int) and abs(one) <= _LARGEST})

    def slice(self, reader: Reader) -> "Slice":
        rows = reader._all(_ROWS, (self.after, SLICE))
        found = ((one, row[0]) for row in rows for one in reader._sound([row], decode_incident))
        reports = (_report(one, seq, reader) for one, seq in found if self.since_us <= one.start_us <= self.until_us)
        return Slice(tuple(reports), rows[-1][0] if len(rows) == SLICE else None)


@dataclass(frozen=True, slots=True)
class Slice:
    """after: where the next one goes on, None after the last"""

    reports: tuple[Report, ...]
    after: int | None


def _report(incident: Incident, seq: int, reader: Reader) -> Report:
    seen_us = _seen_us(incident.events, seq, reader) if incident.revision == 1 else None
    return Report(incident.id, incident.revision, incident.reported_us, incident.node, seen_us)


def _seen_us(ids: Sequence[str], seq: int, reader: Reader) -> int | None:
    wanted = tuple(dict.fromkeys(ids))
    if not wanted or len(wanted) > _MOST_IDS:
        return None
    sql = _FIRST % ", ".join("?" * len(wanted))
    found: list[Event] = list(reader._sound(reader._all(sql, (seq - _BEFORE, seq, *wanted)), decode_event))
    return min(event.reported_us for event in found) if len(found) == len(wanted) else None
