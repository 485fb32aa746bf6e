"""A gateway whose clock is set late, in virtual time: boots, wall clock and source by script; journal and clock are
real, the database is a dictionary that keeps every point it ever got."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from samples import MIDNIGHT_US, event, reading
from timers import Timers

from agent.clock import Clock, ClockHold
from agent.clock_keeper import ClockKeeper
from agent.clock_memory import KEPT
from agent.journal.entries import Entry
from agent.journal.journal import Journal
from agent.publish.line_protocol import LineEncoder
from agent.records import ClockState, Event, Reading

SECOND = 1_000_000
# The journal was sure of its times until here; the boot that is told of begins five minutes later.
BEGIN_US = MIDNIGHT_US + 30 * 86_400 * SECOND
DRIFT = 20e-6


@dataclass
class World:
    """true_us: what time it is; wrong_us: of the wall clock, as a function of it; told: by the source, likewise."""

    wrong_us: Callable[[int], int]
    told: Callable[[int], ClockState]
    true_us: int = BEGIN_US
    boots: int = 0
    booted_us: int = 0

    def boot_us(self) -> int:
        return 20 * SECOND + round((self.true_us - self.booted_us) * (1 + DRIFT))

    def wall_us(self) -> int:
        return self.true_us + self.wrong_us(self.true_us)

    def state(self) -> ClockState:
        return self.told(self.true_us)

    def boot(self) -> None:
        self.boots, self.booted_us = self.boots + 1, self.true_us


@dataclass
class Pipeline:
    moved_us: int = 0

    def clock_moved(self, by_us: int) -> None:
        self.moved_us += by_us


@dataclass
class Database:
    """points: by time, what lies there; told: number of the row -> its nanosecond and flags."""

    points: dict[int, int] = field(default_factory=dict)
    told: dict[int, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    encoder: LineEncoder = field(default_factory=lambda: LineEncoder("dashi", "gw-01", {}))

    def put(self, entry: Entry) -> None:
        if not isinstance(entry.record, Reading):
            return
        at_ns = int(self.encoder.reading(entry.record, entry.seq).rsplit(b" ", 1)[1])
        number = round(entry.record.values["number"])
        assert self.points.setdefault(at_ns, number) == number, f"rows {self.points[at_ns]} and {number} are one point"
        assert self.told.setdefault(number, (at_ns, entry.record.flags))[0] == at_ns, f"row {number} is two points"


@dataclass
class Run:
    world: World
    clock: Clock
    journal: Journal
    keeper: ClockKeeper
    hold: ClockHold
    database: Database
    rows: dict[int, int]
    events: int = 0

    async def step(self, by_s: float) -> None:
        self.world.true_us += round(by_s * SECOND)
        self.clock.tick()
        self.keeper.tick()
        await self.keeper.tell_again()
        number = len(self.rows)
        self.rows[number] = self.world.true_us
        self.keeper.door.add_reading(
            reading(time_us=self.clock.wall_us(), values={"number": float(number)}, min={}, max={}, flags=())
        )
        while not self.journal.is_kept(KEPT):
            await self.send()
            await self.journal.stats()
        await self.send()

    async def send(self) -> None:
        """What the forwarder does: a batch that was fetched is sent if nothing holds it back by then."""
        if self.hold.reason() is not None:
            return
        for lane in ("backlog", "live"):
            while (batch := await self.journal.fetch("influxdb", lane, 1000)).entries:  # type: ignore[arg-type]
                if self.hold.reason() is not None:
                    return
                for entry in batch.entries:
                    self.database.put(entry)
                self.journal.advance("influxdb", lane, batch.next)  # type: ignore[arg-type]

    async def steps(self, until_us: int, by_s: float) -> None:
        while self.world.true_us < until_us:
            await self.step(by_s)

    async def settled(self) -> None:
        for _ in range(4):
            await self.journal.stats()

    def tell(self, **changes: object) -> Event:
        """An event of now, open."""
        now_us, self.events = self.clock.wall_us(), self.events + 1
        told = event(
            id=f"{self.world.boots}-{self.events}", reported_us=now_us, start_us=now_us, start_earliest_us=now_us - 1,
            clock=self.clock.state, evidence=(), **changes,
        )  # fmt: skip
        self.keeper.door.add_event(told)
        return told

    def blank(self) -> Event:
        self.events += 1
        return replace(
            event(), id=f"g-{self.world.boots}-{self.events}", kind="clock_step", scope="gateway", meter=None
        )


@asynccontextmanager
async def run(
    world: World, state_dir: Path, database: Database, rows: dict[int, int], *, trust: str = "auto"
) -> AsyncIterator[Run]:
    clock = Clock(world.boot_us, world.wall_us, world, f"b{world.boots}", trusted=trust == "trusted")
    timers = Timers()
    opened = Journal.open(state_dir, ["influxdb"], "gw-01", now_us=clock.wall_us, call_later=timers.call_later)
    async with opened as journal:
        keeper = ClockKeeper(clock, journal, {"tx1": Pipeline()})
        await keeper.resume()
        hold = ClockHold(trust, clock, journal.last_us or 0, keeper.waits)
        found = Run(world, clock, journal, keeper, hold, database, rows)
        keeper.step_event = found.blank
        yield found
