"""Sag, swell, supply loss and phase loss from looks at the voltages of one meter.

The conditions are the rows of `agent.detect.table`; this module runs them and keeps what bounds rest on:

    start           reply with the first bad reading arrived
    start_earliest  last good reading was asked for, moved back by register age and averaging window; without a
                    good reading so far, the same of the bad one, and the event is open_at_start
    end             reply with the first recovered reading arrived
    end_earliest    last bad reading was asked for, moved back likewise; never before start_earliest

Good and bad are per row: a look in a sag is a good look for a swell. A channel bounds its own start: what was not
read at the last good look counts from when it was last read good.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from agent.detect.changes import Change
from agent.detect.table import TABLE, Indices, Row, View, Volts
from agent.detect.thresholds import Rules
from agent.detect.tracks import Instants, Track, begun, carried, change, taken_over, told, worth_telling
from agent.records import Kind

Amps = tuple[float | None, float | None, float | None]


# Look and VoltageState are named tuples, not frozen dataclasses: the quiet path needs one of each per poll, and a
# frozen dataclass costs twice as much to make.
class Look(NamedTuple):
    """One reading of the wired voltages. volts: in the order of `Rules.channels`, finite, None if not available;
    questionable: it may be another request's answer or a meter just booting, so it proves nothing; amps: the
    currents read with them, of the network phases l1, l2, l3."""

    sent_boot_us: int
    received_boot_us: int
    volts: tuple[float | None, ...]
    questionable: bool = False
    amps: Amps = (None, None, None)


class Bounds(NamedTuple):
    """An instant that lies in (earliest, latest]."""

    earliest_us: int
    latest_us: int


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is kept while anything is not ordinary.

    volts:       each channel's last word
    clear:       per row and channel, bound of the last reading on the good side
    low_since, alive_since: when each channel was first seen below phase_loss, above phase_alive, and stayed so
    freed:       bounds of the end of a loss after which no reading without a part of the loss in it came yet
    shut:        kinds whose event was taken over by an under- or overvoltage: their condition goes on, so it begins
                 no new event until it has ended once
    """

    volts: tuple[float | None, ...]
    clear: tuple[Instants, ...]
    low_since: Instants
    alive_since: Instants
    open: tuple[Track, ...] = ()
    freed: Bounds | None = None
    shut: frozenset[Kind] = frozenset()


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
    return state._replace(tracking=replace(tracking, open=left, shut=tracking.shut | {kind})), track


def given_back(state: VoltageState, kind: Kind, ended: Bounds) -> VoltageState:
    """What took a kind over has ended, its condition perhaps not: from now on it may begin again."""
    tracking = state.tracking
    if tracking is None or kind not in tracking.shut:
        return state
    return state._replace(tracking=replace(tracking, shut=tracking.shut - {kind}, freed=ended))


def shut_kinds(state: VoltageState) -> frozenset[Kind]:
    return frozenset() if state.tracking is None else state.tracking.shut


def resumed(
    tracks: tuple[Track, ...], rules: Rules, shut: frozenset[Kind] = frozenset(), next_key: int = 1
) -> VoltageState:
    """The state after a restart inside these events: what crossed is still bad until a reading says otherwise.

    shut: kinds that an event of another detector, resumed too, had taken over; next_key: not below this
    """
    next_key = max([next_key, *(track.key + 1 for track in tracks)])
    if not tracks and not shut:
        return VoltageState(None, None, next_key)
    unheard: Instants = (None,) * len(rules.channels)
    volts: list[float | None] = [None] * len(rules.channels)
    for track in tracks:
        for i in track.crossed:
            volts[i] = track.extremes[i]
    tracking = Tracking(tuple(volts), (unheard,) * len(TABLE), unheard, unheard, tracks, shut=shut)
    return VoltageState(None, tracking, next_key)


def _attend(state: VoltageState, look: Look, rules: Rules) -> tuple[VoltageState, tuple[Change, ...]]:
    fresh = tuple((i, volts) for i, volts in enumerate(look.volts) if volts is not None)
    if look.questionable or not fresh:
        return state, ()
    before = state.tracking or _ordinary(state.good, rules)
    after = _heard(before, fresh, look, rules)
    verdict = _Verdict(_view(after, fresh, look, rules), after, state.next_key)
    verdict.judge(after.clear)
    tracks, changes = tuple(verdict.tracks.values()), tuple(verdict.changes)
    if not tracks and verdict.freed is None and not verdict.shut and len(fresh) == len(look.volts):
        return VoltageState(look, None, verdict.next_key), changes
    after = replace(after, open=tracks, freed=verdict.freed, shut=verdict.shut)
    return VoltageState(None, after, verdict.next_key), changes


def _ordinary(good: Look | None, rules: Rules) -> Tracking:
    """What the last quiet look, or none yet, amounts to."""
    unheard: Instants = (None,) * len(rules.channels)
    if good is None:
        return Tracking(unheard, (unheard,) * len(TABLE), unheard, unheard)
    bound: Instants = (good.sent_boot_us - rules.reach_us,) * len(rules.channels)
    return Tracking(good.volts, (bound,) * len(TABLE), unheard, unheard)


def _heard(before: Tracking, fresh: Volts, look: Look, rules: Rules) -> Tracking:
    levels, now_us = rules.levels, look.received_boot_us
    volts = list(before.volts)
    clear = [list(instants) for instants in before.clear]
    low, alive = list(before.low_since), list(before.alive_since)
    for i, value in fresh:
        volts[i] = value
        low[i] = _since(low[i], value < levels.phase, now_us)
        alive[i] = _since(alive[i], value > levels.alive, now_us)
        for row, instants in zip(TABLE, clear, strict=True):
            if not row.beyond(value, levels):
                instants[i] = look.sent_boot_us - rules.reach_us
    return replace(
        before, volts=tuple(volts), clear=tuple(map(tuple, clear)), low_since=tuple(low), alive_since=tuple(alive)
    )


def _since(since_us: int | None, holds: bool, now_us: int) -> int | None:
    if not holds:
        return None
    return now_us if since_us is None else since_us


def _view(tracking: Tracking, fresh: Volts, look: Look, rules: Rules) -> View:
    long_ago_us = look.received_boot_us - rules.thresholds.phase_loss_after_us
    low = tuple(i for i, since in enumerate(tracking.low_since) if since is not None and since <= long_ago_us)
    alive = any(since is not None and since <= long_ago_us for since in tracking.alive_since)
    return View(
        levels=rules.levels,
        reference_v=rules.reference_v,
        fresh=fresh,
        known=tuple((i, volts) for i, volts in enumerate(tracking.volts) if volts is not None),
        lasting=low if alive else (),
        now_us=look.received_boot_us,
        bound_us=look.sent_boot_us - rules.reach_us,
        wired=len(rules.channels),
    )


class _Verdict:
    """One run of the table over one look."""

    def __init__(self, view: View, tracking: Tracking, next_key: int) -> None:
        self.view = view
        self.tracks: dict[Kind, Track] = {track.kind: track for track in tracking.open}
        self.changes: list[Change] = []
        self.next_key = next_key
        self.freed = tracking.freed
        self.shut = tracking.shut

    def judge(self, clear: tuple[Instants, ...]) -> None:
        for row, clear_of_row in zip(TABLE, clear, strict=True):
            track = self.tracks.get(row.kind)
            if track is not None and row.ends(row, self.view.levels, self.view.known, track.crossed):
                self._close(row, track)
            elif track is not None:
                self._carry(row, track)
            elif row.kind in self.shut:
                self._shut(row)
            elif self.tracks.keys().isdisjoint(row.unless) and (crossed := row.begins(row, self.view)):
                if not self._settled(row):
                    continue
                self._open(row, crossed, clear_of_row)
            if row.settles:
                self.freed = None

    def _shut(self, row: Row) -> None:
        if row.ends(row, self.view.levels, self.view.known, ()):
            self.shut -= {row.kind}

    def _settled(self, row: Row) -> bool:
        """Nothing of the loss that kept this row shut can be in this reading's window any more."""
        return not row.settles or self.freed is None or self.view.bound_us >= self.freed.latest_us

    def _open(self, row: Row, crossed: Indices, clear: Instants) -> None:
        view, key = self.view, self.next_key
        self.next_key += 1
        replaced = [self.tracks.pop(kind) for kind in row.replaces if kind in self.tracks]
        if replaced:
            track = carried(taken_over(replaced[0], row, key, crossed), row, view)
        else:
            # What a loss kept shut cannot have begun before that loss ended.
            freed_us = self.freed.earliest_us if row.settles and self.freed is not None else None
            track = begun(row, view, key, crossed, clear, freed_us)
        enclosing = [self.tracks[kind].key for kind in row.inside if kind in self.tracks]
        track = told(replace(track, parent=enclosing[0] if enclosing else None), row, view)
        self.tracks[row.kind] = track
        self.changes.append(change("open", track))
        self.changes += (change("retract", old, f"turned out to be a {row.kind}") for old in replaced)

    def _carry(self, row: Row, track: Track) -> None:
        track = carried(track, row, self.view)
        if worth_telling(track, row, self.view):
            track = told(track, row, self.view)
            self.changes.append(change("update", track))
        self.tracks[row.kind] = track

    def _close(self, row: Row, track: Track) -> None:
        del self.tracks[track.kind]
        span = track.span.ended(self.view.now_us, track.last_bad_us)
        self.changes.append(change("close", replace(track, span=span)))
        if row.shuts:
            self.freed = Bounds(max(track.last_bad_us, span.start_earliest_boot_us), self.view.now_us)
