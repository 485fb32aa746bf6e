"""Many fast meters in a process of their own, and a storm over them: who dips when is drawn from a seed.

    python storm_meters.py LINES UNITS SEED FOR_S

Modbus TCP, a loopback port per line, units 1 to UNITS on each; input registers 0 to 13 hold the voltages and currents
of three phases and a total of energy in kWh, IEEE 754 big end first. Says its ports; begins the storm when a line comes
in, says "over" when it is over, and then, asked by another line, what it did and saw as JSON:

    dips    [line, unit, from_us, until_us, part, seen]   UTC; part of the nominal voltage that was left; looks that saw
            it, the healthy voltage before it, and that after it: the fewest of the three
    looks   by line and unit: looks while the storm lasted, and the longest time between two of them in seconds
"""

import asyncio
import json
import random
import struct
import sys
import time
from bisect import bisect_right
from itertools import pairwise

NOMINAL_V, AMPS = 230.0, 10.0
_WORDS = 14


def drawn(lines: int, units: int, seed: int, for_s: float) -> dict[tuple[int, int], list[tuple[float, float, float]]]:
    """By line and unit: dips as (from, until, part left), in seconds of the storm, in order. Most are one meter's; at a
    third of the storm the first line loses its supply as a whole, at two thirds all lines sag at one instant."""
    chance = random.Random(seed)  # noqa: S311 - a seed is the point
    common = {(line, for_s / 3, 1.5, 0.0) for line in range(1)} | {
        (line, 2 * for_s / 3, 0.5, 0.6) for line in range(lines)
    }
    dips = {}
    for line, unit in ((line, unit) for line in range(lines) for unit in range(1, units + 1)):
        shared = [(at_s, at_s + last_s, part) for its, at_s, last_s, part in sorted(common) if its == line]
        own, at_s = [], chance.uniform(0, 1)
        while at_s < for_s - 1:
            until_s = at_s + chance.uniform(0.3, 0.5)
            if all(until_s + 0.5 < begin or at_s > end + 0.5 for begin, end, _ in shared):
                own.append((at_s, until_s, 0.0 if chance.random() < 0.1 else chance.uniform(0.4, 0.8)))
            at_s = until_s + chance.uniform(0.5, 0.7)
        dips[line, unit] = sorted([*own, *shared])
    return dips


class Storm:
    def __init__(self, lines: int, units: int, seed: int, for_s: float) -> None:
        self.dips = drawn(lines, units, seed, for_s)
        self._edges = {key: [at_s for dip in dips for at_s in dip[:2]] for key, dips in self.dips.items()}
        self._for_s = for_s
        self.began_s = float("inf")
        self._looks: dict[tuple[int, int], list[float]] = {key: [] for key in self.dips}

    def words(self, line: int, unit: int) -> bytes:
        now_s = time.clock_gettime(time.CLOCK_REALTIME)
        at_s = now_s - self.began_s
        if 0 <= at_s <= self._for_s:
            self._looks[line, unit].append(at_s)
        place = bisect_right(self._edges[line, unit], at_s)
        part = self.dips[line, unit][place // 2][2] if place % 2 else 1.0
        return struct.pack(">7f", *[part * NOMINAL_V] * 3, *[AMPS if part else 0.0] * 3, 1234.5)

    def _seen(self, key: tuple[int, int], dip: int) -> int:
        edges, looks = [0.0, *self._edges[key], self._for_s], self._looks[key]
        around = edges[2 * dip : 2 * dip + 4]
        return min(sum(one <= at_s < other for at_s in looks) for one, other in pairwise(around))

    def told(self) -> str:
        def us(at_s: float) -> int:
            return round(1e6 * (self.began_s + at_s))

        dips = [(*key, us(begin), us(end), part, self._seen(key, n))
                for key, own in self.dips.items() for n, (begin, end, part) in enumerate(own)]  # fmt: skip
        looks = [
            (*key, len(own), max(b - a for a, b in pairwise([0.0, *own, self._for_s])))
            for key, own in self._looks.items()
        ]
        return json.dumps({"dips": dips, "looks": looks})


def _longest(instants: list[float]) -> float:
    return max(after - before for before, after in pairwise(instants))


def _say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Line(asyncio.Protocol):
    def __init__(self, storm: Storm, line: int) -> None:
        self._storm, self._line, self._pending = storm, line, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while len(self._pending) >= 12:
            frame, self._pending = self._pending[:12], self._pending[12:]
            unit, function, address, count = struct.unpack(">BBHH", frame[6:])
            if function != 4 or address + count > _WORDS:
                reply = bytes([function | 0x80, 2])
            else:
                words = self._storm.words(self._line, unit)[2 * address : 2 * (address + count)]
                reply = bytes([function, 2 * count]) + words
            self._transport.write(frame[:4] + struct.pack(">HB", len(reply) + 1, unit) + reply)


async def main(lines: int, units: int, seed: int, for_s: float) -> None:
    storm, loop = Storm(lines, units, seed, for_s), asyncio.get_running_loop()
    servers = [await loop.create_server(lambda n=n: Line(storm, n), "127.0.0.1", 0) for n in range(lines)]
    _say(" ".join(str(server.sockets[0].getsockname()[1]) for server in servers))
    await loop.run_in_executor(None, sys.stdin.readline)
    storm.began_s = time.clock_gettime(time.CLOCK_REALTIME)
    await asyncio.sleep(for_s)
    _say("over")
    await loop.run_in_executor(None, sys.stdin.readline)
    _say(storm.told())
    await loop.run_in_executor(None, sys.stdin.readline)  # they answer until nobody asks any more


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4]), float(sys.argv[4])))
