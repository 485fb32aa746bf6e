"""Sag, swell, supply loss and phase loss from looks at the voltages of one meter.

The conditions are the rows of `agent.detect.table`; this module runs them and keeps what bounds rest on:

    start           reply with the first bad reading arrived
    start_earliest  last good reading was asked for, moved back by register age and averaging window; without a
                    good reading so far, the same of the bad one, and the event is open_at_start
    end             reply with the first recovered reading arrived
    end_earliest    last bad reading of a channel that crossed was asked for, moved back likewise; never before
                    start_earliest

Good and bad are per row: a look in a sag is a good look for a swell. A channel bounds its own start: what was not
read at the last good look counts from when it was last read good.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from agent.detect import dips
from agent.detect.changes import Change
from agent.detect.table import SAG, TABLE, Indices, Row, View
from agent.detect.thresholds import Rules
from agent.detect.tracking import Bounds, Tracking, heard, ordinary, shut_on, view_of
from agent.detect.tracks import Instants, Track, begun, carried, change, taken_over, told, worth_telling
from agent.detect.watched import longest_pause_us
from agent.records import Kind

_T = TypeVar("_T")

Amps = tuple[float | None, float | None, float | None]


# Look and VoltageState are named tuples, not frozen dataclasses: the quiet path needs one of each per poll, and a
# frozen dataclass costs twice as much to make.
class Look(NamedTuple):
    """One reading of the wired voltages. volts: in the order of `Rules.channels`, finite, None if not available;
    questionable: it may be another request's answer or a meter just booting, so it proves nothing; amps: the
    currents read with them, of the network phases l1, l2, l3; lines: line-line voltages, where others are judged and
    these read with them."""

    sent_boot_us: int
    received_boot_us: int
    volts: tuple[float | None, ...]
    questionable: bool = False
    amps: Amps = (None, None, None)
    lines: tuple[float, float, float] | None = None


class VoltageState(NamedTuple):
    """good: the last look, if every channel was there and in band; otherwise tracking says what goes on.
    Both are None before the first look."""

    good: Look | None
    tracking: Tracking | None
    next_key: int


INITIAL = VoltageState(None, None, 1)
_new = tuple.__new__


def step(state: VoltageState, look: Look, rules: Rules) -> tuple[VoltageState, tuple[Change, ...]]:
    """Judge one look. Looks come in the order of their requests. Changes come in the order to be told."""
    if state.tracking is None and not look.questionable:
        levels = rules.levels
        low, high = levels.sag, levels.swell
        for volts in look.volts:
            if volts is None or volts < low or volts > high:
                break
        else:
            # What VoltageState(...) does, without its Python-level constructor: a third of the quiet path.
            return _new(VoltageState, (look, None, state.next_key)), ()
    return _attend(state, look, rules)


def is_ordinary(state: VoltageState) -> bool:
    """The last look had every channel, and all of them in band."""
    return state.good is not None


def open_kinds(state: VoltageState) -> frozenset[Kind]:
    tracking = state.tracking
    return frozenset() if tracking is None else frozenset(track.kind for track in tracking.open)


def taken_from(state: VoltageState, kind: Kind) -> tuple[VoltageState, Track | None]:
    """The state without its open event of this kind, whose condition goes on in another detector's event."""
    tracking = state.tracking
    track = None if tracking is None else next((one for one in tracking.open if one.kind == kind), None)
    if tracking is None or track is None:
        return state, None
    left = tuple(one for one in tracking.open if one is not track)
    shut = tracking.shut | {(kind, i) for i in track.crossed}
    return state._replace(tracking=tracking._replace(open=left, shut=shut)), track


def given_back(state: VoltageState, kind: Kind, ended: Bounds) -> VoltageState:
    """What took a kind over has ended, its condition perhaps not: from now on it may begin again."""
    tracking = state.tracking
    if tracking is None or not (channels := shut_on(tracking.shut, kind)):
        return state
    shut = frozenset(one for one in tracking.shut if one[0] != kind)
    return state._replace(tracking=tracking._replace(shut=shut, freed=ended, freed_on=channels))


def without(
    state: VoltageState, kinds: Collection[Kind], since_us: int | None, channels: Indices
) -> tuple[VoltageState, tuple[Track, ...]]:
    """The state without its open events of these kinds that began at since_us or later (None: whenever), which were
    something else; and without the last words of these channels, which have no voice until they are heard again."""
    tracking = state.tracking
    if tracking is None:
        return state, ()
    taken = tuple(
        track
        for track in tracking.open
        if track.kind in kinds and (since_us is None or track.span.start_boot_us >= since_us)
    )
    left = tuple(track for track in tracking.open if track not in taken)
    tracking = tracking._replace(
        open=left,
        volts=_silenced(tracking.volts, channels),
        low_since=_silenced(tracking.low_since, channels),
        alive_since=_silenced(tracking.alive_since, channels),
        heard=_silenced(tracking.heard, channels),
        dips=_silenced(tracking.dips, channels),
    )
    return state._replace(tracking=tracking), taken


def _silenced(values: tuple[_T | None, ...], channels: Indices) -> tuple[_T | None, ...]:
    return tuple(None if i in channels else value for i, value in enumerate(values))


def shut_kinds(state: VoltageState) -> frozenset[Kind]:
    return frozenset() if state.tracking is None else frozenset(kind for kind, _ in state.tracking.shut)


def shut_for(state: VoltageState, kind: Kind, channels: Sequence[int]) -> VoltageState:
    """After a restart: of a kind that was taken over, only these channels were."""
    tracking = state.tracking
    if tracking is None:
        return state
    kept = frozenset(one for one in tracking.shut if one[0] != kind or one[1] in channels)
    return state._replace(tracking=tracking._replace(shut=kept))


def resumed(
    tracks: tuple[Track, ...], rules: Rules, shut: frozenset[Kind] = frozenset(), next_key: int = 1
) -> VoltageState:
    """The state after a restart inside these events: what crossed is still bad until a reading says otherwise.

    shut: kinds that an event of another detector, resumed too, had taken over; next_key: not below this
    """
    next_key = max([next_key, *(track.key + 1 for track in tracks)])
    if not tracks and not shut:
        return VoltageState(None, None, next_key)
    wired = len(rules.channels)
    unheard: Instants = (None,) * wired
    volts: list[float | None] = [None] * wired
    for track in tracks:
        for i in track.crossed:
            volts[i] = track.extremes[i]
    both = frozenset((kind, i) for kind in shut for i in range(wired))
    clear = tuple(_clear_at(tracks, row, wired) for row in TABLE)
    dips_of = tuple(dips.resumed(tracks, i) for i in range(wired))
    tracking = Tracking(tuple(volts), clear, unheard, unheard, tracks, shut=both, heard=unheard, dips=dips_of)
    return VoltageState(None, tracking, next_key)


def _clear_at(tracks: Sequence[Track], row: Row, wired: int) -> Instants:
    """Channels that were read and in band when a sag of an earlier run began were so until then."""
    sag = next((track for track in tracks if track.kind == row.kind == "sag" and not track.open_at_start), None)
    if sag is None:
        return (None,) * wired
    good = {i for i, volts in enumerate(sag.extremes) if volts is not None and i not in sag.crossed}
    return tuple(sag.span.start_earliest_boot_us if i in good else None for i in range(wired))


def _attend(state: VoltageState, look: Look, rules: Rules) -> tuple[VoltageState, tuple[Change, ...]]:
    fresh = tuple((i, volts) for i, volts in enumerate(look.volts) if volts is not None)
    if look.questionable or not fresh:
        return state, ()
    before = state.tracking or ordinary(state.good, rules)
    after = heard(before, fresh, look, rules)
    pause_us = longest_pause_us(rules, after.shortest_us)
    verdict = _Verdict(view_of(after, fresh, look, rules, pause_us), after, state.next_key)
    verdict.judge(after.clear)
    tracks, changes = tuple(verdict.tracks.values()), tuple(verdict.changes)
    if not tracks and verdict.freed is None and not verdict.shut and len(fresh) == len(look.volts):
        return VoltageState(look, None, verdict.next_key), changes
    after = after._replace(open=tracks, freed=verdict.freed, shut=verdict.shut, freed_on=verdict.freed_on)
    return VoltageState(None, after, verdict.next_key), changes


class _Verdict:
    """One run of the table over one look."""

    def __init__(self, view: View, tracking: Tracking, next_key: int) -> None:
        self.whole = self.view = view
        self.tracks: dict[Kind, Track] = {track.kind: track for track in tracking.open}
        self.changes: list[Change] = []
        self.next_key = next_key
        self.freed, self.freed_on = tracking.freed, tracking.freed_on
        self.shut = tracking.shut
        self.dips = tracking.dips

    def judge(self, clear: tuple[Instants, ...]) -> None:
        for row, clear_of_row in zip(TABLE, clear, strict=True):
            self._shut(row)
            if row.settles:
                self._settle(row)
            self.view = self.whole.without(self._not_its_own(row))
            track = self.tracks.get(row.kind)
            if track is not None and row.ends(row, self.view.levels, self.view.known, track.crossed):
                self._close(row, track)
            elif track is not None:
                self._carry(row, track)
            elif self.tracks.keys().isdisjoint(row.unless) and (crossed := row.begins(row, self.view)):
                self._open(row, crossed, clear_of_row)

    def _shut(self, row: Row) -> None:
        if not self.shut:
            return
        channels = shut_on(self.shut, row.kind)
        volts = tuple(one for one in self.whole.known if one[0] in channels)
        if channels and row.ends(row, self.whole.levels, volts, ()):
            self.shut = frozenset(one for one in self.shut if one[0] != row.kind)

    def _settle(self, row: Row) -> None:
        """The loss that kept this row shut may still be in the windows of these channels; not if none is beyond."""
        low = any(i in self.freed_on and row.beyond(volts, self.whole.levels) for i, volts in self.whole.fresh)
        if not low or not self.tracks.keys().isdisjoint(row.unless):
            self.freed, self.freed_on = None, frozenset()

    def _not_its_own(self, row: Row) -> frozenset[int]:
        """Channels that are no business of this row: those of an event that was taken over, or of a phase loss."""
        if row.kind not in ("sag", "swell"):
            return frozenset()
        channels = shut_on(self.shut, row.kind)
        if not row.settles:
            return channels
        if (loss := self.tracks.get("phase_loss")) is not None:
            channels |= frozenset(loss.crossed)
        if self.freed is not None and self.whole.bound_us < self.freed.latest_us:
            mine = self.tracks.get(row.kind)
            channels |= self.freed_on.difference(() if mine is None else mine.crossed)
        return channels

    def _open(self, row: Row, crossed: Indices, clear: Instants) -> None:
        key = self.next_key
        self.next_key += 1
        old = next((self.tracks.pop(kind) for kind in row.replaces if kind in self.tracks), None)
        parting = None if old is None else dips.parted(old, self.dips, crossed)
        apart = parting is not None and (parting.own_began or not parting.sure)
        if old is None or apart:
            track = begun(row, self.view, key, crossed, self._earliest(row, clear))
        else:
            track = carried(taken_over(old, row, key, crossed), row, self.view)
        if parting is not None:
            track = self._of_lost(track, parting)
        if old is not None and parting is not None and parting.own_stays:
            self._stay(old, parting)
            old = None
        elif old is not None:
            track = replace(track, supersedes=(old.key,))
        enclosing = [self.tracks[kind].key for kind in row.inside if kind in self.tracks]
        track = told(replace(track, parent=enclosing[0] if enclosing else None), row, self.view)
        self.tracks[row.kind] = track
        self.changes.append(change("open", track))
        if old is not None:
            self.changes.append(change("retract", old, f"turned out to be a {row.kind}"))
            if parting is not None:
                self._remain(old, parting, key)

    def _of_lost(self, track: Track, parting: dips.Parting) -> Track:
        """A phase lost out of a sag of others: it began when it fell itself, as deep as it went, and was watched since.
        What became of the others says nothing of it."""
        kept = [volts if i in track.crossed else None for i, volts in enumerate(track.extremes)]
        worst = {i: dip.worst_v for i, dip in zip(track.crossed, parting.lost, strict=False)}
        extremes = tuple(worst.get(i, volts) for i, volts in enumerate(kept))
        return dips.started(replace(track, extremes=extremes), parting.lost)

    def _earliest(self, row: Row, clear: Instants) -> Instants:
        """What a loss kept shut cannot have begun before that loss ended."""
        if not row.settles or self.freed is None:
            return clear
        freed_us = self.freed.earliest_us
        return tuple(freed_us if i in self.freed_on else instant for i, instant in enumerate(clear))

    def _stay(self, sag: Track, parting: dips.Parting) -> None:
        """A sag goes on without its lost channels, or did until the others were back: they had begun it."""
        sag = dips.narrowed(sag, parting.own)
        over = dips.ended(sag, parting.own.values())
        if over is None:
            self.tracks["sag"] = sag = told(sag, SAG, self.view)
        self.changes.append(change("close", over) if over is not None else change("update", sag))

    def _remain(self, sag: Track, parting: dips.Parting, parent: int) -> None:
        """The other channels of a sag whose place was taken: an event of their own, over or not."""
        own, key = parting.own, self.next_key
        self.next_key += 1
        sag = dips.narrowed(replace(sag, key=key, parent=parent, supersedes=()), own)
        sag = told(dips.started(sag, own.values()), SAG, self.view)
        over = dips.ended(sag, own.values())
        self.changes.append(change("open", sag))
        if over is None:
            self.tracks["sag"] = sag
        else:
            self.changes.append(change("close", over))

    def _carry(self, row: Row, track: Track) -> None:
        before, track = track.crossed, carried(track, row, self.view)
        joined = tuple(i for i in track.crossed if i not in before)
        if worth_telling(track, row, self.view):
            track = told(track, row, self.view)
            self.changes.append(change("update", track))
        self.tracks[row.kind] = track
        if row.kind == "phase_loss" and joined:
            self._leave(track, joined)

    def _leave(self, loss: Track, joined: Indices) -> None:
        """These channels are lost as well: what they began, or had a part in, goes on without them."""
        sag = self.tracks.get("sag")
        if sag is None or set(joined).isdisjoint(sag.crossed):
            return
        del self.tracks["sag"]
        parting = dips.parted(sag, self.dips, loss.crossed, joined)
        if parting is not None and parting.own_stays:
            self._stay(sag, parting)
            return
        self.changes.append(change("retract", sag, "its phases are lost: part of the phase_loss"))
        if parting is not None:
            self._remain(sag, parting, loss.key)

    def _close(self, row: Row, track: Track) -> None:
        del self.tracks[track.kind]
        span = track.span.ended(self.view.now_us, track.last_bad_us)
        self.changes.append(change("close", replace(track, span=span)))
        if row.shuts:
            self.freed = Bounds(max(track.last_bad_us, span.start_earliest_boot_us), self.view.now_us)
            self.freed_on = frozenset(range(self.view.wired) if row.every else track.crossed)
