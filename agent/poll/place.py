"""Where a SunSpec device keeps its meter model: asked at the line."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from agent.poll.unit import Unit
from agent.site import Meter
from drivers.library import load_model
from drivers.line import Exchange
from drivers.modbus.pdu import Read
from drivers.sunspec import MAPS, Block, Chain, discover, locate, model_at

Ask = Callable[[Read], Awaitable[Exchange]]

# How long a device whose meter model was not found is left before it is looked through again.
_LOOK_AGAIN_US = 60_000_000
_NEVER_US = 1 << 62


class Strays:
    """Devices that answer, and whose set has no value at all: they keep their meter model elsewhere. What is not found
    is looked for again in a minute; until then it has no values, never wrong ones.

    look_us: who is to be looked through, and not before when
    """

    def __init__(self) -> None:
        self.look_us: dict[str, int] = {}

    def due(self, meter: str, now_us: int) -> bool:
        return now_us >= self.look_us.get(meter, _NEVER_US)

    def judge(self, unit: Unit, values: Mapping[str, float]) -> None:
        """By what a whole set brought."""
        if unit.moved is None:
            return
        if values:
            self.look_us.pop(unit.meter, None)
        else:
            self.look_us.setdefault(unit.meter, 0)

    async def found(self, unit: Unit, ask: Ask, now_us: int) -> tuple[Unit, Block] | None:
        """Look through this one: the unit at its right place, and which that is."""
        self.look_us[unit.meter] = now_us + _LOOK_AGAIN_US
        block = locate(await chain_of(ask))
        return None if block is None or unit.moved is None else (unit.moved(block), block)


async def chain_of(ask: Ask) -> Chain | None:
    """The device's chain of models; None where it has no marker or does not answer at all."""
    steps = discover()
    try:
        read = next(steps)
        while True:
            exchange = await ask(read)
            if exchange.outcome in ("silent", "down"):
                return None
            read = steps.send(exchange.data if exchange.outcome == "answered" else None)
    except StopIteration as end:
        chain: Chain | None = end.value
        return chain


def moved(meter: Meter, block: Block, beside: Path) -> Meter:
    """The meter with its map at the place the device keeps it. beside: directory of the site file."""
    maps = {MAPS[block.id]: load_model(MAPS[block.id], beside)}
    return replace(meter, model=model_at(block.start, block.id, maps))
