"""Everything that happens to one meter's answers, in a straight line of calls:
sample -> comms, voltages -> events; sample -> window -> readings; both -> journal and board.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from agent.clock import Clock
from agent.detect import comms, voltage
from agent.detect.book import Book
from agent.detect.changes import Change
from agent.detect.comms import COMMS_INITIAL
from agent.detect.supply import supply
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look
from agent.poll.window import Window
from agent.records import Comms, Event, MeterStatus, Miss, Reading, Sample, Supply
from agent.status.board import Board
from agent.tidied import tidied_event, tidied_reading

log = logging.getLogger("lamplighter.detect")

# A resonance may double a voltage, a lost neutral brings up to 1.73 of it; ten times it is a broken register.
_HIGHEST_PU = 10.0

Standing = tuple[Supply, Mapping[str, Supply], Comms]


class Keeps(Protocol):
    """What the pipeline needs of the journal."""

    def add_reading(self, reading: Reading) -> object: ...

    def add_event(self, event: Event) -> object: ...


class MeterPipeline:
    """One meter: its detectors, its open events, its reading in the making.

    keys: the quantity ids under which a sample carries the rules' channels, in their order.
    """

    def __init__(
        self,
        meter: str,
        rules: Rules,
        keys: tuple[str, ...],
        book: Book,
        window: Window,
        clock: Clock,
        journal: Keeps,
        board: Board,
    ) -> None:
        self._meter = meter
        self._rules = rules
        self._keys = keys
        self._book = book
        self._window = window
        self._clock = clock
        self._journal = journal
        self._board = board
        self._voltage = voltage.INITIAL
        self._comms = COMMS_INITIAL
        self._volts: tuple[float | None, ...] | None = None
        self._asked_us: int | None = None
        self._watch_s: float | None = None
        self._standing: Standing = (*supply(None, rules, "suspect"), "suspect")
        self._all_live = False
        board.add(self.status)

    def resume(self, events: Iterable[Event], readings: Collection[Reading] = ()) -> None:
        """Take up the open events that another run left in the journal, and say them again as they stand."""
        resumed = self._book.resume(events, readings)
        self._voltage, self._comms = resumed.voltage, resumed.comms
        for event in (*self._book.open_events, *(abandoned(orphan, self._clock) for orphan in resumed.orphans)):
            self._journal.add_event(event)
        self._board.changed.set()

    def on_sample(self, sample: Sample) -> None:
        if self._quiet(sample):
            return
        sample = self._plausible(sample)
        self._comms, changes = comms.answered(self._comms, sample.sent_boot_us, sample.received_boot_us)
        if not sample.full:
            changes += self._look(sample)
        self._tell(changes, sample.received_boot_us)
        wall_us = self._clock.wall_us
        self._keep(self._window.add(sample, wall_us(sample.sent_boot_us), wall_us(sample.received_boot_us)))
        self._note_standing()

    def _quiet(self, sample: Sample) -> bool:
        """What nearly every sample is: a look at which every channel is in band, as it was at the look before. All that
        can come of it is done here at a fifth of the cost; whatever else it may be is left as it is, and False."""
        state = self._voltage
        if sample.full or not self._all_live or state.good is None or self._comms.silence is not None:
            return False
        _, sent_us, received_us, values, _, quality, _ = sample
        volts = [values[key] for key in self._keys if key in values]
        if quality != "good" or len(volts) != len(self._keys) or not self._window.calm(volts):
            return False
        offset_us = self._clock.offset_us
        if not self._window.put_by(sample, received_us + offset_us):
            self._keep(self._window.add(sample, sent_us + offset_us, received_us + offset_us))
        self._watch_s = None if self._asked_us is None else (sent_us - self._asked_us) / 1e6
        self._asked_us, self._volts = sent_us, tuple(volts)
        self._voltage = voltage.ordinary(state, sent_us, received_us, self._volts)
        self._comms = comms.heard(self._comms, received_us)
        return True

    def on_miss(self, miss: Miss) -> None:
        words = f"{miss.outcome}: {miss.detail}" if miss.detail else miss.outcome
        self._comms, changes = comms.missed(self._comms, miss.deadline_boot_us, miss.sent_boot_us, words)
        self._tell(changes, self._clock.boot_us())
        self._keep(self._window.flush(self._clock.wall_us()))
        self._note_standing()

    @property
    def troubled(self) -> bool:
        """Something goes on with its voltages: bounds depend on how soon they are read again."""
        return self._voltage.tracking is not None and bool(voltage.open_kinds(self._voltage))

    def refreshes(self, refresh_us: int) -> None:
        """How often the meter renews its values, as learnt: more slowly than its map says makes them older."""
        self._rules = replace(self._rules, age_us=max(self._rules.age_us, refresh_us))

    def status(self) -> MeterStatus:
        last_good_us = self._comms.last_good_us
        return MeterStatus(
            meter=self._meter,
            supply=self._standing[0],
            supply_by_phase=self._standing[1],
            comms=self._standing[2],
            last_good_us=None if last_good_us is None else self._clock.wall_us(last_good_us),
            open_events=tuple(event.id for event in self._book.open_events),
        )

    def _plausible(self, sample: Sample) -> Sample:
        """A voltage that no network has is no voltage: absent, and the reading says so."""
        highest_v = _HIGHEST_PU * self._rules.reference_v
        get = sample.values.get
        for key in self._keys:
            if not 0 <= get(key, 0.0) <= highest_v:
                break
        else:
            return sample
        self._window.flag("out_of_range")
        values = {
            key: value for key, value in sample.values.items() if key not in self._keys or 0 <= value <= highest_v
        }
        return sample._replace(values=values)

    def _look(self, sample: Sample) -> tuple[Change, ...]:
        volts = tuple(map(sample.values.get, self._keys))
        asked_us, self._asked_us = self._asked_us, sample.sent_boot_us
        self._watch_s = None if asked_us is None else (sample.sent_boot_us - asked_us) / 1e6
        look = Look(sample.sent_boot_us, sample.received_boot_us, volts, sample.quality != "good")
        self._volts = volts
        self._voltage, changes = voltage.step(self._voltage, look, self._rules)
        return changes

    def _tell(self, changes: tuple[Change, ...], at_boot_us: int) -> None:
        if not changes:
            return
        for event in self._book.revise(changes, at_boot_us, self._watch_s):
            self._journal.add_event(tidied_event(event))
            log.info("event.%s id=%s kind=%s meter=%s", event.state, event.id, event.kind, event.meter)
        self._board.changed.set()

    def _keep(self, reading: Reading | None) -> None:
        if reading is not None:
            reading = tidied_reading(reading)
            self._journal.add_reading(reading)
            self._board.put_reading(reading)

    def _note_standing(self) -> None:
        heard = comms.comms(self._comms)
        now = (*supply(self._volts, self._rules, heard, voltage.open_kinds(self._voltage)), heard)
        if now != self._standing:
            self._standing = now
            self._all_live = heard == "ok" and set(now[1].values()) == {"live"}
            self._board.changed.set()


def abandoned(orphan: Event, clock: Clock) -> Event:
    """An event that this site file can no longer continue: what was seen stays true, its end is not known.

    Retracting it was rejected: the beginning was measured. Leaving it open was, too: nobody would ever close it.
    """
    reason = "no longer observed: the site file changed between two runs of the agent; the end is not known"
    return replace(
        orphan,
        state="closed",
        revision=orphan.revision + 1,
        reported_us=clock.wall_us(),
        evidence=(*orphan.evidence, reason),
    )
