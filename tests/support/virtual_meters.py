"""Meters on a line that lives in virtual time: no bytes, true costs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import virtual_time
from asked_lines import AskedLine

from agent.poll.poller import LinePoller
from agent.poll.unit import Unit
from agent.records import Sample
from drivers.line import Exchange
from drivers.modbus.pdu import Read

SECOND = 1_000_000


@dataclass(frozen=True)
class FakeDecoder:
    """Says the number of the read as its value."""

    reads: tuple[Read, ...]

    @property
    def plan(self) -> SimpleNamespace:
        return SimpleNamespace(
            reads=[
                SimpleNamespace(read=read, spare=None, fields=((SimpleNamespace(quantity="q"), 0),), scales=())
                for read in self.reads
            ]
        )

    def decode(self, index: int, data: bytes) -> dict[str, float]:
        return self.decode_round({index: data})

    def decode_round(self, replies: Mapping[int, bytes]) -> dict[str, float]:
        return {f"read_{self.reads[index].address}": float(data[0]) for index, data in replies.items()}


@dataclass
class FakeLine(AskedLine):
    """Answers after cost_s; units in `dead` stay silent for the whole timeout, units in `refusing` say exception 2."""

    name: str = "a"
    cost_s: float = 0.05
    dead: set[int] = field(default_factory=set)
    refusing: set[tuple[int, int]] = field(default_factory=set)
    down: bool = False
    questionable: bool = False
    asked: list[tuple[int, int, int]] = field(default_factory=list)
    busy: bool = False

    async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
        assert not self.busy, "two requests outstanding on one line"
        sent = virtual_time.now_us()
        self.asked.append((sent, unit, read.address))
        if self.down:
            return Exchange("down", detail="connection refused")
        self.busy = True
        await asyncio.sleep(timeout_s if unit in self.dead else self.cost_s)
        self.busy = False
        at = virtual_time.now_us()
        if unit in self.dead:
            return Exchange("silent", b"", sent, at)
        if (unit, read.address) in self.refusing:
            return Exchange("refused", b"", sent, at, code=2)
        return Exchange("answered", bytes([unit]), sent, at, questionable=self.questionable)


def unit(number: int, watch_s: float = 1.0, polls: int = 2, poll_s: float = 10.0, **changes: Any) -> Unit:
    """Its full set has so many reads; changes: of its fields."""
    known: dict[str, Any] = {
        "meter": f"m{number}",
        "unit": number,
        "watch": FakeDecoder((Read(4, 0, 2),)),
        "poll": FakeDecoder(tuple(Read(4, 10 + 2 * n, 2) for n in range(polls))),
        "watch_us": round(watch_s * SECOND),
        "hurry_us": 200_000,
        "poll_us": round(poll_s * SECOND),
        "slow_us": 10 * SECOND,
        "wire_s": lambda planned: 0.02,
        "floor_s": 0.05,
        "ceiling_s": 0.48,
    }
    return Unit(**(known | changes))


class Rig:
    def __init__(self, line: FakeLine, units: list[Unit]) -> None:
        self.line, self.samples, self.misses = line, [], []
        self._units = units

    def make(self, **options: Any) -> LinePoller:
        self.poller = LinePoller(
            self.line, self._units, virtual_time.now_us, self.samples.append, self.misses.append,
            jitter=lambda: 0.5, **options,
        )  # fmt: skip
        return self.poller

    async def run(self, for_s: float, *script: tuple[float, object], **options: Any) -> None:
        """Poll for for_s seconds; script: (at_s, callable) pairs; options: of the poller."""
        loop = asyncio.get_running_loop()
        poller = self.make(**options)
        for at_s, act in script:
            loop.call_later(at_s, act)
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(for_s)
        task.cancel()

    def watches(self, meter: str) -> list[Sample]:
        return [sample for sample in self.samples if sample.meter == meter and not sample.full]
