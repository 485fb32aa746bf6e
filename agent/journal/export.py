"""What is stored, page by page, as JSON lines; and what sinks refused for good."""

from dataclasses import dataclass

from agent.journal.codec import record_text
from agent.journal.entries import DeadLetter
from agent.journal.figures import time_us
from agent.journal.reader import Reader

# Some 200 kB of text: a pause of the journal's thread that nobody notices.
PAGE_ROWS = 500
_REFUSED = "SELECT sink, seq, reason, body, time_us FROM dead ORDER BY id"


@dataclass(frozen=True, slots=True)
class ExportPage:
    """lines: one JSON object each, in order of seq; next: where the next page begins, None after the last."""

    lines: tuple[str, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """since_us, until_us: UTC at which a record was made; None: any."""

    from_seq: int = 0
    since_us: int | None = None
    until_us: int | None = None

    def page(self, reader: Reader) -> ExportPage:
        """Readings, events, incidents and gaps; of the samples around events there are the events' own plots."""
        entries = reader.read((self.from_seq, reader.head()), PAGE_ROWS).entries
        lines = (
            f'{{"seq":{entry.seq},"record":"{type(entry.record).__name__.lower()}",{record_text(entry.record)[1:]}'
            for entry in entries
            if self._wants(time_us(entry.record))
        )
        return ExportPage(tuple(lines), entries[-1].seq + 1 if len(entries) == PAGE_ROWS else None)

    def _wants(self, made_us: int) -> bool:
        return (self.since_us is None or made_us >= self.since_us) and (
            self.until_us is None or made_us <= self.until_us
        )


def refused(reader: Reader) -> tuple[DeadLetter, ...]:
    """The newest 1000 of each sink, oldest first."""
    return tuple(DeadLetter(*row) for row in reader._all(_REFUSED))
