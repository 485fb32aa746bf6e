"""Faults that look like a sag or a loss and are none: a voltage circuit, a star point to earth, a broken neutral.

    kind           looks like it                       and everything else agrees             ends           takes over
    -------------  ----------------------------------  -------------------------------------  -------------  -----------
    vt_failure     a channel below 30 % that had       every current 0.8-1.25 x before, that  those          sag
                   voltage before; line to line, the   of its phase clear of noise; the       channels       phase_loss
                   two of one phase at 40-65 %, the    other channels within 5 %; for 1 s     above 80 %     supply_loss
                   third whole; all of them below 10 %
    earth_fault    basis le: star point more than      line-line as before within 5 %: as     star point     sag
                   20 % from the middle                read, or by `agent.detect.displaced`   within 15 %    phase_loss
                                                                                                             swell
    neutral_fault  basis ln: highest and lowest more   likewise, and without lines as read    spread         sag
                   than 20 % apart                     one fell and one rose; no low phase    within 15 %    phase_loss
                                                       draws more than loads do by                           swell
                                                       themselves; for 1 s

Two looks at least, and as long as the meter takes to renew its registers. A short circuit raises the current and a dead
feeder has none: neither goes on as before. Once a current was not as before, or where nothing was seen before, half a
minute is waited instead: no short circuit lasts as long. A vt_failure in an earth_fault has it as its parent. An earth
or neutral fault ends, too, when everything is dead, or when its line-line voltages are not even for 10 s.

"Before" are looks in band, or in what has lasted for a minute: inside a sag everything is as it was a moment before.
What is taken over was begun after the last look that still was as before; the fault has its start. While a fault is
open, the table of sags and losses hears something else in its place:

    vt_failure                    the channel is not available: it has no voice, and its voltage is not known; if no
                                  other channel has voltage, it is heard as it is: that is a loss, not a fuse
    earth_fault, neutral_fault    line-line voltage by √3 on every channel: what supply there is
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from agent.detect import fault_words
from agent.detect.changes import Change
from agent.detect.displaced import even_side_v, fits, side_v
from agent.detect.fault_rows import BACK, GONE, ROWS, Before, FaultRow, Lines, Sight, Volts, intact
from agent.detect.suspicion import Suspicion, begun, span_of, sure, weighed
from agent.detect.table import Indices
from agent.detect.thresholds import Rules
from agent.detect.tracks import Track, change
from agent.detect.voltage import Look
from agent.records import Kind

# Raw looks kept while something is not ordinary, to compare with; no closer than this.
_KEPT, _SPACING_US = 16, 190_000
# Out of band for so long, it is how the network is, and what comes next is held against it.
_LASTS_US = 60_000_000
# Line-line voltages that are no longer even for so long: it is something else by now.
_LAPSES_US = 10_000_000
# Told anew when a voltage has moved by this part of the nominal one, and not more often than that.
_MOVED, _UPDATE_EVERY_US = 0.05, 1_000_000
_EVEN, _LEAST = 0.05, 0.8
KINDS: frozenset[Kind] = frozenset(row.kind for row in ROWS)

# Gives up the open events of these kinds that began after an instant (None: all), and the last words of these channels.
Take = Callable[[Collection[Kind], int | None, Indices], Sequence[Track]]


@dataclass(frozen=True, slots=True)
class Open:
    """before: what line-line voltages are held against, followed as they drift; uneven_us: since when they are not
    even; explains: channels whose voltage it has taken"""

    track: Track
    before: Before | None
    uneven_us: int | None = None
    explains: Indices = ()


class Faults:
    """One meter's. Empty while no fault is open."""

    def __init__(self, floor_a: float, tracks: Iterable[Track] = ()) -> None:
        """floor_a: below it a current is noise; tracks: of an earlier run"""
        self._floor_a = floor_a
        self._open: dict[Kind, Open] = {track.kind: Open(replace(track, told_worst=0.0), None) for track in tracks}
        self._suspicions: dict[Kind, Suspicion] = {}
        self._recent: deque[Look] = deque(maxlen=_KEPT)
        self._lines: Lines | None = None
        self._out_us: int | None = None
        # A fault ended then: a window that still holds a part of it says nothing, but for a loss.
        self._over_us: int | None = None
        self._bad_us: int | None = None  # a look out of band came last then

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(self._open)

    def after(self, looks: Iterable[Look], tainted_us: int) -> None:
        """The ordinary looks before what is going to be judged. tainted_us: up to then they may show something else."""
        self._recent.clear()
        self._recent.extend(look for look in looks if look.sent_boot_us > tainted_us)
        self._suspicions.clear()

    def read_lines(self, lines: Lines) -> None:
        """Line-line voltages of a full set, on a meter that is judged by others."""
        self._lines = lines

    def judge(self, look: Look, rules: Rules, next_key: Callable[[], int], take: Take) -> tuple[Change, ...]:
        """One look as it was read, in the order of requests; take: see `Take`."""
        changes: list[Change] = []
        lowest, spread = _shape(look, rules)
        for row in ROWS:
            if row.kind in self._open:
                changes += self._carry(row, look, rules)
            if rules.basis not in row.bases or not row.may(lowest, spread, rules.basis):
                self._suspicions.pop(row.kind, None)
            elif row.kind not in self._open or row.kind == "vt_failure":
                changes += self._suspect(row, look, rules, next_key, take)
        if not self._suspicions and not self._open:
            self._lines = None
        self._put_by(look, rules)
        return tuple(changes)

    def _put_by(self, look: Look, rules: Rules) -> None:
        """To compare later ones with, if it is no part of what may be about to become a fault."""
        now_us, levels = look.received_boot_us, rules.levels
        out = any(one is not None and not levels.sag <= one <= levels.swell for one in look.volts)
        self._out_us = (self._out_us or now_us) if out and not self._open else None
        self._bad_us = now_us if out else self._bad_us
        if self._out_us is not None and now_us - self._out_us < _LASTS_US:
            return
        if not out and self._bad_us is not None and look.sent_boot_us - rules.reach_us <= self._bad_us:
            return  # its window may hold a part of what is over
        if not self._recent or now_us - self._recent[-1].received_boot_us >= _SPACING_US:
            self._recent.append(look)

    def heard(self, look: Look, rules: Rules) -> Look:
        """The look as the table of sags and losses is to hear it."""
        volts = look.volts
        if self._over_us is not None and look.sent_boot_us - rules.reach_us <= self._over_us:
            volts = volts if _dead(volts, rules) else (None,) * len(volts)
        elif not self._open.keys().isdisjoint(("earth_fault", "neutral_fault")):
            volts = self._by_lines(look, rules)
        elif self._failed(look, rules) and not self._dead_beside(look, rules):
            volts = self._without_failed(look, rules)
        return look if volts is look.volts else look._replace(volts=volts)

    def _by_lines(self, look: Look, rules: Rules) -> Volts:
        volts = self._without_failed(look, rules)
        if None in volts:
            return (None,) * len(volts)
        if look.lines is not None and even_side_v(look.lines, _EVEN) is None:
            return tuple(line / sqrt(3) for line in look.lines)
        # A window that holds the end of it makes too large a triangle: geometry proves no swell.
        side = side_v([one for one in volts if one is not None])
        return (min(side / sqrt(3), rules.levels.swell),) * len(volts)

    def _failed(self, look: Look, rules: Rules) -> Indices:
        """Channels whose voltage circuit has failed and is not back."""
        fault = self._open.get("vt_failure")
        back_v = BACK * rules.nominal_v
        return () if fault is None else tuple(i for i in fault.track.crossed if (look.volts[i] or 0.0) < back_v)

    def _without_failed(self, look: Look, rules: Rules) -> Volts:
        failed = self._failed(look, rules)
        return tuple(None if i in failed else volts for i, volts in enumerate(look.volts)) if failed else look.volts

    def _dead_beside(self, look: Look, rules: Rules) -> bool:
        """The channels that have not failed are all read, and dead: so are those that have."""
        failed = self._failed(look, rules)
        return _dead([volts for i, volts in enumerate(look.volts) if i not in failed], rules)

    def _sight(self, look: Look, before: Before | None, rules: Rules, *, doubted: bool = False) -> Sight:
        volts = self._without_failed(look, rules)
        return Sight(look, volts, before, rules, self._floor_a, look.lines or self._lines, doubted)

    def _suspect(
        self, row: FaultRow, look: Look, rules: Rules, next_key: Callable[[], int], take: Take
    ) -> list[Change]:
        suspicion = self._suspicions.get(row.kind) or begun(look, self._recent, rules)
        sight = self._sight(look, suspicion.before, rules, doubted=suspicion.doubted)
        crossed = self._unexplained(row.suspects(sight))
        if not crossed:
            self._suspicions.pop(row.kind, None)
            return []
        suspicion = weighed(row, suspicion, sight, crossed)
        self._suspicions[row.kind] = suspicion
        if not sure(row, suspicion, look, rules):
            return []
        del self._suspicions[row.kind]
        if row.kind in self._open:
            return self._widen(row, suspicion, sight, take)
        return self._begin(row, suspicion, sight, next_key(), take)

    def _unexplained(self, crossed: Indices) -> Indices:
        """What an earth fault has taken is no matter of the voltage circuit, however long it lasts."""
        return tuple(i for i in crossed if all(i not in fault.explains for fault in self._open.values()))

    def _begin(self, row: FaultRow, suspicion: Suspicion, sight: Sight, key: int, take: Take) -> list[Change]:
        taken = take(row.takes, suspicion.clean_us, suspicion.crossed)
        track = Track(
            kind=row.kind,
            key=key,
            span=span_of(suspicion, sight.rules),
            last_bad_us=sight.look.sent_boot_us - sight.rules.reach_us,
            extremes=sight.look.volts,
            crossed=suspicion.crossed,
            parent=next((self._open[kind].track.key for kind in row.inside if kind in self._open), None),
            open_at_start=suspicion.clean_us is None,
        )
        if taken:
            oldest = min(taken, key=lambda one: one.span.start_boot_us)
            extremes = _merged(oldest.extremes, sight.look.volts, sight.rules)
            track = replace(
                track, span=oldest.span, extremes=extremes, open_at_start=oldest.open_at_start,
                supersedes=tuple(old.key for old in taken),
            )  # fmt: skip
        track = _told(track, sight)
        self._open[row.kind] = Open(track, suspicion.before)
        if row.kind != "vt_failure":
            self._anew(suspicion.first.received_boot_us)
        return [fault_words.change_of("open", track, sight), *_retracted(taken, row.kind)]

    def _anew(self, since_us: int) -> None:
        """The network is another since then: nothing older is compared with, nothing suspected on its account."""
        self._suspicions.clear()
        recent = [look for look in self._recent if look.received_boot_us >= since_us]
        self._recent.clear()
        self._recent.extend(recent)

    def _widen(self, row: FaultRow, suspicion: Suspicion, sight: Sight, take: Take) -> list[Change]:
        """One more channel of the same fault."""
        fault = self._open[row.kind]
        taken = take(row.takes, suspicion.clean_us, suspicion.crossed)
        crossed = tuple(sorted({*fault.track.crossed, *suspicion.crossed}))
        track = _told(replace(fault.track, crossed=crossed), sight)
        self._open[row.kind] = replace(fault, track=track)
        return [fault_words.change_of("update", track, sight), *_retracted(taken, row.kind)]

    def _carry(self, row: FaultRow, look: Look, rules: Rules) -> list[Change]:
        fault, now_us = self._open[row.kind], look.received_boot_us
        sight = self._sight(look, fault.before, rules)
        fault = _followed(row, fault, sight)
        lapsed = fault.uneven_us is not None and now_us - fault.uneven_us >= _LAPSES_US
        if lapsed or (None not in look.volts and row.ends(sight, fault.track.crossed)):
            del self._open[row.kind]
            self._anew(now_us)
            self._over_us = now_us
            span = fault.track.span.ended(now_us, fault.track.last_bad_us)
            return [change("close", replace(fault.track, span=span))]
        extremes = _merged(fault.track.extremes, look.volts, rules)
        track = replace(fault.track, extremes=extremes, last_bad_us=look.sent_boot_us - rules.reach_us)
        if not track.told_worst:  # of an earlier run, which told it
            track = _told(track, sight)
        self._open[row.kind] = replace(fault, track=track)
        if row.kind == "vt_failure" or not _worth_telling(track, rules, now_us):
            return []
        track = _told(track, sight)
        self._open[row.kind] = replace(fault, track=track)
        return [fault_words.change_of("update", track, sight)]


def _dead(volts: Sequence[float | None], rules: Rules) -> bool:
    return bool(volts) and all(one is not None and one < rules.levels.loss for one in volts)


def _shape(look: Look, rules: Rules) -> tuple[float, float]:
    """The lowest voltage and the spread of all, in pu."""
    known = [one for one in look.volts if one is not None]
    return min(known) / rules.nominal_v, (max(known) - min(known)) / rules.nominal_v


def _followed(row: FaultRow, fault: Open, sight: Sight) -> Open:
    """Line-line voltages drift in an hour: what they are held against drifts with them while they are even."""
    three = sight.three
    if row.kind == "vt_failure" or three is None:
        return replace(fault, uneven_us=None)
    # After a restart nothing is known of before: any side that a network may have will do.
    known = fault.before is not None or not fits(three, side_v(three), _EVEN) or side_v(three) < _LEAST * sight.side
    if known and not intact(sight):
        since_us = sight.look.received_boot_us if fault.uneven_us is None else fault.uneven_us
        return replace(fault, uneven_us=since_us)
    phase_v = side_v(three) / sqrt(3)
    low = {i for i in sight.known if sight.pu(i) < GONE}
    explains = tuple(sorted(low.union(fault.explains)))
    return replace(fault, before=Before((phase_v,) * 3, (None, None, None)), uneven_us=None, explains=explains)


def _merged(extremes: Volts, volts: Volts, rules: Rules) -> Volts:
    """Per channel what is farthest from the nominal voltage."""
    return tuple(
        new if old is None else old if new is None else max(old, new, key=lambda one: abs(one - rules.nominal_v))
        for old, new in zip(extremes, volts, strict=True)
    )


def _farthest_v(track: Track, rules: Rules) -> float:
    return max((abs(one - rules.nominal_v) for one in track.extremes if one is not None), default=0.0)


def _told(track: Track, sight: Sight) -> Track:
    farthest_v = _farthest_v(track, sight.rules)
    return replace(track, told_us=sight.look.received_boot_us, told_worst=farthest_v, told_crossed=len(track.crossed))


def _worth_telling(track: Track, rules: Rules, now_us: int) -> bool:
    moved_v = _farthest_v(track, rules) - track.told_worst
    return moved_v > _MOVED * rules.nominal_v and now_us - track.told_us >= _UPDATE_EVERY_US


def _retracted(taken: Iterable[Track], kind: Kind) -> list[Change]:
    return [change("retract", old, f"turned out to be {fault_words.A[kind]}") for old in taken]
