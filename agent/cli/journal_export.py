"""`lamplighter journal --export` and `--csv`: what is stored, out of the journal, page by page."""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn

import typer

from agent.cli import show

if TYPE_CHECKING:
    from agent.journal.csv_files import CsvFolder
    from agent.journal.export import ExportPage, ExportQuery
    from agent.site import Site

_STDOUT = Path("-")


@dataclass(slots=True)
class _Progress:
    """A line on a terminal's stderr, which `end` takes away again."""

    rows: int = 0
    from_seq: int | None = None

    def add(self, rows: int, page: "ExportPage") -> None:
        self.rows += rows
        if page.next is None or not sys.stderr.isatty():
            return
        self.from_seq = self.from_seq or page.next
        share = (page.next - self.from_seq) / max(1, page.head - self.from_seq)
        sys.stderr.write(f"\r{share:4.0%} of the journal read, {self.rows} rows")
        sys.stderr.flush()

    def end(self) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")


def export_lines(site: "Site", query: "ExportQuery", file: Path, *, json: bool) -> int:
    """One JSON object a line. How many."""
    progress = _Progress()
    try:
        with _opened(file, site.state_dir) as out:
            for page in _pages(site, query):
                out.write("".join(f"{line}\n" for line in page.lines).encode())
                progress.add(len(page.lines), page)
            _judge_meters(site, query, progress.rows)
    except OSError as error:
        left = "what is there is not whole" if file == _STDOUT or file.exists() else "nothing of them was left there"
        _refuse_place("--export", file, error, f"after {progress.rows} rows: {left}")
    except _JournalFailed as failed:
        raise failed.why from None
    finally:
        progress.end()
    _sum_up(file, progress.rows, json=json)
    return progress.rows


def _judge_meters(site: "Site", query: "ExportQuery", rows: int) -> None:
    """One that is gone may have left rows, so this is known at the end."""
    for name in query.meters if not rows else ():
        show.refuse_unknown("--meter", name, site.meters)


def _sum_up(file: Path, rows: int, *, json: bool) -> None:
    if file == _STDOUT:
        typer.echo(f"{rows} rows", err=True)
    elif json:
        show.as_json({"file": str(file), "rows": rows})
    else:
        typer.echo(f"{rows} rows in {file}")


def export_csv(site: "Site", query: "ExportQuery", folder: Path, *, json: bool) -> int:
    """For a spreadsheet. How many rows."""
    from agent.journal.csv_files import csv_folder

    progress = _Progress()
    _refuse_inside("--csv", folder, site.state_dir)
    try:
        with csv_folder(folder) as files:
            _fill(files, site, query, progress)
            _judge_meters(site, query, progress.rows)
            written = files.finish()
    except FileExistsError:
        found = f"{folder}, in which there is something" if folder.is_dir() else f"{folder}, which is a file"
        typer.echo(f"--csv: found {found}; allowed: a directory that is new or empty; name one", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        _refuse_place("--csv", folder, error, f"after {progress.rows} rows: nothing of them was left there")
    except _JournalFailed as failed:
        raise failed.why from None
    finally:
        progress.end()
    if json:
        show.as_json({"folder": str(folder), "files": written})
    else:
        show.table(f"in {folder}", ("file", "rows"), [(name, str(rows)) for name, rows in written.items()])
    return sum(written.values())


def _fill(files: "CsvFolder", site: "Site", query: "ExportQuery", progress: _Progress) -> None:
    from datetime import UTC, datetime
    from json import loads
    from zoneinfo import ZoneInfo

    from agent.clock import rfc3339
    from agent.journal.csv_rows import RowMaker

    since, until = (
        None if us is None else datetime.fromisoformat(rfc3339(us)) for us in (query.since_us, query.until_us)
    )
    zone = UTC if site.time_zone == "UTC" else ZoneInfo(site.time_zone)
    maker = RowMaker(zone, site.time_zone, since, until)
    for page in _pages(site, replace(query, last_words=True)):
        rows = files.add(row for line in page.lines for row in maker.rows(loads(line)))
        progress.add(rows, page)


class _JournalFailed(Exception):  # noqa: N818 - it carries an error, and is none of its own
    """Not the place that is written to, but the journal, or its agent."""

    def __init__(self, why: OSError) -> None:
        super().__init__(str(why))
        self.why = why


def _pages(site: "Site", query: "ExportQuery") -> Iterator["ExportPage"]:
    pages = _asked(site, query)
    while True:
        try:
            page = next(pages)
        except StopIteration:
            return
        except OSError as error:
            raise _JournalFailed(error) from error
        yield page


def _asked(site: "Site", query: "ExportQuery") -> Iterator["ExportPage"]:
    from agent.journal.export import ExportPage
    from agent.journal.view import view
    from agent.status.socket import NotRunningError, ask

    next_seq: int | None = query.from_seq
    try:
        while next_seq is not None:
            told = ask(site.state_dir, "export", **replace(query, from_seq=next_seq).told())
            if "error" in told:
                raise OSError(told["error"])
            yield ExportPage(tuple(told["lines"]), told["next"], told["head"])
            next_seq = told["next"]
    except NotRunningError:
        with view(site.state_dir) as kept:
            while next_seq is not None:
                page = kept.look(replace(query, from_seq=next_seq).page)
                yield page
                next_seq = page.next


@contextmanager
def _opened(file: Path, state_dir: Path) -> Iterator[BinaryIO]:
    """Stdout, a device, a pipe, or a file that is new: of that one nothing is left after a failure."""
    out, is_new = _place(file, state_dir)
    is_whole = False
    try:
        yield out
        out.close()
        is_whole = True
    finally:
        with suppress(OSError):  # after a failure it tries once more to write what it holds
            out.close()
        if is_new and not is_whole:
            with suppress(OSError):
                file.unlink()


def _place(file: Path, state_dir: Path) -> tuple[BinaryIO, bool]:
    """And whether it is new."""
    if file == _STDOUT:
        return open(1, "wb", closefd=False), False
    _refuse_inside("--export", file, state_dir)
    try:
        return file.open("xb"), True
    except FileExistsError:
        return _device(file), False
    except OSError as error:
        _refuse("--export", f"{file}: {error.strerror}", "a file that can be written")


def _device(file: Path) -> BinaryIO:
    """Never anybody's file: to open one for writing leaves it as it is. Nobody waits for a reader of a pipe."""
    try:
        fd = os.open(file, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        why = "a pipe that nobody reads" if error.errno == errno.ENXIO else str(error.strerror)
        _refuse("--export", f"{file}: {why}", "a file that is new, or a device or pipe that can be written")
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
        os.close(fd)
        _refuse("--export", f"{file}, which is there already", "a file that is new, or a device or pipe")
    os.set_blocking(fd, True)
    return os.fdopen(fd, "wb")


def _refuse_inside(option: str, place: Path, state_dir: Path) -> None:
    """What the agent keeps there is told apart by name only."""
    if (place.parent.resolve() / place.name).is_relative_to(state_dir.resolve()):
        _refuse(option, f"{place}, in the agent's state directory", "a place outside of it")


def _refuse(option: str, found: str, allowed: str) -> NoReturn:
    typer.echo(f"{option}: found {found}; allowed: {allowed}; name one", err=True)
    raise typer.Exit(2) from None


def _refuse_place(option: str, place: Path, error: OSError, how_far: str) -> NoReturn:
    if error.errno == errno.EPIPE:
        typer.echo(f"{option}: {place}: whoever read this has gone, {how_far}", err=True)
        raise typer.Exit(1) from None
    why = f"{error.strerror or error}, {how_far}"
    can_be = "a place that can be written and has room for all of it; make room, or name another place"
    typer.echo(f"{option}: found {place}: {why}; allowed: {can_be}", err=True)
    raise typer.Exit(1 if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO) else 2) from None
