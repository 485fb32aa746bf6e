"""What of the long record reads, and what of it does not: a report is made of the rest, and says so."""

from collections.abc import Iterator
from pathlib import Path

from agent.report.figures import RecordRead, Span
from agent.report.record.columns import Columns
from agent.report.record.history import past


class Reading:
    """Reads the record of a site, and remembers what could not be read."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._damaged_hours = 0
        self._error = ""

    def of_meter(self, meter: str, span: Span) -> Iterator[Columns]:
        """Days in order. Where the file is damaged, what reads."""
        try:
            with past(self._state_dir) as found:
                if found is not None:
                    try:
                        yield from found.of_meter(meter, span)
                    finally:
                        self._damaged_hours += found.damaged
        except OSError as error:
            self._error = self._words(error)

    def since_us(self) -> int | None:
        try:
            with past(self._state_dir) as found:
                return None if found is None else found.since_us()
        except OSError as error:
            self._error = self._words(error)
        return None

    def read(self) -> RecordRead:
        return RecordRead(self.since_us(), self._damaged_hours, self._error)

    def _words(self, error: OSError) -> str:
        """A report is sent to others, whom the machine's paths tell nothing."""
        return str(error).replace(f"{self._state_dir}/", "")
