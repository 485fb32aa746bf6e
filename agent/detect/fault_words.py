"""What a fault of one meter is told with: evidence in words, and the currents of a failed voltage circuit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agent.detect.changes import Action, Change, Side
from agent.detect.displaced import side_v
from agent.detect.fault_rows import Sight, moved_v, phases_of
from agent.detect.tracks import Track, change
from agent.records import Kind

A: Mapping[Kind, str] = {
    "vt_failure": "a failure of the voltage circuit",
    "earth_fault": "an earth fault",
    "neutral_fault": "a broken neutral",
}


def change_of(action: Action, track: Track, sight: Sight) -> Change:
    told = change(action, track, *_WORDS[track.kind](track, sight))
    if track.kind != "vt_failure":
        return told
    concerned = phases_of(sight.rules, track.crossed)
    before = None if sight.before is None else _mean([sight.before.amps[i] for i in concerned])
    during = _mean([sight.look.amps[i] for i in concerned])
    return replace(told, side=Side(before, during, "unknown", _currents(before, during)))


def _currents(before: float | None, during: float | None) -> str:
    if before is None or during is None:
        return f"current {during or 0.0:.4g} A flows: the voltage is not known"
    return f"current {before:.4g} A before, {during:.4g} A during: it goes on, so the voltage is not known"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _each(sight: Sight, channels: Sequence[int]) -> str:
    volts = [(sight.rules.phases[i], sight.look.volts[i]) for i in channels]
    return ", ".join(f"{phase} {value:.1f} V" for phase, value in volts if value is not None)


def _vt_failure(track: Track, sight: Sight) -> tuple[str, ...]:
    every = len(track.crossed) == len(sight.rules.channels)
    what = "the miniature circuit breaker or the fuses" if every else "a fuse"
    return (f"{_each(sight, track.crossed)}, and current flows: look at {what} of the voltage circuit",)


def _lines(sight: Sight) -> str:
    if sight.lines is not None:
        return f"line-line {', '.join(f'{one:.1f}' for one in sight.lines)} V as read"
    three = sight.three
    return f"line-line {side_v(three):.1f} V, from the three of them" if three is not None else "line-line not known"


def _earth_fault(track: Track, sight: Sight) -> tuple[str, ...]:
    every = range(len(sight.rules.channels))
    moved = f"star point {moved_v(sight):.1f} V from the middle"
    return (f"to earth: {_each(sight, every)}; {_lines(sight)}: even and as before; {moved}",)


def _neutral_fault(track: Track, sight: Sight) -> tuple[str, ...]:
    known = [one for one in sight.look.volts if one is not None]
    every = range(len(sight.rules.channels))
    danger = f"DANGER: up to {max(known):.0f} V between line and neutral, and a neutral that may be live"
    return (f"to neutral: {_each(sight, every)}; {_lines(sight)}: even and as before; the neutral is broken", danger)


_WORDS = {"vt_failure": _vt_failure, "earth_fault": _earth_fault, "neutral_fault": _neutral_fault}
