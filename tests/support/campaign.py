"""A serial master, sans-I/O, against slaves on a bad wire, in virtual time: an hour of line in a second."""

import heapq
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from bad_wire import Mix, Pieces, Slaves, Tally, Wire, judge

from drivers.modbus import outcome, pdu, rtu_master

# (function, address, count) of a read and of its spare. The first two have none, and replies of the same shape.
READS = (
    ((3, 100, 3), None),
    ((3, 200, 3), None),
    ((3, 300, 6), (3, 300, 7)),
    ((4, 50, 2), (4, 49, 3)),
    ((3, 1000, 20), (3, 1000, 22)),
    ((4, 80, 2), (4, 80, 4)),
    ((2, 8, 40), (2, 0, 64)),
)
WIRES = (
    Wire(),
    Wire(baud=9600, bits=10, paced=True, timeout_us=400_000),
    Wire(baud=115200, timeout_us=60_000, units=(1, 2)),
    Wire(baud=38400, paced=True, timeout_us=100_000, units=tuple(range(1, 33)), sequential=frozenset(range(1, 33))),
)


@dataclass(frozen=True, slots=True)
class Kit:
    """The master under test: the product's, or one that was broken on purpose."""

    master: Callable[..., Any] = rtu_master.RtuMaster
    read: Callable[[int, int, int], Any] = pdu.Read
    counters: Callable[[], Any] = outcome.LineCounters

    @classmethod
    def of(cls, rtu_master: ModuleType) -> "Kit":
        return cls(rtu_master.RtuMaster, rtu_master.Read, rtu_master.LineCounters)


class Run:
    """One line from its opening on."""

    def __init__(self, seed: int, wire: Wire, mix: Mix, kit: Kit) -> None:
        self.now_us = 1_000_000
        self.tally = Tally()
        self.counters = kit.counters()
        self.slaves = Slaves(seed, wire, mix)
        self._wire = wire
        self._dice = random.Random(~seed)  # noqa: S311 - not a secret
        self._events: list[tuple[int, int, bytes]] = []
        self._order = itertools.count()
        silence_us = 1750 if wire.baud > 19200 else math.ceil(3.5 * wire.char_us)
        self._master = kit.master(silence_us, wire.char_us, self.counters)
        self._master.opened(self.now_us, wire.paced)
        self._reads = [(kit.read(*read), spare and kit.read(*spare)) for read, spare in READS]

    def transact(self) -> None:
        """One transaction, judged. Now and then the line rests before it."""
        if self._dice.random() < 0.1:
            self._play_until(self.now_us + self._dice.randrange(2 * self._wire.timeout_us))
        unit = self._dice.choice(self._wire.units)
        read, spare = self._dice.choice(self._reads)
        asked_us = self.now_us
        result = self._exchange(unit, read, spare)
        judge(self.tally, result, unit, read, self.slaves.asked, asked_us)
        self.slaves.forget()

    def _exchange(self, unit: int, read: Any, spare: Any) -> Any:
        master, timeout_us = self._master, self._wire.timeout_us
        asked_us = self.now_us
        while (clear_us := master.clear_us(asked_us, timeout_us)) > self.now_us:
            self._play_until(clear_us)
        self._put(self.slaves.hear(master.request(unit, read, spare, timeout_us, self.now_us), self.now_us))
        deadline_us = self.now_us + timeout_us
        while self.now_us < deadline_us:
            again_us = master.again_us
            result = self._play_until(deadline_us if again_us is None else min(again_us, deadline_us), once=True)
            if result is not None:
                return result
            if master.again_us is not None and self.now_us >= master.again_us:
                self._put(self.slaves.hear(master.again(self.now_us), self.now_us))
        return master.expire(self.now_us)

    def _put(self, pieces: Pieces) -> None:
        for at_us, data in pieces:
            heapq.heappush(self._events, (at_us, next(self._order), data))

    def _play_until(self, until_us: int, once: bool = False) -> Any:
        """once: come back after each piece, for the master may want something."""
        while self._events and self._events[0][0] <= until_us:
            self.now_us, _, data = heapq.heappop(self._events)
            result = self._master.receive(data, self.now_us)
            if result is not None or once:
                return result
        self.now_us = until_us
        return None


@dataclass(slots=True)
class Sum:
    """faults: what the slaves did, by kind; late_heard: late replies the masters knew for such; hours of line time."""

    tally: Tally = field(default_factory=Tally)
    faults: Counter[str] = field(default_factory=Counter)
    late_heard: int = 0
    hours: float = 0.0


def campaign(transactions: int, seed: int, mix: Mix = Mix(), kit: Kit = Kit()) -> Iterator[Sum]:  # noqa: B008 - frozen
    """Lines of each kind one after the other, 50 000 transactions each; the sum so far after each of them."""
    total = Sum()
    share = min(50_000, math.ceil(transactions / len(WIRES)))
    for number in range(math.ceil(transactions / share)):
        run = Run(seed + number, WIRES[number % len(WIRES)], mix, kit)
        for _ in range(min(share, transactions - number * share)):
            run.transact()
        total.tally += run.tally
        total.faults += run.slaves.faults
        total.late_heard += run.counters.late
        total.hours += (run.now_us - 1_000_000) / 3.6e9
        yield total
