"""A SunSpec device whose meter model is not at the usual place is looked through, and then read there."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
import virtual_time
from asked_lines import AskedLine

from agent.poll.poller import LinePoller
from agent.poll.unit import Unit
from agent.records import Sample
from drivers.codec import compile_plan, encode
from drivers.library import load_model
from drivers.line import Exchange
from drivers.modbus.pdu import Read
from drivers.model import MeterModel
from drivers.plan import plan_reads
from drivers.quantities import VOLTAGES_LN
from drivers.sunspec import MAPS, Block, model_at

MAPS_HERE = {name: load_model(name) for name in set(MAPS.values())}


@dataclass
class Device(AskedLine):
    """Answers the words it has and refuses all others. model, start: what it keeps where, behind an inverter."""

    model: int
    start: int
    name: str = "a"
    asked: list[Read] = field(default_factory=list)

    async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange:
        self.asked.append(read)
        sent_us = virtual_time.now_us()
        await asyncio.sleep(0.01)
        words = [self.words.get(read.address + place) for place in range(read.count)]
        if None in words:
            return Exchange("refused", code=2, sent_boot_us=sent_us, received_boot_us=virtual_time.now_us())
        data = b"".join(word.to_bytes(2, "big") for word in words if word is not None)
        return Exchange("answered", data, sent_us, virtual_time.now_us())

    @property
    def words(self) -> dict[int, int]:
        there = model_at(self.start, self.model, MAPS_HERE)
        image = {address: word for (_, address), word in encode(there, dict.fromkeys(VOLTAGES_LN, 230.0)).items()}
        length = {203: 105, 213: 124}[self.model]
        inverter = {40070: 103, 40071: self.start - 40072}
        chain = {40000: 0x5375, 40001: 0x6E53, 40002: 1, 40003: 66, self.start + 2 + length: 0xFFFF}
        return (inverter if self.start > 40070 else {}) | chain | {self.start + 3 + length: 0} | image


def unit_of(model: MeterModel) -> Unit:
    decoder = compile_plan(plan_reads(model, VOLTAGES_LN))
    return Unit("m", 1, decoder, decoder, 1_000_000, 200_000, 10_000_000, lambda planned: 0.0, 0.05, 0.5, moved=moved)


def moved(block: Block) -> Unit:
    return replace(unit_of(model_at(block.start, block.id, MAPS_HERE)), moved=moved)


async def polled(device: Device, for_s: float) -> list[Sample]:
    samples: list[Sample] = []
    poller = LinePoller(
        device, [unit_of(MAPS_HERE["sunspec-meter"])], virtual_time.now_us, samples.append, lambda miss: None
    )
    with suppress(TimeoutError):
        await asyncio.wait_for(poller.run(), for_s)
    return samples


@pytest.mark.slow
def test_a_meter_model_elsewhere_is_found_and_read_there() -> None:
    for model, start in ((203, 40122), (213, 40122), (213, 40070)):
        device = Device(model, start)
        samples = virtual_time.run(polled(device, 5.0))
        assert samples[-1].values == dict.fromkeys(VOLTAGES_LN, 230.0), (model, start)
        assert sum(read == Read(3, 40000, 2) for read in device.asked) == 1


def test_at_the_usual_place_nothing_is_looked_for() -> None:
    device = Device(203, 40070)
    samples = virtual_time.run(polled(device, 5.0))
    assert samples[0].values == dict.fromkeys(VOLTAGES_LN, 230.0)
    assert Read(3, 40000, 2) not in device.asked
