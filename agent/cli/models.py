"""`lamplighter models`: which meters are known, and how well?"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli import show
from agent.cli.options import AsJson

if TYPE_CHECKING:
    from drivers.model import MeterModel

app = typer.Typer(rich_markup_mode="markdown")

Beside = Annotated[
    Path | None,
    typer.Option("--beside", metavar="SITE", help="Also maps in models/ beside this file.", show_default=False),
]


@app.callback(invoke_without_command=True)
def models(context: typer.Context, json: AsJson = False, beside: Beside = None) -> None:
    """List the meters that are known, and how well.

    Grades: A vendor document read, B two or more independent public sources, C one source, D derived (not read
    until a bench test). "sees" is the shortest sag to half the voltage that can show at all in the meter's
    averaging window, and the shortest that cannot be missed when it is watched at its refresh.

    Examples: lamplighter models; lamplighter models show eastron-sdm630; lamplighter models check models/own.toml
    """
    if context.invoked_subcommand is not None:
        return
    from drivers.library import load_model, model_names

    directory = beside.absolute().parent if beside else None
    known = [load_model(name, directory) for name in model_names(directory)]
    if json:
        show.as_json({"models": [_summary(model) for model in known]})
        return
    columns = ("model", "vendor", "meter", "serial", "grades", "quantities", "refresh", "sees")
    show.table("models", columns, [_row(model) for model in known])


@app.command(name="show")
def show_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name in a site file.")],
    json: AsJson = False,
    beside: Beside = None,
) -> None:
    """Show one meter map, to be proof-read against the vendor's manual.

    Addresses are those on the wire, counted from 0.

    Example: lamplighter models show eastron-sdm630
    """
    from drivers.library import load_model

    _print(load_model(model, beside.absolute().parent if beside else None), json)


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
        raise ModelError(f"{file}: found {error}; allowed: a readable meter map in UTF-8; check the path") from None
    _print(parse_model(text, str(file)), json)


def _print(model: "MeterModel", json: bool) -> None:
    if json:
        show.as_json(_summary(model) | {"registers": [_register(row) for row in model.registers]})
        return
    typer.echo(f"{model.id}: {model.vendor} {model.name}")
    typer.echo(f"wiring {model.wiring}, powered by {model.powered_by}, at most {model.max_words} words a read")
    typer.echo(f"refresh {model.refresh_s:g} s, averages over {model.window_s:g} s, sees {_sees(model)}")
    typer.echo("sources: " + "; ".join(model.sources) + "\n")
    columns = ("quantity", "function", "address", "words", "encoding", "order", "scale", "grade")
    rows = [tuple(str(value) for value in _register(row).values()) for row in model.registers]
    show.table("registers", columns, rows)


def _register(row: Any) -> dict[str, Any]:
    return {
        "quantity": row.quantity,
        "function": row.function,
        "address": row.address,
        "words": row.words,
        "encoding": row.encoding,
        "order": row.order,
        "scale": f"{row.multiply}/{row.divide}",
        "grade": row.grade,
    }


def _grades(model: "MeterModel") -> dict[str, int]:
    return dict(sorted(Counter(register.grade for register in model.registers).items()))


def _summary(model: "MeterModel") -> dict[str, Any]:
    from agent.budget import shortest_sag_s, surely_seen_sag_s
    from agent.overview import HALF

    return {
        "model": model.id,
        "vendor": model.vendor,
        "name": model.name,
        "grades": _grades(model),
        "quantities": list(model.quantities),
        "unproven": list(model.unproven),
        "serial": {"baud": model.baud, "parity": model.parity, "stop_bits": model.stop_bits},
        "wiring": model.wiring,
        "powered_by": model.powered_by,
        "refresh_s": model.refresh_s,
        "window_s": model.window_s,
        "shortest_sag_s": round(shortest_sag_s(model.window_s, HALF), 3),
        "sees_all_s": round(surely_seen_sag_s(model.window_s, model.refresh_s, HALF), 3),
    }


def _sees(model: "MeterModel") -> str:
    told = _summary(model)
    return f"from {told['shortest_sag_s']:.3g} s, all from {told['sees_all_s']:.3g} s"


def _row(model: "MeterModel") -> tuple[str, ...]:
    grades = " ".join(f"{grade}{count}" for grade, count in _grades(model).items())
    serial = f"{model.baud} 8{model.parity}{model.stop_bits}"
    quantities = str(len(model.quantities))
    return model.id, model.vendor, model.name, serial, grades, quantities, f"{model.refresh_s:g} s", _sees(model)
