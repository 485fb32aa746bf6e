"""The poller against a line that lives in virtual time: no bytes, true costs."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace

import virtual_time

from agent.poll.poller import LinePoller, Unit
from agent.records import Miss, Sample
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

    def decode_round(self, replies: Mapping[int, bytes]) -> dict[str, float]:
        return {f"read_{self.reads[index].address}": float(data[0]) for index, data in replies.items()}


@dataclass
class FakeLine:
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


def unit(number: int, watch_s: float = 1.0, polls: int = 2) -> Unit:
    return Unit(
        meter=f"m{number}",
        unit=number,
        watch=FakeDecoder((Read(4, 0, 2),)),
        poll=FakeDecoder(tuple(Read(4, 10 + 2 * n, 2) for n in range(polls))),
        watch_us=round(watch_s * SECOND),
        hurry_us=200_000,
        poll_us=10 * SECOND,
        wire_s=lambda planned: 0.02,
        floor_s=0.05,
        ceiling_s=0.48,
    )


class Rig:
    def __init__(self, line: FakeLine, units: list[Unit]) -> None:
        self.line, self.samples, self.misses = line, [], []
        self._units = units

    async def run(self, for_s: float, *script: tuple[float, object]) -> None:
        """Poll for for_s seconds; script: (at_s, callable) pairs."""
        loop = asyncio.get_running_loop()
        poller = LinePoller(
            self.line, self._units, virtual_time.now_us, self.samples.append, self.misses.append, jitter=lambda: 0.5
        )
        self.poller = poller
        for at_s, act in script:
            loop.call_later(at_s, act)
        task = asyncio.create_task(poller.run())
        await asyncio.sleep(for_s)
        task.cancel()

    def watches(self, meter: str) -> list[Sample]:
        return [sample for sample in self.samples if sample.meter == meter and not sample.full]


def test_full_sets_and_watches_come_at_their_pace():
    rig = Rig(FakeLine(), [unit(1), unit(2)])
    virtual_time.run(rig.run(60))
    full = [sample for sample in rig.samples if sample.full and sample.meter == "m1"]
    assert full[0].values == {"read_10": 1.0, "read_12": 1.0}
    assert 6 <= len(full) <= 8
    assert 60 <= len(rig.watches("m2")) <= 62
    assert not rig.misses


def test_a_sample_carries_when_it_was_asked_and_when_it_came():
    rig = Rig(FakeLine(cost_s=0.07), [unit(1, polls=3)])
    virtual_time.run(rig.run(5))
    full = next(sample for sample in rig.samples if sample.full)
    assert full.received_boot_us - full.sent_boot_us >= 210_000
    watch = rig.watches("m1")[0]
    assert watch.received_boot_us - watch.sent_boot_us == 70_000


def test_one_dead_unit_does_not_slow_the_living():
    alive = Rig(FakeLine(cost_s=0.04), [unit(n, 0.5) for n in range(1, 9)])
    virtual_time.run(alive.run(300))
    dead = Rig(FakeLine(cost_s=0.04, dead={3}), [unit(n, 0.5) for n in range(1, 9)])
    virtual_time.run(dead.run(300))
    rates = {meter: len(dead.watches(meter)) / len(alive.watches(meter)) for meter in ("m1", "m2", "m8")}
    assert min(rates.values()) >= 0.95, rates


def test_half_of_a_saturated_line_dead_leaves_the_living_their_rate():
    alive = Rig(FakeLine(cost_s=0.04), [unit(n, 0.0) for n in range(1, 17)])
    virtual_time.run(alive.run(300))
    half = Rig(FakeLine(cost_s=0.04, dead=set(range(1, 33, 2))), [unit(n, 0.0) for n in range(1, 33)])
    virtual_time.run(half.run(300))
    settled = [sum(each.received_boot_us > 1060 * SECOND for each in rig.watches("m2")) for rig in (half, alive)]
    assert settled[0] / settled[1] >= 0.9


def test_a_line_without_room_for_a_probe_does_not_spin():
    """Deaf for good behind a watch that leaves gaps shorter than any probe."""
    rig = Rig(FakeLine(cost_s=0.04, dead={1}), [unit(1, 0.2), unit(2, 0.2)])
    virtual_time.run(rig.run(120))
    probes = [at for at, number, _ in rig.line.asked if number == 1 and at > 1010 * SECOND]
    assert 3 <= len(probes) <= 240
    assert len(rig.watches("m2")) >= 0.95 * 600


def test_a_silent_unit_is_doubted_at_once_and_then_probed():
    rig = Rig(FakeLine(dead={1}), [unit(1), unit(2)])
    virtual_time.run(rig.run(10))
    asked = [at for at, number, _ in rig.line.asked if number == 1]
    assert all(later - earlier < 0.7 * SECOND for earlier, later in pairwise(asked[:3]))
    assert {miss.outcome for miss in rig.misses} == {"silent"}
    first = rig.misses[0]
    assert first.deadline_boot_us == first.sent_boot_us + 500_000


def test_a_unit_that_comes_back_is_polled_at_full_rate_again():
    line = FakeLine(dead={1})
    rig = Rig(line, [unit(1), unit(2)])
    virtual_time.run(rig.run(60, (40.0, line.dead.clear)))
    back = [sample.received_boot_us for sample in rig.samples if sample.meter == "m1"]
    assert 0 < back[0] - 1040 * SECOND < 1.5 * SECOND
    assert len(rig.watches("m1")) >= 17


def test_a_line_that_is_down_neither_spins_nor_stops():
    line = FakeLine(down=True)
    rig = Rig(line, [unit(n) for n in range(1, 5)])

    def up() -> None:
        line.down = False

    virtual_time.run(rig.run(60, (30.0, up)))
    assert len([at for at, _, _ in line.asked if at < 1030 * SECOND]) < 400
    assert set(Counter(sample.meter for sample in rig.samples)) == {"m1", "m2", "m3", "m4"}
    assert min(sample.received_boot_us for sample in rig.samples) < 1031.5 * SECOND


def test_a_refused_read_costs_only_its_own_rows():
    rig = Rig(FakeLine(refusing={(1, 10)}), [unit(1)])
    virtual_time.run(rig.run(15))
    full = [sample for sample in rig.samples if sample.full]
    assert full[0].values == {"read_12": 1.0}
    assert not rig.misses


def test_a_refused_last_read_still_completes_the_set():
    rig = Rig(FakeLine(refusing={(1, 12)}), [unit(1)])
    virtual_time.run(rig.run(15))
    assert next(sample.values for sample in rig.samples if sample.full) == {"read_10": 1.0}


def test_a_block_that_stays_silent_costs_only_its_own_rows():
    line = FakeLine()

    class Partly(FakeLine):
        async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
            if read.address != 12:
                return await line.exchange(unit, read, timeout_s, spare)
            sent = virtual_time.now_us()
            line.asked.append((sent, unit, read.address))
            await asyncio.sleep(timeout_s)
            return Exchange("silent", b"", sent, virtual_time.now_us())

    rig = Rig(Partly(), [unit(1), unit(2)])
    virtual_time.run(rig.run(200))
    full = [sample for sample in rig.samples if sample.full and sample.meter == "m1"]
    assert len(full) >= 18
    assert full[0].values == {"read_10": 1.0}
    assert full[0].lacking
    assert len(rig.watches("m1")) >= 190
    assert sum(address == 12 and number == 1 for _, number, address in line.asked) <= 4
    assert rig.poller.health("m1").state == "healthy"
    assert rig.poller.mute("m1") == ("2 words at 12: silent",)


def test_a_gateway_that_cannot_reach_a_unit_is_a_miss():
    class Gateway(FakeLine):
        async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
            await asyncio.sleep(0.01)
            return Exchange("refused", b"", virtual_time.now_us(), virtual_time.now_us(), code=0x0B)

    rig = Rig(Gateway(), [unit(1)])
    virtual_time.run(rig.run(3))
    miss: Miss = rig.misses[0]
    assert (miss.code, miss.detail) == (0x0B, "gateway: unit did not respond")


def test_a_questionable_reply_makes_a_questionable_sample():
    rig = Rig(FakeLine(questionable=True), [unit(1)])
    virtual_time.run(rig.run(2))
    assert {sample.quality for sample in rig.samples} == {"questionable"}


def test_a_meter_in_attention_is_asked_more_often():
    rig = Rig(FakeLine(), [unit(1), unit(2)])

    async def main() -> None:
        asyncio.get_running_loop().call_later(10.0, lambda: rig.poller.attend("m1", virtual_time.now_us() + 5 * SECOND))
        await rig.run(20)

    virtual_time.run(main())
    during = [each for each in rig.watches("m1") if 1011 * SECOND < each.sent_boot_us < 1015 * SECOND]
    assert len(during) >= 14
