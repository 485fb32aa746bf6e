"""However the wall clock jumps, and however often the agent is restarted meanwhile: no two readings share a timestamp,
and no interval becomes longer or shorter."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from samples import MIDNIGHT_US, event

from agent.clock import Clock
from agent.clock_keeper import ClockKeeper
from agent.journal.shifts import Shift
from agent.poll.window import Window
from agent.records import ClockState, Event, Incident, Reading, Sample, Trace

S = 1_000_000


@dataclass
class Ledger:
    """A journal in memory. Rows as they are handed out."""

    head: int = 1
    last_us: int | None = None
    left_clean: bool = True
    rows: list[Reading] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def add_reading(self, reading: Reading) -> None:
        self.rows.append(reading)
        self.head += 1

    def add_event(self, told: Event) -> None:
        self.told.append(told)
        self.head += 1

    def add_incident(self, incident: Incident) -> None: ...

    def add_trace(self, trace: Trace) -> None: ...

    def keep(self, name: str, text: str) -> None:
        self.texts[name] = text

    def kept(self, name: str) -> str | None:
        return self.texts.get(name)

    def is_kept(self, name: str) -> bool:
        return True

    def commit_now(self) -> None: ...

    def shift(self, shifts: Iterable[Shift]) -> None:
        raise AssertionError("nothing was guessed")

    async def events(self, *, limit: int) -> tuple[Event, ...]:
        return ()

    async def incidents(self, *, limit: int) -> tuple[Incident, ...]:
        return ()


class Source:
    def __init__(self, synced: bool | None) -> None:
        self._synced = synced

    def state(self) -> ClockState:
        return ClockState(self._synced, 0.01 if self._synced else None)


@dataclass
class Agent:
    """A run of the agent with one meter, read every two seconds."""

    gateway: "Machine"
    window: Window = field(init=False)

    def __post_init__(self) -> None:
        machine, ledger = self.gateway, self.gateway.ledger
        ledger.last_us = ledger.rows[-1].time_us if ledger.rows else None
        self.window = Window("tx1", 230.0, ("voltage_l1",), frozenset({"voltage_l1"}), 10 * S)
        self.clock = Clock(lambda: machine.boot_us, lambda: machine.boot_us + machine.offset_us, machine.source, "b1")
        self.keeper = ClockKeeper(self.clock, ledger, {"tx1": self})
        self.keeper.step_event = lambda: replace(event(), id=f"step-{len(ledger.told)}", kind="clock_step")
        resuming = self.keeper.resume()
        try:
            resuming.send(None)
        except StopIteration:
            return
        raise AssertionError("it waits for something")

    def clock_moved(self, by_us: int) -> None:
        self.window.moved(by_us)

    def look(self, volts: float, *, full: bool) -> None:
        at_us = self.gateway.boot_us
        sample = Sample("tx1", at_us - 10_000, at_us, {"voltage_l1": volts}, full=full)
        told = self.window.add(sample, self.clock.wall_us(sample.sent_boot_us), self.clock.wall_us(at_us))
        if told is not None:
            self.keeper.door.add_reading(told)

    def tick(self) -> None:
        self.clock.tick()
        self.keeper.tick()


@dataclass
class Machine:
    source: Source
    boot_us: int = 1_000 * S
    offset_us: int = MIDNIGHT_US
    ledger: Ledger = field(default_factory=Ledger)


JUMPS = st.one_of(st.integers(-7_200, 7_200).map(lambda s: s * S), st.integers(-3 * S, 3 * S), st.just(0))
ACTS = st.lists(st.tuples(JUMPS, st.integers(1, 40), st.booleans(), st.sampled_from([230.0, 200.0])), max_size=25)


@pytest.mark.slow
@drawn(150)
@given(st.sampled_from([None, True]), ACTS)
def test_no_two_readings_share_a_timestamp_and_no_interval_is_stretched(
    synced: bool | None, acts: list[tuple[int, int, bool, float]]
) -> None:
    machine = Machine(Source(synced))
    agent = Agent(machine)
    agent.look(230.0, full=True)
    for jump_us, looks, restarts, volts in acts:
        machine.offset_us = max(MIDNIGHT_US - 40_000 * S, machine.offset_us + jump_us)
        if restarts:
            machine.boot_us += 1 * S
            agent = Agent(machine)
        for number in range(looks):
            agent.tick()
            agent.look(volts, full=restarts and number < 2)
            machine.boot_us += 2 * S
    times = [reading.time_us for reading in machine.ledger.rows]
    assert len(set(times)) == len(times)
    assert all(reading.window_s <= 12.0 for reading in machine.ledger.rows)
    steps = [told for told in machine.ledger.told if told.kind == "clock_step"]
    assert all(told.duration_max_s == 0.0 for told in steps)
