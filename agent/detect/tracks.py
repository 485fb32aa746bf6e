"""One open voltage event: its bounds, its extremes, and when it is worth another revision."""

from dataclasses import dataclass, replace
from functools import reduce

from agent.detect.changes import Action, Change, Figure, Span
from agent.detect.table import Indices, Row, View
from agent.detect.watched import Watched, part_proven
from agent.records import Kind
from agent.replaced import replaced

Extremes = tuple[float | None, ...]
Instants = tuple[int | None, ...]

# An open event is told anew only when it matters: another channel, or the extreme moved by this part of the
# reference; and never more often than this. An ordinary short sag is told twice, when it opens and closes.
_DEEPER = 0.05
_UPDATE_EVERY_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Track:
    """last_bad_us: `View.bound_us` of the last look that proved the event
    told_us, told_worst, told_crossed: when and how the last revision described it
    watched: which part of it was looked at; None: begun by another run, and no look since"""

    kind: Kind
    key: int
    span: Span
    last_bad_us: int
    extremes: Extremes
    crossed: Indices
    parent: int | None = None
    supersedes: tuple[int, ...] = ()
    open_at_start: bool = False
    reference_v: float | None = None
    figure: Figure | None = None
    told_us: int = 0
    told_worst: float = 0.0
    told_crossed: int = 0
    watched: Watched | None = None


def begun(row: Row, view: View, key: int, crossed: Indices, clear: Instants) -> Track:
    """A track that begins at this look. clear: per channel, bound of its last reading on the good side, or of the end
    of the loss that kept this row shut until this look."""
    earliest_us = _last_clear(row, crossed, clear)
    start_earliest_us = view.bound_us if earliest_us is None else earliest_us
    unknown: Extremes = (None,) * len(clear)
    return Track(
        kind=row.kind,
        key=key,
        span=Span(view.now_us, start_earliest_us),
        last_bad_us=view.bound_us,
        extremes=_merged(unknown, row, view),
        crossed=crossed,
        open_at_start=earliest_us is None,
        reference_v=view.reference_v,
        watched=Watched(view.now_us, view.sent_us, view.rules.reach_us, _part(row, view, crossed)),
    )


def _last_clear(row: Row, crossed: Indices, clear: Instants) -> int | None:
    """The last look that proves the event had not begun. Where every channel must be bad one good channel proves
    it; otherwise each that crossed must have been good."""
    if row.every:
        return max((instant for instant in clear if instant is not None), default=None)
    earliest: int | None = None
    for i in crossed:
        instant = clear[i]
        if instant is None:
            return None
        earliest = instant if earliest is None else min(earliest, instant)
    return earliest


def taken_over(old: Track, row: Row, key: int, crossed: Indices) -> Track:
    """An event that turned out to be another kind: start, bounds and extremes stay."""
    return replace(old, kind=row.kind, key=key, crossed=crossed, supersedes=(old.key,))


def carried(track: Track, row: Row, view: View) -> Track:
    """The track after a look at which the event has not ended."""
    crossed = tuple(sorted({*track.crossed, *row.begins(row, view)}))
    proves = row.still_bad(view, crossed)
    return replaced(
        track,
        last_bad_us=view.bound_us if proves else track.last_bad_us,
        watched=_shown(track, row, view) if proves else track.watched,
        crossed=crossed,
        extremes=_merged(track.extremes, row, view),
    )


def _shown(track: Track, row: Row, view: View) -> Watched:
    part, before = _part(row, view, track.crossed), track.watched
    if before is not None:
        return before.shown(view.sent_us, view.now_us, part, view.pause_us)
    # Of the run before, what its readings prove; nobody looked until now.
    piece = Watched(track.span.start_boot_us, track.last_bad_us + view.rules.reach_us, view.rules.reach_us)
    seen_us = max(0.0, part * (piece.until_us - piece.since_us))
    piece = piece._replace(seen_us=seen_us)
    return piece.paused(view.now_us, view.sent_us, part, view.sent_us - piece.until_us)


def _part(row: Row, view: View, crossed: Indices) -> float:
    concerned = [volts for i, volts in view.fresh if i in crossed or row.every]
    return part_proven(row.kind, concerned or [volts for _, volts in view.fresh], view.rules)


def _merged(extremes: Extremes, row: Row, view: View) -> Extremes:
    merged = list(extremes)
    for i, volts in view.fresh:
        before = merged[i]
        merged[i] = volts if before is None else row.worst(before, volts)
    return tuple(merged)


def worst(track: Track, row: Row) -> float:
    """The residual voltage of a sag or loss, the peak of a swell."""
    return reduce(row.worst, (volts for volts in track.extremes if volts is not None))


def told(track: Track, row: Row, view: View) -> Track:
    return replace(track, told_us=view.now_us, told_worst=worst(track, row), told_crossed=len(track.crossed))


def worth_telling(track: Track, row: Row, view: View) -> bool:
    if view.now_us - track.told_us < _UPDATE_EVERY_US:
        return False
    moved = abs(worst(track, row) - track.told_worst)
    return len(track.crossed) > track.told_crossed or moved > _DEEPER * view.reference_v


def change(action: Action, track: Track, *evidence: str) -> Change:
    return Change(
        action=action,
        detector="voltage",
        key=track.key,
        kind=track.kind,
        span=track.span,
        extremes=track.extremes,
        crossed=track.crossed,
        parent=track.parent,
        supersedes=track.supersedes,
        evidence=evidence,
        open_at_start=track.open_at_start,
        reference_v=track.reference_v,
        figure=track.figure,
        proven_us=None if track.watched is None else max(0, track.watched.surely_us),
        watched_us=None if track.watched is None else max(0, track.watched.longest_us),
        unseen_us=0 if track.watched is None else track.watched.unseen_us,
    )
