"""`lamplighter replay`: what would the detector have made of a recording?"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from agent.cli import show
from agent.cli.options import AsJson

if TYPE_CHECKING:
    from agent.replay import Recording, View

# A day is longer than any recording of half cycles that fits in memory.
_ALLOWED = {"window": (0.001, 86400.0), "every": (0.001, 86400.0), "shift": (0.0, 86400.0), "interruption": (0.1, 89.0)}
_COLUMNS = ("event", "kind", "began (s)", "ended (s)", "lasted (s)", "voltage", "phases", "inside")


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="RMS voltages, as CSV.", show_default=False)],
    window: Annotated[
        float | None,
        typer.Option(metavar="S", help="Average over S seconds, as a meter does.", show_default="as recorded"),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(metavar="S", help="Look every S seconds.", show_default="every window"),
    ] = None,
    shift: Annotated[float, typer.Option(metavar="S", help="Begin the first window so much later.")] = 0.0,
    profile: Annotated[str, typer.Option(metavar="PROFILE", help="Thresholds: iec, gb or ieee.")] = "iec",
    interruption: Annotated[
        float | None,
        typer.Option(metavar="PCT", help="No supply below PCT %.", show_default="the profile's"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Run a recording of RMS voltages through the agent's own detectors: as it is, or as a poller would have seen it.

    It finds what `run` finds in voltages alone: sags, swells, losses, what lasts over a minute, unbalance of their
    magnitudes and rapid changes; no chatter. Minutes are those of the recording's own time.

    The CSV has the columns t_window_start_s, t_window_end_s, u1_pu and, with more phases, u2_pu and u3_pu: one row per
    half cycle, RMS over one cycle, in pu. Times are those of the recording, bounds are honest: an event began and ended
    within what is printed. Exit code 2 if the file or an option cannot be used.

    Example: lamplighter replay fault.csv --window 0.2 --every 1
    """
    from agent.detect.thresholds import PROFILES
    from agent.replay import RecordingError, View, looks, parse_recording, rules_for, shift_of
    from agent.replay import replay as run

    numbers = {"window": window, "every": every, "shift": shift, "interruption": interruption}
    for name, (least, most) in _ALLOWED.items():
        value = numbers[name]
        if value is not None and not least <= value <= most:  # nan is in no interval
            _refuse(f"--{name}: found {value:g}; allowed: {least:g} to {most:g}")
    show.refuse_unknown("--profile", profile, tuple(PROFILES))
    if window is None and (every is not None or shift):
        _refuse("--every, --shift: found without --window; allowed: with it; say over what the meter averages")
    try:
        recording = parse_recording(_text(file), str(file))
    except RecordingError as error:
        _refuse(str(error))
    view = View(window, every, shift_of(recording, shift))
    try:
        rules = rules_for(recording, view, profile, None if interruption is None else interruption / 100)
        events, seen = run(recording, view, rules), len(looks(recording, view))
    except ValueError as error:
        _refuse(f"--window: {error}")
    if json:
        facts = {"file": str(file), "rows": len(recording.rows), "window_s": window, "every_s": every or window}
        facts |= {"shift_s": round(view.shift_s, 6), "looks": seen}
        at = {"profile": profile, "interruption_pct": round(100 * rules.thresholds.interruption, 6)}
        show.as_json({**facts, **at, "events": events})
        return
    _print(recording, view, events, shift, seen)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or error
        _refuse(f"{file}: found {found}; allowed: a readable CSV in UTF-8; check the path")


def _refuse(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(2)


def _print(recording: "Recording", view: "View", events: list[dict[str, Any]], shift: float, seen: int) -> None:
    width = f"RMS over {recording.width_s * 1000:g} ms"
    if view.window_s is not None:
        every_s = view.every_s or view.window_s
        width = f"RMS over {view.window_s:g} s, looked at every {every_s:g} s: {seen} look{'s' * (seen > 1)}"
    title = f"{recording.file}: {recording.rows[0].start_s:g} to {recording.rows[-1].end_s:g} s, {width}\n"
    typer.echo(title)
    if shift and abs(shift - view.shift_s) > 1e-6:
        typer.echo(f"--shift: {shift:g} s is no whole step of the recording; windows begin at {view.shift_s:.6g} s\n")
    lasts_s = recording.rows[-1].end_s - recording.rows[0].start_s
    if view.every_s is not None and view.every_s > lasts_s:
        typer.echo(
            f"--every: {view.every_s:g} s is longer than the recording ({lasts_s:.6g} s), "
            "and nothing between two looks is seen; look more often\n"
        )
    show.table("events", _COLUMNS, [_row(event, view) for event in events])


def _row(event: Mapping[str, Any], view: "View") -> show.Row:
    lasted = _lasted(event["duration_min_s"], event["duration_max_s"])
    return (
        str(event["key"]),
        event["kind"],
        "before the recording" if event["open_at_start"] else _between(event["start_earliest_s"], event["start_s"]),
        "goes on" if event["open_at_end"] else _between(event["end_earliest_s"], event["end_s"]),
        lasted,
        _voltage(event, bound=view.window_s is not None),
        " ".join(event["phases"]),
        "-" if event["parent"] is None else str(event["parent"]),
    )


def _lasted(least_s: float | None, most_s: float | None) -> str:
    return "-" if least_s is None else f"at least {least_s:.3f}" if most_s is None else _between(least_s, most_s)


def _between(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _voltage(event: Mapping[str, Any], *, bound: bool) -> str:
    """What a window shows is a bound; what a half cycle shows is the thing itself."""
    if "peak_pct" in event:
        return f"{'at least ' * bound}{event['peak_pct']:.1f} %"
    if "residual_pct" not in event:
        return (
            " ".join(
                f"{event[name]:+.1f} %" if name == "change_pct" else f"{event[name]:.1f} % unequal"
                for name in ("change_pct", "unbalance_pct")
                if name in event
            )
            or "-"
        )
    return f"{'at most ' * bound}{event['residual_pct']:.1f} %"
