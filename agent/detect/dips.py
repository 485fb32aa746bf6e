"""When each channel by itself fell below the sag threshold and came back: what a sag falls apart by. Pure.

A sag is one event of all channels. Where a phase_loss takes over some of them, the others keep theirs:

    they had begun it                       the sag stays, without the lost channels; the loss is inside it, with the
                                            bounds of its own channels. It ends at once if they are back already
    the lost ones began it, or both at once the phase_loss takes the sag's place; the others get a sag of their own,
                                            inside it
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from agent.detect.changes import Span
from agent.detect.thresholds import Levels
from agent.detect.tracks import Track


class Dip(NamedTuple):
    """The latest of one channel. earliest_us: bound of its last good reading, None if there was none; last_bad_us: the
    bound of the last one below 92 %; back_us: when it was first back above, None as long as it is not."""

    start_us: int
    earliest_us: int | None
    last_bad_us: int
    back_us: int | None = None


Dips = tuple[Dip | None, ...]


def heard(
    dip: Dip | None, volts: float, levels: Levels, now_us: int, bound_us: int, clear_us: int | None
) -> Dip | None:
    """One channel's dip after a reading. clear_us: bound of its last reading that was not below the threshold."""
    if dip is None or dip.back_us is not None:
        return Dip(now_us, clear_us, bound_us) if volts < levels.sag else dip
    return dip._replace(last_bad_us=bound_us) if volts < levels.sag_end else dip._replace(back_us=now_us)


def resumed(tracks: Iterable[Track], channel: int) -> Dip | None:
    """As an open sag of an earlier run has it."""
    spans = [(track.span, track.last_bad_us) for track in tracks if track.kind == "sag" and channel in track.crossed]
    return Dip(spans[0][0].start_boot_us, spans[0][0].start_earliest_boot_us, spans[0][1]) if spans else None


def of(dips: Dips, channels: Iterable[int]) -> list[Dip]:
    return [dip for dip in (dips[i] for i in channels) if dip is not None]


def narrowed(track: Track, dips: Sequence[Dip], channels: Sequence[int]) -> Track:
    """The track of a sag, of these channels only; its start stays."""
    extremes = tuple(volts if i in channels else None for i, volts in enumerate(track.extremes))
    last_bad_us = max((dip.last_bad_us for dip in dips), default=track.last_bad_us)
    return replace(track, crossed=tuple(channels), extremes=extremes, last_bad_us=last_bad_us)


def started(track: Track, dips: Sequence[Dip], part: float) -> Track:
    """The track with the start of these dips. part: the most that a window proved of the channels that are left out."""
    start_us = min(dip.start_us for dip in dips)
    bounds = [dip.earliest_us for dip in dips]
    known = [bound for bound in bounds if bound is not None]
    unknown = len(known) < len(bounds)
    earliest_us = track.span.start_earliest_boot_us if unknown or not known else min(known)
    watched = None if track.watched is None else track.watched.from_us(start_us, part)
    return replace(track, span=Span(start_us, min(earliest_us, start_us)), open_at_start=unknown, watched=watched)


def ended(track: Track, dips: Sequence[Dip]) -> Track | None:
    """The track as it ended when the last of these was back; None: one is not."""
    backs = [dip.back_us for dip in dips]
    known = [back for back in backs if back is not None]
    if len(known) < len(backs) or not known:
        return None
    return replace(track, span=track.span.ended(max(known), max(dip.last_bad_us for dip in dips)))
