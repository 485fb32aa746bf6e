"""When each channel by itself fell below the sag threshold and came back: what a sag falls apart by. Pure.

A sag is one event of all channels. Where a phase_loss takes over some of them, the others keep theirs:

    they had begun it                       the sag stays, without the lost channels; the loss is inside it, with the
                                            bounds of its own channels. It ends at once if they are back already
    the lost ones began it, or both at once the phase_loss takes the sag's place; the others get a sag of their own,
                                            inside it
    nobody knows: several channels were in  likewise, but the loss does not have the sag's start either: each began
    it when the agent was restarted         somewhere between that and the first look after the restart

A channel that was back and fell again had two dips. Of a lost one the loss is the latter; the former stays the sag's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from agent.detect.changes import Span
from agent.detect.thresholds import Levels
from agent.detect.tracks import Track
from agent.detect.watched import Watched, best


class Past(NamedTuple):
    """A channel's dips of one sag, taken together, as a sag of that channel alone. watched: None where it was begun by
    another run, and not seen low since; otherwise as of `Dip`"""

    start_us: int
    earliest_us: int | None
    last_bad_us: int
    worst_v: float | None
    watched: Watched | None
    back_us: int | None
    sure: bool


# Of flat numbers: there is a new one for each channel that is low, at each look inside an event.
class Dip(NamedTuple):
    """The latest of one channel. earliest_us: bound of its last good reading, None if there was none; last_bad_us: the
    bound of the last one below 92 %; back_us: when it was first back above, None as long as it is not; before: the
    earlier ones of the same sag; sure: the start is its own, not that of all channels together

    since_us, until_us, part, seen_us: the piece that was looked at without a pause, as in `Watched`, None: of another
    run; longest: the most that an earlier piece had, in all and proven; unseen_us: the longest pause
    """

    start_us: int
    earliest_us: int | None
    last_bad_us: int
    worst_v: float | None
    back_us: int | None = None
    since_us: int | None = None
    until_us: int = 0
    part: float = 1.0
    seen_us: float = 0.0
    longest: tuple[int, int] = (0, 0)
    unseen_us: int = 0
    before: Past | None = None
    sure: bool = True

    @property
    def watched(self) -> Watched | None:
        if self.since_us is None:
            return None
        reach_us = self.until_us - self.last_bad_us
        return Watched(self.since_us, self.until_us, reach_us, self.part, self.seen_us, *self.longest, self.unseen_us)

    @property
    def latest(self) -> Past:
        return Past(
            self.start_us, self.earliest_us, self.last_bad_us, self.worst_v, self.watched, self.back_us, self.sure
        )

    @property
    def whole(self) -> Past:
        """With those before it."""
        first, now = self.before, self.latest
        if first is None:
            return now
        worst_v = min((one for one in (first.worst_v, now.worst_v) if one is not None), default=None)
        watched = best([first.watched, now.watched])
        return Past(first.start_us, first.earliest_us, now.last_bad_us, worst_v, watched, now.back_us, first.sure)


Dips = tuple[Dip | None, ...]


class Heard(NamedTuple):
    """A look. pause_us: the longest before it that is no gap; sag_us: when the open sag began; cycle: a reading is of a
    cycle or less, and taken as it is"""

    now_us: int
    sent_us: int
    bound_us: int
    pause_us: int
    sag_us: int | None
    cycle: bool


def heard(dip: Dip | None, volts: float, levels: Levels, at: Heard, clear_us: int | None) -> Dip | None:
    """One channel's dip after a reading. clear_us: bound of its last reading that was not below the threshold."""
    if dip is None or dip.back_us is not None:
        return _begun(dip, volts, levels, at, clear_us) if volts < levels.sag else dip
    start_us = dip.start_us if dip.sure or dip.since_us is not None else at.now_us
    if volts >= levels.sag_end:
        return dip._replace(start_us=start_us, back_us=at.now_us)
    return _going_on(dip, start_us, volts, _part(volts, levels, at), at)


def _going_on(dip: Dip, start_us: int, volts: float, part: float, at: Heard) -> Dip:
    since_us, spent_us, seen_us = dip.since_us, at.sent_us - dip.until_us, dip.seen_us
    longest, unseen_us = dip.longest, dip.unseen_us
    if since_us is None or spent_us > at.pause_us:
        if (watched := dip.watched) is not None:
            longest, unseen_us = (watched.longest_us, watched.surely_us), max(unseen_us, spent_us)
        since_us, seen_us = at.now_us, 0.0
    else:
        # As `Watched.shown` does, without making one at each look.
        seen_us += min(part, dip.part) * spent_us
    worst_v = volts if dip.worst_v is None or volts < dip.worst_v else dip.worst_v
    return Dip(
        start_us, dip.earliest_us, at.bound_us, worst_v, None, since_us, at.sent_us, part, seen_us, longest, unseen_us,
        dip.before, dip.sure,
    )  # fmt: skip


def _part(volts: float, levels: Levels, at: Heard) -> float:
    """As `part_proven` of a sag of one channel."""
    return 1.0 if at.cycle else max(0.0, 1 - (volts / levels.sag) ** 2)


def _begun(dip: Dip | None, volts: float, levels: Levels, at: Heard, clear_us: int | None) -> Dip:
    same_sag = dip is not None and at.sag_us is not None and (not dip.sure or dip.start_us >= at.sag_us)
    return Dip(
        at.now_us, clear_us, at.bound_us, volts, since_us=at.now_us, until_us=at.sent_us,
        part=_part(volts, levels, at), before=dip.whole if dip is not None and same_sag else None,
    )  # fmt: skip


def resumed(tracks: Iterable[Track], channel: int) -> Dip | None:
    """As an open sag of an earlier run has it. Of several channels it does not say which began it, nor which was bad
    last."""
    sag = next((track for track in tracks if track.kind == "sag" and channel in track.crossed), None)
    if sag is None:
        return None
    span, sure = sag.span, len(sag.crossed) == 1
    earliest_us = None if sag.open_at_start else span.start_earliest_boot_us
    last_bad_us = sag.last_bad_us if sure else span.start_earliest_boot_us
    return Dip(span.start_boot_us, earliest_us, last_bad_us, sag.extremes[channel], sure=sure)


class Parting(NamedTuple):
    """own: what stays a sag; lost: what is a loss; by channel"""

    own: Mapping[int, Past]
    lost: Sequence[Past]

    @property
    def sure(self) -> bool:
        return all(dip.sure for dip in (*self.own.values(), *self.lost))

    @property
    def own_began(self) -> bool:
        return min(dip.start_us for dip in self.own.values()) < min(dip.start_us for dip in self.lost)

    @property
    def own_stays(self) -> bool:
        """What is no loss had begun the sag for sure: whichever of it was the first, the lost fell later."""
        return self.own_began and all(dip.sure for dip in self.lost)


def parted(sag: Track, dips: Dips, lost: Sequence[int], joined: Sequence[int] | None = None) -> Parting | None:
    """A sag of which these channels are lost; None if nothing else was ever in it. joined: those that were lost by
    now, where others were before"""
    own = {i: dip.whole for i, dip in enumerate(dips) if dip is not None and i in sag.crossed and i not in lost}
    gone = [dip.latest for i in (lost if joined is None else joined) if (dip := dips[i]) is not None]
    mine = (i for i in lost if i in sag.crossed)
    own |= {i: dip.before for i in mine if (dip := dips[i]) is not None and dip.before is not None}
    return Parting(dict(sorted(own.items())), gone) if own and gone else None


def narrowed(track: Track, own: Mapping[int, Past]) -> Track:
    """The track of a sag, of these channels only; its start stays."""
    extremes = tuple(own[i].worst_v if i in own else None for i in range(len(track.extremes)))
    return replace(
        track,
        crossed=tuple(own),
        extremes=extremes,
        last_bad_us=max(dip.last_bad_us for dip in own.values()),
        watched=best([dip.watched for dip in own.values()]),
    )


def started(track: Track, dips: Iterable[Past]) -> Track:
    """The track with the start of these dips, and what was seen of them."""
    dips = list(dips)
    start_us, bounds = min(dip.start_us for dip in dips), [dip.earliest_us for dip in dips]
    known = [bound for bound in bounds if bound is not None]
    unknown = len(known) < len(bounds)
    earliest_us = track.span.start_earliest_boot_us if unknown else min(known)
    span = Span(start_us, min(earliest_us, start_us))
    return replace(track, span=span, open_at_start=unknown, watched=best([dip.watched for dip in dips]))


def ended(track: Track, dips: Iterable[Past]) -> Track | None:
    """The track as it ended when the last of these was back; None: one is not."""
    dips = list(dips)
    backs = [dip.back_us for dip in dips]
    known = [back for back in backs if back is not None]
    if len(known) < len(backs):
        return None
    return replace(track, span=track.span.ended(max(known), max(dip.last_bad_us for dip in dips)))
