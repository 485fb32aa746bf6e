"""Everything that happens to one meter's answers, in a straight line of calls:
sample -> comms, voltages -> events; sample -> window -> readings; both -> journal and board.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping

from agent.clock import STEP_US, Clock
from agent.detect import comms
from agent.detect.bay import BayDetector
from agent.detect.book import Book
from agent.detect.book_state import understood
from agent.detect.changes import Change
from agent.detect.comms import COMMS_INITIAL
from agent.detect.ending import abandoned
from agent.detect.meter import MeterDetector
from agent.detect.meter_log import MeterLog, Seeing
from agent.detect.recorder import Recorder
from agent.detect.supply import supply
from agent.detect.supply_evidence import Seen
from agent.detect.thresholds import Rules
from agent.detect.two_clocks import taken_up
from agent.detect.voltage import Amps, Look
from agent.detect.warmup import Warmup
from agent.keeps import Keeps, book_name
from agent.plausible import lines_of, plausible
from agent.poll.window import Window
from agent.records import Comms, Event, MeterStatus, Miss, Mode, Reading, Sample, Supply, Trace
from agent.seen import LastFacts, flows, seen_of, standing_volts
from agent.status.board import Board
from agent.tidied import tidied_event, tidied_reading
from agent.trace_rows import GOOD, QUESTIONABLE
from drivers.quantities import VOLTAGES_LL

log = logging.getLogger("lamplighter.detect")
_new = tuple.__new__  # what Look(...) does, without its Python-level constructor

# The meter's own registers are asked again a little after they must hold all about something; and while it boots.
_SPARE_US = 200_000
_BOOTING_US = 2_000_000

Standing = tuple[Supply, Mapping[str, Supply], Comms]


class MeterPipeline:
    """One meter: its detectors, its open events, its reading in the making.

    keys: the quantity ids under which a sample carries the rules' channels, in their order; currents: what traces show
    beside them; floor_a: below it a current is noise; meter_log: what the meter itself latches; hasten: to be called
    with the instant by which that is worth reading.
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
        currents: tuple[str, ...] = (),
        *,
        floor_a: float = 0.1,
        meter_log: MeterLog | None = None,
        hasten: Callable[[int], None] = lambda at_boot_us: None,
        bus_vt: bool = False,
    ) -> None:
        self._meter, self._rules = meter, rules
        self._keys, self._wired = keys, len(keys)
        self._book, self._window = book, window
        self.clock_moved = window.moved  # the wall clock was set; nothing became longer or shorter
        self._clock, self._journal, self._board = clock, journal, board
        self._detector = BayDetector(rules, floor_a) if bus_vt else MeterDetector(rules, floor_a)
        self._floor_a, self._hasten = floor_a, hasten
        self._log = meter_log or MeterLog((), rules, lives_on_it=False)
        self._warmup = Warmup(rules)
        self._comms = COMMS_INITIAL
        self._columns = keys + currents
        self._in_columns = self._columns == window.columns  # else looks are taken value by value
        self._recorder = Recorder(meter, self._columns, clock)
        self._reads_lines = rules.basis != "ll" and set(VOLTAGES_LL) <= set(currents)
        self._volts: tuple[float | None, ...] | None = None
        self._amps: Amps = (None, None, None)
        self._flowed = False
        self._miss: Miss | None = None
        self._asked_us: tuple[int | None, int | None] = None, None  # the last two looks
        self._kept_by_us: int | None = None
        self._standing: Standing = (*supply(None, rules, "suspect"), "suspect")
        self._all_live = False
        self._facts = LastFacts(meter)
        board.add(self.status)

    def resume(
        self,
        events: Iterable[Event],
        readings: Collection[Reading] = (),
        traces: Collection[Trace] = (),
        *,
        kept: str | None = None,
        recent: Collection[Event] = (),
    ) -> None:
        """Take up the open events that another run left in the journal, and say them again as they stand.

        kept: what it kept under `book_name`; recent: its last events, those that are over among them
        """
        now_us = self._clock.boot_us()
        earlier = understood(kept, self._clock.boot_id, self._clock.offset_us)
        resumed = self._book.resume(events, readings, earlier=earlier, now_us=now_us, recent=recent)
        self._recorder.resume(self._book.open_events, traces, now_us)
        self._detector.resume(resumed.voltage, resumed.slow, resumed.reference_v, resumed.faults)
        if readings:
            self._detector.stale.after_restart(max(readings, key=lambda reading: reading.time_us))
        self._comms = resumed.comms
        gone = (abandoned(orphan, self._clock.wall_us()) for orphan in resumed.orphans)
        for event in (*self._book.open_events, *gone):
            self._journal.add_event(event)
        self._board.change()

    def resume_log(self, kept: str, events: Iterable[Event]) -> None:
        """Go on from what another run read last of the meter's own registers; events: the last that run told."""
        book, now_us, now = self._book, self._clock.boot_us(), self._clock.state
        book.earlier, book.before, slack_us = taken_up(book.earlier, kept, now_us, now.uncertainty_s)
        self._log.resume(kept, book.earlier, now_us, slack_us)
        book.remember(events, self._log.seen)

    def on_sample(self, sample: Sample) -> bool:
        """True where it was a quiet look: nothing goes on."""
        if self._quiet(sample):
            return True
        sample = self._plausible(sample)
        last_good_us = self._comms.last_good_us
        self._comms, changes = comms.answered(self._comms, sample.sent_boot_us, sample.received_boot_us)
        if changes:
            self._warmup.begins(sample.received_boot_us)
            self._log.unsure(sample.received_boot_us)
            self._detector.after_silence(sample.received_boot_us - (last_good_us or sample.received_boot_us))
        at_us = self._clock.wall_us(sample.received_boot_us)
        if sample.full:
            changes += self._full_set(sample)
        else:
            sample = self._warm(sample)
            changes += self._judged(sample, tuple(map(sample.values.get, self._columns)), at_us)
        self._tell(changes, sample.received_boot_us)
        published = self._latched(sample) if self._log else sample
        if self._recorder.recording:
            self._keep_traces(self._recorder.due(sample.received_boot_us))
        if published is sample or published.values:
            if self._detector.stale:
                self._window.flag("stale")
                published = published._replace(quality="questionable")
            self._keep(self._window.add(published, self._clock.wall_us(sample.sent_boot_us), at_us))
        self._note_standing()
        return False

    def _quiet(self, sample: Sample) -> bool:
        """What nearly every sample is: a look at which every channel is in band, as it was at the look before. All that
        can come of it is done here at a fifth of the cost; whatever else it may be is left as it is, and False."""
        _, sent_us, received_us, values, full, quality, _ = sample
        if full or not self._all_live or quality != "good" or not self._detector.calm:
            return False
        row = tuple(map(values.get, self._columns))
        if None in row or not self._window.calm(row[: self._wired]):  # type: ignore[arg-type]
            return False
        at_us = received_us + self._clock.offset_us
        self._comms = comms.heard(self._comms, received_us)
        changes = self._judged(sample, row, at_us)
        if changes:
            self._tell(changes, received_us)
            self._all_live = False  # the next look goes the long way, whatever they began
        if not (self._in_columns and self._window.put_by(sample, row, at_us)):  # type: ignore[arg-type]
            self._keep(self._window.add(sample, sent_us + self._clock.offset_us, at_us))
        return True

    def on_miss(self, miss: Miss) -> None:
        self._miss, now_us = miss, self._clock.boot_us()
        words = f"{miss.outcome}: {miss.detail}" if miss.detail else miss.outcome
        self._comms, changes = comms.missed(self._comms, miss.deadline_boot_us, miss.sent_boot_us, words)
        self._recorder.lost(now_us)
        self._window.lost(self._clock.wall_us(miss.due_boot_us))
        self._tell(changes, now_us)
        self._keep_traces(self._recorder.due(now_us))
        self._keep(self._window.flush(self._clock.wall_us()))
        self._note_standing()

    def stop(self) -> None:
        """Nothing comes any more: keep what a trace in the making has."""
        self._keep_traces(self._recorder.stop(self._clock.boot_us()))
        self._keep_log(self._clock.boot_us(), stops=True)

    def hold_fast(self) -> None:
        """The power may go: what was read so far becomes a reading."""
        self._keep(self._window.cut(self._clock.wall_us()))

    def set_mode(self, mode: Mode) -> None:
        """Marks what begins from now on, and the reading in the making."""
        self._window.mark("" if mode == "normal" else mode)
        self._book.mode = mode
        self._board.change()

    @property
    def troubled(self) -> bool:
        """Something goes on with its voltages: bounds depend on how soon they are read again."""
        return not self._detector.is_ordinary and bool(self._detector.open_kinds)

    def refreshes(self, refresh_us: int) -> None:
        """How often the meter renews its values, as learnt: more slowly than its map says makes them older."""
        self._detector.refreshes(refresh_us)
        self._book.refreshes(self._detector.rules.age_us)

    def status(self) -> MeterStatus:
        last_good_us = self._comms.last_good_us
        return MeterStatus(
            meter=self._meter,
            supply=self._standing[0],
            supply_by_phase=self._standing[1],
            comms=self._standing[2],
            last_good_us=None if last_good_us is None else self._clock.wall_us(last_good_us),
            open_events=tuple(event.id for event in self._book.open_events),
            mode=self._book.mode,
        )

    def facts(self) -> Seen:
        """What the desk needs of this meter now: the same object until it is heard, or missed, again."""
        comms_, miss, events, mode = self._comms, self._miss, self._book.open_events, self._book.mode
        if not self._facts.stands(comms_, miss, (events, mode, self._detector.rules)):
            flowing = flows(self._amps, self._floor_a, self._flowed)
            self._facts.seen = seen_of(self._meter, self._detector, comms_, miss, self._volts, flowing, events, mode)
        return self._facts.seen

    def _plausible(self, sample: Sample) -> Sample:
        """Without voltages that no network has; the reading says so."""
        after = plausible(sample, self._keys, self._rules.reference_v)
        if after is not sample:
            self._window.flag("out_of_range")
        return after

    def _warm(self, sample: Sample) -> Sample:
        """What a meter says right after its boot proves nothing."""
        now_us, said_before = sample.received_boot_us, self._volts is not None
        if said_before and sample.values.keys().isdisjoint(self._keys):
            self._warmup.begins(now_us)
        if self._warmup.since_us is None:
            return sample
        if not self._warmup.doubtful(tuple(map(sample.values.get, self._keys)), now_us):
            return sample
        self._window.flag("warmup")
        return sample._replace(quality="questionable")

    def _full_set(self, sample: Sample) -> tuple[Change, ...]:
        """What the detectors need of the rest: which way power flows, line-line voltages, and whether it moves."""
        self._detector.full_set(sample.values.get("active_power_total"), lines_of(sample))
        self._tell_events(self._book.settle(sample.received_boot_us), sample.received_boot_us)
        return self._detector.full_values(sample.values, sample.received_boot_us) if sample.quality == "good" else ()

    def _latched(self, sample: Sample) -> Sample:
        """What the meter's own registers tell; the sample without those that are no part of a reading."""
        log_, now_us = self._log, sample.received_boot_us
        seeing = Seeing(self._detector.last_look, self._detector.rules)
        if sample.full and sample.quality == "good":
            self._read_log(sample, seeing)
        told = log_.ready(seeing, now_us, self._book.knows)
        for move in (move for one in told for move in one.finding.moves):
            log.info("meter.log meter=%s register=%s before=%.10g after=%.10g", self._meter, *move.said)
        self._tell_events(self._book.log(told, now_us), now_us)
        if sample.full:
            self._tell_events(self._book.forget(log_, now_us), now_us, more=False)
            self._keep_log(now_us)
        if log_.unpublished.isdisjoint(sample.values):
            return sample
        return sample._replace(values={k: v for k, v in sample.values.items() if k not in log_.unpublished})

    def _read_log(self, sample: Sample, seeing: Seeing) -> None:
        _, sent_us, received_us, values, *_ = sample
        if self._warmup.since_us is not None and seeing.look is not None:
            if not self._log.unpublished.isdisjoint(values):
                self._hasten(received_us + _BOOTING_US)  # what it says while it boots proves nothing
            return
        reset = self._log.read(values, sent_us, received_us, seeing, self._clock)
        if self._log.set_before:
            log.info("meter.flags_set_before meter=%s registers=%s", self._meter, ",".join(self._log.set_before))
        if reset:
            log.info("meter.counters_reset meter=%s registers=%s", self._meter, ",".join(reset))

    def _judged(self, sample: Sample, row: tuple[float | None, ...], at_us: int) -> tuple[Change, ...]:
        """What the detectors make of a look. row: its values in the order of the trace's columns."""
        _, sent_us, received_us, values, _, quality, _ = sample
        good, get = quality == "good", values.get
        self._recorder.add(received_us, GOOD if good else QUESTIONABLE, row)
        self._asked_us = self._asked_us[1], sent_us
        amps = self._amps = get("current_l1"), get("current_l2"), get("current_l3")
        volts = self._volts = row[: self._wired]
        lines = lines_of(sample) if self._reads_lines else None
        return self._detector.look(_new(Look, (sent_us, received_us, volts, not good, amps, lines)), at_us)

    def _tell(self, changes: tuple[Change, ...], at_boot_us: int) -> None:
        if changes:
            before_us, asked_us = self._asked_us
            watch_s = None if asked_us is None or before_us is None else (asked_us - before_us) / 1e6
            self._tell_events(self._book.revise(changes, at_boot_us, watch_s), at_boot_us)

    def _tell_events(self, events: tuple[Event, ...], at_boot_us: int, *, more: bool = True) -> None:
        """more: the meter's own registers may have more to say of them."""
        if not events:
            return
        for event in events:
            self._journal.add_event(tidied_event(event))
        self._keep_book()
        if self._log.again(self._book.given_back()):
            self._keep_log(at_boot_us)
        self._keep_traces(self._recorder.told(events, at_boot_us))
        if more and self._log and any(event.state == "closed" or event.revision == 1 for event in events):
            # At once; and, as a register may be old, again when it must hold all of it.
            over = any(event.state == "closed" for event in events)
            self._hasten(at_boot_us + (self._detector.rules.reach_us + _SPARE_US if over else 0))
        self._board.change()

    def _keep_log(self, now_us: int, *, stops: bool = False) -> None:
        text = self._log.to_keep(now_us, self._clock, stops=stops)
        if text is not None:
            self._journal.keep(self._meter, text)
            if self._kept_by_us is None or abs(self._clock.offset_us - self._kept_by_us) > STEP_US:
                self._keep_book()

    def _keep_book(self) -> None:
        self._kept_by_us = self._clock.offset_us
        self._journal.keep(book_name(self._meter), self._book.to_keep(self._clock.boot_id, self._clock.offset_us))

    def _keep_traces(self, parts: Iterable[Trace]) -> None:
        for part in parts:
            self._journal.add_trace(part)

    def _keep(self, reading: Reading | None) -> None:
        if reading is not None:
            reading = tidied_reading(reading)
            self._journal.add_reading(reading)
            self._board.put_reading(reading)

    def _note_standing(self) -> None:
        heard = comms.comms(self._comms)
        self._flowed = self._flowed or flows(self._amps, self._floor_a, False) is True
        volts = standing_volts(self._detector, self._volts)
        now = (*supply(volts, self._rules, heard, self._detector.open_kinds), heard)
        if now != self._standing:
            self._standing = now
            self._board.change()
        # While a finding waits for the next looks, a trace is made, or the meter boots, none of them is quiet.
        attends = self._log.waits or self._recorder.recording or self._warmup.since_us is not None
        self._all_live = not attends and heard == "ok" and set(now[1].values()) == {"live"}
