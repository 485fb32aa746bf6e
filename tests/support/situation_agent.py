"""The agent of a situation: a real pipeline for each meter of the site, the real desk, the keeper of the clock, and a
journal in memory. It can be stopped and started again, with a boot in between, as the gateway itself."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agent.clock import Clock, SyncSource
from agent.clock_door import TimeDoor
from agent.clock_keeper import ClockKeeper
from agent.desk.desk import CASES, KEPT, Desk
from agent.detect.book import Book, MeterFacts, id_maker, orphans
from agent.detect.ending import abandoned
from agent.gateway import Gateway
from agent.journal.entries import Damage, Entry
from agent.journal.shifts import Shift, Shifts, corrected_us
from agent.keeps import Keeps, book_name
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import ClockState, Event, Incident, MeterStatus, Miss, Mode, Reading, Sample, Trace
from agent.site import Meter, Site
from agent.status.board import Board
from agent.units import watch_decoder
from agent.wiring import NOISE_A, channels_of, log_of, rules_of

SECOND = 1_000_000


class Clocks(Protocol):
    now_s: float
    boot_us0: int
    wall_us0: int
    synced: bool | None

    def boot_us(self) -> int: ...
    def wall_us(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Told:
    """A revision, and the second of the story at which it was told; seq: its place in the journal."""

    at_s: float
    record: Event | Incident
    seq: int = 0


class Ledger:
    """The journal, in memory: what is told, what is kept for the next run. Rows that were told by a clock that was not
    set are handed out corrected, as the journal does it."""

    def __init__(self, clocks: Clocks, told: list[Told]) -> None:
        self._clocks, self._told = clocks, told
        self._texts: dict[str, str] = {}
        self._readings: dict[str, list[tuple[int, Reading]]] = {}
        self._shifts = Shifts()
        self.epoch, self.head = "e0", 1
        self.last_us: int | None = None
        self._noted_us: int | None = None
        self.left_clean = True

    def begin(self, epoch: str) -> None:
        """Another run: what the ones before noted is what was before it, whatever this one notes."""
        self.epoch, self.last_us = epoch, self._noted_us

    def add_reading(self, reading: Reading) -> None:
        self._readings.setdefault(reading.meter, []).append((self.head, reading))
        self._noted(reading.time_us)

    def add_event(self, event: Event) -> None:
        self._told.append(Told(self._clocks.now_s, event, self.head))
        self._noted(event.reported_us)

    def add_incident(self, incident: Incident) -> None:
        self._told.append(Told(self._clocks.now_s, incident, self.head))
        self._noted(incident.reported_us)

    def add_trace(self, trace: Trace) -> None:
        """Traces have tests of their own."""

    def _noted(self, at_us: int) -> None:
        self.head += 1
        self._noted_us = max(self._noted_us or 0, at_us)

    def shift(self, shifts: Iterable[Shift]) -> None:
        self._shifts.add(shifts)
        last_us = self._noted_us or 0
        self._noted_us = max(last_us, corrected_us(last_us, self._shifts.known))

    def handed_out(self) -> list[Told]:
        """What was told, as a sink has it now."""
        return [replace(one, record=self._shifts.told(one.seq, one.record)) for one in self._told]

    def events_told(self) -> list[Event]:
        """The last revision of each."""
        return _last(self.handed_out(), Event)

    def is_kept(self, name: str) -> bool:
        return True

    async def events(self, *, limit: int) -> tuple[Event, ...]:
        return tuple(self.events_told()[-limit:])

    async def incidents(self, *, limit: int) -> tuple[Incident, ...]:
        return tuple(_last(self.handed_out(), Incident)[-limit:])

    def commit_now(self) -> None:
        """All of it is durable as soon as it is told."""

    def keep(self, name: str, text: str) -> None:
        self._texts[name] = text

    def kept(self, name: str) -> str | None:
        return self._texts.get(name)

    def last_readings(self, meter: str, limit: int) -> list[Reading]:
        """Youngest first."""
        last = self._readings.get(meter, [])[-limit:][::-1]
        return [self._shifts.entry(Entry(seq, reading)).record for seq, reading in last]  # type: ignore[misc]

    async def readings(self, meter: str | None, limit: int) -> tuple[Reading, ...]:
        names = list(self._readings) if meter is None else [meter]
        found = [reading for name in names for reading in self.last_readings(name, limit)]
        return tuple(sorted(found, key=lambda one: -one.time_us)[:limit])

    async def event(self, id_: str) -> Event | None:
        return next((one for one in self.events_told() if one.id == id_), None)

    def open_events(self) -> tuple[Event, ...]:
        return tuple(one for one in self.events_told() if one.state == "open")

    def open_incidents(self) -> tuple[Incident, ...]:
        return tuple(one for one in _last(self.handed_out(), Incident) if one.state == "open")

    def damages(self) -> tuple[Damage, ...]:
        """A file in memory is never damaged."""
        return ()


def _last(told: list[Told], kind: type[Any]) -> list[Any]:
    last = {one.record.id: one.record for one in told if isinstance(one.record, kind)}
    return sorted(last.values(), key=lambda one: one.start_us)


class _Source(SyncSource):
    """Whether the wall clock is synchronised, as the story says."""

    def __init__(self, clocks: Clocks) -> None:
        object.__setattr__(self, "clocks", clocks)

    def state(self) -> ClockState:
        synced = self.clocks.synced  # type: ignore[attr-defined]
        return ClockState(synced, 1.0 if synced else None)


class Agent:
    """What runs on the gateway."""

    def __init__(
        self, site: Site, clocks: Clocks, told: list[Told], ledger: Ledger | None = None,
        before: Callable[[TimeDoor], Keeps] = lambda door: door,
    ) -> None:  # fmt: skip
        """before: what stands between the desk and the door of the journal."""
        self._site, self._clocks, self._told = site, clocks, told
        self._ledger, self._before = ledger or Ledger(clocks, told), before
        self._runs, self._boots = 0, 1
        self._start()

    def _start(self) -> None:
        self._runs += 1
        self._ledger.begin(f"e{self._runs}")
        self.runs, boot = True, f"boot-{self._boots}"
        self._soon: list[Callable[[], None]] = []
        clocks, ledger = self._clocks, self._ledger
        self._clock = Clock(clocks.boot_us, clocks.wall_us, _Source(clocks), boot=boot)
        self._board = Board()
        self._pipelines: dict[str, MeterPipeline] = {}
        self._times = ClockKeeper(self._clock, ledger, self._pipelines)
        _at_once(self._times.resume())
        next_id = id_maker(self._site.gateway, ledger.epoch)
        behind = self._before(self._times.door)
        self._desk = Desk(self._site, behind, self._clock, next_id, soon=self._soon.append)
        self._pipelines |= {name: self._pipeline(meter, next_id) for name, meter in self._site.meters.items()}
        self._resume()
        desk = self._desk
        self._gateway = Gateway(
            self._site, self._clock, ledger, desk.add_event, self._pipelines, desk.after_dark,  # type: ignore[arg-type]
        )  # fmt: skip
        _at_once(self._gateway.resume())
        self._times.step_event = self._gateway.clock_step
        ledger.left_clean = False

    def _resume(self) -> None:
        ledger = self._ledger
        known = ledger.events_told()
        over = [one for one in known if one.state != "open"]
        incidents, cases = ledger.open_incidents(), ledger.kept(CASES)
        mine = self._desk.resume(ledger.open_events(), incidents, ledger.kept(KEPT), over, cases=cases)
        for name, pipeline in self._pipelines.items():
            self._desk.add(name, pipeline.facts)
            recent = [one for one in known if one.meter == name][-32:]
            pipeline.resume(mine, ledger.last_readings(name, 60), kept=ledger.kept(book_name(name)), recent=recent)
            if last := ledger.kept(name):
                pipeline.resume_log(last, recent)
        for event in orphans(mine, self._pipelines):
            ledger.add_event(abandoned(event, self._clock.wall_us()))

    def _pipeline(self, meter: Meter, next_id: Callable[[], str]) -> MeterPipeline:
        rules = rules_of(meter, self._site.profile)
        channels = channels_of(meter.basis, meter.wiring, meter.installation)
        log_ = log_of(meter, rules)
        facts = MeterFacts(
            meter=meter.name, rules=rules, config=self._site.config_hash, line=meter.line, feeder=meter.feeder,
            path=meter.path, customers=meter.customers, accuracy_pct=meter.model.accuracy_pct,
            watch_s=None if meter.watch_us is None else meter.watch_us / 1e6, frequency_hz=self._site.frequency_hz,
            latches=bool(log_),
        )  # fmt: skip
        book = Book(facts, self._clock, next_id)
        averaged = frozenset(watch_decoder(meter).quantities)
        window = Window(meter.name, meter.nominal_v, channels.keys, averaged, meter.publish_every_us)
        currents = tuple(sorted(averaged.difference(channels.keys)))
        return MeterPipeline(
            meter.name, rules, channels.keys, book, window, self._clock, self._desk, self._board, currents,
            floor_a=NOISE_A * meter.installation.ct, meter_log=log_, bus_vt=meter.node != meter.voltage_node,
        )  # fmt: skip

    def sample(self, sample: Sample) -> None:
        self._pipelines[sample.meter].on_sample(sample)
        self._gateway.seen(sample)

    def miss(self, miss: Miss) -> None:
        self._pipelines[miss.meter].on_miss(miss)

    def turn(self) -> None:
        """The end of a turn of the loop."""
        soon, self._soon[:] = list(self._soon), []
        for call in soon:
            call()

    def tick(self, mains_lost: bool | None) -> None:
        """Once a second. mains_lost: what the supply says, where the site has one to ask."""
        self._clock.tick()
        self._times.tick()
        _at_once(self._times.tell_again())
        if self._site.mains is not None:
            self._gateway.mains.looked(mains_lost, self._clocks.boot_us())
        self._gateway.tick()
        self._desk.tick()
        self.turn()

    def handed_out(self) -> list[Told]:
        return self._ledger.handed_out()

    def statuses(self) -> dict[str, MeterStatus]:
        return {status.meter: self._desk.status(status) for status in self._board.statuses()}

    def set_mode(self, meter: str, mode: Mode) -> None:
        self._gateway.set_mode(meter, mode, None)

    def act(self, how: Mapping[str, Any]) -> None:
        """``stop``: the plug is pulled, with ``clean`` it is stopped in order; ``start``: it runs again, with ``boot``
        after a boot; ``wall_off_s``: the wall clock is put forward; ``synced``: whether it says it is right."""
        if how.get("stop"):
            self.runs, self._ledger.left_clean = False, bool(how.get("clean"))
        self._clocks.wall_us0 += round(1e6 * how.get("wall_off_s", 0.0))
        self._clocks.synced = how.get("synced", self._clocks.synced)
        if how.get("boot"):
            self._boots += 1
            self._clocks.boot_us0 = 20 * SECOND - round(1e6 * self._clocks.now_s)
        if how.get("start"):
            self._start()


def _at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing real."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")
