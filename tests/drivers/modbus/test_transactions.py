"""Tens of thousands of transactions on a bad line, in virtual time, judged by an oracle that shares no code with the
master: every word of a reply tells its address and the request that caused it, so a reply that is credited to
another one shows. Late replies overtake each other here as no meter's would; gateways are not that honest."""

import heapq
import itertools
import random
import struct
from collections import Counter

from scripted_peer import sealed

from drivers.modbus.outcome import Exchange, LineCounters
from drivers.modbus.pdu import Read
from drivers.modbus.rtu_master import RtuMaster

TRANSACTIONS = 80_000
TIMEOUT_US = 200_000
UNITS = 2
READS = ((Read(3, 100, 3), None), (Read(3, 300, 3), Read(3, 300, 4)), (Read(4, 50, 2), Read(4, 49, 3)))


def held(number: int, address: int, count: int) -> bytes:
    """What the registers hold when request ``number`` comes: another word in each register at each request."""
    words = ((number * 40503 + a * 7) & 0xFFFF for a in range(address, address + count))
    return b"".join(word.to_bytes(2, "big") for word in words)


class Slaves:
    """Two units on one wire: 5 % late, 1 % each garbled, preceded by a foreign frame, by noise, by an echo."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - not a secret
        self._number = 0
        self._order = itertools.count()
        self.events: list[tuple[int, int, bytes]] = []

    def asked(self, request: bytes, now_us: int) -> int:
        """Plans what the wire will carry; the number of the request."""
        unit, function, address, count = struct.unpack(">BBHH", request[:6])
        self._number += 1
        dice = self._dice.random()
        reply = sealed(bytes((unit, function, 2 * count)) + held(self._number, address, count))
        delay_us = int(self._dice.uniform(6_000, 60_000))
        if dice < 0.05:
            delay_us = int(self._dice.uniform(0.1, 3.0) * TIMEOUT_US)
        elif dice < 0.06:
            at = self._dice.randrange(len(reply))
            reply = reply[:at] + bytes((reply[at] ^ (1 << self._dice.randrange(8)),)) + reply[at + 1 :]
        elif dice < 0.07:
            other = 99
            self._put(now_us + 5_000, sealed(bytes((other, function, 2 * count)) + b"\xff" * 2 * count))
        elif dice < 0.08:
            reply = self._dice.randbytes(self._dice.randrange(1, 9)) + reply
        elif dice < 0.09:
            self._put(now_us + 1_000, request)
        elif dice < 0.10:
            reply = sealed(bytes((unit, function | 0x80, 6)))
        self._put(now_us + delay_us, reply)
        return self._number

    def _put(self, at_us: int, data: bytes) -> None:
        cut = self._dice.randrange(len(data) + 1)
        for part, shift_us in ((data[:cut], 0), (data[cut:], 900)):
            if part:
                heapq.heappush(self.events, (at_us + shift_us, next(self._order), part))


class Run:
    def __init__(self, seed: int) -> None:
        self.now_us = 0
        self.counters = LineCounters()
        self.master = RtuMaster(2_000, 573.0, self.counters)
        self.slaves = Slaves(seed)
        self.master.opened(0, False)

    def _play_until(self, until_us: int) -> Exchange | None:
        events = self.slaves.events
        while events and events[0][0] <= until_us:
            self.now_us, _, part = heapq.heappop(events)
            result = self.master.receive(part, self.now_us)
            if result is not None:
                return result
        self.now_us = until_us
        return None

    def exchange(self, unit: int, read: Read, spare: Read | None) -> tuple[Exchange, set[int]]:
        """The result, and the numbers of the requests that it may rightly answer."""
        asked_us = self.now_us
        while (clear_us := self.master.clear_us(asked_us, TIMEOUT_US)) > self.now_us:
            assert self._play_until(clear_us) is None
        request = self.master.request(unit, read, spare, TIMEOUT_US, self.now_us)
        deadline_us = self.now_us + TIMEOUT_US
        numbers = {self.slaves.asked(request, self.now_us)}
        while self.now_us < deadline_us:
            again_us = self.master.again_us
            upto_us = deadline_us if again_us is None else min(again_us, deadline_us)
            events = self.slaves.events
            next_us = min(upto_us, events[0][0]) if events else upto_us
            result = self._play_until(next_us)
            if result is not None:
                return result, numbers
            if self.master.again_us is not None and self.now_us >= self.master.again_us:
                numbers.add(self.slaves.asked(self.master.again(self.now_us), self.now_us))
        return self.master.expire(self.now_us), numbers


def test_no_value_is_credited_to_another_request() -> None:
    run = Run(seed=20)
    outcomes: Counter[str] = Counter()
    wrong = questionable = 0
    for number in range(TRANSACTIONS):
        read, spare = READS[number // UNITS % len(READS)]
        result, numbers = run.exchange(number % UNITS + 1, read, spare)
        outcomes[result.outcome] += 1
        if result.outcome != "answered":
            continue
        questionable += result.questionable
        right = result.data in [held(request, read.address, read.count) for request in numbers]
        wrong += not right and not result.questionable
    assert wrong == 0
    assert outcomes["answered"] > 0.93 * TRANSACTIONS
    assert questionable < 0.03 * TRANSACTIONS
    assert run.counters.late > 0.02 * TRANSACTIONS
    assert outcomes["refused"] > 0.008 * TRANSACTIONS
