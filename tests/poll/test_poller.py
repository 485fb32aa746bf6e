"""The poller against a line that lives in virtual time: no bytes, true costs."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
import virtual_time
from asked_lines import AskedLine
from virtual_meters import SECOND, FakeLine, Rig, unit

from agent.records import Miss
from drivers.line import Exchange
from drivers.modbus.pdu import Read


@pytest.fixture(autouse=True, params=[False, True], ids=["by task", "by calls"])
def _both_ways(request, monkeypatch):
    """Every test here: with a line that is always asked by a task, as serial ones are, and with one asked by calls."""
    monkeypatch.setattr(AskedLine, "by_calls", request.param)


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


@pytest.mark.slow
def test_one_dead_unit_does_not_slow_the_living():
    alive = Rig(FakeLine(cost_s=0.04), [unit(n, 0.5) for n in range(1, 9)])
    virtual_time.run(alive.run(300))
    dead = Rig(FakeLine(cost_s=0.04, dead={3}), [unit(n, 0.5) for n in range(1, 9)])
    virtual_time.run(dead.run(300))
    rates = {meter: len(dead.watches(meter)) / len(alive.watches(meter)) for meter in ("m1", "m2", "m8")}
    assert min(rates.values()) >= 0.95, rates


@pytest.mark.e2e
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


def test_after_an_outage_of_a_busy_line_everybody_is_heard_again_at_once():
    """Eight units that want more than the line has: probes would take half a minute to find them all."""
    line = FakeLine(cost_s=0.02, down=True)
    rig = Rig(line, [unit(n, 0.1) for n in range(1, 9)])
    virtual_time.run(rig.run(90, (60, lambda: setattr(line, "down", False))))
    back = {
        meter: min(each.received_boot_us for each in rig.watches(meter)) - 1060 * SECOND
        for meter in (f"m{n}" for n in range(1, 9))
    }
    assert max(back.values()) <= 2.5 * SECOND, back


def test_who_is_dead_after_an_outage_is_found_dead_again():
    line = FakeLine(cost_s=0.02, down=True, dead={3})
    rig = Rig(line, [unit(n, 0.5) for n in range(1, 9)])
    virtual_time.run(rig.run(120, (60, lambda: setattr(line, "down", False))))
    assert rig.poller.health("m3").state == "silent"
    assert all(rig.poller.health(f"m{n}").state == "healthy" for n in (1, 2, 4, 8))


def test_every_silent_meter_is_asked_again_and_again():
    """A probe that is waited for in full takes longer than the rest between two: the first must not take every turn."""
    dead = Rig(FakeLine(dead=set(range(1, 9))), [unit(n) for n in range(1, 9)])
    virtual_time.run(dead.run(600))
    asked = Counter(number for at, number, _ in dead.line.asked if at > 1060 * SECOND)
    assert max(asked.values()) - min(asked.values()) <= 2, asked
    assert len(asked) == 8


def test_a_meter_at_the_end_of_the_list_is_heard_again_soon():
    line = FakeLine(dead=set(range(1, 9)))
    rig = Rig(line, [unit(n) for n in range(1, 9)])
    virtual_time.run(rig.run(90, (60, lambda: line.dead.discard(8))))
    assert min(each.received_boot_us for each in rig.watches("m8")) <= 1065 * SECOND


def test_a_meter_slower_than_its_map_is_noticed_at_an_explicit_pace_which_stays():
    class Slow(FakeLine):
        """Its words change every three seconds."""

        async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
            exchange = await super().exchange(unit, read, timeout_s, spare)
            renewed = virtual_time.now_us() // (3 * SECOND)
            return exchange._replace(data=bytes([unit]) + renewed.to_bytes(4, "big"))

    found: dict[str, int] = {}
    rig = Rig(Slow(), [unit(1, 0.5, refresh_us=SECOND), unit(2, 0.5, refresh_us=4 * SECOND)])
    virtual_time.run(rig.run(120, on_refresh=found.__setitem__))
    assert found == {"m1": pytest.approx(3 * SECOND, rel=0.1)}
    assert len(rig.watches("m1")) >= 235
