"""All that is judged from the voltages of one meter, in one place: the quiet path first, then the detectors in turn.

    look in band, nothing open     appended to a list, nothing more; once per 64 looks or minute their means are taken
    any other look                 `voltage` (sag, swell, supply and phase loss), `around` (currents, missing energy)
    means of 64 looks              `rapid` (steps between steady states), `sliding` (the reference)
    means of a minute              `slow` (under- and overvoltage, unbalance)

The detectors share one row of keys, so that an event of one may enclose or take over an event of another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from agent.detect import rapid, voltage
from agent.detect.around import Around
from agent.detect.blocks import LOOKS, MINUTE_US, SPACING_US, Block, Minutes, block_of, stands_for_us
from agent.detect.changes import Change
from agent.detect.sliding import Sliding
from agent.detect.slow import ENCLOSES, SLOW_TABLE, Slow
from agent.detect.thresholds import Rules
from agent.detect.tracking import Bounds
from agent.detect.tracks import Track
from agent.detect.voltage import Look, VoltageState
from agent.detect.watched import longest_pause_us
from agent.records import Kind

_LEAST_REST_US = 10_000_000
# Looks that outlive their block, to compare an event with: a second of them whose windows cannot reach into it.
_CLEAN_US = 1_000_000
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
        self._around = Around(rules, floor_a)
        self._minutes = Minutes(len(rules.channels))
        self._looks: list[Look] = []
        self._kept = 2 + (rules.reach_us + _CLEAN_US) // SPACING_US
        self._map_age_us = rules.age_us
        self._before: Sequence[Look] = ()
        self._clean: Sequence[Look] = ()
        self._last: Look | None = None
        self._due_us = 0
        self._resumed_us: int | None = None
        self._calm = False
        self._judge_by(rules)

    def resume(self, state: VoltageState, slow: Sequence[Track], reference_v: float | None = None) -> None:
        """Go on inside events of an earlier run, before the first look. reference_v: theirs, where it slides."""
        for track in slow:
            for kind in (kind for kind, taker in _TAKES.items() if taker == track.kind):
                state = voltage.shut_for(state, kind, track.crossed)
        self._state, self._slow = state, Slow(slow)
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
    def open_tracks(self) -> tuple[Track, ...]:
        """Of every open event, as it stands."""
        tracking = self._state.tracking
        return (*(() if tracking is None else tracking.open), *self._slow.tracks.values())

    @property
    def is_ordinary(self) -> bool:
        """The last look had every channel, and all of them in band."""
        return self._calm or voltage.is_ordinary(self._state)

    def full_set(self, power_w: float | None, lines: tuple[float, float, float] | None) -> None:
        """What a full set tells: total active power; line-line voltages, where those to neutral are judged."""
        if not self._around:
            self._around.power_w = power_w if power_w is not None else self._around.power_w
        if lines is not None and not self.open_kinds:
            self._minutes.add_lines(lines)

    def look(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        """Judge one look, in the order of requests. wall_us: UTC at its reply, for the minute it belongs to."""
        if self._calm and not look.questionable:
            low_v, high_v = self._low_v, self._high_v
            for volts in look.volts:
                if volts is None or volts < low_v or volts > high_v:
                    break
            else:
                self._last = look
                now_us = look.received_boot_us
                if now_us < self._due_us:
                    return ()
                self._looks.append(look)
                self._due_us = now_us + SPACING_US
                if len(self._looks) < LOOKS and now_us < self._minutes.end_us:
                    return ()
                self._state = VoltageState(look, None, self._state.next_key)
                self._note_pauses((*self._before[-1:], *self._looks))
                return self._settle(look, wall_us)
        return self._attend(look, wall_us)

    def _attend(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        if self._calm:
            self._state = VoltageState(self._last, None, self._state.next_key)
        if self._last is not None:
            self._note_pauses((*(self._looks if self._calm else ()), self._last, look))
        before = self._state
        self._state, changes = voltage.step(before, look, self.rules)
        if look.questionable or all(volts is None for volts in look.volts):
            return changes
        changes = self._linked(changes)
        self._around.look(look, changes, self.rules)
        if changes:
            changes = self._around.told(changes, look, self.rules, self._clean_looks(before), self._last)
        changes += self._shut_looks(before, look)
        if _unsettled(before) != _unsettled(self._state):
            self._cut(look, wall_us)
        else:
            self._keep(look)
            if len(self._looks) >= LOOKS or look.received_boot_us >= self._minutes.end_us:
                changes += self._settle(look, wall_us)
        self._last = look
        self._calm = voltage.is_ordinary(self._state)
        return changes

    def _note_pauses(self, looks: Iterable[Look]) -> None:
        """What lasts was not watched while nobody looked."""
        if not self._slow.tracks:
            return
        longest_us = max(stands_for_us(self.rules), longest_pause_us(self.rules, 0))
        for one, following in pairwise(looks):
            if following.sent_boot_us - one.sent_boot_us > longest_us:
                self._slow.unseen(one.sent_boot_us, following.sent_boot_us, self.rules.reach_us)

    def _keep(self, look: Look) -> None:
        if look.received_boot_us >= self._due_us:
            self._looks.append(look)
            self._due_us = look.received_boot_us + SPACING_US

    def _clean_looks(self, before: VoltageState) -> Sequence[Look]:
        """Ordinary looks before all that is open: kept as they are until nothing is open any more."""
        if not any(_unsettled(before)):
            self._clean = (*self._before, *self._looks)
        return self._clean

    def _linked(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """What opens inside an under- or overvoltage has it as its parent."""
        slow = self._slow.tracks
        if not slow:
            return changes
        return tuple(
            replace(change, parent=slow[ENCLOSES[change.kind]].key)
            if change.action == "open" and change.parent is None and ENCLOSES.get(change.kind) in slow
            else change
            for change in changes
        )

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
        self._before = self._looks if any(_unsettled(self._state)) else ()
        self._looks = [look]
        self._due_us = look.received_boot_us + SPACING_US
        self._rapid, self._resumed_us = rapid.UNKNOWN, None
        self._minutes.restart(look.received_boot_us, MINUTE_US if self.open_kinds else MINUTE_US - wall_us % MINUTE_US)

    def _settle(self, look: Look, wall_us: int) -> tuple[Change, ...]:
        """The means of the looks since the last time, and of the minute if it is over."""
        since_us = self._before[-1].received_boot_us if self._before else None
        if not self._looks:
            self._looks.append(look)
        block = block_of(self._looks, since_us, self.rules)
        self._before, self._looks = self._looks[-self._kept :], []
        self._minutes.add(block)
        changes: tuple[Change, ...] = ()
        if voltage.is_ordinary(self._state):
            changes = self._of_block(block)
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
        for change in changes:
            if change.action == "close":
                self._give_back(change)
        return self._around.told(changes, look, self.rules)

    @property
    def _lost(self) -> tuple[int, ...]:
        """Channels of an open phase_loss: their means say nothing new, and nothing about the others."""
        tracking = self._state.tracking
        tracks = () if tracking is None else tracking.open
        return tuple(i for track in tracks if track.kind == "phase_loss" for i in track.crossed)

    def _take(self, kind: Kind) -> Track | None:
        self._state, track = voltage.taken_from(self._state, kind)
        return track

    def _give_back(self, change: Change) -> None:
        span = change.span
        if span.end_boot_us is None or span.end_earliest_boot_us is None:
            return
        for kind in (kind for kind, slow in _TAKES.items() if slow == change.kind):
            ended = Bounds(span.end_earliest_boot_us, span.end_boot_us)
            self._state = voltage.given_back(self._state, kind, ended)

    def _next_key(self) -> int:
        key = self._state.next_key
        self._state = self._state._replace(next_key=key + 1)
        return key

    def _judge_by(self, rules: Rules) -> None:
        self.rules = rules
        self._low_v, self._high_v = rules.levels.sag, rules.levels.swell


def _unsettled(state: VoltageState) -> tuple[frozenset[Kind], frozenset[Kind]]:
    return voltage.open_kinds(state), voltage.shut_kinds(state)
