"""Simulated meters without a wire: a request in, the exchange that a line would make of it out. And meters whose map is
wrong in the usual ways: every word one register off, or the words of every value exchanged."""

from collections.abc import Mapping
from typing import TypeVar

from drivers.identify import Steps
from drivers.library import load_model
from drivers.modbus.outcome import Exchange
from drivers.modbus.pdu import Read, ReadDeviceId, Request
from drivers.model import MeterModel
from simulators.meter import SimulatedMeter, build_feeder
from simulators.scenario import parse_scenario

SCENARIO = """
[scenario]
name = "lab"
nominal = 230
duration_s = 60
[lines.bus]
kind = "serial"
[meters.m]
line = "bus"
unit = 1
model = "{model}"
{keys}
{steps}
"""
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
LOSS = '[[steps]]\nat_s = 1\ndo = "supply_loss"\nnode = "m"\n'

T = TypeVar("T")


def simulated(name: str, keys: str = "", steps: str = "") -> SimulatedMeter:
    scenario = parse_scenario(SCENARIO.format(model=name, keys=keys, steps=steps), "lab.toml")
    models = {name: load_model(name)}
    return SimulatedMeter(scenario.meters["m"], models[name], build_feeder(scenario, models), scenario)


class DeskMeter:
    """Answers as the simulated meter would, five seconds into its scenario. asked: every request it got."""

    def __init__(self, meter: SimulatedMeter, words: Mapping[tuple[int, int], int] | None = None) -> None:
        self.meter = meter
        self.words = meter.image(5.0) if words is None else words
        self.introduces_itself = words is None
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Exchange:
        self.asked.append(request)
        if isinstance(request, ReadDeviceId):
            return self._introduction()
        if not isinstance(request, Read):
            return Exchange("refused", code=ILLEGAL_FUNCTION)
        said = self.meter.said(request.function, request.address, request.count) if self.introduces_itself else None
        return self._refusal(request) or Exchange("answered", data=_bytes(said or self._measured(request)))

    def _refusal(self, read: Read) -> Exchange | None:
        if self.introduces_itself:
            refusal = self.meter.refusal(read.function, read.address, read.count)
        else:
            missing = any(address not in self.words for address in _addresses(read))
            refusal = ILLEGAL_VALUE if read.count > self.meter.model.max_words else ILLEGAL_ADDRESS * missing
        return Exchange("refused", code=refusal) if refusal else None

    def _measured(self, read: Read) -> tuple[int, ...]:
        return tuple(self.words[address] for address in _addresses(read))

    def _introduction(self) -> Exchange:
        model = self.meter.model
        objects = model.identity.objects(model.vendor) if self.introduces_itself else {}
        if not objects:
            return Exchange("refused", code=ILLEGAL_FUNCTION)
        body = b"".join(bytes([number, len(text)]) + text for number, text in objects.items())
        return Exchange("answered", data=bytes([0x0E, 1, 1, 0, 0, len(objects)]) + body)


def shifted(meter: SimulatedMeter, by: int) -> DeskMeter:
    """The same words, each `by` registers later."""
    image = meter.image(5.0)
    return DeskMeter(meter, {(fn, at + by): word for (fn, at), word in image.items() if at + by >= 0})


def swapped(meter: SimulatedMeter) -> DeskMeter:
    """The same words, those of each value in the opposite order."""
    image = dict(meter.image(5.0))
    for row in meter.model.registers:
        places = [(row.function, address) for address in range(row.address, row.end)]
        if not row.alone:
            image |= zip(places, [meter.image(5.0)[place] for place in reversed(places)], strict=True)
    return DeskMeter(meter, image)


def sparse(model: MeterModel) -> bool:
    """Whether the map has no value of several words that tells one order from the other."""
    return all(row.words == 1 for row in model.registers if row.quantity.startswith(("voltage", "active_power")))


def run(steps: Steps[T], meter: DeskMeter) -> T:
    """Ask the meter until the steps are at their end."""
    try:
        ask = next(steps)
        while True:
            ask = steps.send(meter.answer(ask.request))
    except StopIteration as end:
        return end.value


def _addresses(read: Read) -> list[tuple[int, int]]:
    return [(read.function, read.address + place) for place in range(read.count)]


def _bytes(words: tuple[int, ...]) -> bytes:
    return b"".join(word.to_bytes(2, "big") for word in words)
