"""A recording of RMS voltages through the detector: at full rate, or as a poller would have seen it. Pure.

The format: a CSV with the header ``t_window_start_s,t_window_end_s,u1_pu`` and ``u2_pu``, ``u3_pu`` where there are
more phases; a row per half cycle (or per cycle), each the RMS over one cycle in pu; one length of window, one step.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import floor, isfinite, sqrt
from typing import Any

from agent.detect.changes import Change
from agent.detect.classes import Classified, classes
from agent.detect.meter import MeterDetector
from agent.detect.thresholds import HIGHEST_PU, PROFILES, Rules
from agent.detect.tracks import change as as_it_stands
from agent.detect.voltage import Look
from agent.records import Kind

# IEC 61000-4-30 measures from 42.5 to 57.5 Hz at 50 Hz, from 51 to 69 Hz at 60 Hz: so long is one cycle.
_CYCLE_S = 1 / 69, 1 / 42.5
_BETWEEN_HZ = 55.0
# Up to there, the year 2096 counted from 1970, a microsecond counts in a float.
_LAST_S = 4e9
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_TIMES = ("t_window_start_s", "t_window_end_s")
_VOLTS = ("u1_pu", "u2_pu", "u3_pu")
# Times are written with a few decimals: a step may be off by this part of a step.
_UNEVEN = 0.1
_US = 1e6
_RISES: frozenset[Kind] = frozenset(("swell", "overvoltage"))
_FIGURES: dict[Kind, str] = {"unbalance": "unbalance_pct", "rapid_change": "change_pct"}


class RecordingError(Exception):
    """A recording that cannot be used: file, row, column, found, allowed, what to do next."""


@dataclass(frozen=True, slots=True)
class Row:
    """RMS from start_s to end_s by phase, in pu."""

    start_s: float
    end_s: float
    pu: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """width_s: the RMS window of a row; stride: so many rows on, the next window begins where this one ends."""

    file: str
    rows: tuple[Row, ...]
    width_s: float
    stride: int

    @property
    def phases(self) -> tuple[str, ...]:
        return ("l1", "l2", "l3")[: len(self.rows[0].pu)]

    @property
    def frequency_hz(self) -> float:
        """The nominal one: a row is one cycle."""
        return 50.0 if self.width_s > 1 / _BETWEEN_HZ else 60.0


@dataclass(frozen=True, slots=True)
class View:
    """How the recording is looked at. window_s None: every row as it is. Otherwise a meter that renews the RMS over
    `window_s` once per window, the first one `shift_s` after the recording begins, read every `every_s` from
    `first_s` after its first renewal on."""

    window_s: float | None = None
    every_s: float | None = None
    shift_s: float = 0.0
    first_s: float = 0.0


def parse_recording(text: str, file: str) -> Recording:
    lines = csv.reader(text.lstrip("\ufeff").splitlines(), strict=True)
    try:
        numbered = [(lines.line_num, cells) for cells in lines if cells]
    except csv.Error as error:
        raise RecordingError(
            f"{file}: row {lines.line_num}: found {error}; allowed: plain CSV; export it anew"
        ) from None
    names = _header(numbered[0][1] if numbered else [], file)
    rows = [_row(cells, names, f"{file}: row {number}") for number, cells in numbered[1:]]
    if len(rows) < 2:
        raise RecordingError(f"{file}: found {len(rows)} rows below the header; allowed: 2 or more; export it anew")
    width_s, step_s = rows[0].end_s - rows[0].start_s, rows[1].start_s - rows[0].start_s
    _one_cycle(f"{file}: row {numbered[1][0]}", width_s)
    for (number, _), before, row in zip(numbered[2:], rows, rows[1:], strict=False):
        _even(f"{file}: row {number}", row, before, width_s, step_s)
    stride = round(width_s / step_s)
    if stride < 1 or abs(stride * step_s - width_s) > _UNEVEN * step_s:
        raise RecordingError(
            f"{file}: row 3, column {_TIMES[0]}: found a step of {step_s:g} s with windows of {width_s:g} s; "
            "allowed: windows that overlap by whole steps or follow each other; check both time columns"
        )
    # Times have a few decimals, 60 Hz and a measured frequency many: the whole recording knows its step better.
    step_s = (rows[-1].start_s - rows[0].start_s) / (len(rows) - 1)
    return Recording(file, tuple(rows), stride * step_s, stride)


def _header(cells: Sequence[str], file: str) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in cells)
    phases = len(names) - len(_TIMES)
    if not 1 <= phases <= len(_VOLTS) or names != (*_TIMES, *_VOLTS[:phases]):
        raise RecordingError(
            f"{file}: row 1: found {','.join(names) or 'nothing'}; allowed: {','.join((*_TIMES, *_VOLTS))}, or fewer "
            "phases; name the columns so"
        )
    return names


def _row(cells: Sequence[str], names: Sequence[str], where: str) -> Row:
    if len(cells) != len(names):
        raise RecordingError(
            f"{where}: found {len(cells)} values; allowed: {len(names)}, one for each column; mend the row"
        )
    numbers = [_number(cell, f"{where}, column {name}") for cell, name in zip(cells, names, strict=True)]
    for value, name in zip(numbers[:2], names[:2], strict=True):
        if abs(value) > _LAST_S:
            raise RecordingError(
                f"{where}, column {name}: found {value:g}; allowed: {-_LAST_S:g} to {_LAST_S:g} s; write seconds"
            )
    for value, name in zip(numbers[2:], names[2:], strict=True):
        if not 0 <= value <= HIGHEST_PU:
            raise RecordingError(
                f"{where}, column {name}: found {value:g}; allowed: 0 to {HIGHEST_PU:g} pu; divide by nominal voltage"
            )
    if not numbers[0] < numbers[1]:
        raise RecordingError(
            f"{where}, column {names[1]}: found {numbers[1]:g} after a start of {numbers[0]:g}; allowed: a later time; "
            "mend the row"
        )
    return Row(numbers[0], numbers[1], tuple(numbers[2:]))


def _number(cell: str, where: str) -> float:
    # What Python takes beside that (1_0, other digits, words) no instrument writes.
    value = float(cell) if _NUMBER.fullmatch(cell.strip()) else float("nan")
    if not isfinite(value):
        raise RecordingError(f"{where}: found {cell.strip() or 'nothing'}; allowed: a finite number; mend the row")
    return value


def _one_cycle(where: str, width_s: float) -> None:
    """What lasts less than a longer window is not in its depth, and no verdict could rest on it."""
    least_s, most_s = _CYCLE_S
    if not least_s * (1 - _UNEVEN / 10) < width_s < most_s * (1 + _UNEVEN / 10):
        raise RecordingError(
            f"{where}, column {_TIMES[1]}: found a window of {width_s:g} s; allowed: {least_s:.3g} to {most_s:.3g} s, "
            "RMS over one cycle at 50 or 60 Hz; export the recording so, with times in seconds"
        )


def _even(where: str, row: Row, before: Row, width_s: float, step_s: float) -> None:
    found_s = row.start_s - before.start_s
    if step_s <= 0 or abs(found_s - step_s) > _UNEVEN * step_s:
        allowed = f"the step of the first rows, {step_s:g} s" if step_s > 0 else "rows in the order of time"
        raise RecordingError(
            f"{where}, column {_TIMES[0]}: found a step of {found_s:g} s; allowed: {allowed}; split the recording there"
        )
    if abs(row.end_s - row.start_s - width_s) > _UNEVEN * step_s:
        raise RecordingError(
            f"{where}, column {_TIMES[1]}: found a window of {row.end_s - row.start_s:g} s; "
            f"allowed: {width_s:g} s, as in the first row; mend it"
        )


def looks(recording: Recording, view: View) -> list[Look]:
    """The voltages in pu. ValueError: the view does not fit the recording (found, allowed)."""
    if view.window_s is None:
        return [Look(_us(row.end_s), _us(row.end_s), row.pu) for row in recording.rows]
    window_s = window_of(recording, view.window_s)
    every_s = view.every_s or window_s
    blocks = _blocks(recording, window_s, view.shift_s)
    first_s = blocks[0].end_s
    found, at_s = [], first_s + view.first_s
    while at_s < blocks[-1].end_s + window_s:
        block = blocks[min(floor((at_s - first_s) / window_s + 1e-6), len(blocks) - 1)]
        found.append(Look(_us(at_s), _us(at_s), block.pu))
        at_s = first_s + view.first_s + len(found) * every_s
    return found


def window_of(recording: Recording, asked_s: float) -> float:
    """So long is the window of whole cycles that comes nearest: 0.20008 s for 0.2 s at 49.98 Hz. ValueError: none does
    within half a step."""
    count, step_s = round(asked_s / recording.width_s), recording.width_s / recording.stride
    if count < 1 or abs(count * recording.width_s - asked_s) > step_s / 2 + 1e-9:
        raise ValueError(
            f"found {asked_s:g} s; allowed: a whole number of the recording's {recording.width_s:.6g} s, "
            f"within {step_s / 2:.6g} s"
        )
    return count * recording.width_s


def shift_of(recording: Recording, asked_s: float) -> float:
    """Windows begin where a row does: the nearest."""
    step_s = recording.width_s / recording.stride
    return round(asked_s / step_s) * step_s


def _blocks(recording: Recording, window_s: float, shift_s: float) -> list[Row]:
    """Mean squares add: a block over N cycles is the mean square of N rows that do not overlap."""
    count, step_s = round(window_s / recording.width_s), recording.width_s / recording.stride
    cycles = recording.rows[round(shift_s / step_s) :: recording.stride]
    whole = [cycles[i : i + count] for i in range(0, len(cycles) - count + 1, count)]
    if not whole:
        raise ValueError(
            f"found {window_s:.6g} s; allowed: no longer than what the recording has from {shift_s:g} s on"
        )
    return [Row(block[0].start_s, block[-1].end_s, tuple(_rms(block))) for block in whole]


def _rms(block: Sequence[Row]) -> Iterator[float]:
    for values in zip(*(row.pu for row in block), strict=True):
        yield sqrt(sum(value**2 for value in values) / len(block))


def rules_for(recording: Recording, view: View, profile: str, interruption: float | None = None) -> Rules:
    """interruption: pu, in place of the profile's. The reference is 1: everything is in pu. ValueError: the view does
    not fit the recording."""
    window_s = None if view.window_s is None else window_of(recording, view.window_s)
    thresholds = PROFILES[profile]
    if interruption is not None:
        thresholds = replace(thresholds, interruption=interruption)
    return Rules(
        profile=profile,
        thresholds=thresholds,
        reference_v=1.0,
        channels=tuple(f"u{n}" for n in range(1, len(recording.phases) + 1)),
        phases=recording.phases,
        window_us=_us(window_s or recording.width_s),
        age_us=_us(window_s or 0.0),
        basis="ln",
        watch_us=_us(view.every_s or window_s or 0.0),
    )


def replay(recording: Recording, view: View, rules: Rules) -> list[dict[str, Any]]:
    """Every event as it stands when the recording ends, in the order of their beginnings. Times in s of the recording;
    null where the recording does not say. What turned out to be another kind is left out."""
    detector, told, parents = MeterDetector(rules), dict[int, Change](), dict[int, int | None]()
    for look in looks(recording, view):
        for change in detector.look(look, look.received_boot_us):
            told[change.key] = change
            parents.setdefault(change.key, change.parent)
    # Revisions come seldom; what is still open counts as it stands.
    told |= {track.key: as_it_stands("update", track) for track in detector.open_tracks}
    kept = sorted(told.values(), key=lambda change: (change.span.start_boot_us, change.key))
    return [
        _event(replace(change, parent=parents.get(change.key)), recording, view, rules)
        for change in kept
        if change.action != "retract"
    ]


def _event(change: Change, recording: Recording, view: View, rules: Rules) -> dict[str, Any]:
    span = change.span
    shortest_us, longest_us = _duration_us(change)
    phases = tuple(rules.phases[i] for i in change.crossed)
    return {
        "key": change.key,
        "kind": change.kind,
        "parent": change.parent,
        "start_s": span.start_boot_us / _US,
        "start_earliest_s": span.start_earliest_boot_us / _US,
        "end_s": _seconds(span.end_boot_us),
        "end_earliest_s": _seconds(span.end_earliest_boot_us),
        "duration_min_s": _seconds(shortest_us),
        "duration_max_s": _seconds(longest_us),
        **_size(change),
        "extreme_pct": {
            phase: round(100 * value, 3)
            for phase, value in zip(rules.phases, change.extremes, strict=True)
            if value is not None
        },
        "phases": list(phases),
        "open_at_start": change.open_at_start,
        "open_at_end": change.action != "close",
        "class": dict(_classes(change, recording, view, rules)) if shortest_us is not None else {},
    }


def _duration_us(change: Change) -> tuple[int | None, int | None]:
    """(shortest, longest); of what the recording begins inside of, how long it lasted at most is not known."""
    if change.span.duration_us is None:
        return None, None
    shortest_us, longest_us = change.span.duration_us
    shortest_us = shortest_us if change.watched_us is None else min(shortest_us, change.watched_us)
    return shortest_us, None if change.open_at_start else longest_us


def _size(change: Change) -> dict[str, float]:
    known = [value for value in change.extremes if value is not None]
    if change.kind in _FIGURES:
        return {_FIGURES[change.kind]: round(change.figure.percent, 3)} if change.figure is not None else {}
    rises = change.kind in _RISES
    return {"peak_pct" if rises else "residual_pct": round(100 * (max if rises else min)(known), 3)}


def _classes(change: Change, recording: Recording, view: View, rules: Rules) -> dict[str, str]:
    shortest_us, longest_us = _duration_us(change)
    size, known = _size(change), [value for value in change.extremes if value is not None]
    watched_s = (shortest_us or 0) / _US
    proven_s = watched_s if change.proven_us is None else min(watched_s, change.proven_us / _US)
    facts = Classified(
        kind=change.kind,
        residual_pct=size.get("residual_pct"),
        peak_pct=size.get("peak_pct"),
        spared_pct=100 * max(known) if len(known) == len(change.extremes) else None,
        duration_min_s=proven_s,
        watched_s=watched_s,
        duration_max_s=_seconds(longest_us),
        frequency_hz=recording.frequency_hz,
        window_s=rules.window_us / _US,
        residual_is_bound=view.window_s is not None,
        phases=tuple(rules.phases[i] for i in change.crossed),
        wired=len(rules.phases),
        gap_s=None if change.gap_us is None else (change.gap_us + rules.age_us) / _US,
    )
    return dict(classes(facts))


def _us(time_s: float) -> int:
    return round(time_s * _US)


def _seconds(time_us: int | None) -> float | None:
    return None if time_us is None else time_us / _US
