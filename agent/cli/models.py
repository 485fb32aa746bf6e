"""`lamplighter models`: which meters are known, and how well?"""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import show
from agent.cli.options import AsJson

if TYPE_CHECKING:
    from drivers.model import MeterModel, Register

_INDENT = "    "

app = typer.Typer(rich_markup_mode="markdown")

Beside = Annotated[
    Path | None,
    typer.Option(
        "--beside",
        metavar="SITE",
        help="Also maps in models/ beside this site file, or in this directory.",
        show_default=False,
    ),
]


def directory_of(beside: Path | None) -> Path | None:
    """Where models/ is looked for; a directory will do where there is no site file yet. ModelError for what is not
    there."""
    from drivers.errors import ModelError

    if beside is None or beside.is_file():
        return beside and beside.absolute().parent
    if not (beside / "models").is_dir():
        todo = "there is no models/ in it" if beside.is_dir() else "it is not there, check the path"
        raise ModelError(f"--beside: found {beside}; allowed: a site file, or a directory with models/; {todo}")
    return beside.absolute()


@app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    json: AsJson = False,
    beside: Beside = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/meters.md.")] = False,
) -> None:
    """List the meters that are known, and how well.

    "checked" is the best and the worst grade of the rows that are read: A vendor document read, B two or more
    independent public sources, C one source; D (derived) is off until a bench test. A map that no words from another
    hand have met yet is "unverified". "sag" is the shortest sag to half the voltage that can show at all in
    the meter's averaging window; `models show` tells how many of the longer ones are caught.

    Examples: lamplighter models; lamplighter models show eastron-sdm630; lamplighter models check models/own.toml
    """
    if context.invoked_subcommand is not None:
        return
    from agent.model_docs import markdown, summary
    from drivers.errors import ModelError
    from drivers.library import load_model, model_names

    directory = directory_of(beside)
    known, wrong = [], []
    for name in model_names(directory):
        try:
            known.append(load_model(name, directory))
        except ModelError as error:
            wrong.append(error)
    if json:
        show.as_json({"models": [summary(model) for model in known]})
    elif as_markdown:
        typer.echo(markdown(known), nl=False)
    else:
        _list(known)
    if wrong:
        raise ExceptionGroup("wrong maps", wrong)  # the list was worth having all the same


@app.command(name="show")
def show_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name in a site file.")],
    json: AsJson = False,
    beside: Beside = None,
) -> None:
    """Show one meter map, to be proof-read against the vendor's manual: rows, requests, wire time.

    Addresses are those on the wire, counted from 0.

    Example: lamplighter models show eastron-sdm630
    """
    from drivers.library import load_model

    _print(load_model(model, directory_of(beside)), json)


@app.command(name="check")
def check_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A meter map of your own.")],
    json: AsJson = False,
) -> None:
    """Say whether a meter map is sound, and show what it says.

    Example: lamplighter models check models/my-meter.toml
    """
    from drivers.errors import ModelError
    from drivers.model import parse_model

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or error
        raise ModelError(f"{file}: found {found}; allowed: a readable meter map in UTF-8; check the path") from None
    _print(parse_model(text, str(file)), json)


def _list(known: Sequence["MeterModel"]) -> None:
    """One line a meter; on a terminal too narrow for it, what the meter is called stands below."""
    from agent import model_docs

    head = ("model", "checked", "values", "refresh", "sag", "transport", "meter")
    rows = [
        (
            model.id, model_docs.checked(model), str(len(model.quantities)), f"{model.refresh_s:g} s",
            model_docs.smallest_sag(model), model_docs.transport(model), f"{model.vendor} {model.name}",
        )
        for model in known
    ]  # fmt: skip
    columns = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or _width(head, rows) <= columns:
        _aligned("", head, rows)
        return
    for line, row in zip(_lines(head[:-1], [row[:-1] for row in rows]), (head, *rows), strict=True):
        typer.echo(line)
        if row is not head:
            typer.echo(textwrap.fill(row[-1], columns - 1, initial_indent=_INDENT, subsequent_indent=_INDENT))


def _lines(head: show.Row, rows: Sequence[show.Row]) -> Iterator[str]:
    """Aligned, without a frame: a register's name is never cut, and twenty meters fit a page."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _width(head: show.Row, rows: Sequence[show.Row]) -> int:
    return max(map(len, _lines(head, rows)))


def _aligned(title: str, head: show.Row, rows: Sequence[show.Row]) -> None:
    typer.echo("\n".join([*([title] if title else []), *_lines(head, rows), ""]))


def _print(model: "MeterModel", json: bool) -> None:
    from agent import model_docs

    if json:
        more = {"requests": model_docs.requests(model), "wire_time": model_docs.wire_times(model)}
        show.as_json(model_docs.summary(model) | {"registers": [_register(row) for row in model.registers]} | more)
        return
    _print_facts(model)
    _aligned("registers", ("quantity", "fc", "address", "type", "order", "value", "grade", "read"), list(_rows(model)))
    asked = [
        (str(one["function"]), str(one["address"]), str(one["words"]), str(len(one["quantities"])))
        for one in model_docs.requests(model)
    ]
    _aligned("requests of one poll", ("fc", "address", "words", "values"), asked)
    if "rtu" in model.transports:
        times = [
            (str(one["baud"]), f"{one['poll_s']:.3f} s", f"{one['watch_s']:.3f} s")
            for one in model_docs.wire_times(model)
        ]
        _aligned("wire time", ("baud", "poll (all)", "watch (voltages, currents)"), times)


def _rows(model: "MeterModel") -> Iterator[tuple[str, ...]]:
    """value: what the number in the register is multiplied and divided by, and the unit it is in then; or which of its
    bits it is, and what a set bit means where that is not 1. read: what is no part of a reading."""
    from agent.wiring import latched
    from drivers.quantities import CATALOGUE

    kept = dict.fromkeys(model.evidence, "never") | dict.fromkeys(latched(model), "as evidence")
    kept |= dict.fromkeys(model.unproven, "if unproven")
    for row in model.registers:
        factors = f"x {row.multiply} " * (row.multiply != 1) + f"/ {row.divide} " * (row.divide != 1)
        factors += "".join(f"x {scale.name} " for scale in row.scaled_by if scale.meaning != "check")
        order = row.order if row.words > 1 else ""
        value = factors + CATALOGUE[row.quantity].unit
        if row.bit is not None:
            value = f"bit {row.bit}{', set = 0' * row.inverted}"
        read = kept.get(row.quantity, "")
        yield row.quantity, str(row.function), str(row.address), row.encoding, order, value, row.grade, read


def _print_facts(model: "MeterModel") -> None:
    from agent import model_docs
    from agent.wiring import latched

    evidence = latched(model)
    checked = f"{model_docs.checked(model)}, against: {model.verified}" if model.verified else model_docs.UNVERIFIED
    told = {
        "wiring": f"{model.wiring}, powered by {model.powered_by}, at most {model.max_words} words in a read",
        "transport": model_docs.transport(model),
        "refresh": model_docs.renews(model),
        "sight": "; ".join(model_docs.floor_of(model)),
        "checked": checked,
        "sources": "; ".join(model.sources),
        "says": "; ".join(model_docs.identified_by(model)) or "nothing of itself",
        "grade D, off": " ".join(model.unproven) or "none",
        "its own evidence": " ".join(evidence) or "none",
        "not read": "; ".join((*(name for name in model.evidence if name not in evidence), *model.not_read)) or "none",
    }
    typer.echo(f"{model.id}: {model.vendor} {model.name}")
    for what, words in told.items():
        typer.echo(f"  {what}: {words}")
    typer.echo()


def _register(row: "Register") -> dict[str, Any]:
    from drivers.quantities import CATALOGUE

    return {
        "quantity": row.quantity,
        "function": row.function,
        "address": row.address,
        "words": row.words,
        "encoding": row.encoding,
        "order": row.order,
        "scale": f"{row.multiply}/{row.divide}",
        "scaled_by": [scale.name for scale in row.scaled_by],
        "bit": row.bit,
        "inverted": row.inverted,
        "evidence": CATALOGUE[row.quantity].evidence,
        "grade": row.grade,
    }
