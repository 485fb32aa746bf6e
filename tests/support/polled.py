"""Real lines under real pollers in one loop, and meters whose every value tells whose it is."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

from scripted_peer import boot_us, words

from agent.poll.poller import LinePoller
from agent.poll.unit import Unit
from agent.records import Miss, Sample
from drivers.line import Line
from drivers.modbus.pdu import Read

WATCH = Read(3, 10, 4)
POLL = Read(4, 200, 6)


def holds(unit: int, address: int, count: int) -> bytes:
    """What is in a unit's registers: no two units, and no two registers, alike."""
    return words(address, count, salt=unit * 251)


@dataclass(frozen=True)
class RawDecoder:
    """Reads one block; its bytes, as a number, are the value."""

    read: Read
    spare: Read | None = None

    @property
    def plan(self) -> SimpleNamespace:
        fields = ((SimpleNamespace(quantity="q"), 0),)
        return SimpleNamespace(reads=[SimpleNamespace(read=self.read, spare=self.spare, fields=fields, scales=())])

    def decode(self, index: int, data: bytes) -> dict[str, float]:
        return self.decode_round({index: data})

    def decode_round(self, replies: Mapping[int, bytes]) -> dict[str, float]:
        return {"q": int.from_bytes(replies[0], "big")} if replies else {}


def unit(number: int, watch_s: float = 0.1, wire_s: float = 0.01) -> Unit:
    """With a spare for what is watched, none for the rest."""
    return Unit(
        meter=f"m{number}", unit=number,
        watch=RawDecoder(WATCH, Read(3, 10, 5)), poll=RawDecoder(POLL),
        watch_us=round(watch_s * 1e6), hurry_us=50_000, poll_us=5_000_000,
        wire_s=lambda planned: wire_s, floor_s=0.05, ceiling_s=0.15,
    )  # fmt: skip


@dataclass
class Polled:
    """One line and what its poller handed on, with the instant (monotonic) of each sample."""

    line: Line
    poller: LinePoller | None = None
    samples: list[tuple[float, Sample]] = field(default_factory=list)
    misses: list[Miss] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def add(self, sample: Sample) -> None:
        self.samples.append((time.monotonic(), sample))

    def count(self, meter: str, since_s: float = 0.0) -> int:
        """Of watches."""
        return sum(at >= since_s and each.meter == meter and not each.full for at, each in self.samples)

    def wrong(self) -> list[Sample]:
        """Samples, vouched for, whose value that meter never had."""
        return [each for _, each in self.samples if each.quality == "good" and each.values != _true(each)]

    async def until(self, meter: str, within_s: float) -> float:
        """Seconds until this meter gives a sample."""
        started_s = time.monotonic()
        while not self.count(meter, started_s):
            assert self.task is None or not self.task.done(), "the poller has ended"
            assert time.monotonic() - started_s < within_s, f"{meter}: no sample within {within_s} s"
            await asyncio.sleep(0.005)
        return time.monotonic() - started_s


def _true(sample: Sample) -> dict[str, float]:
    read = POLL if sample.full else WATCH
    return {"q": int.from_bytes(holds(int(sample.meter[1:]), read.address, read.count), "big")}


@asynccontextmanager
async def polled(*lines: tuple[Line, Sequence[Unit]]) -> AsyncIterator[list[Polled]]:
    """All lines polled, from entering to leaving. An exception in a poller is the test's."""
    runs = []
    for line, units in lines:
        await line.__aenter__()
        run = Polled(line)
        run.poller = LinePoller(line, units, boot_us, run.add, run.misses.append)
        run.task = asyncio.create_task(run.poller.run())
        runs.append(run)
    try:
        yield runs
    finally:
        for run in runs:
            run.task.cancel()
        ended = await asyncio.gather(*(run.task for run in runs), return_exceptions=True)
        for run in runs:
            await run.line.__aexit__(None, None, None)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
