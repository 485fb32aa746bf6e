"""A folder of CSV files that grow a row at a time, of any length, in little memory: what is a column shows only as rows
come, so each file gets its header, and each row its empty cells, when all rows are there.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.journal.csv_rows import Row

# Spreadsheets know by its first bytes that a file is UTF-8.
_ENCODING = "utf-8-sig"


@dataclass(slots=True)
class _Table:
    """One file in the making. widths: from which row on rows have so many cells; best: by key, the revision and the
    number of the row that stays, and whether it is wanted."""

    columns: dict[str, int] = field(default_factory=dict)
    widths: list[tuple[int, int]] = field(default_factory=list)
    rows: int = 0
    best: dict[str, tuple[int, int, bool]] = field(default_factory=dict)

    def line(self, row: Row) -> list[str]:
        if not row.cells.keys() <= self.columns.keys():
            for name in row.cells:
                self.columns.setdefault(name, len(self.columns))
            self.widths.append((self.rows, len(self.columns)))
        if row.key and row.revision >= self.best.get(row.key, (0,))[0]:
            self.best[row.key] = (row.revision, self.rows, row.wanted)
        self.rows += 1
        return [row.cells.get(name, "") for name in self.columns]

    def whole(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines that stay, each with as many cells as the header."""
        kept = {number for _, number, wanted in self.best.values() if wanted} if self.best else None
        widths, width = iter((*self.widths[1:], (self.rows, 0))), self.widths[0][1]
        until, next_width = next(widths)
        for number, line in enumerate(lines):
            while number >= until:
                width = next_width
                until, next_width = next(widths)
            if kept is None or number in kept:
                yield line.rstrip("\r\n") + "," * (len(self.columns) - width) + "\r\n"


class CsvFolder:
    """Rows by file, and a file for each `Row.file`. Made by `csv_folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[str, _Table] = {}

    def add(self, rows: Iterable[Row]) -> int:
        """How many there were. A file is open no longer than this: there may be hundreds."""
        lines: dict[str, list[list[str]]] = {}
        for row in rows:
            table = self._tables.setdefault(row.file, _Table())
            lines.setdefault(row.file, []).append(table.line(row))
        for name, of_file in lines.items():
            written = io.StringIO(newline="")
            csv.writer(written).writerows(of_file)
            with self._part(name).open("a", encoding="utf-8", newline="") as part:
                part.write(written.getvalue())
        return sum(map(len, lines.values()))

    def finish(self) -> dict[str, int]:
        """Rows by name of file."""
        return {f"{name}.csv": self._finish(name, table) for name, table in sorted(self._tables.items())}

    def _finish(self, name: str, table: _Table) -> int:
        rows = 0
        with (
            self._part(name).open(encoding="utf-8", newline="\n") as part,
            (self._folder / f"{name}.csv").open("x", encoding=_ENCODING, newline="") as file,
        ):
            csv.writer(file).writerow(table.columns)
            for line in table.whole(part):
                file.write(line)
                rows += 1
        self._part(name).unlink()
        return rows

    def discard(self) -> None:
        for name in self._tables:
            for file in (self._part(name), self._folder / f"{name}.csv"):
                file.unlink(missing_ok=True)

    def _part(self, name: str) -> Path:
        return self._folder / f".{name}.part"


@contextmanager
def csv_folder(folder: Path) -> Iterator[CsvFolder]:
    """A folder that is new or empty. Of an export that fails nothing is left. FileExistsError: there is something in
    it; OSError as files are written."""
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(folder)
    files, whole = CsvFolder(folder), False
    try:
        yield files
        whole = True
    finally:
        if not whole:
            files.discard()
            with suppress(OSError):
                if made:
                    folder.rmdir()
