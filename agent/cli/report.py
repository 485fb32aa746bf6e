"""`lamplighter report`: what operations answer for."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import show
from agent.cli.options import AsJson, SitePath, StateDir

if TYPE_CHECKING:
    from agent.report.document import Report
    from agent.site import Site


def report(
    site: SitePath,
    period: Annotated[
        str, typer.Option(metavar="PERIOD", help="day, week or month (the last that is over), 2026-11, FROM..TO.")
    ] = "month",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the page here.", show_default="report-SITE-FROM_to_LAST.html"),
    ] = None,
    language: Annotated[str, typer.Option(metavar="LANG", help="en or zh.")] = "en",
    csv: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write tables for spreadsheets into DIR, and no page.")
    ] = None,
    json: AsJson = False,
    state_dir: StateDir = None,
) -> None:
    """Voltage quality, reliability, demand and events of a period, each figure with its bounds and its coverage.

    One HTML file with everything in it, to read, print or send; nothing in it asks a network. Time in which nothing was
    heard is unknown: it is never counted as good, and never as an outage.

    The running agent is asked for its events; without one, its journal is read.

    Examples: lamplighter report site.toml --period month; lamplighter report site.toml --period 2026-11-01..2026-11-15
    """
    from agent.report.drawn.page import page
    from agent.report.drawn.words import LANGUAGES, Words
    from agent.site import load_site

    show.refuse_unknown("--language", language, LANGUAGES)
    _refuse_two(out=out is not None, csv=csv is not None, json=json)
    loaded = load_site(site, state_dir)
    made = _made(loaded, period)
    _say_what_did_not_read(loaded, made)
    if json:
        from agent.report.gathering import as_plain

        show.as_json(as_plain(made))
        return
    if csv is not None:
        _write_tables(made, csv)
        return
    file = out or Path(f"report-{loaded.name}-{_days(loaded, made)}{'' if language == 'en' else f'-{language}'}.html")
    _write_page(page(made, loaded.time_zone, Words(language)), file)
    typer.echo(f"written: {file}")


def _refuse_two(**asked: bool) -> None:
    """Each is the whole of what is written."""
    found = [f"--{name}" for name, is_asked in asked.items() if is_asked]
    if len(found) > 1:
        typer.echo(f"found {' and '.join(found)}; allowed: one of them, and another report for the other", err=True)
        raise typer.Exit(2)


def _made(site: "Site", text: str) -> "Report":
    from zoneinfo import ZoneInfo

    from agent.clock import Clock
    from agent.report.document import report as made_of
    from agent.report.gathering import known
    from agent.report.period import ALLOWED, period

    now_us = Clock().wall_us()
    try:
        span = period(text, now_us, ZoneInfo(site.time_zone))
    except ValueError as error:
        why = str(error).removeprefix(f"{text}: ")
        typer.echo(f"--period: found {text} ({why}); allowed: {ALLOWED}", err=True)
        raise typer.Exit(2) from None
    if span.from_us >= now_us:
        typer.echo(f"--period: found {text}, which has not begun; allowed: what is over, or goes on", err=True)
        raise typer.Exit(2)
    with _without_collecting():
        return made_of(known(site, span, now_us), span)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """A month's millions of numbers make no cycles: to look for them takes a sixth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _say_what_did_not_read(site: "Site", made: "Report") -> None:
    from zoneinfo import ZoneInfo

    from agent.report.drawn.sections.record import sentences
    from agent.report.drawn.sheet import Sheet
    from agent.report.drawn.words import Words
    from agent.report.record.history_file import FILE_NAME

    for one in sentences(made, Sheet(Words("en"), ZoneInfo(site.time_zone))):
        typer.echo(f"{site.state_dir / FILE_NAME}: {one}", err=True)


def _write_page(text: str, to: Path) -> None:
    """Half a report says something else."""
    from agent.whole_file import write_whole

    with _told_of(to, "the one of before is left" if to.is_file() else "nothing was written"):
        write_whole(to, text)


def _write_tables(made: "Report", to: Path) -> None:
    """All of them, and only then in place of older ones: tables of two reports are not to lie side by side."""
    from csv import writer
    from tempfile import TemporaryDirectory

    from agent.clock import rfc3339
    from agent.report.spreadsheet.tables import SOMETIMES, tables

    with _told_of(to, "no table was written"):
        to.mkdir(exist_ok=True)
    made_of = tuple(tables(made, rfc3339))
    for name in (f"{table.name}.csv" for table in made_of):
        if (to / name).is_dir():
            raise OSError(f"{to / name}: is a directory; no table was replaced")
    with _told_of(to, "no table was replaced"), TemporaryDirectory(prefix=".new-", dir=to) as beside:
        names = []
        for table in made_of:
            names.append(f"{table.name}.csv")
            with (
                _told_of(to / names[-1], "no table was replaced"),
                (Path(beside) / names[-1]).open("w", encoding="utf-8", newline="") as out,
            ):
                writer(out, lineterminator="\n").writerows((table.head, *table.rows))
        for name in names:
            (Path(beside) / name).replace(to / name)
            typer.echo(f"written: {to / name}")
    for name in (f"{each}.csv" for each in SOMETIMES if f"{each}.csv" not in names):
        (to / name).unlink(missing_ok=True)  # of another report


@contextmanager
def _told_of(file: Path, outcome: str) -> Iterator[None]:
    """A full card names no file by itself."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # told already, of a file within
            raise
        raise OSError(f"{file}: {error.strerror}; {outcome}") from error


def _days(site: "Site", made: "Report") -> str:
    """The first and the last: a month and its first day are two files."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    ends = (made.period.from_us, made.period.to_us - 1)
    days = (datetime.fromtimestamp(us / 1e6, UTC).astimezone(ZoneInfo(site.time_zone)) for us in ends)
    return "_to_".join(dict.fromkeys(f"{day:%Y-%m-%d}" for day in days))
