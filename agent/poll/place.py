"""Where a SunSpec device keeps its meter model: asked at the line."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from agent.site import Meter
from drivers.library import load_model
from drivers.line import Exchange
from drivers.modbus.pdu import Read
from drivers.sunspec import MAPS, Block, Chain, discover, model_at

Ask = Callable[[Read], Awaitable[Exchange]]


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
