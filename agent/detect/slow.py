"""What lasts: under- and overvoltage and unbalance, judged once a minute on 1-min means.

    kind          begins with a minute in which            ends with one in which   takes over          parent
    ------------  ---------------------------------------  -----------------------  ------------------  ---------------
    undervoltage  any mean < low limit                     all >= low + 0.5 %       sag all through it  -
    overvoltage   any mean > high limit                    all <= high - 0.5 %      swell likewise      -
    unbalance     u2 > 2 % (line-line voltages known), or  u2 <= 1.8 %, or          -                   undervoltage or
                  phase magnitude unbalance > 4 %          magnitude <= 3.6 %                           overvoltage

Where only magnitudes are known, an under- or overvoltage has said already that a phase is off: no unbalance begins
inside it.

The channels of an open phase_loss are left out of a minute. A sag and a swell at once, as a lost neutral makes them,
are taken over each by its own row. An event inside an under- or overvoltage, on a channel that is not its own, does not
make it deeper.

A minute with another event in it opens and closes nothing: its mean says how deep that event was, not how the voltage
stands. So a minute is cut short when a voltage event begins or ends, and the one that begins with a sag or swell is
judged only by the row that takes it over: that is "a sag that lasts over a minute". Such an undervoltage ends as the
sag would have, if every voltage is then within the limit; any other with its minutes:

    start_earliest  the first request of the last good minute, moved back by age and window: had the voltage been
                    beyond the limit by then, so would that minute's mean
    start           the last reply of the first bad minute; of one that took over, the start of what it took over
    end_earliest    the first request of the last bad minute, moved back likewise
    end             the last reply of the first good minute
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise

from agent.detect.blocks import Minute, Volts, stands_for_us
from agent.detect.changes import Change, Figure, Span
from agent.detect.table import Indices
from agent.detect.thresholds import Rules
from agent.detect.tracks import Track, change
from agent.detect.unbalance import figure_of
from agent.detect.voltage import Look
from agent.detect.watched import Watched, longest_pause_us
from agent.records import Kind

# Of the nominal voltage: what a class 0.5 meter cannot tell must not open and close an event every minute.
_BACK = 0.005
# EN 50160 and GB/T 15543: u2 up to 2 %; GB/T 15543 short-term 4 %, taken for phase magnitudes, which carry the zero
# sequence of ordinary single-phase loads on top.
UNBALANCE_PCT = {"iec_u2": 2.0, "phase_magnitude": 4.0}
_UNBALANCE_BACK = 0.9
# Told anew when an extreme moved by this part of the nominal voltage, or the figure by so many points.
_MOVED, _MOVED_POINTS = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class SlowRow:
    """begins: the channels that make it begin or go on; ends: the minute is good; beside: kinds on other channels,
    which say nothing about these."""

    kind: Kind
    begins: Callable[[Minute, Rules], Indices]
    ends: Callable[[Minute, Rules], bool]
    worst: Callable[[float, float], float] = min
    replaces: tuple[Kind, ...] = ()
    beside: tuple[Kind, ...] = ()
    inside: tuple[Kind, ...] = ()
    figure: Callable[[Minute, Rules], Figure | None] = lambda minute, rules: None


def _read(minute: Minute) -> list[tuple[int, float]]:
    return [(i, mean) for i, mean in enumerate(minute.means) if mean is not None]


def _low(minute: Minute, rules: Rules) -> Indices:
    return tuple(i for i, mean in _read(minute) if mean < rules.limits_v[0])


def _high(minute: Minute, rules: Rules) -> Indices:
    return tuple(i for i, mean in _read(minute) if mean > rules.limits_v[1])


def not_low(volts: Volts, rules: Rules) -> bool:
    return all(one is None or one >= rules.limits_v[0] + _BACK * rules.nominal_v for one in volts)


def not_high(volts: Volts, rules: Rules) -> bool:
    return all(one is None or one <= rules.limits_v[1] - _BACK * rules.nominal_v for one in volts)


def _unbalance(minute: Minute, rules: Rules) -> Figure | None:
    """None without three phases: a missing one is a phase_loss, not a number. None, too, where line-line voltages are
    read less than once a minute: two figures that take turns would open and close events. Voltages to earth are
    unequal in any network that is not earthed."""
    volts = [mean for mean in minute.means if mean is not None]
    if len(volts) != 3 or min(volts) < rules.levels.phase or (rules.basis != "ll" and minute.lines_missing):
        return None
    if rules.basis == "le" and minute.lines is None:
        return None
    return figure_of(volts if rules.basis == "ll" else minute.lines, volts)


def _unequal(minute: Minute, rules: Rules) -> Indices:
    figure = _unbalance(minute, rules)
    return (0, 1, 2) if figure is not None and figure.percent > UNBALANCE_PCT[figure.name] else ()


def _equal(minute: Minute, rules: Rules) -> bool:
    figure = _unbalance(minute, rules)
    return figure is not None and figure.percent <= _UNBALANCE_BACK * UNBALANCE_PCT[figure.name]


SLOW_TABLE = (
    SlowRow("undervoltage", _low, lambda minute, rules: not_low(minute.means, rules), min, ("sag",), ("swell",)),
    SlowRow("overvoltage", _high, lambda minute, rules: not_high(minute.means, rules), max, ("swell",), ("sag",)),
    SlowRow("unbalance", _unequal, _equal, inside=("undervoltage", "overvoltage"), figure=_unbalance),
)
_KINDS: tuple[Kind, ...] = tuple(row.kind for row in SLOW_TABLE)
# Phase voltages that differ by no more than this, of the nominal voltage, are not unbalanced by any figure.
_EVEN = 0.01


def _quiet(minute: Minute, rules: Rules) -> bool:
    """None of the rows can begin: the usual case, at a tenth of what it costs to ask each of them."""
    try:
        lowest, highest = min(minute.means), max(minute.means)  # type: ignore[type-var]
    except TypeError:
        return False
    low_v, high_v = rules.limits_v
    even = highest - lowest <= _EVEN * rules.nominal_v and minute.lines is None  # type: ignore[operator]
    return even and low_v <= lowest and highest <= high_v  # type: ignore[operator]


# Which of these encloses a later event of the other table.
ENCLOSES: dict[Kind, Kind] = {
    "sag": "undervoltage",
    "supply_loss": "undervoltage",
    "phase_loss": "undervoltage",
    "swell": "overvoltage",
}


class Slow:
    """The open events of the table, and per row the bound of the last minute that was good."""

    def __init__(self, tracks: Iterable[Track] = ()) -> None:
        self.tracks: dict[Kind, Track] = {track.kind: track for track in tracks}
        self._clear: dict[Kind, int] = {}

    def judge(
        self,
        minute: Minute,
        during: Collection[Kind],
        rules: Rules,
        next_key: Callable[[], int],
        take: Callable[[Kind], Track | None],
    ) -> tuple[Change, ...]:
        """during: the voltage events that were open all through this minute; take: ends one of them, to be replaced"""
        if not self.tracks and not during and _quiet(minute, rules):
            self._clear = dict.fromkeys(_KINDS, minute.bound_us)
            return ()
        changes: list[Change] = []
        for row in SLOW_TABLE:
            if set(during) <= {*row.replaces, *row.beside}:
                changes += self._judge_row(row, minute, during, rules, next_key, take)
        return tuple(changes)

    def _judge_row(
        self,
        row: SlowRow,
        minute: Minute,
        during: Collection[Kind],
        rules: Rules,
        next_key: Callable[[], int],
        take: Callable[[Kind], Track | None],
    ) -> list[Change]:
        crossed, track = row.begins(minute, rules), self.tracks.get(row.kind)
        if not crossed:
            self._clear[row.kind] = minute.bound_us
        if track is not None and row.ends(minute, rules):
            del self.tracks[row.kind]
            return [_closed(track, minute.end_us, track.last_bad_us)]
        if track is not None:
            return self._carry(row, track, minute, crossed, during, rules)
        if crossed and not self._said_already(row, minute, rules):
            taken = filter(None, (take(kind) for kind in during if kind in row.replaces))
            return self._open(row, minute, crossed, rules, next_key(), taken)
        return []

    def _said_already(self, row: SlowRow, minute: Minute, rules: Rules) -> bool:
        figure = row.figure(minute, rules)
        by_magnitude = figure is not None and figure.name == "phase_magnitude"
        return by_magnitude and not self.tracks.keys().isdisjoint(row.inside)

    def returned(self, kind: Kind, volts: Volts, rules: Rules, now_us: int) -> tuple[Change, ...]:
        """The condition that this event took over has ended at this look: so has the event, if within the limit."""
        track = self.tracks.get(kind)
        within = not_low if kind == "undervoltage" else not_high
        if track is None or not within(_only(volts, track.crossed), rules):
            return ()
        del self.tracks[kind]
        return (_closed(track, now_us, track.last_bad_us),)

    def enclosing(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """What opens inside an under- or overvoltage has it as its parent."""
        if not self.tracks:
            return changes
        return tuple(
            replace(change, parent=self.tracks[ENCLOSES[change.kind]].key)
            if change.action == "open" and change.parent is None and ENCLOSES.get(change.kind) in self.tracks
            else change
            for change in changes
        )

    def note_pauses(self, looks: Iterable[Look], rules: Rules) -> None:
        """What lasts was not watched while nobody looked."""
        longest_us = max(stands_for_us(rules), longest_pause_us(rules, 0))
        for one, following in pairwise(looks):
            if following.sent_boot_us - one.sent_boot_us > longest_us:
                self.unseen(one.sent_boot_us, following.sent_boot_us, rules.reach_us)

    def deepen(self, kind: Kind, volts: Volts, bound_us: int) -> None:
        """A look at which the condition that was taken over went on."""
        track = self.tracks.get(kind)
        if track is not None:
            worst = max if kind == "overvoltage" else min
            extremes = _merged(track.extremes, _only(volts, track.crossed), worst)
            self.tracks[kind] = replace(track, extremes=extremes, last_bad_us=max(track.last_bad_us, bound_us))

    def unseen(self, from_us: int, until_us: int, reach_us: int) -> None:
        """Nobody looked in between: what goes on after it need not have gone on all the time."""
        for kind, track in self.tracks.items():
            watched = _watched(track)
            seen_us = min(from_us, watched.until_us)
            watched = watched._replace(until_us=seen_us, seen_us=float(max(0, seen_us - watched.since_us)))
            watched = watched.paused(until_us, until_us, 1.0, until_us - from_us)
            self.tracks[kind] = replace(track, watched=watched._replace(reach_us=reach_us))

    def _open(
        self, row: SlowRow, minute: Minute, crossed: Indices, rules: Rules, key: int, taken: Iterable[Track]
    ) -> list[Change]:
        clear_us = self._clear.get(row.kind)
        track = Track(
            kind=row.kind,
            key=key,
            span=Span(minute.end_us, minute.bound_us if clear_us is None else clear_us),
            last_bad_us=minute.bound_us,
            extremes=minute.means,
            crossed=crossed,
            parent=next((self.tracks[kind].key for kind in row.inside if kind in self.tracks), None),
            open_at_start=clear_us is None,
            figure=row.figure(minute, rules),
            watched=Watched(minute.end_us, minute.end_us, rules.reach_us),
        )
        retracted = []
        for old in taken:
            channels = tuple(sorted({*old.crossed, *crossed}))
            extremes = _merged(old.extremes, _only(minute.means, channels), row.worst)
            track = replace(
                track, span=old.span, extremes=extremes, open_at_start=old.open_at_start, last_bad_us=old.last_bad_us,
                supersedes=(old.key,), crossed=channels, watched=old.watched,
            )  # fmt: skip
            retracted.append(change("retract", old, f"turned out to be an {row.kind}"))
        self.tracks[row.kind] = track = _told(track, row, minute.end_us)
        return [change("open", track), *retracted]

    def _carry(
        self, row: SlowRow, track: Track, minute: Minute, crossed: Indices, during: Collection[Kind], rules: Rules
    ) -> list[Change]:
        if not set(during).isdisjoint(row.replaces):
            # An event inside it, with a parent: its voltages are its own.
            last_bad_us = (
                max(track.last_bad_us, minute.bound_us) if set(crossed) & set(track.crossed) else track.last_bad_us
            )
            self.tracks[row.kind] = replace(track, last_bad_us=last_bad_us)
            return []
        figure = row.figure(minute, rules)
        if figure is None or (track.figure is not None and track.figure.percent >= figure.percent):
            figure = track.figure
        track = replace(
            track,
            last_bad_us=max(track.last_bad_us, minute.bound_us) if crossed else track.last_bad_us,
            crossed=tuple(sorted({*track.crossed, *crossed})),
            extremes=_merged(track.extremes, minute.means, row.worst),
            figure=figure,
        )
        told = _told(track, row, minute.end_us)
        least = _MOVED_POINTS if track.figure is not None else _MOVED * rules.nominal_v
        if abs(told.told_worst - track.told_worst) > least or told.told_crossed > track.told_crossed:
            self.tracks[row.kind] = told
            return [change("update", told)]
        self.tracks[row.kind] = track
        return []


def _told(track: Track, row: SlowRow, now_us: int) -> Track:
    volts = [one for one in track.extremes if one is not None]
    size = reduce(row.worst, volts) if track.figure is None else track.figure.percent
    return replace(track, told_us=now_us, told_worst=size, told_crossed=len(track.crossed))


def _closed(track: Track, end_us: int, last_bad_us: int) -> Change:
    last_bad_us = min(last_bad_us, end_us)
    return change("close", replace(track, span=track.span.ended(end_us, last_bad_us), watched=_watched(track)))


def _watched(track: Track) -> Watched:
    """As of now. It rests on means: what lies within a window changes nothing. Its bounds reach back already."""
    watched = track.watched
    if watched is None:
        watched = Watched(track.span.start_boot_us, track.span.start_boot_us, 0)
    until_us = track.last_bad_us + watched.reach_us
    seen_us = float(max(0, until_us - watched.since_us))
    return watched._replace(until_us=until_us, part=1.0, seen_us=seen_us, proven_us=watched.watched_us)


def _only(volts: Volts, channels: Indices) -> Volts:
    return tuple(one if i in channels else None for i, one in enumerate(volts))


def _merged(extremes: Volts, volts: Volts, worst: Callable[[float, float], float]) -> Volts:
    return tuple(
        new if old is None else old if new is None else worst(old, new)
        for old, new in zip(extremes, volts, strict=True)
    )
