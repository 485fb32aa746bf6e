"""All that is judged from the voltages of one meter, in one place: the quiet path first, then the detectors in turn.

    look in band, nothing open     appended to a list, nothing more; once per 64 looks or minute their means are taken
    any other look                 `faults` (what is no sag and no loss), then `voltage` (sag, swell, supply and phase
                                   loss), `around` (currents, missing energy)
    means of 64 looks              `rapid` (steps between steady states), `sliding` (the reference)
                                   and compared with those before: `stale`
    means of a minute              `slow` (under- and overvoltage, unbalance)

The detectors share one row of keys, so that an event of one may enclose or take over an event of another.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from agent.detect import rapid, voltage
from agent.detect.around import Around
from agent.detect.blocks import LOOKS, SPACING_US, Block, Minutes, block_of
from agent.detect.changes import Change, Span
from agent.detect.faults import Faults
from agent.detect.put_by import Looks, together
from agent.detect.residual import Residual
from agent.detect.sliding import Sliding
from agent.detect.slow import SLOW_TABLE, Slow
from agent.detect.stale import Stale
from agent.detect.table import Indices
from agent.detect.thresholds import Rules
from agent.detect.tracking import Bounds
from agent.detect.tracks import Track
from agent.detect.voltage import Look, VoltageState
from agent.records import MINUTE_US, Kind

_LEAST_REST_US = 10_000_000
# Looks that outlive their block, to compare an event with: a second of them whose windows cannot reach into it.
_CLEAN_US = 1_000_000
# Ordinary looks that a fault is compared with.
_LOOKED_BACK = 16
# Power that any meter counts: of its noise floor in one phase at the nominal voltage.
_COUNTED = 10
_TAKES = {kind: row.kind for row in SLOW_TABLE for kind in row.replaces}


class MeterDetector:
    """One meter's. rules: as they stand now; they change only where the reference slides."""

    def __init__(self, rules: Rules, floor_a: float = 0.1) -> None:
        """floor_a: below it a current is noise."""
        self._sliding = Sliding(rules) if rules.reference == "sliding" else None
        self.rules = rules
        self._state = voltage.INITIAL
        self._slow = Slow()
        self._rapid = rapid.UNKNOWN
        self._floor_a = floor_a
        self._around = Around(rules, floor_a)
        self._faults = Faults(floor_a)
        self.stale = Stale(_COUNTED * floor_a * rules.nominal_v)
        self._residual = Residual()
        self._minutes = Minutes(len(rules.channels))
        self._looks = Looks()
        self._kept = 2 + (rules.reach_us + _CLEAN_US) // SPACING_US
        self._map_age_us = rules.age_us
        self._before: Sequence[Look] = ()
        self._clean: Sequence[Look] = ()
        self._last: Look | None = None
        self._due_us = 0
        self._resumed_us: int | None = None
        self._tainted_us = 0  # until then a window may hold a part of what is over
        self._heard: tuple[float | None, ...] | None = None
        self.calm = False  # what is in band goes the quiet way
        self._judge_by(rules)

    def resume(
        self,
        state: VoltageState,
        slow: Sequence[Track],
        reference_v: float | None = None,
        faults: Sequence[Track] = (),
    ) -> None:
        """Go on inside events of an earlier run, before the first look. reference_v: theirs, where it slides."""
        for track in slow:
            for kind in (kind for kind, taker in _TAKES.items() if taker == track.kind):
                state = voltage.shut_for(state, kind, track.crossed)
        self._state, self._slow = state, Slow(slow)
        by_kind = {track.kind: track for track in faults}
        self.stale = Stale(_COUNTED * self._floor_a * self.rules.nominal_v, by_kind.pop("stale_data", None))
        if self.rules.basis == "ll":
            self._residual = Residual(by_kind.pop("earth_fault", None))
        self._faults = Faults(self._floor_a, by_kind.values())
        tracks = state.tracking.open if state.tracking is not None else ()
        self._resumed_us = min((track.span.start_boot_us for track in tracks), default=None)
        if self._sliding is not None and reference_v is not None:
            self._sliding = Sliding(self.rules, reference_v)
            self._judge_by(self._sliding.rules)

    def refreshes(self, age_us: int) -> None:
        """How often the meter renews its values, as seen: slower than its map says makes them older."""
        age_us = max(self._map_age_us, age_us)
        if age_us == self.rules.age_us:
            return
        if self._sliding is not None:
            self._sliding.rules = replace(self._sliding.rules, age_us=age_us)
        self._judge_by(replace(self.rules, age_us=age_us))
        self._around.rest_on(self.rules)

    @property
    def last_look(self) -> Look | None:
        """The last good one."""
        return self._last

    @property
    def open_kinds(self) -> frozenset[Kind]:
        """Of the events that are judged look by look."""
        return voltage.open_kinds(self._state)

    @property
    def faults(self) -> frozenset[Kind]:
        """Kinds of the open faults that are neither sag nor loss."""
        return self._faults.kinds | ({"earth_fault"} if self._residual else set())

    @property
    def current_gone(self) -> Span | None:
        """Since when every phase's current is gone; known where the voltage is another's (`agent.detect.bay`)."""
        return None

    @property
    def heard(self) -> tuple[float | None, ...] | None:
        """What stands for the voltages of the last look in an open fault: None of a failed circuit, line-line voltage
        where the star point has moved; None where they stand for themselves."""
        return self._heard

    @property
    def open_tracks(self) -> tuple[Track, ...]:
        """Of every open event, as it stands."""
        tracking = self._state.tracking
        return (*(() if tracking is None else tracking.open), *self._slow.tracks.values())

    @property
    def is_ordinary(self) -> bool:
        """The last look had every channel, and all of them in band."""
        return self.calm or (voltage.is_ordinary(self._state) and not self._attentive)

    def full_set(self, power_w: float | None, lines: tuple[float, float, float] | None) -> None:
        """What a full set tells: total active power; line-line voltages, where those to neutral are judged."""
        if power_w is not None and not self._around:
            self._around.power_w = power_w
        if lines is not None and not self.open_kinds:
            self._minutes.add_lines(lines)
        if lines is not None and not self.calm:
            self._faults.read_lines(lines)

    def full_values(self, values: Mapping[str, float], now_us: int) -> tuple[Change, ...]:
        """All values of a full set that arrived at now_us: do they still move, is there a residual voltage?"""
        changes = self.stale.full_set(values, self._last, now_us, self.rules, self._next_key)
        residual_v = values.get("voltage_residual")
        if residual_v is not None and self._last is not None and self.rules.basis == "ll":
            changes += self._residual.read(residual_v, self._last, now_us, self.rules, self._next_key)
        if self._attentive:
            self._wake()
        return changes

    def after_silence(self, silent_us: int) -> None:
        """The meter answers again, after so long."""
        self.stale.after_silence(silent_us)
        if self._attentive:
            self._wake()

    @property
    def _attentive(self) -> bool:
        """Every look counts, also one in band."""
        return bool(self._faults) or self.stale.attends

    def look(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        """Judge one look, in the order of requests. wall_us: UTC at its reply, for the minute it belongs to."""
        if self.calm and not look.questionable:
            low_v, high_v = self._low_v, self._high_v
            for volts in look.volts:
                if volts is None or volts < low_v or volts > high_v:
                    break
            else:
                self._last = look
                now_us = look.received_boot_us
                if now_us < self._due_us:
                    return ()
                looks = self._looks
                looks.fresh.append(look)
                self._due_us = now_us + SPACING_US
                if now_us < self._minutes.end_us and (len(looks.fresh) < looks.together or looks.pack() < LOOKS):
                    return ()
                self._state = VoltageState(look, None, self._state.next_key)
                if self._slow.tracks:
                    self._slow.note_pauses((*self._before[-1:], *self._looks.all()), self.rules)
                return self._settle(look, wall_us)
        return self._attend(look, wall_us)

    def _attend(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        if self._last is not None and self._slow.tracks:
            self._slow.note_pauses((*(self._looks.all() if self.calm else ()), self._last, look), self.rules)
        self._wake()
        before = self._state
        faults, look = self._faulted(look)
        self._state, changes = voltage.step(self._state, look, self.rules)
        if look.questionable or all(volts is None for volts in look.volts):
            return faults + changes
        changes = self._slow.enclosing(changes)
        self._around.look(look, changes, self.rules)
        if changes:
            changes = self._around.told(changes, look, self.rules, self._clean_looks(before), self._last)
        changes = faults + changes + self._shut_looks(before, look)
        if self.stale.attends:
            changes += self.stale.look(look, self._last, self.rules, self._next_key)
        changes = self.stale.ends(changes, look, self.rules)
        if _unsettled(before) != _unsettled(self._state):
            self._cut(look, wall_us)
        else:
            self._keep(look)
            if len(self._looks) >= LOOKS or look.received_boot_us >= self._minutes.end_us:
                changes += self._settle(look, wall_us)
        self._last = look
        self.calm = voltage.is_ordinary(self._state) and not self._attentive
        if self.calm:
            self._faults.after((), 0)  # until `_wake` tells them anew
        return changes

    def _wake(self) -> None:
        """Leave the quiet path, with what it has put by."""
        if self.calm:
            self._state = VoltageState(self._last, None, self._state.next_key)
            self._faults.after((*self._before, *self._looks.all())[-_LOOKED_BACK:], self._tainted_us)
            self.calm = False

    def _faulted(self, look: Look) -> tuple[tuple[Change, ...], Look]:
        """What the faults make of a look, and the look as the other detectors are to hear it."""
        if look.questionable or all(volts is None for volts in look.volts):
            return (), look
        changes = self._faults.judge(look, self.rules, self._next_key, self._taken_by_fault)
        heard = self._faults.heard(look, self.rules)
        self._heard = heard.volts if self._faults else None
        self._around.told([change for change in changes if change.action == "retract"], look, self.rules)
        return changes, heard

    def _taken_by_fault(self, kinds: Collection[Kind], since_us: int | None, channels: Indices) -> Sequence[Track]:
        self._state, taken = voltage.without(self._state, kinds, since_us, channels)
        return taken

    def _keep(self, look: Look) -> None:
        if look.received_boot_us >= self._due_us:
            self._looks.add(look)
            self._due_us = look.received_boot_us + SPACING_US

    def _clean_looks(self, before: VoltageState) -> Sequence[Look]:
        """Ordinary looks before all that is open: kept as they are until nothing is open any more."""
        if not any(_unsettled(before)):
            self._clean = (*self._before, *self._looks.all())
        return self._clean

    def _shut_looks(self, before: VoltageState, look: Look) -> tuple[Change, ...]:
        """The conditions that were taken over by a slow event: those that go on deepen it, those that ended may end
        it."""
        changes: tuple[Change, ...] = ()
        for kind in voltage.shut_kinds(before):
            if kind in voltage.shut_kinds(self._state):
                self._slow.deepen(_TAKES[kind], look.volts, look.sent_boot_us - self.rules.reach_us)
            else:
                changes += self._slow.returned(_TAKES[kind], look.volts, self.rules, look.received_boot_us)
        return changes

    def _cut(self, look: Look, wall_us: int) -> None:
        """An event began or ended at this look: no mean shall have parts from both sides."""
        # What lies before the end of an event is not ordinary: nothing later is compared with it.
        self._before, self._clean = (self._looks.all(), self._clean) if any(_unsettled(self._state)) else ((), ())
        self._looks = Looks([look], self._looks.together)
        self._due_us = look.received_boot_us + SPACING_US
        self._rapid, self._resumed_us = rapid.UNKNOWN, None
        self._tainted_us = look.received_boot_us + self.rules.reach_us
        self._minutes.restart(look.received_boot_us, MINUTE_US if self.open_kinds else MINUTE_US - wall_us % MINUTE_US)

    def _settle(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        """The means of the looks since the last time, and of the minute if it is over."""
        since_us = self._before[-1].received_boot_us if self._before else None
        looks = self._looks.all() or [look]
        self._looks = Looks((), together(looks, LOOKS))
        changes = self.stale.block(looks, self.rules, self._next_key)
        block = block_of(looks, since_us, self.rules)
        self._before = looks[-self._kept :]
        self._minutes.add(block)
        if look.lines is not None and not self.open_kinds and not self._faults:
            self._minutes.add_lines(look.lines)
        if changes:
            self._wake()
        if voltage.is_ordinary(self._state):
            changes += self._of_block(block)
        else:
            self._rapid = rapid.UNKNOWN
        if look.received_boot_us >= self._minutes.end_us:
            changes += self._of_minute(look, wall_us)
        return changes

    def _of_block(self, block: Block) -> tuple[Change, ...]:
        if self._sliding is not None:
            self._sliding.add(block)
            self._judge_by(self._sliding.rules)
        self._rapid, changes = rapid.step(self._rapid, block, self.rules, self._next_key)
        return changes

    def _of_minute(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        minute, during = self._minutes.minute(), self.open_kinds
        now_us = look.received_boot_us
        self._minutes.restart(now_us, MINUTE_US if during else MINUTE_US - wall_us % MINUTE_US)
        if self._resumed_us is not None:
            # Of the minute that a resumed sag has lasted the rest must do; but not less than this.
            rest_us = max(_LEAST_REST_US, min(MINUTE_US, self._resumed_us + MINUTE_US - now_us))
            self._minutes.restart(now_us, rest_us, rest_us)
            self._resumed_us = None
        if minute is None:
            return ()
        minute, during = minute.without(self._lost), during - {"phase_loss"}
        changes = self._slow.judge(minute, during, self.rules, self._next_key, self._take)
        for change in (one for one in changes if one.action == "close"):
            self._give_back(change)
        return self._around.told(changes, look, self.rules)

    @property
    def _lost(self) -> tuple[int, ...]:
        """Channels of an open phase_loss: their means say nothing new, and nothing about the others."""
        tracks = () if self._state.tracking is None else self._state.tracking.open
        return tuple(i for track in tracks if track.kind == "phase_loss" for i in track.crossed)

    def _take(self, kind: Kind) -> Track | None:
        self._state, track = voltage.taken_from(self._state, kind)
        return track

    def _give_back(self, change: Change) -> None:
        first_us, last_us = change.span.end_earliest_boot_us, change.span.end_boot_us
        if first_us is None or last_us is None:
            return
        for kind in (kind for kind, slow in _TAKES.items() if slow == change.kind):
            self._state = voltage.given_back(self._state, kind, Bounds(first_us, last_us))

    def _next_key(self) -> int:
        key = self._state.next_key
        self._state = self._state._replace(next_key=key + 1)
        return key

    def _judge_by(self, rules: Rules) -> None:
        self.rules = rules
        self._low_v, self._high_v = rules.levels.sag, rules.levels.swell


def _unsettled(state: VoltageState) -> tuple[frozenset[Kind], frozenset[Kind]]:
    return voltage.open_kinds(state), voltage.shut_kinds(state)
