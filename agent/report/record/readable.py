"""What of the long record reads, and what of it does not: a report is made of the rest, and says so."""

from collections.abc import Iterator
from pathlib import Path

from agent.records import HOUR_US
from agent.report.figures import RecordRead, Span
from agent.report.record.columns import Columns
from agent.report.record.history import past

# https://sqlite.org/rescode.html: SQLITE_CORRUPT; more than one byte tells what exactly
_CORRUPT, _PRIMARY = 11, 0xFF


class Reading:
    """Reads the record of a site, and remembers what could not be read."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._damaged_hours = 0
        self._error = ""

    def of_meter(self, meter: str, span: Span) -> Iterator[Columns]:
        """Hours in order. Where the file is damaged, those that read."""
        read_us = span.from_us
        try:
            for columns in self._told(meter, span):
                yield columns
                if columns.start_us:
                    read_us = (columns.start_us[-1] // HOUR_US + 1) * HOUR_US
        except OSError as error:
            if _is_torn(error):
                yield from self._hour_by_hour(meter, Span(read_us, span.to_us))
            else:
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

    def _told(self, meter: str, span: Span) -> Iterator[Columns]:
        with past(self._state_dir) as found:
            if found is not None:
                try:
                    yield from found.of_meter(meter, span)
                finally:
                    self._damaged_hours += found.damaged

    def _hour_by_hour(self, meter: str, span: Span) -> Iterator[Columns]:
        """One torn page takes all that is asked for together with it."""
        for from_us in range(span.from_us, span.to_us, HOUR_US):
            hour = from_us // HOUR_US * HOUR_US
            try:
                yield from list(self._told(meter, Span(max(hour, span.from_us), min(hour + HOUR_US, span.to_us))))
            except OSError:
                self._damaged_hours += 1

    def _words(self, error: OSError) -> str:
        """A report is sent to others, whom the machine's paths tell nothing."""
        return str(error).replace(f"{self._state_dir}/", "")


def _is_torn(error: OSError) -> bool:
    """A part of the file; not all of it."""
    return getattr(error.__cause__, "sqlite_errorcode", 0) & _PRIMARY == _CORRUPT
