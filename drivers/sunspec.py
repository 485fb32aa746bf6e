"""SunSpec: where a device keeps its meter model, and the map moved there. A generator of reads, no I/O.

A device begins with the marker "SunS" at one of three addresses; behind it stand its models one after the other, each
with its id and length, up to the id 0xFFFF (SunSpec Device Information Model Specification). Meter models are 201 to
204 (integers and scale factors) and 211 to 214 (floats); offsets within them are fixed, so two maps serve all eight.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from drivers.identity import NO_IDENTITY
from drivers.modbus.pdu import Read
from drivers.model import MeterModel
from drivers.rows import Register, moved_register

MARKER = b"SunS"
# In the order in which devices are likely to have it; the specification allows these three.
BASES = (40000, 0, 50000)
END = 0xFFFF
# A header is an id and a length.
_HEADER_WORDS = 2
_ADDRESSES = 65536
# No device is known with more; a chain that goes on is broken.
_MOST_BLOCKS = 100

# Meter model -> the map that reads it.
MAPS: Mapping[int, str] = MappingProxyType(
    dict.fromkeys((201, 202, 203, 204), "sunspec-meter") | dict.fromkeys((211, 212, 213, 214), "sunspec-meter-float")
)
# What the number of a meter model says of the wiring. There is no word here for split phase (202, 212): the site file
# declares it.
_WIRINGS = {201: "1p2w", 211: "1p2w", 203: "3p4w", 213: "3p4w", 204: "3p3w", 214: "3p3w"}


@dataclass(frozen=True, slots=True)
class Block:
    """One model of a device. start: address of its id; length: in registers, its header not counted."""

    id: int
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + _HEADER_WORDS + self.length


@dataclass(frozen=True, slots=True)
class Chain:
    """base: address of the marker; blocks: in the order of the device."""

    base: int
    blocks: tuple[Block, ...]

    @property
    def meters(self) -> tuple[Block, ...]:
        """The meter models; a device may have several, as an inverter with a meter at the grid and one at the load."""
        return tuple(block for block in self.blocks if block.id in MAPS)


Steps = Generator[Read, bytes | None, Chain | None]


def discover(function: int = 3) -> Steps:
    """The reads that find the chain, one after the other; send the register bytes of each, or None where it was not
    answered. Returns the chain as far as it could be followed, None where there is no marker."""
    for base in BASES:
        if (yield Read(function, base, len(MARKER) // 2)) == MARKER:
            return Chain(base, (yield from _blocks(function, base + len(MARKER) // 2)))
    return None


def _blocks(function: int, address: int) -> Generator[Read, bytes | None, tuple[Block, ...]]:
    blocks: list[Block] = []
    while len(blocks) < _MOST_BLOCKS and address + _HEADER_WORDS <= _ADDRESSES:
        header = yield Read(function, address, _HEADER_WORDS)
        if header is None:
            break
        block = Block(int.from_bytes(header[:2], "big"), address, int.from_bytes(header[2:], "big"))
        if block.id in (END, 0) or block.end > _ADDRESSES:
            break
        blocks.append(block)
        address = block.end
    return tuple(blocks)


def locate(chain: Chain | None) -> Block | None:
    """The first meter model of a device; None where it has none."""
    return chain.meters[0] if chain and chain.meters else None


def model_at(start: int, model_id: int, maps: Mapping[str, MeterModel]) -> MeterModel:
    """The map of a meter model whose id stands at `start`, all addresses absolute, held to just this id.

    maps: those of `MAPS` by name. Raises ValueError where `model_id` is no meter model or does not fit in there.
    """
    if model_id not in MAPS:
        raise ValueError(f"SunSpec model {model_id}: a meter model is one of {' '.join(map(str, MAPS))}")
    template = maps[MAPS[model_id]]
    distance = start - _start(template)
    last = max(address for _, address in template.readable)
    if start < 0 or last + distance >= _ADDRESSES:
        raise ValueError(f"SunSpec model {model_id} at {start}: does not fit in {_ADDRESSES} addresses")
    return replace(
        template,
        wiring=_WIRINGS.get(model_id, template.wiring),
        registers=tuple(_held_to(model_id, moved_register(row, distance)) for row in template.registers),
        bridges=tuple(replace(bridge, address=bridge.address + distance) for bridge in template.bridges),
        identity=NO_IDENTITY,  # its reads are those of the usual place
    )


def is_sunspec(model: MeterModel) -> bool:
    """Whether the map's place is to be looked for in the device first."""
    return any(one.encode() == (0x5375, 0x6E53) for one in model.identity.reads)


def _start(template: MeterModel) -> int:
    return next(scale.address for scale in template.scales if scale.name == "ID")


def _held_to(model_id: int, row: Register) -> Register:
    """The row, with no value unless the very id is read that was found."""
    scales = (
        replace(scale, low=model_id, high=model_id, simulated=model_id) if scale.name == "ID" else scale
        for scale in row.scaled_by
    )
    return replace(row, scaled_by=tuple(scales))
